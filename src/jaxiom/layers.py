"""Layers whose JAX spelling does not take symbolic sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax import Array, lax
from jax.extend.core import primitives
from jaxtyping import Float

from jaxiom.errors import BadInput

SPATIAL = "DHW"


def conv(
    image: Float[Array, "n *spatial c"],
    kernel: Float[Array, "*window c f"],
    stride: int | Sequence[int] = 1,
    padding: str | Any | Sequence[tuple[Any, Any]] = "VALID",
    *,
    dilation: int | Sequence[int] = 1,
    image_dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Float[Array, "n *out f"]:
    """Convolution as JAX calls it (a cross-correlation: the kernel is not flipped), in 1-D, 2-D, 3-D and on.

    Args:
        image: batch first, channels last, any number of spatial axes between.
        kernel: one window axis for each spatial axis, then channels in (a group's), then filters.
        stride, dilation, image_dilation: numbers, one for all axes or one each.
        padding: "VALID", "SAME", "FULL"; a size p for (p, p) on every axis; or a pair (low, high) for each. Unlike
            `lax.conv_general_dilated`, which insists on numbers, sizes may be symbolic: integer variables of a claim.
        groups: feature groups.

    Returns:
        The convolved image.

    Raises:
        BadInput: ranks that do not fit, or an unknown padding.

    >>> import jaxiom
    >>> crop = lambda X, W, p: conv(X, W, padding=[(p, p)])
    >>> jaxiom.prove(crop, crop, X="n h c", W="3 c f", p=int, given="h + 2*p >= 3").status
    'proved'
    """
    rank = image.ndim - 2
    if rank < 1 or kernel.ndim != image.ndim:
        raise BadInput(
            f"conv: image {image.shape} and kernel {kernel.shape}: expected (n, *spatial, c) and (*window, c, f) "
            "with the same number of axes"
        )
    strides, dilations, image_dilations = (each(v, rank) for v in (stride, dilation, image_dilation))
    pads = paddings(image, kernel, strides, padding, dilations, image_dilations)
    numbers = lax.conv_dimension_numbers(image.shape, kernel.shape, layout(rank))
    if all(isinstance(p, int | np.integer) for pair in pads for p in pair):
        return lax.conv_general_dilated(
            image, kernel, strides, pads, image_dilations, dilations, numbers, feature_group_count=groups
        )
    return primitives.conv_general_dilated_p.bind(
        image,
        kernel,
        window_strides=strides,
        padding=pads,
        lhs_dilation=image_dilations,
        rhs_dilation=dilations,
        dimension_numbers=numbers,
        feature_group_count=groups,
        batch_group_count=1,
        precision=None,
        preferred_element_type=None,
        out_sharding=None,
    )


def each(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * rank


def layout(rank: int) -> tuple[str, str, str]:
    spatial = SPATIAL[-rank:] if rank <= len(SPATIAL) else "".join(chr(ord("a") + i) for i in range(rank))
    return f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"


def paddings(
    image: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Any,
    dilations: Sequence[int],
    image_dilations: Sequence[int],
) -> tuple[tuple[Any, Any], ...]:
    """The pair (low, high) for each spatial axis."""
    rank = image.ndim - 2
    if not isinstance(padding, str):
        if isinstance(padding, Sequence):
            return tuple((p[0], p[1]) for p in padding)
        return ((padding, padding),) * rank
    window = [(kernel.shape[i] - 1) * dilations[i] + 1 for i in range(rank)]
    if padding == "FULL":
        return tuple((w - 1, w - 1) for w in window)
    if padding == "VALID":
        return ((0, 0),) * rank
    if padding != "SAME":
        raise BadInput(f'conv: padding={padding!r}: expected "VALID", "SAME", "FULL", a size or pairs of sizes')
    extent = [(image.shape[i + 1] - 1) * image_dilations[i] + 1 for i in range(rank)]
    return tuple(lax.padtype_to_pads(extent, window, strides, "SAME"))
