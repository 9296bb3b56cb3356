"""One claim measured at many sizes, dtypes and precisions: a table, and the curves in one figure."""

import csv
import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxiom.errors import BadInput
from jaxiom.measurement import Measurement
from jaxiom.measuring import measure, read_dtype, read_precision, read_subject
from jaxiom.sizes import Shape

MEAN = "mean:"  # "mean:W": what is added to the random entries of W
MOST = 1000
STATISTICS = ("drift", "predicted", "left", "bound", "expected")
Axes = Mapping[str, Sequence[float]]


def read_sweep(text: str) -> tuple[str, list[float]]:
    """What is swept, and over what: first:last:step, or a list.

    >>> read_sweep("k=8:32:8"), read_sweep("mean:W=0,0.5")
    (('k', [8, 16, 24, 32]), ('mean:W', [0, 0.5]))

    Raises:
        BadInput: it cannot be read.
    """
    name, _, values = (part.strip() for part in text.partition("="))
    try:
        if ":" in values:
            first, last, step = (number(part) for part in values.split(":"))
            if step <= 0:
                raise ValueError
            count = int((last - first) / step * (1 + 1e-12)) + 1
            found = [first + i * step for i in range(min(count, MOST + 1))]
        else:
            found = [number(part) for part in values.split(",")]
    except ValueError:
        found = []
    if not re.fullmatch(r"\w+|mean:.+", name) or not found:
        raise BadInput(
            f"sweep: cannot read {text!r}; write a size with its first value, its last and the step, as k=8:512:8, or "
            "its values, as k=8,64; or mean:W=0:2:0.5 for what is added to the random entries of W"
        )
    return name, found


def number(text: str) -> float:
    value = float(text)
    return int(value) if value == int(value) else value


@dataclass(frozen=True)
class Point:
    """A measurement, and where in the sweep it stands."""

    at: Mapping[str, float]
    measurement: Measurement

    def record(self) -> dict[str, Any]:
        """A row of plain numbers and texts."""
        m = self.measurement
        row: dict[str, Any] = {
            **self.at,
            "dtype": m.dtype,
            "precision": m.precision,
            "verdict": m.verdict,
            "exact": m.exact,
        }
        for name in STATISTICS:
            value = getattr(m, name)
            for kind in ("max", "rms", "relative"):
                row[f"{name} {kind}"] = None if value is None else getattr(value, kind)
        return row | {"tightness": m.tightness, "device": m.device, "rounding": m.rounding}


@dataclass(frozen=True)
class Sweep:
    """All points of a sweep, in order: the last axis fastest, then precision, then dtype slowest.

    Attributes:
        title: the claim's.
        axes: what was swept, by name.
        points: one for each combination.
    """

    title: str
    axes: Axes
    points: Sequence[Point]

    def csv(self) -> str:
        """The table, with a header."""
        target = io.StringIO()
        rows = [point.record() for point in self.points]
        writer = csv.DictWriter(target, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return target.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` writes it."""
        return {
            "title": self.title,
            "axes": {name: list(values) for name, values in self.axes.items()},
            "points": [{"at": dict(p.at), **p.measurement.to_json()} for p in self.points],
        }

    @property
    def findings(self) -> int:
        return sum(point.measurement.verdict == "finding" for point in self.points)


def sweep(
    claim: Any,
    rhs: Callable[..., Any] | None = None,
    *,
    over: Axes,
    at: Mapping[str, int] | None = None,
    dtypes: Sequence[Any] = ("float32",),
    precisions: Sequence[Any] = ("default",),
    progress: Callable[[str, int, int], None] | None = None,
    shapes: Mapping[str, Any] | None = None,
    given: str = "",
    **options: Any,
) -> Sweep:
    """Measure a claim wherever `over` says, in each dtype and precision.

    Args:
        claim, rhs, at, shapes, given: as for `measure`; `at` gives the sizes that are not swept.
        over: size -> its values; "mean:W" -> what is added to the random entries of W.
        dtypes, precisions: as for `measure`, several; the exact check is made in the first of each.
        progress: called with (what, points done, of how many).
        options: others of `measure`.

    Raises:
        BadInput: what is swept is no size of the claim, or there are more than a thousand points.

    >>> found = sweep(lambda A, B: A @ B, lambda A, B: (B.T @ A.T).T, over={"k": [2, 4]}, at=dict(m=3, n=3),
    ...               shapes={"A": "m k", "B": "k n"})
    >>> [(p.at["k"], p.measurement.verdict) for p in found.points]
    [(2, 'rounding'), (4, 'rounding')]
    """
    subject = read_subject(claim, rhs, dict(shapes or {}), given)
    names = subject.signature.sizes.names
    arrays = [MEAN + leaf.name for leaf in subject.signature.leaves if isinstance(leaf.shape, Shape)]
    for name, values in over.items():
        if name not in names and name not in arrays:
            raise BadInput(f"sweep: {name} is none of this claim's sizes and arrays: {', '.join((*names, *arrays))}")
        if name in names and not all(isinstance(v, int) for v in values):
            raise BadInput(f"sweep: {name} is a size: its values are whole numbers, got {list(values)}")
    dtypes, precisions = [read_dtype(d) for d in dtypes], [read_precision(p) for p in precisions]
    combinations = list(itertools.product(dtypes, precisions, *over.values()))
    if not over or not 0 < len(combinations) <= MOST:
        raise BadInput(f"sweep: {len(combinations)} points; give 1 to {MOST}")
    places = len(combinations) // (len(dtypes) * len(precisions))
    verdict, points = subject.prove(), []
    for done, (dtype, precision, *values) in enumerate(combinations):
        place = dict(zip(over, values, strict=True))
        if progress is not None:
            progress(", ".join([*(f"{k}={v}" for k, v in place.items()), dtype, precision]), done, len(combinations))
        sizes = {**(subject.at or {}), **(at or {}), **{k: v for k, v in place.items() if not k.startswith(MEAN)}}
        means = {k.removeprefix(MEAN): v for k, v in place.items() if k.startswith(MEAN)}
        # The exact check knows no rounding: the first dtype and precision stand for all.
        settings = {**options, "exact": options.get("exact", True) and done < places}
        settings |= {"at": sizes, "means": means, "dtype": dtype, "precision": precision, "verdict": verdict}
        measured = measure(claim, rhs, shapes=shapes, given=given, **settings)
        points.append(Point(place, measured))
    return Sweep(subject.title, dict(over), points)
