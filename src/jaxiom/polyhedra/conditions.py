"""Conditions of a closed form: which need no saying, which are windows of a sum, and how the others are written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxiom.polyhedra.polynomial import Polynomial, Variable, fully_affine, isl_text, rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxiom.polyhedra.world import World


@dataclass(frozen=True)
class Condition:
    """`expression` >= 0, or == 0."""

    expression: Polynomial
    equality: bool

    def substitute(self, values: "Mapping[Variable, Polynomial]") -> "Condition":
        return Condition(self.expression.substitute(values), self.equality)


def holds(world: "World", condition: Condition) -> bool:
    """Whether a condition on sizes alone is true for all of them."""
    expression = condition.expression
    if indexed(expression) or not fully_affine(expression):
        return False
    relation = "=" if condition.equality else ">="
    return world.domain.is_subset(world.condition(f"{isl_text(expression * expression.denominator)} {relation} 0"))


def find_window(
    index: int, conditions: Sequence[Condition], outputs: int, axis: Polynomial | None = None
) -> tuple[Polynomial, Polynomial] | None:
    """(start, size) where conditions say start <= index < start + size, the size being one of sizes alone.

    `axis` is the size of the axis that the index runs over by itself, if any. It is a bound too, where that leaves a
    number of values. A window may stick out of the axis: outside a tensor is 0.
    """
    plain = Polynomial.variable(index)
    bounds = [c.expression for c in conditions if not c.equality]
    window = best_window(index, bounds, bounds, outputs)
    if window is None and axis is not None:
        ends = [(bounds, [axis - 1 - plain]), ([plain], bounds)]
        found = (best_window(index, lows, highs, outputs) for lows, highs in ends)
        window = next((w for w in found if w is not None and w[1].is_constant), None)
    return window


def best_window(
    index: int, lows: Iterable[Polynomial], highs: Sequence[Polynomial], outputs: int
) -> tuple[Polynomial, Polynomial] | None:
    """The first (start, size) that a lower and an upper bound make, the start being free of summed indices."""
    plain = Polynomial.variable(index)
    for low in lows:
        start = plain - low
        if any(isinstance(v, int) and (v == index or v >= outputs) for v in start.variables):
            continue
        for high in highs:
            size = high + plain + 1 - start
            if size and not indexed(size):
                return start, size
    return None


def reads_well(world: "World", window: tuple[Polynomial, Polynomial], axis: Polynomial | None) -> bool:
    """Whether counting from a window's start says more than the axis does: X[q + i] for i below the window, but not
    W[i - q] unless the window never exceeds the axis."""
    start, size = window
    if axis is None or not any(indexed(Polynomial({p: c})) and c < 0 for p, c in start.terms.items()):
        return True
    if not fully_affine(size) or not fully_affine(axis):
        return False
    return world.domain.is_subset(world.condition(f"{isl_text(size)} <= {isl_text(axis)}"))


def implied(condition: Condition, index: int, size: Polynomial) -> bool:
    """Whether 0 <= index < size says it already."""
    plain = Polynomial.variable(index)
    return not condition.equality and condition.expression in (plain, size - 1 - plain)


def indexed(polynomial: Polynomial) -> bool:
    """Whether it depends on an index."""
    return any(isinstance(v, int) for v in polynomial.variables)


Relation = tuple[Polynomial | str, ...]
"""Sides and the signs between them: (q, "=", h - 1), or (1, "≤", q + i, "≤", h)."""


def relations(conditions: Sequence[Condition]) -> list[Relation]:
    """How conditions are written: solved for an index, bounds of the same as one chain.

    >>> h, k = Polynomial.variable("h"), Polynomial.variable("k")
    >>> [" ".join(map(str, r)) for r in relations([Condition(k - h + 1, True), Condition(h - 2, False)])]
    ['h = k + 1', 'h ≥ 2']
    """
    left = list(dict.fromkeys(conditions))
    found: list[Relation] = []
    while left:
        condition = left.pop(0)
        part = index_part(condition)
        partner = next((c for c in left if part and not c.equality and index_part(c) == -part), None)
        if condition.equality or partner is None:
            found.append(relation(condition))
            continue
        left.remove(partner)
        least, most = (condition, partner) if leading_positive(part) else (partner, condition)
        middle = index_part(least)
        found.append((middle - least.expression, "≤", middle, "≤", most.expression + middle))
    return found


def index_part(condition: Condition) -> Polynomial:
    """The terms of an affine expression that are indices."""
    terms = condition.expression.terms
    return Polynomial({p: c for p, c in terms.items() if any(isinstance(v, int) for v, _ in p)})


def leading_positive(polynomial: Polynomial) -> bool:
    first = min(polynomial.terms, key=lambda powers: [rank(v) for v, _ in powers])
    return polynomial.terms[first] > 0


def relation(condition: Condition) -> Relation:
    """One condition, its indices on the left where they can be; e - 1 >= 0 as e > 0 where both sides are sizes."""
    expression = condition.expression
    if condition.equality:
        for variable in sorted(expression.variables, key=rank):
            plain, slope = Polynomial.variable(variable), expression.terms.get(((variable, 1),))
            if slope in (1, -1) and variable not in (rest := plain - expression * slope).variables:
                return plain, "=", rest
    negative = [c for powers, c in expression.terms.items() if powers and c < 0]
    strict = not condition.equality and expression.value == -1 and bool(negative)
    expression = expression + 1 if strict else expression
    above = Polynomial({p: c for p, c in expression.terms.items() if c > 0})
    below = above - expression
    if condition.equality:
        return above, "=", below
    alike = indexed(above) == indexed(below)
    swapped = alike and len(below.terms) == 1 and not below.is_constant or not alike and indexed(below)
    if swapped:
        return below, "<" if strict else "≤", above
    return above, ">" if strict else "≥", below
