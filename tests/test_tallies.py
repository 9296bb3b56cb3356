"""Statistics against NumPy's, and their sums over batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxiom.found import Found
from jaxiom.tallies import BINS, Histogram, Tally, counted, difference, finite_part, reduced, tally, ulps


def test_tallies_add_up_over_batches():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 7, 5)).astype(np.float32) * 1e25  # squares overflow float32
    whole = tally(reduced(jnp.asarray(x)), x.size)
    parts = tally(reduced(jnp.asarray(x[:2])), x[:2].size) + tally(reduced(jnp.asarray(x[2:])), x[2:].size)
    assert whole.max == parts.max == np.abs(x).max()
    assert whole.norm == pytest.approx(np.linalg.norm(x.astype(np.float64)), rel=1e-6)
    assert parts.norm == pytest.approx(whole.norm, rel=1e-6)
    assert Tally(0).over(Tally(0)).relative == 0


@pytest.mark.parametrize("size", [3e38, 2e-38])
def test_tallies_at_the_ends_of_the_range(size: float):
    x = np.full((3, 4), size, np.float32)
    assert tally(jax.jit(reduced)(x), x.size).norm == pytest.approx(float(x[0, 0]) * 12**0.5, rel=1e-6)


def test_ulps_against_numpy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1000).astype(np.float32)
    steps = rng.integers(0, 200, 1000)
    y = (x.astype(np.float64) * (1 + 0 * steps) + steps * np.spacing(np.abs(x)).astype(np.float64)).astype(np.float32)
    histogram = Histogram()
    histogram.add(ulps(jnp.asarray(y - x), jnp.asarray(x), jnp.asarray(y), "float32"))
    for level, found in histogram.quantiles([0.5, 0.9, 1.0]).items():
        exact = np.quantile(np.abs(y - x) / np.spacing(np.maximum(np.abs(x), np.abs(y))), level, method="inverted_cdf")
        assert exact <= found <= 1.13 * exact + 1e-9


def test_bins_are_counted_alike_on_the_device_and_on_the_host():
    bins = np.random.default_rng(0).integers(0, BINS, (7, 11)).astype(np.uint16)
    host, device = Histogram(), Histogram()
    host.add(bins)
    device.join(counted(jnp.asarray(bins)))
    assert np.array_equal(host.counts, device.counts)


def test_what_is_no_finite_number_is_infinitely_far_off():
    left = jnp.array([[[1.0], [np.nan], [-np.inf], [2.0]]])
    right = jnp.array([[[0.5], [1.0], [-np.inf], [np.nan]]])
    gap = difference(left, right)
    assert difference(jnp.float32(3e38), jnp.float32(-3e38)) == jnp.finfo("float32").max
    assert gap.ravel().tolist() == [0.5, np.inf, np.inf, np.inf]
    assert finite_part(left).ravel().tolist() == [1, 0, 0, 2]
    found = Found()
    found.take([left], [{"drift": reduced(gap), "ulps": ulps(gap, left, right, "float32")}])
    assert found.tallies["drift"] == Tally(4, np.inf, np.inf)
    assert found.tallies["drift"].over(Tally(4, 1.0, 4.0)).relative == np.inf
    assert found.maps["drift"][0].tolist() == [0, np.inf, np.inf, np.inf]
    assert found.histogram.quantiles([1.0]) == {1.0: np.inf}
