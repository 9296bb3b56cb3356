"""Rewrites that people do by hand: a convolution backwards.

The adjoint of a convolution is a convolution again, with the kernel reversed and its channels exchanged: FULL where the
one is VALID, its image spread out where the other has a stride. It is what a transposed convolution computes, and the
gradient by the image; the gradient by the kernel is a convolution of the image with the output's gradient.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c f"]
FITS = "h >= kh, w >= kw"


def adjoint_kernel(W: Kernel) -> Float[Array, "kh kw f c"]:
    """Reversed in space, channels and filters exchanged."""
    return jnp.swapaxes(jnp.flip(W, (0, 1)), 2, 3)


@theorem(given=FITS)
def adjoint(X: Image, W: Kernel, Y: Float[Array, "n h-kh+1 w-kw+1 f"]) -> tuple[Array, Array]:
    """The adjoint: <conv x, y> = <x, convᵀ y>, with the reversed kernel and FULL padding"""
    return (conv(X, W) * Y).sum(), (X * conv(Y, adjoint_kernel(W), padding="FULL")).sum()


@refutation(given=FITS)
def adjoint_without_reversing(X: Image, W: Kernel, Y: Float[Array, "n h-kh+1 w-kw+1 f"]) -> tuple[Array, Array]:
    """Without the reversal it is not the adjoint"""
    return (conv(X, W) * Y).sum(), (X * conv(Y, jnp.swapaxes(W, 2, 3), padding="FULL")).sum()


@theorem(given="h + 2*p >= kh, w + 2*p >= kw")
def adjoint_of_a_padded_convolution(
    X: Image, W: Kernel, Y: Float[Array, "n h+2*p-kh+1 w+2*p-kw+1 f"], p: int
) -> tuple[Array, Array]:
    """Padding p becomes D_k - 1 - p, for every p, cropping too"""
    kh, kw = W.shape[:2]
    back = conv(Y, adjoint_kernel(W), padding=[(kh - 1 - p, kh - 1 - p), (kw - 1 - p, kw - 1 - p)])
    return (conv(X, W, padding=p) * Y).sum(), (X * back).sum()


@theorem
def adjoint_of_stride_2(
    X: Float[Array, "n 2*h+kh-2 2*w+kw-2 c"], W: Kernel, Y: Float[Array, "n h w f"]
) -> tuple[Array, Array]:
    """A stride becomes zeros between the pixels: the transposed convolution"""
    back = conv(Y, adjoint_kernel(W), padding="FULL", image_dilation=2)
    return (conv(X, W, 2) * Y).sum(), (X * back).sum()


# The gradients. By the image JAX needs a kernel of given size.


@theorem(given="h >= 3, w >= 3")
def gradient_by_the_image(X: Image, W: Float[Array, "3 3 c f"], Y: Float[Array, "n h-2 w-2 f"]) -> tuple[Array, Array]:
    """The gradient by the image is a FULL convolution with the reversed kernel"""
    return jax.vjp(lambda x: conv(x, W), X)[1](Y)[0], conv(Y, adjoint_kernel(W), padding="FULL")


@refutation(given="h >= 3, w >= 3")
def gradient_by_the_image_without_reversing(
    X: Image, W: Float[Array, "3 3 c f"], Y: Float[Array, "n h-2 w-2 f"]
) -> tuple[Array, Array]:
    """The kernel as it lies gives another"""
    return jax.vjp(lambda x: conv(x, W), X)[1](Y)[0], conv(Y, jnp.swapaxes(W, 2, 3), padding="FULL")


@theorem
def gradient_by_the_image_of_same(
    X: Image, W: Float[Array, "3 3 c f"], Y: Float[Array, "n h w f"]
) -> tuple[Array, Array]:
    """With SAME padding and a 3×3 kernel it is SAME"""
    return jax.vjp(lambda x: conv(x, W, padding="SAME"), X)[1](Y)[0], conv(Y, adjoint_kernel(W), padding="SAME")


@refutation
def gradient_by_the_image_of_an_even_kernel(
    X: Float[Array, "n h c"], W: Float[Array, "2 c f"], Y: Float[Array, "n h f"]
) -> tuple[Array, Array]:
    """With an even kernel it is not: SAME pads one side more, and its adjoint the other"""
    kernel = jnp.swapaxes(jnp.flip(W, 0), 1, 2)
    return jax.vjp(lambda x: conv(x, W, padding="SAME"), X)[1](Y)[0], conv(Y, kernel, padding="SAME")


def by_the_kernel(X: Image, Y: Float[Array, "n y x f"], dilation: int = 1) -> Kernel:
    """The image convolved with the output's gradient: channels as the batch, the batch as channels."""
    grown = conv(jnp.transpose(X, (3, 1, 2, 0)), jnp.transpose(Y, (1, 2, 0, 3)), dilation=dilation)
    return jnp.transpose(grown, (1, 2, 0, 3))


@theorem(given=FITS)
def gradient_by_the_kernel(X: Image, W: Kernel, Y: Float[Array, "n h-kh+1 w-kw+1 f"]) -> tuple[Array, Array]:
    """The gradient by the kernel is the convolution of the image with the output's gradient"""
    return jax.vjp(lambda w: conv(X, w), W)[1](Y)[0], by_the_kernel(X, Y)


@refutation(given=FITS)
def gradient_by_the_kernel_from_the_wrong_end(
    X: Image, W: Kernel, Y: Float[Array, "n h-kh+1 w-kw+1 f"]
) -> tuple[Array, Array]:
    """Not with the output's gradient reversed: nothing is to be reversed here"""
    return jax.vjp(lambda w: conv(X, w), W)[1](Y)[0], by_the_kernel(X, jnp.flip(Y, (1, 2)))


@theorem
def gradient_by_the_kernel_of_stride_2(
    X: Float[Array, "n 2*h+1 2*w+1 c"], W: Float[Array, "3 3 c f"], Y: Float[Array, "n h w f"]
) -> tuple[Array, Array]:
    """A stride becomes a dilation of the output's gradient"""
    return jax.vjp(lambda w: conv(X, w, 2), W)[1](Y)[0], by_the_kernel(X, Y, dilation=2)


@theorem
def gradient_of_the_projected_layer(
    X: Image, W: Float[Array, "3 3 c f"], Q: Float[Array, "f k"], Y: Float[Array, "n h w k"]
) -> tuple[Array, Array]:
    """Projecting filters or outputs gives the same gradients too: by Q"""
    filters = jax.vjp(lambda q: conv(X, W @ q, padding="SAME"), Q)[1](Y)[0]
    return filters, jax.vjp(lambda q: conv(X, W, padding="SAME") @ q, Q)[1](Y)[0]


@theorem
def transposed_convolution_of_the_library(X: Image, W: Float[Array, "3 3 c f"]) -> tuple[Array, Array]:
    """`lax.conv_transpose` spreads the image by its stride and pads it; the kernel is not reversed"""
    spread = conv(X, W, padding=[(2, 1), (2, 1)], image_dilation=2)
    return lax.conv_transpose(X, W, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")), spread
