"""Closed forms for the page: common factors taken out, LaTeX in pieces that can wrap.

Nothing here is trusted: every step only rewrites what the prover read off its forms.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from jaxiom.polyhedra.conditions import holds
from jaxiom.polyhedra.polynomial import Polynomial, Variable
from jaxiom.polyhedra.reading import Access, Expression, Summand, Summation
from jaxiom.polyhedra.world import World
from jaxiom.polyhedra.writing import (
    OUTPUT_LETTERS,
    Latex,
    letters,
    summed_names,
    taken_names,
    write_access,
    write_coefficient,
    write_conditions,
    write_factor,
)
from jaxiom.rules.constants import CONSTANT

SEPARATOR = "|"
Pieces = list[str]
"""LaTeX that may be broken over lines between its items."""


def internal(position: int, name: str) -> str:
    """A tensor's name with its place in front: monomials are sorted by name, and read best in the user's order."""
    return f"{position:02d}{SEPARATOR}{name}"


def shown(name: str) -> str:
    """The name that the reader knows; a large constant of the program has only its content's."""
    if name.startswith(CONSTANT):
        return f"constant {name.removeprefix(CONSTANT)[:4]}"
    return name.partition(SEPARATOR)[2] or name


class Page(Latex):
    """LaTeX with the tensors' own names."""

    def access(self, tensor: str, indices: Sequence[str]) -> str:
        return super().access(shown(tensor), indices)


STYLE = Page()


def within_case(world: World, expression: Expression) -> Expression:
    """Without the equations of sizes that hold in a case, where the page says which case it is."""
    summands = [
        replace(s, conditions=tuple(c for c in s.conditions if not holds(world, c))) for s in expression.summands
    ]
    return replace(expression, summands=tuple(summands))


@dataclass(frozen=True)
class Names:
    """Index letters for one expression: those of the output, and what a summed index may not be called."""

    outputs: dict[int, str]
    taken: set[str]

    @classmethod
    def of(cls, expression: Expression, more: Sequence[str] = ()) -> "Names":
        taken = {shown(n) for n in taken_names(expression)} | set(more)
        pool = letters(OUTPUT_LETTERS, taken)
        return cls({i: next(pool) for i in range(expression.outputs)}, taken)

    def within(self, summand: Summand) -> dict[Variable, str]:
        return summed_names(summand, self.outputs, self.taken)


def entry(name: str, expression: Expression, names: Names) -> str:
    """The entry of a tensor at the expression's output index, as the left side of an equation."""
    axes, at = [], 0
    for sizes in expression.axes:
        axes.append(tuple(Polynomial.variable(i) for i in range(at, at + len(sizes))))
        at += len(sizes)
    return write_access(Access(name, tuple(axes)), {**names.outputs}, STYLE)


def sum_pieces(expression: Expression, names: Names) -> Pieces:
    """The closed form, a piece a summand, with the signs; one that is added comes first where there is one."""
    written = [signed(summand, names) for summand in expression.summands]
    first = next((i for i, (negative, _) in enumerate(written) if not negative), 0)
    ordered = [written[first], *written[:first], *written[first + 1 :]] if written else []
    return [f"{'-' if n else '+' if i else ''} {body}".strip() for i, (n, body) in enumerate(ordered)] or ["0"]


def signed(summand: Summand, names: Names) -> tuple[bool, str]:
    """Whether a summand is subtracted, and its LaTeX without the sign."""
    local = names.within(summand)
    coefficient = summand.coefficient
    negative = bool(coefficient.terms) and all(c < 0 for c in coefficient.terms.values())
    if negative:
        coefficient = -coefficient
    parts = write_conditions(summand.conditions, local, STYLE)
    alone = len(summand.factors) + len(parts) == 1 and coefficient == 1 and not summand.divisors
    parts += [write_factor(f, summand, local, STYLE, alone) for f in summand.factors]
    head = write_coefficient(coefficient, summand.divisors, local, STYLE, bool(parts))
    return negative, STYLE.times.join([head, *parts] if head else parts)


@dataclass(frozen=True)
class Factored:
    """A closed form as coefficient · (rest) · common factors; `vanishing` are the ways for it to be zero."""

    pieces: Pieces
    vanishing: Pieces


def factor(expression: Expression, names: Names) -> Factored:
    """Take out what all summands share: each factor is a way for the whole to vanish."""
    summands = expression.summands
    shared = shared_factors(summands, names)
    if len(summands) < 2 or not shared:
        return Factored(sum_pieces(expression, names), product_vanishing(summands, names))
    divided = all(s.divisors == summands[0].divisors for s in summands)
    divisors = summands[0].divisors if divided else ()
    rests = [without(s, shared, bool(divisors), names) for s in summands]
    rests.sort(key=lambda s: all(c < 0 for c in s.coefficient.terms.values()))
    rest = " ".join(sum_pieces(replace(expression, summands=tuple(rests)), names))
    head = [STYLE.fraction("1", STYLE.times.join(STYLE.polynomial(d, {}) for d in divisors))] if divisors else []
    common = [written(s, f, names) for s, f in shared]
    bare = [f"{written(s, f, names, alone=True)} = 0" for s, f in shared]
    return Factored([*head, STYLE.parenthesise(rest), *common], [rest_vanishing(rests, rest, names), *bare])


def rest_vanishing(rests: Sequence[Summand], rest: str, names: Names) -> str:
    """The equation rest = 0; as sum = number where it is number - sum."""
    if len(rests) == 2 and not rests[0].factors and not rests[0].conditions and rests[1].coefficient == -1:
        (number, total) = rests
        if not number.divisors and not total.divisors and not total.conditions and len(total.factors) == 1:
            return f"{written(total, total.factors[0], names, alone=True)} = {STYLE.polynomial(number.coefficient, {})}"
    return f"{rest} = 0"


def product_vanishing(summands: Sequence[Summand], names: Names) -> Pieces:
    """The sums among the factors of a single product."""
    if len(summands) != 1:
        return []
    (summand,) = summands
    return [f"{written(summand, f, names, alone=True)} = 0" for f in summand.factors if f.indices]


def written(summand: Summand, factor: Summation, names: Names, alone: bool = False) -> str:
    """A factor with letters of its own: two that are written alike are the same."""
    only = replace(summand, factors=(factor,), conditions=())
    return write_factor(factor, summand, names.within(only), STYLE, alone)


def shared_factors(summands: Sequence[Summand], names: Names) -> list[tuple[Summand, Summation]]:
    """The factors that every summand has, as the first one has them."""
    if not summands:
        return []
    first, *others = summands
    lists = [[written(s, f, names) for f in s.factors] for s in others]
    found = []
    for candidate in first.factors:
        text = written(first, candidate, names)
        if all(text in factors for factors in lists):
            found.append((first, candidate))
            for factors in lists:
                factors.remove(text)
    return found


def without(summand: Summand, shared: Sequence[tuple[Summand, Summation]], divided: bool, names: Names) -> Summand:
    """A summand less the shared factors."""
    left = [written(s, f, names) for s, f in shared]
    kept = []
    for part in summand.factors:
        text = written(summand, part, names)
        if text in left:
            left.remove(text)
        else:
            kept.append(part)
    return replace(summand, factors=tuple(kept), divisors=() if divided else summand.divisors)


def shape_latex(sizes: Iterable[Polynomial]) -> str:
    """Sizes as the dimensions of a space of tensors."""
    return r" \times ".join(in_product(size) for size in sizes)


def in_product(size: Polynomial) -> str:
    text = STYLE.polynomial(size, {})
    return STYLE.parenthesise(text) if len(size.terms) > 1 else text


def size_latex(size: Polynomial | str) -> str:
    """A size expression, or a size's name."""
    return STYLE.polynomial(Polynomial.variable(size) if isinstance(size, str) else size, {})
