"""The soundness benchmark: mutants of true claims, each verdict held against exact evaluation."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from jaxiom.claims import Claim
from jaxiom.decide import decide
from jaxiom.errors import BadInput, InternalDisagreement, Undecidable, Unsupported
from jaxiom.exact import evaluate, exact, random_inputs
from jaxiom.mutants import BRANCH, Mutation, Program, original, spread
from jaxiom.polyhedra.polynomial import isl_text
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes, random_point, read_constraint
from jaxiom.verdict import Verdict

Function = Callable[..., Any]

MOST_ENTRIES = 1500
"""The most input entries of an exact evaluation; larger sizes are left out."""
MOST_SIZES = 10
STATUSES = ("proved", "refuted", "undecided", "unsupported", "ill-formed", "FALSE")


@dataclass(frozen=True, eq=False)
class Subject:
    """A true claim to make mutants of. Of a false claim take a side against itself."""

    chapter: str
    name: str
    lhs: Function
    rhs: Function
    signature: Signature

    @cached_property
    def programs(self) -> tuple[Program, ...]:
        """Of a side against itself only one."""
        sides = (self.lhs,) if self.lhs is self.rhs else (self.lhs, self.rhs)
        return tuple(Program(original(side), self.signature) for side in sides)

    def mutants(self) -> Iterator["Mutant"]:
        """Each side's mutants against the other side; none where the claim cannot be traced for all sizes."""
        for side, program in enumerate(self.programs):
            try:
                yield from (Mutant(self, side, mutation) for mutation in program.mutations())
            except (BadInput, Undecidable, Unsupported):
                continue

    @cached_property
    def small_sizes(self) -> tuple[Mapping[str, int], ...]:
        return tuple(small_sizes(self.signature, MOST_SIZES))


def subjects(claim: Claim) -> list[Subject]:
    """A theorem; of a refutation, and of what holds of some inputs only, the sides, each against itself."""
    chapter, signature = claim.file.stem, replace(claim.signature, assume=None)
    if claim.expected == "proved" and claim.assume is None:
        return [Subject(chapter, claim.name, claim.lhs, claim.rhs, signature)]
    sides = (("lhs", claim.lhs), ("rhs", claim.rhs))
    return [Subject(chapter, f"{claim.name}.{side}", f, f, signature) for side, f in sides]


@dataclass(frozen=True, eq=False)
class Mutant:
    """A mutant of one side of a claim (0: lhs, 1: rhs), to be compared with the other side."""

    subject: Subject
    side: int
    mutation: Mutation

    @property
    def function(self) -> Function:
        return self.subject.programs[self.side].mutated(self.mutation)

    @property
    def reference(self) -> Function:
        return original(self.subject.rhs if self.side == 0 else self.subject.lhs)

    def __str__(self) -> str:
        return f"{self.subject.chapter}.{self.subject.name}.{('lhs', 'rhs')[self.side]}: {self.mutation}"


def sampled(chosen: Sequence[Subject], seed: int) -> Iterator[Mutant]:
    """All mutants in an order that takes kinds, and within a kind claims, in turn; `seed` shuffles claims and mutants.

    Any beginning of them is then a sample of all chapters, not of the first in the alphabet.
    """
    rng = random.Random(seed)
    kinds: dict[str, dict[str, list[Mutant]]] = {}
    for subject in chosen:
        for mutant in subject.mutants():
            of_kind = kinds.setdefault(mutant.mutation.kind, {})
            of_kind.setdefault(f"{subject.chapter}.{subject.name}", []).append(mutant)
    turns: dict[str, list[Mutant]] = {}
    for kind, claims in kinds.items():
        for mutants in claims.values():
            rng.shuffle(mutants)
        order = rng.sample(sorted(claims), len(claims))
        turns[kind] = list(spread({claim: claims[claim] for claim in order}))
    return spread(turns)


def small_sizes(signature: Signature, most: int) -> Iterator[Mapping[str, int]]:
    """Sizes to evaluate at: ones, the borders of `given`, each sign of an integer variable, and random small ones."""
    sizes, rng = signature.sizes, random.Random(0)
    if not sizes.names:
        yield {}
        return
    seen: set[tuple[int, ...]] = set()
    for domain, cap in domains(sizes):
        point = random_point(domain, sizes.names, rng, cap)
        key = tuple(point.values())
        if key not in seen and sum(map(prod, signature.shapes_at(point).values())) <= MOST_ENTRIES:
            seen.add(key)
            yield point
        if len(seen) >= most:
            return


def domains(sizes: Sizes) -> Iterator[tuple[Any, int]]:
    """Sets of sizes to draw from, and how far from their least values."""
    yield sizes.domain, 1
    for text in sizes.given:
        left, _, right = read_constraint(text)
        border = sizes.domain.intersect(sizes.set([f"{isl_text(left)} = {isl_text(right)}"]))
        yield from () if border.is_empty() else ((border, 1), (border, 3))
    for name in sorted(sizes.whole):
        for constraint in (f"{name} = 0", f"{name} <= -1", f"{name} >= 1"):
            signed = sizes.domain.intersect(sizes.set([constraint]))
            yield from () if signed.is_empty() else ((signed, 2),)
    yield from ((sizes.domain, cap) for cap in (2, 3, 3, 4, 2, 3, 4, 5, 3, 4))


def difference(one: Function, other: Function, signature: Signature, sizes: Mapping[str, int], seed: int) -> str:
    """Where two functions differ in exact arithmetic at given sizes, on random inputs; "" where they do not."""
    arguments = signature.arguments(sizes, random_inputs(signature, sizes, random.Random(seed)))
    for i, (a, b) in enumerate(zip(evaluate(one, arguments), evaluate(other, arguments), strict=True)):
        if a.shape != b.shape:
            return f"output {i} has the shapes {a.shape} and {b.shape}, at {dict(sizes)}"
        for index in np.ndindex(a.shape):
            if a[index] != b[index]:
                return f"output {i} at {index}: {a[index]} and {b[index]}, at {dict(sizes)}"
    return ""


def sizes_for(mutant: Mutant) -> list[Mapping[str, int]]:
    """The claim's small sizes, and one at which the mutant takes its other branch."""
    found, sizes = list(mutant.subject.small_sizes), mutant.subject.signature.sizes
    if mutant.mutation.name:
        domain = sizes.domain.intersect(sizes.set([f"{mutant.mutation.name} = {BRANCH}"]))
        found += [] if domain.is_empty() else [random_point(domain, sizes.names, random.Random(0), 2)]
    return found


def false_proof(verdict: Verdict, mutant: Mutant) -> str:
    """What exact evaluation holds against a proof."""
    function, reference = mutant.function, mutant.reference
    for sizes in sizes_for(mutant):
        if verdict.sizes.contains(sizes):
            found = difference(reference, function, mutant.subject.signature, sizes, seed=1)
            if found:
                return f"proved, but {found}"
    return ""


def false_refutation(verdict: Verdict, mutant: Mutant) -> str:
    """What an exact replay of the witness holds against a refutation."""
    witness, signature = verdict.witness, mutant.subject.signature
    if witness is None:
        return "refuted without a witness"
    if not signature.sizes.contains(witness.sizes):
        return f"the witness's sizes {witness.sizes} break given"
    shapes = signature.shapes_at(witness.sizes)
    inputs = {name: exact(np.asarray(witness.inputs[name])) for name in shapes}
    if {name: array.shape for name, array in inputs.items()} != shapes:
        return "the witness's inputs have other shapes than its sizes"
    at = int(witness.leaf.strip("[]"))
    arguments = signature.arguments(witness.sizes, inputs)
    left, right = (evaluate(f, arguments)[at][witness.index] for f in (mutant.reference, mutant.function))
    if (left, right) != (witness.lhs, witness.rhs) or left == right:
        return f"the witness says {witness.lhs} and {witness.rhs}, exact evaluation {left} and {right}"
    return ""


@dataclass(frozen=True)
class Outcome:
    """`status` is one of STATUSES; `why` says what is wrong, or what stopped the prover."""

    mutant: Mutant
    status: str
    why: str
    seconds: float
    verdict: Verdict | None = None


def judge(mutant: Mutant) -> Outcome:
    """The verdict on a mutant, held against exact evaluation."""
    start = time.perf_counter()
    verdict: Verdict | None = None
    try:
        verdict = decide(mutant.reference, mutant.function, mutant.subject.signature)
        status, why = verdict.status, verdict.reason
    except Unsupported as error:
        status, why = "unsupported", str(error)
    except InternalDisagreement as error:
        status, why = "FALSE", str(error)
    except BadInput as error:
        status, why = "ill-formed", str(error)
    if verdict is not None and status != "undecided":
        wrong = (false_proof if status == "proved" else false_refutation)(verdict, mutant)
        status, why = ("FALSE", wrong) if wrong else (status, "")
    return Outcome(mutant, status, why, time.perf_counter() - start, verdict)


@dataclass(frozen=True)
class Tally:
    """What came of a run, as the shell prints it."""

    outcomes: Sequence[Outcome]

    @property
    def false(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.status == "FALSE"]

    @property
    def programs(self) -> int:
        return sum(o.status != "ill-formed" for o in self.outcomes)

    @property
    def undecided(self) -> float:
        """The share of the programs that are undecided."""
        return sum(o.status == "undecided" for o in self.outcomes) / max(1, self.programs)

    def reasons(self) -> Counter[tuple[str, str]]:
        """(status, what stopped the prover) of what was not decided."""
        return Counter((o.status, heading(o.why)) for o in self.outcomes if o.status in ("undecided", "unsupported"))

    def rows(self, by: Callable[[Outcome], str]) -> dict[str, Counter[str]]:
        """Statuses counted by some property of the outcomes."""
        found: dict[str, Counter[str]] = {}
        for outcome in self.outcomes:
            found.setdefault(by(outcome), Counter())[outcome.status] += 1
        return dict(sorted(found.items()))

    def __str__(self) -> str:
        lines = [f"{'':24}" + "".join(f"{status:>13}" for status in STATUSES)]
        rows = [*self.rows(kind_of).items(), ("", Counter()), *self.rows(chapter_of).items(), ("", Counter())]
        for name, counts in [*rows, ("all", Counter(o.status for o in self.outcomes))]:
            lines.append((f"{name:24}" + "".join(f"{counts[s]:13}" for s in STATUSES)) if name else "")
        lines.append(f"\n{self.programs:,} programs: {len(self.false)} false verdicts, undecided {self.undecided:.1%}")
        lines += [f"{count:6} {status}: {reason}" for (status, reason), count in self.reasons().most_common(15)]
        lines += [f"FALSE: {o.mutant}: {o.why}" for o in self.false]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        return {
            "programs": self.programs,
            "false": [{"mutant": str(o.mutant), "why": o.why} for o in self.false],
            "undecided_share": self.undecided,
            "by_kind": self.rows(kind_of),
            "by_chapter": self.rows(chapter_of),
            "reasons": [{"status": s, "reason": r, "count": n} for (s, r), n in self.reasons().most_common()],
        }


def kind_of(outcome: Outcome) -> str:
    return outcome.mutant.mutation.kind


def chapter_of(outcome: Outcome) -> str:
    return outcome.mutant.subject.chapter


def heading(reason: str) -> str:
    """A reason without what differs from mutant to mutant: places, numbers, sets."""
    words = [w for w in reason.split() if "/" not in w and not any(c.isdigit() for c in w)]
    return " ".join(words)[:110]
