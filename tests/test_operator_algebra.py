"""Adjoint, composition and equality of operators, against jax.vjp and the products of explicit matrices."""

import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxiom import operator_algebra
from jaxiom.affine_maps import Operator
from jaxiom.errors import BadInput, BadShape, InternalDisagreement, Unsupported
from jaxiom.identities import application_identity, composition_identity
from jaxiom.layers import conv
from jaxiom.operators import operator
from structures import STRUCTURES, build

ADJOINTS = [
    "VALID",
    "SAME, stride 2, dilation 2",
    "groups of symbolic size",
    "transposed",
    "mean",
    "scale",
    "transpose",
]


@pytest.mark.parametrize("name", ADJOINTS)
def test_the_adjoint_has_the_transposed_matrix(name: str) -> None:
    T = build(name)
    sizes = T.signature.sizes.random(random.Random(3), 2)
    assert T.T.matrix(**sizes) == T.matrix(**sizes).T


def test_the_adjoint_is_proved_where_jax_can_trace_it() -> None:
    T = operator(conv, X="n h w c", W="3 3 c f", given="h >= 3, w >= 3")
    assert T.T.proofs == (
        "jax.vjp's function has the transposed matrix: proved for n, h, w, c, f >= 1; h >= 3; w >= 3",
    )
    (note,) = build("VALID").T.proofs
    assert note.startswith("jax.vjp's function was held against the transposed matrix at small sizes only")


def test_the_adjoint_is_jaxs() -> None:
    T, rng = operator(conv, X="1 4 3 2", W="2 2 2 3"), np.random.default_rng(0)
    X, W, Y = (jnp.asarray(rng.standard_normal(s), jnp.float32) for s in ((1, 4, 3, 2), (2, 2, 2, 3), (1, 3, 2, 3)))
    _, pull = jax.vjp(lambda X: conv(X, W), X)
    ours = T.T.numeric({"W": np.asarray(W)}) @ np.asarray(Y).ravel()
    np.testing.assert_allclose(ours, np.asarray(pull(Y)[0]).ravel(), rtol=1e-5)


def test_levels_of_the_adjoint_are_turned() -> None:
    T = build("SAME, stride 2, dilation 2")
    assert [v.kind for v in T.T.levels] == ["identity", "toeplitz", "dense"]
    assert T.T.levels[1].step == (2, 1)
    assert "upsampling 2: step (2, 1)" in T.T.describe()


def test_a_wrong_adjoint_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    right = operator_algebra.transposed

    def wrong(of: Any, name: str) -> Any:
        found = right(of, name)
        return operator_algebra.replace(found, entries=(found.entries[0].scale(2),))

    monkeypatch.setattr(operator_algebra, "transposed", wrong)
    with pytest.raises(InternalDisagreement, match="jax.vjp's function does not have the transposed matrix"):
        _ = operator(lambda X, W: X @ W, X="n c", W="c f").T


def two_layers() -> tuple[Operator, Operator]:
    outer = operator(conv, X="n h w d", V="i j d e", given="h >= i, w >= j")
    return outer, operator(conv, X="n h w c", U="a b c d", given="h >= a, w >= b")


def test_composition_is_the_product() -> None:
    outer, inner = two_layers()
    made = outer @ inner
    assert made.proofs[0].startswith("the composition has the matrix product: proved for n, h, w, c, a, b, d, i, j, e")
    sizes = {"n": 1, "h": 3, "w": 3, "c": 1, "a": 2, "b": 2, "d": 2, "i": 2, "j": 1, "e": 1}
    left = outer.matrix(n=1, h=2, w=2, d=2, i=2, j=1, e=1)
    right = inner.matrix(n=1, h=3, w=3, c=1, a=2, b=2, d=2)
    assert (left * right).expand() == made.matrix(**sizes)
    assert (right.T * left.T).expand() == made.T.matrix(**sizes)


def test_composition_is_the_composed_convolution() -> None:
    outer, inner = two_layers()

    def composed(X: Any, U: Any, V: Any) -> Any:
        rows = jnp.transpose(U, (2, 0, 1, 3))
        kernel = jnp.transpose(conv(rows, jnp.flip(V, (0, 1)), padding="FULL"), (1, 2, 0, 3))
        return conv(X, kernel)

    shapes: dict[str, Any] = {"X": "n h w c", "U": "a b c d", "V": "i j d e"}
    one = operator(composed, given="h >= a + i - 1, w >= b + j - 1", **shapes)
    assert (outer @ inner) == one
    flipped = operator(lambda X, U, V: composed(X, U, jnp.flip(V, 0)), given="h >= a + i - 1, w >= b + j - 1", **shapes)
    assert (outer @ inner) != flipped
    verdict = (outer @ inner).same_as(flipped)
    assert verdict.witness is not None


def test_composition_of_affine_functions() -> None:
    outer = operator(lambda X, b: 2 * X + b, X="n", b="")
    inner = operator(lambda X, a: X[1:] + a, X="n", a="", given="n >= 2")
    made = outer @ inner
    assert str(made.offset) == "2·a + b"
    assert made.matrix(n=3) == 2 * inner.matrix(n=3)


@pytest.mark.parametrize(
    ("outer", "inner", "text"),
    [
        (("m n", "n k"), ("n", "n"), "^compose: X has 2 axes"),
        (("m 3", "3 k"), ("m 4", "4 4"), "^compose: X .m 3. does not fit .m,? ?4.: 3 is not 4"),
        (("m n", "n k"), ("m n", "n k"), "^W: an input of both operators, of shape .k, k. in the outer and .n, k."),
    ],
)
def test_what_does_not_compose(outer: Any, inner: Any, text: str) -> None:
    left = operator(lambda X, W: X @ W, X=outer[0], W=outer[1])
    right = operator(lambda X, W: X @ W, X=inner[0], W=inner[1])
    if inner[0] == "n":
        right = operator(lambda X, V: X * V, X="n", V="n")
    with pytest.raises(BadShape, match=text):
        left.compose(right)


def test_only_operators_compose() -> None:
    with pytest.raises(BadInput, match="compose: expected an operator .*, got 3"):
        operator(lambda X: X, X="n") @ 3  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]


def test_the_same_name_is_the_same_input() -> None:
    square = operator(lambda X, W: X @ W, X="m n", W="n n")
    assert square @ square == operator(lambda X, W: X @ (W @ W), X="m n", W="n n")
    assert square @ square != operator(lambda X, W: X @ (W @ W.T), X="m n", W="n n")


def test_equality() -> None:
    T = operator(conv, X="n h c", W="3 c f", given="h >= 3")
    assert T == T
    assert operator(lambda X, W: conv(X, W) + 0 * X.sum(), X="n h c", W="3 c f", given="h >= 3") == T
    assert operator(lambda X, W: conv(X, W) + W.sum(), X="n h c", W="3 c f", given="h >= 3") != T
    assert T != 3
    with pytest.raises(BadInput, match="compare operators by the same input"):
        _ = operator(conv, wrt="W", X="n h c", W="3 c f", given="h >= 3") == T
    with pytest.raises(BadShape, match="^W: of shape"):
        _ = operator(conv, X="n h c", W="2 c f", given="h >= 3") == T
    with pytest.raises(TypeError, match="unhashable"):
        hash(T)


def test_several_outputs_have_no_adjoint() -> None:
    with pytest.raises(Unsupported, match="has 2 outputs"):
        _ = operator(lambda X: (X, X), X="n").T


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_the_matrix_applied_is_the_function(name: str) -> None:
    T = build(name)
    found = application_identity(T, **T.signature.sizes.random(random.Random(1), 2))
    assert found.equal


def test_application_with_an_offset_and_a_false_identity() -> None:
    T = operator(lambda X, b: 2 * X + b, X="n", b="")
    found = application_identity(T, n=2)
    assert found.equal
    wrong = operator_algebra.replace(found, right=found.right.map(lambda entry: 2 * entry))
    assert not wrong.equal
    square = operator(lambda X, W: X @ W, X="m n", W="n n")
    assert not composition_identity(square, square, square, m=1, n=2).equal
