"""Convolution as a matrix: Toeplitz in one dimension, block-Toeplitz in more, with many channels and many filters.

Slide a kernel of three weights along a line, and write what it does to the whole line as one matrix T: row o holds the
weights at columns o, o + 1, o + 2, and each row is the one above moved by one. A matrix that is constant along its
diagonals is a *Toeplitz* matrix; with S_i, the matrix of ones on diagonal i, T = W_0 S_0 + W_1 S_1 + W_2 S_2.

In two dimensions flatten the image row by row. What the kernel's row i does along a row of the image is a Toeplitz
matrix again, and it stands in block (o, o + i) for every o: *doubly block-Toeplitz*, the sum over i, j of
W[i, j] (S_i ⊗ S_j). With many channels and filters each number W[i, j] becomes a small dense matrix, filters by
channels: the sum of S_i ⊗ S_j ⊗ W[i, j]ᵀ. A third dimension is one more factor, whatever the number of filters. (With
`jaxiom.operator(f, ...).kronecker()` the sum is derived from any such function.)

Then why projecting filters is projecting outputs needs no calculation: to project every pixel of the output is to
multiply by I ⊗ Qᵀ on the left, and (I ⊗ Qᵀ) (T x) = ((I ⊗ Qᵀ) T) x is associativity. Centring the filters first is no
such product: it subtracts the rank-one matrix ones ⊗ meanᵀQ from the filters.

What JAX (and every deep-learning library) calls a convolution does not flip the kernel; textbooks and SciPy's
`convolution_matrix` do. The last claims are about that.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

Line = Float[Array, "h"]
Plane = Float[Array, "h+1 w+2"]
Image = Float[Array, "h+1 w+2 c"]
Kernel = Float[Array, "2 3 c f"]
FITS = "h >= 3"


def shift(rows: int, columns: int, by: int) -> Float[Array, "rows columns"]:
    """S_by: ones where the column is the row + by."""
    return jnp.eye(rows, columns, by)


def banded(
    W: Float[Array, "k"], rows: int, columns: int, first: int = 0, step: int = 1
) -> Float[Array, "rows columns"]:
    """W_0 S_first + W_1 S_(first + step) + ...: the Toeplitz matrix with these weights on its diagonals."""
    T = W[0] * shift(rows, columns, first)
    for i in range(1, W.shape[0]):
        T = T + W[i] * shift(rows, columns, first + step * i)
    return T


def along(X: Line, W: Float[Array, "k"], padding: str = "VALID", stride: int = 1) -> Float[Array, "o"]:
    """One channel, one filter, one dimension."""
    return conv(X[None, :, None], W[:, None, None], stride, padding)[0, :, 0]


@theorem(given=FITS)
def one_dimension(X: Line, W: Float[Array, "3"]) -> tuple[Array, Array]:
    """1-D: a convolution is a Toeplitz matrix, W_0 S_0 + W_1 S_1 + W_2 S_2, times the line"""
    h = X.shape[0]
    T = banded(W, h - 2, h)
    return along(X, W), T @ X


@theorem(given="h >= 2")
def one_dimension_full(X: Line, W: Float[Array, "2"]) -> tuple[Array, Array]:
    """1-D with FULL padding: the same diagonals, begun one further left"""
    h = X.shape[0]
    T = banded(W, h + 1, h, first=-1)
    return along(X, W, "FULL"), T @ X


@theorem(given=FITS)
def one_dimension_stride_2(X: Line, W: Float[Array, "3"]) -> tuple[Array, Array]:
    """1-D with stride 2: every second row of the Toeplitz matrix, so a step down is two steps right"""
    h = X.shape[0]
    T = banded(W, h - 2, h)
    return along(X, W, stride=2), T[::2] @ X


@theorem(given="h >= 2")
def one_dimension_wrapped(X: Line, W: Float[Array, "2"]) -> tuple[Array, Array]:
    """1-D on a circle: the diagonals wrap round, a circulant matrix"""
    h = X.shape[0]
    T = W[0] * jnp.eye(h) + W[1] * jnp.roll(jnp.eye(h), 1, axis=1)
    return along(jnp.concatenate([X, X[:1]]), W), T @ X


@refutation(given="h >= 2")
def wrapped_is_not_padded(X: Line, W: Float[Array, "2"]) -> tuple[Array, Array]:
    """On a circle and with a zero at the end: not the same at the last row"""
    return along(jnp.concatenate([X, X[:1]]), W), along(jnp.concatenate([X, 0 * X[:1]]), W)


@theorem
def two_dimensions(X: Plane, W: Float[Array, "2 3"]) -> tuple[Array, Array]:
    """2-D: doubly block-Toeplitz, the sum of W[i, j] (S_i ⊗ S_j), times the image flattened row by row"""
    h, w = X.shape[0] - 1, X.shape[1] - 2
    T = sum(W[i, j] * jnp.kron(shift(h, h + 1, i), shift(w, w + 2, j)) for i in range(2) for j in range(3))
    return conv(X[None, :, :, None], W[:, :, None, None]).reshape(-1), T @ X.reshape(-1)


def matrix_of(W: Kernel, h: int, w: int) -> Float[Array, "rows columns"]:
    """T(W): the sum of S_i ⊗ S_j ⊗ W[i, j]ᵀ, for an output of h × w pixels."""
    return sum(
        jnp.kron(jnp.kron(shift(h, h + 1, i), shift(w, w + 2, j)), W[i, j].T) for i in range(2) for j in range(3)
    )  # pyright: ignore[reportReturnType]


@theorem
def many_channels(X: Image, W: Kernel) -> tuple[Array, Array]:
    """2-D, many channels and filters: the numbers W[i, j] become dense blocks, S_i ⊗ S_j ⊗ W[i, j]ᵀ"""
    h, w = X.shape[0] - 1, X.shape[1] - 2
    return conv(X[None], W).reshape(-1), matrix_of(W, h, w) @ X.reshape(-1)


@refutation
def channels_first_is_another_order(X: Image, W: Kernel) -> tuple[Array, Array]:
    """The image flattened channels first does not fit that matrix: its columns are in another order"""
    h, w = X.shape[0] - 1, X.shape[1] - 2
    return conv(X[None], W).reshape(-1), matrix_of(W, h, w) @ X.transpose(2, 0, 1).reshape(-1)


@theorem(given="d >= 2, h >= 2, w >= 2")
def three_dimensions(X: Float[Array, "d h w c"], W: Float[Array, "2 2 2 c f"]) -> tuple[Array, Array]:
    """3-D with a bank of 3-D filters: one factor more, S_i ⊗ S_j ⊗ S_k ⊗ W[i, j, k]ᵀ (each on its own axis)"""
    d, h, w, _ = X.shape
    total = sum(
        jnp.einsum(
            "ad,bh,cw,kf,dhwk->abcf",
            shift(d - 1, d, i),
            shift(h - 1, h, j),
            shift(w - 1, w, k),
            W[i, j, k],
            X,
        )
        for i in range(2)
        for j in range(2)
        for k in range(2)
    )
    return conv(X[None], W)[0], total  # pyright: ignore[reportReturnType]


@theorem
def groups_are_blocks_on_the_diagonal(X: Float[Array, "n h 2*c"], W: Float[Array, "3 c 2*f"]) -> tuple[Array, Array]:
    """Groups: each half of the filters sees its half of the channels, two blocks on the diagonal"""
    c, f = W.shape[1], W.shape[2] // 2
    first = conv(X[..., :c], W[..., :f], padding="SAME")
    second = conv(X[..., c:], W[..., f:], padding="SAME")
    return conv(X, W, padding="SAME", groups=2), jnp.concatenate([first, second], -1)


@theorem
def projecting_is_a_product_on_the_left(X: Image, W: Kernel, Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """T(W·Q) = (I ⊗ Qᵀ) T(W): projecting the filters is one block Qᵀ for each pixel, on the left"""
    h, w = X.shape[0] - 1, X.shape[1] - 2
    pixels = (matrix_of(W, h, w) @ X.reshape(-1)).reshape(h, w, W.shape[3])
    return matrix_of(W @ Q, h, w) @ X.reshape(-1), (pixels @ Q).reshape(-1)


@theorem
def why_it_holds(P: Float[Array, "m n"], T: Float[Array, "n p"], x: Float[Array, "p"]) -> tuple[Array, Array]:
    """Why: (P T) x = P (T x), the matrix product is associative, and P = I ⊗ Qᵀ is a matrix"""
    return (P @ T) @ x, P @ (T @ x)


@theorem
def a_block_for_each_pixel(Y: Float[Array, "m f"], Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """(I ⊗ Qᵀ) vec Y = vec(Y Q): to multiply by I ⊗ Qᵀ is to project every pixel"""
    return jnp.kron(jnp.eye(Y.shape[0]), Q.T) @ Y.reshape(-1), (Y @ Q).reshape(-1)


@refutation
def a_block_on_the_other_side(Y: Float[Array, "f f"], Q: Float[Array, "f f"]) -> tuple[Array, Array]:
    """Qᵀ ⊗ I mixes the pixels and not the channels: not the same"""
    return jnp.kron(Q.T, jnp.eye(Y.shape[0])) @ Y.reshape(-1), (Y @ Q).reshape(-1)


@refutation
def centring_breaks_it(X: Image, W: Kernel, Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """Centring the filters first is no product on the left: T((W - mean)·Q) is not (I ⊗ Qᵀ) T(W)"""
    return conv(X[None], (W - W.mean((0, 1, 2))) @ Q), conv(X[None], W) @ Q


@theorem
def by_a_matrix_of_rank_one(W: Float[Array, "kh kw c f"], Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """What centring takes away from the projected filters is ones ⊗ meanᵀQ, a matrix of rank one"""
    mean, ones = W.mean((0, 1, 2)), jnp.ones_like(W[..., 0])
    patch = W.shape[0] * W.shape[1] * W.shape[2]
    projected, centred = ((V @ Q).reshape(patch, Q.shape[1]) for V in (W, W - mean))
    return projected - centred, ones.reshape(patch)[:, None] * (mean @ Q)


@theorem(given="h >= kh, w >= kw")
def which_sees_only_patch_sums(
    X: Float[Array, "n h w c"], W: Float[Array, "kh kw c f"], Q: Float[Array, "f k"]
) -> tuple[Array, Array]:
    """On an image, ones sums each patch: the difference is the patch sums times meanᵀQ"""
    mean = W.mean((0, 1, 2))
    sums = conv(X, jnp.ones_like(W[..., :1]))
    return conv(X, W) @ Q - conv(X, W - mean) @ Q, sums * (mean @ Q)


@theorem
def textbooks_flip_the_kernel(X: Line, W: Float[Array, "3"]) -> tuple[Array, Array]:
    """The textbook's convolution, Σ W[i] X[o - i], has W_i on diagonal -i: it is JAX's with the kernel flipped"""
    h = X.shape[0]
    T = banded(W, h + 2, h, step=-1)
    return along(X, jnp.flip(W), "FULL"), T @ X


@refutation
def not_flipped_it_is_a_correlation(X: Line, W: Float[Array, "3"]) -> tuple[Array, Array]:
    """Without the flip it is a cross-correlation, and not the textbook's convolution"""
    h = X.shape[0]
    T = banded(W, h + 2, h, step=-1)
    return along(X, W, "FULL"), T @ X


@theorem(given=FITS)
def the_transposed_matrix_is_the_flipped_kernel(Y: Line, W: Float[Array, "3"]) -> tuple[Array, Array]:
    """Tᵀ: the diagonals change sides, so the adjoint of a correlation is the convolution with the same kernel"""
    h = Y.shape[0]
    T = banded(W, h, h + 2)
    return along(Y, jnp.flip(W), "FULL"), T.T @ Y


@theorem(given=FITS)
def and_so_is_the_gradient(X: Line, W: Float[Array, "3"], Y: Float[Array, "h-2"]) -> tuple[Array, Array]:
    """And what jax.vjp computes by the image is Tᵀ"""
    h = X.shape[0]
    T = banded(W, h - 2, h)
    return jax.vjp(lambda X: along(X, W), X)[1](Y)[0], T.T @ Y


@theorem(given="h >= 4")
def two_layers_are_the_product(X: Line, U: Float[Array, "2"], V: Float[Array, "3"]) -> tuple[Array, Array]:
    """T(V) T(U) = T(V∘U): two stacked layers are the product of their matrices, Toeplitz again"""
    h = X.shape[0]
    first, second = banded(U, h - 1, h), banded(V, h - 3, h - 1)
    return (second @ first) @ X, along(X, along(U, jnp.flip(V), "FULL"))
