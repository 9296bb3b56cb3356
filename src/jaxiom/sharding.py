"""Several devices: which axes of a claim's inputs are cut, over a mesh of batch and filters. XLA does the rest.

Any way of cutting is right: XLA moves what it has to. So the choice is one of speed alone, and may be a guess.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxiom.errors import BadInput
from jaxiom.signature import Signature
from jaxiom.sizes import Shape

BATCH, FILTERS = "batch", "filters"


@dataclass(frozen=True)
class Placement:
    """Where the arrays of a claim lie.

    Attributes:
        devices: those that are used, over all hosts.
        mesh: batch by filters; None for one device.
        specs: of each input that is cut, by the leaf's name; the others are on every device.
        words: what is cut, for people.
    """

    devices: tuple[Any, ...]
    mesh: Mesh | None = None
    specs: Mapping[str, PartitionSpec] = field(default_factory=dict)
    words: str = ""

    @property
    def device(self) -> Any:
        """Of this process."""
        return first_here(self.devices)

    @property
    def hosts(self) -> int:
        """How many processes hold these devices."""
        return len({d.process_index for d in self.devices})

    def put(self, name: str, array: Any) -> Array:
        """An input on its devices; every process has the whole of it on the host."""
        if self.mesh is None:
            return jax.device_put(array, self.devices[0])
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, self.sharding(self.mesh, name), lambda index: host[index])

    def sharding(self, mesh: Mesh, name: str) -> NamedSharding:
        """How an input is cut."""
        return NamedSharding(mesh, self.specs.get(name, PartitionSpec()))

    def planned(self, name: str, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        """An input that is not there yet."""
        if self.mesh is None:
            return jax.ShapeDtypeStruct(shape, dtype)
        return jax.ShapeDtypeStruct(shape, dtype, sharding=self.sharding(self.mesh, name))

    def put_all(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> list[Any]:
        """Inputs in order."""
        return list(arrays) if self.mesh is None else [self.put(n, a) for n, a in zip(names, arrays, strict=True)]

    def agree(self, timed: Mapping[str, float]) -> dict[str, float]:
        """What the first process has measured, on every process: they have to run the same programs."""
        if self.hosts == 1:
            return dict(timed)
        from jax.experimental.multihost_utils import broadcast_one_to_all

        return {name: float(x) for name, x in broadcast_one_to_all(dict(timed)).items()}

    def __str__(self) -> str:
        return f"{len(self.devices)} devices ({self.words})" if self.mesh is not None else str(self.devices[0])


def first_here(devices: Sequence[Any]) -> Any:
    """The first device that this process holds."""
    return next(d for d in devices if d.process_index == jax.process_index())


def place(
    devices: Sequence[Any], functions: Sequence[Callable[..., Any]], signature: Signature, sizes: Mapping[str, int]
) -> Placement:
    """Cut the sizes that are the outputs' first and last axes over these devices.

    Raises:
        BadInput: several hosts, and the sizes cannot be divided among all of their devices.
    """
    if len(devices) == 1:
        return Placement(tuple(devices))
    batch, filters = output_sizes(functions, signature, sizes)
    parts = (sizes[batch] if batch else 1, sizes[filters] if filters else 1)
    rows, columns = grid(len(devices), *parts)
    used = tuple(devices[: rows * columns])
    cuts = [f"{name} in {n}" for name, n in ((batch, rows), (filters, columns)) if n > 1]
    words = ", ".join([*cuts, *([] if len(used) == len(devices) else [f"of {len(devices)}"])])
    if {d.process_index for d in used} != {d.process_index for d in devices}:
        told = ", ".join(f"{name}={sizes[name]}" for name in (batch, filters) if name) or "no size of the outputs"
        raise BadInput(
            f"devices: {told} cannot be divided among the {len(devices)} devices of all hosts; choose sizes that "
            "they divide"
        )
    if len(used) == 1:
        return Placement(used)
    mesh = Mesh(np.asarray(used, dtype=object).reshape(rows, columns), (BATCH, FILTERS))
    return Placement(used, mesh, specs(signature, {batch: BATCH, filters: FILTERS}), words)


def grid(devices: int, batch: int, filters: int) -> tuple[int, int]:
    """How many ways to cut each: as many devices as divide the sizes, and the batch first.

    >>> grid(8, 4, 400), grid(8, 8, 400), grid(8, 3, 5), grid(8, 1, 7)
    ((4, 2), (8, 1), (1, 5), (1, 7))
    """
    pairs = [(r, c) for r in range(1, devices + 1) for c in range(1, devices // r + 1)]
    return max(((r, c) for r, c in pairs if batch % r == 0 and filters % c == 0), key=lambda p: (p[0] * p[1], p[0]))


def output_sizes(
    functions: Sequence[Callable[..., Any]], signature: Signature, sizes: Mapping[str, int]
) -> tuple[str, str]:
    """The sizes that are the first and the last axis of every output, "" where there is none: each size is raised by
    one, and the axes that move with it are seen."""
    shapes = output_shapes(functions, signature, sizes)
    first, last = [], []
    for name in signature.sizes.names:
        raised = {**sizes, name: sizes[name] + 1}
        if not signature.sizes.contains(raised):
            continue
        moved = [moves(a, b) for a, b in zip(shapes, output_shapes(functions, signature, raised), strict=True)]
        if all(m == {0} for m in moved):
            first.append(name)
        elif all(m == {len(shape) - 1} for m, shape in zip(moved, shapes, strict=True)):
            last.append(name)
    return (first[0] if len(first) == 1 else ""), (last[0] if len(last) == 1 else "")


def output_shapes(
    functions: Sequence[Callable[..., Any]], signature: Signature, sizes: Mapping[str, int]
) -> list[tuple[int, ...]]:
    arguments = signature.structs(sizes)
    # Integer variables are numbers, not arrays: they are kept out of what is traced.
    arrays = [a for a in jax.tree.leaves(arguments) if isinstance(a, jax.ShapeDtypeStruct)]

    def run(function: Callable[..., Any], *given: Any) -> Any:
        values = iter(given)
        filled = jax.tree.map(lambda a: next(values) if isinstance(a, jax.ShapeDtypeStruct) else a, arguments)
        return function(*filled)

    return [x.shape for f in functions for x in jax.tree.leaves(jax.eval_shape(lambda *a, f=f: run(f, *a), *arrays))]


def moves(before: tuple[int, ...], after: tuple[int, ...]) -> set[int]:
    """The axes that grew by one; -1 where something else happened."""
    if len(before) != len(after):
        return {-1}
    return {i if b - a == 1 else -1 for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}


def specs(signature: Signature, axes: Mapping[str, str]) -> dict[str, PartitionSpec]:
    """Of each input that has one of these sizes as an axis. A size cuts an array once."""
    found = {}
    for leaf in signature.leaves:
        if isinstance(leaf.shape, Shape):
            names = [axes.get(str(axis.size)) for axis in leaf.shape.axes]
            spec = [name if name not in names[:at] else None for at, name in enumerate(names)]
            if any(spec):
                found[leaf.name] = PartitionSpec(*spec)
    return found
