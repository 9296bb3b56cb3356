"""`PCA` held against scikit-learn's svd_solver="full", the asker's trial, and every error by its text."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.export import symbolic_shape
from sklearn import decomposition

from jaxiom import projection
from jaxiom.errors import BadInput
from jaxiom.projection import PCA
from jaxiom.trial import asker_trial, closed_difference, randomized_gap

Reference = decomposition.PCA

# Few shapes and many spectra: each shape compiles once.
SHAPES = [(40, 7), (12, 12), (6, 20), (2, 3), (30, 1)]
SEEDS = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=40)


def samples(shape, seed, decades=0.0, rank=None, mean=1.0):
    """W with singular values falling over so many decades, of a given rank about its mean."""
    draw = np.random.default_rng(seed)
    rank = min(shape) if rank is None else rank
    left = np.linalg.qr(draw.normal(size=(shape[0], rank)))[0]
    right = np.linalg.qr(draw.normal(size=(shape[1], rank)))[0]
    return (left * np.logspace(0, -decades, rank)) @ right.T + mean * draw.normal(size=shape[1])


def gaps(W):
    """Distance of each singular value to the nearest other, relative to the largest; 1 at most."""
    values = np.linalg.svd(W - W.mean(0), compute_uv=False)
    others = np.append(values, 0.0) if W.shape[1] > len(values) else values
    apart = np.abs(values[:, None] - others[None])
    np.fill_diagonal(apart, np.inf)
    return np.minimum(apart.min(axis=1, initial=np.inf) / values[0], 1.0)


def broken_promises(W, pca, full):
    """Components further from scikit-learn's, up to sign, than 1e-10 over the relative gap."""
    signs = np.sign(np.sum(pca.components_ * full.components_, axis=1, keepdims=True))
    errors = np.linalg.norm(signs * pca.components_ - full.components_, axis=1)
    return np.flatnonzero(errors > 1e-10 / np.maximum(gaps(W)[: len(errors)], 1e-300))


def close(actual, expected, tolerance):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


@law
@given(shape=st.sampled_from(SHAPES), seed=SEEDS, decades=st.floats(0, 9), scale=st.sampled_from([1e-170, 1.0, 1e120]))
def test_spectrum_is_that_of_the_full_solver(shape, seed, decades, scale):
    W = samples(shape, seed, decades)
    pca, full = PCA().fit(scale * W), Reference(svd_solver="full").fit(W)
    close(pca.mean_ / scale, full.mean_, 1e-12)
    close(pca.singular_values_ / scale, full.singular_values_, 1e-10 * full.singular_values_[0])
    close(pca.components_ @ pca.components_.T, np.eye(min(shape)), 1e-12)
    assert not broken_promises(W, pca, full).size


@law
@given(shape=st.sampled_from(SHAPES), seed=SEEDS, decades=st.floats(0, 3), data=st.data())
def test_attributes_are_those_of_the_full_solver(shape, seed, decades, data):
    W = samples(shape, seed, decades)
    kept = data.draw(st.integers(1, min(shape)))
    pca, full = PCA(kept).fit(W), Reference(kept, svd_solver="full").fit(W)
    tolerance = 1e-12 * full.explained_variance_[0]
    close(pca.explained_variance_, full.explained_variance_, tolerance)
    close(pca.explained_variance_ratio_, full.explained_variance_ratio_, 1e-12)
    close(pca.noise_variance_, full.noise_variance_, tolerance)
    assert pca.components_.shape == np.asarray(full.components_).shape
    for name in ("n_components_", "n_samples_", "n_features_in_"):
        assert getattr(pca, name) == getattr(full, name)


@law
@given(shape=st.sampled_from([(40, 7), (12, 12), (6, 20)]), seed=SEEDS, rank=st.integers(1, 4))
def test_rank_deficient_and_wide_agree_where_separated(shape, seed, rank):
    W = samples(shape, seed, decades=1, rank=rank)
    pca, full = PCA().fit(W), Reference(svd_solver="full").fit(W)
    close(pca.components_ @ pca.components_.T, np.eye(min(shape)), 1e-12)
    separated = full.singular_values_ > 1e-6 * full.singular_values_[0]
    tolerance = 1e-10 * full.singular_values_[0] / full.singular_values_[separated][-1]
    ours, theirs = pca.components_[separated], np.asarray(full.components_)[separated]
    close(ours.T @ ours, theirs.T @ theirs, tolerance)
    close(pca.explained_variance_, full.explained_variance_, 1e-12 * full.explained_variance_[0])
    close(pca.inverse_transform(pca.transform(W)), W, 1e-12)
    close(full.inverse_transform(full.transform(W)), pca.inverse_transform(pca.transform(W)), 1e-12)


def test_kept_part_of_a_rank_deficient_matrix_rebuilds_as_the_reference_does():
    W = samples((40, 7), seed=3, decades=1, rank=5)
    pca, full = PCA(2).fit(W), Reference(2, svd_solver="full").fit(W)
    close(pca.inverse_transform(pca.transform(W)), full.inverse_transform(full.transform(W)), 1e-10)
    close(pca.transform(W), full.transform(W), 1e-10)


def test_the_covariance_alone_would_break_the_promise(monkeypatch):
    W = samples((40, 7), seed=0, decades=9)
    full = Reference(svd_solver="full").fit(W)
    assert not broken_promises(W, PCA().fit(W), full).size
    monkeypatch.setattr(projection, "_COVARIANCE_REACH", -1.0)
    assert broken_promises(W, PCA().fit(W), full).size


def test_w_without_variance_has_orthonormal_components_and_no_ratio():
    pca = PCA().fit(np.ones((5, 3)))
    close(pca.components_ @ pca.components_.T, np.eye(3), 1e-12)
    np.testing.assert_array_equal(pca.explained_variance_, np.zeros(3))
    np.testing.assert_array_equal(pca.explained_variance_ratio_, np.zeros(3))


@law
@given(shape=st.sampled_from(SHAPES), seed=SEEDS)
def test_largest_entry_of_each_component_is_positive_as_in_the_reference(shape, seed):
    W = samples(shape, seed)
    pca, full = PCA().fit(W), Reference(svd_solver="full").fit(W)
    largest = np.abs(pca.components_).argmax(axis=1)
    assert (np.take_along_axis(pca.components_, largest[:, None], axis=1) > 0).all()
    ordered = np.sort(np.abs(np.asarray(full.components_)), axis=1)
    clear = ordered[:, -1] - (ordered[:, -2] if shape[1] > 1 else 0) > 1e-4
    clear &= gaps(W) > 1e-4
    assert (np.sum(pca.components_ * full.components_, axis=1)[clear] > 0).all()


@law
@given(seed=SEEDS, decades=st.floats(0.5, 2))
def test_whitening_gives_uncorrelated_unit_variances_and_inverts(seed, decades):
    W = samples((40, 7), seed, decades)
    pca, full = PCA(4, whiten=True).fit(W), Reference(4, whiten=True, svd_solver="full").fit(W)
    white = pca.transform(W)
    close(np.cov(white.T), np.eye(4), 1e-10)
    tolerance = 1e-10 / gaps(W)[:4].min()
    close(pca.inverse_transform(white), full.inverse_transform(full.transform(W)), tolerance)
    plain = PCA(4).fit(W)
    close(pca.matrix * np.sqrt(pca.explained_variance_), plain.matrix, 1e-12)
    close(pca.inverse_transform(white), plain.inverse_transform(plain.transform(W)), 1e-12)


def test_whitening_a_rank_deficient_matrix_agrees_where_separated():
    W = samples((40, 7), seed=5, decades=1, rank=3)
    pca, full = PCA(whiten=True).fit(W), Reference(whiten=True, svd_solver="full").fit(W)
    close(pca.transform(W)[:, :3], full.transform(W)[:, :3], 1e-9)
    assert np.isfinite(pca.transform(W)).all()
    close(pca.inverse_transform(pca.transform(W)), W, 1e-12)


@law
@given(shape=st.sampled_from(SHAPES[:4]), seed=SEEDS, data=st.data())
def test_inverse_transform_undoes_transform_on_the_components_plane(shape, seed, data):
    pca = PCA(data.draw(st.integers(1, min(shape)))).fit(samples(shape, seed))
    Y = np.random.default_rng(seed).normal(size=(5, pca.n_components_))
    close(pca.transform(pca.inverse_transform(Y)), Y, 1e-12)
    X = pca.mean_ + Y @ pca.components_
    close(pca.inverse_transform(pca.transform(X)), X, 1e-12)


@law
@given(seed=SEEDS, batch=st.sampled_from([(), (1,), (5,), (2, 3), (2, 4, 3)]))
def test_maps_act_on_the_last_axis_alone(seed, batch):
    pca = PCA(3).fit(samples((40, 7), seed))
    X = np.random.default_rng(seed).normal(size=(*batch, 7))
    flat = X.reshape(-1, 7)
    close(pca.project(X), (flat @ pca.matrix).reshape(*batch, 3), 1e-12)
    close(pca.transform(X), ((flat - pca.mean_) @ pca.matrix).reshape(*batch, 3), 1e-12)
    close(pca.inverse_transform(pca.project(X)), pca.project(X) @ pca.components_ + pca.mean_, 1e-12)


@law
@given(seed=SEEDS, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_project_is_linear_and_transform_is_affine(seed, a, b):
    pca = PCA(3).fit(samples((40, 7), seed))
    x, y = np.random.default_rng(seed).normal(size=(2, 4, 7))
    close(pca.project(a * x + b * y), a * pca.project(x) + b * pca.project(y), 1e-12)
    expected = a * pca.transform(x) + b * pca.transform(y) + (a + b - 1) * (pca.mean_ @ pca.matrix)
    close(pca.transform(a * x + b * y), expected, 1e-12)


@law
@given(seed=SEEDS)
def test_transform_is_not_project_unless_the_mean_projects_to_zero(seed):
    W = samples((40, 7), seed)
    pca = PCA(7).fit(W)
    assert np.abs(pca.transform(W) - pca.project(W)).max() > 1e-3 * np.linalg.norm(pca.mean_)
    centred = W - W.mean(0)
    pca = PCA(7).fit(centred)
    close(pca.transform(centred), pca.project(centred), 1e-12)


@pytest.mark.parametrize("member", ["project", "transform", "inverse_transform"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_dtype_and_kind_of_array_are_kept(member, dtype):
    pca = PCA(7).fit(samples((40, 7), seed=1))
    X = np.random.default_rng(2).normal(size=(3, 7)).astype(jnp.dtype(dtype))
    exact = getattr(pca, member)(X.astype(np.float64))
    tolerance = 20 * float(jnp.finfo(dtype).eps)
    result = getattr(pca, member)(X)
    assert type(result) is np.ndarray
    assert result.dtype == X.dtype
    close(result.astype(np.float64), exact, tolerance)
    with jax.enable_x64(True):
        on_device = jnp.asarray(X)
    result = getattr(pca, member)(on_device)
    assert isinstance(result, jax.Array)
    assert result.dtype == X.dtype
    close(np.asarray(result).astype(np.float64), exact, tolerance)


def test_integers_are_mapped_in_the_default_float():
    pca = PCA(3).fit(samples((40, 7), seed=1))
    X = np.arange(14).reshape(2, 7)
    assert pca.transform(X).dtype == np.float64
    assert pca.transform(jnp.asarray(X)).dtype == jnp.result_type(float)
    close(pca.transform(X), pca.transform(X.astype(np.float64)), 0)


def test_float32_samples_are_fitted_in_float64():
    W = samples((40, 7), seed=1, decades=3).astype(np.float32)
    for given_as in (W, jnp.asarray(W)):
        pca, full = PCA(5).fit(given_as), Reference(5, svd_solver="full").fit(W.astype(np.float64))
        assert pca.components_.dtype == np.float64
        close(pca.components_, full.components_, 1e-9)
    assert PCA(5).fit_transform(W).dtype == np.float32
    assert PCA(5).fit_transform(jnp.asarray(W)).dtype == jnp.float32


def test_fitting_leaves_the_precision_of_jax_alone():
    before = jax.config.read("jax_enable_x64")
    pca = PCA(3).fit(samples((40, 7), seed=1))
    pca.transform(np.ones((2, 7)))
    assert jax.config.read("jax_enable_x64") == before


def test_maps_pass_through_jit_vmap_grad_and_symbolic_sizes():
    pca = PCA(3, whiten=True).fit(samples((40, 7), seed=1))
    X = jnp.asarray(np.random.default_rng(0).normal(size=(5, 7)), jnp.float32)
    for member in (pca.project, pca.transform):
        close(jax.jit(member)(X), member(X), 1e-4)
        close(jax.vmap(member)(X), member(X), 1e-4)
        symbolic = jax.ShapeDtypeStruct(symbolic_shape("n, h, w, 7"), jnp.float32)
        assert str(jax.eval_shape(member, symbolic).shape) == "(n, h, w, 3)"
    gradient = jax.grad(lambda x: pca.transform(x).sum())(X[0])
    close(gradient, pca.matrix.sum(axis=1), 1e-4)


def test_maps_are_strict_about_dtypes_and_ranks():
    pca = PCA(3).fit(samples((40, 7), seed=1))
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        pca.fit(samples((40, 7), seed=2)).fit(samples((6, 7), seed=2))
        X = np.ones((2, 4, 7))
        assert pca.inverse_transform(pca.transform(X)).shape == pca.project(X).shape[:-1] + (7,)
        Y = jnp.ones((2, 4, 7), jnp.bfloat16)
        assert pca.inverse_transform(pca.transform(Y)).shape == pca.project(Y).shape[:-1] + (7,)


def test_fit_returns_itself_and_fit_again_replaces():
    pca = PCA(2)
    assert pca.fit(samples((40, 7), seed=1)) is pca
    pca.fit(samples((12, 12), seed=1))
    assert (pca.n_samples_, pca.n_features_in_, pca.matrix.shape) == (12, 12, (12, 2))
    assert repr(pca) == "PCA(n_components=2, whiten=False)"


FITTED = PCA(2).fit(np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0], [4.0, 3.0, 1.0], [2.0, 8.0, 1.0]]))
WITH_NAN = np.array([[1.0, 2.0], [np.nan, 3.0]])
WITH_INFINITY = np.array([[1.0, -np.inf], [np.inf, 3.0]])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: PCA().fit(WITH_NAN),
            "W of PCA.fit holds nan at W[1, 0], and 1 such entries in all; expected finite numbers. "
            "Remove or replace them first.",
        ),
        (
            lambda: PCA().fit(WITH_INFINITY),
            "W of PCA.fit holds -inf at W[0, 1], and 2 such entries in all; expected finite numbers. "
            "Remove or replace them first.",
        ),
        (
            lambda: PCA().fit(np.ones((3, 3, 4, 5))),
            "W of PCA.fit has shape (3, 3, 4, 5); expected (n, d): one sample a row, at least two samples and one "
            "feature. Filters in HWIO go in as W.reshape(-1, W.shape[-1]).",
        ),
        (
            lambda: PCA().fit(np.ones((1, 5))),
            "W of PCA.fit has shape (1, 5); expected (n, d): one sample a row, at least two samples and one "
            "feature. Filters in HWIO go in as W.reshape(-1, W.shape[-1]).",
        ),
        (
            lambda: PCA().fit(np.ones((4, 3), complex)),
            "W of PCA.fit holds complex128; expected real numbers. Convert it to a floating dtype first.",
        ),
        (
            lambda: PCA().fit(np.array([[1e200, 0.0], [-1e200, 1.0]])),
            "W of PCA.fit reaches 1e+200 in magnitude; expected variances that fit float64. "
            "Divide W by its largest magnitude first.",
        ),
        (
            lambda: jax.jit(lambda W: PCA().fit(W).matrix)(jnp.ones((4, 3))),
            "W of PCA.fit is being traced; expected numbers. Call fit outside of jit, grad and vmap.",
        ),
        (
            lambda: PCA(4).fit(np.ones((5, 3))),
            "n_components of PCA is 4; expected None or an integer from 1 to min(n, d) = 3 for W of shape (5, 3). "
            "Keep fewer components, or fit to more samples or features.",
        ),
        (
            lambda: PCA(0).fit(np.ones((2, 3))),
            "n_components of PCA is 0; expected None or an integer from 1 to min(n, d) = 2 for W of shape (2, 3). "
            "Keep fewer components, or fit to more samples or features.",
        ),
        (
            lambda: PCA(0.9).fit(np.ones((5, 3))),  # pyright: ignore[reportArgumentType]
            "n_components of PCA is 0.9; expected None or an integer from 1 to min(n, d) = 3 for W of shape (5, 3). "
            "Keep fewer components, or fit to more samples or features.",
        ),
        (
            lambda: PCA().transform(np.ones((4, 3))),
            "PCA.transform was used on a PCA that is not fitted. Call fit(W) first.",
        ),
        (
            lambda: PCA().inverse_transform(np.ones((4, 3))),
            "PCA.inverse_transform was used on a PCA that is not fitted. Call fit(W) first.",
        ),
        (
            lambda: PCA().project(np.ones((4, 3))),
            "PCA.project was used on a PCA that is not fitted. Call fit(W) first.",
        ),
        (lambda: PCA().matrix, "PCA.matrix was used on a PCA that is not fitted. Call fit(W) first."),
        (
            lambda: FITTED.transform(np.ones((3, 4))),
            "the array given to PCA.transform has shape (3, 4); expected 3 entries on its last axis. "
            "Transpose or reshape it, or fit the PCA to what you mean to map.",
        ),
        (
            lambda: FITTED.project(np.ones(())),
            "the array given to PCA.project has shape (); expected 3 entries on its last axis. "
            "Transpose or reshape it, or fit the PCA to what you mean to map.",
        ),
        (
            lambda: FITTED.inverse_transform(np.ones((5, 3))),
            "the array given to PCA.inverse_transform has shape (5, 3); expected 2 entries on its last axis. "
            "Transpose or reshape it, or fit the PCA to what you mean to map.",
        ),
        (
            lambda: FITTED.transform(np.array([["a", "b", "c"]])),
            "the array given to PCA.transform holds <U1; expected real numbers. Convert it to a floating dtype first.",
        ),
        (lambda: asker_trial(-1), "seed is -1; expected an integer of at least 0."),
        (
            lambda: randomized_gap(np.eye(3), 1, seed=0.5),  # pyright: ignore[reportArgumentType]
            "seed is 0.5; expected an integer of at least 0.",
        ),
    ],
)
def test_error_names_the_argument_what_came_and_what_to_do(call, text):
    with pytest.raises(BadInput) as caught:  # not match=: JAX adds notes to the text that it matches
        call()
    assert str(caught.value) == text


@law
@given(seed=SEEDS)
def test_askers_trial_obeys_the_closed_form(seed):
    trial = asker_trial(seed)
    assert trial.gap < 1e-12
    close(trial.lhs, trial.X.T @ (trial.W - trial.mean) @ trial.Q, 1e-12)
    close(trial.rhs, (trial.X.T @ trial.W - trial.mean) @ trial.Q, 1e-12)
    close(trial.difference, trial.formula, 1e-12)
    # The claim that the asker tried, that both are equal, is false.
    assert np.abs(trial.difference).max() > 1e-6


def test_trial_difference_vanishes_where_the_columns_of_x_sum_to_one():
    draw = np.random.default_rng(0)
    W, X = draw.random((4, 3)), draw.random((4, 2))
    Q = FITTED.matrix
    assert np.abs(closed_difference(X, W, Q)).max() > 1e-3
    close(closed_difference(X / X.sum(0), W, Q), np.zeros((2, 2)), 1e-12)
    close(closed_difference(X, W - W.mean(0), Q), np.zeros((2, 2)), 1e-12)


def test_trial_shows_a_false_formula_to_be_false():
    without_the_one = asker_trial(0, formula=lambda X, W, Q: -np.outer(X.sum(0), W.mean(0) @ Q))
    assert without_the_one.gap > 1e-2


def test_default_solver_of_scikit_learn_is_named_and_its_loss_counted():
    W = np.random.default_rng(0).normal(size=(600, 120))
    lossy = randomized_gap(W, 60)
    assert lossy.solver == "randomized"
    assert 0 < lossy.lost <= 60
    assert 0.1 < lossy.projector <= 1 + 1e-12
    assert lossy.variance > 1e-4
    exact = randomized_gap(np.random.default_rng(0).normal(size=(600, 20)), 5)
    assert (exact.solver, exact.lost) == ("covariance_eigh", 0)
    assert max(exact.projector, exact.variance) < 1e-9
