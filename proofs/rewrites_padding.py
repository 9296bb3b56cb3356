"""Rewrites that people do by hand: paddings that are folded into a convolution's own, and its operands swapped.

A padding with zeros before a convolution is more padding of the convolution. A padding with anything else is not, and a
crop is not either once the convolution pads: what was cut away comes back as zeros in the one and as itself in the
other. Compilers have had that bug: XLA's fold of a cropping pad into a window's sum (openxla/xla, issue 48715).
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c f"]
Signal = Float[Array, "n h c"]
Taps = Float[Array, "k c f"]


def pad(X: Image, low: int, high: int, gap: int = 0, value: float | Array = 0.0) -> Image:
    """The same padding on both spatial axes; negative: cropping."""
    return lax.pad(X, jnp.asarray(value, X.dtype), [(0, 0, 0), (low, high, gap), (low, high, gap), (0, 0, 0)])


@theorem(given="p >= 0, q >= 0, h + 2*p + 2*q >= kh, w + 2*p + 2*q >= kw")
def zero_padding_before_a_convolution(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """Zero padding q, then a convolution with padding p, is one with padding p + q"""
    return conv(pad(X, q, q), W, padding=p), conv(X, W, padding=p + q)


@theorem(given="p >= 0, q >= 0, r >= 0, h + 2*p + q + r >= kh, w + 2*p + q + r >= kw")
def uneven_zero_padding_before_a_convolution(X: Image, W: Kernel, p: int, q: int, r: int) -> tuple[Array, Array]:
    """With stride 2, and q before and r after: padding (p + q, p + r)"""
    return conv(pad(X, q, r), W, 2, p), conv(X, W, 2, [(p + q, p + r), (p + q, p + r)])


@theorem(given="p <= 0, h + 2*p + 2*q >= kh, w + 2*p + 2*q >= kw, h + 2*q >= 1, w + 2*q >= 1")
def any_padding_before_a_convolution_that_crops(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """If the convolution's own padding only crops (p <= 0), any q folds, cropping too"""
    return conv(pad(X, q, q), W, padding=p), conv(X, W, padding=p + q)


@refutation(given="p >= 1, q <= -1, h + 2*q >= 1, h + 2*p + 2*q >= k")
def a_crop_before_a_convolution_that_pads(X: Signal, W: Taps, p: int, q: int) -> tuple[Array, Array]:
    """A crop (q < 0) does not fold into a convolution that pads (p > 0): what was cropped comes back"""
    cropped = lax.pad(X, 0.0, [(0, 0, 0), (q, q, 0), (0, 0, 0)])
    return conv(cropped, W, padding=p), conv(X, W, padding=p + q)


@refutation(given="h >= 2, w >= 2")
def a_crop_before_a_window_sum_that_pads(X: Image) -> tuple[Array, Array]:
    """Nor into a window's sum: cropped by 1, then padded by 1 and summed, is not the sum of what was there"""
    cropped = lax.pad(X, 0.0, [(0, 0, 0), (-1, 0, 0), (0, 0, 0), (0, 0, 0)])
    window, ones = (1, 2, 1, 1), (1, 1, 1, 1)
    folded = lax.reduce_window(X, 0.0, lax.add, window, ones, [(0, 0)] * 4)
    return lax.reduce_window(cropped, 0.0, lax.add, window, ones, [(0, 0), (1, 0), (0, 0), (0, 0)]), folded


@theorem(given="p >= 0, q >= 0, h + p >= 2")
def zero_padding_before_a_window_sum(X: Float[Array, "n h"], p: int, q: int) -> tuple[Array, Array]:
    """Zero padding p before and q after, then a window's sum, is the window's sum with that padding"""
    padded = lax.pad(X, 0.0, [(0, 0, 0), (p, q, 0)])
    window, ones = (1, 2), (1, 1)
    return lax.reduce_window(padded, 0.0, lax.add, window, ones, "VALID"), lax.reduce_window(
        X, 0.0, lax.add, window, ones, [(0, 0), (p, q)]
    )


@refutation
def a_padding_that_is_not_zero(X: Image, W: Float[Array, "3 3 c f"], v: Float[Array, ""]) -> tuple[Array, Array]:
    """A padding with another value than zero does not fold"""
    return conv(pad(X, 1, 1, value=v), W), conv(X, W, padding=1)


@refutation(given="h >= 2")
def a_padding_that_repeats_the_edge(X: Signal, W: Float[Array, "3 c f"]) -> tuple[Array, Array]:
    """Nor one that repeats the edge"""
    return conv(jnp.pad(X, [(0, 0), (1, 1), (0, 0)], "edge"), W), conv(X, W, padding="SAME")


@theorem(given="h + 2*p >= kh, w + 2*p >= kw")
def crop_after_a_convolution(X: Image, W: Kernel, p: int) -> tuple[Array, Array]:
    """A crop after a convolution of stride 1 is less padding in it: SAME's border cut off is VALID"""
    return pad(conv(X, W, padding=[(p + 1, p + 2), (p + 1, p + 2)]), -1, -2), conv(X, W, padding=p)


@theorem
def zeros_between_the_pixels(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """Zeros put between the pixels are a dilation of the image (a transposed convolution)"""
    return conv(pad(X, 1, 2, gap=1), W), conv(X, W, padding=[(1, 2), (1, 2)], image_dilation=2)


@theorem(given="h >= 2*kh - 1, w >= 2*kw - 1")
def zeros_between_the_taps(X: Image, W: Kernel) -> tuple[Array, Array]:
    """Zeros put between the kernel's taps are a dilation of the kernel"""
    spread = lax.pad(W, 0.0, [(0, 0, 1), (0, 0, 1), (0, 0, 0), (0, 0, 0)])
    return conv(X, spread), conv(X, W, dilation=2)


@theorem(given="h + p + q >= kh, w + p + q >= kw")
def zeros_around_the_taps(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """Zeros around the kernel change nothing, if the image is padded as much"""
    around = lax.pad(W, 0.0, [(1, 0, 0), (0, 1, 0), (0, 0, 0), (0, 0, 0)])
    return conv(X, around, padding=[(p + 1, q), (p, q + 1)]), conv(X, W, padding=[(p, q), (p, q)])


# The operands swapped. With the kernel reversed, convolution sums X[x] K[k] over x + k = s·o + constant: symmetric in
# image and kernel. So reverse the image, not the kernel; the sizes D_x, D_k and the padding P set the new padding.


def swapped(X: Image, W: Kernel, stride: int, low: int, high: int) -> Array:
    """conv(X, reversed W) with the kernel as the image: batch and filters change places."""
    image, kernel = jnp.transpose(W, (3, 0, 1, 2)), jnp.transpose(jnp.flip(X, (1, 2)), (1, 2, 3, 0))
    (h, w), (kh, kw) = X.shape[1:3], W.shape[:2]
    padding = [(h + low - kh, h + high - kh), (w + low - kw, w + high - kw)]
    return jnp.transpose(conv(image, kernel, stride, padding), (3, 1, 2, 0))


# The last two follow from the first two, and JAX asks for them.
ROOM = "h + p + q >= kh, w + p + q >= kw, 2*h + p + q >= kh, 2*w + p + q >= kw"


@theorem(given=ROOM)
def operands_swapped(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """The operands swap: reverse the image, not the kernel, with padding D_x + P - D_k"""
    return conv(X, jnp.flip(W, (0, 1)), padding=[(p, q), (p, q)]), swapped(X, W, 1, p, q)


@theorem(given=ROOM)
def operands_swapped_with_stride_2(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """So they do with stride 2"""
    return conv(X, jnp.flip(W, (0, 1)), 2, [(p, q), (p, q)]), swapped(X, W, 2, p, q)


@theorem(given=ROOM)
def operands_swapped_with_stride_3(X: Image, W: Kernel, p: int, q: int) -> tuple[Array, Array]:
    """And with stride 3"""
    return conv(X, jnp.flip(W, (0, 1)), 3, [(p, q), (p, q)]), swapped(X, W, 3, p, q)


@refutation(given="h >= kh, w >= kw")
def operands_swapped_without_reversing(X: Image, W: Kernel) -> tuple[Array, Array]:
    """Without the reversal of the kernel on the one side they do not"""
    return conv(X, W), swapped(X, W, 1, 0, 0)


@refutation(given="h + p + q >= k")
def operands_swapped_with_the_paddings_exchanged(X: Signal, W: Taps, p: int, q: int) -> tuple[Array, Array]:
    """Nor with the paddings before and after exchanged"""
    image, kernel, (h, k) = (
        jnp.transpose(W, (2, 0, 1)),
        jnp.transpose(jnp.flip(X, 1), (1, 2, 0)),
        (X.shape[1], W.shape[0]),
    )
    exchanged = conv(image, kernel, padding=[(h + q - k, h + p - k)])
    return conv(X, jnp.flip(W, 0), padding=[(p, q)]), jnp.transpose(exchanged, (2, 1, 0))
