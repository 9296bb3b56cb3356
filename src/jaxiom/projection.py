"""Principal component analysis in scikit-learn's conventions, on the JAX device."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple, Self, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Float

from jaxiom.errors import BadInput

# NumPy in, NumPy out; JAX in, JAX out. A float64 result for NumPy must not become a JAX array: outside of 64-bit mode
# the next operation would round it to float32.
Tensor = TypeVar("Tensor", np.ndarray, Array)

# The covariance squares the condition number: an eigenvector's error is about eps / (gap * s_i/s_1), with gap the
# distance of s_i to the next singular value over s_1. At s_i/s_1 = 1e-3 that leaves a factor of 450 below 1e-10 / gap.
_COVARIANCE_REACH = 1e-3


class PCA:
    """Principal component analysis: the mean and the leading directions of variance of a set of samples.

    `n_components` is how many to keep (None: all min(n, d)); `whiten` scales each to unit variance. `fit` takes W with
    one sample a row (n by d) and sets, as scikit-learn does, `mean_` (d), `components_` (k by d, orthonormal rows in
    order of falling variance), `explained_variance_` (k, with n - 1 in the denominator), `explained_variance_ratio_`
    (its share of the total; 0 where W does not vary), `singular_values_` (k, of the centred W), `noise_variance_` (mean
    variance of what was left out), `n_components_`, `n_samples_` and `n_features_in_`; all in float64, as NumPy arrays.
    The sign is scikit-learn's: each component's entry of largest magnitude is positive.

    Two maps follow, with Q = `matrix`, and they are not the same: `project` is linear, X @ Q, and so passes through a
    convolution; `transform` is affine, (X - mean_) @ Q, and does not. Both act on the last axis of arrays of any shape.
    NumPy in, NumPy out; JAX in, JAX out; in the dtype of the input and at JAX's matmul precision.

    Accuracy: fitting is in float64 whatever the dtype of W. With s_1 the largest singular value of the centred W and
    gap_i the distance of s_i to its nearest neighbour over s_1, component i is off by at most about 1e-10 / gap_i, a
    singular value by 1e-10 s_1. It comes from the eigenvectors of the covariance if every kept singular value is above
    1e-3 s_1, and from the full SVD (two to four times slower at 4608 by 512) for the rest: ill-conditioned,
    rank-deficient and wide W. Where singular values coincide, only the space that their components span is determined.

    Raises `BadInput`: from `fit`, for W that is not two-dimensional, real and finite with at least two samples, and for
    more components than min(n, d); from the maps, for a PCA not fitted yet and for another number of features.

    Source: scikit-learn's `PCA` with svd_solver="full"; Pearson 1901; Golub and Van Loan, section 8.6 (accuracy).

    >>> W = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0], [4.0, 3.0, 1.0], [2.0, 8.0, 1.0]])
    >>> pca = PCA(n_components=2).fit(W)
    >>> pca.mean_
    array([2., 3., 1.])
    >>> bool(np.allclose(pca.project(W), W @ pca.matrix))
    True
    >>> bool(np.allclose(pca.transform(W), (W - pca.mean_) @ pca.matrix))
    True
    >>> bool(np.allclose(pca.inverse_transform(pca.transform(W)), W))
    True
    """

    mean_: Float[np.ndarray, " d"]
    components_: Float[np.ndarray, "k d"]
    explained_variance_: Float[np.ndarray, " k"]
    explained_variance_ratio_: Float[np.ndarray, " k"]
    singular_values_: Float[np.ndarray, " k"]
    noise_variance_: float
    n_components_: int
    n_samples_: int
    n_features_in_: int

    def __init__(self, n_components: int | None = None, *, whiten: bool = False) -> None:
        self.n_components = n_components
        self.whiten = whiten

    def __repr__(self) -> str:
        return f"PCA(n_components={self.n_components}, whiten={self.whiten})"

    def fit(self, W: Float[ArrayLike, "n d"]) -> Self:
        """Fit to the samples W (n by d), one a row; returns the PCA itself.

        Raises `BadInput`: see the class.

        >>> PCA(1).fit([[0.0, 0.0], [3.0, 4.0]]).components_
        array([[0.6, 0.8]])
        """
        samples = _samples(W)
        kept = self._kept(samples.shape)
        spectrum = _spectrum(samples, kept)
        variance = _variance(samples, spectrum)
        total = variance.sum()
        self.mean_ = spectrum.mean
        self.components_ = spectrum.components[:kept]
        self.singular_values_ = spectrum.singular_values[:kept]
        self.explained_variance_ = variance[:kept]
        self.explained_variance_ratio_ = variance[:kept] / total if total > 0 else np.zeros(kept)
        self.noise_variance_ = float(variance[kept:].mean()) if kept < len(variance) else 0.0
        self.n_components_ = kept
        self.n_samples_, self.n_features_in_ = samples.shape
        return self

    def fit_transform(self, W: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Fit to W (n by d) and return its `transform` (n by k).

        >>> PCA(1).fit_transform(np.array([[0.0, 0.0], [3.0, 4.0]]))
        array([[-2.5],
               [ 2.5]])
        """
        return self.fit(W).transform(W)

    @property
    def matrix(self) -> Float[np.ndarray, "d k"]:
        """Q: the components as columns, each divided by its standard deviation when whitening.

        A deviation below float64's epsilon counts as epsilon, as in scikit-learn.
        """
        self._require_fitted("matrix")
        if not self.whiten:
            return self.components_.T
        return self.components_.T / np.maximum(np.sqrt(self.explained_variance_), np.finfo(np.float64).eps)

    def project(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch k"]:
        """X @ Q, the linear map: no centring, so it commutes with any linear map of the other axes.

        Raises `BadInput` before `fit`, and where the last axis of X does not have the features of W.

        >>> PCA(1).fit([[0.0, 0.0], [3.0, 4.0]]).project(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
        array([[[0.6]],
        <BLANKLINE>
               [[0.8]]])
        """
        self._require_fitted("project")
        return _run(_project, "project", X, self.matrix)

    def transform(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch k"]:
        """(X - mean) @ Q, the affine map: scikit-learn's `transform`.

        Raises `BadInput` before `fit`, and where the last axis of X does not have the features of W.

        >>> PCA(1).fit([[0.0, 0.0], [3.0, 4.0]]).transform(np.array([[3.0, 4.0]]))
        array([[2.5]])
        """
        self._require_fitted("transform")
        return _run(_transform, "transform", X, self.matrix, self.mean_)

    def inverse_transform(self, Y: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d"]:
        """The point of the components' plane whose `transform` is Y.

        Raises `BadInput` before `fit`, and where the last axis of Y does not have one entry a component.

        >>> PCA(1).fit([[0.0, 0.0], [3.0, 4.0]]).inverse_transform(np.array([[2.5]]))
        array([[3., 4.]])
        """
        self._require_fitted("inverse_transform")
        scale = np.sqrt(self.explained_variance_) if self.whiten else np.ones(self.n_components_)
        return _run(_inverse_transform, "inverse_transform", Y, scale[:, None] * self.components_, self.mean_)

    def _kept(self, shape: tuple[int, int]) -> int:
        most = min(shape)
        if self.n_components is None:
            return most
        asked = self.n_components
        if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)) or not 1 <= asked <= most:
            raise BadInput(
                f"n_components of PCA is {asked!r}; expected None or an integer from 1 to min(n, d) = {most} "
                f"for W of shape {shape}. Keep fewer components, or fit to more samples or features."
            )
        return int(asked)

    def _require_fitted(self, member: str) -> None:
        if not hasattr(self, "components_"):
            raise BadInput(f"PCA.{member} was used on a PCA that is not fitted. Call fit(W) first.")


class _Spectrum(NamedTuple):
    mean: Float[np.ndarray, " d"]
    singular_values: Float[np.ndarray, " r"]
    components: Float[np.ndarray, "r d"]


def _samples(W: Float[ArrayLike, "n d"]) -> Float[np.ndarray, "n d"]:
    """W in float64 on the host, or what is wrong with it."""
    if isinstance(W, Tracer):
        raise BadInput("W of PCA.fit is being traced; expected numbers. Call fit outside of jit, grad and vmap.")
    samples = np.asarray(W)
    _require_real("W of PCA.fit", samples.dtype)
    if samples.ndim != 2 or samples.shape[0] < 2 or samples.shape[1] < 1:
        raise BadInput(
            f"W of PCA.fit has shape {samples.shape}; expected (n, d): one sample a row, at least two samples and one "
            "feature. Filters in HWIO go in as W.reshape(-1, W.shape[-1])."
        )
    samples = samples.astype(np.float64)
    bad = np.argwhere(~np.isfinite(samples))
    if len(bad):
        row, column = bad[0]
        raise BadInput(
            f"W of PCA.fit holds {samples[row, column]} at W[{row}, {column}], and {len(bad)} such entries in all; "
            "expected finite numbers. Remove or replace them first."
        )
    return samples


def _require_real(name: str, dtype: np.dtype) -> None:
    if not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)):
        raise BadInput(f"{name} holds {dtype}; expected real numbers. Convert it to a floating dtype first.")


def _spectrum(samples: Float[np.ndarray, "n d"], kept: int) -> _Spectrum:
    with jax.enable_x64(True):
        if samples.shape[0] >= samples.shape[1]:
            mean, values, components = jax.device_get(_by_covariance(samples))
            if values[kept - 1] > _COVARIANCE_REACH * values[0]:
                return _Spectrum(mean, values, components)
        return _Spectrum(*jax.device_get(_by_svd(samples)))


def _variance(samples: Float[np.ndarray, "n d"], spectrum: _Spectrum) -> Float[np.ndarray, " r"]:
    with np.errstate(over="ignore", invalid="ignore"):
        variance = spectrum.singular_values**2 / (len(samples) - 1)
        total = variance.sum()
    if not (np.isfinite(total) and np.isfinite(spectrum.components).all()):
        raise BadInput(
            f"W of PCA.fit reaches {np.abs(samples).max():.3g} in magnitude; expected variances that fit float64. "
            "Divide W by its largest magnitude first."
        )
    return variance


@jax.jit
def _by_covariance(samples: Float[Array, "n d"]) -> tuple[Float[Array, " d"], Float[Array, " d"], Float[Array, "d d"]]:
    mean, centred = _centred(samples)
    # Scaled, so that squares neither overflow nor underflow.
    largest = jnp.max(jnp.abs(centred))
    scale = jnp.where(largest > 0, largest, 1.0)
    centred = centred / scale
    squares, vectors = jnp.linalg.eigh(centred.T @ centred, symmetrize_input=False)
    values = scale * jnp.sqrt(jnp.maximum(squares[::-1], 0.0))
    return mean, values, _signed(vectors[:, ::-1].T)


@jax.jit
def _by_svd(samples: Float[Array, "n d"]) -> tuple[Float[Array, " d"], Float[Array, " r"], Float[Array, "r d"]]:
    mean, centred = _centred(samples)
    _, values, components = jnp.linalg.svd(centred, full_matrices=False)
    return mean, values, _signed(components)


def _centred(samples: Float[Array, "n d"]) -> tuple[Float[Array, " d"], Float[Array, "n d"]]:
    mean = jnp.mean(samples, axis=0)
    return mean, samples - mean[None]


def _signed(components: Float[Array, "k d"]) -> Float[Array, "k d"]:
    """As `svd_flip(u_based_decision=False)`: the entry of largest magnitude, the first of ties, is positive."""
    largest = jnp.argmax(jnp.abs(components), axis=1, keepdims=True)
    return components * jnp.sign(jnp.take_along_axis(components, largest, axis=1))


def _run(
    function: Callable[..., Array], name: str, X: Float[Tensor, "*batch d"], *constants: np.ndarray
) -> Float[Tensor, "*batch k"]:
    """`function(X, *constants)` in the dtype of X, in JAX, handed back as the kind of array that X is."""
    values = X if isinstance(X, Array) else np.asarray(X)
    _require_real(f"the array given to PCA.{name}", values.dtype)
    features = constants[0].shape[0]
    if values.ndim < 1 or values.shape[-1] != features:
        raise BadInput(
            f"the array given to PCA.{name} has shape {values.shape}; expected {features} entries on its last axis. "
            "Transpose or reshape it, or fit the PCA to what you mean to map."
        )
    dtype = values.dtype if jnp.issubdtype(values.dtype, jnp.floating) else _default_float(values)
    with jax.enable_x64(True) if dtype == np.float64 else nullcontext():
        result = function(jnp.asarray(values, dtype), *(jnp.asarray(constant, dtype) for constant in constants))
    return cast(Tensor, result if isinstance(X, Array) else np.asarray(result))


def _default_float(values: np.ndarray | Array) -> np.dtype:
    return jnp.dtype(jnp.result_type(float)) if isinstance(values, Array) else np.dtype(np.float64)


@jax.jit
def _project(X: Float[Array, "*batch d"], Q: Float[Array, "d k"]) -> Float[Array, "*batch k"]:
    return X @ Q


@jax.jit
def _transform(
    X: Float[Array, "*batch d"], Q: Float[Array, "d k"], mean: Float[Array, " d"]
) -> Float[Array, "*batch k"]:
    return (X - mean.reshape((1,) * (X.ndim - 1) + mean.shape)) @ Q


@jax.jit
def _inverse_transform(
    Y: Float[Array, "*batch k"], basis: Float[Array, "k d"], mean: Float[Array, " d"]
) -> Float[Array, "*batch d"]:
    return Y @ basis + mean.reshape((1,) * (Y.ndim - 1) + mean.shape)
