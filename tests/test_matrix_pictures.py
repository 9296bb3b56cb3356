"""Pictures of operators: the pixels are the matrix, the panels what one output reads."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxiom.errors import BadInput
from jaxiom.layers import conv
from jaxiom.operators import operator
from structures import build

SIZES: dict[str, dict[str, int]] = {
    "VALID": {"n": 1, "h": 4, "w": 4, "c": 2, "kh": 2, "kw": 2, "f": 2},
    "SAME, stride 2, dilation 2": {"n": 1, "h": 6, "c": 1, "f": 1},
    "groups of symbolic size": {"h": 5, "c": 2, "f": 2},
    "wrap": {"n": 2, "h": 6, "c": 1, "k": 3, "f": 1},
    "mean": {"b": 2, "n": 3, "c": 2},
}


def pixels(figure: Figure, panel: int = 0) -> np.ndarray:
    return np.asarray(figure.axes[panel].get_images()[0].get_array())


@pytest.mark.parametrize("name", SIZES)
def test_one_colour_for_each_entry_of_the_kernel(name: str) -> None:
    T, sizes = build(name), SIZES[name]
    image, matrix = pixels(T.plot(**sizes)), T.matrix(**sizes)
    assert image.shape == (*matrix.shape, 3)
    found: dict[Any, set[tuple[float, ...]]] = {}
    for row, column in np.ndindex(*matrix.shape):
        found.setdefault(matrix[row, column], set()).add(tuple(image[row, column].tolist()))
    assert all(len(colours) == 1 for colours in found.values())
    assert len(set.union(*found.values())) == len(found)
    assert found.get(0, {(1.0, 1.0, 1.0)}) == {(1.0, 1.0, 1.0)}


def test_blocks_are_ruled() -> None:
    T, sizes = build("VALID"), SIZES["VALID"]
    places = [np.asarray(line.get_ydata(), float)[0] for line in T.plot(**sizes).axes[0].get_lines()]
    cuts = [float(place) for place in places if place > 1]  # the columns' rules begin at 0
    strong, faint = T.blocks(**sizes).rows
    assert sorted(cuts) == sorted([*(c - 0.5 for c in strong), *(c - 0.5 for c in faint)])


def test_the_title_says_the_structure_and_the_sizes() -> None:
    title = build("wrap").plot(**SIZES["wrap"]).axes[0].get_title()
    assert title.split("\n") == [
        "identity along n; block-circulant; blocks f×c dense",
        "12 × 12, 36 entries, 3 distinct",
        "n=2, h=6, c=1, k=3, f=1",
    ]


def test_a_function_without_levels_has_a_picture() -> None:
    T = operator(lambda X: (X, 2 * X), X="3")
    assert T.plot().axes[0].get_title() == "6 × 3, 6 entries, 2 distinct"


def test_what_one_output_reads() -> None:
    T = operator(conv, X="n h w c", W="kh kw c f", given="h >= kh, w >= kw")
    figure = T.plot_reads((0, 1, 2, 1), n=1, h=5, w=6, c=2, kh=3, kw=2, f=2)
    assert figure.get_suptitle() == "output [0, 1, 2, 1] reads 12 of 60 entries"
    assert [a.get_title() for a in figure.axes] == ["X[0, :, :, 0]", "X[0, :, :, 1]"]
    for channel, axes in enumerate(figure.axes):
        read = (pixels(figure, channel) < 1).any(-1)
        expected = np.zeros((5, 6), bool)
        expected[1:4, 2:4] = True
        np.testing.assert_array_equal(read, expected)
        assert axes.texts[0].get_text() == f"$W_{{0,0,{channel},1}}$"


def test_padding_reads_less_at_the_border() -> None:
    T = operator(lambda X, W: conv(X, W, padding="SAME"), X="1 h 1", W="3 1 1")
    assert T.plot_reads((0, 0, 0), h=5).get_suptitle() == "output [0, 0, 0] reads 2 of 5 entries"
    assert T.plot_reads((0, 2, 0), h=5).get_suptitle() == "output [0, 2, 0] reads 3 of 5 entries"


@pytest.mark.parametrize("output", [(0,), (0, 0, 5), (0, -1, 0), ("a", 0, 0)])
def test_an_index_that_is_none(output: Any) -> None:
    T = operator(lambda X, W: conv(X, W, padding="SAME"), X="1 h 1", W="3 1 1")
    with pytest.raises(BadInput, match="^output: .* is no index of the output, whose shape is 1×5×1"):
        T.plot_reads(output, h=5)


def test_what_a_notebook_shows() -> None:
    html = build("VALID")._repr_html_()
    assert "identity along n; doubly block-Toeplitz; blocks f×c dense" in html
    assert html.count("<li>") == 4
    assert "&lt;operator by X" in html
    assert "data:image/png;base64," in html


def test_a_notebook_shows_why_there_is_no_structure() -> None:
    html = operator(lambda X: jnp.sort(0 * X) + X, X="n")._repr_html_()
    assert "f cannot be read for all sizes: sort" in html
    assert "<img" not in html
