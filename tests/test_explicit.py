"""Every rule of the explicit interpreter against JAX, which is what a primitive means.

Inputs are small integers, so that JAX's float32 results are exact and are compared for equality.
"""

import ast
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import primitives as prims
from jax.lax import GatherScatterMode as Mode

from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.exact import evaluate, exact, letters_of
from jaxiom.interpret import Step, refuse_unnamed
from jaxiom.jaxprs import CALLS, dim_as_value_p, inner_jaxpr
from jaxiom.rules import explicit
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.explicit_entries import Missing, literal
from jaxiom.rules.explicit_functions import RULES as FUNCTIONS

FEW = settings(max_examples=30, deadline=None, derandomize=True)
MANY = settings(FEW, max_examples=80)


def whole(*shape: int, seed: int = 0) -> np.ndarray:
    """Small integers, zero among them."""
    return np.random.default_rng([seed, *shape]).integers(-9, 10, shape)


def by_jax(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Op by op, not compiled: XLA's rewrites are claims too."""
    return [np.asarray(out) for out in jax.tree.leaves(function(*(jnp.asarray(a, jnp.float32) for a in arrays)))]


def by_rules(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return evaluate(function, [exact(a) for a in arrays])


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == object
        kinds = (bool,) if b.dtype == bool else (int,) if np.issubdtype(b.dtype, np.integer) else (int, Fraction)
        assert all(type(entry) in kinds for entry in a.flat)
    return all(a.shape == b.shape and a.tolist() == b.tolist() for a, b in zip(ours, theirs, strict=True))


def holds(function: Callable[..., Any], *arrays: np.ndarray) -> bool:
    return same(by_rules(function, arrays), by_jax(function, arrays))


X, Y, V = whole(4, 6), whole(4, 6, seed=1), whole(5)
POSITIVE = np.abs(X) + 1
N, M = jnp.array([-9, -7, 0, 5, 8], jnp.int32), jnp.array([2, -2, 3, 3, 3], jnp.int32)
U = jnp.array([0, 1, 200], jnp.uint8)
P, Q = jnp.array([True, True, False, False]), jnp.array([True, False, True, False])
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.25, -0.25, 3.0])
ROW = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
ROWS = lax.ScatterDimensionNumbers(
    update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
)
AT = jnp.array([[1], [1], [3]], jnp.int32)
ONCE = jnp.array([[1], [0], [3]], jnp.int32)
WINDOW = {"window_dimensions": (2, 3), "window_strides": (1, 2), "padding": ((1, 0), (0, 2))}


def windows(init: Any, combine: Any) -> Callable[[Any], Any]:
    return lambda x: lax.reduce_window(x, init, combine, **WINDOW)


# A line a primitive; hypothesis goes further below where a primitive has parameters.
CASES: dict[Any, tuple[Any, ...]] = {
    lax.add_p: (lambda x, y: x + y, X, Y),
    prims.add_jaxvals_p: (lambda x: jax.vjp(lambda z: z * z + z, x)[1](x), X),
    lax.sub_p: (lambda x, y: x - y, X, Y),
    lax.mul_p: (lambda x, y: x * y * 0.5, X, Y),
    lax.neg_p: (lambda x: -x, X),
    lax.square_p: (lax.square, X),
    lax.integer_pow_p: (lambda x: (x**3, x**0, lax.integer_pow(2.0 ** jnp.sign(x), -2)), X),
    lax.pow_p: (lambda x: (lax.pow(x, 3.0), lax.pow(x, 0.0), lax.pow(x * x, 0.5)), X),
    lax.div_p: (lambda x: (x / 4, lax.div(N, M)), X),
    lax.rem_p: (lambda x, y: (lax.rem(x, y), lax.rem(N, M)), X, POSITIVE),
    lax.select_n_p: (lambda x, y: (jnp.where(x > 0, x, y), lax.select_n(jnp.int32(2), x, y, x + y)), X, Y),
    lax.convert_element_type_p: (
        lambda x: (x.astype(jnp.int32), x.astype(bool), (x > 0).astype(jnp.float32), N.astype(jnp.float32), P * 1),
        HALVES,
    ),
    lax.max_p: (lambda x, y: (jnp.maximum(x, y), lax.max(N, M), lax.max(P, Q)), X, Y),
    lax.min_p: (lambda x, y: (jnp.minimum(x, y), lax.min(P, Q)), X, Y),
    lax.abs_p: (jnp.abs, X),
    lax.sign_p: (lambda x: (jnp.sign(x), jnp.sign(N)), X),
    lax.clamp_p: (lambda x, y: (lax.clamp(-2.0, x, 3.0), lax.clamp(y, x, y - 3)), X, Y),
    lax.floor_p: (jnp.floor, HALVES),
    lax.ceil_p: (jnp.ceil, HALVES),
    lax.round_p: (
        lambda x: (lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO)),
        HALVES,
    ),
    lax.is_finite_p: (lambda x: (lax.is_finite(x), lax.is_finite(jnp.array([1.0, jnp.inf, jnp.nan]))), X),
    lax.eq_p: (lambda x, y: (x == y, x == x, P == Q), X, Y),
    lax.ne_p: (lambda x, y: (x != y, x != x), X, Y),
    lax.lt_p: (lambda x, y: (x < y, N < M), X, Y),
    lax.le_p: (lambda x, y: x <= y, X, Y),
    lax.gt_p: (lambda x, y: x > y, X, Y),
    lax.ge_p: (lambda x, y: x >= y, X, Y),
    lax.and_p: (lambda: (P & Q, N & M),),
    lax.or_p: (lambda: (P | Q, N | M),),
    lax.xor_p: (lambda: (P ^ Q, N ^ M),),
    lax.not_p: (lambda: (~P, ~N, ~U),),
    lax.shift_left_p: (lambda: lax.shift_left(N, jnp.int32(3)),),
    lax.shift_right_logical_p: (lambda: lax.shift_right_logical(abs(N), jnp.int32(1)),),
    lax.shift_right_arithmetic_p: (lambda: N >> 1,),
    lax.copy_p: (jnp.copy, X),
    prims.stop_gradient_p: (lax.stop_gradient, X),
    prims.name_p: (lambda x: checkpoint_name(x, "here"), X),
    lax.device_put_p: (lambda x: jax.device_put(x), X),
    lax.optimization_barrier_p: (lambda x, y: lax.optimization_barrier((x, y)), X, Y),
    lax.broadcast_in_dim_p: (lambda v: lax.broadcast_in_dim(v, (2, 5, 3), (1,)), V),
    lax.transpose_p: (lambda x: lax.transpose(x[None], (2, 0, 1)), X),
    lax.reshape_p: (lambda x: x.reshape(3, 8), X),
    lax.squeeze_p: (lambda x: lax.squeeze(x[:1], (0,)), X),
    lax.pad_p: (lambda x: lax.pad(x, 7.0, ((-1, 2, 1), (3, -2, 0))), X),
    lax.slice_p: (lambda x: (x[1:3, ::2], x[:, 4:]), X),
    lax.rev_p: (lambda x: lax.rev(x, (1,)), X),
    lax.concatenate_p: (lambda x, y: lax.concatenate([x, y, x], 1), X, Y),
    lax.stack_p: (lambda x, y: jnp.stack([x, y], 1), X, Y),
    lax.unstack_p: (lambda x: jnp.unstack(x, axis=1), X),
    lax.tile_p: (lambda x: jnp.tile(x, (2, 3)), X),
    lax.split_p: (lambda x: lax.split(x, (1, 3, 2), 1), X),
    lax.iota_p: (lambda: (lax.iota(jnp.int32, 4), lax.broadcasted_iota(jnp.float32, (2, 3, 2), 1)),),
    lax.dynamic_slice_p: (lambda x: (lax.dynamic_slice(x, (3, -9), (2, 4)), lax.dynamic_slice(x, (1, 2), (3, 4))), X),
    lax.dynamic_update_slice_p: (lambda x, y: lax.dynamic_update_slice(x, y[:2, :4], (3, 1)), X, Y),
    lax.gather_p: (lambda x: lax.gather(x, AT, ROW, (1, 6)), X),
    lax.reduce_sum_p: (lambda x: (x.sum(), x.sum(0), jnp.sum(x[None], (0, 2)), N.sum()), X),
    lax.reduce_prod_p: (lambda x: (jnp.sign(x).prod(), x[:2].prod(0)), X),
    lax.reduce_max_p: (lambda x: (x.max(), x.max(1), lax.reduce_max_p.bind(x[None], axes=(0, 2))), X),
    lax.reduce_min_p: (lambda x: (x.min(), x.min(0)), X),
    lax.reduce_and_p: (lambda x: (jnp.all(x > -9, 0), jnp.all(x > -99)), X),
    lax.argmax_p: (lambda x: (jnp.argmax(x, 0), jnp.argmax(x % 3, 1)), X),
    lax.argmin_p: (lambda x: (jnp.argmin(x, 0), jnp.argmin(x > 0, 1)), X),
    lax.reduce_or_p: (lambda x: (jnp.any(x > 8, 0), jnp.any(x > 99)), X),
    lax.cumsum_p: (lambda x: (jnp.cumsum(x, 1), lax.cumsum(x, 0, reverse=True)), X),
    lax.cumprod_p: (lambda x: (lax.cumprod(x[:, :3], 1), lax.cumprod(x, 0, reverse=True)), X),
    lax.cummax_p: (lambda x: (lax.cummax(x, 1), lax.cummax(x, 0, reverse=True)), X),
    lax.cummin_p: (lambda x: (lax.cummin(x, 1), lax.cummin(x, 0, reverse=True)), X),
    lax.dot_general_p: (lambda x, y: (x @ y.T, jnp.einsum("ij,ij->i", x, y), jnp.vdot(x, y), jnp.dot(N, N)), X, Y),
    lax.conv_general_dilated_p: (lambda x, k: lax.conv(x, k, (1, 2), "SAME"), whole(2, 3, 5, 5), whole(4, 3, 2, 3)),
    lax.reduce_window_sum_p: (windows(0.0, lax.add), X),
    lax.reduce_window_max_p: (windows(-jnp.inf, lax.max), X),
    lax.reduce_window_min_p: (windows(jnp.inf, lax.min), X),
    lax.scatter_p: (lambda x, y: (lax.scatter(x, ONCE, y[:3], ROWS), x.at[2, 1].set(5.0)), X, Y),
    lax.scatter_add_p: (lambda x, y: (lax.scatter_add(x, AT, y[:3], ROWS), x.at[jnp.array([2, 4, 9])].add(1.0)), X, Y),
    lax.scatter_sub_p: (lambda x, y: lax.scatter_sub(x, AT, y[:3], ROWS), X, Y),
    lax.scatter_mul_p: (lambda x, y: lax.scatter_mul(x, AT, y[:3], ROWS), X, Y),
}
# reduce_precision has a rule only to say why it is refused; sizes are plain numbers when a trace is explicit.
WITHOUT_CASE = {lax.reduce_precision_p, dim_as_value_p}


def primitives_of(closed: Any) -> set[Any]:
    found = set()
    for equation in closed.jaxpr.eqns:
        found |= primitives_of(inner_jaxpr(equation)) if equation.primitive in CALLS else {equation.primitive}
    return found


def test_every_rule_has_a_case() -> None:
    assert set(CASES) | WITHOUT_CASE | set(FUNCTIONS) == set(EXPLICIT.rules)  # functions: test_balls.py


@pytest.mark.parametrize("primitive", CASES, ids=lambda p: p.name)
def test_rule_is_what_jax_computes(primitive: Any) -> None:
    function, *arrays = CASES[primitive]
    traced = jax.make_jaxpr(function)(*(jnp.asarray(a, jnp.float32) for a in arrays))
    assert primitive in primitives_of(traced)
    assert holds(function, *arrays) or primitive is lax.is_finite_p  # its operand holds what is no number
    if primitive is lax.is_finite_p:
        assert same(by_rules(function, tuple(arrays)), by_jax(function, tuple(arrays)))


def test_no_primitive_appears_twice_in_the_table() -> None:
    tree = ast.parse(Path(explicit.__file__).read_text())
    (table,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    keys = [ast.unparse(key) for key in table.keys if key is not None]
    assert len(keys) == len(set(keys)) == len(EXPLICIT.rules) - len(FUNCTIONS)


# Pairs of functions that a careless rule would confuse: the first is what the interpreter is given, the second what
# JAX is given, and they must come out different.
K2 = whole(4, 3, 2, 3)


def conv(padding: Any = "VALID", strides: tuple[int, int] = (1, 1), **more: Any) -> Callable[[Any, Any], Any]:
    return lambda x, k: lax.conv_general_dilated(x, k, strides, padding, **more)


IMAGE = whole(2, 3, 5, 5)
CONFUSED: dict[str, tuple[Any, ...]] = {
    "pad shifted by one": (conv(((1, 0), (0, 0))), conv(((0, 1), (0, 0))), IMAGE, K2),
    "SAME and its mirror": (conv("SAME", (2, 2)), conv(((1, 0), (1, 1)), (2, 2)), IMAGE, K2),
    "crop low and high": (conv(((-1, 0), (0, 0))), conv(((0, -1), (0, 0))), IMAGE, K2),
    "kernel flipped": (conv(), lambda x, k: conv()(x, k[:, :, ::-1, ::-1]), IMAGE, K2),
    "dilations exchanged": (
        conv(((2, 2), (2, 2)), lhs_dilation=(1, 1), rhs_dilation=(2, 1)),
        conv(((2, 2), (2, 2)), lhs_dilation=(1, 1), rhs_dilation=(1, 1)),
        IMAGE,
        K2,
    ),
    "grouped channels": (
        conv(feature_group_count=2),
        lambda x, k: conv(feature_group_count=2)(x[:, jnp.array([0, 2, 1, 3])], k),
        whole(1, 4, 3, 3),
        whole(4, 2, 2, 2),
    ),
    "product transposed": (lambda x, y: x @ y.T, lambda x, y: y @ x.T, X, Y),
    "floor and truncation": (lambda: lax.div(N, M), lambda: N // M),
    "remainder and modulo": (lambda: lax.rem(N, M), lambda: N % M),
    "rounding of halves": (
        lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
        lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO),
        HALVES,
    ),
    "select's order": (lambda x, y: lax.select_n(x > 0, x, y), lambda x, y: lax.select_n(x > 0, y, x), X, Y),
    "sum from the end": (lambda x: lax.cumsum(x, 1, reverse=True), lambda x: lax.cumsum(x, 1), X),
    "slice not clamped": (lambda x: lax.dynamic_slice(x, (3, 0), (2, 6)), lambda x: x[jnp.array([3, 3])], X),
    "update added, not set": (
        lambda x, y: lax.scatter_add(x, ONCE, y[:3], ROWS),
        lambda x, y: lax.scatter(x, ONCE, y[:3], ROWS),
        X,
        Y,
    ),
    "clip and fill": (
        lambda x: lax.gather(x, AT + 1, ROW, (1, 6), mode=Mode.CLIP),
        lambda x: lax.gather(x, AT + 1, ROW, (1, 6), mode=Mode.FILL_OR_DROP, fill_value=0),
        X,
    ),
    "broadcast along the other axis": (
        lambda v: lax.broadcast_in_dim(v, (5, 5), (0,)),
        lambda v: lax.broadcast_in_dim(v, (5, 5), (1,)),
        V,
    ),
    "interior pad and edge pad": (
        lambda v: lax.pad(v, 0.0, ((0, 4, 0),)),
        lambda v: lax.pad(v, 0.0, ((0, 0, 1),)),
        V,
    ),
    "max counts its padding": (
        lambda x: windows(-jnp.inf, lax.max)(-jnp.abs(x) - 1),
        lambda x: lax.reduce_window(
            jnp.pad(-jnp.abs(x) - 1, WINDOW["padding"]), -jnp.inf, lax.max, (2, 3), (1, 2), "VALID"
        ),
        X,
    ),
}


@pytest.mark.parametrize("name", CONFUSED)
def test_different_programs_stay_different(name: str) -> None:
    right, wrong, *arrays = CONFUSED[name]
    ours = by_rules(right, tuple(arrays))
    assert not same(ours, by_jax(wrong, tuple(arrays)))
    assert same(ours, by_jax(right, tuple(arrays)))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Callable[..., Any], np.ndarray, np.ndarray]:
    """Any convolution that JAX takes: 1 to 3 spatial axes, every parameter."""
    dims = draw(st.integers(1, 3))
    groups, batch_groups = draw(st.sampled_from([(1, 1), (2, 1), (1, 2), (3, 1)]))
    batch, channels, filters = draw(st.integers(1, 2)) * batch_groups, draw(st.integers(1, 2)), draw(st.integers(1, 2))
    space = [draw(st.integers(2, 5 if dims < 3 else 4)) for _ in range(dims)]
    kernel = [draw(st.integers(1, 3)) for _ in range(dims)]
    each = lambda low, high: [draw(st.integers(low, high)) for _ in range(dims)]  # noqa: E731
    lhs_order, rhs_order, out_order = (draw(st.permutations(range(dims + 2))) for _ in range(3))
    lhs = whole(batch, channels * groups, *space).transpose(np.argsort(lhs_order))
    rhs = whole(filters * groups * batch_groups, channels, *kernel).transpose(np.argsort(rhs_order))
    parameters: dict[str, Any] = {
        "window_strides": each(1, 3),
        "padding": list(zip(each(-1, 2), each(-1, 2), strict=True)),
        "lhs_dilation": each(1, 2),
        "rhs_dilation": each(1, 2),
        "dimension_numbers": lax.ConvDimensionNumbers(tuple(lhs_order), tuple(rhs_order), tuple(out_order)),
        "feature_group_count": groups,
        "batch_group_count": batch_groups,
    }
    spread = [
        (n - 1) * d + 1 + sum(p)
        for n, d, p in zip(space, parameters["lhs_dilation"], parameters["padding"], strict=True)
    ]
    assume(all(n >= (k - 1) * d + 1 for n, k, d in zip(spread, kernel, parameters["rhs_dilation"], strict=True)))
    return (lambda x, k: lax.conv_general_dilated(x, k, **parameters)), lhs, rhs


@MANY
@given(convolutions())
def test_convolution(drawn: tuple[Callable[..., Any], np.ndarray, np.ndarray]) -> None:
    function, lhs, rhs = drawn
    assert holds(function, lhs, rhs)


@FEW
@given(st.data())
def test_dot_general(data: st.DataObject) -> None:
    batch, summed, left, right = (data.draw(st.lists(st.integers(1, 3), max_size=2)) for _ in range(4))
    lhs_order = data.draw(st.permutations(range(len(batch + left + summed))))
    rhs_order = data.draw(st.permutations(range(len(batch + summed + right))))
    lhs = whole(*batch, *left, *summed).transpose(np.argsort(lhs_order))
    rhs = whole(*batch, *summed, *right, seed=1).transpose(np.argsort(rhs_order))
    b, s, f = len(batch), len(summed), len(left)
    numbers = ((lhs_order[b + f :], rhs_order[b : b + s]), (lhs_order[:b], rhs_order[:b]))
    assert holds(lambda x, y: lax.dot_general(x, y, numbers), lhs, rhs)


@FEW
@given(st.data())
def test_pad(data: st.DataObject) -> None:
    drawn = [[data.draw(st.integers(low, 3)) for low in (-3, -3, 0)] for _ in range(2)]
    config = [(low, high, interior) for low, high, interior in drawn]
    assume(
        all(n + (n - 1) * interior + low + high >= 0 for n, (low, high, interior) in zip((4, 6), config, strict=True))
    )
    assert holds(lambda x: lax.pad(x, 7.0, config), X)


@FEW
@given(st.data())
def test_windows(data: st.DataObject) -> None:
    pair = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(2))  # noqa: E731
    window, strides, base, dilation, low, high = pair(1, 3), pair(1, 3), pair(1, 2), pair(1, 2), pair(0, 2), pair(0, 2)
    padding = list(zip(low, high, strict=True))
    for init, combine in ((0.0, lax.add), (-jnp.inf, lax.max), (jnp.inf, lax.min)):
        assert settled(
            lambda x, i=init, f=combine: lax.reduce_window(x, i, f, window, strides, padding, base, dilation)
        )


def settled(function: Callable[..., Any]) -> bool:
    """It holds, or a window of nothing but padding makes both sides speak of an infinity."""
    theirs = by_jax(function, (X,))
    if all(np.isfinite(out).all() for out in theirs):
        return same(by_rules(function, (X,)), theirs)
    with pytest.raises(Unsupported, match="of nothing, no real number"):
        by_rules(function, (X,))
    return True


MODES = st.sampled_from([Mode.CLIP, Mode.FILL_OR_DROP])


@st.composite
def gathers(draw: st.DrawFn) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A gather and a scatter-add of whole windows, from and to an array [4, 3, 5], and with batching dimensions."""
    indices = draw(st.lists(st.lists(st.integers(-2, 6), min_size=2, max_size=2), min_size=4, max_size=4))
    at = jnp.array(indices, jnp.int32)
    mode, batched = draw(MODES), draw(st.booleans())
    if batched:
        sizes, offset, collapsed, index_map, batching = (1, 1, 2), (1,), (1,), (1, 2), (0,)
    else:
        sizes, offset, collapsed, index_map, batching = draw(
            st.sampled_from(
                [
                    ((1, 3, 2), (0, 2), (0,), (0, 2), ()),
                    ((2, 3, 1), (1, 2), (2,), (2, 0), ()),
                    ((1, 1, 5), (1,), (0, 1), (1, 0), ()),
                ]
            )
        )
    numbers = lax.GatherDimensionNumbers(offset, collapsed, index_map, batching, batching)
    back = lax.ScatterDimensionNumbers(offset, collapsed, index_map, batching, batching)

    def gather(x: Any) -> Any:
        return lax.gather(x, at, numbers, sizes, mode=mode, fill_value=-77)

    def scatter(x: Any) -> Any:
        return lax.scatter_add(x, at, gather(x) + 1, back, mode=mode)

    return gather, scatter


@MANY
@given(gathers())
def test_gather_and_scatter_add(drawn: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
    gather, scatter = drawn
    image = whole(4, 3, 5)
    assert holds(gather, image)
    assert holds_or_refuses(scatter, image, "is not inside (4, 3, 5)")


def holds_or_refuses(function: Callable[..., Any], operand: np.ndarray, text: str) -> bool:
    try:
        return holds(function, operand)
    except Unsupported as refused:
        return text in str(refused)


def test_gather_fills_what_jax_fills() -> None:
    flags = lambda x: lax.gather(x > 0, AT + 5, ROW, (1, 6), mode=Mode.FILL_OR_DROP)  # noqa: E731
    counts = lambda x: lax.gather(x.astype(jnp.int32), AT + 5, ROW, (1, 6), mode=Mode.FILL_OR_DROP)  # noqa: E731
    assert holds(flags, X)
    assert holds(counts, X)
    with pytest.raises(Unsupported, match=r"the output\[0, 0\] is nan, no real number"):
        by_rules(lambda x: lax.gather(x, AT + 5, ROW, (1, 6), mode=Mode.FILL_OR_DROP), (X,))


@FEW
@given(st.integers(-3, 8), st.integers(-3, 8), st.integers(1, 4), st.integers(1, 6))
def test_dynamic_slices_clamp(row: int, column: int, height: int, width: int) -> None:
    assert holds(lambda x: lax.dynamic_slice(x, (row, column), (height, width)), X)
    assert holds(lambda x, y: lax.dynamic_update_slice(x, y[:height, :width], (row, column)), X, Y)


@FEW
@given(st.integers(-20, 20), st.integers(-20, 20).filter(bool))
def test_integer_division_truncates(a: int, b: int) -> None:
    left, right = jnp.array([a], jnp.int32), jnp.array([b], jnp.int32)
    assert holds(lambda: (lax.div(left, right), lax.rem(left, right), left // right, left % right))


WHOLE_PROGRAMS: dict[str, tuple[Any, ...]] = {
    "rank 0 throughout": (
        lambda x: (
            lax.pad(x, 0.0, ()),
            lax.dynamic_slice(x, (), ()),
            lax.dynamic_update_slice(x, x * 2, ()),
            lax.slice(x, (), ()),
            lax.broadcast_in_dim(x, (), ()),
            lax.transpose(x, ()),
            lax.rev(x, ()),
            lax.reduce_sum(x, ()),
            lax.reduce_max(x, ()),
            lax.scatter_add(x, jnp.zeros((0,), jnp.int32), x, lax.ScatterDimensionNumbers((), (), ())),
            lax.reduce_window(x, 0.0, lax.add, (), (), ()),
            lax.reduce_window(x, -jnp.inf, lax.max, (), (), ()),
            jnp.where(x > 0, x, -x),
            x.reshape(1)[0],
            jnp.unstack(x[None])[0],
        ),
        np.array(-3),
    ),
    "rank 1 throughout": (
        lambda x: (jnp.cumsum(x), lax.cummax(x), lax.cumprod(x, reverse=True), x[2], x.at[1].add(3.0), x @ x, x[::-1]),
        V,
    ),
    "nothing in an axis": (lambda x: (x[:, :0].sum(1), x[:0].prod(0), x[:, :0] @ x[:, :0].T, jnp.cumsum(x[:0], 0)), X),
    "tril": (jnp.tril, X),
    "roll": (lambda x: jnp.roll(x, 2, 1), X),
    "kron": (jnp.kron, X, Y[:2]),
    "take along axis": (lambda x: jnp.take_along_axis(x, jnp.array([[0], [5], [2], [1]]), 1), X),
    "negative index": (lambda x: x[jnp.array([-1, 0, -4])], X),
    "variance of four": (lambda x: jnp.var(x[:, :4] * 4, 1), X),
    "leaky relu": (lambda x: jax.nn.leaky_relu(x, 0.25), X),
    "relu6": (jax.nn.relu6, X),
    "max pool": (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 2), "SAME"), X),
    "remat": (jax.checkpoint(lambda x: x * 2 + 1), X),
    "vjp of a convolution": (
        lambda x, k: jax.vjp(lambda z: lax.conv(z, k, (2, 1), "SAME"), x)[1](lax.conv(x, k, (2, 1), "SAME")),
        whole(1, 2, 4, 4),
        whole(2, 2, 3, 2),
    ),
    "vjp of an index": (lambda x: jax.vjp(lambda z: z[jnp.array([1, 1, 0])], x)[1](x[:3]), X),
    "a constant array": (lambda x: x @ np.arange(12.0).reshape(6, 2), X),
    "vmap of an index": (lambda x: jax.vmap(lambda row, i: row[i])(x, jnp.array([0, 5, 2, 1])), X),
}


@pytest.mark.parametrize("name", WHOLE_PROGRAMS)
def test_programs(name: str) -> None:
    function, *arrays = WHOLE_PROGRAMS[name]
    assert holds(function, *arrays)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_literal_is_the_fraction_that_it_is_in_its_dtype(dtype: str) -> None:
    (value,) = literal(0.1, jax.ShapeDtypeStruct((), jnp.dtype(dtype))).flat
    assert value == Fraction(float(jnp.asarray(0.1, dtype)))
    assert value != Fraction(1, 10)


def test_a_tenth_is_read_in_float32() -> None:
    (out,) = evaluate(lambda x: x * 0.1, [exact([1])])
    assert out.tolist() == [Fraction(13421773, 134217728)]


def test_integers_do_not_wrap() -> None:
    (out,) = evaluate(lambda: jnp.array([2**30], jnp.int32) * 4, [])
    assert out.tolist() == [2**32]


def test_nan_may_be_left_behind_and_nothing_else() -> None:
    assert holds(lambda x: jnp.where(x > -99, x, jnp.nan), X)
    with pytest.raises(Unsupported, match=r"mul at .*test_explicit.py:\d+.*: nan takes part in arithmetic"):
        by_rules(lambda x: jnp.where(x > 0, x, jnp.nan) * 0, (X,))
    with pytest.raises(Unsupported, match=r"the output\[0\] is nan, no real number"):
        by_rules(lambda x: jnp.where(x[:1, 0] > 99, x[0, 0], jnp.nan), (X,))
    assert holds(lambda x: jnp.minimum(jnp.inf, jnp.maximum(x, -jnp.inf)), X)
    with pytest.raises(Unsupported, match="inf takes part in arithmetic"):
        by_rules(lambda x: jnp.maximum(x, jnp.inf), (X,))


REFUSED: dict[str, tuple[Any, str]] = {
    "no rule": (
        lambda x: jnp.sort(x),
        r"sort at .*test_explicit.py:\d+.*: the explicit interpreter has no rule for this",
    ),
    "sort": (lambda x: jnp.sort(x), "sort at .*no rule"),
    "rounding": (lambda x: lax.reduce_precision(x, 5, 10), "reduce_precision at .*it rounds .to 5 and 10 bits."),
    "promise broken": (
        lambda x: lax.gather(x, AT + 1, ROW, (1, 6), mode=Mode.PROMISE_IN_BOUNDS),
        r"gather at .*a window of \(1, 6\) at \(4, 0\) is not inside \(4, 6\), which mode=.*PROMISE_IN_BOUNDS",
    ),
    "update promised inside": (
        lambda x: lax.scatter_add(x, AT + 1, x[:3], ROWS, mode=Mode.PROMISE_IN_BOUNDS),
        "scatter-add at .*is not inside",
    ),
    "a window that sticks out": (
        lambda x: lax.scatter_add(
            x, jnp.array([3]), x[:2], lax.ScatterDimensionNumbers((0, 1), (), (0,)), mode=Mode.FILL_OR_DROP
        ),
        r"scatter-add at .*a window of \(2, 6\) at \(3, 0\) is not inside",
    ),
    "two writes": (lambda x: lax.scatter(x, AT, x[:3], ROWS), "scatter at .*two updates meet at one place"),
    "false promise of uniqueness": (
        lambda x: lax.scatter_add(x, AT, x[:3], ROWS, unique_indices=True),
        "scatter-add at .*two updates meet",
    ),
    "reals accumulated as integers": (
        lambda x: lax.dot_general(x, x, (((1,), (1,)), ((), ())), preferred_element_type=jnp.int32),
        "preferred_element_type=int32 rounds real numbers to integers",
    ),
    "bits of a negative number": (lambda x: lax.shift_right_logical(N, jnp.int32(1)), "reads its bits"),
    "shift past the end": (lambda x: lax.shift_left(N, jnp.int32(32)), "a shift by 32 of a number of 32 bits"),
    "complex": (lambda x: (x * 1j).real, "mul|complex|convert_element_type at .*no exact meaning"),
    "a rounded root": (lambda x: jnp.floor(jnp.sqrt(x * x + 1)), "floor at .*asks for an exact number"),
    "no case": (lambda x: lax.select_n(jnp.int32(3), x, x), "select_n at .*case 3 of 2"),
    "product of truths": (lambda x: lax.dot(x > 0, (x > 0).T), "dot_general at .*of truth values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    function, text = REFUSED[name]
    with pytest.raises(Unsupported, match=text):
        by_rules(function, (X,))


@pytest.mark.parametrize("function", [lambda x: 1 / x, lambda x: x**-1, lambda x: lax.rem(x, x), lambda x: x / (x - x)])
def test_division_by_zero_is_no_number(function: Callable[..., Any]) -> None:
    with pytest.raises(ZeroDivisionError, match=r"at .*test_explicit.py:\d+.*: a divisor is zero"):
        by_rules(function, (np.array([1, 0, 2]),))


def test_letters_have_no_order_and_are_no_divisors() -> None:
    x = letters_of({"x": (2,)}).arrays["x"]
    for function in (jax.nn.relu, lambda x: x > 0, lambda x: x == x, lambda x: 1 / x, jnp.abs, lambda x: x[::-1].max()):
        with pytest.raises(Unsupported, match=r"it asks for the value of .*, and letters have none"):
            evaluate(function, [x])
    (out,) = evaluate(lambda x: jnp.maximum(x - x + 2, 1) * x / 4, [x])  # a constant among letters is a number
    assert [str(entry) for entry in out] == ["1/2*x_0", "1/2*x_1"]


STEP = Step(
    "pad",
    (jax.ShapeDtypeStruct((2,), jnp.dtype("float32")),),
    (jax.ShapeDtypeStruct((2,), jnp.dtype("float32")),),
    "here:1",
)


@pytest.mark.parametrize("primitive", EXPLICIT.rules, ids=lambda p: p.name)
def test_no_rule_swallows_a_parameter(primitive: Any) -> None:
    with pytest.raises(Unsupported, match="does not know the parameter exactness=1"):
        refuse_unnamed(STEP, EXPLICIT.rules[primitive], {"exactness": 1})


@pytest.mark.parametrize(
    ("primitive", "parameters", "text"),
    [
        (lax.reshape_p, {"new_sizes": (2,), "dimensions": None, "sharding": 1}, "sharding=.* has no rule"),
        (lax.reduce_sum_p, {"axes": (0,), "out_sharding": "x"}, "out_sharding=x has no rule, only out_sharding=None"),
        (lax.round_p, {"rounding_method": 2}, "rounding_method=2 has no rule"),
        (lax.convert_element_type_p, {"new_dtype": "f4", "weak_type": False, "sharding": "x"}, "sharding=x"),
    ],
)
def test_parameters_that_no_rule_reads(primitive: Any, parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(Unsupported, match=f"pad at here:1: parameter {text}"):
        EXPLICIT.rules[primitive](STEP, exact([1, 2]), **parameters)


def test_a_size_is_a_number() -> None:
    assert EXPLICIT.rules[dim_as_value_p](STEP, dim=3).tolist() == 3


@pytest.mark.parametrize("value", [np.zeros(2), exact([1, 2, 3]), 5])
def test_a_result_of_the_wrong_kind_is_a_disagreement(value: Any) -> None:
    with pytest.raises(InternalDisagreement, match="pad at here:1"):
        EXPLICIT.check(STEP, value, STEP.outs[0])


@pytest.mark.parametrize("value", [1j, np.array(["a"])])
def test_constants_that_have_no_exact_meaning(value: Any) -> None:
    aval = jax.ShapeDtypeStruct((), jnp.dtype("complex64")) if value == 1j else STEP.outs[0]
    with pytest.raises((Unsupported, ValueError), match="only real numbers|could not convert"):
        literal(value, aval)


def test_infinite_constants_are_missing() -> None:
    aval = jax.ShapeDtypeStruct((), jnp.dtype("float32"))
    assert [literal(v, aval).item() for v in (1e39, -np.inf)] == [Missing("inf"), Missing("-inf")]


@pytest.mark.parametrize("dimensions", [(0, 2, 1), (2, 0, 1), (0, 1, 2), None])
def test_reshape_reads_the_axes_in_the_order_given(dimensions: Any) -> None:
    x = np.arange(24).reshape(2, 3, 4)
    function = lambda x: lax.reshape(x, (6, 4), dimensions)  # noqa: E731
    np.testing.assert_array_equal(by_rules(function, (x,))[0].astype(int), np.asarray(function(jnp.asarray(x))))
