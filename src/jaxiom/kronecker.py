"""The Kronecker sum of an operator, for all sizes: T = Σ S ⊗ S ⊗ … ⊗ M, and what follows from it at given sizes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import sympy

from jaxiom.affine import Affine
from jaxiom.affine_values import summands
from jaxiom.errors import Undecidable, Unsupported
from jaxiom.lettered import Lettered, LetterMatrix, Letters, letters_of
from jaxiom.levels import Level, entries_of
from jaxiom.polyhedra import slices
from jaxiom.polyhedra.polynomial import Polynomial, Variable, lift
from jaxiom.polyhedra.reading import Expression, read
from jaxiom.polyhedra.world import budget
from jaxiom.polyhedra.writing import Latex, Text, index_names, write
from jaxiom.signature import Signature


@dataclass(frozen=True)
class Factor:
    """The matrices of one level in the products: S[d] has a 1 where r·x - s·o = d (modulo the size, if circulant), and
    for a diagonal level where o = x = d; the identity does not depend on d.

    Attributes:
        kind, step: those of the level; step is (r, s).
        rows, columns: the sizes of its index of the output and of the input.
    """

    kind: str
    step: tuple[int, int]
    rows: Polynomial
    columns: Polynomial

    def ones(self, d: int | None, sizes: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Where S[d] has its ones: row numbers and column numbers."""
        height, width = (int(n.evaluate(dict(sizes))) for n in (self.rows, self.columns))
        o, x = np.divmod(np.arange(height * width), max(width, 1))
        r, s = self.step
        if self.kind == "identity":
            hit = o == x
        elif self.kind == "diagonal":
            hit = (o == d) & (x == d)
        elif self.kind == "circulant":
            hit = (r * x - s * o - d) % width == 0 if r == 1 else (s * o - r * x - d) % height == 0
        else:
            hit = r * x - s * o == d
        return o[hit], x[hit]

    def matrix(self, d: int | None, sizes: Mapping[str, int]) -> sympy.SparseMatrix:
        height, width = (int(n.evaluate(dict(sizes))) for n in (self.rows, self.columns))
        return sympy.SparseMatrix(
            height, width, {(int(o), int(x)): 1 for o, x in zip(*self.ones(d, sizes), strict=True)}
        )


@dataclass(frozen=True)
class Part:
    """A sum over indices u of the kernel: S[d(u)] of each factor, Kronecker times the slice M[u].

    Attributes:
        shifts: d for each factor but the identities, u being the variables 0, 1, ...
        expression: the slice in closed form; its axes are u, then the slice's rows, then its columns.
    """

    shifts: tuple[Polynomial, ...]
    form: Any
    expression: Expression


@dataclass(frozen=True)
class KroneckerSum:
    """T = Σ over u of S[d_1(u)] ⊗ … ⊗ M[u] ⊗ …, for all sizes. See `Operator.kronecker`.

    Attributes:
        factors: the levels, in the order of the product; the slice M stands before number `place`.
        parts: the sums that T is the sum of.
    """

    of: Affine
    signature: Signature
    wrt: str
    factors: tuple[Factor, ...]
    place: int
    rows: tuple[Polynomial, ...]
    columns: tuple[Polynomial, ...]
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return self.written(Text(), " ⊗ ", "Σ_{{{}}} ", " + ", "[{}]")

    def latex(self) -> str:
        """The sum in LaTeX, without dollars."""
        return self.written(Latex(), r" \otimes ", r"\sum_{{{}}} ", " + ", "_{{{}}}")

    def written(self, style: Text, times: str, total: str, plus: str, index: str) -> str:
        sums, told = [], []
        for number, part in enumerate(self.parts):
            name = "M" if len(self.parts) == 1 else f"M{number + 1}"
            names: dict[Variable, str] = {**index_names(part.expression)}
            count = len(part.shifts)
            u = [i for i in range(count) if part.expression.axes[i] != (lift(1),)]
            bounds = [style.below(names[i], style.polynomial(part.expression.axes[i][0], {})) for i in u]
            shifts = iter(index.format(style.polynomial(shift, names)) for shift in part.shifts)
            pieces = [self.factor_text(style, factor, index, shifts) for factor in self.factors]
            slice_ = name + (index.format(", ".join(names[i] for i in u)) if u else "")
            pieces.insert(self.place, slice_)
            sums.append((total.format(", ".join(bounds)) if bounds else "") + times.join(pieces))
            rest = [names[i] for i in range(count, part.expression.outputs)]
            rows, columns = rest[: len(self.rows)], rest[len(self.rows) :]
            of_slice = f"{', '.join(rows)}; {', '.join(columns)}" if rest else ""
            head = ", ".join(filter(None, [", ".join(names[i] for i in u), of_slice]))
            told.append(f"{name}{index.format(head) if head else ''} = {write(part.expression, style)}")
        return "T = " + (plus.join(sums) or "0") + "".join(f"; {line}" for line in [*told, *self.legend()])

    def factor_text(self, style: Text, factor: Factor, index: str, shifts: Iterator[str]) -> str:
        if factor.kind == "identity":
            return "I" + index.format(style.polynomial(factor.rows, {}))
        return NAMES[factor.kind] + ("" if factor.step in ((1, 1), (1, -1)) else str(factor.step)) + next(shifts)

    def legend(self) -> list[str]:
        """What the factors are, in words."""
        found = []
        for factor in self.factors:
            r, s = factor.step
            if factor.kind == "diagonal":
                found.append("D[d]: 1 at o = x = d")
            elif factor.kind != "identity":
                left = "x" if r == 1 else f"{r}·x"
                right = f"{'' if abs(s) == 1 else f'{abs(s)}·'}o"
                name = NAMES[factor.kind] + ("" if factor.step in ((1, 1), (1, -1)) else str(factor.step))
                equation = f"{left} = {right} + d" if s > 0 else f"{left} + {right} = d"
                wraps = " modulo the size" if factor.kind == "circulant" else ""
                found.append(f"{name}[d]: 1 where {equation}{wraps}")
        return list(dict.fromkeys(found))

    def terms(self, **sizes: int) -> list[tuple[sympy.SparseMatrix, ...]]:
        """The products at given sizes, each as the tuple of its factors, in letters; T is the sum of their Kronecker
        products.

        Raises:
            BadInput: the sizes are not those of the operator.
        """
        made = self.letters(sizes)
        found = []
        for ds, entries in self.slices(sizes, made):
            shifts = iter(ds)
            pieces = [f.matrix(None if f.kind == "identity" else next(shifts), sizes) for f in self.factors]
            pieces.insert(self.place, LetterMatrix(self.slice_shape(sizes), entries).sympy(made))
            found.append(tuple(pieces))
        return found

    def matrix(self, **sizes: int) -> sympy.SparseMatrix:
        """The sum of the products at given sizes: the matrix T, in letters. Raises: see `terms`."""
        made = self.letters(sizes)
        return self.letter_matrix(sizes, made).sympy(made)

    def letters(self, sizes: Mapping[str, int]) -> Letters:
        self.signature.sizes.check(sizes, "sizes")
        return letters_of(self.signature.shapes_at(sizes))

    def letter_matrix(self, sizes: Mapping[str, int], made: Letters) -> LetterMatrix:
        entries: dict[tuple[int, int], Lettered] = {}
        for ds, slice_ in self.slices(sizes, made):
            places = np.array(list(slice_)).reshape(-1, 2)
            rows, columns, which = self.laid_out(self.one_each(ds, sizes), places[:, 0], places[:, 1], sizes)
            values = list(slice_.values())
            for row, column, at in zip(rows.tolist(), columns.tolist(), which.tolist(), strict=True):
                entries[row, column] = entries[row, column] + values[at] if (row, column) in entries else values[at]
        return LetterMatrix(self.shape(sizes), {p: e for p, e in entries.items() if e})

    def slices(
        self, sizes: Mapping[str, int], made: Letters
    ) -> Iterator[tuple[tuple[int, ...], dict[tuple[int, int], Lettered]]]:
        """(d of each factor but the identities, the slice's entries) at given sizes."""
        heights, widths = ([int(n.evaluate(dict(sizes))) for n in ns] for ns in (self.rows, self.columns))
        for part in self.parts:
            count = len(part.shifts)
            grouped: dict[tuple[int, ...], dict[tuple[int, int], Lettered]] = {}
            for index, letters, coefficient in summands(self.of, part.form, sizes):
                rest = index[count:]
                at = (flat(rest[: len(heights)], heights), flat(rest[len(heights) :], widths))
                term = Lettered({(): coefficient}, made.names)
                for name, where in letters:
                    if name not in made.arrays:
                        raise Unsupported("a large constant of the function has no letter")
                    term = term * made.arrays[name][where]
                found = grouped.setdefault(index[:count], {})
                found[at] = found[at] + term if at in found else term
            for u, entries in sorted(grouped.items()):
                yield self.d_at(part, u, sizes), {p: e for p, e in entries.items() if e}

    def d_at(self, part: Part, u: Sequence[int], sizes: Mapping[str, int]) -> tuple[int, ...]:
        where: dict[Any, Any] = {**sizes, **dict(enumerate(u))}
        return tuple(int(shift.evaluate(where)) for shift in part.shifts)

    def one_each(self, ds: Sequence[int], sizes: Mapping[str, int]) -> list[tuple[np.ndarray, np.ndarray]]:
        shifts = iter(ds)
        return [f.ones(None if f.kind == "identity" else next(shifts), sizes) for f in self.factors]

    def slice_shape(self, sizes: Mapping[str, int]) -> tuple[int, int]:
        height, width = (prod(int(n.evaluate(dict(sizes))) for n in ns) for ns in (self.rows, self.columns))
        return height, width

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, int]:
        height, width = self.slice_shape(sizes)
        for factor in self.factors:
            height *= int(factor.rows.evaluate(dict(sizes)))
            width *= int(factor.columns.evaluate(dict(sizes)))
        return height, width

    def laid_out(
        self,
        ones: Sequence[tuple[np.ndarray, np.ndarray]],
        rows: np.ndarray,
        columns: np.ndarray,
        sizes: Mapping[str, int],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows and columns in T of a product of matrices of ones and a slice's entries, and which entry it is."""
        shapes = [tuple(int(n.evaluate(dict(sizes))) for n in (f.rows, f.columns)) for f in self.factors]
        pieces = [*ones[: self.place], (rows, columns), *ones[self.place :]]
        shapes = [*shapes[: self.place], self.slice_shape(sizes), *shapes[self.place :]]
        down, across, which = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64)
        for at, ((o, x), (height, width)) in enumerate(zip(pieces, shapes, strict=True)):
            down = (down[:, None] * height + o[None, :]).ravel()
            across = (across[:, None] * width + x[None, :]).ravel()
            which = np.repeat(which, len(o)) if at != self.place else np.tile(np.arange(len(o)), len(which))
        return down, across, which


NAMES = {"toeplitz": "S", "circulant": "C", "hankel": "H", "diagonal": "D"}


def flat(index: Sequence[int], shape: Sequence[int]) -> int:
    return int(np.ravel_multi_index(tuple(index), tuple(shape))) if len(shape) else 0


def kronecker_sum(of: Affine, levels: Sequence[Level], signature: Signature, wrt: str) -> KroneckerSum:
    """The sum that follows from the levels.

    Raises:
        Unsupported: the axes of the output and the input are not paired in the same order, or a coefficient depends on
            the place.
    """
    entries = entries_of(of)
    atoms = entries.form.atoms
    try:
        with budget():
            chosen = slices.layout(entries, [level.found for level in levels])
            parts = slices.parts(entries, chosen)
            read_parts = [Part(p.shifts, p.slices, read_slices(of, p)) for p in parts]
    except Undecidable as error:
        raise Unsupported(f"kronecker: {error}") from error
    factors = []
    for level in chosen.factors:
        assert level.output is not None
        assert level.input is not None
        assert level.step is not None
        factors.append(Factor(level.kind, level.step, atoms[level.output], atoms[level.input]))
    rows, columns = (tuple(atoms[p] for p in ps) for ps in (chosen.rows, chosen.columns))
    return KroneckerSum(of, signature, wrt, tuple(factors), chosen.place, rows, columns, tuple(read_parts))


def read_slices(of: Affine, part: slices.Part) -> Expression:
    """The slices in closed form; that the only value of an index is 0 needs no saying."""
    found = read(of.world, part.slices, part.slices.terms, of.tensors)
    single = [Polynomial.variable(i) for i in range(len(part.shifts)) if found.axes[i] == (lift(1),)]
    summands_ = [
        replace(
            s, conditions=tuple(c for c in s.conditions if c.expression not in single and -c.expression not in single)
        )
        for s in found.summands
    ]
    return replace(found, summands=tuple(summands_))
