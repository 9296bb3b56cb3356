"""Rewrites that people do by hand: what is folded into a convolution, and what is merged to one.

A network is made smaller after training by moving what is linear into the kernels: batch norm, a stack of layers,
branches that run side by side, an average over a window. Each is right under a condition, and the condition is mostly
about the border: a zero that padding adds is a zero of the layer that it is added to, and of no other.

The other chapters of rewrites: `rewrites_padding` (paddings folded, operands swapped), `rewrites_im2col` (a convolution
as products of matrices), `rewrites_groups` (groups, depthwise, separable), `rewrites_gradients` (adjoints and vjp).
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float
from linearity import compose

from jaxiom import refutation, theorem
from jaxiom.layers import conv

FITS = "h >= kh, w >= kw"

Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c f"]

# Batch norm at inference: y -> scale (y - mean) + shift, with scale = gamma / sqrt(variance + epsilon), by channel.
# Most claims hold for every scale, so for that one.


@theorem(given=FITS)
def batch_norm_after_a_convolution(
    X: Image,
    W: Kernel,
    b: Float[Array, "f"],
    mean: Float[Array, "f"],
    scale: Float[Array, "f"],
    shift: Float[Array, "f"],
) -> tuple[Array, Array]:
    """Batch norm after a convolution folds into its kernel and bias (VALID)"""
    return scale * (conv(X, W) + b - mean) + shift, conv(X, W * scale) + (scale * (b - mean) + shift)


@theorem(given=FITS)
def batch_norm_after_a_convolution_with_its_variance(
    X: Image,
    W: Kernel,
    mean: Float[Array, "f"],
    variance: Float[Array, "f"],
    gamma: Float[Array, "f"],
    beta: Float[Array, "f"],
) -> tuple[Array, Array]:
    """Written with gamma / sqrt(variance + epsilon) it folds just so"""
    scale = gamma * lax.rsqrt(variance + 0.001)
    return scale * (conv(X, W) - mean) + beta, conv(X, W * scale) + (beta - scale * mean)


@theorem
def batch_norm_after_a_padded_convolution(
    X: Image,
    W: Kernel,
    b: Float[Array, "f"],
    mean: Float[Array, "f"],
    scale: Float[Array, "f"],
    shift: Float[Array, "f"],
) -> tuple[Array, Array]:
    """Zero padding and stride change nothing of that (SAME, stride 2)"""
    folded = conv(X, W * scale, 2, "SAME") + (scale * (b - mean) + shift)
    return scale * (conv(X, W, 2, "SAME") + b - mean) + shift, folded


@refutation(given=FITS)
def batch_norm_folded_without_its_mean(
    X: Image,
    W: Kernel,
    b: Float[Array, "f"],
    mean: Float[Array, "f"],
    scale: Float[Array, "f"],
    shift: Float[Array, "f"],
) -> tuple[Array, Array]:
    """The bias of the convolution must be scaled too: forgetting it differs by (scale - 1) b"""
    return scale * (conv(X, W) + b - mean) + shift, conv(X, W * scale) + (b - scale * mean + shift)


def scaled_inputs(W: Kernel, scale: Float[Array, "c"]) -> Kernel:
    """The kernel that reads channels scaled already."""
    return W * scale[:, None]


def response(W: Kernel, shift: Float[Array, "c"]) -> Float[Array, "f"]:
    """What a kernel gives on an image that is `shift` everywhere: the bias that a shift before it turns into."""
    return jnp.einsum("ijcf,c->f", W, shift)


@theorem(given=FITS)
def batch_norm_before_a_convolution(
    X: Image, W: Kernel, scale: Float[Array, "c"], shift: Float[Array, "c"]
) -> tuple[Array, Array]:
    """Batch norm before a convolution folds into it where nothing is padded (VALID)"""
    return conv(scale * X + shift, W), conv(X, scaled_inputs(W, scale)) + response(W, shift)


@refutation
def batch_norm_before_a_padded_convolution(
    X: Image, W: Float[Array, "3 3 c f"], scale: Float[Array, "c"], shift: Float[Array, "c"]
) -> tuple[Array, Array]:
    """Through zero padding it does not: the border sees zeros where the fold sees the shift"""
    folded = conv(X, scaled_inputs(W, scale), padding="SAME") + response(W, shift)
    return conv(scale * X + shift, W, padding="SAME"), folded


@theorem
def batch_norm_before_a_padded_convolution_difference(
    X: Image, W: Float[Array, "3 3 c f"], scale: Float[Array, "c"], shift: Float[Array, "c"]
) -> tuple[Array, Array]:
    """Exactly: the bias is not one vector but the kernel's response to a padded image of shifts"""
    shifts = conv(jnp.broadcast_to(shift, X.shape), W, padding="SAME")
    return conv(scale * X + shift, W, padding="SAME"), conv(X, scaled_inputs(W, scale), padding="SAME") + shifts


@theorem
def batch_norm_before_a_convolution_padded_to_normalise_to_zero(
    X: Image, W: Float[Array, "3 3 c f"], scale: Float[Array, "c"], zero: Float[Array, "c"]
) -> tuple[Array, Array]:
    """With x -> scale (x - zero), padding with `zero` in place of 0 makes the fold right again"""
    padded = lax.pad(X - zero, 0.0, [(0, 0, 0), (1, 1, 0), (1, 1, 0), (0, 0, 0)]) + zero
    folded = conv(padded, scaled_inputs(W, scale)) - response(W, scale * zero)
    return conv(scale * (X - zero), W, padding="SAME"), folded


@theorem
def bias_before_batch_norm(X: Image, W: Kernel, b: Float[Array, "f"]) -> tuple[Array, Array]:
    """In training, a bias before batch norm does nothing: the batch's mean takes it away"""

    def centred(y: Array) -> Array:
        return y - y.mean((0, 1, 2))

    return centred(conv(X, W, padding="SAME") + b), centred(conv(X, W, padding="SAME"))


# A stack of convolutions with nothing between them.


@theorem(given="h >= a + i - 1, w >= b + j - 1")
def two_valid_convolutions(X: Image, U: Float[Array, "a b c d"], V: Float[Array, "i j d e"]) -> tuple[Array, Array]:
    """Two stacked convolutions are one, with the composed kernel (VALID)"""
    return conv(conv(X, U), V), conv(X, compose(U, V))


@theorem(given="h >= a + 2*i - 2, w >= b + 2*j - 2")
def two_convolutions_with_strides(
    X: Image, U: Float[Array, "a b c d"], V: Float[Array, "i j d e"]
) -> tuple[Array, Array]:
    """With strides 2 and 3 they are one of stride 6: the first stride spreads the second kernel's taps"""
    return conv(conv(X, U, 2), V, 3), conv(X, compose(U, V, stride=2), 6)


@theorem
def two_full_convolutions(X: Image, U: Float[Array, "a b c d"], V: Float[Array, "i j d e"]) -> tuple[Array, Array]:
    """Two stacked convolutions are one, with the composed kernel (FULL)"""
    return conv(conv(X, U, padding="FULL"), V, padding="FULL"), conv(X, compose(U, V), padding="FULL")


@theorem(given="h + 2*p >= a + i - 1, w + 2*p >= b + j - 1")
def first_padded_then_valid(
    X: Image, U: Float[Array, "a b c d"], V: Float[Array, "i j d e"], p: int
) -> tuple[Array, Array]:
    """The first may be padded: by any p, if the second is not"""
    return conv(conv(X, U, padding=p), V), conv(X, compose(U, V), padding=p)


@refutation(given="p >= 1, h >= a, w >= b, h + 2*p >= a + i - 1, w + 2*p >= b + j - 1")
def first_valid_then_padded(
    X: Image, U: Float[Array, "a b c d"], V: Float[Array, "i j d e"], p: int
) -> tuple[Array, Array]:
    """The second may not: its zeros lie where the one convolution goes on reading the image"""
    return conv(conv(X, U), V, padding=p), conv(X, compose(U, V), padding=p)


@refutation
def two_same_convolutions(X: Image, U: Float[Array, "3 3 c d"], V: Float[Array, "3 3 d e"]) -> tuple[Array, Array]:
    """Two stacked SAME convolutions are not one: they differ at the border"""
    return conv(conv(X, U, padding="SAME"), V, padding="SAME"), conv(X, compose(U, V), padding="SAME")


@theorem
def two_same_convolutions_inside(
    X: Float[Array, "n h+2 w+2 c"], U: Float[Array, "3 3 c d"], V: Float[Array, "3 3 d e"]
) -> tuple[Array, Array]:
    """Inside, one pixel away from the border, they are"""
    stacked = conv(conv(X, U, padding="SAME"), V, padding="SAME")
    return stacked[:, 1:-1, 1:-1], conv(X, compose(U, V), padding="SAME")[:, 1:-1, 1:-1]


@theorem(given="h >= kh, w >= kw")
def followed_by_a_1x1(X: Image, W: Kernel, V: Float[Array, "1 1 f g"]) -> tuple[Array, Array]:
    """A 1×1 convolution after another folds into it"""
    return conv(conv(X, W), V), conv(X, W @ V[0, 0])


@refutation
def a_1x1_with_bias_before_a_padded_convolution(
    X: Image, V: Float[Array, "1 1 c d"], b: Float[Array, "d"], W: Float[Array, "3 3 d f"]
) -> tuple[Array, Array]:
    """A 1×1 with a bias before a padded one does not: the bias is not zero where the padding is"""
    folded = jnp.einsum("cd,ijdf->ijcf", V[0, 0], W)
    return conv(conv(X, V) + b, W, padding="SAME"), conv(X, folded, padding="SAME") + response(W, b)


# Branches side by side (RepVGG): convolution is linear in its kernel, so branches that read the same windows add up.


def centre(V: Float[Array, "1 1 c f"]) -> Float[Array, "3 3 c f"]:
    """A 1×1 kernel as the middle of a 3×3."""
    return lax.pad(V, 0.0, [(1, 1, 0), (1, 1, 0), (0, 0, 0), (0, 0, 0)])


@theorem
def three_branches(X: Image, W: Float[Array, "3 3 c c"], V: Float[Array, "1 1 c c"]) -> tuple[Array, Array]:
    """Branches 3×3, 1×1 and identity side by side are one 3×3 convolution (SAME)"""
    identity = jnp.eye(X.shape[3])[None, None]
    merged = W + centre(V) + centre(identity)
    return conv(X, W, padding="SAME") + conv(X, V) + X, conv(X, merged, padding="SAME")


@theorem
def two_branches_with_stride(X: Image, W: Float[Array, "3 3 c f"], V: Float[Array, "1 1 c f"]) -> tuple[Array, Array]:
    """With stride 2 and padding 1 the branches 3×3 and 1×1 still are one"""
    branches = conv(X, W, 2, [(1, 1), (1, 1)]) + conv(X, V, 2)
    return branches, conv(X, W + centre(V), 2, [(1, 1), (1, 1)])


@refutation
def two_branches_with_stride_and_same(
    X: Float[Array, "n 2*h 2*w c"], W: Float[Array, "3 3 c f"], V: Float[Array, "1 1 c f"]
) -> tuple[Array, Array]:
    """With SAME they are not for even sizes: stride 2 then pads 0 before and 1 after, and the centres part"""
    return conv(X, W, 2, "SAME") + conv(X, V, 2, "SAME"), conv(X, W + centre(V), 2, "SAME")


@theorem
def two_branches_with_biases_and_batch_norm(
    X: Image,
    W: Float[Array, "3 3 c f"],
    V: Float[Array, "1 1 c f"],
    s: Float[Array, "f"],
    a: Float[Array, "f"],
    t: Float[Array, "f"],
    b: Float[Array, "f"],
) -> tuple[Array, Array]:
    """Each branch with a batch norm of its own (scales s, t; shifts a, b): still one"""
    branches = (conv(X, W, padding="SAME") * s + a) + (conv(X, V) * t + b)
    return branches, conv(X, W * s + centre(V * t), padding="SAME") + (a + b)


# Average pooling.


def window_sums(X: Image, kh: int, kw: int, padding: str = "VALID") -> Array:
    return lax.reduce_window(X, 0.0, lax.add, (1, kh, kw, 1), (1, 1, 1, 1), padding)


def box_kernel(kh: int, kw: int, c: int) -> Float[Array, "kh kw c c"]:
    """1/(kh kw) from each channel to itself, 0 to the others."""
    return jnp.ones((kh, kw, 1, 1)) / (kh * kw) * jnp.eye(c)


@theorem(given="kh >= 1, kw >= 1, h >= kh, w >= kw")
def average_pooling(X: Image, kh: int, kw: int) -> tuple[Array, Array]:
    """Average pooling is a convolution with the kernel 1/(kh kw) (VALID)"""
    return window_sums(X, kh, kw) / (kh * kw), conv(X, box_kernel(kh, kw, X.shape[3]))


@theorem
def average_pooling_that_counts_the_padding(X: Image) -> tuple[Array, Array]:
    """Padded too, if the padding's zeros count in the divisor (count_include_pad=True)"""
    return window_sums(X, 3, 3, "SAME") / 9, conv(X, box_kernel(3, 3, X.shape[3]), padding="SAME")


@refutation
def average_pooling_that_does_not_count_the_padding(X: Float[Array, "n h c"]) -> tuple[Array, Array]:
    """If they do not (count_include_pad=False), it is not that convolution: the border is divided by fewer"""

    def sums(x: Array) -> Array:
        return lax.reduce_window(x, 0.0, lax.add, (1, 3, 1), (1, 1, 1), "SAME")

    pooled = sums(X) / sums(jnp.ones((1, X.shape[1], 1)))
    return pooled, conv(X, jnp.ones((3, 1, 1)) / 3 * jnp.eye(X.shape[2]), padding="SAME")


@theorem
def average_pooling_that_does_not_count_the_padding_difference(X: Image) -> tuple[Array, Array]:
    """It is that convolution over the same convolution of ones: two convolutions and a division by pixel"""
    ones = jnp.ones((1, X.shape[1], X.shape[2], 1))
    counts, share = window_sums(ones, 3, 3, "SAME"), conv(ones, box_kernel(3, 3, 1), padding="SAME")
    return window_sums(X, 3, 3, "SAME") / counts, conv(X, box_kernel(3, 3, X.shape[3]), padding="SAME") / share


@theorem(given="h >= 3, w >= 3")
def average_pooling_by_channel(X: Float[Array, "n h w c"]) -> tuple[Array, Array]:
    """Or a depthwise convolution, each channel by itself"""
    c = X.shape[3]
    return window_sums(X, 3, 3) / 9, conv(X, jnp.ones((3, 3, 1, c)) / 9, groups=c)


@refutation(given="h >= 3, w >= 3")
def average_pooling_with_ninths_in_float(X: Float[Array, "n h w"]) -> tuple[Array, Array]:
    """A kernel of float ninths is no mean over nine: 0.11111111 is a binary fraction, and not 1/9"""
    ninths = jnp.full((3, 3, 1, 1), 1 / 9)
    return window_sums(X[..., None], 3, 3) / 9, conv(X[..., None], ninths)


@theorem(given="h >= 5, w >= 5")
def two_average_poolings(X: Image) -> tuple[Array, Array]:
    """Two average poolings are one convolution, with the triangle kernel 1 2 3 2 1 by itself"""
    triangle = jnp.array([1.0, 2.0, 3.0, 2.0, 1.0])
    kernel = (triangle[:, None] * triangle / 81)[..., None, None] * jnp.eye(X.shape[3])
    return window_sums(window_sums(X, 3, 3), 3, 3) / 81, conv(X, kernel)
