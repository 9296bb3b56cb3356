"""Sparse rows over the rationals in echelon form: is a vector in a span, and what solves a linear system?"""

from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction

Row = dict[Hashable, Fraction]
"""Key -> coefficient; no zeros."""


def combine(row: Mapping[Hashable, Fraction], other: Mapping[Hashable, Fraction], times: Fraction) -> Row:
    """row + times · other.

    >>> combine({"x": Fraction(1)}, {"x": Fraction(1), "y": Fraction(2)}, Fraction(-1))
    {'y': Fraction(-2, 1)}
    """
    total = dict(row)
    for key, value in other.items():
        total[key] = total.get(key, Fraction(0)) + times * value
    return {key: value for key, value in total.items() if value}


class Echelon:
    """Rows, each with a pivot that no later one has. Keys that `bound` refuses are carried along and never pivots:
    constants of equations, marks that say which rows were combined.

    >>> system = Echelon(lambda key: key != 1)
    >>> system.add({"x": Fraction(1), "y": Fraction(1), 1: Fraction(-3)})  # x + y - 3 = 0
    {'x': Fraction(1, 1), 'y': Fraction(1, 1), 1: Fraction(-3, 1)}
    >>> system.solve(lambda key: Fraction(1))
    {'y': Fraction(1, 1), 'x': Fraction(2, 1)}
    """

    def __init__(self, bound: Callable[[Hashable], bool]):
        self.bound = bound
        self.rows: dict[Hashable, Row] = {}

    def reduce(self, row: Mapping[Hashable, Fraction]) -> Row:
        """The row less what the rows before it say: no pivot is left in it."""
        rest = dict(row)
        for pivot, base in self.rows.items():
            if pivot in rest:
                rest = combine(rest, base, -rest[pivot])
        return rest

    def add(self, row: Mapping[Hashable, Fraction]) -> Row:
        """Keep what the row adds to the others, and return it; without a pivot it is only returned."""
        rest = self.reduce(row)
        pivot = next((key for key in rest if self.bound(key)), None)
        if pivot is not None:
            scale = 1 / rest[pivot]
            self.rows[pivot] = {key: value * scale for key, value in rest.items()}
        return rest

    def solve(self, free: Callable[[Hashable], Fraction]) -> dict[Hashable, Fraction]:
        """A solution of rows = 0, where keys that are not bound stand for 1 and `free` gives those without a pivot."""
        values: dict[Hashable, Fraction] = {}
        for pivot, row in reversed(self.rows.items()):
            total = Fraction(0)
            for key, coefficient in row.items():
                if key == pivot:
                    continue
                if self.bound(key) and key not in values:
                    values[key] = free(key)
                total -= coefficient * (values[key] if self.bound(key) else 1)
            values[pivot] = total
        return values
