"""Compressing a trained layer by PCA of its filters: fewer filters, then a small matrix back to all of them.

With M the kernel flattened to one row a tap and one column a filter, Q the leading k directions (f by k, orthonormal
columns) and mean the row mean of M, as scikit-learn's PCA has it:

    center=False                     kernel W Q                     unprojection Qᵀ          bias b
    center=True, repair="filter"     (W - mean) Q and a filter      Qᵀ and a row mean        b
                                     of ones
    center=True, repair="bias"       W Q                            Qᵀ                       b + mean - mean Q Qᵀ

The first and second are a convolution with W Q Qᵀ, and with mean + (W - mean) Q Qᵀ: the kernel of least squared error
of rank k, without and with its mean kept apart. The third is PCA's transform of the layer's output, and back. What
these identities leave is only what PCA discards; `Compressed.audit` proves them and measures that.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from jaxiom.compression import Factors, Report, decompose, report
from jaxiom.errors import BadInput, BadShape
from jaxiom.kernels import Layout, Setting, read_layout, read_numbers
from jaxiom.projection import Tensor

if TYPE_CHECKING:
    from jaxiom.auditing import Audit

REPAIRS = ("filter", "bias")


@dataclass(frozen=True, eq=False)
class Compressed:
    """A layer of fewer filters, and the matrix back.

    Attributes:
        kernel: the projected kernel, in the layout and dtype of the one it came from; `rank` filters, or one more (of
            ones, the last) where centring is repaired by a filter.
        unprojection: (filters of `kernel`, f), in the same dtype: the layer's output is conv(X, kernel) @ unprojection
            + bias, with the channels last.
        bias: (f,).
        rank: how many components are kept.
        center, repair: as they were asked for.
    """

    kernel: np.ndarray
    unprojection: Float[np.ndarray, "k f"]
    bias: Float[np.ndarray, " f"]
    rank: int
    center: bool
    repair: str
    layout: Layout
    factors: Factors = field(repr=False)

    @cached_property
    def report(self) -> Report:
        """What is exact, what is approximated, and what it saves; `str` of it is for people."""
        return report(self)

    def apply(
        self, images: Tensor, stride: int = 1, padding: str = "VALID", dilation: int = 1
    ) -> Float[Tensor, "n *out f"]:
        """The compressed layer on images of the layout (n, *spatial, c; filters first: n, c, *spatial) or on rows.

        In the kernel's dtype. NumPy in, NumPy out; JAX in, JAX out.

        Raises:
            BadInput, BadShape: images of other channels or another number of axes, or smaller than the window; an
                unknown padding.

        >>> layer = compress(np.random.default_rng(0).normal(size=(3, 3, 4, 8)), 5)
        >>> layer.apply(np.ones((1, 6, 6, 4)), padding="SAME").shape
        (1, 6, 6, 8)
        """
        setting = Setting(stride, padding, dilation).check(self.layout)
        check_images(images, self, setting)
        with jax.enable_x64(True) if self.kernel.dtype == np.float64 else nullcontext():
            x = self.layout.channels_last(jnp.asarray(images, self.kernel.dtype))
            kernel, unprojection = (jnp.asarray(a) for a in (self.layout.canonical(self.kernel), self.unprojection))
            projected = setting.apply(x, kernel)
            output = self.layout.channels_own(projected @ unprojection + jnp.asarray(self.bias))
        return cast(Tensor, output if isinstance(images, Array) else np.asarray(output))

    def audit(
        self,
        images: Any = None,
        *,
        stride: int = 1,
        padding: str = "VALID",
        dilation: int = 1,
        seed: int = 0,
        progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> "Audit":
        """Prove what is exact, and measure the rest on images (left out: standard normal ones, drawn from `seed`).

        Raises:
            BadInput, BadShape: images that do not fit the layer, are not finite, or are all zeros.

        >>> layer = compress(np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype("float32"), 5)
        >>> audit = layer.audit(padding="SAME")
        >>> audit.as_claimed, audit.error <= audit.bound
        (True, True)
        """
        from jaxiom.auditing import audit

        return audit(self, images, Setting(stride, padding, dilation).check(self.layout), seed, progress)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write kernel, unprojection and bias as .npz or .safetensors, whole or not at all.

        Raises:
            BadInput: another format, a file that exists (unless `overwrite`), or that cannot be written.
        """
        from jaxiom import weights

        target = Path(path)
        weights.check_target(target, overwrite=overwrite)
        arrays = {"kernel": self.kernel, "unprojection": self.unprojection, "bias": self.bias}
        repair = self.repair if self.center else "none"
        notes = {"layout": self.layout.text, "rank": str(self.rank), "center": str(self.center), "repair": repair}
        weights.write(target, arrays, {"format": "jaxiom.pca.compress", **notes})


def compress(
    kernel: ArrayLike,
    rank: int | float,
    *,
    center: bool = False,
    repair: str = "filter",
    bias: ArrayLike | None = None,
    layout: str | None = None,
) -> Compressed:
    """Compress a trained kernel by PCA of its filters.

    Args:
        kernel: a dense matrix, or the kernel of a 1-D, 2-D or 3-D convolution without feature groups.
        rank: how many components to keep, from 1 to min(taps, filters); or a share of the variance between 0 and 1,
            which the fewest components that reach it keep.
        center: subtract the mean of each column of the flattened kernel first, as scikit-learn's PCA does.
        repair: how the layer stays exact where the kernel is centred: "filter" (one filter of ones more) or "bias".
        bias: (f,), the layer's own.
        layout: "HWIO" or "OIHW", and so on for other numbers of axes ("IO", "OI", "WIO", "OIW", "DHWIO", "OIDHW");
            left out, filters come last, as in JAX.

    Returns:
        The layer, in the kernel's dtype; the decomposition is in float64.

    Raises:
        BadInput, BadShape: a kernel that is not finite or all zeros, a rank out of range, an unknown layout or repair.

    Source: Eckart and Young 1936; the layer as two convolutions: Denton et al. 2014; Zhang et al. 2015.

    >>> W = np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype("float32")
    >>> layer = compress(W, rank=5)
    >>> layer.kernel.shape, layer.unprojection.shape, layer.bias.shape
    ((3, 3, 4, 5), (5, 8), (8,))
    >>> print(layer.report)  # doctest: +ELLIPSIS
    kernel 3×3×4×8 (HWIO, float32): 5 of 8 components, not centred
    exact: ...
    """
    array = read_numbers("kernel", kernel)
    shape = read_layout(layout, array.shape)
    if repair not in REPAIRS:
        raise BadInput(f"repair: expected {' or '.join(REPAIRS)}, got {repair!r}")
    whole = np.asarray(shape.canonical(array), np.float64)
    own = np.zeros(whole.shape[-1]) if bias is None else read_bias(bias, whole.shape[-1])
    factors = decompose(whole, rank, center, own)
    parts = factors.assemble(repair)
    cast = {name: to_dtype(name, part, array.dtype) for name, part in parts._asdict().items()}
    return Compressed(
        kernel=np.ascontiguousarray(shape.own(cast["kernel"])),
        unprojection=cast["unprojection"],
        bias=cast["bias"],
        rank=factors.rank,
        center=center,
        repair=repair,
        layout=shape,
        factors=factors,
    )


def read_bias(bias: ArrayLike, filters: int) -> Float[np.ndarray, " f"]:
    """The layer's own bias; all zeros is no mistake."""
    array = np.asarray(bias)
    if array.shape != (filters,):
        raise BadShape(f"bias: shape {array.shape}; expected ({filters},), one entry a filter")
    if array.any():
        array = read_numbers("bias", array)
    return array.astype(np.float64)


def to_dtype(name: str, part: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore"):
        array = part.astype(dtype)
    if not np.isfinite(array.astype(np.float64)).all():
        raise BadInput(f"the compressed {name} overflows {dtype}; scale the kernel, or give it in a wider dtype")
    return array


def check_images(images: Any, layer: Compressed, setting: Setting) -> None:
    """Raise unless images fit the layer: its channels, and its window."""
    axes, layout = np.ndim(images), layer.layout
    expected = layer.factors.kernel.shape[-2]
    channel = axes - 1 if layout.filters_last else 1
    if axes != layout.spatial + 2 or np.shape(images)[channel] != expected:
        raise BadShape(
            f"images: shape {np.shape(images)}; expected ({layout.images()}) with c = {expected} for this "
            f"{layout.text} kernel"
        )
    own = np.shape(images)
    space = own[1:-1] if layout.filters_last else own[2:]
    reach = setting.reach(layer.factors.kernel.shape[:-2])
    if setting.padding == "VALID" and any(size < k for size, k in zip(space, reach, strict=True)):
        raise BadInput(f"images: {space} is smaller than the window {reach}; use padding SAME")
