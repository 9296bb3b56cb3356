"""The main job: prove, measure, report, and the exit code that says how it went."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxiom import measuring
from jaxiom.claims import Claim
from jaxiom.errors import BadInput, InternalDisagreement, Unsupported
from jaxiom.reports import evidence
from jaxiom.verification import Outcome, Run, run, write_report

TRUE = '''
import jaxiom

@jaxiom.theorem(A="m k", B="k n", at={"m": 30, "k": 20, "n": 10})
def transposes(A, B):
    """The transpose of a product is the product of the transposes."""
    return (A @ B).T, B.T @ A.T
'''

FALSE = '''
@jaxiom.theorem(A="n n", B="n n")
def commutes(A, B):
    """The product of matrices commutes."""
    return A @ B, B @ A
'''


class Spy:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.ended: list[Outcome] = []

    def open(self, claims: Sequence[Claim]) -> None:
        self.tasks.append(f"{len(claims)} claims")

    def begin(self, task: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        self.tasks.append(task)

    def end(self, outcome: Outcome) -> None:
        self.ended.append(outcome)


@pytest.fixture
def proofs(tmp_path: Path) -> Path:
    folder = tmp_path / "proofs"
    folder.mkdir()
    (folder / "matrices.py").write_text(TRUE)
    return folder


def test_all_as_declared_exits_with_0(proofs: Path, tmp_path: Path) -> None:
    spy = Spy()
    found = run([proofs], report=tmp_path / "report.html", progress=spy)
    assert found.exit_code == 0
    assert [o.status for o in found.outcomes] == ["proved"]
    assert [getattr(m, "verdict", "") for m in found.measurements.values()] == ["rounding"]
    text = (tmp_path / "report.html").read_text()
    assert "The transpose of a product is the product of the transposes." in text
    assert [t for t in spy.tasks if t.startswith("measuring: ")]
    assert spy.tasks[0] == "1 claims"
    assert spy.tasks[-1] == "writing the report"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["report.html"]


def test_one_false_declaration_exits_with_1(proofs: Path, tmp_path: Path) -> None:
    with (proofs / "matrices.py").open("a") as file:
        file.write(FALSE)
    found = run([proofs], report=tmp_path / "report.html", small=True)
    assert found.exit_code == 1
    assert [o.ok for o in found.outcomes] == [True, False]
    text = (tmp_path / "report.html").read_text()
    assert "1 not as declared" in text
    assert "refuted, not as declared" in text
    assert [r["as_declared"] for r in found.record()] == [True, False]


def test_the_document_holds_outcomes_and_measurements(proofs: Path) -> None:
    found = run([proofs], small=True)
    assert found.report is None
    (record,) = json.loads(json.dumps(found.record()))
    assert record["measurement"]["sizes"] == {"m": 8, "k": 8, "n": 8}
    assert record["real"] == []


def measured_as(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let `measure` return what `change` makes of its result (a quick one), or raise it."""
    plain = measuring.measure

    def measure(*args: Any, **kwargs: Any) -> Any:
        made = change(plain(*args, bound=False, exact=False, **kwargs))
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(measuring, "measure", measure)


def test_a_finding_exits_with_1(proofs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(monkeypatch, lambda m: replace(m, verdict="finding"))
    found = run([proofs], report=tmp_path / "report.html")
    assert all(o.ok for o in found.outcomes)
    assert found.findings == ["The transpose of a product is the product of the transposes."]
    assert found.exit_code == 1
    assert "1 measurement that nothing explains" in (tmp_path / "report.html").read_text()


def test_a_measurement_that_contradicts_a_proof_exits_with_1_and_is_reported(
    proofs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_as(monkeypatch, lambda m: InternalDisagreement("proved, but different here"))
    found = run([proofs], report=tmp_path / "report.html")
    assert found.exit_code == 1
    assert found.record()[0]["measurement"] == {"reason": "proved, but different here"}
    assert "not measured: proved, but different here" in (tmp_path / "report.html").read_text()


def test_what_measure_has_no_rule_for_is_no_failure(proofs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(monkeypatch, lambda m: Unsupported("no bound for sort"))
    found = run([proofs])
    assert found.exit_code == 0
    assert str(found.told[0][1]) == "no bound for sort"


def test_a_report_that_cannot_be_written_is_told_before_anything_is_proved(proofs: Path, tmp_path: Path) -> None:
    spy = Spy()
    with pytest.raises(BadInput, match="cannot be written: there is no folder"):
        run([proofs], report=tmp_path / "nowhere" / "report.html", progress=spy)
    with pytest.raises(BadInput, match="is a folder; name a file to write"):
        run([proofs], report=tmp_path, progress=spy)
    assert not spy.tasks


def test_a_report_that_fails_at_the_end_leaves_the_old_one(
    proofs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report.html"
    report.write_text("old")

    def fail(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxiom.files.os.replace", fail)
    with pytest.raises(BadInput, match=r"report\.html: cannot be written: No space left on device"):
        write_report(Run([]), report)
    assert report.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["report.html"]


TRANSFORMER = '''
import jaxiom
from jaxiom.layers import conv

@jaxiom.refutation(X="n h w c", W="kh kw c f", Q="f k")
def same_transformer_on_both_sides(X, W, Q):
    """A transformer on both sides"""
    mean = W.mean((0, 1, 2))
    return conv(X, (W - mean) @ Q, padding="SAME"), (conv(X, W, padding="SAME") - mean) @ Q
'''


def tiny(small: bool) -> list[evidence.RealInput]:
    draw = np.random.default_rng(0)
    X, W = draw.random((2, 5, 5, 2), np.float32), draw.random((3, 3, 2, 4), np.float32)
    return [evidence.with_components("a picture", "made here", X, W, 2)]


def test_real_inputs_are_measured_with_the_claim_they_belong_to(proofs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (proofs / "transformer.py").write_text(TRANSFORMER)
    monkeypatch.setattr(evidence, "real_inputs", tiny)
    found = run([proofs / "transformer.py"])
    assert [title for title, _ in found.told] == ["A transformer on both sides (on a picture)"]
    (record,) = json.loads(json.dumps(found.record()))
    (real,) = record["real"]
    assert record["measurement"] is None
    assert real["verdict"] == "algebra"
    assert real["exact"] == "different"
    assert real["drift"]["relative"] > 0.01
    assert real["left"]["relative"] < 1e-5
    assert real["refit"]["components"] == 2
    assert found.exit_code == 0


def test_a_finding_on_real_input_exits_with_1(proofs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (proofs / "transformer.py").write_text(TRANSFORMER)
    monkeypatch.setattr(evidence, "real_inputs", tiny)
    measured_as(monkeypatch, lambda m: replace(m, verdict="finding"))
    assert run([proofs / "transformer.py"]).exit_code == 1


def test_a_claim_of_that_name_with_other_parameters_is_left_alone(proofs: Path) -> None:
    (proofs / "other.py").write_text(
        TRUE.replace("def transposes", "def same_transformer_on_both_sides").replace(
            ', at={"m": 30, "k": 20, "n": 10}', ""
        )
    )
    assert not run([proofs / "other.py"]).real


@pytest.mark.slow
def test_the_real_inputs() -> None:
    digits, photograph = evidence.real_inputs(small=False)
    assert digits.X.shape[1:] == (8, 8, 16)
    assert digits.W.shape == (3, 3, 16, 32)
    assert digits.Q.shape == (32, 24)
    assert photograph.X.shape == (1, 160, 160, 3)
    assert photograph.W.shape == (3, 3, 3, 16)
    np.testing.assert_allclose(digits.Q.T @ digits.Q, np.eye(24), atol=1e-5)
    for given in (digits, photograph):
        fitted = evidence.refit(given)
        assert 0.5 < fitted.projector <= 1 + 1e-9
        assert fitted.kept_by_output > fitted.kept_by_filters
