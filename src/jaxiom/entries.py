"""The formula of an operator's entries, T[o; x] for all sizes."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jaxiom.closed_form import ClosedForm
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.polyhedra.reading import Condition, Expression, Summand, Summation
from jaxiom.polyhedra.writing import index_names, write_latex, write_text

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class EntryFormula(ClosedForm):
    """T[o; x] for each output: the output's index o, then the index x of the input, axis by axis. What is written as
    an entry outside its tensor is 0.

    Attributes:
        rows: how many of each leaf's axes are the output's.
    """

    rows: tuple[int, ...] = ()

    def indices(self, leaf: str) -> tuple[list[str], list[str]]:
        """How the formula writes the indices o and x; an axis of size 1 has the index 0, a merged one a tuple."""
        expression = self.leaves[leaf]
        names = index_names(expression)
        written, at = [], 0
        for axis in expression.axes:
            group = [names[i] for i in range(at, at + len(axis))]
            written.append(group[0] if len(group) == 1 else f"({', '.join(group)})" if group else "0")
            at += len(axis)
        rows = self.rows[list(self.leaves).index(leaf)]
        return written[:rows], written[rows:]

    def __str__(self) -> str:
        return "; ".join(self.head(leaf, "T", "[", "]") + write_text(e) for leaf, e in self.leaves.items())

    def latex(self) -> str:
        """The formula in LaTeX, without dollars."""
        return r";\; ".join(self.head(leaf, "T", "_{", "}") + write_latex(e) for leaf, e in self.leaves.items())

    def sympy(self) -> "sympy.Expr | dict[str, sympy.Expr]":
        """The formula as a SymPy expression (a dictionary of them where there are several outputs): sizes are positive
        integer symbols, tensors `IndexedBase`, and what lies outside its tensor is 0 by a `Piecewise`."""
        return ClosedForm({leaf: with_bounds(e) for leaf, e in self.leaves.items()}).sympy()

    def head(self, leaf: str, name: str, opening: str, closing: str) -> str:
        rows, columns = self.indices(leaf)
        shown = f"{name}{leaf}" if opening == "[" else name
        return f"{shown}{opening}{', '.join(rows)}; {', '.join(columns)}{closing} = "


def with_bounds(expression: Expression) -> Expression:
    """The same closed form with a condition for every index that need not lie inside its tensor."""

    atoms = [size for axis in expression.axes for size in axis]

    def inside(summand: Summand, index: Polynomial, size: Polynomial) -> bool:
        (variable, *others) = index.variables or (None,)
        if others or not isinstance(variable, int) or index != Polynomial.variable(variable):
            return False
        return (atoms[variable] if variable < len(atoms) else summand.ranges[variable]) == size

    def bounded(summand: Summand, factor: Summation) -> Summation:
        conditions = dict.fromkeys(factor.conditions)
        for access in factor.accesses:
            for axis, sizes in zip(access.indices, expression.tensors[access.tensor], strict=True):
                for index, size in zip(axis, sizes, strict=True):
                    if not inside(summand, index, size):
                        conditions[Condition(index, False)] = None
                        conditions[Condition(size - 1 - index, False)] = None
        inner = tuple(bounded(summand, part) for part in factor.inner)
        return replace(factor, conditions=tuple(conditions), inner=inner)

    summands = [replace(s, factors=tuple(bounded(s, f) for f in s.factors)) for s in expression.summands]
    return replace(expression, summands=tuple(summands))
