"""Rewrites that people do by hand: a convolution as products of matrices.

Its patches are a matrix, one row for each place, one column for each entry of a window; its kernel is a matrix too, and
the convolution is their product, if both list a window's entries in the same order. As 1×1 products it is a sum over
shifts. With stride 2 it is one of stride 1 on blocks of 2×2 pixels. And the covariance of its output is that of the
patches between two kernels, which is why a PCA fitted anew on the output is another map than one fitted on the kernel.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

Image = Float[Array, "n h w c"]
FITS = "h >= 3, w >= 3"

# The kernel is 3×3, by number, where the program cuts one slice for each of its entries.


def shifts(X: Image, kh: int, kw: int) -> list[Image]:
    """The image from each of the window's places on, row by row."""
    n, h, w, c = X.shape
    return [lax.slice(X, (0, i, j, 0), (n, h - kh + 1 + i, w - kw + 1 + j, c)) for i in range(kh) for j in range(kw)]


def patches(X: Image, kh: int, kw: int) -> Float[Array, "n y x kh*kw*c"]:
    """im2col: each window laid flat, its rows outermost, channels innermost."""
    return jnp.concatenate(shifts(X, kh, kw), axis=3)


@theorem(given=FITS)
def im2col(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """Convolution is the patches' matrix times the flattened kernel"""
    return conv(X, W), patches(X, 3, 3) @ W.reshape(9 * W.shape[2], W.shape[3])


@refutation(given="h >= 2, w >= 2")
def im2col_in_the_other_order(X: Image, W: Float[Array, "2 2 c f"]) -> tuple[Array, Array]:
    """With the patches' columns channels first and the kernel's rows channels last it is not"""
    channels_first = jnp.stack(shifts(X, 2, 2), axis=4).reshape(*conv(X, W).shape[:3], X.shape[3] * 4)
    return conv(X, W), channels_first @ W.reshape(4 * W.shape[2], W.shape[3])


@theorem(given="h >= 2, w >= 2")
def im2col_channels_first(X: Image, W: Float[Array, "2 2 c f"]) -> tuple[Array, Array]:
    """With both channels first it is again"""
    channels_first = jnp.stack(shifts(X, 2, 2), axis=4).reshape(*conv(X, W).shape[:3], X.shape[3] * 4)
    return conv(X, W), channels_first @ W.transpose(2, 0, 1, 3).reshape(W.shape[2] * 4, W.shape[3])


def library_patches(X: Image, window: tuple[int, int], padding: str, stride: int = 1) -> Array:
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated_patches(X, window, (stride, stride), padding, dimension_numbers=numbers)


@theorem(given=FITS)
def im2col_of_the_library(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """`lax.conv_general_dilated_patches` lists channels first: the kernel must be transposed to match"""
    return conv(X, W), library_patches(X, (3, 3), "VALID") @ W.transpose(2, 0, 1, 3).reshape(W.shape[2] * 9, W.shape[3])


@theorem
def im2col_of_the_library_same_stride_2(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """With SAME padding and stride 2 too"""
    rows = W.transpose(2, 0, 1, 3).reshape(W.shape[2] * 9, W.shape[3])
    return conv(X, W, 2, "SAME"), library_patches(X, (3, 3), "SAME", 2) @ rows


@refutation(given=FITS)
def im2col_of_the_library_in_the_other_order(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """With the kernel flattened as it lies it does not match"""
    return conv(X, W), library_patches(X, (3, 3), "VALID") @ W.reshape(9 * W.shape[2], W.shape[3])


@theorem(given=FITS)
def as_1x1_products_and_shifts(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """Convolution is a sum of 1×1 products, one for each shift of the image"""
    taps = [W[i, j] for i in range(3) for j in range(3)]
    return conv(X, W), sum((x @ tap for x, tap in zip(shifts(X, 3, 3), taps, strict=True)), jnp.float32(0))


@refutation(given=FITS)
def as_1x1_products_and_opposite_shifts(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """With the shifts the other way round it is a convolution with the reversed kernel"""
    taps = [W[i, j] for i in range(3) for j in range(3)]
    return conv(X, W), sum((x @ tap for x, tap in zip(shifts(X, 3, 3)[::-1], taps, strict=True)), jnp.float32(0))


@theorem
def a_1x1_convolution(X: Image, W: Float[Array, "1 1 c f"]) -> tuple[Array, Array]:
    """A 1×1 convolution is a product of matrices, pixel by pixel"""
    flat = X.reshape(X.shape[0] * X.shape[1] * X.shape[2], X.shape[3])
    return conv(X, W), (flat @ W[0, 0]).reshape(*X.shape[:3], W.shape[3])


@theorem
def a_window_as_large_as_the_image(X: Image, W: Float[Array, "h w c f"]) -> tuple[Array, Array]:
    """A convolution whose kernel is as large as the image is a dense layer"""
    flat = X.reshape(X.shape[0], X.shape[1] * X.shape[2] * X.shape[3])
    rows = W.reshape(W.shape[0] * W.shape[1] * W.shape[2], W.shape[3])
    return conv(X, W), (flat @ rows)[:, None, None, :]


# Space to depth: each block of 2×2 pixels becomes one pixel of four times the channels.


def space_to_depth(X: Float[Array, "n 2*h 2*w c"]) -> Float[Array, "n h w 4*c"]:
    n, h, w, c = X.shape[0], X.shape[1] // 2, X.shape[2] // 2, X.shape[3]
    return X.reshape(n, h, 2, w, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h, w, 4 * c)


def kernel_to_depth(W: Float[Array, "2*kh 2*kw c f"]) -> Float[Array, "kh kw 4*c f"]:
    kh, kw, c, f = W.shape[0] // 2, W.shape[1] // 2, W.shape[2], W.shape[3]
    return W.reshape(kh, 2, kw, 2, c, f).transpose(0, 2, 1, 3, 4, 5).reshape(kh, kw, 4 * c, f)


@theorem(given="h >= kh, w >= kw")
def space_to_depth_for_stride_2(
    X: Float[Array, "n 2*h 2*w c"], W: Float[Array, "2*kh 2*kw c f"]
) -> tuple[Array, Array]:
    """A convolution of stride 2 is one of stride 1 on blocks of 2×2 pixels, if image and kernel are even"""
    return conv(X, W, 2), conv(space_to_depth(X), kernel_to_depth(W))


@theorem(given="h >= 4, w >= 4")
def space_to_depth_for_a_7x7_kernel(X: Float[Array, "n 2*h 2*w c"], W: Float[Array, "7 7 c f"]) -> tuple[Array, Array]:
    """An odd kernel is padded first: ResNet's 7×7 of stride 2 with padding 3 as a 4×4 of stride 1"""
    even = lax.pad(W, 0.0, [(1, 0, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0)])
    blocks = conv(space_to_depth(X), kernel_to_depth(even), padding=[(2, 1), (2, 1)])
    return conv(X, W, 2, [(3, 3), (3, 3)]), blocks


@refutation(given="h >= 4, w >= 4")
def space_to_depth_with_the_kernel_padded_at_the_end(
    X: Float[Array, "n 2*h 2*w c"], W: Float[Array, "7 7 c f"]
) -> tuple[Array, Array]:
    """Padded on the other side the kernel lies one pixel off"""
    even = lax.pad(W, 0.0, [(0, 1, 0), (0, 1, 0), (0, 0, 0), (0, 0, 0)])
    blocks = conv(space_to_depth(X), kernel_to_depth(even), padding=[(2, 1), (2, 1)])
    return conv(X, W, 2, [(3, 3), (3, 3)]), blocks


# The covariance of the output.


def covariance(Y: Float[Array, "m f"]) -> Float[Array, "f f"]:
    """Of the rows, over m - 1, as `jnp.cov(Y, rowvar=False)` has it."""
    centred = Y - Y.mean(0)
    return centred.T @ centred / (Y.shape[0] - 1)


@theorem
def covariance_of_the_output(P: Float[Array, "m p"], W: Float[Array, "p f"]) -> tuple[Array, Array]:
    """The covariance of the output is Wᵀ · (covariance of the patches) · W"""
    return covariance(P @ W), W.T @ covariance(P) @ W


@theorem
def covariance_of_a_convolution(X: Float[Array, "n h+1 c"], W: Float[Array, "2 c f"]) -> tuple[Array, Array]:
    """So for a convolution and its patches (in 1-D, a window of 2)"""
    (n, h, c), f = X[:, 1:].shape, W.shape[2]
    columns = jnp.concatenate([X[:, :-1], X[:, 1:]], axis=2)
    flat = W.reshape(2 * c, f)
    return covariance(conv(X, W).reshape(n * h, f)), flat.T @ covariance(columns.reshape(n * h, 2 * c)) @ flat


@refutation(given="p >= 2")
def covariance_of_the_output_is_not_that_of_the_kernel(
    P: Float[Array, "m p"], W: Float[Array, "p f"]
) -> tuple[Array, Array]:
    """It is not the covariance of the kernel's rows: a PCA fitted on the output is another map"""
    return covariance(P @ W), covariance(W)


@refutation
def covariance_without_centring(P: Float[Array, "m p"], W: Float[Array, "p f"]) -> tuple[Array, Array]:
    """Nor is it the second moment of the patches between two kernels: their mean must be taken out"""
    return covariance(P @ W), W.T @ (P.T @ P / (P.shape[0] - 1)) @ W
