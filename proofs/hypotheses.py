"""What holds of some inputs only: assume= names equations that the inputs satisfy.

PCA's components are orthonormal, and that is what makes projecting and going back a projection. A claim under a
hypothesis is proved by a certificate: the difference of its two sides is written as a sum of cofactors times the
hypothesis, and that identity is decided like any other, for all sizes. It is refuted by an input that satisfies the
hypothesis exactly and on which the two sides differ.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxiom import refutation, theorem
from jaxiom.layers import conv

FITS = "h >= kh, w >= kw"

Points = Float[Array, "n f"]
Components = Float[Array, "k f"]
Image = Float[Array, "n h w c"]
Kernel = Float[Array, "kh kw c g"]
Projection = Float[Array, "g k"]
Pairs = list[tuple[Array, Array]]


def orthonormal_rows(V: Components) -> Pairs:
    """PCA's `components_`: each of length one, any two at right angles."""
    return [(V @ V.T, jnp.eye(V.shape[0]))]


def unit_rows(V: Components) -> Pairs:
    return [((V * V).sum(1), jnp.ones(V.shape[0]))]


def orthogonal_rows(V: Components) -> Pairs:
    """At right angles, of any length."""
    gram = V @ V.T
    return [(gram * (1 - jnp.eye(V.shape[0])), jnp.zeros_like(gram))]


def mean(W: Kernel) -> Float[Array, "g"]:
    return W.mean((0, 1, 2))


def zero_mean(W: Kernel) -> Pairs:
    return [(mean(W), jnp.zeros(W.shape[3]))]


def transform(x: Points, V: Components, mu: Float[Array, "f"]) -> Float[Array, "n k"]:
    return (x - mu) @ V.T


def inverse_transform(y: Float[Array, "n k"], V: Components, mu: Float[Array, "f"]) -> Points:
    return y @ V + mu


@theorem(assume=orthonormal_rows)
def project_back_project(x: Points, V: Components) -> tuple[Array, Array]:
    """With orthonormal components: project, go back, project again is to project"""
    return x @ V.T @ V @ V.T, x @ V.T


@refutation
def project_back_project_of_any_matrix(x: Points, V: Components) -> tuple[Array, Array]:
    """Not with any matrix"""
    return x @ V.T @ V @ V.T, x @ V.T


@refutation(assume=unit_rows)
def project_back_project_of_unit_rows(x: Points, V: Components) -> tuple[Array, Array]:
    """Nor with components of length one that are not orthogonal"""
    return x @ V.T @ V @ V.T, x @ V.T


@refutation(assume=orthogonal_rows)
def project_back_project_of_orthogonal_rows(x: Points, V: Components) -> tuple[Array, Array]:
    """Nor with orthogonal ones of another length"""
    return x @ V.T @ V @ V.T, x @ V.T


@refutation(assume=orthonormal_rows)
def project_and_back(x: Points, V: Components) -> tuple[Array, Array]:
    """Projecting and going back is not the identity: what lies outside the components is lost"""
    return x @ V.T @ V, x


@theorem(assume=lambda V: [(V.T @ V, jnp.eye(V.shape[1]))])
def project_and_back_with_all_components(x: Points, V: Components) -> tuple[Array, Array]:
    """It is where the columns are orthonormal too: as many components as features"""
    return x @ V.T @ V, x


@theorem(assume=orthonormal_rows)
def inverse_transform_after_transform(x: Points, V: Components, mu: Float[Array, "f"]) -> tuple[Array, Array]:
    """inverse_transform after transform, done twice, is done once: a projection onto an affine space"""
    once = inverse_transform(transform(x, V, mu), V, mu)
    return inverse_transform(transform(once, V, mu), V, mu), once


@theorem(assume=orthonormal_rows)
def pythagoras(x: Points, V: Components) -> tuple[Array, Array]:
    """The squares of what is kept and of what is lost sum to the square of the whole"""
    kept = x @ V.T @ V
    return (kept**2).sum() + ((x - kept) ** 2).sum(), (x**2).sum()


@theorem(assume=orthonormal_rows)
def distances_of_projections(y: Float[Array, "n k"], z: Float[Array, "n k"], V: Components) -> tuple[Array, Array]:
    """Going back keeps distances"""
    return ((y @ V - z @ V) ** 2).sum(), ((y - z) ** 2).sum()


@theorem(given=FITS, assume=zero_mean)
def constant_shift(X: Image, W: Kernel, s: Float[Array, ""]) -> tuple[Array, Array]:
    """Filters whose weights sum to zero do not see a constant added to the image"""
    return conv(X + s, W), conv(X, W)


@refutation(given=FITS, assume=zero_mean)
def constant_shift_with_padding(X: Image, W: Kernel, s: Float[Array, ""]) -> tuple[Array, Array]:
    """With zero padding they do, at the border: there only some of their weights count"""
    return conv(X + s, W, padding="SAME"), conv(X, W, padding="SAME")


@theorem(assume=zero_mean)
def filters_of_zero_mean(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """With filters of zero mean, centring changes nothing, and the two sides of the question agree"""
    return conv(X, (W - mean(W)) @ Q, padding="SAME"), conv(X, W, padding="SAME") @ Q


@theorem(given=FITS, assume=lambda W, Q: [(mean(W) @ Q, jnp.zeros(Q.shape[1]))])
def mean_projects_to_zero(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """They agree wherever the mean filter projects to zero"""
    return conv(X, (W - mean(W)) @ Q), conv(X, W) @ Q


def patch_sums_are_zero(X: Image, W: Kernel) -> Pairs:
    sums = conv(X, jnp.ones((*W.shape[:3], 1)))
    return [(sums, jnp.zeros_like(sums))]


@theorem(given=FITS, assume=patch_sums_are_zero)
def patches_sum_to_zero(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """And wherever the patches of the image sum to zero"""
    return conv(X, (W - mean(W)) @ Q), conv(X, W) @ Q


@refutation(given=FITS, assume=lambda X: [(X.sum((1, 2, 3)), jnp.zeros(X.shape[0]))])
def image_sums_to_zero(X: Image, W: Kernel, Q: Projection) -> tuple[Array, Array]:
    """It is not enough that the whole image does"""
    return conv(X, (W - mean(W)) @ Q), conv(X, W) @ Q
