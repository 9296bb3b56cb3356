"""Reading a function as affine in one of its inputs, for all sizes: f(X) = T · X + offset."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from jaxiom.cases import Case, trace_cases
from jaxiom.decide import MOST_ORDERS, Orders, factor_orders, input_forms, within
from jaxiom.errors import BadInput, Undecidable
from jaxiom.interpret import interpret
from jaxiom.polyhedra.axes import Misaligned
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Sizes, Term
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World, budget
from jaxiom.rules.constants import CONSTANT
from jaxiom.rules.polyhedral import Polyhedral
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes as Allowed


@dataclass(frozen=True)
class Affine:
    """f(X) = T · X + offset, for all sizes.

    Attributes:
        world: the sizes and the tensors.
        entries: T[o; x] for each output: forms whose axes are the output's, then those of `wrt`.
        offsets: the forms of what f adds.
        outputs: each output's axes.
        inputs: the axes of `wrt`.
        leaves: a name for each output.
        tensors: the axes of every input.
        sizes: what it holds for.
        notes: how the program's numbers were read.
    """

    world: World
    entries: tuple[Form, ...]
    offsets: tuple[Form, ...]
    outputs: tuple[tuple[Sizes, ...], ...]
    inputs: tuple[Sizes, ...]
    leaves: tuple[str, ...]
    tensors: Mapping[str, tuple[Sizes, ...]]
    sizes: Allowed
    notes: tuple[str, ...]

    @cached_property
    def is_linear(self) -> bool:
        """Whether the offset is zero for all inputs and sizes."""
        return not any(nonzero_regions(self.world, offset) for offset in self.offsets)


class NotAffine(Exception):
    """A term of degree 2 or more in `wrt` does not vanish."""


def read_affine(function: Callable[..., Any], signature: Signature, wrt: str) -> Affine:
    """Interpret f for all sizes and take its terms apart by their degree in `wrt`.

    Raises:
        NotAffine: f is of higher degree, for some sizes.
        Undecidable, Unsupported, BadInput: f cannot be read for all sizes.
    """
    with budget():
        parts = [read_case(signature, wrt, case) for case in trace_cases(function, function, signature)]
    if not parts:
        raise BadInput("given: no size is left")
    first, *others = parts
    return joined(signature, first, others) if others else first


def read_case(signature: Signature, wrt: str, case: Case) -> Affine:
    failure: Misaligned | None = None
    for orders in itertools.islice(factor_orders(signature), MOST_ORDERS):
        try:
            return read_with(signature, wrt, case, orders)
        except Misaligned as error:
            failure = failure or error
    raise failure or Undecidable("no order of factors")


def read_with(signature: Signature, wrt: str, case: Case, orders: Orders) -> Affine:
    world = World(case.sizes.names, case.sizes.domain)
    rules = Polyhedral(world, case.scope)
    inputs = input_forms(world, signature, orders)
    forms = interpret(rules.table(), case.lhs.closed, inputs.forms)
    forms = [within(world, form) for form in forms]
    known = {leaf.name for leaf in signature.leaves}
    axes = inputs.axes[wrt]
    entries, offsets = [], []
    for form in forms:
        refuse_unknown(form, known)
        higher = [t for t in form.terms if t.monomial.count(wrt) > 1]
        if higher and nonzero_regions(world, replace(form, terms=tuple(higher))):
            raise NotAffine
        entries.append(entry_form(world, form, wrt, axes))
        offsets.append(replace(form, terms=tuple(t for t in form.terms if wrt not in t.monomial)))
    narrowed = (*case.sizes.narrowed, *case.excluded, *world.narrowed)
    return Affine(
        world,
        tuple(entries),
        tuple(offsets),
        tuple(form.axes for form in forms),
        axes,
        case.lhs.leaves,
        inputs.axes | rules.constants,
        replace(case.sizes, domain=world.domain, narrowed=narrowed),
        tuple(rules.notes),
    )


def refuse_unknown(form: Form, known: set[str]) -> None:
    """A tensor that is neither an input nor a constant may itself depend on `wrt`: its terms cannot be told apart."""
    for term in form.terms:
        for name in term.monomial:
            if name not in known and not name.startswith(CONSTANT):
                raise Undecidable(f"the function holds {name}, which may depend on the input in a way that is not read")


def entry_form(world: World, form: Form, wrt: str, axes: Sequence[Sizes]) -> Form:
    """The terms of degree 1 in `wrt`, its index moved to the other side: the form of T[o; x]."""
    outputs = len(form.atoms)
    terms = []
    for term in form.terms:
        if term.monomial.count(wrt) != 1:
            continue
        at = term.monomial.index(wrt)
        start = outputs + sum(world.ranks[name] for name in term.monomial[:at])
        inner = range(start, start + world.ranks[wrt])
        rest = [p for p in range(outputs, term.points.dim(SET)) if p not in inner]
        order = [*range(outputs), *inner, *rest]
        moved = {old: new for new, old in enumerate(order)}
        terms.append(
            Term(
                (*term.monomial[:at], *term.monomial[at + 1 :]),
                world.rearrange(term.points, order),
                term.weight.renumber(moved),
                tuple(d.renumber(moved) for d in term.divisors),
            )
        )
    return Form((*form.axes, *axes), tuple(terms))


def joined(signature: Signature, first: Affine, others: Sequence[Affine]) -> Affine:
    """One reading of all cases: their terms' sets are apart, for each holds its case's sizes."""
    world = World(signature.sizes.names, first.world.domain, dict(first.world.ranks))
    entries, offsets = list(first.entries), list(first.offsets)
    for other in others:
        same = (other.outputs, other.inputs, other.leaves) == (first.outputs, first.inputs, first.leaves)
        if not same or any(world.ranks.get(name, rank) != rank for name, rank in other.world.ranks.items()):
            raise Undecidable(
                "the function branches on sizes, and its output has another shape in one of the cases; "
                "leave that case out by given="
            )
        world.ranks.update(other.world.ranks)
        world.domain = world.domain.union(other.world.domain).coalesce()
        entries = [replace(a, terms=a.terms + b.terms) for a, b in zip(entries, other.entries, strict=True)]
        offsets = [replace(a, terms=a.terms + b.terms) for a, b in zip(offsets, other.offsets, strict=True)]
    narrowed = tuple(dict.fromkeys(n for part in (first, *others) for n in part.sizes.narrowed))
    return replace(
        first,
        world=world,
        entries=tuple(entries),
        offsets=tuple(offsets),
        tensors={name: axes for part in (first, *others) for name, axes in part.tensors.items()},
        sizes=replace(signature.sizes, domain=world.domain, narrowed=narrowed),
        notes=tuple(dict.fromkeys(n for part in (first, *others) for n in part.notes)),
    )
