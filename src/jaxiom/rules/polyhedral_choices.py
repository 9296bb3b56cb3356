"""The polyhedral rules of comparisons, of the logic of truth values, and of choices by them.

A truth value is 1 or 0. One that hangs on indices and sizes alone is a set; one that hangs on the inputs is an opaque
tensor, on which logic is arithmetic.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan, prod

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import finer, plus, refactor
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Missing, Term, join, scalar, spread
from jaxiom.polyhedra.graphs import common_scale, compute, condition, everywhere, from_condition, graph, restrict
from jaxiom.polyhedra.polynomial import lift
from jaxiom.polyhedra.settle import SET
from jaxiom.rules.applications import applied, certainly_positive
from jaxiom.rules.frame import Frame, kind_of
from jaxiom.rules.polyhedral_arithmetic import times
from jaxiom.rules.polyhedral_division import described
from jaxiom.rules.polyhedral_indices import common, refuse_unless


def comparison(relation: str) -> Rule:
    """A comparison: of index tensors the set on which it holds, of the inputs an opaque tensor of truth values."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        a, b = common(on, step, a, b)
        if any(t.monomial or not t.weight.is_affine for t in (*a.terms, *b.terms)):
            difference = plus(on.world, a, b.scale(-1))
            cells = nonzero_regions(on.world, difference)
            a, b = (replace(difference, terms=t) for t in (tuple(by_sign(on, c) for c in cells), ()))
            for sign in (1, -1):
                if certainly_positive(on, a.scale(sign)):
                    a = spread(on.world, scalar(on.world, sign), a.axes, ())
        if by_inputs(a):
            return OF_INPUTS[relation](on, a)
        scale = common_scale(on.world, [a, b])
        held = compute(on.world, [a, b], f"_a0 {relation} _a1 and _v = 1", scale)
        return from_condition(a.axes, held.project_out(SET, len(a.atoms), 1))

    return rule


def by_inputs(form: Form) -> bool:
    return any(t.monomial for t in form.terms)


def by_sign(on: Frame, term: Term) -> Term:
    """A term of sizes alone whose weight is not affine, replaced by its sign where that is known."""
    if term.monomial or (term.weight.is_affine and all(d.is_constant for d in term.divisors)):
        return term
    sign = prod(on.world.sign(p) or 0 for p in (term.weight, *term.divisors))
    return replace(term, weight=lift(sign), divisors=()) if sign else term


def positive(on: Frame, difference: Form) -> Form:
    return applied(on, "positive", difference)


def negative(on: Frame, difference: Form) -> Form:
    return positive(on, difference.scale(-1))


def zero(on: Frame, difference: Form) -> Form:
    return applied(on, "zero", difference)


def unless(truth: Callable[[Frame, Form], Form]) -> Callable[[Frame, Form], Form]:
    return lambda on, difference: complement(on, truth(on, difference))


def complement(on: Frame, truth: Form) -> Form:
    one = from_condition(truth.axes, everywhere(on.world, truth.axes))
    return plus(on.world, one, truth.scale(-1))


OF_INPUTS: dict[str, Callable[[Frame, Form], Form]] = {
    ">": positive,
    "<": negative,
    "=": zero,
    "<=": unless(positive),
    ">=": unless(negative),
    "!=": unless(zero),
}
"""A comparison of the inputs, by the sign of a difference."""

OF_TRUTHS: dict[str, Callable[[Frame, Form, Form], Form]] = {
    "and": times,
    "or": lambda on, a, b: plus(on.world, plus(on.world, a, b), times(on, a, b).scale(-1)),
    "xor": lambda on, a, b: plus(on.world, plus(on.world, a, b), times(on, a, b).scale(-2)),
}


def logic(combine: Callable[[isl.Set, isl.Set], isl.Set]) -> Rule:
    """Boolean logic of conditions."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        refuse_unless(step, "bool")
        a, b = common(on, step, a, b)
        if by_inputs(a) or by_inputs(b):
            return OF_TRUTHS[step.primitive](on, a, b)
        nowhere = everywhere(on.world, a.axes)
        nowhere = nowhere.subtract(nowhere)
        held = [condition(f) or nowhere for f in (a, b)]
        return from_condition(a.axes, combine(*held))

    return rule


def logical_not(on: Frame, step: Step, a: Form) -> Form:
    refuse_unless(step, "bool")
    if by_inputs(a):
        return complement(on, a)
    held = condition(a)
    full = everywhere(on.world, a.axes)
    return from_condition(a.axes, full if held is None else full.subtract(held))


def select_n(on: Frame, step: Step, which: Form, *cases: Form) -> Form:
    """A choice by a condition or by an index. NaN may stand in a case that is never chosen; sizes at which nothing else
    is chosen are left out."""
    known = [case for case in cases if not isinstance(case, Missing)]
    if not known:  # no infinity where another may be chosen
        values = {case.value for case in cases if isinstance(case, Missing)}
        return Missing(values.pop() if len(values) == 1 else nan, cases[0].axes)
    axes = list(known[0].axes)
    for other in known:
        axes = [finer(on.world, x, y) for x, y in zip(axes, other.axes, strict=True)]
    if not which.axes and axes:
        which = join(on.world, axes, [which], lambda g: [])
    which = refactor(on.world, which, axes)
    if by_inputs(which):
        return choose(on, *(refactor(on.world, case, axes) for case in (which, *cases)))
    where = chosen(on, step, which, len(cases))
    result: Form | None = None
    for case, here in zip(cases, where, strict=True):
        if isinstance(case, Missing):
            leave_out(on, step, here, everywhere(on.world, axes))
            continue
        part = restrict(on.world, refactor(on.world, case, axes), here)
        result = part if result is None else plus(on.world, result, part)
    assert result is not None
    return result


def choose(on: Frame, truth: Form, otherwise: Form, then: Form) -> Form:
    """A choice by the inputs: a truth value is 0 or 1."""
    return plus(on.world, otherwise, times(on, truth, plus(on.world, then, otherwise.scale(-1))))


def chosen(on: Frame, step: Step, which: Form, count: int) -> list[isl.Set]:
    """Where each of the cases is chosen."""
    full = everywhere(on.world, which.axes)
    if kind_of(step.ins[0].dtype) == "bool":
        held = condition(which)
        true = full.subtract(full) if held is None else held
        return [full.subtract(true), true]
    points = graph(on.world, which)
    at = points.dim(SET) - 1
    if not points.is_subset(on.world.set(at + 1, [f"0 <= _{at} < {count}"])):
        raise Undecidable(f"{step.primitive} at {step.line} may choose by an index that is none of its {count} cases")
    return [points.intersect(on.world.set(at + 1, [f"_{at} = {k}"])).project_out(SET, at, 1) for k in range(count)]


def reduced_condition(every: bool) -> Rule:
    """Whether a condition holds everywhere, or somewhere, along axes."""

    def rule(on: Frame, step: Step, x: Form, *, axes: Sequence[int]) -> Form:
        refuse_unless(step, "bool")
        if by_inputs(x):
            raise step.refuse("of truth values that hang on the inputs it has no rule")
        kept = [i for i in range(len(x.axes)) if i not in axes]
        order = [p for i in kept for p in x.positions(i)]
        full = everywhere(on.world, x.axes)
        held = condition(x) or full.subtract(full)
        some = on.world.rearrange(full.subtract(held) if every else held, order)
        outer = [x.axes[i] for i in kept]
        return from_condition(outer, everywhere(on.world, outer).subtract(some) if every else some)

    return rule


reduce_and, reduce_or = reduced_condition(True), reduced_condition(False)


def leave_out(on: Frame, step: Step, nan: isl.Set, full: isl.Set) -> None:
    """Leave out the sizes at which NaN or infinity is chosen everywhere.

    Raises:
        Undecidable: at some sizes it is chosen in a part of the entries.
    """
    if nan.is_empty():
        return
    sizes = nan.params()
    if not full.intersect_params(sizes).is_subset(nan):
        raise Undecidable(f"{step.primitive} at {step.line} may choose NaN or infinity")
    on.world.narrow(sizes, f"not {described(sizes, on.world.domain)} (NaN, says {step.line})")
