"""Measuring in batches: along which size a claim may be cut, into how many, and what is kept of finished ones."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.decide import decide
from jaxiom.errors import BadInput, Undecidable, Unsupported
from jaxiom.files import write_whole
from jaxiom.found import Found
from jaxiom.memory import free_memory, largest_batch, read_memory, told_bytes
from jaxiom.passes import Pass, Pieces, footprint
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.samples import random_inputs
from jaxiom.signature import Leaf, Signature, read_signature
from jaxiom.sizes import Shape
from jaxiom.trace import constants

# Where to cut


@dataclass(frozen=True)
class Cut:
    """A size along which both sides act on each entry alone, as on each image of a batch.

    Attributes:
        name: the size.
        leaves: the arrays whose first axis it is.
    """

    name: str
    leaves: frozenset[str]

    def rows(self, arrays: Mapping[str, Any], start: int, stop: int) -> dict[str, Any]:
        return {name: a[start:stop] if name in self.leaves else a for name, a in arrays.items()}


def find_cut(lhs: Callable[..., Any], rhs: Callable[..., Any], signature: Signature) -> Cut:
    """The first size along which both sides are proved to act entry by entry, for all sizes.

    Raises:
        Unsupported: there is none.
    """
    why = "no size is the first axis of inputs and outputs, and nothing else"
    for name in signature.sizes.names:
        leaves = leaves_cut(signature, name)
        if not leaves:
            continue
        cut = Cut(name, leaves)
        try:
            verdicts = [acts_alone(function, signature, cut) for function in (lhs, rhs)]
        except (BadInput, Unsupported, Undecidable) as error:
            why = f"{name}: {error}"
            continue
        if all(v.status == "proved" for v in verdicts):
            return cut
        failed = next(v for v in verdicts if v.status != "proved")
        why = f"that both sides act on each entry of {name} alone is {failed.status} {failed.reason or ''}".rstrip()
    raise Unsupported(f"batch=: this claim cannot be cut into batches: {why}; leave batch= and memory= out")


def leaves_cut(signature: Signature, name: str) -> frozenset[str]:
    """The arrays whose first axis is this size; none if it occurs anywhere else."""
    if name in signature.sizes.whole or re.search(rf"\b{name}\b", " ".join(signature.sizes.given)):
        return frozenset()
    found = set()
    for leaf in signature.leaves:
        if not isinstance(leaf.shape, Shape):
            continue
        where = [i for i, axis in enumerate(leaf.shape.axes) if name in map(str, axis.size.variables)]
        if where and (where != [0] or leaf.shape.axes[0].size != Polynomial.variable(name)):
            return frozenset()
        if where:
            found.add(leaf.name)
    return frozenset(found)


def acts_alone(function: Callable[..., Any], signature: Signature, cut: Cut) -> Any:
    """The verdict on: of two batches laid end to end, the function gives the two results, laid end to end."""
    halves = tuple(f"{cut.name}_{i}" for i in range(2))
    while any(half in signature.sizes.names for half in halves):
        halves = tuple(f"{half}_" for half in halves)
    shapes: dict[str, Any] = {}
    for at, leaf in enumerate(signature.leaves):
        if not isinstance(leaf.shape, Shape):
            shapes[leaf.shape.name] = int
        elif leaf.name in cut.leaves:
            shapes |= {f"input_{at}_{half}": re.sub(rf"\b{cut.name}\b", half, leaf.shape.text) for half in halves}
        else:
            shapes[f"input_{at}"] = leaf.shape.text
    names = list(shapes)

    def arguments(values: Mapping[str, Any], choose: Callable[[list[Any]], Any]) -> list[Any]:
        places = {leaf: at for at, leaf in enumerate(signature.leaves)}

        def value(leaf: Leaf) -> Any:
            if not isinstance(leaf.shape, Shape):
                return values[leaf.shape.name]
            if leaf.name not in cut.leaves:
                return values[f"input_{places[leaf]}"]
            return choose([values[f"input_{places[leaf]}_{half}"] for half in halves])

        return signature.map(value)

    def together(*flat: Any) -> Any:
        return function(*arguments(dict(zip(names, flat, strict=True)), lambda parts: jnp.concatenate(parts)))

    def apart(*flat: Any) -> Any:
        values = dict(zip(names, flat, strict=True))
        results = [function(*arguments(values, lambda parts, at=at: parts[at])) for at in range(2)]
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), *results)

    return decide(together, apart, read_signature([together, apart], shapes, ", ".join(signature.sizes.given)))


# Finished batches


def fingerprint(run: Pass, settings: Mapping[str, Any], inputs: Mapping[str, np.ndarray] | None) -> str:
    """A hash of all that decides a batch's result: programs, their constants, inputs and settings."""
    found = hashlib.sha256()
    for program in (run.lhs.closed, run.rhs.closed, run.prediction):
        found.update(str(program).encode())
        for value in () if program is None else constants(program):
            found.update(np.asarray(value).tobytes())
    described = {"jax": jax.__version__, "device": str(run.placement), "kind": run.device.device_kind, **settings}
    found.update(json.dumps(described, sort_keys=True).encode())
    for name in sorted(inputs or {}):
        array = np.ascontiguousarray((inputs or {})[name])
        found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()[:32]


def default_folder() -> Path:
    """Where finished batches are kept unless told otherwise: the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxiom" / "batches"


@dataclass(frozen=True)
class Shelf:
    """Finished batches of one measurement, a file each, written whole or not at all; None keeps nothing."""

    folder: Path | None

    @classmethod
    def open(cls, folder: Path | None, key: str) -> "Shelf":
        if folder is None:
            return cls(None)
        place = folder / key
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"keep: {place} cannot be made: {error.strerror or error}") from error
        return cls(place)

    def get(self, at: int) -> Found | None:
        if self.folder is None:
            return None
        try:
            return Found.from_record(json.loads((self.folder / f"{at}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError):
            return None

    def put(self, at: int, found: Found) -> None:
        if self.folder is not None:
            write_whole(self.folder / f"{at}.json", json.dumps(found.record()))

    def clear(self, batches: Sequence[int]) -> None:
        """The whole is measured: nothing needs to be kept."""
        if self.folder is not None:
            for at in batches:
                (self.folder / f"{at}.json").unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


# The work


@dataclass(frozen=True)
class Wanted:
    """What is computed beside the drift."""

    bound: bool = True
    eager: bool = False
    expected: bool = False


@dataclass(frozen=True)
class Source:
    """Where inputs come from: a seed, with what is added to each array's random entries, or the user's own arrays."""

    seed: int
    means: Mapping[str, float]
    own: Mapping[str, np.ndarray] | None = None


@dataclass
class Job:
    """A measurement, whole or cut into batches.

    Attributes:
        make: the programs at given sizes.
        sizes: of the whole.
        wanted: what to compute.
        source: where the inputs come from.
        cut: where it is cut; None: in one piece.
        size: entries a batch along the cut.
        sparing: compute the bound for an eighth of a batch at a time: slower, but with little memory of its own.
        devices: how many there are to cut a batch over.
    """

    make: Callable[[Mapping[str, int]], Pass]
    sizes: Mapping[str, int]
    wanted: Wanted
    source: Source
    cut: Cut | None = None
    size: int = 0
    sparing: bool = False
    devices: int = 1

    def __post_init__(self) -> None:
        self.passes: dict[int, Pass] = {}
        self.shared: dict[str, np.ndarray] | None = None

    def of(self, count: int) -> Pass:
        """The programs for a batch of so many."""
        if count not in self.passes:
            self.passes[count] = self.make(self.sizes if self.cut is None else {**self.sizes, self.cut.name: count})
        return self.passes[count]

    @property
    def run(self) -> Pass:
        """The programs of a full batch."""
        return self.of(self.size)

    def memory(self, size: int) -> tuple[int, int]:
        """Bytes that the bare sides and the measurement need on a device for a batch of so many."""
        if self.cut is None or not self.in_pieces(size):
            return self.of(size).memory(self.wanted.bound)
        return self.of(size).memory(self.wanted.bound, self.of(eighth(size)), self.cut.leaves)

    def in_pieces(self, size: int) -> bool:
        """Whether the bound of a batch of so many is computed for an eighth of it at a time. Not on several devices,
        where rows would have to move; nor where an eighth is so few that no closed form is known for them."""
        if self.cut is None or not self.sparing or size == 1 or self.of(size).placement.mesh is not None:
            return False
        counts = {eighth(size), size % eighth(size) or eighth(size)}
        alike = all(self.of(count).form.known == self.of(size).form.known for count in counts)
        return alike and all(self.of(count).placement.mesh is None for count in counts)

    def pieces(self, size: int) -> Pieces:
        """How the bound is computed for a batch of so many."""
        cut = self.cut
        if cut is None or not self.in_pieces(size):
            return None

        def some(arrays: Mapping[str, Any]) -> Iterator[tuple[Pass, int, int, Mapping[str, Any]]]:
            for start in range(0, size, eighth(size)):
                stop = min(start + eighth(size), size)
                yield self.of(stop - start), start, stop, cut.rows(arrays, start, stop)

        return some

    @property
    def count(self) -> int:
        """How many batches there are."""
        return 1 if self.cut is None else -(-self.sizes[self.cut.name] // self.size)

    def inputs(self, start: int, stop: int) -> dict[str, Any]:
        """The arrays of one batch."""
        own = self.source.own
        if own is not None:
            return dict(own) if self.cut is None else self.cut.rows(own, start, stop)
        signature = self.run.signature
        draw = partial(random_inputs, signature, self.sizes, self.run.dtype, self.source.seed, means=self.source.means)
        if self.cut is None:
            return draw()
        if self.shared is None:
            self.shared = draw(only={leaf.name for leaf in signature.leaves} - self.cut.leaves)
        return self.shared | draw(rows=dict.fromkeys(self.cut.leaves, (start, stop)), only=self.cut.leaves)

    def execute(self, keep: Path | None, tell: Callable[[str, int, int], None]) -> Found:
        """All batches; those that an earlier run finished are read from `keep`."""
        wanted = self.wanted
        options: dict[str, Any] = {"bound": wanted.bound, "eager": wanted.eager, "expected": wanted.expected}
        if self.cut is None:
            tell("measuring", 0, 1)
            return self.run.execute(self.inputs(0, 0), **options)
        source = {"seed": int(self.source.seed), "means": dict(self.source.means)}
        settings = {**options, **source, "sizes": dict(self.sizes), "batch": self.size, "sparing": self.sparing}
        kept = keep if self.run.placement.hosts == 1 else None  # hosts that keep different batches would wait forever
        shelf = Shelf.open(kept, fingerprint(self.run, settings, self.source.own))
        found, total, began, computed = Found(), self.sizes[self.cut.name], time.monotonic(), 0
        for at, start in enumerate(range(0, total, self.size)):
            left = (time.monotonic() - began) / computed * (self.count - at) if computed else 0.0
            tell("measuring" + (f", about {left:.0f} s left" if computed else ""), at, self.count)
            part = shelf.get(at)
            if part is None:
                stop = min(start + self.size, total)
                count = stop - start
                part = self.of(count).execute(self.inputs(start, stop), **options, pieces=self.pieces(count))
                shelf.put(at, part)
                computed += 1
            found.join(part, start)
        shelf.clear(range(self.count))
        return found


def eighth(size: int) -> int:
    return -(-size // 8)


# Smaller measurements fit anywhere: not worth asking.
LITTLE = 2**26


def cut_job(
    job: Job, lhs: Callable[..., Any], rhs: Callable[..., Any], batch: int | None, memory: int | str | None
) -> None:
    """Cut the job into batches of a given number, or of as many as fit so much memory.

    Raises:
        BadInput: a number that cannot be; what does not fit, with what would.
        Unsupported: the claim cannot be cut.
    """
    bound = job.wanted.bound
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise BadInput(f"batch: expected a whole number of at least 1, got {batch!r}")
    if batch is None and memory is None:
        refuse_too_large(job, lhs, rhs)
        return
    limit = None if memory is None else read_memory(memory)
    if limit is not None and job.run.memory(bound)[1] <= limit:
        return
    cut = find_cut(lhs, rhs, job.run.signature)
    whole, job.cut = job.passes.pop(0), cut
    total = job.sizes[cut.name]
    job.passes[total] = whole
    if batch is not None:
        job.size = min(batch, total)
    elif limit is not None:
        job.sparing = True
        each = job.devices if job.devices <= total and job.memory(job.devices)[1] <= limit else 1
        job.size = each * largest_batch(lambda n: job.memory(each * n)[1], total // each, limit)
    rest = total % job.size
    if rest and job.of(rest).form.known != job.run.form.known:
        told = " and ".join(f"{n}: {run.form.note or 'it is known'}" for n in (job.size, rest) if (run := job.of(n)))
        raise BadInput(
            f"batch: the closed form is not known for all batches of {cut.name} ({told}); give another batch="
        )


def refuse_too_large(job: Job, lhs: Callable[..., Any], rhs: Callable[..., Any]) -> None:
    """Raise where the whole does not fit the memory that is free, and say what would."""
    run = job.run
    programs = (run.lhs.closed, run.rhs.closed)
    arrays = [v.aval for v in run.lhs.closed.jaxpr.invars] + [a for p in programs for a in p.out_avals]
    free = free_memory(run.device)
    if run.placement.mesh is not None or footprint(arrays) < LITTLE or free is None:
        return
    if (need := job.memory(0)[1]) <= free:
        return
    text = f"at: these sizes need {told_bytes(need)}, and {told_bytes(free)} are free"
    try:
        cut = find_cut(lhs, rhs, run.signature)
        probe = replace(job, cut=cut)
        fits = largest_batch(lambda n: probe.memory(n)[1], job.sizes[cut.name], free // 2)
    except (Unsupported, BadInput) as error:
        raise BadInput(f"{text}; give smaller sizes ({error})") from error
    raise BadInput(f"{text}; batches of {cut.name}={fits} would fit: give batch={fits}, or memory='2GiB'")
