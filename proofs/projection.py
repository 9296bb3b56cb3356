"""Is convolution associative with a matrix on its filters? With a plain matrix Q, yes.

Projecting the filters and then convolving, X ⊗ (W·Q), is convolving with all filters and projecting the output,
(X ⊗ W)·Q: for every size, padding and stride, in any number of dimensions. As im2col it is A(BC) = (AB)C: the patches
are a matrix, the flattened filters another, and the reshape between the 4-D kernel and its matrix is written out.
"""

from jax import Array
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

LAYER = {"n": 8, "h": 14, "w": 14, "c": 512, "kh": 3, "kw": 3, "f": 512, "k": 400}
FITS = "h >= kh, w >= kw"

Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c f"]
Projection = Float[Array, "f k"]


@theorem(given=FITS, at=LAYER)
def valid(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (VALID)"""
    return conv(X, W @ Q), conv(X, W) @ Q


@theorem(at=LAYER)
def same(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (SAME)"""
    return conv(X, W @ Q, padding="SAME"), conv(X, W, padding="SAME") @ Q


@theorem(given=FITS)
def valid_stride_2(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (VALID, stride 2)"""
    return conv(X, W @ Q, 2), conv(X, W, 2) @ Q


@theorem(given=FITS)
def valid_stride_3(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (VALID, stride 3)"""
    return conv(X, W @ Q, 3), conv(X, W, 3) @ Q


@theorem
def same_stride_2(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (SAME, stride 2)"""
    return conv(X, W @ Q, 2, "SAME"), conv(X, W, 2, "SAME") @ Q


@theorem
def same_stride_3(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (SAME, stride 3)"""
    return conv(X, W @ Q, 3, "SAME"), conv(X, W, 3, "SAME") @ Q


@theorem(given="h + 2*p >= kh, w + 2*p >= kw")
def any_padding(X: Image, W: Kernel, Q: Projection, p: int) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (any padding p, cropping too)"""
    return conv(X, W @ Q, padding=p), conv(X, W, padding=p) @ Q


@theorem(given="h >= kh")
def one_dimension(X: Float[Array, "n h c"], W: Float[Array, "kh c f"], Q: Projection) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (1-D)"""
    return conv(X, W @ Q), conv(X, W) @ Q


@theorem
def three_dimensions(
    X: Float[Array, "n d h w c"], W: Float[Array, "kd kh kw c f"], Q: Projection
) -> tuple[Array, Array]:
    """Projecting filters = projecting outputs (3-D, SAME, stride 2)"""
    return conv(X, W @ Q, 2, "SAME"), conv(X, W, 2, "SAME") @ Q


@theorem
def as_im2col(P: Float[Array, "m kh*kw*c"], W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """As im2col: patches times the projected filters = (patches times filters) projected, A(BC) = (AB)C"""
    patch = W.shape[0] * W.shape[1] * W.shape[2]
    projected = (W @ Q).reshape(patch, Q.shape[1])
    return P @ projected, (P @ W.reshape(patch, W.shape[3])) @ Q


@theorem
def flattening_commutes_with_projection(W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Flatten the 4-D kernel, project, reshape back = project the last axis"""
    flat = W.reshape(W.shape[0] * W.shape[1] * W.shape[2], W.shape[3])
    return (flat @ Q).reshape(*W.shape[:3], Q.shape[1]), W @ Q


@refutation
def patches_in_the_other_order(P: Float[Array, "m kh*kw*c"], W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Filters flattened channels first against patches in the other order: not the same"""
    patch = W.shape[0] * W.shape[1] * W.shape[2]
    channels_first = W.transpose(2, 0, 1, 3).reshape(patch, W.shape[3])
    return P @ (channels_first @ Q), (P @ W.reshape(patch, W.shape[3])) @ Q


@refutation(given=FITS)
def projecting_twice(X: Image, W: Kernel, Q: Float[Array, "f f"]) -> tuple[Array, Array]:
    """Projecting the filters and the output as well is not projecting once (Q is any matrix)"""
    return conv(X, W @ Q) @ Q, conv(X, W) @ Q
