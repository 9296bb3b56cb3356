"""Opaque tensors: a function of forms, entry by entry, of which only congruence is known: f(A) = f(B) where A = B.

An application f(A) stands at the indices of A as a tensor of its own. Indices at which the arguments are equal share
one entry, and a second application of f refers to the first one's entries wherever its arguments are equal to those.
Where they might be is guessed from the accesses: o goes to the least o' at which the same entries of the same tensors
are met. Then argument(o) - argument(guess(o)) = 0 is put to the zero test, and the guess stands only on the indices
and sizes where that is proved; a wrong guess costs only an `undecided`.

A function may also run over the last axes of its arguments, as a maximum does, in any order: then two of its entries
are the same where the arguments are equal all along these axes, in some order of the axes.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from math import lcm, prod

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Sizes, Term, add, join, region
from jaxiom.polyhedra.graphs import restrict
from jaxiom.polyhedra.polynomial import Polynomial, isl_text, lift
from jaxiom.polyhedra.settle import SET, as_map
from jaxiom.polyhedra.world import World

MARK = "#"
"""What tells an opaque tensor's name from an input's."""


def is_opaque(name: str) -> bool:
    return MARK in name


@dataclass(frozen=True)
class Application:
    """An opaque tensor.

    Attributes:
        name: of the tensor, as monomials hold it.
        function: what is applied.
        arguments: forms on the same axes; the tensor's entry at m is the function of their entries at m.
        points: the indices m that are referred to.
        over: how many of the arguments' axes, the last ones, the function runs over; m is without them.
    """

    name: str
    function: str
    arguments: tuple[Form, ...]
    points: isl.Set
    over: int = 0

    @property
    def axes(self) -> tuple[Sizes, ...]:
        return kept(self.arguments[0], self.over)


@dataclass
class Opaques:
    """The applications met so far, in both sides of a claim."""

    by_name: dict[str, Application] = field(default_factory=dict)

    @property
    def tensors(self) -> Mapping[str, tuple[Sizes, ...]]:
        """The axes of each opaque tensor."""
        return {name: application.axes for name, application in self.by_name.items()}

    def functions_of(self, names: Iterable[str]) -> list[str]:
        """What is applied in the opaque ones among some tensors."""
        return sorted({self.by_name[name].function for name in names if name in self.by_name})

    def apply(
        self,
        world: World,
        function: str,
        arguments: Sequence[Form],
        known: Sequence["Known"] = (),
        over: int = 0,
    ) -> Form:
        """The tensor f(arguments), for arguments on the same axes; `known` says at which indices its value is a number.
        A function that runs over the last `over` axes, each of one factor, must not mind their order, nor that of the
        entries along them.

        >>> from jaxiom.polyhedra.form import tensor
        >>> world, n = World(("n",), isl.Set("[n] -> { : n >= 1 }")), Polynomial.variable("n")
        >>> x, opaques = tensor(world, "x", [(n,)]), Opaques()
        >>> first, second = (opaques.apply(world, "exp", [x]) for _ in range(2))
        >>> nonzero_regions(world, add(first, second.scale(-1)))
        []
        """
        axes = kept(arguments[0], over)
        canonical = [replace(a, terms=tuple(nonzero_regions(world, a))) for a in arguments]
        rest = region(world, Form(axes, ()))
        terms: list[Term] = []
        for points, value in known:
            terms += [Term((), points, lift(value))] if value else []
            rest = rest.subtract(points)
        for other in list(self.by_name.values()):
            alike = (other.function, other.over, len(other.arguments)) == (function, over, len(arguments))
            if not alike or rest.is_empty():
                continue
            link = linked(world, canonical, other.arguments, rest, other.points, over)
            rest = rest.subtract(link.domain())
            terms += access(other.name, link)
        if not rest.is_empty():
            terms += self.register(world, function, canonical, rest.coalesce(), over)
        return Form(axes, tuple(terms))

    def register(
        self, world: World, function: str, arguments: Sequence[Form], points: isl.Set, over: int
    ) -> list[Term]:
        """A tensor of its own; an index at which the arguments are those of a lesser one refers to that."""
        link = linked(world, arguments, arguments, points, points, over)
        alone = points.subtract(link.domain())
        link = link.union(alone.identity()).coalesce()
        name = f"{function}{MARK}{len(self.by_name) + 1}"
        self.by_name[name] = Application(name, function, tuple(arguments), link.range().coalesce(), over)
        world.ranks[name] = points.dim(SET)
        return access(name, link)


Known = tuple[isl.Set, Polynomial]
"""Indices, and the value there: a number."""


def access(name: str, link: isl.Map) -> list[Term]:
    """The tensor at the index that each index is linked to."""
    return [] if link.is_empty() else [Term((name,), link.wrap().flatten().coalesce(), lift(1))]


def kept(argument: Form, over: int) -> tuple[Sizes, ...]:
    """The axes that a function does not run over."""
    return argument.axes[: len(argument.axes) - over]


def linked(
    world: World, here: Sequence[Form], there: Sequence[Form], domain: isl.Set, range_: isl.Set, over: int
) -> isl.Map:
    """To indices of `domain` one at which the function has the same arguments, proved: what is left out has none, or
    none that was found."""
    found = isl.Map.from_domain_and_range(domain, range_)
    found = found.subtract(found)
    if not over:
        for pairs in candidates(world, here, there, domain, range_):
            guessed = pairs.subtract_domain(found.domain()).lexmin()
            found = found.union(proved(world, here, there, guessed))
        return found.coalesce()
    for way in ways(world, here[0].axes[-over:], there[0].axes[-over:]):
        found = found.union(linked_along(world, here, there, domain, range_, way))
    return found.lexmin().coalesce()


Way = Sequence[tuple[int, Polynomial | None]]
"""For each axis that is run over the one it is matched with, and its size where it is so backwards."""
MOST_TURNED = 2
MOST_ORDERS = 24  # all of four axes


def ways(world: World, here: Sequence[Sizes], there: Sequence[Sizes]) -> Iterator[Way]:
    """Orders of some axes in which their sizes agree; of few axes, forwards and backwards."""
    turns = (False, True) if len(here) <= MOST_TURNED else (False,)
    for backwards in itertools.product(turns, repeat=len(here)):
        for order in itertools.islice(itertools.permutations(range(len(here))), MOST_ORDERS):
            if all(world.same(here[i][0], there[j][0]) for i, j in enumerate(order)):
                yield [
                    (j, here[i][0] if back else None) for i, (j, back) in enumerate(zip(order, backwards, strict=True))
                ]


def linked_along(
    world: World, here: Sequence[Form], there: Sequence[Form], domain: isl.Set, range_: isl.Set, way: Way
) -> isl.Map:
    """As `linked`, the axes that are run over matched in one way."""
    count, other, over = domain.dim(SET), range_.dim(SET), len(way)
    # Tuples [o, r, o', r']; r' is r in another order.
    width, last = count + over + other + over, count + over + other
    first, second = range(count + over), range(count + over, width)
    ties = world.set(
        width,
        [
            f"_{last + j} = _{count + i}" if turned is None else f"_{last + j} = {isl_text(turned)} - 1 - _{count + i}"
            for i, (j, turned) in enumerate(way)
        ],
    )
    wide = [world.embed(s, len(p), range(s.dim(SET))) for s, p in ((domain, first), (range_, second))]
    whole = [region(world, f[0]).intersect(s) for f, s in zip((here, there), wide, strict=True)]
    outs = [*range(count), *range(count + over, last)]
    anywhere = world.embed(whole[0], width, first).intersect(world.embed(whole[1], width, second)).intersect(ties)
    everywhere = as_map(world.rearrange(anywhere, outs), count)
    found = everywhere.subtract(everywhere)
    for pairs in candidates(world, here, there, *whole):
        missing = as_map(world.rearrange(anywhere.subtract(pairs.wrap().flatten()), outs), count)
        link = everywhere.subtract(missing).subtract_domain(found.domain()).lexmin()
        graph = as_map(anywhere.intersect(world.embed(link.wrap().flatten(), width, outs)), count + over)
        wrong = graph.domain().subtract(proved(world, here, there, graph).domain())
        found = found.union(link.subtract_domain(wrong.project_out(SET, count, over)))
    return found


def candidates(
    world: World, here: Sequence[Form], there: Sequence[Form], domain: isl.Set, range_: isl.Set
) -> Iterator[isl.Map]:
    """Pairs of indices at which the arguments may be equal, the likelier ones first; of these the least are tried."""
    loose = matches(world, here, there, domain, range_)
    if not loose.is_single_valued():
        yield alike(world, here, there, loose)
    yield loose


def alike(world: World, here: Sequence[Form], there: Sequence[Form], pairs: isl.Map) -> isl.Map:
    """Of pairs those at which the arguments meet just the same entries of the same tensors: sums over windows that
    overlap have some in common."""
    for a, b in zip(here, there, strict=True):
        for monomial in {t.monomial for t in (*a.terms, *b.terms)}:
            ours, theirs = ([t for t in form.terms if t.monomial == monomial] for form in (a, b))
            told = all(weights_are_affine(ours[0] if ours else t, t) for t in (*ours, *theirs))
            scale = lcm(*(t.weight.denominator for t in (*ours, *theirs))) if told else 0
            met = []
            for terms, end, form in ((ours, pairs.domain_map(), a), (theirs, pairs.range_map(), b)):
                entries = [end.apply_range(relation(world, t, len(form.atoms), scale)) for t in terms]
                met.append(reduce(isl.Map.union, entries) if entries else None)
            for one, other in (met, met[::-1]):
                if one is not None:
                    pairs = pairs.subtract((one if other is None else one.subtract(other)).domain().unwrap())
    return pairs


def matches(world: World, here: Sequence[Form], there: Sequence[Form], domain: isl.Set, range_: isl.Set) -> isl.Map:
    """The pairs of indices at which every term of the arguments meets an entry that a term of the others does."""
    found = isl.Map.from_domain_and_range(domain, range_)
    for a, b in zip(here, there, strict=True):
        for term in a.terms:
            found = found.intersect(counterparts(world, term, len(a.atoms), b, domain, range_))
        for term in b.terms:
            found = found.intersect(counterparts(world, term, len(b.atoms), a, range_, domain).reverse())
    return found


def counterparts(world: World, term: Term, outputs: int, other: Form, domain: isl.Set, range_: isl.Set) -> isl.Map:
    """The pairs (o, o') such that a term, where it is present at o, has one in another form with the same accesses and,
    as far as that can be said, the same weight at o'."""
    here = term.points.project_out(SET, outputs, term.points.dim(SET) - outputs)
    found = isl.Map.from_domain_and_range(domain.subtract(here), range_)
    for candidate in other.terms:
        if candidate.monomial == term.monomial and not weights_differ(world, term, candidate):
            there = len(other.atoms)
            told = weights_are_affine(term, candidate)
            scale = lcm(term.weight.denominator, candidate.weight.denominator) if told else 0
            left, right = relation(world, term, outputs, scale), relation(world, candidate, there, scale)
            found = found.union(left.apply_range(right.reverse()))
    return found


def weights_differ(world: World, a: Term, b: Term) -> bool:
    """Whether two coefficients are known to differ: two of sizes alone that are not the same for all sizes."""
    left, right = (t.weight * prod(o.divisors, start=lift(1)) for t, o in ((a, b), (b, a)))
    if any(isinstance(v, int) for p in (left, right) for v in p.variables):
        return False
    return not world.same(left, right)


def weights_are_affine(a: Term, b: Term) -> bool:
    """Whether isl can compare two coefficients."""
    sizes_alone = not any(isinstance(v, int) for d in a.divisors for v in d.variables)
    plain = all(w.is_affine and all(isinstance(v, int | str) for v in w.variables) for w in (a.weight, b.weight))
    return a.divisors == b.divisors and sizes_alone and plain


def relation(world: World, term: Term, outputs: int, scale: int) -> isl.Map:
    """From the outputs to a term's accesses, and `scale` times its weight as one access more."""
    accesses, size = sum(world.ranks[t] for t in term.monomial), term.points.dim(SET)
    weight = isl_text(term.weight * scale) if scale else "0"
    points = world.embed(term.points, size + 1, range(size)).intersect(world.set(size + 1, [f"_{size} = {weight}"]))
    return as_map(points.project_out(SET, outputs + accesses, size - outputs - accesses), outputs)


def proved(world: World, here: Sequence[Form], there: Sequence[Form], link: isl.Map) -> isl.Map:
    """The part of a guess on which here(o) = there(link(o)) is proved, for all inputs."""
    wrong = link.domain().subtract(link.domain())
    if link.is_empty():
        return link
    where, graph = link.domain(), link.wrap().flatten()
    try:
        for a, b in zip(here, there, strict=True):
            pulled = join(world, a.axes, [b], lambda g: [], ties=lambda g: [(graph, [*g[0], *g[1]])])
            for term in nonzero_regions(world, add(restrict(world, a, where), pulled.scale(-1))):
                count = len(a.atoms)
                wrong = wrong.union(term.points.project_out(SET, count, term.points.dim(SET) - count))
    except Undecidable:
        return link.subtract(link)
    return link.subtract_domain(wrong).coalesce()
