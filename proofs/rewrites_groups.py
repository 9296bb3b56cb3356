"""Rewrites that people do by hand: kernels with structure, written out or split.

A grouped convolution is a full one whose kernel is zero between the groups; a depthwise one has a group for each
channel. A kernel that is a product of smaller ones is applied as one layer after another: a product of a column and a
row, or of a window by channel and a matrix of channels. A sum of products is no product.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

Image = Float[Array, "n h w c"]
FITS = "h >= kh, w >= kw"

# Groups: their number is a number, since groups of symbolic number and size are a product of variables.


def full_kernel(W: Float[Array, "kh kw c 2*f"]) -> Float[Array, "kh kw 2*c 2*f"]:
    """The kernel of two groups over all channels: masked to zero where channel and filter are of different groups."""
    c, f = W.shape[2], W.shape[3] // 2
    groups = (jnp.arange(2 * c) < c)[:, None] == (jnp.arange(2 * f) < f)
    return jnp.where(groups, jnp.concatenate([W, W], axis=2), 0.0)


@theorem(given=FITS)
def two_groups(X: Float[Array, "n h w 2*c"], W: Float[Array, "kh kw c 2*f"]) -> tuple[Array, Array]:
    """A convolution in two groups is a full one with its kernel masked"""
    return conv(X, W, groups=2), conv(X, full_kernel(W))


@theorem
def two_groups_with_stride(X: Float[Array, "n h w 2*c"], W: Float[Array, "kh kw c 2*f"]) -> tuple[Array, Array]:
    """Padded and with stride 2 too"""
    return conv(X, W, 2, "SAME", groups=2), conv(X, full_kernel(W), 2, "SAME")


@refutation(given=FITS)
def two_groups_without_the_mask(X: Float[Array, "n h w 2*c"], W: Float[Array, "kh kw c 2*f"]) -> tuple[Array, Array]:
    """Without the mask it is not: each filter would see the other group's channels"""
    return conv(X, W, groups=2), conv(X, jnp.concatenate([W, W], axis=2))


@theorem(given=FITS)
def two_groups_as_two_convolutions(X: Float[Array, "n h w 2*c"], W: Float[Array, "kh kw c 2*f"]) -> tuple[Array, Array]:
    """And it is two convolutions, one for each half of the channels"""
    (first, second), (U, V) = jnp.split(X, 2, axis=3), jnp.split(W, 2, axis=3)
    return conv(X, W, groups=2), jnp.concatenate([conv(first, U), conv(second, V)], axis=3)


@refutation(given=FITS)
def two_groups_as_two_convolutions_exchanged(
    X: Float[Array, "n h w 2*c"], W: Float[Array, "kh kw c 2*f"]
) -> tuple[Array, Array]:
    """In the other order they are not"""
    (first, second), (U, V) = jnp.split(X, 2, axis=3), jnp.split(W, 2, axis=3)
    return conv(X, W, groups=2), jnp.concatenate([conv(second, V), conv(first, U)], axis=3)


@theorem(given=FITS)
def depthwise(X: Image, D: Float[Array, "kh kw 1 c"]) -> tuple[Array, Array]:
    """A depthwise convolution is a full one with a diagonal kernel"""
    return conv(X, D, groups=X.shape[3]), conv(X, D * jnp.eye(X.shape[3]))


@refutation(given=FITS)
def depthwise_without_the_diagonal(X: Image, D: Float[Array, "kh kw 1 c"]) -> tuple[Array, Array]:
    """Repeated over all channels the kernel mixes them"""
    return conv(X, D, groups=X.shape[3]), conv(X, D * jnp.ones((X.shape[3], 1)))


@theorem(given=FITS)
def depthwise_separable(X: Image, D: Float[Array, "kh kw 1 c"], P: Float[Array, "c f"]) -> tuple[Array, Array]:
    """A depthwise convolution, then a matrix on the channels, is one convolution with their product"""
    return conv(X, D, groups=X.shape[3]) @ P, conv(X, jnp.swapaxes(D, 2, 3) * P)


@theorem
def depthwise_separable_padded(X: Image, D: Float[Array, "kh kw 1 c"], P: Float[Array, "c f"]) -> tuple[Array, Array]:
    """With SAME padding and stride 2 too"""
    return conv(X, D, 2, "SAME", groups=X.shape[3]) @ P, conv(X, jnp.swapaxes(D, 2, 3) * P, 2, "SAME")


@theorem(given=FITS)
def channels_first_then_depthwise(
    X: Image, P: Float[Array, "c f"], D: Float[Array, "kh kw 1 f"]
) -> tuple[Array, Array]:
    """The matrix may come first: then the window is that of the filter"""
    return conv(X @ P, D, groups=P.shape[1]), conv(X, P * D)


@refutation(given=FITS)
def depthwise_separable_in_the_other_order(
    X: Image, D: Float[Array, "kh kw 1 c"], P: Float[Array, "c c"]
) -> tuple[Array, Array]:
    """The two orders are not the same layer"""
    c = X.shape[3]
    return conv(X, D, groups=c) @ P, conv(X @ P, D, groups=c)


# A window that is a column times a row.


@theorem(given=FITS)
def separable(X: Image, u: Float[Array, "kh"], W: Float[Array, "kw c f"]) -> tuple[Array, Array]:
    """A kernel that is a column times a row is two convolutions, one along each axis"""
    rows = conv(X, W[None])
    column = u[:, None, None, None] * jnp.eye(W.shape[2])
    return conv(X, u[:, None, None, None] * W), conv(rows, column)


@theorem
def separable_padded(X: Image, U: Float[Array, "kh c d"], V: Float[Array, "kw d f"]) -> tuple[Array, Array]:
    """With channels between them, and SAME padding: each axis is padded by its own layer, so the border is right too"""
    once = jnp.einsum("icd,jdf->ijcf", U, V)
    return conv(X, once, padding="SAME"), conv(conv(X, U[:, None], padding="SAME"), V[None], padding="SAME")


@refutation
def separable_with_a_bias_between(
    X: Image, U: Float[Array, "kh c d"], b: Float[Array, "d"], V: Float[Array, "3 d f"]
) -> tuple[Array, Array]:
    """A bias between them is not folded through the padding of the second"""
    once = jnp.einsum("icd,jdf->ijcf", U, V)
    bias = jnp.einsum("jdf,d->f", V, b)
    twice = conv(conv(X, U[:, None], padding="SAME") + b, V[None], padding="SAME")
    return conv(X, once, padding="SAME") + bias, twice


@refutation(given=FITS)
def sum_of_separable(
    X: Float[Array, "n h w"],
    a: Float[Array, "kh"],
    b: Float[Array, "kw"],
    u: Float[Array, "kh"],
    v: Float[Array, "kw"],
) -> tuple[Array, Array]:
    """A sum of two such kernels is not the product of the sums: two passes are not enough"""

    def layer(K: Array) -> Array:
        return conv(X[..., None], K[:, :, None, None])

    return layer(jnp.outer(a, b) + jnp.outer(u, v)), layer(jnp.outer(a + u, b + v))
