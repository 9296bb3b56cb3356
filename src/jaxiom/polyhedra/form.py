"""Forms: tensors as polynomials in the entries of the inputs, in index notation.

A form's entry at output index o is the sum over its terms of

    sum over (m, e) with (o, m, e) in points:  weight(o, m, e) / prod(divisors) * prod_t T_t[m_t]

where m is the indices of the monomial's tensors laid end to end, in the order of the sorted names. Every index e is
summed over like m; `settle` removes those that it can, so that normally none is left and the set is the expression.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.polynomial import Polynomial, fully_affine, isl_text, lift
from jaxiom.polyhedra.settle import settle
from jaxiom.polyhedra.world import World, check_time, names

Sizes = tuple[Polynomial, ...]


@dataclass(frozen=True)
class Term:
    """One term of a form; positions in `weight` and `divisors` are those of `points`' tuple [o, m, e]."""

    monomial: tuple[str, ...]
    points: isl.Set
    weight: Polynomial
    divisors: tuple[Polynomial, ...] = ()

    def extra(self, world: World, outputs: int) -> int:
        """How many indices e there are."""
        return self.points.dim(isl.dim_type.set) - outputs - sum(world.ranks[t] for t in self.monomial)


@dataclass(frozen=True)
class Form:
    """A tensor. `axes` has, for each axis, the sizes of its factors, outermost first: an axis that merges axes of
    symbolic size keeps them apart; an axis of size 1 has none. An index tensor is a form without inputs,
    a condition one that is 1 where it holds."""

    axes: tuple[Sizes, ...]
    terms: tuple[Term, ...]

    @property
    def atoms(self) -> Sizes:
        """The sizes of all factors of all axes: the form's output indices."""
        return tuple(itertools.chain(*self.axes))

    def positions(self, axis: int) -> range:
        """Where an axis's factors are among the output indices."""
        start = sum(len(a) for a in self.axes[:axis])
        return range(start, start + len(self.axes[axis]))

    def scale(self, by: Fraction | int) -> "Form":
        return replace(self, terms=tuple(replace(t, weight=t.weight * by) for t in self.terms if by))


class Missing(Form):
    """NaN or infinity: it may be moved and left unchosen by a select or an extremum, and nothing else."""

    value: float

    def __init__(self, value: float, axes: Sequence[Sizes] = ()):
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "axes", tuple(axes))

    @property
    def terms(self) -> tuple[Term, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise Undecidable("NaN or infinity may take part in the result; the meaning is over the real numbers")


Link = Callable[[Sequence[Sequence[str]]], list[str]]
"""Constraints between output indices and operands' indices, given how each is written: links([out, a, b, extra])."""


Ties = Callable[[Sequence[Sequence[int]]], Sequence[tuple[isl.Set, Sequence[int]]]]
"""Sets, each with the positions at which its indices stand, given the positions of [out, a, b, ..., extra]."""


def join(
    world: World,
    axes: Sequence[Sizes],
    operands: Sequence[Form],
    link: Link,
    *,
    extra: int = 0,
    ties: Ties | None = None,
    weight: Callable[[Sequence[Sequence[int]]], Polynomial] | None = None,
) -> Form:
    """The form whose entry at o is the sum, over all indices of the operands (and `extra` indices more) that `link`
    ties to o, of the product of the operands' entries. Every operation that moves, multiplies or sums is one of these.

    `ties` are sets that hold of some of the indices besides; `weight` is a factor more; both are given the positions
    of each group.
    """
    axes = tuple(tuple(a) for a in axes)
    atoms = tuple(itertools.chain(*axes))
    terms: list[Term] = []
    for chosen in itertools.product(*(f.terms for f in operands)):
        check_time()
        term = joined_term(world, atoms, operands, chosen, link, extra, ties, weight)
        terms += settle(world, len(atoms), term)
    return Form(axes, tuple(terms))


def joined_term(
    world: World,
    atoms: Sizes,
    operands: Sequence[Form],
    chosen: Sequence[Term],
    link: Link,
    extra: int,
    ties: Ties | None,
    weight: Callable[[Sequence[Sequence[int]]], Polynomial] | None,
) -> Term:
    """One term of a join, before it is settled. Tuple: outputs, all m in the order of names, everything else."""
    accesses = sorted(((name, i, k) for i, t in enumerate(chosen) for k, name in enumerate(t.monomial)))
    place: dict[tuple[int, int], int] = {}
    at = len(atoms)
    for name, i, k in accesses:
        place[i, k] = at
        at += world.ranks[name]
    layouts, outer = [], []
    for i, (form, term) in enumerate(zip(operands, chosen, strict=True)):
        count, spare = len(form.atoms), term.extra(world, len(form.atoms))
        layout = list(range(at, at + count))
        outer.append(tuple(layout))
        at += count
        for k, name in enumerate(term.monomial):
            layout += range(place[i, k], place[i, k] + world.ranks[name])
        layout += range(at, at + spare)
        at += spare
        layouts.append(layout)
    groups = [tuple(range(len(atoms))), *outer, tuple(range(at, at + extra))]
    at += extra
    constraints = world.box(atoms) + link([[f"_{p}" for p in group] for group in groups])
    points = world.set(at, constraints).intersect_params(world.domain)
    for term, layout in zip(chosen, layouts, strict=True):
        points = points.intersect(world.embed(term.points, at, layout))
    for tie, where in ties(groups) if ties else ():
        points = points.intersect(world.embed(tie, at, where))
    total, divisors = weight(groups) if weight else lift(1), []
    for term, layout in zip(chosen, layouts, strict=True):
        moved = dict(enumerate(layout))
        total = total * term.weight.renumber(moved)
        divisors += [d.renumber(moved) for d in term.divisors]
    return Term(tuple(name for name, _, _ in accesses), points, total, tuple(divisors))


def tensor(world: World, name: str, axes: Sequence[Sizes]) -> Form:
    """An input: its entry at o is T[o]."""
    atoms = tuple(itertools.chain(*axes))
    world.ranks[name] = len(atoms)
    links = [f"{a} = {b}" for a, b in zip(names(len(atoms)), names(len(atoms), len(atoms)), strict=True)]
    points = world.set(2 * len(atoms), world.box(atoms) + links).intersect_params(world.domain)
    return Form(tuple(tuple(a) for a in axes), (Term((name,), points, lift(1)),))


def scalar(world: World, value: Polynomial | Fraction | int) -> Form:
    """A number, or a size used as a number."""
    value = lift(value)
    if not value:
        return Form((), ())
    constraints, value, extra = world.flatten(value, 0)
    points = world.set(extra, constraints).intersect_params(world.domain)
    terms = settle(world, 0, Term((), points, value))
    return Form((), tuple(terms))


def linear(sizes: Sequence[Polynomial], indices: Sequence[str]) -> str | None:
    """The row-major position in a merged axis as an isl text; None where an inner size is symbolic: not affine then."""
    if any(not s.is_constant for s in sizes[1:]):
        return None
    parts, stride = [], 1
    for size, index in reversed(list(zip(sizes, indices, strict=True))):
        parts.append(f"{stride}*{index}")
        stride *= int(size.value) if size.is_constant else 1
    return " + ".join(parts) or "0"


MOST_CASES = 64
"""Outer factors up to this size are told apart value by value where an inner one is symbolic."""


def positions(sizes: Sequence[Polynomial], indices: Sequence[str]) -> list[tuple[str, str]] | None:
    """The row-major position as (condition, isl text), case by case: where a factor of small number lies outside one
    of symbolic size, each of its values is a case. None where that does not make it affine."""
    plain = linear(sizes, indices)
    if plain is not None:
        return [("true", plain)]
    inner = positions(sizes[1:], indices[1:])
    stride = prod(sizes[1:], start=lift(1))
    if inner is None or not (sizes[0].is_constant and sizes[0].value <= MOST_CASES and fully_affine(stride)):
        return None
    return [
        (f"{indices[0]} = {v} and {condition}", f"{isl_text(stride * v)} + {text}")
        for v in range(int(sizes[0].value))
        for condition, text in inner
    ]


def add(a: Form, b: Form) -> Form:
    """The sum of two forms on the same axes."""
    return Form(a.axes, a.terms + b.terms)


def region(world: World, form: Form) -> isl.Set:
    """All output indices."""
    return world.set(len(form.atoms), world.box(form.atoms)).intersect_params(world.domain)


def spread(world: World, form: Form, axes: Sequence[Sizes], positions: Sequence[int]) -> Form:
    """Lay the form's output indices at `positions` of a larger index space; constant along the others."""
    return join(world, axes, [form], lambda g: [f"{g[0][p]} = {i}" for p, i in zip(positions, g[1], strict=True)])
