"""`conv` against `lax.conv_general_dilated`, against SciPy, and against a loop."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from scipy.signal import correlate

from jaxiom import prove
from jaxiom.errors import BadInput
from jaxiom.exact import evaluate, exact
from jaxiom.layers import conv

LAW = settings(max_examples=20, deadline=None, derandomize=True)


def numbers(*shape: int) -> Any:
    """Small integers: sums of products of them are exact in float32."""
    return np.random.default_rng([len(shape), *shape]).integers(-4, 5, shape).astype(np.float32)


def by_loop(image: Any, kernel: Any, strides: Any, pads: Any, dilations: Any, gaps: Any, groups: int) -> np.ndarray:
    """out[n, y, f] = Σ_i Σ_c padded[n, stride·y + dilation·i, group(f)·C + c] kernel[i, c, f]"""
    rank = image.ndim - 2
    extents = [(d - 1) * g + 1 for d, g in zip(image.shape[1:-1], gaps, strict=True)]
    spread = np.zeros((image.shape[0], *extents, image.shape[-1]), image.dtype)
    spread[(slice(None), *(slice(None, None, g) for g in gaps))] = image
    out_shape = [
        (e + p[0] + p[1] - (k - 1) * d - 1) // s + 1
        for e, p, k, d, s in zip(extents, pads, kernel.shape, dilations, strides, strict=False)
    ]
    out = np.zeros((image.shape[0], *out_shape, kernel.shape[-1]), image.dtype)
    per_group = kernel.shape[-2]
    for index in np.ndindex(*out.shape):
        n, place, f = index[0], index[1:-1], index[-1]
        group = f // (kernel.shape[-1] // groups)
        for tap in np.ndindex(*kernel.shape[:rank]):
            at = [s * y + d * i - p[0] for s, y, d, i, p in zip(strides, place, dilations, tap, pads, strict=True)]
            if all(0 <= a < e for a, e in zip(at, extents, strict=True)):
                channels = spread[(n, *at)][group * per_group : (group + 1) * per_group]
                out[index] += channels @ kernel[(*tap, slice(None), f)]
    return out


@LAW
@given(st.data())
def test_against_lax_and_a_loop(data: Any) -> None:
    draw = data.draw
    rank = draw(st.integers(1, 2))

    def many(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    extents, window, strides, dilations, gaps = many(4, 6), many(1, 3), many(1, 3), many(1, 2), many(1, 2)
    pads = list(zip(many(-1, 2), many(0, 2), strict=True))
    groups = draw(st.sampled_from([1, 2]))
    padding = draw(st.sampled_from([pads, pads, 1, "SAME", "VALID", "FULL"]))
    image, kernel = numbers(2, *extents, 2 * groups), numbers(*window, 2, 2 * groups)
    ours = np.asarray(conv(image, kernel, strides, padding, dilation=dilations, image_dilation=gaps, groups=groups))
    spatial = "HW"[2 - rank :]
    effective = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
    spread = [(e - 1) * g + 1 for e, g in zip(extents, gaps, strict=True)]
    lax_padding: Any = padding
    if padding == "FULL":
        lax_padding = [(e - 1, e - 1) for e in effective]
    elif padding == 1:
        lax_padding = [(1, 1)] * rank
    elif isinstance(padding, str):  # lax works SAME out from the image as it is before dilation
        lax_padding = lax.padtype_to_pads(spread, effective, strides, padding)
    theirs = lax.conv_general_dilated(
        image, kernel, strides, lax_padding, gaps, dilations, (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"), groups
    )
    assert ours.tolist() == np.asarray(theirs).tolist()
    assert ours.tolist() == by_loop(image, kernel, strides, lax_padding, dilations, gaps, groups).tolist()


@pytest.mark.parametrize(("padding", "mode"), [("VALID", "valid"), ("FULL", "full"), ("SAME", "same")])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_against_scipy(padding: str, mode: str, rank: int) -> None:
    """A cross-correlation: the kernel is not flipped. (Odd windows: for even ones SAME is centred differently.)"""
    image, kernel = numbers(*(5, 6, 4)[:rank]), numbers(*(3, 1, 3)[:rank])
    ours = conv(image[None, ..., None], kernel[..., None, None], padding=padding)[0, ..., 0]
    assert np.asarray(ours).tolist() == np.round(correlate(image, kernel, mode, method="direct")).tolist()


def test_same_keeps_the_size_divided_by_the_stride() -> None:
    for extent, window, stride in itertools.product((4, 5, 7), (1, 2, 3, 5), (1, 2, 3)):
        out = conv(numbers(1, extent, 1), numbers(window, 1, 1), stride, "SAME")
        assert out.shape == (1, -(-extent // stride), 1)


def test_more_axes_than_letters() -> None:
    image, kernel = numbers(1, 2, 3, 2, 3, 1), numbers(2, 1, 2, 2, 1, 1)
    out = conv(image, kernel)
    assert out.shape == (1, 1, 3, 1, 2, 1)
    expected = np.sum(
        [image[0, i, :, j, k : 2 + k, 0] * kernel[i, 0, j, k, 0, 0] for i in (0, 1) for j in (0, 1) for k in (0, 1)], 0
    )
    assert np.asarray(out)[0, 0, :, 0, :, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("padding", [[(2, 1)], -1, 2, "SAME", "FULL"])
def test_paddings_of_symbolic_size_are_those_of_numbers(padding: Any) -> None:
    """The primitive that is bound for symbolic paddings means what lax means by numbers."""
    low, high = padding[0] if isinstance(padding, list) else (padding, padding)
    if isinstance(padding, str):
        return check_equal(lambda X, W, p, q: conv(X, W, padding=padding), padding)
    verdict = prove(
        lambda X, W, p, q: conv(X, W, padding=[(p, q)]),
        lambda X, W, p, q: conv(X, W, padding=[(low, high)]),
        X="1 h c",
        W="3 c f",
        p=int,
        q=int,
        given=f"p == {low}, q == {high}, h >= 9",
    )
    assert verdict.status == "proved"
    return None


def check_equal(lhs: Any, padding: str) -> None:
    """SAME of a window of 3 is a padding of 1; FULL one of 2."""
    size = {"SAME": 1, "FULL": 2}[padding]
    verdict = prove(
        lhs,
        lambda X, W, p, q: conv(X, W, padding=[(p, q)]),
        X="1 h c",
        W="3 c f",
        p=int,
        q=int,
        given=f"p == {size}, q == {size}",
    )
    assert verdict.status == "proved"


def test_a_size_as_padding_traces_with_symbols_and_runs_with_numbers() -> None:
    X, W = numbers(1, 5, 2), numbers(3, 2, 1)
    (value,) = evaluate(lambda X, W, p: conv(X, W, padding=p), [exact(X), exact(W), 2])
    assert value.astype(np.float64).tolist() == np.asarray(conv(X, W, padding=2), np.float64).tolist()


@pytest.mark.parametrize(
    ("image", "kernel", "text"),
    [
        ((5,), (3,), r"image \(5,\) and kernel \(3,\): expected \(n, \*spatial, c\) and \(\*window, c, f\)"),
        ((1, 5), (3, 1), "with the same number of axes"),
        ((1, 5, 1), (3, 3, 1, 1), "with the same number of axes"),
    ],
)
def test_ranks_that_do_not_fit(image: tuple[int, ...], kernel: tuple[int, ...], text: str) -> None:
    with pytest.raises(BadInput, match=f"conv: {text}|{text}"):
        conv(jnp.ones(image), jnp.ones(kernel))


def test_an_unknown_padding() -> None:
    with pytest.raises(
        BadInput, match='conv: padding=\'WRAP\': expected "VALID", "SAME", "FULL", a size or pairs of sizes'
    ):
        conv(jnp.ones((1, 5, 1)), jnp.ones((3, 1, 1)), padding="WRAP")


def test_it_differentiates_and_vectorises() -> None:
    X, W = numbers(3, 5, 2), numbers(3, 2, 2)
    one_by_one = jnp.stack([conv(x[None], W)[0] for x in X])
    assert jax.vmap(lambda x: conv(x[None], W)[0])(X).tolist() == one_by_one.tolist()
    gradient = jax.grad(lambda w: (conv(X, w) * 1.0).sum())(jnp.asarray(W))
    patch_sums = np.stack([X[:, i : i + 3].sum((0, 1)) for i in range(3)])
    assert np.asarray(gradient)[..., 0].tolist() == patch_sums.tolist()
