"""Deciding under hypotheses on the inputs: what they are as forms, what a proof used of them, and what it says."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jaxiom.cases import Case
from jaxiom.errors import BadInput, BadShape, NeedsIntervals, Undecidable
from jaxiom.exact import Inputs, evaluate
from jaxiom.interpret import Table, interpret
from jaxiom.polyhedra.axes import plus
from jaxiom.polyhedra.certificates import certificate
from jaxiom.polyhedra.equality import nonzero_regions, simplest
from jaxiom.polyhedra.form import Form, Sizes
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.revealing import read_all
from jaxiom.polyhedra.world import World, budget
from jaxiom.polyhedra.writing import write_text
from jaxiom.rules.constants import CONSTANT
from jaxiom.satisfying import small_points
from jaxiom.signature import Signature
from jaxiom.verdict import Proved, Undecided, Verdict
from jaxiom.witness import NONE_FOUND, draws


def interpret_hypotheses(world: World, table: Table[Form], case: Case, inputs: Sequence[Form]) -> list[Form]:
    """Left less right of each equation of `assume`.

    Raises:
        BadShape: the sides of one differ in shape.
    """
    if case.assumed is None:
        return []
    sides = interpret(table, case.assumed.closed, inputs)
    shapes = [[case.scope.size(d) for d in aval.shape] for aval in case.assumed.closed.out_avals]
    found: list[Form] = []
    for at in range(0, len(sides), 2):
        left, right = shapes[at], shapes[at + 1]
        if len(left) != len(right) or not all(world.same(a, b) for a, b in zip(left, right, strict=True)):
            raise BadShape(
                f"assume: the sides of pair {at // 2 + 1} have shapes ({', '.join(map(str, left))}) and "
                f"({', '.join(map(str, right))}); they must agree for every allowed size"
            )
        found.append(plus(world, sides[at], sides[at + 1].scale(-1)))
    return found


@dataclass
class Ledger:
    """What the proofs of a claim's cases rest on.

    Attributes:
        texts: each hypothesis in closed form, perhaps another in another case.
        used: those that a certificate needed.
        example: sizes of an input that satisfies all of them, and on which both sides have a value.
    """

    lhs: Callable[..., Any]
    rhs: Callable[..., Any]
    signature: Signature
    texts: dict[int, dict[str, None]] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    example: dict[str, int] | None = None

    def enter(
        self,
        world: World,
        opaques: Opaques,
        hypotheses: Sequence[Form],
        tensors: Mapping[str, tuple[Sizes, ...]],
    ) -> None:
        """Note what the hypotheses are.

        Raises:
            BadInput: one says nothing of the inputs, and is not true.
        """
        for number, form in enumerate(hypotheses):
            regions = nonzero_regions(world, form)
            if regions and all(name.startswith(CONSTANT) for t in regions for name in t.monomial):
                raise BadInput(about_sizes(world, number, regions))
            text = closed_form(world, opaques, form, tensors) if regions else "an equation that every input satisfies"
            self.texts.setdefault(number, {})[text] = None

    def certify(self, world: World, differences: Sequence[Form], hypotheses: Sequence[Form], operations: int) -> bool:
        """Whether a certificate shows that the hypotheses make all differences zero."""
        used: set[int] = set()
        for difference in differences if hypotheses else ():
            try:
                with budget(operations):
                    found = certificate(world, difference, hypotheses)
            except Undecidable:
                found = None
            if found is None:
                return False
            used |= {product.hypothesis for _, product in found}
        self.used |= used
        return bool(hypotheses)

    def draw(self, signature: Signature, sizes: Any, rng: random.Random) -> Inputs | None:
        """Inputs that satisfy the hypotheses and on which both sides have a value, for the cross-check."""
        for inputs in draws(signature, sizes, rng):
            try:
                for side in (self.lhs, self.rhs):
                    evaluate(side, signature.arguments(sizes, inputs))
            except (NeedsIntervals, ZeroDivisionError):
                continue
            self.example = self.example or dict(sizes)
            return inputs
        return None

    def conclude(self, verdict: Verdict) -> Verdict:
        """The verdict of all cases, with what it assumes. A proof that needs hypotheses stands only where some input
        satisfies them: of none, everything is true."""
        if self.signature.assume is None:
            return verdict
        needed = self.used if isinstance(verdict, Proved) else set(self.texts)
        words = {n: "assuming" if n in needed else "not needed:" for n in self.texts}
        notes = [f"{words[n]} {text}" for n, texts in self.texts.items() for text in texts]
        if isinstance(verdict, Proved) and self.used and not self.satisfiable(verdict):
            verdict = Undecided(verdict.sizes, reason=NONE_FOUND, notes=verdict.notes)
        if isinstance(verdict, Proved) and self.example is not None:
            where = ", ".join(f"{k}={v}" for k, v in self.example.items()) or "the sizes given"
            notes.append(f"assume is satisfied, for example, by inputs at {where}")
        return replace(verdict, notes=(*verdict.notes, *notes))

    def satisfiable(self, verdict: Verdict) -> bool:
        """Whether an input was found that satisfies the hypotheses, at sizes that the verdict holds for."""
        if self.example is None:
            for point in small_points(verdict.sizes):
                if self.draw(self.signature, point, random.Random(0)) is not None:
                    break
        return self.example is not None


def about_sizes(world: World, number: int, regions: Sequence[Any]) -> str:
    """The error for a hypothesis without inputs."""
    false = world.domain.subtract(world.domain)
    for region in regions:
        if region.weight.is_constant:
            false = false.union(region.points.params())
    if world.domain.is_subset(false):
        return f"assume: pair {number + 1} is false for every input and every size; nothing satisfies it"
    return f"assume: pair {number + 1} is about sizes only, not about inputs; say it in given="


def closed_form(world: World, opaques: Opaques, form: Form, tensors: Mapping[str, tuple[Sizes, ...]]) -> str:
    """A hypothesis as an equation."""
    try:
        return f"{write_text(read_all(world, opaques, form, simplest(world, form), tensors))} = 0"
    except Undecidable:
        return "an equation of assume that has no closed form"
