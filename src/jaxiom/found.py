"""What a pass over one batch brought to the host: it adds up over batches, and can be written down and read again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from jaxiom.tallies import Histogram, Tally, fetch, tally

MAPPED = ("rhs", "drift", "predicted", "left")


@dataclass
class Found:
    """Figures of a batch, or of all so far.

    Attributes:
        tallies: of drift, rhs, predicted, left and the bounds.
        maps: for outputs with axes between the first and the last: name -> sums of squares over the first and the last
            axis, one array for each such output (by its position among the leaves). map_rows: how long the first was.
        histogram: of the drift in ulps.
        seconds: by program.
        bounded: whether there was a bound.
        beyond, tightness, worst: entries of "drift" and "left" above the bound; the largest share of the bound; where.
        blamed: sides that are further from float64 than their own bound.
        eager, eager_beyond: compiled minus op by op, by side; the sides whose two differ by more than rounding.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    maps: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    map_rows: dict[int, int] = field(default_factory=dict)
    histogram: Histogram = field(default_factory=Histogram)
    seconds: dict[str, float] = field(default_factory=dict)
    bounded: bool = False
    beyond: dict[str, int] = field(default_factory=lambda: {"drift": 0, "left": 0})
    tightness: dict[str, float] = field(default_factory=lambda: {"drift": 0.0, "left": 0.0})
    worst: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    blamed: tuple[str, ...] = ()
    eager: dict[str, Tally] = field(default_factory=dict)
    eager_beyond: tuple[str, ...] = ()

    def count(self, name: str, x: Any, size: int) -> None:
        self.tallies[name] = self.tallies.get(name, Tally()) + tally(x, size)

    def take(self, leaves: Sequence[Any], parts: Sequence[Mapping[str, Any]]) -> None:
        """Add what `Pass.compare` reduced."""
        for at, (leaf, part) in enumerate(zip(leaves, parts, strict=True)):
            if leaf.ndim > 2:
                self.map_rows[at] = self.map_rows.get(at, 0) + leaf.shape[0]
            for name, x in part.items():
                if name == "ulps":
                    self.histogram.add(x)
                elif name == "counts":
                    self.histogram.join(x)
                else:
                    self.count(name, x, leaf.size)
                    if leaf.ndim > 2 and name in MAPPED:
                        squares = fetch(x[1]).astype(np.float64).sum(0)
                        self.add_map(name, at, np.multiply(squares, float(x[0]) ** 2, where=squares > 0, out=squares))

    def add_map(self, name: str, leaf: int, squares: np.ndarray) -> None:
        kept = self.maps.setdefault(name, {})
        kept[leaf] = kept[leaf] + squares if leaf in kept else squares

    def join(self, other: "Found", start: int = 0) -> None:
        """Add a batch whose first entry is entry `start` of the whole."""
        for mine, its in ((self.tallies, other.tallies), (self.eager, other.eager)):
            for name, value in its.items():
                mine[name] = mine.get(name, Tally()) + value
        for name, kept in other.maps.items():
            for leaf, squares in kept.items():
                self.add_map(name, leaf, squares)
        for leaf, rows in other.map_rows.items():
            self.map_rows[leaf] = self.map_rows.get(leaf, 0) + rows
        self.histogram.join(other.histogram.counts)
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.bounded = self.bounded or other.bounded
        for kind, count in other.beyond.items():
            self.beyond[kind] += count
            if kind in other.worst and (kind not in self.worst or other.tightness[kind] > self.tightness[kind]):
                leaf, index = other.worst[kind]
                self.worst[kind] = (leaf, (index[0] + start, *index[1:]) if index else index)
            self.tightness[kind] = max(self.tightness[kind], other.tightness[kind])
        self.blamed = tuple(dict.fromkeys((*self.blamed, *other.blamed)))
        self.eager_beyond = tuple(dict.fromkeys((*self.eager_beyond, *other.eager_beyond)))

    def record(self) -> dict[str, Any]:
        """Plain numbers, texts and lists."""
        filled = np.flatnonzero(self.histogram.counts)
        return {
            "tallies": {name: asdict(t) for name, t in self.tallies.items()},
            "eager": {name: asdict(t) for name, t in self.eager.items()},
            "maps": {n: {str(at): a.tolist() for at, a in kept.items()} for n, kept in self.maps.items()},
            "map_rows": {str(at): rows for at, rows in self.map_rows.items()},
            "histogram": [filled.tolist(), self.histogram.counts[filled].tolist()],
            "worst": {kind: [leaf, list(index)] for kind, (leaf, index) in self.worst.items()},
            **{n: getattr(self, n) for n in ("seconds", "bounded", "beyond", "tightness", "blamed", "eager_beyond")},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Found":
        found = cls(
            tallies={name: Tally(**t) for name, t in record["tallies"].items()},
            eager={name: Tally(**t) for name, t in record["eager"].items()},
            maps={n: {int(at): np.asarray(a) for at, a in kept.items()} for n, kept in record["maps"].items()},
            map_rows={int(at): rows for at, rows in record["map_rows"].items()},
            seconds=dict(record["seconds"]),
            bounded=record["bounded"],
            beyond=dict(record["beyond"]),
            tightness=dict(record["tightness"]),
            worst={kind: (leaf, tuple(index)) for kind, (leaf, index) in record["worst"].items()},
            blamed=tuple(record["blamed"]),
            eager_beyond=tuple(record["eager_beyond"]),
        )
        where, counts = record["histogram"]
        found.histogram.counts[where] = counts
        return found
