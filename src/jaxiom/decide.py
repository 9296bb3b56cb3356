"""`prove`: are two functions equal for every input and every size?"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import islpy as isl

from jaxiom.cases import Case, trace_cases
from jaxiom.crosscheck import crosscheck
from jaxiom.difference import Difference
from jaxiom.errors import BadInput, BadShape, DivisionByZero, NeedsIntervals, Undecidable
from jaxiom.exact import VARIED, random_inputs
from jaxiom.hypotheses import Ledger, interpret_hypotheses
from jaxiom.interpret import interpret
from jaxiom.polyhedra.axes import Misaligned, plus
from jaxiom.polyhedra.equality import nonzero_regions, simplest
from jaxiom.polyhedra.form import Form, Sizes, Term, tensor
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.polynomial import Polynomial, fully_affine, isl_text
from jaxiom.polyhedra.reading import read
from jaxiom.polyhedra.revealing import read_all
from jaxiom.polyhedra.world import OPERATIONS, World, budget
from jaxiom.rules.polyhedral import Polyhedral
from jaxiom.signature import Signature, read_signature
from jaxiom.sizes import Shape
from jaxiom.trace import Traced
from jaxiom.verdict import Proved, Refuted, Undecided, Verdict, Witness
from jaxiom.witness import find_witness, search_satisfying, search_witness, suspects

Function = Callable[..., Any]
Orders = Mapping[str, tuple[tuple[int, ...], ...]]
"""For each input and axis, the order in which the axis's factors are laid out, outermost first."""

MOST_ORDERS = 60
READ_AS = " is read as "
SAME_PROGRAM = "both sides are the same program"


def prove(
    lhs: Function,
    rhs: Function,
    *,
    given: str = "",
    shapes: Mapping[str, Any] | None = None,
    assume: Function | None = None,
    operations: int = OPERATIONS,
    **named_shapes: Any,
) -> Verdict:
    """Decide whether two functions of arrays are equal, for every input and every size.

    Shapes are strings in jaxtyping's style, by parameter ("n h w c", "3 3 c f", "2*h w", "" for a scalar, `int` for
    an integer variable); both functions get the parameters in that order. `shapes=` takes any names, and pytrees of
    shapes. Left out, shapes come from jaxtyping annotations of `lhs`. The meaning is over the reals.

    Args:
        lhs, rhs: functions of arrays, returning an array or a pytree of arrays of the same shapes.
        given: constraints on the sizes, as "h >= kh, w >= kw, h % 2 == 0". Sizes are at least 1.
        assume: equations that the inputs satisfy: a function of some of the parameters, by name, that returns a list
            of pairs of arrays. The verdict is about the inputs on which the two arrays of each pair are equal.
        operations: isl's budget; past it the verdict is undecided.

    Returns:
        A `Proved`, `Refuted` or `Undecided` verdict.

    Raises:
        BadShape: shapes cannot be read, do not fit the functions, or differ between the two sides.
        BadInput: the functions do not run on these shapes, or their output is empty for every size.
        Unsupported: a primitive that jaxiom has no rule for.
        InternalDisagreement: jaxiom contradicts itself; a bug in jaxiom.

    >>> import jaxiom
    >>> jaxiom.prove(lambda A, B, C: (A @ B) @ C, lambda A, B, C: A @ (B @ C), A="n m", B="m k", C="k l").status
    'proved'
    >>> print(jaxiom.prove(lambda x: x.sum(0), lambda x: x.mean(0), x="n").difference)
    (n - 1)/(n)·(Σ_{i<n} x[i])

    >>> import jax.numpy as jnp
    >>> def orthonormal(Q):
    ...     return [(Q.T @ Q, jnp.eye(Q.shape[1]))]
    >>> jaxiom.prove(lambda x, Q: x @ Q @ Q.T @ Q, lambda x, Q: x @ Q, x="n m", Q="m k", assume=orthonormal).status
    'proved'
    """
    named = {**(shapes or {}), **named_shapes}
    return decide(lhs, rhs, read_signature([lhs, rhs], named, given, assume), operations)


def decide(lhs: Function, rhs: Function, signature: Signature, operations: int = OPERATIONS) -> Verdict:
    """`prove` on a signature that has been read."""
    start = time.perf_counter()
    verdicts: list[Verdict] = []
    ledger, excluded = Ledger(lhs, rhs, signature), []
    try:
        for case in trace_cases(lhs, rhs, signature, excluded):
            try:
                verdicts.append(decide_case(lhs, rhs, signature, case, operations, ledger))
            except DivisionByZero:
                if not case.zero:
                    raise
                excluded.append(case.without)
    except Undecidable as error:
        verdicts.append(Undecided(signature.sizes, reason=str(error)))
    verdict = ledger.conclude(join_verdicts(signature, verdicts, excluded))
    return replace(verdict, seconds=time.perf_counter() - start)


def join_verdicts(signature: Signature, verdicts: Sequence[Verdict], excluded: Sequence[str] = ()) -> Verdict:
    """One verdict of all cases: refuted where one is, else undecided where one is, else proved."""
    everywhere = all(SAME_PROGRAM in v.notes for v in verdicts)
    notes = tuple(dict.fromkeys(n for v in verdicts for n in v.notes if n != SAME_PROGRAM or everywhere))
    for kind in (Refuted, Undecided):
        for verdict in verdicts:
            if isinstance(verdict, kind):
                return replace(verdict, notes=notes, cases=tuple(verdicts) if kind is Refuted else ())
    if not verdicts and excluded:
        raise BadInput("the sides divide by zero for every allowed size: the claim says nothing. Check given=")
    if not verdicts:
        raise BadShape("given: no size is left to prove the claim for")
    domain = verdicts[0].sizes.domain
    for verdict in verdicts[1:]:
        domain = domain.union(verdict.sizes.domain)
    narrowed = tuple(dict.fromkeys([*excluded, *(n for v in verdicts for n in v.sizes.narrowed)]))
    sizes = replace(signature.sizes, domain=domain.coalesce(), narrowed=narrowed)
    return replace(verdicts[0], sizes=sizes, notes=notes)


@dataclass(frozen=True)
class Sides:
    """The differences of both sides of a case as forms, output by output, and those of the hypotheses."""

    world: World
    differences: tuple[Form, ...]
    hypotheses: tuple[Form, ...]
    tensors: Mapping[str, tuple[Sizes, ...]]
    opaques: Opaques
    orders: Orders
    notes: tuple[str, ...]


def decide_case(
    lhs: Function, rhs: Function, signature: Signature, case: Case, operations: int, ledger: Ledger
) -> Verdict:
    """The verdict for the sizes of one case."""
    sizes = replace(case.sizes, narrowed=(*case.sizes.narrowed, *case.excluded))
    if sizes.domain.is_empty():
        return Undecided(sizes, reason="; ".join(case.excluded))
    same = (SAME_PROGRAM,) if case.lhs.is_same_program(case.rhs) else ()
    try:
        with budget(operations):
            sides = interpret_sides(signature, case)
            ledger.enter(sides.world, sides.opaques, sides.hypotheses, sides.tensors)
            found = left_over(sides, ledger, operations)
            sizes = replace(sizes, domain=sides.world.domain, narrowed=(*sizes.narrowed, *sides.world.narrowed))
            notes = (*same, *sides.notes, *quotients(case))
            if found.zero:
                zero = Difference({leaf: read(sides.world, d, (), {}) for leaf, d in named(case, sides)})
                usual = VARIED if sides.opaques.by_name else (random_inputs,)
                notes += crosscheck(lhs, rhs, signature, sizes, case, (ledger.draw,) if found.assumed else usual)
                return Proved(sizes, difference=zero, notes=notes)
            return refute(lhs, rhs, signature, case, sides, found.regions, sizes, notes)
    except Misaligned as error:
        return misaligned(lhs, rhs, signature, sizes, case, error)
    except Undecidable as error:
        return Undecided(sizes, reason=str(error), notes=same)


def quotients(case: Case) -> Iterator[str]:
    """Notes on the quotients of plain numbers."""
    for line in dict.fromkeys(line for program in case.programs for line in program.quotients):
        yield f"the quotient of sizes at {line} is read as exact; where the sizes are numbers, Python rounds it"


@dataclass(frozen=True)
class LeftOver:
    """What is left of the differences of a case: the regions where they are not zero (none where that could not be
    told), and whether it was the hypotheses that made them zero."""

    zero: bool
    regions: Sequence[Sequence[Term]] = ()
    assumed: bool = False


def left_over(sides: Sides, ledger: Ledger, operations: int) -> LeftOver:
    """Put the differences to the zero test, then to the hypotheses."""
    regions: Sequence[Sequence[Term]] = ()
    try:
        with budget(operations // 4 if sides.hypotheses else operations):
            regions = [nonzero_regions(sides.world, d) for d in sides.differences]
        if not any(regions):
            return LeftOver(True)
    except Undecidable:
        if not sides.hypotheses:
            raise
    if ledger.certify(sides.world, sides.differences, sides.hypotheses, operations // 2):
        return LeftOver(True, assumed=True)
    return LeftOver(False, regions)


def named(case: Case, sides: Sides) -> Iterator[tuple[str, Form]]:
    return zip(case.lhs.leaves, sides.differences, strict=True)


def refute(
    lhs: Function,
    rhs: Function,
    signature: Signature,
    case: Case,
    sides: Sides,
    regions: Sequence[Sequence[Term]],
    sizes: Any,
    notes: tuple[str, ...],
) -> Verdict:
    """A refuted verdict with its witness; undecided (with the difference) where none could be shown."""
    difference: Difference | None = None
    try:
        if not regions:
            raise Undecidable("where it is not zero could not be told within isl's budget")
        expressions = {
            leaf: read_all(sides.world, sides.opaques, d, simplest(sides.world, d), sides.tensors)
            for leaf, d in named(case, sides)
        }
        difference = Difference(expressions, case.words)
    except Undecidable as error:
        notes += (f"no closed form of the difference: {error}",)
    try:
        witness = look_for_witness(lhs, rhs, signature, case, sides, regions, sizes)
    except (Undecidable, NeedsIntervals) as error:
        return Undecided(sizes, difference=difference, reason=str(error), notes=notes)
    if any(READ_AS in n for n in sides.notes):
        notes += near_miss(signature, case)
    return Refuted(sizes, difference=difference, witness=witness, notes=notes)


def look_for_witness(
    lhs: Function,
    rhs: Function,
    signature: Signature,
    case: Case,
    sides: Sides,
    regions: Sequence[Sequence[Term]],
    sizes: Any,
) -> Witness:
    """A witness of a difference that is not zero as a formula.

    Raises:
        Undecidable: none was found.
        NeedsIntervals: exp, sqrt and the like are in it, and python-flint is not installed.
    """
    world, forms, leaves = sides.world, sides.differences, case.lhs.leaves
    if signature.assume is not None:
        found = [s.point.sizes for s in suspects(world, regions, signature)]
        return search_satisfying(lhs, rhs, signature, sizes, found, leaves)
    return find_witness(lhs, rhs, signature, world, forms, regions, sides.orders, leaves, sides.opaques)


def near_miss(signature: Signature, case: Case) -> tuple[str, ...]:
    """A note where the claim holds once float literals are read as the simplest rationals within half an ulp."""
    sides = interpret_sides(signature, case, simplest_rationals=True)
    read_as = [n for n in sides.notes if READ_AS in n]
    if read_as and not any(nonzero_regions(sides.world, d) for d in sides.differences):
        return tuple(f"equal if {n}" for n in read_as)
    return ()


def misaligned(
    lhs: Function, rhs: Function, signature: Signature, sizes: Any, case: Case, error: Misaligned
) -> Verdict:
    """Factors that do not line up: a witness at small sizes, or undecided."""
    witness = search_witness(lhs, rhs, signature, sizes, case.lhs.leaves)
    if witness is None:
        return Undecided(sizes, reason=str(error))
    return Refuted(sizes, witness=witness, notes=(f"no closed form of the difference: {error}",))


def check_outputs(case: Case, signature: Signature) -> None:
    """The two sides must have the same outputs, of the same shapes, not empty for every size."""
    for side, traced in (("lhs", case.lhs), ("rhs", case.rhs)):
        if not traced.leaves:
            raise BadShape(f"{side} returns no array; a side of a claim returns an array or a pytree of arrays")
    if len(case.lhs.leaves) != len(case.rhs.leaves):
        raise BadShape(
            f"lhs returns {len(case.lhs.leaves)} arrays, rhs {len(case.rhs.leaves)}; they must return the same"
        )
    if case.lhs.leaves != case.rhs.leaves:
        names = (", ".join(side.leaves) for side in (case.lhs, case.rhs))
        raise BadShape(
            "lhs returns {}, rhs {}; outputs are compared by name, so they must have the same".format(*names)
        )
    world = World(case.sizes.names, case.sizes.domain)
    nonempty = case.sizes.domain.subtract(case.sizes.domain)
    for leaf, left, right in zip(case.lhs.leaves, shapes_of(case.lhs, case), shapes_of(case.rhs, case), strict=True):
        if len(left) != len(right) or not all(world.same(a, b) for a, b in zip(left, right, strict=True)):
            raise BadShape(
                f"lhs{leaf} has shape ({', '.join(map(str, left))}) and rhs{leaf} ({', '.join(map(str, right))}); "
                f"they must agree for every allowed size: {signature.sizes}"
            )
        nonempty = nonempty.union(where_positive(world, left))
    if nonempty.is_empty():
        raise BadInput("the output is empty for every allowed size: the claim says nothing (vacuous). Check given=")


def where_positive(world: World, shape: Sequence[Polynomial]) -> isl.Set:
    """The allowed sizes at which an output has entries; a product of sizes is positive where its factors are."""
    found = world.domain
    for size in shape:
        if fully_affine(size):
            found = found.intersect(world.condition(f"{isl_text(size)} >= 1"))
    return found


def shapes_of(traced: Traced, case: Case) -> list[list[Polynomial]]:
    return [[case.scope.size(d) for d in aval.shape] for aval in traced.closed.out_avals]


def interpret_sides(signature: Signature, case: Case, simplest_rationals: bool = False) -> Sides:
    """Interpret both sides. Where an axis of an input is a product, its indices may be laid out in any order of its
    factors (the input is arbitrary): the first order in which everything lines up.

    Raises:
        Misaligned: there is none.
    """
    failure: Misaligned | None = None
    for orders in itertools.islice(factor_orders(signature), MOST_ORDERS):
        try:
            return interpret_with(signature, case, orders, simplest_rationals)
        except Misaligned as error:
            failure = failure or error
    raise failure or Undecidable("no order of factors")


def factor_orders(signature: Signature) -> Iterator[Orders]:
    """Every order of the factors of every input's axes, as written first."""
    leaves = [leaf for leaf in signature.leaves if isinstance(leaf.shape, Shape)]
    options = [
        list(itertools.product(*(itertools.permutations(range(len(a.factors))) for a in leaf.shape.axes)))
        for leaf in leaves
        if isinstance(leaf.shape, Shape)
    ]
    for choice in itertools.product(*options):
        yield {leaf.name: order for leaf, order in zip(leaves, choice, strict=True)}


@dataclass(frozen=True)
class Inputs:
    """The arrays of a signature as forms: each, its axes by name, and the order in which their factors are laid out."""

    forms: list[Form]
    axes: dict[str, tuple[Sizes, ...]]
    orders: Orders


def input_forms(world: World, signature: Signature, orders: Orders) -> Inputs:
    forms: list[Form] = []
    tensors: dict[str, tuple[Sizes, ...]] = {}
    kept: dict[str, tuple[tuple[int, ...], ...]] = {}
    for leaf in signature.leaves:
        if not isinstance(leaf.shape, Shape):
            continue
        kept[leaf.name] = tuple(
            tuple(i for i in order if not world.is_one(axis.factors[i]))
            for axis, order in zip(leaf.shape.axes, orders[leaf.name], strict=True)
        )
        axes = tuple(
            tuple(axis.factors[i] for i in order) for axis, order in zip(leaf.shape.axes, kept[leaf.name], strict=True)
        )
        tensors[leaf.name] = axes
        forms.append(tensor(world, leaf.name, axes))
    return Inputs(forms, tensors, kept)


def interpret_with(signature: Signature, case: Case, orders: Orders, simplest_rationals: bool) -> Sides:
    world = World(case.sizes.names, case.sizes.domain)
    rules = Polyhedral(world, case.scope, simplest_rationals)
    table = rules.table()
    inputs = input_forms(world, signature, orders)
    left = interpret(table, case.lhs.closed, inputs.forms)
    right = interpret(table, case.rhs.closed, inputs.forms)
    check_outputs(case, signature)
    hypotheses = interpret_hypotheses(world, table, case, inputs.forms)
    differences = tuple(within(world, plus(world, a, b.scale(-1))) for a, b in zip(left, right, strict=True))
    assumed = tuple(within(world, h) for h in hypotheses)
    return Sides(
        world, differences, assumed, inputs.axes | rules.constants, rules.opaques, inputs.orders, tuple(rules.notes)
    )


def within(world: World, form: Form) -> Form:
    """Restrict a form to the sizes that are left after all narrowing."""
    if not world.narrowed:
        return form
    return replace(form, terms=tuple(replace(t, points=t.points.intersect_params(world.domain)) for t in form.terms))
