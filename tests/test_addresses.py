"""Reading and writing at computed indices, for all sizes: against JAX op by op and exact evaluation at many sizes."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.lax import GatherScatterMode as Mode

from jaxiom import prove
from polyhedra.oracle import agrees, each

LAW = settings(max_examples=12, deadline=None, derandomize=True)
LINE = each(n=(4, 1, 2, 3, 6))
TABLE = each(n=(3, 1, 2, 4), m=(2, 3, 1, 1))
EVERY_MODE = st.sampled_from(["clip", "fill", "drop"])


@st.composite
def addresses(draw: Any) -> Any:
    """An index tensor of n entries as a function of n: affine, folded, or reversed; inside or not."""
    scale, shift, by = draw(st.integers(-2, 2)), draw(st.integers(-2, 3)), draw(st.integers(1, 3))
    from_end = draw(st.booleans())

    def at(n: Any) -> Any:
        found = (scale * jnp.arange(n) + shift) // by
        return n - 1 - found if from_end else found

    return at


@LAW
@given(addresses(), EVERY_MODE, st.sampled_from([0, 5]))
def test_reads(at: Any, mode: str, value: int) -> None:
    mode = "fill" if mode == "drop" else mode
    agrees(lambda x: x.at[at(x.shape[0])].get(mode=mode, fill_value=value), {"x": "n m"}, TABLE)


@LAW
@given(addresses(), EVERY_MODE)
def test_additions_meet_or_miss(at: Any, mode: str) -> None:
    agrees(lambda x, y: x.at[at(x.shape[0])].add(y, mode=mode), {"x": "n", "y": "n"}, LINE)


@LAW
@given(addresses(), EVERY_MODE)
def test_the_adjoint_of_a_read_is_a_write(at: Any, mode: str) -> None:
    """What `vjp` makes of a gather, clipped or dropped as the gather is."""

    def read(x: Any) -> Any:
        return x.at[at(x.shape[0])].get(mode="clip" if mode == "clip" else "fill", fill_value=0)

    agrees(lambda x, g: jax.vjp(read, x)[1](g)[0], {"x": "n m", "g": "n m"}, TABLE)


@LAW
@given(st.integers(-3, 4), st.integers(1, 2), st.booleans())
def test_blocks_are_kept_inside(start: int, size: int, from_end: bool) -> None:
    def begin(x: Any) -> Any:
        return jnp.arange(x.shape[0]).max() - start if from_end else jnp.int32(start)

    def write(x: Any, y: Any) -> Any:
        return lax.dynamic_update_slice_in_dim(x, y, begin(x), 0), lax.dynamic_slice_in_dim(x, begin(x), size, 0)

    agrees(write, {"x": "n m", "y": f"{size} m"}, each(n=(4, 2, 3), m=(2, 1, 3)), "n >= 2")


BATCHED = lax.GatherDimensionNumbers((), (1,), (1,), (0,), (0,))
BLOCKS = lax.GatherDimensionNumbers((1, 2), (), (0,))
BACK = lax.ScatterDimensionNumbers((1, 2), (), (0,))


def own_column(x: Any) -> Any:
    """Entry n-1-i of each row i, with the row as a batching dimension."""
    at = (x.shape[0] - 1 - jnp.arange(x.shape[0]))[:, None]
    return lax.gather(x, at, BATCHED, (1, 1), mode=Mode.CLIP)


def two_rows(x: Any, mode: Mode) -> Any:
    return lax.gather(x, jnp.array([[0], [1], [2]]), BLOCKS, (2, x.shape[1]), mode=mode, fill_value=0)


def test_windows_and_batching_dimensions() -> None:
    agrees(own_column, {"x": "n m"}, TABLE)
    agrees(lambda x, g: jax.vjp(own_column, x)[1](g)[0], {"x": "n m", "g": "n"}, TABLE)
    for mode in (Mode.CLIP, Mode.FILL_OR_DROP):
        agrees(lambda x, mode=mode: two_rows(x, mode), {"x": "n m"}, each(n=(3, 2, 4), m=(2, 1, 3)), "n >= 2")
    agrees(
        lambda x, y: lax.scatter_add(x, jnp.array([[0], [1]]), y, BACK, mode=Mode.CLIP),
        {"x": "n m", "y": "2 2 m"},
        each(n=(3, 2, 4), m=(2, 1, 3)),
        "n >= 2",
    )


def test_an_index_of_a_merged_axis_reads_a_merged_axis() -> None:
    def twice(x: Any) -> Any:
        return (jnp.arange(x.shape[0])[:, None] + jnp.zeros((1, 2), int)).reshape(2 * x.shape[0])

    def all_pairs(x: Any) -> Any:
        return (jnp.arange(x.shape[0])[:, None] + jnp.zeros((1, x.shape[0]), int)).reshape(-1)

    agrees(lambda x: x[twice(x)], {"x": "n"}, LINE)
    agrees(lambda x: x[all_pairs(x)], {"x": "n"}, LINE)
    agrees(lambda x, y: x.at[twice(x)].add(y.reshape(-1)), {"x": "n", "y": "n 2"}, LINE)
    assert prove(lambda x: x[twice(x)], lambda x: jnp.repeat(x, 2), x="n").status == "proved"
    assert prove(lambda x: x[twice(x)], lambda x: jnp.tile(x, 2), x="n").status == "refuted"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x.at[jnp.array([1, 1])].set(x[:2]), "two updates may meet at one entry, and JAX does not say"),
        (lambda x: x.at[jnp.array([1, 1])].multiply(x[:2]), "two updates may meet at one entry, and JAX does not say"),
        (
            lambda x: x.at[jnp.array([1, 1])].add(x[:2], unique_indices=True),
            "against the promise unique_indices",
        ),
        (lambda x: x.at[jnp.array([0, x.shape[0]])].add(x[:2], mode="promise_in_bounds"), "may write outside"),
    ],
)
def test_what_jax_leaves_open_is_undecided(function: Any, reason: str) -> None:
    verdict = prove(function, function, x="n", given="n >= 2")
    assert verdict.status == "undecided"
    assert reason in verdict.reason


def test_a_window_that_sticks_out_of_a_scatter_is_undecided() -> None:
    """XLA drops it whole, StableHLO's text drops only what is outside."""

    def write(x: Any) -> Any:
        return lax.scatter_add(x, jnp.array([[1]]), x[None, :2], lax.ScatterDimensionNumbers((1,), (), (0,)))

    assert prove(write, write, x="n", given="n >= 3").status == "proved"
    assert "may write outside" in prove(write, write, x="n", given="n >= 2").reason
