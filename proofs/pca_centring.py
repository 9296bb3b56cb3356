"""With scikit-learn's PCA, convolution is not associative: `transform` is not a matrix but an affine map.

Fitted on the flattened filters (one column a filter), it subtracts the mean filter value of each column before it
multiplies: transform(W) = (W - mean) Q. Each reading of "the same transformation on the output" has its difference,
derived by the prover from the refuted claim and then stated as a theorem of its own.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

LAYER = {"n": 8, "h": 14, "w": 14, "c": 512, "kh": 3, "kw": 3, "f": 512, "k": 400}
FITS = "h >= kh, w >= kw"

Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c f"]
Projection = Float[Array, "f k"]


def mean(W: Kernel) -> Float[Array, "f"]:
    """PCA's mean_: over the rows of the flattened filters."""
    return W.mean((0, 1, 2))


def ones_filter(W: Kernel) -> Float[Array, "kh kw c 1"]:
    return jnp.ones((*W.shape[:3], 1), W.dtype)


def patch_sums(X: Image, W: Kernel, padding: str = "VALID") -> Float[Array, "n y x 1"]:
    """The sum of every patch: convolution with one all-ones filter."""
    return conv(X, ones_filter(W), padding=padding)


@theorem(given=FITS, at=LAYER)
def same_matrix_no_centring(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """The same matrix on both sides, no centring: equal"""
    return conv(X, W @ Q), conv(X, W) @ Q


@refutation(at=LAYER)
def same_transformer_on_both_sides(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """The same fitted transformer on both sides: not equal"""
    return conv(X, (W - mean(W)) @ Q, padding="SAME"), (conv(X, W, padding="SAME") - mean(W)) @ Q


@theorem(at=LAYER)
def same_transformer_difference(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """The same transformer on both sides differs by -(patch sums - 1) meanᵀQ"""
    lhs = conv(X, (W - mean(W)) @ Q, padding="SAME")
    rhs = (conv(X, W, padding="SAME") - mean(W)) @ Q
    return lhs - rhs, -(patch_sums(X, W, "SAME") - 1) * (mean(W) @ Q)


@refutation(given=FITS, at=LAYER)
def centred_filters_uncentred_output(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Centred filters against the output projected without centring: not equal"""
    return conv(X, (W - mean(W)) @ Q), conv(X, W) @ Q


@theorem(given=FITS)
def centred_filters_difference(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Centred filters against uncentred output differ by -(patch sums) meanᵀQ"""
    return conv(X, (W - mean(W)) @ Q) - conv(X, W) @ Q, -patch_sums(X, W) * (mean(W) @ Q)


@refutation(given=FITS)
def any_fitted_mean(X: Image, W: Kernel, Q: Projection, mu: Float[Array, "f"]) -> tuple[Array, Array]:
    """Nor with any other vector in place of the mean (a transformer fitted on other data)"""
    return conv(X, (W - mu) @ Q), (conv(X, W) - mu) @ Q


@theorem(given=FITS)
def any_fitted_mean_difference(X: Image, W: Kernel, Q: Projection, mu: Float[Array, "f"]) -> tuple[Array, Array]:
    """With any vector mu subtracted on both sides the difference is -(patch sums - 1) muᵀQ"""
    lhs, rhs = conv(X, (W - mu) @ Q), (conv(X, W) - mu) @ Q
    return lhs - rhs, -(patch_sums(X, W) - 1) * (mu @ Q)


@theorem(given=FITS)
def filters_centred_already(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """Filters that are centred already: centring once more changes nothing, so the two sides agree"""
    centred = W - mean(W)
    return conv(X, (centred - mean(centred)) @ Q), conv(X, centred) @ Q


@theorem(given=FITS)
def repaired_by_one_filter(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """The repair: one all-ones filter more, and the centred projection of the output is exact"""
    augmented = jnp.concatenate([W, ones_filter(W)], axis=3)
    output, f = conv(X, augmented), W.shape[3]
    filters, sums = lax.slice_in_dim(output, 0, f, axis=3), lax.slice_in_dim(output, f, f + 1, axis=3)
    return conv(X, (W - mean(W)) @ Q), (filters - sums * mean(W)) @ Q


@theorem
def transform_then_inverse_transform(W: Float[Array, "m f"], Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """transform, then inverse_transform: the projector Q Qᵀ on the centred rows, and the mean back"""
    centre = W.mean(0)
    transformed = (W - centre) @ Q
    return transformed @ Q.T + centre, W @ (Q @ Q.T) + (centre - centre @ (Q @ Q.T))


@refutation
def transform_then_inverse_is_not_the_identity(W: Float[Array, "m f"], Q: Float[Array, "f k"]) -> tuple[Array, Array]:
    """For a matrix Q that is not orthogonal and square it does not give W back"""
    centre = W.mean(0)
    return (W - centre) @ Q @ Q.T + centre, W


@refutation
def transpose_of_the_trial(
    W: Float[Array, "m f"], X: Float[Array, "m p"], Q: Float[Array, "f k"]
) -> tuple[Array, Array]:
    """The asker's own trial: Xᵀ·transform(W) is not transform(Xᵀ·W)"""
    centre = W.mean(0)
    return X.T @ ((W - centre) @ Q), (X.T @ W - centre) @ Q


@theorem
def difference_of_the_trial(
    W: Float[Array, "m f"], X: Float[Array, "m p"], Q: Float[Array, "f k"]
) -> tuple[Array, Array]:
    """The asker's trial differs by -(column sums of X - 1) meanᵀQ"""
    centre = W.mean(0)
    lhs, rhs = X.T @ ((W - centre) @ Q), (X.T @ W - centre) @ Q
    return lhs - rhs, -(X.sum(0) - 1)[:, None] * (centre @ Q)
