"""Axes as lists of factors: reshapes against numpy's, and which lists of factors line up."""

import itertools
from math import prod
from typing import Any

import islpy as isl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import evaluate_form, small_numbers

from jaxiom.polyhedra.axes import Misaligned, atomic, blocks, finer, links, plus, refactor, reshape
from jaxiom.polyhedra.form import Form, Sizes, tensor
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.world import World

LAW = settings(max_examples=50, deadline=None, derandomize=True)

h, w, c = (Polynomial.variable(name) for name in "hwc")
SIZES: list[dict[str, int]] = [
    dict(zip("hwc", numbers, strict=True)) for numbers in itertools.product((1, 2, 3), (1, 3), (1, 2, 4))
]


def world(given: str = "h >= 1 and w >= 1 and c >= 1") -> World:
    return World(("h", "w", "c"), isl.Set(f"[h, w, c] -> {{ : {given} }}"))


def spans(found: Any) -> list[tuple[list[int], list[int]]]:
    return [(list(b.left), list(b.right)) for b in found]


def sizes_of(texts: str) -> list[Polynomial]:
    named = {"h": h, "w": w, "c": c}
    return [prod((named.get(f) or lift(int(f)) for f in text.split("*")), start=lift(1)) for text in texts.split()]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("h w c", "h w c", [([0], [0]), ([1], [1]), ([2], [2])]),
        ("h w c", "h*w c", [([0, 1], [0]), ([2], [1])]),
        ("h w c", "h w*c", [([0], [0]), ([1, 2], [1])]),
        ("h*w*c", "h w c", [([0], [0, 1, 2])]),
        ("6 c", "2 3 c", [([0], [0, 1]), ([1], [2])]),
        ("2 3", "3 2", [([0, 1], [0, 1])]),
        ("2 3 h", "6*h", [([0, 1, 2], [0])]),
        ("h w", "w h", [([0, 1], [0, 1])]),
        ("", "", []),
        ("1", "", [([0], [])]),
        ("", "1", [([], [0])]),
    ],
)
def test_blocks_split_wherever_the_running_products_agree(left: str, right: str, expected: Any) -> None:
    assert spans(blocks(world(), sizes_of(left), sizes_of(right))) == expected


def test_blocks_know_what_is_given() -> None:
    assert spans(blocks(world("h = w and c >= 1 and h >= 1"), [h, c], [w, c])) == [([0], [0]), ([1], [1])]
    with pytest.raises(Misaligned, match=r"\(h, c\) and \(w, c\) do not have the same product"):
        blocks(world(), [h, c], [w, c])


@pytest.mark.parametrize(("left", "right"), [("h w", "h"), ("2 3", "5"), ("h", "h*h"), ("2*h", "3 h"), ("h w", "c w")])
def test_products_that_differ_are_misaligned(left: str, right: str) -> None:
    with pytest.raises(Misaligned, match="do not have the same product"):
        blocks(world(), sizes_of(left), sizes_of(right))


@pytest.mark.parametrize(
    ("left", "right", "common"),
    [
        ("h*w", "h w", "h w"),
        ("h w", "h*w", "h w"),
        ("h w*c", "h*w c", "h w*c"),  # one block: the first of equal length
        ("6 c", "2 3 c", "2 3 c"),
        ("h w", "h w", "h w"),
    ],
)
def test_the_finer_factors_of_two_axes(left: str, right: str, common: str) -> None:
    assert list(finer(world(), tuple(sizes_of(left)), tuple(sizes_of(right)))) == sizes_of(common)


def test_an_axis_of_size_one_has_no_factors() -> None:
    assert atomic(world(), h) == (h,)
    assert atomic(world(), lift(1)) == ()
    assert atomic(world("h = 1 and w >= 1 and c >= 1"), h) == ()


def check(form: Form, at: World, expected: Any, sizes: dict[str, int], array: np.ndarray) -> None:
    found = evaluate_form(at, form, sizes, {"X": array})
    assert found.shape == expected.shape
    assert found.tolist() == expected.tolist()


@st.composite
def reshapes(draw: Any) -> tuple[list[int], list[int]]:
    """Two shapes of the same number of entries, with ones in between."""
    primes = draw(st.lists(st.sampled_from([2, 3]), max_size=4))

    def grouped(numbers: list[int]) -> list[int]:
        shape: list[int] = []
        for number in numbers:
            if shape and draw(st.booleans()):
                shape[-1] *= number
            else:
                shape.append(number)
            if draw(st.integers(0, 4)) == 0:
                shape.append(1)
        return shape

    return grouped(primes), grouped(list(draw(st.permutations(primes))))


@LAW
@given(reshapes())
def test_reshapes_of_numbers_are_numpys(shapes: tuple[list[int], list[int]]) -> None:
    old, new = shapes
    at = World((), isl.Set("{ : }"))
    array = small_numbers(old, 0)
    form = reshape(at, tensor(at, "X", [(lift(d),) for d in old]), [lift(d) for d in new])
    check(form, at, array.reshape(new), {}, array)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("h w c", "h*w c"),
        ("h w c", "h w*c"),
        ("h w c", "h*w*c"),
        ("h 3 c", "3*h c"),
        ("h 6 c", "h 2 3*c"),
        ("h 2 3 c", "h 6 c"),
        ("h 4 2 w", "2*h 4 w"),
        ("h w 1 c", "1 h w c 1"),
        ("1", "1 1"),
    ],
)
def test_reshapes_of_symbolic_sizes_are_numpys(old: str, new: str) -> None:
    at = world()
    shape, wanted = sizes_of(old), sizes_of(new)
    form = reshape(at, tensor(at, "X", [atomic(at, s) for s in shape]), wanted)
    for sizes in SIZES:
        # An axis of size 1 has no factor.
        kept = [int(s.evaluate(sizes)) for s in shape if s != 1]
        array = small_numbers(kept, 1)
        check(form, at, array.reshape([int(s.evaluate(sizes)) for s in wanted]), sizes, array)


@pytest.mark.parametrize(
    ("old", "new"), [("h w c", "h*w*c"), ("h w c", "h*w c"), ("h 6", "6*h"), ("h 4 c", "4*h c"), ("h w 6", "h 6*w")]
)
def test_there_and_back(old: str, new: str) -> None:
    at = world()
    shape = sizes_of(old)
    form = reshape(at, reshape(at, tensor(at, "X", [(s,) for s in shape]), sizes_of(new)), shape)
    for sizes in SIZES[::2]:
        array = small_numbers([int(s.evaluate(sizes)) for s in shape], 2)
        check(form, at, array, sizes, array)


def test_a_split_where_no_factor_ends_is_misaligned() -> None:
    at = world()
    merged = tensor(at, "X", [(h,), (w,)])
    with pytest.raises(Misaligned, match="not affine"):
        reshape(at, merged, [w, h])
    with pytest.raises(Misaligned, match="not affine"):  # a number divided between two axes
        reshape(at, tensor(at, "X", [(h,), (lift(6),), (c,)]), [2 * h, 3 * c])
    with pytest.raises(Misaligned, match=r"splits the factors \(h, w, c\) at c\*w, where none of them ends"):
        reshape(at, tensor(at, "X", [(h,), (w,), (c,)]), [c * w, h])


def merged(at: World, factors: list[Polynomial]) -> Form:
    return tensor(at, "X", [tuple(factors)])


def test_sums_align_a_merged_axis_with_a_plain_one() -> None:
    at = world()
    # 3·h entries as one axis of affine size, and as the factors (h, 3)
    plain, factored = tensor(at, "P", [(3 * h,)]), merged(at, [h, lift(3)])
    total = plus(at, plain, factored)
    assert total.axes == ((h, lift(3)),)
    for sizes in SIZES:
        p, x = small_numbers((3 * sizes["h"],), 3), small_numbers((sizes["h"], 3), 4)
        assert evaluate_form(at, total, sizes, {"P": p, "X": x}).tolist() == (p + x.reshape(-1)).tolist()


def test_sums_in_different_orders_of_factors_are_misaligned() -> None:
    at = world()
    with pytest.raises(Misaligned, match=r"factors \(h, w\) is matched with \(w, h\): the positions are not affine"):
        plus(at, merged(at, [h, w]), tensor(at, "Y", [(w, h)]))


@LAW
@given(reshapes())
def test_links_pair_equal_positions(shapes: tuple[list[int], list[int]]) -> None:
    """For every pair of multi-indices: linked exactly if they are the same row-major position."""
    old, new = shapes
    at = World((), isl.Set("{ : }"))
    left, right = tuple(map(lift, old)), tuple(map(lift, new))
    names = [f"_{i}" for i in range(len(old) + len(new))]
    tied = at.set(
        len(names),
        at.box([*left, *right]) + links(at, left, right, names[: len(old)], names[len(old) :]),
    )
    positions = np.arange(prod(old))
    expected = {
        tuple(map(int, (*a, *b)))
        for p in positions
        for a, b in [(np.unravel_index(p, old) if old else (), np.unravel_index(p, new) if new else ())]
    }
    found: set[tuple[int, ...]] = set()
    tied.foreach_point(
        lambda p: found.add(tuple(p.get_coordinate_val(isl.dim_type.set, i).to_python() for i in range(len(names))))
    )
    assert found == expected


@pytest.mark.parametrize("old", list(itertools.permutations("23h")), ids="".join)
@pytest.mark.parametrize("new", list(itertools.permutations("23h")), ids="".join)
def test_refactoring_keeps_every_entry(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    at = world()
    written = sizes_of(" ".join(old))
    axes: list[Sizes] = [tuple(sizes_of(" ".join(new)))]
    form = refactor(at, merged(at, written), axes)
    for sizes in SIZES[::4]:
        array = small_numbers([int(s.evaluate(sizes)) for s in written], 5)
        check(form, at, array.reshape(-1), sizes, array)


def test_refactoring_to_the_same_axes_is_nothing() -> None:
    at = world()
    form = merged(at, [h, w])
    assert refactor(at, form, [(h, w)]) is form
