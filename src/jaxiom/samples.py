"""The inputs of a measurement: sizes, and arrays that are random or the user's own, checked."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.errors import BadInput
from jaxiom.signature import Signature
from jaxiom.sizes import Shape


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
    found = dict(declared or {})
    arrays = flatten(inputs, set(arrays_of(signature)))
    for name, shape in arrays_of(signature).items():
        if name in arrays and arrays[name].ndim == len(shape.axes):
            sizes = zip(shape.axes, arrays[name].shape, strict=True)
            found.update({str(axis.size): size for axis, size in sizes if str(axis.size) in signature.sizes.names})
    found.update(at or {})
    if not found and signature.sizes.names:
        example = ", ".join(f"{name}=..." for name in signature.sizes.names)
        raise BadInput(f"at: no sizes to measure at; give at=dict({example}), or inputs=")
    signature.sizes.check(found, "at")
    return {name: int(value) for name, value in found.items()}


def random_inputs(signature: Signature, sizes: Mapping[str, int], dtype: str, seed: int) -> dict[str, np.ndarray]:
    """Standard normal entries, rounded to `dtype`, by the leaf's name."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInput(f"seed: expected a whole number of at least 0, got {seed!r}")
    rng = np.random.default_rng(seed)
    precise = np.float64 if dtype == "float64" else np.float32
    shapes = signature.shapes_at(sizes)
    return {n: rng.standard_normal(s, precise).astype(jnp.dtype(dtype)) for n, s in shapes.items()}


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
