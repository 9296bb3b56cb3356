"""An operator's matrix in numbers, at given sizes: sparse, or dense on the device; and its singular values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.errors import BadInput, Undecidable, Unsupported
from jaxiom.kronecker import KroneckerSum, Part
from jaxiom.matrices import Derived
from jaxiom.prediction import compile_expression
from jaxiom.samples import flatten

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from jaxiom.affine_maps import Operator


def numbers(of: "Operator", inputs: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, jax.Array]:
    """The user's arrays for every input but `wrt`, checked.

    Raises:
        BadInput: one is missing, unknown, of the wrong shape, or holds what is no real number.
    """
    shapes = of.signature.shapes_at(sizes)
    arrays = flatten(inputs, set(shapes))
    arrays.pop(of.wrt, None)
    arrays |= {name: np.zeros(shapes[name], np.float32) for name in of.idle if name not in arrays}
    missing = [name for name in shapes if name not in arrays and name != of.wrt]
    if missing:
        raise BadInput(f"inputs: {', '.join(missing)} missing; T by {of.wrt} is made of {', '.join(shapes)}")
    of.signature.sizes_of(arrays, sizes)
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            raise BadInput(f"inputs[{name!r}]: expected real numbers, got an array of {array.dtype}")
        if not np.isfinite(array.astype(np.float64)).all():
            raise BadInput(f"inputs[{name!r}]: holds NaN or infinity; the matrix needs finite numbers")
    kind = np.result_type(np.float32, *(a.dtype for a in arrays.values() if a.dtype.kind == "f"))
    with jax.enable_x64(kind == np.float64):
        return {name: jnp.asarray(array, kind) for name, array in arrays.items()}


def sparse(of: "Operator", inputs: Mapping[str, Any], sizes: Mapping[str, int], force: bool) -> "csr_array":
    """The matrix as a `scipy.sparse` array, from the Kronecker sum where there is one, else from the letters."""
    try:
        return from_sum(of.kronecker(), numbers(of, inputs, sizes), sizes)
    except (Unsupported, Undecidable):
        return from_letters(of.derive(force=force, **sizes), numbers(of, inputs, sizes))


def slice_values(part: Part, arrays: Mapping[str, jax.Array], sizes: Mapping[str, int]) -> np.ndarray:
    """M[u] of one part for all u: axes u, rows, columns."""
    with jax.enable_x64(any(a.dtype == np.float64 for a in arrays.values())):
        return np.asarray(compile_expression(part.expression, sizes)(arrays))


def from_sum(of: KroneckerSum, arrays: Mapping[str, jax.Array], sizes: Mapping[str, int]) -> "csr_array":
    from scipy.sparse import csr_array

    height, width = of.slice_shape(sizes)
    places = [axis.ravel() for axis in np.indices((height, width))]
    rows, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for part in of.parts:
        table = slice_values(part, arrays, sizes)
        count = len(part.shifts)
        for u in np.ndindex(*table.shape[:count]):
            entries = table[u].reshape(-1)
            if entries.any():
                ones = of.one_each(of.d_at(part, u, sizes), sizes)
                down, across, which = of.laid_out(ones, places[0], places[1], sizes)
                rows.append(down)
                columns.append(across)
                values.append(entries[which])
    found = csr_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=of.shape(sizes))
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def from_letters(derived: Derived, arrays: Mapping[str, jax.Array]) -> "csr_array":
    """Numbers for the letters of a derived matrix; each distinct entry is worked out once."""
    from scipy.sparse import csr_array

    tables = {name: np.asarray(array) for name, array in arrays.items()}
    at = [float(tables[name][index]) if name in tables else 0.0 for name, index in derived.letters.owners]
    known = {
        key: sum(float(c) * float(np.prod([at[letter] for letter in m])) for m, c in entry.terms.items())
        for key, entry in derived.linear.distinct.items()
    }
    kind = np.result_type(np.float32, *(t.dtype for t in tables.values()))
    values = np.array([known[id(entry)] for entry in derived.linear.entries.values()], kind)
    places = np.array(list(derived.linear.entries), np.int64).reshape(-1, 2)
    return csr_array((values, (places[:, 0], places[:, 1])), shape=derived.linear.shape)


def singular_values(of: KroneckerSum, arrays: Mapping[str, jax.Array], sizes: Mapping[str, int]) -> np.ndarray:
    """The singular values of a block-circulant operator, largest first, without its matrix: the DFT along each
    circulant level makes it block-diagonal, a small block for each frequency.

    Sedghi, Gupta and Long, "The Singular Values of Convolutional Layers", ICLR 2019, for all strides (s, 1).

    Raises:
        Unsupported: a level is neither circulant (with step (1, s)) nor the identity.
    """
    moving = [f for f in of.factors if f.kind != "identity"]
    for factor in of.factors:
        if factor.kind not in ("identity", "circulant") or factor.step[0] != 1:
            raise Unsupported(
                f"singular_values: a level is {factor.kind} with step {factor.step}; the DFT diagonalises circulant "
                "levels with step (1, s). Take numpy.linalg.svd of numeric(...).toarray()"
            )
    size = lambda n: int(n.evaluate(dict(sizes)))  # noqa: E731
    lengths = [size(f.columns) for f in moving]
    height, width = of.slice_shape(sizes)
    table = np.zeros((*lengths, height, width))
    for part in of.parts:
        values = slice_values(part, arrays, sizes)
        for u in np.ndindex(*values.shape[: len(lengths)]):
            d = tuple(n % length for n, length in zip(of.d_at(part, u, sizes), lengths, strict=True))
            table[d] += values[u].reshape(height, width)
    # x = s·q + t: with t among the columns, each level is circulant with step (1, 1) in q.
    split = [n for f, length in zip(moving, lengths, strict=True) for n in (length // f.step[1], f.step[1])]
    table = table.reshape(*split, height, width)
    count = len(moving)
    order = [*range(0, 2 * count, 2), 2 * count, *range(1, 2 * count, 2), 2 * count + 1]
    blocks = table.transpose(order).reshape(*split[::2], height, -1)
    spectrum = np.fft.fftn(blocks, axes=range(count)) if count else blocks
    found = np.linalg.svd(spectrum.reshape(-1, *spectrum.shape[count:]), compute_uv=False).ravel()
    copies = int(np.prod([size(f.rows) for f in of.factors if f.kind == "identity"], dtype=np.int64))
    return np.sort(np.repeat(found, copies))[::-1]


def dense(of: "Operator", inputs: Mapping[str, Any], sizes: Mapping[str, int], force: bool) -> jax.Array:
    """The matrix as an array on the device."""
    matrix = sparse(of, inputs, sizes, force)
    with jax.enable_x64(matrix.dtype == np.float64):
        return jnp.asarray(matrix.toarray())
