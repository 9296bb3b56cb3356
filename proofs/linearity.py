"""Convolution is linear: additive and homogeneous in the image and in the kernel; with a bias it is affine.

So a stack of convolutions with nothing between them is one convolution, with the composed kernel: exactly with VALID
padding, and not at the border with SAME, where the second layer reads zeros in place of the first layer's output
outside the image.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

FITS = "h >= kh, w >= kw"


@theorem(given=FITS)
def additive_in_the_image(
    X: Float[Array, "n h w c"], Y: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"]
) -> tuple[Array, Array]:
    """Convolution is additive in the image: f(x + y; W) = f(x; W) + f(y; W)"""
    return conv(X + Y, W), conv(X, W) + conv(Y, W)


@theorem(given=FITS)
def homogeneous_in_the_image(
    a: Float[Array, ""], X: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"]
) -> tuple[Array, Array]:
    """Convolution is homogeneous in the image: f(a x; W) = a f(x; W)"""
    return conv(a * X, W), a * conv(X, W)


@theorem(given=FITS)
def additive_in_the_kernel(
    X: Float[Array, "n h w c"], V: Float[Array, "kh kw c f"], W: Float[Array, "kh kw c f"]
) -> tuple[Array, Array]:
    """Convolution is additive in the kernel: f(x; V + W) = f(x; V) + f(x; W)"""
    return conv(X, V + W), conv(X, V) + conv(X, W)


@theorem(given=FITS)
def homogeneous_in_the_kernel(
    a: Float[Array, ""], X: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"]
) -> tuple[Array, Array]:
    """Convolution is homogeneous in the kernel: f(x; a W) = a f(x; W)"""
    return conv(X, a * W), a * conv(X, W)


@theorem
def linear_with_same_padding_and_stride(
    a: Float[Array, ""], X: Float[Array, "n h w c"], Y: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"]
) -> tuple[Array, Array]:
    """Zero padding and stride keep convolution linear (SAME, stride 2)"""
    return conv(a * X + Y, W, 2, "SAME"), a * conv(X, W, 2, "SAME") + conv(Y, W, 2, "SAME")


@theorem(given="h + 2*p >= kh, w + 2*p >= kw")
def linear_with_any_padding(
    X: Float[Array, "n h w c"], Y: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"], p: int
) -> tuple[Array, Array]:
    """So does any padding p, cropping (p < 0) among it"""
    return conv(X + Y, W, padding=p), conv(X, W, padding=p) + conv(Y, W, padding=p)


@refutation(given=FITS)
def with_a_bias_not_additive(
    X: Float[Array, "n h w c"], Y: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"], b: Float[Array, "f"]
) -> tuple[Array, Array]:
    """With a bias convolution is not additive: the difference is -b"""
    return conv(X + Y, W) + b, (conv(X, W) + b) + (conv(Y, W) + b)


@theorem(given=FITS)
def with_a_bias_affine(
    X: Float[Array, "n h w c"], Y: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"], b: Float[Array, "f"]
) -> tuple[Array, Array]:
    """With a bias it is affine: additive but for one b"""
    return conv(X + Y, W) + b, (conv(X, W) + b) + (conv(Y, W) + b) - b


def compose(U: Float[Array, "a b c d"], V: Float[Array, "i j d e"], stride: int = 1) -> Float[Array, "y x c e"]:
    """The kernel of conv(conv(X, U, stride), V): U convolved in full with V reversed, channels contracted; a stride of
    the first layer spreads the second's taps."""
    rows = jnp.transpose(U, (2, 0, 1, 3))
    return jnp.transpose(conv(rows, jnp.flip(V, (0, 1)), padding="FULL", dilation=stride), (1, 2, 0, 3))


@theorem(given="h >= a + i - 1, w >= b + j - 1")
def two_valid_convolutions_are_one(
    X: Float[Array, "n h w c"], U: Float[Array, "a b c d"], V: Float[Array, "i j d e"]
) -> tuple[Array, Array]:
    """Two stacked VALID convolutions are one, with the composed kernel"""
    return conv(conv(X, U), V), conv(X, compose(U, V))


@theorem(given="h >= 5, w >= 5")
def two_valid_3x3_convolutions_are_one_5x5(
    X: Float[Array, "n h w c"], U: Float[Array, "3 3 c d"], V: Float[Array, "3 3 d e"]
) -> tuple[Array, Array]:
    """Two stacked 3×3 VALID convolutions are one 5×5"""
    return conv(conv(X, U), V), conv(X, compose(U, V))


@refutation
def two_same_convolutions_are_not_one(
    X: Float[Array, "n h c"], U: Float[Array, "3 c d"], V: Float[Array, "3 d e"]
) -> tuple[Array, Array]:
    """Two stacked SAME convolutions are not one: they differ at the border"""
    composed = jnp.transpose(conv(jnp.transpose(U, (1, 0, 2)), jnp.flip(V, 0), padding="FULL"), (1, 0, 2))
    return conv(conv(X, U, padding="SAME"), V, padding="SAME"), conv(X, composed, padding="SAME")


@theorem(given="h >= 5")
def two_same_convolutions_are_one_inside(
    X: Float[Array, "n h c"], U: Float[Array, "3 c d"], V: Float[Array, "3 d e"]
) -> tuple[Array, Array]:
    """Inside, one row away from the border, they are one"""
    composed = jnp.transpose(conv(jnp.transpose(U, (1, 0, 2)), jnp.flip(V, 0), padding="FULL"), (1, 0, 2))
    stacked = conv(conv(X, U, padding="SAME"), V, padding="SAME")
    crop = [(0, 0, 0), (-1, -1, 0), (0, 0, 0)]
    return lax.pad(stacked, 0.0, crop), lax.pad(conv(X, composed, padding="SAME"), 0.0, crop)
