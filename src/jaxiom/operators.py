"""A function of several inputs, read as a linear map of one of them, and its explicit matrix.

The matrix is derived, never written by hand: the function is run on letters by the explicit interpreter, and the
coefficients of the letters of `wrt` are read off its outputs. For a convolution that matrix is the block-Toeplitz one.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import numpy as np
import sympy
from sympy.polys.rings import PolyElement, PolyRing

from jaxiom.errors import BadInput, Unsupported
from jaxiom.exact import LetterMatrix, Letters, Position, evaluate, letters, letters_of, random_inputs
from jaxiom.signature import Signature, read_signature
from jaxiom.sizes import Shape


def confirm(lhs: LetterMatrix, rhs: LetterMatrix) -> bool:
    """Whether two matrices of letters are equal, as polynomials: each distinct pair of entries is subtracted once, by
    SymPy's ring arithmetic, where a polynomial is zero only as the empty sum.

    >>> made = letters_of({"a": (2,)})
    >>> a, b = made.arrays["a"]
    >>> square = LetterMatrix((1, 1), {(0, 0): (a + b) ** 2})
    >>> confirm(square, LetterMatrix((1, 1), {(0, 0): a**2 + 2 * a * b + b**2}))
    True
    >>> confirm(square, LetterMatrix((1, 1), {(0, 0): a**2 + b**2}))
    False
    """
    if lhs.shape != rhs.shape:
        return False
    proved: set[tuple[int, int]] = set()
    for position in {**lhs.entries, **rhs.entries}:
        left, right = lhs.entries.get(position, 0), rhs.entries.get(position, 0)
        if (id(left), id(right)) in proved:
            continue
        if left - right:
            return False
        proved.add((id(left), id(right)))
    return True


@dataclass(frozen=True)
class Blocks:
    """Where a matrix falls into nested blocks, for ruling.

    Attributes:
        rows, columns: one tuple of cuts for each level of nesting, outermost first; a cut k is before row (column) k.
            For an image [n, h, w, c] the levels are its images, its image rows and its pixels.
    """

    rows: tuple[tuple[int, ...], ...]
    columns: tuple[tuple[int, ...], ...]


def cuts(shapes: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The nested blocks of arrays laid end to end in C order."""
    total = sum(prod(shape) for shape in shapes)
    if len(shapes) > 1:
        return (tuple(int(n) for n in np.cumsum([prod(shape) for shape in shapes])[:-1]),)
    blocks = dict.fromkeys(prod(shapes[0][depth:]) for depth in range(1, len(shapes[0])))
    return tuple(tuple(range(block, total, block)) for block in blocks if 1 < block < total)


@dataclass(frozen=True)
class Derived:
    """The matrix and offset of an operator at given sizes, in letters.

    Attributes:
        letters: their ring has letters for every input, `wrt` among them.
        linear, offset: f(X) = linear · vec(X) + offset; the offset is a column.
        outputs: the shapes of the function's outputs.
    """

    letters: Letters
    linear: LetterMatrix
    offset: LetterMatrix
    outputs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Operator:
    """A function as a linear (or affine) map of one of its inputs, the others being letters. See `operator`."""

    function: Callable[..., Any]
    signature: Signature
    wrt: str
    known: dict[tuple[tuple[str, int], ...], Derived] = field(default_factory=dict, repr=False)

    def derive(self, **sizes: int) -> Derived:
        """The matrix and offset in a polynomial ring; computed once for each choice of sizes.

        Raises:
            BadInput: the sizes are not those of the operator, or the function is not affine in `wrt`: with the term,
                or the input, that shows it.
            Unsupported: the function has a step that letters cannot take and no input showed that it is not affine.
        """
        key = tuple(sorted(sizes.items()))
        if key not in self.known:
            self.signature.sizes.check(sizes, "sizes")
            self.known[key] = derive(self, sizes)
        return self.known[key]

    def matrix(self, **sizes: int) -> sympy.SparseMatrix:
        """The explicit matrix T at given sizes: vec f(X) = T · vec X (+ `offset`), both in C order.

        Raises: see `derive`.

        >>> T = operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> T.matrix(n=3)
        Matrix([
        [W_{0}, W_{1},     0],
        [    0, W_{0}, W_{1}]])
        """
        derived = self.derive(**sizes)
        return derived.linear.sympy(derived.letters)

    def offset(self, **sizes: int) -> sympy.SparseMatrix:
        """What f adds to its linear part, a column; zero for a linear function. Raises: see `derive`.

        >>> operator(lambda X, b: 2 * X + b, X="2", b="").offset()
        Matrix([
        [b],
        [b]])
        """
        derived = self.derive(**sizes)
        return derived.offset.sympy(derived.letters)

    def blocks(self, **sizes: int) -> Blocks:
        """The nested blocks of `matrix(**sizes)`: rows by the axes of the output, columns by the axes of `wrt`."""
        derived = self.derive(**sizes)
        return Blocks(cuts(derived.outputs), cuts([derived.letters.arrays[self.wrt].shape]))

    def latex(self, level: int = -1, **sizes: int) -> str:
        r"""The matrix as a LaTeX array, ruled between blocks.

        Args:
            level: which nesting of `blocks` is ruled; -1, the innermost, has a block for each pair of pixels.

        Raises: see `derive`.

        >>> print(operator(lambda X, w: X @ w, X="2 2", w="2").latex())
        \left[\begin{array}{cc|cc}w_{0} & w_{1} & 0 & 0 \\ 0 & 0 & w_{0} & w_{1}\end{array}\right]
        """
        blocks = self.blocks(**sizes)
        return ruled(self.matrix(**sizes), at_level(blocks.rows, level), at_level(blocks.columns, level))


def operator(
    f: Callable[..., Any],
    *,
    wrt: str = "X",
    shapes: Mapping[str, Any] | None = None,
    given: str = "",
    **named_shapes: Any,
) -> Operator:
    """A JAX function, read as a linear (or affine) function of one of its inputs.

    >>> T = operator(lambda X, W: X @ W, X="n c", W="c f")
    >>> T.matrix(n=1, c=2, f=2)
    Matrix([
    [W_{0,0}, W_{1,0}],
    [W_{0,1}, W_{1,1}]])

    Args:
        f: of JAX arrays, called with the inputs in the order of their shapes.
        wrt: the input that f is linear in; a leaf of a pytree has a name such as `p['kernel']`.
        shapes: name -> shape, for any names and for pytrees of shapes. Left out, and with no shapes by name, they come
            from f's jaxtyping annotations.
        given: constraints on the sizes, as in "h >= kh, w >= kw".
        **named_shapes: the shapes by name, X="n h w c".

    Raises:
        BadInput, BadShape: the shapes cannot be read, or `wrt` is not among them.

    That f is affine in `wrt` is checked by `Operator.matrix`, at the sizes given there.
    """
    if shapes is not None and named_shapes:
        raise BadInput(f"shapes: give shapes= or shapes by name ({', '.join(named_shapes)}), not both")
    signature = read_signature([f], named_shapes if shapes is None else shapes, given)
    arrays = [leaf.name for leaf in signature.leaves if isinstance(leaf.shape, Shape)]
    if wrt not in arrays:
        raise BadInput(f"wrt: {wrt!r} is not one of the arrays {', '.join(arrays)}")
    return Operator(f, signature, wrt)


def derive(of: Operator, sizes: Mapping[str, int]) -> Derived:
    made = letters(of.signature, sizes)
    try:
        outputs = evaluate(of.function, of.signature.arguments(sizes, made.arrays), "f")
    except Unsupported as error:
        shown = not_affine(of, sizes)
        if shown:
            raise BadInput(f"f is not affine in {of.wrt}: {shown} ({error})") from error
        raise
    entries = [(index, entry) for output in outputs for index, entry in np.ndenumerate(output)]
    span = made.span(of.wrt)
    linear: dict[Position, PolyElement] = {}
    offset: dict[Position, PolyElement] = {}
    shared: dict[PolyElement, PolyElement] = {}
    for row, (index, entry) in enumerate(entries):
        for column, coefficient in by_column(
            made, span, entry, f"f is not affine in {of.wrt}: its output {list(index)}"
        ):
            coefficient = shared.setdefault(coefficient, coefficient)
            if column is None:
                offset[row, 0] = coefficient
            else:
                linear[row, column] = coefficient
    return Derived(
        made,
        LetterMatrix((len(entries), len(span)), linear),
        LetterMatrix((len(entries), 1), offset),
        tuple(output.shape for output in outputs),
    )


def by_column(made: Letters, span: range, entry: Any, where: str) -> Iterator[tuple[int | None, PolyElement]]:
    """The coefficients of an entry by the letters numbered in `span`; None is the part without them."""
    zeros = (0,) * len(span)
    found: dict[int | None, dict[tuple[int, ...], Any]] = {}
    for monomial, coefficient in made.ring(entry).terms() if not isinstance(entry, PolyElement) else entry.terms():
        powers = monomial[span.start : span.stop]
        degree = sum(powers)
        if degree > 1:
            term = made.expression(made.ring.from_dict({monomial: coefficient}))
            raise BadInput(f"{where} has the term {term}, of degree {degree}")
        column = powers.index(1) if degree else None
        rest = monomial[: span.start] + zeros + monomial[span.stop :]
        found.setdefault(column, {})[rest] = coefficient
    for column, terms in found.items():
        yield column, made.ring.from_dict(terms)


def not_affine(of: Operator, sizes: Mapping[str, int], tries: int = 16) -> str:
    """An input in exact numbers on which f(X + Y) + f(0) and f(X) + f(Y) differ, in words; "" if none was found."""
    rng = random.Random(0)
    for _ in range(tries):
        inputs, other = random_inputs(of.signature, sizes, rng), random_inputs(of.signature, sizes, rng)
        X, Y = inputs[of.wrt], other[of.wrt]
        try:
            whole, zero, left, right = (value_at(of, sizes, inputs, x) for x in (X + Y, X - X, X, Y))
        except (Unsupported, ZeroDivisionError):
            return ""
        for sides in zip(whole, zero, left, right, strict=True):
            for index in np.ndindex(*sides[0].shape):
                a, b, c, d = (side[index] for side in sides)
                if a + b != c + d:
                    return (
                        f"its output {list(index)} is {a} for X + Y, {b} for 0, {c} for X and {d} for Y, "
                        f"where X is {listed(X)} and Y is {listed(Y)}: {a + b} is not {c + d}"
                    )
    return ""


def value_at(of: Operator, sizes: Mapping[str, int], inputs: Mapping[str, Any], value: np.ndarray) -> list[np.ndarray]:
    return evaluate(of.function, of.signature.arguments(sizes, {**inputs, of.wrt: np.asarray(value, object)}), "f")


def listed(values: np.ndarray, most: int = 6) -> str:
    shown = [str(entry) for entry in values.flat[:most]]
    return f"[{', '.join([*shown, '...'] if values.size > most else shown)}]"


def at_level(nested: tuple[tuple[int, ...], ...], level: int) -> tuple[int, ...]:
    return nested[level] if -len(nested) <= level < len(nested) else ()


def ruled(matrix: sympy.SparseMatrix, rows: Sequence[int], columns: Sequence[int]) -> str:
    r"""A matrix as a LaTeX array with a rule before each of the given rows and columns.

    One rule at a place, never two: latex2mathml reads `||` as the rules of two columns.
    """
    height, width = matrix.shape
    format_ = "".join("|c" if column in columns else "c" for column in range(width))
    lines = []
    for row in range(height):
        rule = r"\hline " if row in rows else ""
        lines.append(rule + " & ".join(sympy.latex(matrix[row, column]) for column in range(width)))
    return r"\left[\begin{array}{" + format_ + "}" + r" \\ ".join(lines) + r"\end{array}\right]"


@dataclass(frozen=True)
class ToeplitzIdentity:
    """T(W·Q) = (I ⊗ Qᵀ) · T(W), at given sizes, with a letter for every entry of W and Q.

    T(K) is the matrix of the convolution with the filters K, both image and output flattened with channels last: to
    project the filters is to project each pixel of the output.

    Attributes:
        T_W: the convolution's block-Toeplitz matrix, of W's letters.
        T_WQ: that of the projected filters: its entries are sums over f of W[i, j, c, f] Q[f, k].
        I_kron_Qt: one block Qᵀ for each pixel of the output.
        equal: whether SymPy's ring arithmetic finds the two sides equal, entry by entry.
    """

    T_W: sympy.SparseMatrix
    T_WQ: sympy.SparseMatrix
    I_kron_Qt: sympy.SparseMatrix
    equal: bool


def valid(X: jax.Array, W: jax.Array) -> jax.Array:
    """The convolution that JAX calls VALID: images [n, h, w, c], filters [kh, kw, c, f], no padding, not flipped."""
    return jax.lax.conv_general_dilated(X, W, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def projection_identity(
    sizes: Mapping[str, int], conv: Callable[[jax.Array, jax.Array], jax.Array] = valid
) -> ToeplitzIdentity:
    """Confirm T(W·Q) = (I ⊗ Qᵀ) · T(W) at given sizes, with letters everywhere.

    T(W) and T(V) are derived from `conv`, V being as many filters as Q has columns; T(W·Q) is T(V) with every letter
    of V replaced by that entry of the matrix product W·Q. Each distinct entry is computed and compared once.

    >>> projection_identity(dict(h=2, w=2, c=1, kh=1, kw=2, f=2, k=1)).equal
    True

    Args:
        sizes: `h w c` of the image X, `kh kw f` of the filters W, `k` of the projection Q; `n`, the images, is 1
            where left out.
        conv: (X [n, h, w, c], W [kh, kw, c, f]) to an image with the channels f last; `jax.lax`'s VALID by default.

    Raises:
        BadInput: a size is missing or unknown, or conv is not linear in X.
    """
    given = "" if conv is not valid else "h >= kh, w >= kw"
    convolution = operator(conv, X="n h w c", W="kh kw c f", given=given)
    sizes = {"n": 1, **sizes}
    k = sizes.pop("k", None)
    if k is None:
        raise BadInput("sizes: k, the number of columns of Q, is missing")
    of_w, of_v = convolution.derive(**sizes), convolution.derive(**{**sizes, "f": k})
    kernel = of_w.letters.arrays["W"].shape
    made = letters_of({"W": kernel, "Q": (kernel[-1], k)})
    W, Q = made.arrays["W"], made.arrays["Q"]
    (WQ,) = evaluate(lambda W, Q: W @ Q, [W, Q])
    T_W, T_WQ = (replaced(of_w, made.ring, {"W": W}), replaced(of_v, made.ring, {"W": WQ}))
    projection = projection_of_pixels(Q, T_W.shape[0] // kernel[-1])
    equal = confirm(T_WQ, projection @ T_W)
    return ToeplitzIdentity(T_W.sympy(made), T_WQ.sympy(made), projection.sympy(made), equal)


def projection_of_pixels(Q: np.ndarray, pixels: int) -> LetterMatrix:
    """I ⊗ Qᵀ, with a block for each pixel."""
    f, k = Q.shape
    entries = {(p * k + j, p * f + i): Q[i, j] for p in range(pixels) for i in range(f) for j in range(k)}
    return LetterMatrix((pixels * k, pixels * f), entries)


def replaced(of: Derived, ring: PolyRing, values: Mapping[str, np.ndarray]) -> LetterMatrix:
    """An operator's matrix with elements of another ring in place of its letters."""
    images = [values[name][index] if name in values else None for name, index in of.letters.owners]

    def image(entry: PolyElement) -> PolyElement:
        total = ring.zero
        for monomial, coefficient in entry.terms():
            term = ring.ground_new(coefficient)
            for at, exponent in enumerate(monomial):
                if exponent:
                    term = term * images[at] ** exponent
            total = total + term
        return total

    return of.linear.map(image)
