"""Operators and their block-Toeplitz matrices: derived, and held against JAX's Jacobian, SciPy and matrices by hand."""

import random
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jaxtyping import Array, Float
from latex2mathml.converter import convert

from jaxiom import affine, matrices
from jaxiom.affine_maps import Operator
from jaxiom.errors import BadInput, BadShape, InternalDisagreement, Unsupported
from jaxiom.exact import evaluate, random_inputs
from jaxiom.identities import composition_identity, projection_identity, valid
from jaxiom.lettered import letter
from jaxiom.matrices import Blocks
from jaxiom.operators import operator

FEW = settings(max_examples=15, deadline=None, derandomize=True)


def conv(padding: Any = "VALID", strides: tuple[int, ...] = (1, 1), **more: Any) -> Callable[[Any, Any], Any]:
    numbers = {3: ("NWC", "WIO", "NWC"), 4: ("NHWC", "HWIO", "NHWC"), 5: ("NDHWC", "DHWIO", "NDHWC")}
    return lambda X, W: lax.conv_general_dilated(X, W, strides, padding, dimension_numbers=numbers[X.ndim], **more)


def correlate(X: Any, W: Any) -> Any:
    """One channel, one dimension."""
    return conv(strides=(1,))(X[None, :, None], W[:, None, None])[0, :, 0]


# name -> (function, shapes of X and W): dimensions, strides, dilations, groups, transposed, paddings.
CONVOLUTIONS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "1-D": (conv(strides=(1,)), "1 5 2", "3 2 2"),
    "2-D": (conv(), "1 3 3 2", "2 2 2 2"),
    "3-D": (conv(strides=(1, 1, 1)), "1 3 2 3 1", "2 2 2 1 2"),
    "two images": (conv(), "2 3 2 1", "2 1 1 2"),
    "SAME": (conv("SAME"), "1 3 4 1", "3 2 1 2"),
    "FULL": (conv(((1, 1), (1, 1))), "1 2 3 1", "2 2 1 1"),
    "cropped": (conv(((-1, 1), (0, -1))), "1 4 4 1", "2 2 1 1"),
    "strides": (conv("SAME", (2, 3)), "1 4 4 1", "3 2 1 1"),
    "dilated kernel": (conv(rhs_dilation=(2, 1)), "1 5 3 1", "2 2 1 1"),
    "transposed": (conv(((1, 1), (1, 1)), lhs_dilation=(2, 2)), "1 2 3 1", "2 2 1 2"),
    "groups": (conv(feature_group_count=2), "1 3 3 4", "2 2 2 2"),
    "wrap": (lambda X, W: conv(strides=(1,))(jnp.concatenate([X, X[:, :2]], 1), W), "1 5 1", "3 1 1"),
    "im2col": (lambda X, W: jnp.stack([X[:-1], X[1:]], -1) @ W, "4", "2"),
    "two layers": (lambda X, W: conv()(conv()(X, W), W), "1 3 3 1", "2 2 1 1"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_matrix_is_the_jacobian_and_gives_the_convolution(name: str) -> None:
    function, X_shape, W_shape = CONVOLUTIONS[name]
    T = operator(function, X=X_shape, W=W_shape)
    numbers = np.random.default_rng(0).integers(-5, 6, T.signature.shapes_at({})["W"])
    at = {letter("W", index): int(value) for index, value in np.ndenumerate(numbers)}
    ours = np.array(T.matrix().subs(at).tolist(), float)
    X = np.random.default_rng(1).integers(-5, 6, T.signature.shapes_at({})["X"])
    image, kernel = jnp.asarray(X, jnp.float32), jnp.asarray(numbers, jnp.float32)
    theirs = jax.jacobian(function)(image, kernel)
    np.testing.assert_array_equal(ours, np.asarray(theirs).reshape(ours.shape))
    np.testing.assert_array_equal(ours @ X.ravel(), np.asarray(function(image, kernel)).ravel())
    assert T.offset_column().is_zero_matrix


def test_one_dimension_by_hand() -> None:
    a, b, c = (letter("W", (i,)) for i in range(3))
    toeplitz = operator(correlate, X="n", W="k", given="n >= k").matrix(n=5, k=3)
    assert toeplitz == sympy.Matrix([[a, b, c, 0, 0], [0, a, b, c, 0], [0, 0, a, b, c]])
    assert sympy.Matrix([[c, b, a, 0, 0], [0, c, b, a, 0], [0, 0, c, b, a]]) != toeplitz


@pytest.mark.parametrize(("n", "k"), [(3, 1), (5, 3), (6, 2)])
def test_one_dimension_against_scipy(n: int, k: int) -> None:
    W = np.arange(1, k + 1)
    T = operator(correlate, X="n", W="k", given="n >= k").matrix(n=n, k=k)
    ours = np.array(T.subs({letter("W", (i,)): int(w) for i, w in enumerate(W)}).tolist(), float)
    # SciPy's convolution flips the kernel, JAX's does not.
    np.testing.assert_array_equal(ours, scipy.linalg.convolution_matrix(W[::-1], n, "valid"))
    assert k == 1 or not np.array_equal(ours, scipy.linalg.convolution_matrix(W, n, "valid"))
    first_row = [*W, *[0] * (n - k)]
    np.testing.assert_array_equal(ours, scipy.linalg.toeplitz([W[0], *[0] * (n - k)], first_row))


def test_wrap_is_circulant() -> None:
    function, X, W = CONVOLUTIONS["wrap"]
    circulant = operator(function, X=X, W=W).matrix()
    w = [letter("W", (i, 0, 0)) for i in range(3)]
    assert circulant == sympy.Matrix(5, 5, lambda i, j: w[(j - i) % 5] if (j - i) % 5 < 3 else 0)


def test_blocks_are_toeplitz_of_toeplitz_with_dense_channels() -> None:
    T = operator(valid, X="1 h w 2", W="kh kw 2 3").matrix(h=3, w=4, kh=2, kw=2)
    pixel = lambda y, x, v, u: T[3 * (3 * y + x) : 3 * (3 * y + x) + 3, 2 * (4 * v + u) : 2 * (4 * v + u) + 2]  # noqa: E731
    zero = sympy.zeros(3, 2)
    for y, x, v, u in np.ndindex(2, 3, 3, 4):
        i, j = v - y, u - x
        dense = sympy.Matrix(3, 2, lambda f, c, i=i, j=j: letter("W", (i, j, c, f)))
        assert pixel(y, x, v, u) == (dense if 0 <= i < 2 and 0 <= j < 2 else zero)


def test_other_inputs_and_names() -> None:
    T = operator(lambda X, W: X @ W, wrt="W", X="n c", W="c f")
    assert T.matrix(n=1, c=2, f=1) == sympy.Matrix([[letter("X", (0, 0)), letter("X", (0, 1))]])
    T = operator(lambda p, X: p["w"] * X, wrt="X", shapes={"p": {"w": "n"}, "X": "n"})
    assert T.matrix(n=2) == sympy.diag(letter("p['w']", (0,)), letter("p['w']", (1,)))
    T = operator(lambda X, shift: jnp.roll(X, shift), X="n", shift=int)
    assert T.matrix(n=3, shift=1) == sympy.Matrix([[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_shapes_from_annotations() -> None:
    def scale(X: Float[Array, "n"], a: Float[Array, ""]) -> Any:
        return a * X / 2

    assert operator(scale).matrix(n=2) == sympy.eye(2) * sympy.Symbol("a") / 2


def test_affine_functions_have_an_offset() -> None:
    T = operator(lambda X, W, b: correlate(X, W) + b - 1, X="n", W="k", b="", given="n >= k")
    plain = operator(correlate, X="n", W="k", given="n >= k")
    assert T.matrix(n=4, k=2) == plain.matrix(n=4, k=2)
    assert T.offset_column(n=4, k=2) == sympy.Matrix([sympy.Symbol("b") - 1] * 3)
    assert T.offset_column(n=4, k=2) != plain.offset_column(n=4, k=2) == sympy.zeros(3, 1)


def relu_as_a_maximum(X: Any) -> Any:
    """What the polyhedral interpreter has no rule for, and exact evaluation has."""
    return lax.cummax(jnp.stack([X, 0 * X]))[1]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            lambda X: X * X[::-1],
            r"^f is not affine in X: additivity fails, f\(X \+ Y\) \+ f\(0\) = f\(X\) \+ f\(Y\) does not hold by .*; "
            r"witness: n=1: at \[0\] lhs = 4, rhs = 2 .*; homogeneity fails, .* does not hold by ",
        ),
        (lambda X: X**3 - X, r"additivity fails, .* does not hold by 3·.*homogeneity fails"),
        (
            relu_as_a_maximum,
            r"^f is not affine in X: additivity fails, .*: output \[0\] is \S+ for X \+ Y, 0 for 0, "
            r".* where X is \[.*\]: .* is not",
        ),
        (lambda X: lax.cummax(X)[-1], r"^f is not affine in X: additivity fails, .*: output \[\] is"),
        (jnp.max, r"additivity fails, .* does not hold by max_\{i<n\}\(X\[i\] \+ Y\[i\]\) - max"),
    ],
)
def test_what_is_not_affine(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        operator(function, X="n")


def test_what_is_not_affine_at_some_sizes_only() -> None:
    def function(X: Any) -> Any:
        return X * X if X.shape[0] == 3 else X

    with pytest.raises(BadInput, match="additivity fails.*witness: n=3"):
        operator(function, X="n")
    assert operator(function, X="n", given="n >= 4").is_linear


def test_names_of_the_laws_variables_are_not_the_functions() -> None:
    with pytest.raises(
        BadInput, match=r"f\(X \+ Z\) \+ f\(0\) = f\(X\) \+ f\(Z\).* f\(t·X\) \+ \(t - 1\)·f\(0\) = t·f"
    ):
        operator(lambda X, Y, a: X * X * Y * a, X="n", Y="n", a="")


def test_a_witness_of_not_affine_is_one() -> None:
    with pytest.raises(BadInput) as raised:
        operator(relu_as_a_maximum, X="")
    whole, left, right, X, Y = (
        sympy.Rational(text)
        for text in re.findall(
            r"is (\S+) for X \+ Y, .* (\S+) for X and (\S+) for Y, where X is \[(.*)\] and Y is \[(.*)\]:",
            str(raised.value),
        )[0]
    )
    assert whole == max(X + Y, 0) != left + right == max(X, 0) + max(Y, 0)


def test_a_step_that_letters_cannot_take_is_said_to_be_one() -> None:
    with pytest.raises(Unsupported, match="it asks for the value of W_0, and letters have none"):
        operator(lambda X, W: X * jnp.maximum(W, 0), X="n", W="n").matrix(n=2)
    with pytest.raises(Unsupported, match="sort at .*no rule"):
        operator(lambda X: jnp.sort(X), X="n").matrix(n=2)
    with pytest.raises(BadInput, match=r"f is not affine in X: additivity fails, .* sin\(X\[p\] \+ Y\[p\]\)"):
        operator(lambda X: jnp.sin(X), X="n").matrix(n=2)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: operator(correlate, X="n", W="k", wrt="Z"), BadInput, "^wrt: 'Z' is not one of the arrays X, W$"),
        (lambda: operator(lambda X, p: X, X="n", p=int, wrt="p"), BadInput, "^wrt: 'p' is not one of the arrays X$"),
        (
            lambda: operator(correlate, shapes={"X": "n"}, W="k"),
            BadInput,
            "^shapes: give shapes= or shapes by name .W.",
        ),
        (lambda: operator(correlate, X="n", W="k m+", wrt="X"), BadShape, "^W: 'm[+]': it ends too early"),
        (lambda: operator(correlate, X="n", W="k").matrix(n=3), BadInput, "^sizes: .*k missing"),
        (lambda: operator(correlate, X="n", W="k").matrix(n=3, k=2, z=1), BadInput, "^sizes: .*unknown: z"),
        (
            lambda: operator(correlate, X="n", W="k", given="n>=k").matrix(n=2, k=3),
            BadInput,
            "^sizes: n=2, k=3 is outside",
        ),
        (
            lambda: operator(lambda X, W: X @ W, X="n", W="k").matrix(n=2, k=3),
            BadInput,
            "^f: the function does not run",
        ),
        (lambda: projection_identity({"h": 3}), BadInput, "^sizes: k, the number of columns of Q, is missing"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_derivation_is_kept() -> None:
    T = operator(correlate, X="n", W="k", given="n >= k")
    assert T.derive(n=3, k=2) is T.derive(k=2, n=3)
    assert T.derive(n=3, k=2) is not T.derive(n=3, k=1)


SMALL = {"h": 3, "w": 3, "c": 2, "kh": 2, "kw": 2, "f": 3, "k": 2}


@FEW
@given(st.fixed_dictionaries({name: st.integers(1, 2) for name in ("kh", "kw", "c", "f", "k", "n")}), st.integers(0, 2))
def test_projecting_the_filters_is_projecting_the_output(sizes: dict[str, int], more: int) -> None:
    sizes = {**sizes, "h": sizes["kh"] + more, "w": sizes["kw"] + 1}
    found = projection_identity(sizes)
    assert found.equal
    assert (found.I_kron_Qt * found.T_W).expand() == found.T_WQ


@pytest.mark.parametrize("name", ["SAME", "strides", "FULL", "dilated kernel"])
def test_so_for_every_convolution(name: str) -> None:
    assert projection_identity(SMALL, CONVOLUTIONS[name][0]).equal


@pytest.mark.parametrize(
    "function",
    [
        lambda X, W: valid(X, W**2),
        lambda X, W: valid(X, W - W.mean()),
        lambda X, W: valid(X, W)[..., ::-1],
        lambda X, W: valid(X, W) + valid(X[..., ::-1], W[..., :1]),
    ],
    ids=["squared kernel", "centred by the grand mean", "channels reversed", "first filter mixed in"],
)
def test_it_fails_where_the_filters_are_not_kept_apart(function: Callable[..., Any]) -> None:
    assert not projection_identity(SMALL, function).equal


def test_identity_is_of_the_function_itself() -> None:
    """T(W·Q) by replacing letters is the Jacobian of conv(X, W·Q); its other side that of conv(X, W)·Q."""
    found = projection_identity(SMALL)
    shapes = {"X": "1 h w c", "W": "kh kw c f", "Q": "f k"}
    direct = operator(lambda X, W, Q: valid(X, W @ Q), shapes=shapes).matrix(**SMALL)
    after = operator(lambda X, W, Q: valid(X, W) @ Q, shapes=shapes).matrix(**SMALL)
    assert found.T_WQ.expand() == direct.expand() == after.expand()
    Q = sympy.Matrix(3, 2, lambda i, j: letter("Q", (i, j)))
    pixels = found.T_W.shape[0] // 3
    assert found.I_kron_Qt == sympy.kronecker_product(sympy.eye(pixels), Q.T)
    assert found.I_kron_Qt != sympy.kronecker_product(Q.T, sympy.eye(pixels))


def image_operator() -> Operator:
    return operator(valid, X="1 3 3 2", W="2 2 2 2")


def test_blocks() -> None:
    assert image_operator().blocks() == Blocks(rows=((4,), (2, 4, 6)), columns=((6, 12), (2, 4, 6, 8, 10, 12, 14, 16)))
    assert operator(lambda X: (X, 2 * X[:1]), X="3").blocks() == Blocks(rows=((3,),), columns=())
    assert operator(lambda X: X.sum(), X="2 2").blocks() == Blocks(rows=(), columns=((2,),))


def test_latex_is_ruled_and_readable_as_mathml() -> None:
    T = image_operator()
    text = T.latex()
    assert text.startswith(r"\left[\begin{array}{cc|cc|cc|cc|cc|cc|cc|cc|cc}W_{0,0,0,0} & W_{0,0,1,0} & ")
    assert text.count(r"\\ \hline ") == 3
    assert T.latex(level=0).count(r"\hline") == 1
    assert T.latex(level=0).count("|") == 2
    table = next(e for e in ElementTree.fromstring(convert(text)).iter() if e.tag.endswith("mtable"))
    assert table.attrib["columnlines"].split() == ["none" if at % 2 == 0 else "solid" for at in range(17)]
    assert table.attrib["rowlines"].split()[:7] == ["none" if at % 2 == 0 else "solid" for at in range(7)]
    rows = [list(row) for row in table]
    assert (len(rows), {len(row) for row in rows}) == (8, {18})
    written = "".join(rows[0][1].itertext()).replace(" ", "")
    assert written == "W0,0,1,0"


def test_latex_of_sums_and_zeros() -> None:
    T = operator(lambda X, W: (W[0] - W[1] / 2) * X, X="2", W="2")
    assert "".join(ElementTree.fromstring(convert(T.latex())).itertext()).replace(" ", "") == "[W0−W1200W0−W12]"


def test_letters_agree_with_numbers_through_the_matrix() -> None:
    T = operator(lambda X, W, Q: valid(X, W @ Q), X="1 h w c", W="kh kw c f", Q="f k")
    inputs = random_inputs(T.signature, SMALL, random.Random(2))
    (out,) = evaluate(T.function, T.signature.arguments(SMALL, inputs))
    values = {
        letter(name, index): sympy.Rational(x) for name in ("W", "Q") for index, x in np.ndenumerate(inputs[name])
    }
    X = sympy.Matrix([sympy.Rational(x) for x in inputs["X"].flat])
    assert list(T.matrix(**SMALL).subs(values) * X) == [sympy.Rational(x) for x in out.flat]


def test_large_matrices_say_what_they_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    T = image_operator()
    monkeypatch.setattr(matrices, "MOST_PRODUCTS", 50)
    with pytest.raises(
        BadInput, match=r"^sizes: the matrix takes about \d+ products of letters, .* s and .* GiB; without fo"
    ):
        T.matrix()
    assert T.matrix(force=True).shape == (8, 18)
    monkeypatch.undo()
    with pytest.raises(BadInput, match=r"about 16,733,280 products"):
        operator(valid, X="1 64 64 30", W="3 3 30 16").matrix()


@pytest.mark.parametrize("mode", ["wrap", "reflect"])
def test_paddings_of_numpy_at_numbers(mode: Any) -> None:
    T = operator(
        lambda X, W: conv(strides=(1,))(jnp.pad(X, ((0, 0), (1, 1), (0, 0)), mode=mode), W), X="1 5 1", W="3 1 1"
    )
    matrix = np.eye(5)[np.pad(np.arange(5), 1, mode=mode)]
    w = [letter("W", (i, 0, 0)) for i in range(3)]
    expected = sympy.zeros(5, 5)
    for i in range(3):
        expected += w[i] * sympy.Matrix(matrix[i : i + 5].astype(int))
    assert T.matrix() == expected
    assert [level.kind for level in T.levels] == (["circulant"] if mode == "wrap" else ["dense"])


def test_the_composed_kernel_has_the_product_matrix_in_letters() -> None:
    """T(V)·T(U) = T(V∘U), confirmed by SymPy's ring; with V not reversed it is not."""

    def composed(X: Any, U: Any, V: Any, flip: bool = True) -> Any:
        rows = jnp.transpose(U, (2, 0, 1, 3))
        full = conv(((1, 1), (1, 1)))(rows, jnp.flip(V, (0, 1)) if flip else V)
        return valid(X, jnp.transpose(full, (1, 2, 0, 3)))

    outer, inner = operator(valid, X="1 3 3 2", V="2 2 2 1"), operator(valid, X="1 4 4 1", U="2 2 1 2")
    shapes: dict[str, Any] = {"X": "1 4 4 1", "U": "2 2 1 2", "V": "2 2 2 1"}
    assert composition_identity(operator(composed, **shapes), outer, inner).equal
    wrong = operator(lambda X, U, V: composed(X, U, V, False), **shapes)
    assert not composition_identity(wrong, outer, inner).equal


def test_a_disagreement_of_the_two_interpreters_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    right = affine.entry_form
    monkeypatch.setattr(affine, "entry_form", lambda *given: right(*given).scale(2))
    with pytest.raises(
        InternalDisagreement, match=r"the entry T\[0, 0\] at .* is 2\*W_0_0 from .* and W_0_0 on letters"
    ):
        operator(lambda X, W: X @ W, X="n c", W="c f")
