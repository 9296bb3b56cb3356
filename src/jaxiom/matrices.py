"""The explicit matrix of a function that is affine in one input, at given sizes, in letters.

It is derived, never written by hand: the function is run on letters by the explicit interpreter, and the coefficients
of the letters of one input are read off its outputs. For a convolution that matrix is the block-Toeplitz one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import sympy

from jaxiom.errors import BadInput
from jaxiom.exact import evaluate, letters
from jaxiom.lettered import Lettered, LetterMatrix, Letters, Number, Position
from jaxiom.signature import Signature
from jaxiom.trace import make_jaxpr, open_scope, work

MOST_PRODUCTS = 2_000_000
SECONDS_PER_PRODUCT, BYTES_PER_PRODUCT = 1e-5, 500
"""Of two letters, in the explicit interpreter: on one core of 2024, rounded up."""


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
        letters: one for every entry of every input, `wrt` among them.
        linear, offset: f(X) = linear · vec(X) + offset; the offset is a column.
        values: f's outputs on letters, laid end to end: what was read.
        inputs, outputs: the shapes of `wrt` and of the function's outputs.
    """

    letters: Letters
    linear: LetterMatrix
    offset: LetterMatrix
    values: tuple[Any, ...]
    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]

    @property
    def blocks(self) -> Blocks:
        return Blocks(cuts(self.outputs), cuts([self.inputs]))


def refuse_large(function: Callable[..., Any], signature: Signature, sizes: Mapping[str, int]) -> None:
    """Raise where a matrix would take long, and say what it would take."""
    shapes = signature.shapes_at(sizes)
    traced = make_jaxpr(function, signature.structs(sizes), open_scope([], [], {}, frozenset()), "f")
    products = work(traced.closed) + sum(map(prod, shapes.values()))
    if products > MOST_PRODUCTS:
        raise BadInput(
            f"sizes: the matrix takes about {products:,} products of letters, {products * SECONDS_PER_PRODUCT:,.0f} s "
            f"and {products * BYTES_PER_PRODUCT / 2**30:,.1f} GiB; without force=True the most is {MOST_PRODUCTS:,}. "
            "Take smaller sizes, or numeric() for numbers"
        )


def derive(function: Callable[..., Any], signature: Signature, wrt: str, sizes: Mapping[str, int]) -> Derived:
    """Run f on letters and read the coefficients of those of `wrt`.

    Raises:
        BadInput: a term of degree 2 or more in `wrt`.
        Unsupported: the function has a step that letters cannot take.
    """
    made = letters(signature, sizes)
    outputs = evaluate(function, signature.arguments(sizes, made.arrays), "f")
    entries = [(index, entry) for output in outputs for index, entry in np.ndenumerate(output)]
    span = made.span(wrt)
    linear: dict[Position, Lettered] = {}
    offset: dict[Position, Lettered] = {}
    shared: dict[Lettered, Lettered] = {}
    for row, (index, entry) in enumerate(entries):
        for column, coefficient in by_column(made, span, entry, f"f is not affine in {wrt}: its output {list(index)}"):
            coefficient = shared.setdefault(coefficient, coefficient)
            if column is None:
                offset[row, 0] = coefficient
            else:
                linear[row, column] = coefficient
    return Derived(
        made,
        LetterMatrix((len(entries), len(span)), linear),
        LetterMatrix((len(entries), 1), offset),
        tuple(entry for _, entry in entries),
        made.arrays[wrt].shape,
        tuple(output.shape for output in outputs),
    )


def by_column(made: Letters, span: range, entry: Any, where: str) -> Iterator[tuple[int | None, Lettered]]:
    """The coefficients of an entry by the letters numbered in `span`; None is the part without them."""
    terms: Mapping[tuple[int, ...], Number] = (
        entry.terms if isinstance(entry, Lettered) else {(): entry} if entry else {}
    )
    found: dict[int | None, dict[tuple[int, ...], Number]] = {}
    for monomial, coefficient in terms.items():
        inside = [at for at in monomial if at in span]
        if len(inside) > 1:
            term = made.expression(Lettered({monomial: coefficient}, made.names))
            raise BadInput(f"{where} has the term {term}, of degree {len(inside)}")
        column = inside[0] - span.start if inside else None
        rest = tuple(at for at in monomial if at not in span)
        found.setdefault(column, {})[rest] = coefficient
    for column, part in found.items():
        yield column, Lettered(part, made.names)


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
