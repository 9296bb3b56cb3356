"""The main job: prove every claim, measure those that have real sizes, write the report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jaxiom.claims import Claim, shown
from jaxiom.discovery import discover
from jaxiom.errors import BadInput, InternalDisagreement, JaxiomError, Unsupported
from jaxiom.files import check_writable, write_whole

if TYPE_CHECKING:
    from jaxiom.measurement import Measurement
    from jaxiom.reports.evidence import RealMeasurement
    from jaxiom.verdict import Verdict

    Measured = Mapping[Claim, Measurement | Unsupported | InternalDisagreement]


@dataclass(frozen=True)
class Outcome:
    """What came of one claim: a verdict, or the error that kept the prover from one."""

    claim: Claim
    verdict: "Verdict | None"
    error: JaxiomError | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it came out as declared."""
        return self.verdict is not None and self.claim.came_out_as_declared(self.verdict)

    @property
    def status(self) -> str:
        """proved, refuted, undecided; "unsupported" or "disagreement" where there is no verdict."""
        if self.verdict is not None:
            return self.verdict.status
        return "disagreement" if isinstance(self.error, InternalDisagreement) else "unsupported"

    @property
    def text(self) -> str:
        """The verdict, or the error, in full."""
        return str(self.verdict) if self.verdict is not None else str(self.error)

    def record(self) -> dict[str, Any]:
        """As `--json` writes it; exact values are strings."""
        verdict = self.verdict
        witness = None if verdict is None else verdict.witness
        return {
            "claim": self.claim.name,
            "file": shown(self.claim.file),
            "line": self.claim.line,
            "title": self.claim.title,
            "declared": self.claim.expected,
            "status": self.status,
            "as_declared": self.ok,
            "sizes": None if verdict is None else str(verdict.sizes),
            "difference": None if verdict is None or verdict.difference is None else str(verdict.difference),
            "witness": None
            if witness is None
            else {
                "sizes": dict(witness.sizes),
                "leaf": witness.leaf,
                "index": list(witness.index),
                "lhs": str(witness.lhs),
                "rhs": str(witness.rhs),
            },
            "reason": (str(self.error) if verdict is None else verdict.reason) or None,
            "notes": [] if verdict is None else list(verdict.notes),
            "seconds": round(self.seconds, 4),
        }


class Progress(Protocol):
    """Who is told what is going on: the terminal, or nobody."""

    def open(self, claims: Sequence[Claim]) -> None:
        """These will be proved."""

    def begin(self, task: str, done: int, total: int) -> None:
        """A piece of work starts, after `done` of `total`."""

    def end(self, outcome: Outcome) -> None:
        """A claim has come out."""


class Silence:
    """Tells nobody."""

    def open(self, claims: Sequence[Claim]) -> None: ...

    def begin(self, task: str, done: int, total: int) -> None: ...

    def end(self, outcome: Outcome) -> None: ...


def prove_claim(claim: Claim) -> Outcome:
    """Prove one claim. A primitive without a rule, or interpreters that disagree, are outcomes; bad input raises."""
    start = time.perf_counter()
    verdict, error = None, None
    try:
        verdict = claim.prove()
    except (Unsupported, InternalDisagreement) as caught:
        error = caught
    return Outcome(claim, verdict, error, time.perf_counter() - start)


def prove_claims(claims: Sequence[Claim], progress: Progress | None = None) -> list[Outcome]:
    """Prove claims one after the other.

    Raises:
        BadInput: one of them cannot be read; that is found out before the first is proved, as far as it can be.
    """
    told = progress or Silence()
    told.open(claims)
    for claim in claims:
        _ = claim.signature
    outcomes: list[Outcome] = []
    for claim in claims:
        told.begin(claim.title, len(outcomes), len(claims))
        outcomes.append(prove_claim(claim))
        told.end(outcomes[-1])
    return outcomes


@dataclass(frozen=True)
class Run:
    """Everything that `jaxiom verify` found.

    Attributes:
        outcomes: one for each claim.
        measurements: for the claims that have real sizes; the error of a claim that `measure` has no rules for, or
            that it contradicts.
        real: of the claim about scikit-learn's transformer, on filters that were learned and a photograph.
        report: the file written, if any.
        small: whether the measurements are at reduced sizes.
    """

    outcomes: Sequence[Outcome]
    measurements: "Measured" = field(default_factory=dict)
    real: "Sequence[RealMeasurement]" = ()
    report: Path | None = None
    small: bool = False

    @property
    def told(self) -> "list[tuple[str, Measurement | Unsupported | InternalDisagreement]]":
        """Every measurement with its title."""
        found = [(claim.title, measured) for claim, measured in self.measurements.items()]
        return found + [(f"{r.claim.title} (on {r.given.title})", r.measured) for r in self.real]

    @property
    def findings(self) -> list[str]:
        """The titles of what neither algebra nor rounding explains, or what contradicts a proof."""
        return [title for title, measured in self.told if is_finding(measured)]

    @property
    def exit_code(self) -> int:
        """0 if every claim came out as declared and no measurement is a finding, else 1."""
        return 0 if all(o.ok for o in self.outcomes) and not self.findings else 1

    def record(self) -> list[dict[str, Any]]:
        """As `--json` writes it."""
        records = []
        for outcome in self.outcomes:
            measured = self.measurements.get(outcome.claim)
            unmeasured = isinstance(measured, JaxiomError)
            measurement = {"reason": str(measured)} if unmeasured else measured and measured.to_json()
            real = [r.record() for r in self.real if r.claim is outcome.claim]
            records.append({**outcome.record(), "measurement": measurement, "real": real})
        return records


def is_finding(measured: Any) -> bool:
    return isinstance(measured, InternalDisagreement) or getattr(measured, "verdict", "") == "finding"


def run(
    paths: Sequence[str | Path] = (),
    *,
    report: Path | None = None,
    small: bool = False,
    keyword: str = "",
    progress: Progress | None = None,
) -> Run:
    """Prove the claims in `paths`, measure those with real sizes (reduced ones if `small`), write the report.

    Raises:
        BadInput: a path, a claim or the report's place cannot be used; told before anything is proved.
    """
    from jaxiom.reports.evidence import measure_real

    told = progress or Silence()
    if report is not None:
        check_report(report)
    claims = discover(paths, keyword)
    outcomes = prove_claims(claims, told)
    measured = measure_outcomes(outcomes, small, told)
    found = Run(outcomes, measured, measure_real(outcomes, small, told), report, small)
    if report is not None:
        write_report(found, report, told)
    return found


def measure_outcomes(outcomes: Sequence[Outcome], small: bool = False, progress: Progress | None = None) -> "Measured":
    """Measure the claims that have a verdict and real sizes; with `small` at reduced sizes."""
    ready = [o for o in outcomes if o.verdict is not None and o.claim.at is not None]
    found: dict[Claim, Measurement | Unsupported | InternalDisagreement] = {}
    if not ready:
        return found
    from jaxiom.measuring import measure

    told = progress or Silence()
    for done, outcome in enumerate(ready):
        claim = outcome.claim
        told.begin(f"measuring: {claim.title}", done, len(ready))
        with claim.naming():
            try:
                found[claim] = measure(claim, at=reduced(claim) if small else None, verdict=outcome.verdict)
            except (Unsupported, InternalDisagreement) as error:
                found[claim] = error
    return found


def reduced(claim: Claim, cap: int = 8) -> dict[str, int]:
    """The real sizes of a claim, cut down to the first of `cap`, twice `cap`, ... that `given` allows."""
    at = dict(claim.at or {})
    while max(at.values(), default=0) > cap:
        small = {name: min(size, cap) for name, size in at.items()}
        if claim.signature.sizes.contains(small):
            return small
        cap *= 2
    return at


def check_report(path: Path) -> None:
    """Raise unless it is a page's name, so that no claims are written over, and can be written."""
    check_writable(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"report: expected a file that ends in .html, got {str(path)!r}; it is written over")


def write_report(found: Run, path: Path, progress: Progress | None = None) -> None:
    """Write the report, whole or not at all.

    Raises:
        BadInput: it cannot be written.
    """
    from jaxiom.reports import evidence, page

    told = progress or Silence()
    write_whole(path, page.write(found, evidence.gather(found.outcomes, found.small, told), told))
