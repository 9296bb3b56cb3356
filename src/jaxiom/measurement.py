"""What `measure` answers: figures, a verdict, and the verdict in a sentence."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxiom.residues import ExactCheck
from jaxiom.tallies import Statistic


@dataclass(frozen=True)
class Measurement:
    """What came of running both sides.

    Attributes:
        verdict: "rounding" (the whole difference is within the rounding bound), "algebra" (the closed form accounts
            for it, to within the bound), "finding" (neither; or an exact check contradicts the closed form, or a side
            its own evaluation op by op), or "not judged" (no bound was asked for). Where both hold, the larger of the
            closed form and what it leaves, by norm, names it.
        exact: "equal", "different" or "not applicable": the two programs at these sizes, modulo random primes.
        failure_probability: of "equal".
        exact_check: the same in full.
        closed_form: "equal", "different" or "not applicable": whether the closed form is exactly lhs - rhs here.
        drift: lhs - rhs. predicted: the closed form of it on the same inputs; None where there is none. left: drift
            minus prediction; infinite where a side is no finite number and ought to be one. bound: what rounding can
            explain of `left`; expected: what it is likely to leave. Each has `.max`, `.rms`, `.relative`.
        tightness: the largest of |left| / bound over all entries.
        beyond: how many of `entries` exceed the bound; worst: the output and index that exceeds it most.
        ulps: quantile -> units in the last place of |lhs - rhs|.
        blamed: in a finding, the sides that are off by more than their own bound, held against float64.
        eager: by side, compiled minus op by op, where asked for.
        rounding: how the device rounds contractions at this precision, as it says itself; "" where there are none.
        maps: "drift", "rhs", "predicted", "left" -> for an output with axes between the first and the last (an image):
            root mean squares over these two, by position; the first such output.
        batches: the size that was cut, and into how many at a time; None: in one piece.
        memory: bytes, as the compiler plans them for one batch: "bare" for the two sides, "measured" for all of this.
        seconds: for lhs, rhs, drift (with the prediction and its statistics), bound, exact; without compiling.
    """

    title: str
    verdict: str
    exact: str
    failure_probability: float
    exact_check: ExactCheck
    closed_form: str
    drift: Statistic
    predicted: Statistic | None
    left: Statistic
    bound: Statistic | None
    tightness: float
    beyond: int
    entries: int
    worst: tuple[str, tuple[int, ...]] | None
    ulps: Mapping[float, float]
    device: str
    dtype: str
    precision: str
    sizes: Mapping[str, int]
    seconds: Mapping[str, float]
    expected: Statistic | None = None
    rounding: str = ""
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    batches: tuple[str, int] | None = None
    memory: Mapping[str, int] = field(default_factory=dict)
    blamed: tuple[str, ...] = ()
    eager: Mapping[str, Statistic] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with its figures."""
        return SENTENCES[self.verdict](self)

    @property
    def looseness(self) -> str:
        """How far the bound is above what was measured, in words: it is a guarantee, for every order of summation."""
        if self.bound is None or not self.left.rms or math.isinf(self.left.rms):
            return ""
        return f" ({self.bound.rms / self.left.rms:.3g} times what is left)"

    def __str__(self) -> str:
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes.items()) or "the sizes given"
        lines = [
            self.sentence,
            f"exact: {self.exact_check}",
            *([f"closed form: {self.exact_check.form}"] if self.exact_check.form is not None else []),
            f"drift: {self.drift}",
            f"predicted: {self.predicted if self.predicted is not None else 'no closed form'}",
            f"left: {self.left}",
            f"bound: {self.bound if self.bound is not None else 'not computed'}{self.looseness}",
            *([f"expected of rounding: {self.expected}"] if self.expected is not None else []),
            *(f"{side}, compiled minus op by op: {statistic}" for side, statistic in self.eager.items()),
            f"{sizes}; {self.dtype}, precision {self.precision}, {self.device}"
            + (f": {self.rounding}" if self.rounding else ""),
            *([f"in batches of {self.batches[0]}={self.batches[1]}"] if self.batches is not None else []),
        ]
        return "\n".join([*lines, *(note for note in self.notes if note not in self.sentence)])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, as `--json` writes them."""
        statistics = {name: getattr(self, name) for name in ("drift", "predicted", "left", "bound", "expected")}
        return {
            "title": self.title,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "exact": self.exact,
            "exact_text": str(self.exact_check),
            "closed_form": self.closed_form,
            "failure_probability": self.failure_probability,
            **{name: None if value is None else finite(value.record()) for name, value in statistics.items()},
            **finite({"tightness": self.tightness}),
            "beyond": self.beyond,
            "entries": self.entries,
            "worst": None if self.worst is None else {"leaf": self.worst[0], "index": list(self.worst[1])},
            "ulps": {str(level): value for level, value in finite(dict(self.ulps)).items()},
            "blamed": list(self.blamed),
            "eager": {side: finite(value.record()) for side, value in self.eager.items()},
            "device": self.device,
            "dtype": self.dtype,
            "precision": self.precision,
            "sizes": dict(self.sizes),
            "seconds": {name: round(value, 6) for name, value in self.seconds.items()},
            "rounding": self.rounding,
            "batches": None if self.batches is None else dict([self.batches]),
            "memory": dict(self.memory),
            "maps": {name: np.where(np.isfinite(a), a, np.array(None)).tolist() for name, a in self.maps.items()},
            "notes": list(self.notes),
        }


def finite(record: dict[Any, float]) -> dict[Any, float | None]:
    """JSON has no infinity."""
    return {key: value if math.isfinite(value) else None for key, value in record.items()}


def rounding_sentence(m: Measurement) -> str:
    algebra = 0.0 if m.predicted is None else m.predicted.relative
    if m.drift.max == 0:
        hidden = f", though by algebra they differ by {algebra:.1e}: less than an ulp" if algebra else ""
        return f"rounding: both sides came out the same to the last bit{hidden}"
    share = f"; by algebra it is {algebra:.1e}" if algebra else ""
    unknown = f"; {'; '.join(m.notes)}" if m.notes else ""
    return (
        f"rounding: the sides differ by {of_result(m.drift)} (largest entry {m.drift.max:.1e}), all "
        f"within what rounding can explain{share}; what is left is at most {m.tightness:.2g} of the bound{unknown}"
    )


def algebra_sentence(m: Measurement) -> str:
    exactly = ", exactly" if m.closed_form == "equal" else ""
    rest = f"the {m.left.relative:.1e} that is left is rounding, at most {m.tightness:.2g} of what rounding can explain"
    if m.left.max == 0:
        rest = "nothing is left: no rounding showed"
    return (
        f"algebra: the sides differ by {of_result(m.drift)} (largest entry {m.drift.max:.1e}); the "
        f"closed form accounts for it{exactly}, and {rest}"
    )


def of_result(found: Statistic) -> str:
    """A difference relative to the result."""
    return f"{found.relative:.1e} of the result" if math.isfinite(found.relative) else "all of a result that is 0"


def finding_sentence(m: Measurement) -> str:
    if not m.beyond:
        return f"finding: the sides differ by {of_result(m.drift)}; {'; '.join(m.notes)}"
    where = "" if m.worst is None else f", most at {m.worst[0]}{list(m.worst[1])}"
    why = "algebra and rounding" if m.predicted is not None else "rounding (there is no closed form to compare with)"
    side = f"held against float64, it is the {' and the '.join(m.blamed)}" if m.blamed else "neither side stands out"
    causes = "A fast algorithm (TF32, Winograd), a wrong rewrite by the compiler or a wrong closed form may be why"
    if m.predicted is None:
        causes = (
            "Nothing proves the two functions equal: they may differ; else a fast algorithm (TF32, Winograd) or a "
            "wrong rewrite by the compiler is why"
        )
    most = f"the largest difference left is {m.left.max:.1e}, up to {m.tightness:.1e} times the bound"
    if math.isinf(m.left.max):
        most = "the result there is no finite number, and the function's value is one"
    return (
        f"finding: {m.beyond} of {m.entries} entries differ by more than {why} can explain{where}: {most}; {side}. "
        f"{causes}"
    )


def unjudged_sentence(m: Measurement) -> str:
    known = "" if m.predicted is None else f", {m.left.relative:.1e} after the closed form's prediction"
    return f"not judged: the sides differ by {of_result(m.drift)}{known}; no bound was asked for"


SENTENCES: dict[str, Callable[[Measurement], str]] = {
    "rounding": rounding_sentence,
    "algebra": algebra_sentence,
    "finding": finding_sentence,
    "not judged": unjudged_sentence,
}
