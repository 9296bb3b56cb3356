"""Convolutions in groups, and what `vjp` makes of every convolution, for all sizes that JAX traces.

Each is held against JAX op by op and against exact evaluation.
"""

from typing import Any

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom import prove
from polyhedra.oracle import agrees, each

LAW = settings(max_examples=10, deadline=None, derandomize=True)
LINE = ("NWC", "WIO", "NWC")


def convolution(**how: Any) -> Any:
    how = {"window_strides": (1,), "padding": "VALID", "dimension_numbers": LINE, **how}
    return lambda x, w: lax.conv_general_dilated(x, w, **how)


def by_image(f: Any) -> Any:
    return lambda x, w, g: jax.vjp(lambda x: f(x, w), x)[1](g)[0]


def by_kernel(f: Any) -> Any:
    return lambda x, w, g: jax.vjp(lambda w: f(x, w), w)[1](g)[0]


# name -> the convolution, the shapes of image, kernel and result, given, sizes
KINDS: dict[str, tuple[Any, tuple[str, str, str], str, Any]] = {
    "full": (convolution(), ("n h c", "3 c f", "n h-2 f"), "h >= 3", each(n=(2, 1), h=(4, 3), c=(2, 1), f=(1, 2))),
    "padded": (
        convolution(padding=[(2, 1)], rhs_dilation=(2,)),
        ("n h c", "2 c f", "n h+1 f"),
        "",
        each(n=(2, 1), h=(2, 1), c=(2, 1), f=(1, 2)),
    ),
    "cropped": (
        convolution(padding=[(-1, -2)]),
        ("n h c", "2 c f", "n h-4 f"),
        "h >= 5",
        each(n=(2, 1), h=(6, 5), c=(2, 1), f=(1, 2)),
    ),
    "of a spread image": (
        convolution(lhs_dilation=(2,), padding=[(2, 2)]),
        ("n h c", "3 c f", "n 2*h+1 f"),
        "",
        each(n=(2, 1), h=(2, 1), c=(2, 1), f=(1, 2)),
    ),
    "grouped": (
        convolution(feature_group_count=2),
        ("n h 2*c", "2 c 2*f", "n h-1 2*f"),
        "h >= 2",
        each(n=(2, 1), h=(3, 2), c=(2, 1), f=(1, 2)),
    ),
    "grouped, with the features given even": (
        convolution(feature_group_count=2),
        ("n 4 2*c", "2 c f", "n 3 f"),
        "f % 2 == 0",
        each(n=(2, 1), c=(2, 1), f=(2, 4)),
    ),
    "depthwise": (
        convolution(feature_group_count=3),
        ("n h 3", "2 1 6", "n h-1 6"),
        "h >= 2",
        each(n=(2, 1), h=(3, 2)),
    ),
    "depthwise, of any number": (
        lambda x, w: convolution(feature_group_count=x.shape[2])(x, w),
        ("n h c", "2 1 2*c", "n h-1 2*c"),
        "h >= 2, c >= 2",
        each(n=(2, 1), h=(3, 2), c=(2, 3)),
    ),
    "in groups of images": (
        convolution(batch_group_count=2),
        ("2*n h c", "2 c 2*f", "n h-1 2*f"),
        "h >= 2",
        each(n=(2, 1), h=(3, 2), c=(1, 2), f=(1, 2)),
    ),
    "in groups of any number of images": (
        lambda x, w: convolution(batch_group_count=x.shape[0])(x, w),
        ("b h c", "2 c b", "1 h-1 b"),
        "h >= 2, b >= 2",
        each(b=(2, 3), h=(3, 2), c=(1, 2)),
    ),
    "strided, at numbers": (
        convolution(window_strides=(2,), padding=[(-1, 2)]),
        ("n 8 c", "3 c f", "n 4 f"),
        "",
        each(n=(2, 1), c=(2, 1), f=(1, 2)),
    ),
    "transposed": (
        lambda x, w: lax.conv_transpose(x, w, (2,), "SAME", dimension_numbers=LINE),
        ("n h c", "3 c f", "n 2*h f"),
        "",
        each(n=(2, 1), h=(2, 1), c=(2, 1), f=(1, 2)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_convolution_and_its_adjoints(kind: str) -> None:
    function, (x, w, g), given_, sizes = KINDS[kind]
    agrees(function, {"x": x, "w": w}, sizes, given_)
    agrees(by_image(function), {"x": x, "w": w, "g": g}, sizes, given_)
    agrees(by_kernel(function), {"x": x, "w": w, "g": g}, sizes, given_)


@pytest.mark.parametrize(
    "kind", ["grouped", "depthwise, of any number", "in groups of images", "transposed", "cropped"]
)
def test_the_adjoint_is_one(kind: str) -> None:
    """The inner product of g with f(x, w) is that of the gradient with x, and with w."""
    function, (x, w, g), given_, _ = KINDS[kind]
    shapes = {"x": x, "w": w, "g": g}
    for adjoint, at in ((by_image(function), 0), (by_kernel(function), 1)):

        def rhs(*arrays: Any, adjoint: Any = adjoint, at: int = at) -> Any:
            return (adjoint(*arrays) * arrays[at]).sum()

        def lhs(x: Any, w: Any, g: Any) -> Any:
            return (g * function(x, w)).sum()

        assert prove(lhs, rhs, shapes=shapes, given=given_).status == "proved"
        assert prove(lhs, lambda *a, rhs=rhs: 2 * rhs(*a), shapes=shapes, given=given_).status == "refuted"


layouts = st.tuples(st.permutations("NHC"), st.permutations("HIO"), st.permutations("NHC"))


@LAW
@given(layouts, st.sampled_from([(1, 1), (2, 1), (1, 2)]), st.integers(1, 2), st.integers(-1, 2), st.integers(1, 2))
def test_any_layout(
    layout: tuple[list[str], list[str], list[str]], groups: tuple[int, int], stride: int, low: int, gap: int
) -> None:
    lhs, rhs, out = ("".join(spec) for spec in layout)
    of_channels, of_images = groups
    image = {"N": f"{of_images}*n", "H": "h", "C": f"{of_channels}*c"}
    kernel = {"H": "2", "I": "c", "O": f"{of_channels * of_images}*f"}
    agrees(
        lambda x, w: lax.conv_general_dilated(
            x,
            w,
            (stride,),
            [(low, 1)],
            (gap,),
            dimension_numbers=(lhs, rhs, out),
            feature_group_count=of_channels,
            batch_group_count=of_images,
        ),
        {"x": " ".join(image[k] for k in lhs), "w": " ".join(kernel[k] for k in rhs)},
        each(n=(1, 2), h=(4, 5), c=(2, 1), f=(1, 2)),
        "h >= 3",
    )
