"""Compressing a layer: against sums written out, scikit-learn's PCA, and the best kernel of its rank."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import decomposition

import jaxiom
from jaxiom.auditing import approximate, constraints, identities, read_images
from jaxiom.errors import BadInput, BadShape
from jaxiom.kernels import Setting
from jaxiom.pca import Compressed, compress


def decaying(shape: tuple[int, ...], seed: int = 0, mean: float = 0.3) -> np.ndarray:
    """A kernel (*window, c, f) whose singular values fall, and whose columns have means."""
    rng = np.random.default_rng(seed)
    flat = rng.normal(size=(int(np.prod(shape[:-1])), shape[-1]))
    rows, values, columns = np.linalg.svd(flat, full_matrices=False)
    falling = values * np.exp(-0.5 * np.arange(len(values)))
    return ((rows * falling) @ columns + mean * rng.normal(size=shape[-1])).reshape(shape)


def slow_conv(images: np.ndarray, kernel: np.ndarray, stride: int, padding: str, dilation: int) -> np.ndarray:
    """Written out: channels last, any number of window axes, one output entry at a time."""
    window = kernel.shape[:-2]
    if padding == "SAME":
        pads = []
        for size, k in zip(images.shape[1:-1], window, strict=True):
            whole = max((-(-size // stride) - 1) * stride + dilation * (k - 1) + 1 - size, 0)
            pads.append((whole // 2, whole - whole // 2))
        images = np.pad(images, [(0, 0), *pads, (0, 0)])
    extent = [(s - dilation * (k - 1) - 1) // stride + 1 for s, k in zip(images.shape[1:-1], window, strict=True)]
    out = np.zeros((images.shape[0], *extent, kernel.shape[-1]))
    for at in itertools.product(range(images.shape[0]), *map(range, extent)):
        for tap in itertools.product(*map(range, window)):
            place = [stride * o + dilation * t for o, t in zip(at[1:], tap, strict=True)]
            out[at] += images[(at[0], *place)] @ kernel[tap]
    return out


def measured(layer: Compressed, images: np.ndarray) -> tuple[float, float, float]:
    """The error, its bound, and the drift of centring, of images with channels last."""
    return approximate(layer, images, Setting(), lambda *_: None)


def scikit_learn(flat: np.ndarray, rank: int) -> Callable[[np.ndarray], np.ndarray]:
    pca = decomposition.PCA(rank, svd_solver="full").fit(flat)
    return lambda x: pca.inverse_transform(pca.transform(x.reshape(-1, x.shape[-1]))).reshape(x.shape)


def projector(flat: np.ndarray, rank: int) -> Callable[[np.ndarray], np.ndarray]:
    _, _, rows = np.linalg.svd(flat)
    return lambda x: x @ rows[:rank].T @ rows[:rank]


LAYERS = [
    ((6, 5), 1, "VALID", 1),
    ((3, 2, 5), 1, "SAME", 1),
    ((3, 2, 2, 5), 1, "VALID", 2),
    ((3, 3, 2, 5), 2, "SAME", 1),
    ((2, 1, 2, 2, 4), 1, "VALID", 1),
]
CENTRINGS = [(False, "filter"), (True, "filter"), (True, "bias")]


def images_for(kernel: np.ndarray, seed: int = 1) -> np.ndarray:
    extent = [6, 5, 4][: kernel.ndim - 2]
    return np.random.default_rng(seed).normal(size=(2, *extent, kernel.shape[-2]))


@pytest.mark.parametrize(("center", "repair"), CENTRINGS)
@pytest.mark.parametrize(("shape", "stride", "padding", "dilation"), LAYERS)
def test_the_layer_is_what_it_says(
    shape: tuple[int, ...], stride: int, padding: str, dilation: int, center: bool, repair: str
) -> None:
    kernel, bias = decaying(shape), np.arange(shape[-1]) / 7
    images = images_for(kernel)
    layer = compress(kernel, 2, center=center, repair=repair, bias=bias)
    whole = slow_conv(images, kernel, stride, padding, dilation)
    flat = kernel.reshape(-1, shape[-1])
    there_and_back = scikit_learn(flat, 2) if center else projector(flat, 2)
    if repair == "bias":
        expected = there_and_back(whole)
    else:
        expected = slow_conv(images, there_and_back(kernel), stride, padding, dilation)
    found = layer.apply(images, stride, padding, dilation)
    assert found.dtype == np.float64
    assert np.allclose(found, expected + bias, atol=1e-12)


def test_without_the_repair_it_would_be_wrong() -> None:
    kernel, images = decaying((3, 3, 2, 5)), images_for(decaying((3, 3, 2, 5)))
    layer = compress(kernel, 5, center=True)
    whole = slow_conv(images, kernel, 1, "VALID", 1)
    assert np.allclose(layer.apply(images), whole, atol=1e-12)
    naive = slow_conv(images, layer.kernel[..., :-1], 1, "VALID", 1) @ layer.unprojection[:-1] + kernel.mean((0, 1, 2))
    sums = slow_conv(images, np.ones((3, 3, 2, 1)), 1, "VALID", 1)
    assert np.allclose(naive - whole, -(sums - 1) * kernel.mean((0, 1, 2)), atol=1e-12)
    drift = np.linalg.norm(naive - whole) / np.linalg.norm(whole)
    assert drift > 0.1
    assert measured(layer, images)[2] == pytest.approx(drift, rel=1e-9)


@pytest.mark.parametrize(("last", "first"), [("IO", "OI"), ("WIO", "OIW"), ("HWIO", "OIHW"), ("DHWIO", "OIDHW")])
def test_filters_first_is_the_same_layer(last: str, first: str) -> None:
    kernel = decaying({"IO": (6, 4), "WIO": (3, 2, 4), "HWIO": (3, 2, 2, 4), "DHWIO": (2, 1, 3, 2, 4)}[last])
    order = [last.index(axis) for axis in first]
    ours, theirs = compress(kernel, 2, center=True), compress(kernel.transpose(order), 2, center=True, layout=first)
    assert np.array_equal(theirs.kernel, ours.kernel.transpose(order))
    images = images_for(kernel)
    moved = np.moveaxis(images, -1, 1)
    assert np.allclose(np.moveaxis(np.asarray(theirs.apply(moved)), 1, -1), ours.apply(images), atol=1e-12)
    assert theirs.report.layout == first
    assert theirs.report.shape == tuple(kernel.transpose(order).shape)
    read, _ = read_images(theirs, moved, Setting(), 0)
    assert measured(theirs, read) == pytest.approx(measured(ours, images), rel=1e-9)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), rank=st.integers(1, 4), centring=st.sampled_from(CENTRINGS))
def test_the_error_is_within_its_bound(seed: int, rank: int, centring: tuple[bool, str]) -> None:
    kernel = decaying((7, 5), seed)
    layer = compress(kernel, rank, center=centring[0], repair=centring[1])
    rows = np.random.default_rng(seed + 1).normal(size=(9, 7)) * 10.0 ** np.arange(9)[:, None]
    error, bound, _ = measured(layer, rows)
    slow = np.linalg.norm(layer.apply(rows) - rows @ kernel) / np.linalg.norm(rows @ kernel)
    assert error == pytest.approx(slow, rel=1e-6, abs=1e-14)
    assert error <= bound


def test_the_bound_is_reached() -> None:
    """By a patch along the first direction that was discarded."""
    kernel = decaying((7, 5))
    rows, _, _ = np.linalg.svd(kernel)
    assert measured(compress(kernel, 2), rows[:, 2][None])[:2] == pytest.approx((1, 1), rel=1e-9)


def test_no_layer_of_its_rank_is_closer() -> None:
    kernel, rng = decaying((3, 2, 3, 6)), np.random.default_rng(3)
    layer = compress(kernel, 3)
    flat = kernel.reshape(-1, 6)

    def error(kernel_of_rank_3: np.ndarray) -> float:
        return float(np.linalg.norm(kernel_of_rank_3 - flat) / np.linalg.norm(flat))

    best = layer.kernel.reshape(-1, 3) @ layer.unprojection
    assert layer.report.expected_error == pytest.approx(error(best), rel=1e-9)
    for size in 10.0 ** -np.arange(6):
        moved = layer.kernel.reshape(-1, 3) + size * rng.normal(size=(18, 3))
        back = layer.unprojection + size * rng.normal(size=(3, 6))
        assert error(moved @ back) > error(best)


@pytest.mark.parametrize(("center", "repair"), CENTRINGS)
def test_the_expected_error_is_that_of_white_noise(center: bool, repair: str) -> None:
    kernel = decaying((40, 12))
    layer = compress(kernel, 4, center=center, repair=repair)
    error, _, _ = measured(layer, np.random.default_rng(0).normal(size=(400, 40)))
    assert error == pytest.approx(layer.report.expected_error, rel=0.15)


def test_centring_never_beats_one_component_more() -> None:
    for seed in range(5):
        report = compress(decaying((9, 6), seed), 1 + seed % 5, center=True).report
        assert report.uncentred_error is not None
        assert report.uncentred_error <= report.expected_error * (1 + 1e-9)


@pytest.mark.parametrize("center", [False, True])
def test_what_is_kept_is_scikit_learns_ratio(center: bool) -> None:
    kernel = decaying((9, 6))
    layer = compress(kernel, 3, center=center)
    if center:
        expected = decomposition.PCA(3, svd_solver="full").fit(kernel).explained_variance_ratio_.sum()
    else:
        expected = np.linalg.norm(layer.kernel) ** 2 / np.linalg.norm(kernel) ** 2
    assert layer.report.kept == pytest.approx(expected, rel=1e-12)


def test_a_share_of_the_variance_takes_the_fewest_components() -> None:
    kernel = decaying((9, 6))
    for share in (0.01, 0.5, 0.9, 0.999, 1 - 1e-12):
        layer = compress(kernel, share)
        assert layer.report.kept >= share * (1 - 1e-12)
        if layer.rank > 1:
            assert compress(kernel, layer.rank - 1).report.kept < share


@pytest.mark.parametrize(("center", "repair", "with_bias"), [(*c, b) for c in CENTRINGS for b in (False, True)])
def test_savings_are_counted(center: bool, repair: str, with_bias: bool) -> None:
    shape, rank = (3, 2, 4, 6), 3
    bias = np.ones(6) if with_bias else None
    layer = compress(decaying(shape), rank, center=center, repair=repair, bias=bias)
    report = layer.report
    own = 6 if with_bias else 0
    assert report.multiply_adds == (24 * 6, layer.kernel.size + layer.unprojection.size)
    after = layer.kernel.size + layer.unprojection.size + (6 if layer.bias.any() else 0)
    assert report.parameters == (24 * 6 + own, after)
    assert report.filters == layer.kernel.shape[-1] == rank + (center and repair == "filter")
    costs = [filters * (24 + 6) for filters in range(1, 7)]
    assert report.saves_below == sum(cost < 24 * 6 for cost in costs)
    assert ("no saving" in str(report)) == (report.multiply_adds[1] >= report.multiply_adds[0])


@pytest.mark.parametrize(
    ("dtype", "shape", "centring"),
    [
        ("float16", (9, 6), (True, "filter")),
        (ml_dtypes.bfloat16, (9, 6), (False, "filter")),
        ("float32", (3, 3, 4, 6), (True, "bias")),
        ("float64", (3, 4, 6), (True, "filter")),
    ],
)
def test_every_dtype_is_audited_as_claimed(dtype: Any, shape: tuple[int, ...], centring: tuple[bool, str]) -> None:
    center, repair = centring
    kernel = decaying(shape).astype(dtype)
    layer = compress(kernel, 4, center=center, repair=repair)
    assert {a.dtype for a in (layer.kernel, layer.unprojection, layer.bias)} == {np.dtype(dtype)}
    audit = layer.audit(padding="SAME")
    assert audit.as_claimed
    assert audit.rounding.exact == "equal"
    assert len(audit.verdicts) == (5 if center else 2)
    assert audit.rounding.drift.relative < 3 * float(ml_dtypes.finfo(dtype).eps)


def test_it_runs_inside_of_jit() -> None:
    layer = compress(decaying((3, 3, 2, 5)).astype(np.float32), 3)
    images = images_for(decaying((3, 3, 2, 5))).astype(np.float32)
    assert np.allclose(jax.jit(layer.apply)(images), layer.apply(images), atol=1e-5)


def test_a_wrong_identity_would_be_seen() -> None:
    """Each with a term of its right side lost, or doubled, is refuted."""
    for identity in identities(Setting(), 1):
        given = constraints(Setting(), 1)

        def doubled(*arrays: Any, rhs: Any = identity.rhs) -> Any:
            return rhs(*arrays) * 2

        assert jaxiom.prove(identity.lhs, doubled, given=given, shapes=identity.shapes).status == "refuted"


def test_the_bound_does_not_hold_for_another_projection() -> None:
    kernel = decaying((7, 5))
    layer = compress(kernel, 3)
    damaged = replace(layer, factors=replace(layer.factors, components=layer.factors.components[::-1].copy()))
    rows = np.random.default_rng(0).normal(size=(3, 7))
    error, bound, _ = measured(damaged, rows)
    assert error > bound
    error, bound, _ = measured(layer, rows)
    assert error <= bound


KERNEL = decaying((3, 3, 2, 5))


@pytest.mark.parametrize(
    ("kernel", "arguments", "text"),
    [
        (KERNEL, {"rank": 0}, "rank: expected a whole number from 1 to min(taps, filters) = 5, or a share of the var"),
        (KERNEL, {"rank": 6}, "rank: expected a whole number from 1 to min(taps, filters) = 5, or a share of the var"),
        (KERNEL, {"rank": 1.0}, "got 1.0"),
        (KERNEL, {"rank": True}, "got True"),
        (KERNEL, {"rank": float("nan")}, "got nan"),
        (KERNEL, {"rank": "3"}, "got '3'"),
        (KERNEL, {"repair": "none"}, "repair: expected filter or bias, got 'none'"),
        (KERNEL, {"layout": "OIDHW"}, "layout: expected HWIO or OIHW for a kernel of shape (3, 3, 2, 5), got 'OIDHW'"),
        (
            np.ones((64, 32, 3, 3)),
            {},
            "layout: kernel (64, 32, 3, 3) would have a window of 64×32 in HWIO; say OIHW",
        ),
        (np.ones(3), {}, "kernel: shape (3,); expected 2 axes (a dense matrix) to 5 (a 3-D window, channels, filters)"),
        (KERNEL * 0, {}, "kernel: all zeros; there is nothing to find out from it"),
        (
            np.where(KERNEL[0, 1, 1, 2] == KERNEL, np.nan, KERNEL),
            {},
            "kernel: 1 of 90 entries are NaN or infinite",
        ),
        (np.where(KERNEL > 0, np.inf, KERNEL), {}, " entries are NaN or infinite, the first at ["),
        (
            KERNEL * 1j,
            {},
            "kernel: expected float64, float32, bfloat16, float16 or whole numbers, got",
        ),
        (
            np.array([["a"]]),
            {},
            "kernel: expected float64, float32, bfloat16, float16 or whole numbers, got",
        ),
        ([[1.0], [1.0, 2.0]], {}, "kernel: expected an array of numbers: "),
        (np.ones((0, 3)), {}, "kernel: shape (0, 3) holds nothing"),
        (KERNEL * 1e200, {}, "kernel: entries beyond 1e100 in magnitude; divide it by its largest first"),
        (np.full((2, 4), 60000, np.float16), {"rank": 1}, "the compressed kernel overflows float16; scale the kernel,"),
        (KERNEL, {"bias": np.ones(3)}, "bias: shape (3,); expected (5,), one entry a filter"),
        (KERNEL, {"bias": np.full(5, np.inf)}, "bias: 5 of 5 entries are NaN or infinite, the first at [0]"),
    ],
)
def test_bad_kernels(kernel: Any, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        compress(kernel, arguments.get("rank", 2), **{k: v for k, v in arguments.items() if k != "rank"})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("images", "arguments", "text"),
    [
        (
            np.ones((2, 6, 6, 3)),
            {},
            "images: shape (2, 6, 6, 3); expected (n, h, w, c) with c = 2 for this HWIO kernel",
        ),
        (np.ones((6, 6, 2)), {}, "images: shape (6, 6, 2); expected (n, h, w, c) with c = 2 for this HWIO kernel"),
        (np.ones((1, 2, 6, 2)), {}, "images: (2, 6) is smaller than the window (3, 3); use padding SAME"),
        (np.ones((1, 4, 6, 2)), {"dilation": 2}, "images: (4, 6) is smaller than the window (5, 5); use padding SAME"),
        (np.zeros((1, 6, 6, 2)), {}, "images: all zeros; there is nothing to find out from it"),
        (np.full((1, 6, 6, 2), np.nan), {}, "images: 72 of 72 entries are NaN or infinite, the first at [0, 0, 0, 0]"),
        (np.full((1, 6, 6, 2), 1e200), {}, "images: their squares overflow; scale them down"),
        (None, {"padding": "FULL"}, "padding: expected VALID or SAME, got 'FULL'"),
        (None, {"stride": 0}, "stride: expected a whole number of at least 1, got 0"),
        (None, {"dilation": 1.5}, "dilation: expected a whole number of at least 1, got 1.5"),
    ],
)
def test_bad_images(images: Any, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        compress(KERNEL, 2).audit(images, **arguments)
    assert str(caught.value) == text


def test_a_dense_matrix_has_no_stride() -> None:
    with pytest.raises(BadInput, match="stride and dilation are for kernels with a window; a dense matrix has none"):
        compress(decaying((7, 5)), 2).audit(stride=2)
    with pytest.raises(BadShape):
        compress(decaying((7, 5)), 2).apply(np.ones((2, 6)))


def test_images_that_the_layer_maps_to_zero() -> None:
    matrix = np.zeros((4, 3))
    matrix[0] = 1
    with pytest.raises(BadInput, match="the layer's output on them is zero"):
        compress(matrix, 1).audit(np.array([[0.0, 1, 2, 3]]))


def test_the_module_is_public() -> None:
    assert jaxiom.pca.compress is compress
    assert jaxiom.PCA.__module__ == "jaxiom.projection"
