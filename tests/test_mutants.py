"""No false verdict in mutants of the chapters: each verdict is held against exact evaluation.

`pytest -s tests/test_mutants.py` prints the table; `-m slow` takes every mutant of every claim.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import prod
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxiom.claims import Claim
from jaxiom.decide import decide
from jaxiom.discovery import discover
from jaxiom.errors import BadInput, InternalDisagreement, Unsupported
from jaxiom.exact import evaluate, exact, random_inputs
from jaxiom.polyhedra.polynomial import isl_text
from jaxiom.signature import Signature
from jaxiom.sizes import random_point, read_constraint
from jaxiom.verdict import Verdict
from mutants import Function, Mutation, Program, spread

PROOFS = Path(__file__).parent.parent / "proofs"
FAST = 210
MOST_ENTRIES = 1500
"""The most input entries of an exact evaluation; larger sizes are left out."""
OUTCOMES = ("proved", "refuted", "undecided", "unsupported", "no program", "FALSE")


@dataclass(frozen=True)
class Mutant:
    """One side of a claim against a mutant of the other; of a refutation, a side against its own mutant."""

    claim: Claim
    side: str
    mutation: Mutation

    @property
    def program(self) -> Program:
        return program(self.claim, self.side)

    @property
    def reference(self) -> Function:
        if self.claim.expected == "refuted":
            return self.claim.lhs if self.side == "lhs" else self.claim.rhs
        return self.claim.rhs if self.side == "lhs" else self.claim.lhs

    def __str__(self) -> str:
        return f"{self.claim.file.stem}.{self.claim.name}.{self.side}: {self.mutation}"


@cache
def program(claim: Claim, side: str) -> Program:
    return Program(claim.lhs if side == "lhs" else claim.rhs, claim.signature)


@lru_cache(maxsize=1)
def claims() -> list[Claim]:
    return discover([PROOFS / f"{name}.py" for name in ("linearity", "projection", "pca_centring")])


@lru_cache(maxsize=1)
def mutants() -> list[Mutant]:
    return [
        Mutant(claim, side, mutation)
        for claim in claims()
        for side in ("lhs", "rhs")
        for mutation in program(claim, side).mutations()
    ]


def sampled(count: int, seed: int) -> list[Mutant]:
    """Mutants spread over claims and kinds."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in mutants():
        groups.setdefault(f"{mutant.mutation.kind} {mutant.claim.name}", []).append(mutant)
    rng = random.Random(seed)
    kinds: dict[str, list[Mutant]] = {}
    for mutant in spread(groups, len(mutants()), rng):
        kinds.setdefault(mutant.mutation.kind, []).append(mutant)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(kinds.values()):
        for rest in kinds.values():
            if rest and len(chosen) < count:
                chosen.append(rest.pop(0))
    return chosen


@cache
def small_sizes(claim: Claim, most: int) -> tuple[Mapping[str, int], ...]:
    """Sizes to evaluate at: ones, the borders of `given`, and random small ones."""
    signature, rng = claim.signature, random.Random(0)
    sizes = signature.sizes
    if not sizes.names:
        return ({},)
    domains = [(sizes.domain, 1)]
    for text in sizes.given:
        left, _, right = read_constraint(text)
        border = sizes.domain.intersect(sizes.set([f"{isl_text(left)} = {isl_text(right)}"]))
        domains += [(border, 1), (border, 3)] if not border.is_empty() else []
    for name in sorted(sizes.whole):
        for constraint in (f"{name} = 0", f"{name} <= -1", f"{name} >= 1"):
            signed = sizes.domain.intersect(sizes.set([constraint]))
            domains += [(signed, 2)] if not signed.is_empty() else []
    domains += [(sizes.domain, cap) for cap in (2, 3, 3, 4, 2, 3, 4, 5)]
    found: dict[tuple[int, ...], Mapping[str, int]] = {}
    for domain, cap in domains:
        point = random_point(domain, sizes.names, rng, cap)
        if sum(prod(s) for s in signature.shapes_at(point).values()) <= MOST_ENTRIES and len(found) < most:
            found.setdefault(tuple(point.values()), point)
    return tuple(found.values())


def difference(one: Function, other: Function, signature: Signature, sizes: Mapping[str, int], seed: int) -> str:
    """Where two functions differ in exact arithmetic at given sizes, on random inputs; "" where they do not."""
    inputs = random_inputs(signature, sizes, random.Random(seed))
    arguments = signature.arguments(sizes, inputs)
    for i, (a, b) in enumerate(zip(evaluate(one, arguments), evaluate(other, arguments), strict=True)):
        assert a.shape == b.shape
        for index in np.ndindex(a.shape):
            if a[index] != b[index]:
                return f"output {i} at {index}: {a[index]} and {b[index]}, at {dict(sizes)}"
    return ""


def sizes_for(mutant: Mutant, most: int) -> list[Mapping[str, int]]:
    """The claim's small sizes, and one at which the mutant takes its other branch."""
    found, sizes = list(small_sizes(mutant.claim, most)), mutant.claim.signature.sizes
    if mutant.mutation.only is not None:
        name, value = mutant.mutation.only
        domain = sizes.domain.intersect(sizes.set([f"{name} = {value}"]))
        found += [] if domain.is_empty() else [random_point(domain, sizes.names, random.Random(0), 2)]
    return found


def false_proof(verdict: Verdict, mutant: Mutant, mutated: Function, most: int) -> str:
    """What exact evaluation holds against a proof."""
    signature = mutant.claim.signature
    for sizes in sizes_for(mutant, most):
        if verdict.sizes.contains(sizes):
            found = difference(mutant.reference, mutated, signature, sizes, seed=1)
            if found:
                return f"proved, but {found}"
    return ""


def false_refutation(verdict: Verdict, mutant: Mutant, mutated: Function, in_jax: bool = True) -> str:
    """What an exact replay of the witness, and one by JAX in floats (compiled: the slow part), hold against a
    refutation."""
    witness, signature = verdict.witness, mutant.claim.signature
    assert witness is not None
    if not signature.sizes.contains(witness.sizes):
        return f"the witness's sizes {witness.sizes} break given"
    shapes = signature.shapes_at(witness.sizes)
    inputs = {name: exact(np.asarray(witness.inputs[name])) for name in shapes}
    if {name: array.shape for name, array in inputs.items()} != shapes:
        return "the witness's inputs have other shapes than its sizes"
    sides = (mutant.reference, mutated)
    left, right = (
        values[evaluated_leaf(witness, len(values))][witness.index]
        for values in (evaluate(f, signature.arguments(witness.sizes, inputs)) for f in sides)
    )
    if (left, right) != (witness.lhs, witness.rhs) or left == right:
        return f"the witness says {witness.lhs} and {witness.rhs}, exact evaluation {left} and {right}"
    if not in_jax:
        return ""
    floats = [in_floats(f, signature, witness) for f in sides]
    slack = 1e-4 * (1 + abs(float(left)) + abs(float(right)))
    if any(abs(f - float(v)) > slack for f, v in zip(floats, (left, right), strict=True)):
        return f"the witness says {float(left)} and {float(right)}, JAX {floats[0]} and {floats[1]}"
    return ""


def evaluated_leaf(witness: Any, count: int) -> int:
    assert count == 1
    assert witness.leaf == ""
    return 0


def in_floats(function: Function, signature: Signature, witness: Any) -> float:
    """What the function, jitted, gives at the witness."""
    shapes = signature.shapes_at(witness.sizes)
    arrays = {name: jax.numpy.asarray(np.asarray(witness.inputs[name], np.float32)) for name in shapes}
    arguments = signature.arguments(witness.sizes, arrays)
    traced = [i for i, a in enumerate(arguments) if isinstance(a, jax.Array)]

    def of_arrays(*given: Any) -> Any:
        filled = list(arguments)
        for i, array in zip(traced, given, strict=True):
            filled[i] = array
        return function(*filled)

    return float(np.asarray(jax.jit(of_arrays)(*(arguments[i] for i in traced)), np.float64)[witness.index])


@dataclass(frozen=True)
class Outcome:
    """`status` is one of OUTCOMES; `why` says what is wrong, or what stopped the prover."""

    mutant: Mutant
    status: str
    why: str
    seconds: float


def judge(mutant: Mutant, most: int, in_jax: bool = True) -> Outcome:
    """The verdict on a mutant, held against exact evaluation."""
    start = time.perf_counter()
    status, why = judged(mutant, most, in_jax)
    return Outcome(mutant, status, why, time.perf_counter() - start)


def judged(mutant: Mutant, most: int, in_jax: bool) -> tuple[str, str]:
    mutated = mutant.program.mutated(mutant.mutation)
    try:
        verdict = decide(mutant.reference, mutated, mutant.claim.signature)
    except Unsupported as error:
        return "unsupported", str(error)
    except InternalDisagreement as error:
        return "FALSE", str(error)
    except BadInput as error:
        return "no program", str(error)
    if verdict.status == "undecided":
        return "undecided", verdict.reason
    wrong = (
        false_proof(verdict, mutant, mutated, most)
        if verdict.status == "proved"
        else false_refutation(verdict, mutant, mutated, in_jax)
    )
    return ("FALSE", wrong) if wrong else (verdict.status, "")


def table(outcomes: Sequence[Outcome]) -> str:
    """Kind against outcome, and where `undecided` comes from."""
    counts = Counter((o.mutant.mutation.kind, o.status) for o in outcomes)
    kinds = sorted({o.mutant.mutation.kind for o in outcomes})
    lines = [f"{'':12}" + "".join(f"{status:>13}" for status in OUTCOMES) + f"{'seconds':>10}"]
    for kind in [*kinds, "all"]:
        mine = [o for o in outcomes if kind in ("all", o.mutant.mutation.kind)]
        numbers = [counts[kind, s] if kind != "all" else sum(counts[k, s] for k in kinds) for s in OUTCOMES]
        lines.append(f"{kind:12}" + "".join(f"{n:13}" for n in numbers) + f"{sum(o.seconds for o in mine):10.1f}")
    programs = [o for o in outcomes if o.status != "no program"]
    share = sum(o.status == "undecided" for o in programs) / max(1, len(programs))
    lines.append(f"{len(programs)} programs, undecided {share:.1%}")
    for reason, count in Counter(o.why for o in outcomes if o.status in ("undecided", "unsupported")).most_common(12):
        lines.append(f"  {count} x {reason[:160]}")
    lines += [f"  FALSE: {o.mutant}: {o.why}" for o in outcomes if o.status == "FALSE"]
    return "\n".join(lines)


def outcomes_of(chosen: Sequence[Mutant], programs: int, most: int) -> Iterator[Outcome]:
    """Outcomes until `programs` of them are programs; every fifth refutation is replayed by JAX too."""
    done = 0
    for i, mutant in enumerate(chosen):
        outcome = judge(mutant, most, in_jax=i % 5 == 0)
        yield outcome
        done += outcome.status != "no program"
        if done >= programs:
            return


def test_replayed_without_a_change_a_program_is_itself() -> None:
    for claim in claims():
        for side in ("lhs", "rhs"):
            made = program(claim, side)
            for sizes in small_sizes(claim, 2):
                assert not difference(made.function, made.mutated(None), claim.signature, sizes, seed=2), claim.name


def test_no_false_verdict_in_200_mutants() -> None:
    outcomes = list(outcomes_of(sampled(4 * FAST, seed=0), FAST, most=5))
    shown = table(outcomes)
    print(f"\n{shown}")
    assert not any(o.status == "FALSE" for o in outcomes), shown
    assert sum(o.status in ("proved", "refuted") for o in outcomes) >= 200, shown


@pytest.mark.slow
def test_no_false_verdict_in_all_mutants() -> None:
    outcomes = [judge(mutant, most=12) for mutant in mutants()]
    shown = table(outcomes)
    print(f"\n{shown}")
    assert not any(o.status == "FALSE" for o in outcomes), shown


def test_the_exact_values_of_a_witness_are_what_is_compared() -> None:
    """The judge itself: it must object to a wrong proof and to a wrong witness."""
    claim = next(c for c in claims() if c.name == "additive_in_the_image")
    made = program(claim, "rhs")
    mutation = next(m for m in made.mutations() if m.kind == "sign")
    mutant = Mutant(claim, "rhs", mutation)
    mutated = made.mutated(mutation)
    proved = decide(claim.lhs, claim.rhs, claim.signature)
    refuted = decide(claim.lhs, mutated, claim.signature)
    assert refuted.witness is not None
    assert false_proof(proved, mutant, mutated, most=5).startswith("proved, but output 0")
    assert not false_refutation(refuted, mutant, mutated)
    assert refuted.witness.rhs != Fraction(0) or refuted.witness.lhs != Fraction(0)
    assert "exact evaluation" in false_refutation(refuted, mutant, claim.rhs)
