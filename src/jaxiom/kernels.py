"""Trained kernels: which axis is which, and what cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxiom.errors import BadInput, BadShape
from jaxiom.layers import conv
from jaxiom.rules.arithmetic import DTYPES

LAYOUTS = {2: ("IO", "OI"), 3: ("WIO", "OIW"), 4: ("HWIO", "OIHW"), 5: ("DHWIO", "OIDHW")}
LARGEST_WINDOW = 15
"""A window axis beyond this, where the layout was not said, is more likely a channel axis of the other layout."""


@dataclass(frozen=True)
class Layout:
    """The order of a kernel's axes: I channels in, O filters, the others the window; IO and OI are dense matrices."""

    text: str

    @property
    def spatial(self) -> int:
        """How many window axes."""
        return len(self.text) - 2

    @property
    def filters_last(self) -> bool:
        return self.text.endswith("O")

    def canonical(self, kernel: Any) -> Any:
        """(*window, c, f)."""
        return kernel if self.filters_last else kernel.transpose(*range(2, kernel.ndim), 1, 0)

    def own(self, kernel: Any) -> Any:
        """From (*window, c, f) back."""
        rank = kernel.ndim
        return kernel if self.filters_last else kernel.transpose(rank - 1, rank - 2, *range(rank - 2))

    def channels_last(self, images: Any) -> Any:
        """Images as this layout's framework has them (channels second where filters come first), channels last."""
        return images if self.filters_last else images.transpose(0, *range(2, images.ndim), 1)

    def channels_own(self, images: Any) -> Any:
        """From channels last back."""
        return images if self.filters_last else images.transpose(0, images.ndim - 1, *range(1, images.ndim - 1))

    def images(self) -> str:
        """The axes of its images, for errors."""
        axes = ("n", *(a.lower() for a in self.text if a not in "IO"))
        return ", ".join((*axes, "c") if self.filters_last else (axes[0], "c", *axes[1:]))


def read_layout(layout: str | None, shape: Sequence[int]) -> Layout:
    """The layout asked for, or JAX's own for this many axes (filters last).

    Raises:
        BadInput: unknown, for another number of axes, or not said where the shape looks like the other one.
    """
    choices = LAYOUTS.get(len(shape))
    if choices is None:
        raise BadShape(
            f"kernel: shape {tuple(shape)}; expected 2 axes (a dense matrix) to 5 (a 3-D window, channels, filters)"
        )
    if layout is None:
        if len(shape) > 2 and max(shape[:-2]) > LARGEST_WINDOW >= max(shape[2:]):
            window = "×".join(map(str, shape[:-2]))
            raise BadInput(
                f"layout: kernel {tuple(shape)} would have a window of {window} in {choices[0]}; "
                f"say {choices[1]} if filters come first (PyTorch), or {choices[0]} if it is so"
            )
        return Layout(choices[0])
    if layout not in choices:
        raise BadInput(f"layout: expected {' or '.join(choices)} for a kernel of shape {tuple(shape)}, got {layout!r}")
    return Layout(layout)


def read_numbers(name: str, value: Any) -> np.ndarray:
    """A floating array of finite numbers that are not all zero.

    Raises:
        BadInput: it is none.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise BadInput(f"{name}: expected an array of numbers: {error}") from error
    if array.dtype.kind not in "iu" and array.dtype.name not in DTYPES:
        raise BadInput(f"{name}: expected {', '.join(DTYPES)} or whole numbers, got an array of {array.dtype}")
    if array.size == 0:
        raise BadInput(f"{name}: shape {array.shape} holds nothing")
    if array.dtype.kind in "iu":
        array = array.astype(np.result_type(array.dtype, np.float32))
    bad = ~np.isfinite(array.astype(np.float64, copy=False))
    if bad.any():
        first = [int(i) for i in np.argwhere(bad)[0]]
        raise BadInput(f"{name}: {int(bad.sum())} of {array.size} entries are NaN or infinite, the first at {first}")
    if not array.any():
        raise BadInput(f"{name}: all zeros; there is nothing to find out from it")
    return array


@dataclass(frozen=True)
class Setting:
    """How a layer is applied: what the kernel alone does not say. A dense layer has none of it."""

    stride: int = 1
    padding: str = "VALID"
    dilation: int = 1

    def check(self, layout: Layout) -> "Setting":
        for name, value in (("stride", self.stride), ("dilation", self.dilation)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInput(f"{name}: expected a whole number of at least 1, got {value!r}")
        if self.padding not in ("VALID", "SAME"):
            raise BadInput(f"padding: expected VALID or SAME, got {self.padding!r}")
        if not layout.spatial and (self.stride, self.dilation) != (1, 1):
            raise BadInput("stride and dilation are for kernels with a window; a dense matrix has none")
        return self

    def reach(self, window: Sequence[int]) -> tuple[int, ...]:
        """How many entries the window spans along each axis."""
        return tuple(self.dilation * (size - 1) + 1 for size in window)

    def apply(self, images: Array, kernel: Array) -> Array:
        """The layer without its bias: images (n, *spatial, c) or rows (n, c), kernel (*window, c, f)."""
        if kernel.ndim == 2:
            return images @ kernel
        return conv(images, kernel, self.stride, self.padding, dilation=self.dilation)

    def __str__(self) -> str:
        parts = [self.padding] + [
            f"{n} {v}" for n, v in (("stride", self.stride), ("dilation", self.dilation)) if v > 1
        ]
        return ", ".join(parts)


def ones_filter(kernel: Array) -> Array:
    """One filter of ones, of the shape of each filter of (*window, c, f)."""
    return jnp.ones((*kernel.shape[:-1], 1), kernel.dtype)
