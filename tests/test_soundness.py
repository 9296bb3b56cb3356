"""No false verdict on mutants of true claims: each verdict is held against exact evaluation. And the judge itself.

`pytest -m slow tests/test_soundness.py` takes 5,000 mutants, those of the cases as data among them; with
JAXIOM_MUTANTS=250 in the environment, the first 250 of them.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jax import lax

from jaxiom.claims import Claim
from jaxiom.cli import main
from jaxiom.decide import decide
from jaxiom.discovery import discover
from jaxiom.mutants import Mutation, original, spread
from jaxiom.signature import read_signature
from jaxiom.soundness import (
    Mutant,
    Subject,
    Tally,
    difference,
    false_proof,
    false_refutation,
    judge,
    sampled,
    small_sizes,
    subjects,
)
from test_cases_data import ALL, PROVED, REFUTED, signature_of

PROOFS = Path(__file__).parent.parent / "proofs"
FAST = 160
MANY = int(os.environ.get("JAXIOM_MUTANTS", "5000"))
PARTS = max(1, MANY // 500)
"""How many mutants the slow test takes, and in how many parts, so that several workers share them."""


@lru_cache(maxsize=1)
def claims() -> list[Claim]:
    return discover([PROOFS / f"{name}.py" for name in ("linearity", "projection", "pca_centring")])


def of_claims(found: Sequence[Claim]) -> list[Subject]:
    return [subject for claim in found for subject in subjects(claim)]


def of_cases() -> list[Subject]:
    """The true cases, and each side of a false one against itself."""
    found = []
    for chapter, case in ALL:
        if case.bug or not case.alone or case.answer not in (PROVED, REFUTED):
            continue
        signature = signature_of(case)
        if case.answer == PROVED:
            found.append(Subject(f"cases.{chapter}", case.name, case.lhs, case.rhs, signature))
        else:
            found += [Subject(f"cases.{chapter}", case.name, f, f, signature) for f in (case.lhs, case.rhs)]
    return found


def subject(lhs: Any, rhs: Any, given: str = "", **shapes: Any) -> Subject:
    return Subject("here", "claim", lhs, rhs, read_signature([lhs, rhs], shapes, given))


def check(mutants: Sequence[Mutant]) -> Tally:
    tally = Tally([judge(mutant) for mutant in mutants])
    print(f"\n{tally}")
    assert not tally.false, str(tally)
    chance = 3 * math.sqrt(0.03 * 0.97 / len(mutants))  # three standard deviations of a sample's share
    assert tally.undecided < 0.03 + chance, str(tally)
    return tally


def test_no_false_verdict_in_some_mutants() -> None:
    tally = check(list(islice(sampled(of_claims(claims()), seed=0), FAST)))
    assert sum(o.status in (PROVED, REFUTED) for o in tally.outcomes) >= 0.9 * FAST
    assert {o.status for o in tally.outcomes} >= {PROVED, REFUTED}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_false_verdict_in_many_mutants(part: int) -> None:
    check(list(islice(sampled([*of_claims(discover([PROOFS])), *of_cases()], seed=1), part, MANY, PARTS)))


def test_replayed_without_a_change_a_program_is_itself() -> None:
    for made in of_claims(claims()):
        for program in made.programs:
            for sizes in islice(small_sizes(made.signature, 2), 2):
                assert not difference(program.function, program.mutated(None), made.signature, sizes, seed=2), made.name


# -- mutants


def test_a_mutant_is_one_program_at_every_size() -> None:
    made = subject(lambda x: x[1:] + x[:-1], lambda x: x[:-1] + x[1:], "n >= 2", x="n")
    for mutation in made.programs[0].mutations():
        verdict = decide(made.programs[0].mutated(mutation), made.programs[0].mutated(mutation), made.signature)
        assert verdict.status == "proved" or "may read outside the array" in verdict.reason, str(mutation)


def test_a_branch_is_taken_at_its_size_alone() -> None:
    made = subject(lambda x: 3 * x, lambda x: x * 3, x="n")
    (branch,) = (m for m in made.mutants() if m.mutation.kind == "branch" and m.side == 0)
    at_two, at_three = (difference(branch.reference, branch.function, made.signature, {"n": n}, 0) for n in (2, 3))
    assert at_two.startswith("output 0")
    assert not at_three
    verdict = decide(branch.reference, branch.function, made.signature)
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"n": 2}


def test_sizes_are_read_off_whatever_axis_tells_them() -> None:
    made = subject(lambda x, y: x.sum() * y, lambda x, y: y * x.sum(), x="2*n+1", y="m")
    assert made.programs[0].sizes([np.zeros(7), np.zeros(4)]) == {"n": 3, "m": 4}
    outcome = judge(next(subject(lambda x: x * 2, lambda x: 2 * x, x="n*m").mutants()))
    assert outcome.status == "unsupported"
    assert "m, n: no axis" in outcome.why


def test_a_refutation_gives_each_side_against_itself() -> None:
    claim = next(c for c in discover([PROOFS / "projection.py"]) if c.expected == "refuted")
    left, right = subjects(claim)
    assert left.lhs is left.rhs
    assert right.lhs is right.rhs
    assert len(left.programs) == 1


def test_what_holds_of_some_inputs_only_gives_each_side_against_itself() -> None:
    """Its mutants are held against evaluation on any inputs, so they must not be decided under its hypotheses."""
    claim = next(c for c in discover([PROOFS / "hypotheses.py"]) if c.expected == "proved" and c.assume)
    left, right = subjects(claim)
    assert left.lhs is left.rhs
    assert right.lhs is right.rhs
    assert left.signature.assume is right.signature.assume is None


def test_kinds_and_claims_are_taken_in_turn() -> None:
    assert list(spread({"b": [1, 2, 3], "a": [4], "c": []})) == [4, 1, 2, 3]
    first = [m.mutation.kind for m in islice(sampled(of_claims(claims()), seed=0), 10)]
    assert len(set(first)) == 10
    same, other = ([str(m) for m in islice(sampled(of_claims(claims()[:3]), seed=seed), 20)] for seed in (0, 5))
    assert same == [str(m) for m in islice(sampled(of_claims(claims()[:3]), seed=0), 20)]
    assert same != other


def test_borders_and_ones_are_among_the_sizes() -> None:
    signature = read_signature([lambda x, w, p: x], {"x": "h", "w": "k", "p": int}, "h >= k")
    sizes = list(small_sizes(signature, 20))
    assert any(s["h"] == s["k"] == 1 for s in sizes)
    assert any(s["h"] == s["k"] > 1 for s in sizes)
    assert {np.sign(s["p"]) for s in sizes} == {-1, 0, 1}


# -- the judge must object


def made_wrong() -> tuple[Mutant, Mutation]:
    made = subject(lambda x, y: x + y, lambda x, y: y + x, x="n", y="n")
    mutant = next(m for m in made.mutants() if m.mutation.kind == "sign" and m.side == 1)
    return mutant, mutant.mutation


def test_a_false_proof_and_a_false_witness_are_caught() -> None:
    mutant, _ = made_wrong()
    signature = mutant.subject.signature
    proved = decide(mutant.reference, original(mutant.subject.rhs), signature)
    refuted = decide(mutant.reference, mutant.function, signature)
    assert refuted.witness is not None
    assert false_proof(proved, mutant).startswith("proved, but output 0")
    assert not false_refutation(refuted, mutant)
    wrong = replace(refuted, witness=replace(refuted.witness, rhs=refuted.witness.lhs))
    assert "exact evaluation" in false_refutation(wrong, mutant)
    elsewhere = replace(refuted, witness=replace(refuted.witness, sizes={"n": 0}))
    assert "break given" in false_refutation(elsewhere, mutant)


def test_a_tally_counts_by_kind_and_chapter() -> None:
    mutant, mutation = made_wrong()
    outcome = judge(mutant)
    tally = Tally(
        [
            outcome,
            replace(outcome, status="undecided", why="isl stopped at 7; its budget is 2"),
            replace(outcome, status="FALSE", why="proved, but no"),
            replace(outcome, status="ill-formed"),
        ]
    )
    assert tally.programs == 3
    assert tally.undecided == pytest.approx(1 / 3)
    assert tally.rows(lambda o: o.mutant.mutation.kind) == {
        mutation.kind: {"refuted": 1, "undecided": 1, "FALSE": 1, "ill-formed": 1}
    }
    text = str(tally)
    assert "3 programs: 1 false verdicts, undecided 33.3%" in text
    assert "1 undecided: isl stopped at its budget is" in text
    assert "FALSE: here.claim.rhs" in text
    assert json.loads(json.dumps(tally.record()))["false"][0]["why"] == "proved, but no"


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_the_shell_prints_the_tally(extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sums.py"
    file.write_text(
        "import jaxiom\n\n\n@jaxiom.theorem(x='n', y='n')\ndef commutes(x, y):\n"
        '    """A sum commutes."""\n    return x + y, y + x\n'
    )
    assert main(["bench", "soundness", str(file), "--count", "4", "--skip", "1", *extra]) == 0
    out = capsys.readouterr().out
    if extra:
        assert json.loads(out)["programs"] == 4
    else:
        assert "4 programs: 0 false verdicts" in out


def test_a_cropped_result_fills_its_place() -> None:
    made = subject(lambda x: lax.slice(x, (0,), (x.shape[0] - 1,)), lambda x: x[:-1], "n >= 3", x="n")
    strides = [m for m in made.mutants() if m.mutation.kind == "stride" and m.side == 0]
    assert [judge(m).status for m in strides] == ["refuted"] * len(strides)
    assert strides
