"""Matrices in numbers: against JAX's convolution, SciPy's matrices and numpy's singular values."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom.errors import BadInput, Unsupported
from jaxiom.layers import conv
from jaxiom.operators import operator
from structures import build

NUMBERS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}
TOLERANCE = 1e-5


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """All parameters of a convolution: rank, sizes, strides, paddings (cropping too), dilations, groups."""
    rank = draw(st.integers(1, 3))
    each = lambda values: tuple(draw(values) for _ in range(rank))  # noqa: E731
    groups = draw(st.integers(1, 2))
    size = st.integers(1, 5 if rank < 3 else 3)
    found = {
        "image": (draw(st.integers(1, 2)), *each(size), groups * draw(st.integers(1, 2))),
        "window": each(st.integers(1, 3 if rank < 3 else 2)),
        "filters": groups * draw(st.integers(1, 2)),
        "window_strides": each(st.integers(1, 3)),
        "lhs_dilation": each(st.integers(1, 2)),
        "rhs_dilation": each(st.integers(1, 2)),
        "feature_group_count": groups,
        "padding": draw(st.sampled_from(["VALID", "SAME", "pairs"])),
    }
    if found["padding"] == "pairs" or max(found["lhs_dilation"]) > 1:
        found["padding"] = [(draw(st.integers(-1, 2)), draw(st.integers(-1, 2))) for _ in range(rank)]
    return found


def check(at: dict[str, Any], seed: int) -> None:
    """T · vec X against `lax.conv_general_dilated`."""
    image, window, filters = at.pop("image"), at.pop("window"), at.pop("filters")
    kernel = (*window, image[-1] // at["feature_group_count"], filters)
    numbers = NUMBERS[len(window)]

    def layer(X: Any, W: Any) -> Any:
        return lax.conv_general_dilated(X, W, dimension_numbers=numbers, **at)

    rng = np.random.default_rng(seed)
    X, W = (rng.standard_normal(shape).astype(np.float32) for shape in (image, kernel))
    try:
        expected = np.asarray(layer(X, W))
    except ValueError:  # a negative size after cropping
        assume(False)
        return
    assume(expected.size)
    T = operator(layer, X=" ".join(map(str, image)), W=" ".join(map(str, kernel)))
    matrix = T.numeric({"W": W})
    assert matrix.shape == (expected.size, X.size)
    np.testing.assert_allclose(matrix @ X.ravel(), expected.ravel(), rtol=TOLERANCE, atol=TOLERANCE)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(configurations(), st.integers(0, 99))
def test_any_convolution(at: dict[str, Any], seed: int) -> None:
    check(at, seed)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(configurations(), st.integers(0, 10**6))
def test_300_convolutions(at: dict[str, Any], seed: int) -> None:
    check(at, seed)


def correlate(X: Any, W: Any) -> Any:
    return conv(X[None, :, None], W[:, None, None])[0, :, 0]


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 3), (9, 4)])
@pytest.mark.parametrize("mode", ["valid", "full", "same"])
def test_scipys_convolution_matrix(n: int, k: int, mode: str) -> None:
    """SciPy flips the kernel; its "same" centres the other way for even kernels."""
    padding = {"valid": "VALID", "full": "FULL", "same": [(k // 2, (k - 1) // 2)]}[mode]
    T = operator(lambda X, W: conv(X, W, padding=padding), X="1 n 1", W=f"{k} 1 1", given=f"n >= {k}")
    W = np.arange(1.0, k + 1)
    ours = T.numeric({"W": W[:, None, None]}, n=n).toarray()
    np.testing.assert_array_equal(ours, scipy.linalg.convolution_matrix(W[::-1], n, mode))
    assert k == 1 or not np.array_equal(ours, scipy.linalg.convolution_matrix(W, n, mode))


def test_scipys_toeplitz_and_circulant() -> None:
    W = np.arange(1.0, 4)
    T = operator(correlate, X="n", W="k", given="n >= k")
    row = [*W, 0.0, 0.0]
    np.testing.assert_array_equal(T.numeric({"W": W}, n=5, k=3).toarray(), scipy.linalg.toeplitz([1.0, 0, 0], row))
    wrapped = operator(lambda X, W: correlate(jnp.concatenate([X, X[:2]]), W), X="n", W="3", given="n >= 3")
    np.testing.assert_array_equal(wrapped.numeric({"W": W}, n=5).toarray(), scipy.linalg.circulant(row).T)


def test_dense_is_on_the_device_and_keeps_the_dtype() -> None:
    T, W = build("VALID"), np.ones((2, 1, 2, 3))
    sizes = {"n": 1, "h": 3, "w": 2, "c": 2, "kh": 2, "kw": 1, "f": 3}
    for dtype in (np.float32, np.float64):
        found = T.numeric({"W": W.astype(dtype)}, dense=True, **sizes)
        assert isinstance(found, jax.Array)
        assert found.dtype == dtype
        np.testing.assert_array_equal(np.asarray(found), T.numeric({"W": W.astype(dtype)}, **sizes).toarray())


def test_letters_where_there_is_no_sum() -> None:
    T = build("im2col")
    X = np.random.default_rng(0).standard_normal((2, 3, 3, 2)).astype(np.float32)
    sizes = {"n": 2, "h": 3, "w": 3, "c": 2, "kh": 2, "kw": 2, "f": 2}
    W = np.random.default_rng(1).standard_normal((2, 2, 2, 2)).astype(np.float32)
    expected = np.asarray(conv(jnp.asarray(X), jnp.asarray(W))).ravel()
    np.testing.assert_allclose(T.numeric({"X": X}, **sizes) @ W.ravel(), expected, rtol=1e-5, atol=1e-5)


def wrapped(X: Any, W: Any) -> Any:
    X = jnp.concatenate([X, X[:, : W.shape[0] - 1]], 1)
    return conv(jnp.concatenate([X, X[:, :, : W.shape[1] - 1]], 2), W)


@pytest.mark.parametrize(("c", "f"), [(2, 3), (3, 2), (1, 1)])
def test_singular_values_of_a_wrapped_convolution(c: int, f: int) -> None:
    T = operator(wrapped, X="n h w c", W="kh kw c f", given="h >= kh, w >= kw")
    sizes = {"n": 2, "h": 4, "w": 3, "c": c, "kh": 3, "kw": 2, "f": f}
    W = np.random.default_rng(0).standard_normal((3, 2, c, f))
    expected = np.linalg.svd(T.numeric({"W": W}, **sizes).toarray(), compute_uv=False)
    np.testing.assert_allclose(T.singular_values({"W": W}, **sizes), expected, atol=1e-12)


def test_singular_values_with_a_stride() -> None:
    T, W = build("wrap, stride 2"), np.array([1.0, -2.0, 3.0])[:, None, None]
    expected = np.linalg.svd(T.numeric({"W": W}, h=5).toarray(), compute_uv=False)
    np.testing.assert_allclose(T.singular_values({"W": W}, h=5), expected, atol=1e-12)


def test_what_does_not_wrap_has_no_spectrum_by_dft() -> None:
    with pytest.raises(Unsupported, match="a level is toeplitz"):
        build("VALID").singular_values({"W": np.ones((1, 1, 1, 1))}, n=1, h=1, w=1, c=1, kh=1, kw=1, f=1)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "^inputs: W missing"),
        ({"W": np.ones((2, 2, 1, 1)), "Z": 1}, "^inputs: unknown Z"),
        ({"W": np.ones((2, 2))}, r"^inputs\['W'\]: shape \(2, 2\) where these sizes give \(2, 2, 1, 1\)"),
        ({"W": np.full((2, 2, 1, 1), np.nan)}, r"^inputs\['W'\]: holds NaN"),
        ({"W": np.ones((2, 2, 1, 1), complex)}, r"^inputs\['W'\]: expected real numbers"),
    ],
)
def test_inputs_are_checked(inputs: Any, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        build("VALID").numeric(inputs, n=1, h=3, w=3, c=1, kh=2, kw=2, f=1)
