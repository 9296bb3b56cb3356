"""The inputs of a measurement: sizes, and arrays that are random or the user's own, checked."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.errors import BadInput
from jaxiom.signature import Signature
from jaxiom.sizes import Shape

BLOCK = 2**16  # entries that a generator draws at least


def flatten(inputs: Mapping[str, Any], names: set[str]) -> dict[str, np.ndarray]:
    """Arrays by the leaf's name, of arrays or pytrees by the parameter's."""
    if not isinstance(inputs, Mapping):
        raise BadInput(f"inputs: expected a dict of arrays by name, got {type(inputs).__name__}")
    found: dict[str, np.ndarray] = {}
    for name, value in inputs.items():
        leaves = [((), value)] if name in names else jax.tree_util.tree_flatten_with_path(value)[0]
        for path, leaf in leaves:
            try:
                found[name + jax.tree_util.keystr(path)] = np.asarray(leaf)
            except ValueError as error:
                raise BadInput(f"inputs[{name!r}]: expected an array, got {type(leaf).__name__}: {error}") from error
    return found


def arrays_of(signature: Signature) -> dict[str, Shape]:
    """The shape of each array of a claim, by name."""
    return {leaf.name: leaf.shape for leaf in signature.leaves if isinstance(leaf.shape, Shape)}


def find_sizes(
    signature: Signature, at: Mapping[str, int] | None, inputs: Mapping[str, Any], declared: Mapping[str, int] | None
) -> dict[str, int]:
    """The sizes to measure at: `at`, else what the user's arrays have, else what the claim declares.

    Raises:
        BadInput: a size is missing, unknown, no whole number, or outside `given`.
    """
    if at is not None and not isinstance(at, Mapping):
        raise BadInput(f"at: expected sizes by name, such as dict(n=8), got {at!r}")
    found = dict(declared or {})
    arrays = flatten(inputs, set(arrays_of(signature)))
    if inputs:
        check_ranks(signature, arrays)
    for name, shape in arrays_of(signature).items():
        if name in arrays and arrays[name].ndim == len(shape.axes):
            sizes = zip(shape.axes, arrays[name].shape, strict=True)
            found.update({str(axis.size): size for axis, size in sizes if str(axis.size) in signature.sizes.names})
    found.update(at or {})
    if not found and signature.sizes.names:
        names = signature.sizes.names
        example, shell = ", ".join(f"{name}=..." for name in names), ",".join(f"{name}=8" for name in names)
        raise BadInput(f"at: no sizes to measure at; give at=dict({example}) or inputs=; in a shell, --at {shell}")
    signature.sizes.check(found, "at")
    return {name: int(value) for name, value in found.items()}


def check_ranks(signature: Signature, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise unless every array of a claim is there, with as many axes as it declares."""
    shapes = arrays_of(signature)
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise BadInput(f"inputs: {', '.join(missing)} missing; the arrays are {', '.join(shapes)}")
    for name, shape in shapes.items():
        if arrays[name].ndim != len(shape.axes):
            axes = ", ".join(str(axis.size) for axis in shape.axes)
            raise BadInput(f"inputs[{name!r}]: got the shape {arrays[name].shape}, expected ({axes})")


def random_inputs(
    signature: Signature,
    sizes: Mapping[str, int],
    dtype: str,
    seed: int,
    rows: Mapping[str, tuple[int, int]] | None = None,
    only: Collection[str] | None = None,
    means: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Standard normal entries, rounded to `dtype`, by the leaf's name; of some arrays only rows from start to stop;
    `only` these arrays. `means` are added to their entries.

    An entry depends on the seed, its array and its place alone, not on what is asked for with it.
    """
    check_seed(seed)
    unknown = set(means or {}) - set(signature.shapes_at(sizes))
    if unknown:
        raise BadInput(f"means: unknown {', '.join(sorted(unknown))}; the arrays are {', '.join(arrays_of(signature))}")
    precise = np.float64 if dtype == "float64" else np.float32
    found = {}
    for at, (name, shape) in enumerate(signature.shapes_at(sizes).items()):
        if only is not None and name not in only:
            continue
        start, stop = (rows or {}).get(name, (0, shape[0] if shape else 1))
        drawn = normal_rows((int(seed), at), shape[1:], start, stop, precise)
        drawn = drawn + precise((means or {}).get(name, 0))
        found[name] = (drawn if shape else drawn[0]).astype(jnp.dtype(dtype))
    return found


def check_seed(seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInput(f"seed: expected a whole number of at least 0, got {seed!r}")


def normal_rows(seed: tuple[int, ...], shape: tuple[int, ...], start: int, stop: int, dtype: Any) -> np.ndarray:
    """Rows start to stop of an endless array of normal entries, drawn in blocks with a generator each."""
    height = max(1, BLOCK // max(math.prod(shape), 1))
    found = np.empty((stop - start, *shape), dtype)
    for block in range(start // height, -(-stop // height)):
        first = block * height
        rows = np.random.default_rng([*seed, block]).standard_normal((min(height, stop - first), *shape), dtype)
        low = max(start, first)
        found[low - start : first + len(rows) - start] = rows[low - first :]
    return found


def given_inputs(
    signature: Signature, sizes: Mapping[str, int], dtype: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The user's arrays, rounded to `dtype`.

    Raises:
        BadInput: an array is missing, unknown, not of real numbers, of the wrong shape, holds NaN or an infinity (or
            does once rounded), or all of them are zero.
    """
    shapes = signature.shapes_at(sizes)
    arrays = flatten(inputs, set(shapes))
    signature.sizes_of(arrays, sizes)
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise BadInput(f"inputs: {', '.join(missing)} missing; the arrays are {', '.join(shapes)}")
    found = {name: rounded_to(name, arrays[name], dtype) for name in shapes}
    if not any(array.any() for array in found.values()):
        raise BadInput(f"inputs: {', '.join(shapes)} are all zeros, so nothing would be tested; give other arrays")
    return found


def rounded_to(name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    if array.dtype.kind not in "biuf" and array.dtype.name not in ("bfloat16",):
        raise BadInput(f"inputs[{name!r}]: expected real numbers, got an array of {array.dtype}")
    refuse_infinite(name, array, "")
    with np.errstate(over="ignore", under="ignore"):
        result = array.astype(jnp.dtype(dtype))
    refuse_infinite(name, result, f" once rounded to {dtype}")
    return result


def refuse_infinite(name: str, array: np.ndarray, when: str) -> None:
    bad = ~np.isfinite(array.astype(np.float64, copy=False))
    if bad.any():
        first = [int(i) for i in np.argwhere(bad)[0]]
        raise BadInput(
            f"inputs[{name!r}]: {int(bad.sum())} of {array.size} entries are NaN or infinite{when}, the first at "
            f"{first}; measuring needs finite numbers"
        )
