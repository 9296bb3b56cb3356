"""The asker's own trial with scikit-learn's PCA, and how far its default solver is from the true components."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxiom.errors import BadInput

Matrix = Float[np.ndarray, "_ _"]
Formula = Callable[[Matrix, Matrix, Matrix], Matrix]


@dataclass(frozen=True, eq=False)
class Trial:
    """One run of the asker's trial, in float64.

    `lhs` is X^T . transform(W), `rhs` is transform(X^T . W), `difference` is lhs - rhs, `formula` the closed form's
    value for it, `gap` the largest absolute deviation of the two, and `mean` and `Q` are of scikit-learn's fit to W.
    """

    W: Float[np.ndarray, "4 3"]
    X: Float[np.ndarray, "4 2"]
    mean: Float[np.ndarray, "3"]
    Q: Float[np.ndarray, "3 2"]
    lhs: Float[np.ndarray, "2 2"]
    rhs: Float[np.ndarray, "2 2"]
    difference: Float[np.ndarray, "2 2"]
    formula: Float[np.ndarray, "2 2"]
    gap: float


@dataclass(frozen=True)
class RandomizedGap:
    """How far scikit-learn's default solver is from svd_solver="full" on one matrix.

    `solver` is what "auto" took. Of `n_components` components, `lost` have a cosine under 0.99 with the true one;
    `projector` is the spectral norm of the difference of the two projectors (0: same space, 1: a direction lost);
    `variance` is the largest relative difference of an explained variance.
    """

    solver: str
    n_components: int
    lost: int
    projector: float
    variance: float


def closed_difference(
    X: Float[np.ndarray, "n m"], W: Float[np.ndarray, "n d"], Q: Float[np.ndarray, "d k"]
) -> Float[np.ndarray, "m k"]:
    """X^T . transform(W) - transform(X^T . W) = -(column sums of X - 1) (mean^T Q), with the mean of W's rows.

    Zero where every column of X sums to 1, or where the mean projects to 0.

    >>> closed_difference(np.array([[1.0], [2.0]]), np.array([[0.0, 3.0], [2.0, 5.0]]), np.eye(2))
    array([[-2., -8.]])
    """
    return -np.outer(X.sum(axis=0) - 1, W.mean(axis=0) @ Q)


def asker_trial(seed: int, formula: Formula = closed_difference) -> Trial:
    """Run the asker's trial: W of 4x3 reduced to 4x2 by scikit-learn's PCA, X of 4x2, both uniform on [0, 1).

    `formula(X, W, Q)` is the closed form of the difference; by default the one stated in `closed_difference`.

    Raises `BadInput` where `seed` is not an integer of at least 0.

    Source: the first question in `questions.md`.

    >>> trial = asker_trial(seed=0)
    >>> bool(np.abs(trial.difference).max() > 0.1), trial.gap < 1e-12
    (True, True)
    """
    from sklearn.decomposition import PCA

    _require_seed(seed)
    draw = np.random.default_rng(seed)
    W, X = draw.random((4, 3)), draw.random((4, 2))
    pca = PCA(n_components=2).fit(W)
    Q = np.asarray(pca.components_).T
    lhs, rhs = X.T @ pca.transform(W), pca.transform(X.T @ W)
    value = np.asarray(formula(X, W, Q))
    gap = float(np.abs(lhs - rhs - value).max())
    return Trial(W, X, np.asarray(pca.mean_), Q, lhs, rhs, lhs - rhs, value, gap)


def randomized_gap(W: Float[np.ndarray, "n d"], n_components: int, seed: int = 0) -> RandomizedGap:
    """Hold scikit-learn's PCA with its default solver against svd_solver="full" on W, in float64.

    `seed` is for the randomized solver, which "auto" picks for a 4608x512 matrix and 400 components.

    Raises `BadInput` where `seed` is not an integer of at least 0; what scikit-learn raises for W and `n_components`.

    >>> randomized_gap(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]]), n_components=1).solver
    'full'
    """
    from sklearn.decomposition import PCA

    _require_seed(seed)
    samples = np.asarray(W, dtype=np.float64)
    auto = PCA(n_components, svd_solver="auto", random_state=seed).fit(samples)
    full = PCA(n_components, svd_solver="full").fit(samples)
    found, true = np.asarray(auto.components_), np.asarray(full.components_)
    cosines = np.abs(np.sum(found * true, axis=1))
    missed = found - (found @ true.T) @ true
    variance = np.abs(auto.explained_variance_ - full.explained_variance_) / full.explained_variance_
    return RandomizedGap(
        # The one place where scikit-learn says which solver "auto" took; it is private, hence the default.
        solver=getattr(auto, "_fit_svd_solver", "unknown"),
        n_components=n_components,
        lost=int(np.sum(cosines < 0.99)),
        projector=float(np.linalg.norm(missed, 2)),
        variance=float(variance.max()),
    )


def _require_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise BadInput(f"seed is {seed!r}; expected an integer of at least 0.")
