"""Every rule of the polyhedral interpreter against JAX and against exact evaluation, at many small sizes."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import primitives as prims

from jaxiom import prove
from jaxiom.errors import BadShape, Undecidable, Unsupported
from jaxiom.interpret import Step, refuse_unnamed
from jaxiom.jaxprs import CALLS, inner_jaxpr
from jaxiom.layers import conv
from jaxiom.rules import polyhedral
from jaxiom.rules.constants import between, literal_number, simplest_near
from polyhedra.oracle import agrees, each, evaluate_form, read_function

FEW = settings(max_examples=15, deadline=None, derandomize=True)
MANY = settings(FEW, max_examples=30)

LINE = each(n=(3, 1, 2, 5))
TABLE = each(n=(2, 1, 3), m=(3, 2, 1))
X, XY, XM = {"x": "n"}, {"x": "n", "y": "n"}, {"x": "n m"}


def indices(x: Any) -> Any:
    return jnp.arange(x.shape[0])


def compared(relation: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jnp.where(relation(indices(x), 2), x, 3 * x)


def of_inputs(relation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """On indices, and on inputs, some of which are equal."""
    return lambda x, y: (compared(relation)(x), jnp.where(relation(x, y), x, y), relation(x, x) * x)


def both(combine: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: (
        jnp.where(combine(indices(x) > 0, indices(x) < x.shape[0] - 1), x, 0),
        jnp.where(combine(indices(x) > 0, x > 1), x, 0),
    )


def of_indices(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: x * function(indices(x) - 2)


def square_indices(x: Any) -> Any:
    return indices(x)[:, None] - 2 * indices(x) + 3


def window(x: Any, start: float, fold: Any) -> Any:
    """Windows of three with stride 2, taps two apart and a base dilated by 2, over padding on both sides."""
    return lax.reduce_window(x, start, fold, (3,), (2,), ((0, 4),), (2,), (2,)), lax.reduce_window(
        x, start, fold, (2,), (1,), ((0, 1),)
    )


# A line a primitive: a function that uses it, its shapes, given, sizes.
CASES: dict[str, tuple[Any, ...]] = {
    "add": (lambda x, y: x + y, XY, "", LINE),
    "add_any": (lambda x: jax.vjp(lambda z: z * z + z, x)[1](x)[0], X, "", LINE),
    "sub": (lambda x, y: x - 2 - y, XY, "", LINE),
    "mul": (lambda x, y: x * y * 0.5, XY, "", LINE),
    "neg": (lambda x: -x, X, "", LINE),
    "div": (lambda x, y: (x / 4 / x.shape[0], x / y, 1 / (2 * x * y), x / (x * x).mean()), XY, "", LINE),
    "square": (lambda x: lax.square(x), X, "", LINE),
    "integer_pow": (lambda x: (x**3, lax.integer_pow(x, 0), lax.integer_pow(0 * x + 2, -2)), X, "", LINE),
    "convert_element_type": (lambda x: x.astype(jnp.float16) + indices(x).astype(jnp.float32), X, "", LINE),
    "dim_as_value": (lambda x: x * x.shape[0] * x.shape[1] - x.shape[0] // 2, XM, "", TABLE),
    "copy": (lambda x: jnp.copy(x), X, "", LINE),
    "stop_gradient": (lambda x: lax.stop_gradient(x) * 2, X, "", LINE),
    "reduce_sum": (lambda x: (x.sum(), x.sum(0), x.sum(1), jnp.ones_like(x).sum(1)), XM, "", TABLE),
    "dot_general": (lambda x: x @ x.T, XM, "", TABLE),
    "conv_general_dilated": (lambda x: conv(x[None, :, :], jnp.ones((1, x.shape[1], 2))), XM, "", TABLE),
    "broadcast_in_dim": (lambda x: jnp.broadcast_to(x[:, None], (4, x.shape[0], 3)), X, "", LINE),
    "transpose": (lambda x: x.T, XM, "", TABLE),
    "reshape": (lambda x: (x.reshape(-1), lax.reshape(x, (x.shape[0] * x.shape[1],), (1, 0))), XM, "", TABLE),
    "squeeze": (lambda x: lax.squeeze(x, (1,)), {"x": "n 1"}, "", LINE),
    "pad": (lambda x: lax.pad(x, 7.0, [(1, 2, 1)]), X, "", LINE),
    "slice": (lambda x: lax.slice(x, (1,), (x.shape[0],), (2,)), X, "n >= 2", LINE[::2]),
    "rev": (lambda x: lax.rev(x, (1,)), XM, "", TABLE),
    "concatenate": (lambda x, y: jnp.concatenate([x, 2 * y, x]), XY, "", LINE),
    "split": (lambda x: tuple(lax.split(x, (2, x.shape[0] - 2))), X, "n >= 3", LINE[::3]),
    "stack": (lambda x, y: (jnp.stack([x, y]), jnp.stack([x, y], 1)), XY, "", LINE),
    "unstack": (lambda x: tuple(jnp.unstack(x, axis=1)), {"x": "n 3 m"}, "", TABLE),
    "name": (lambda x: checkpoint_name(x, "label") + 1, X, "", LINE),
    "device_put": (lambda x: jax.device_put(x) * 2, X, "", LINE),
    "optimization_barrier": (lambda x, y: lax.optimization_barrier((x, 2 * y)), XY, "", LINE),
    "is_finite": (lambda x: jnp.where(jnp.isfinite(x), x, 7), X, "", LINE),
    "tile": (lambda x: jnp.tile(x, (2, 3)), XM, "", TABLE),
    "iota": (lambda x: x * lax.broadcasted_iota(jnp.float32, x.shape, 1), XM, "", TABLE),
    "eq": (of_inputs(lambda a, b: a == b), XY, "", LINE),
    "ne": (of_inputs(lambda a, b: a != b), XY, "", LINE),
    "lt": (of_inputs(lambda a, b: a < b), XY, "", LINE),
    "le": (of_inputs(lambda a, b: a <= b), XY, "", LINE),
    "gt": (of_inputs(lambda a, b: a > b), XY, "", LINE),
    "ge": (of_inputs(lambda a, b: a >= b), XY, "", LINE),
    "and": (both(lambda a, b: a & b), X, "", LINE),
    "or": (both(lambda a, b: ~a | ~b), X, "", LINE),
    "xor": (both(lambda a, b: a ^ b), X, "", LINE),
    "not": (lambda x: (jnp.where(~(indices(x) == 1), x, 0), jnp.where(~(x > 1), x, 0)), X, "", LINE),
    "max": (lambda x, y: (of_indices(lambda i: jnp.maximum(i, 0))(x), jnp.maximum(x, y)), XY, "", LINE),
    "min": (lambda x, y: (of_indices(lambda i: jnp.minimum(i, -i))(x), jnp.minimum(x, y)), XY, "", LINE),
    "rem": (of_indices(lambda i: lax.rem(i, 2)), X, "", LINE),
    "sign": (lambda x: (of_indices(jnp.sign)(x), jnp.sign(x - 1)), X, "", LINE),
    "clamp": (lambda x: (of_indices(lambda i: lax.clamp(-1, i, 1))(x), jnp.clip(x, -2, 1)), X, "", LINE),
    "select_n": (lambda x: (jnp.where(indices(x)[:, None] < 1, x, -x), jnp.where(x > 1, x, 0)), XM, "", TABLE),
    "cumsum": (lambda x: (lax.cumsum(x, 0), lax.cumsum(x, 1, reverse=True)), XM, "", TABLE),
    "reduce_window_max": (lambda x: window(x, -jnp.inf, lax.max), X, "", LINE),
    "reduce_window_min": (lambda x: window(x, jnp.inf, lax.min), X, "", LINE),
    "reduce_window_sum": (lambda x: lax.reduce_window(x, 0.0, lax.add, (2,), (1,), "SAME"), X, "", LINE),
    "dynamic_slice": (lambda x: lax.dynamic_slice_in_dim(x, 2, 2), X, "n >= 2", LINE[::2]),
    "gather": (lambda x: x[1], XM, "n >= 2", TABLE[::2]),
    "dynamic_update_slice": (lambda x: lax.dynamic_update_slice(x, 2 * x[:2], (x.shape[0],)), X, "n >= 2", LINE[::2]),
    "scatter": (lambda x: x.at[1].set(7.0), XM, "", TABLE),
    "scatter-add": (lambda x, y: x.at[indices(x) // 2].add(y), XY, "", LINE),
    "scatter-sub": (lambda x, y: x.at[indices(x) // 2].subtract(y), XY, "", LINE),
    "scatter-mul": (lambda x, y: x.at[::2].multiply(y[::2]), XY, "", LINE),
    "reduce_and": (lambda x: jnp.where(jnp.all(square_indices(x) < 4, 1), x, 0), X, "", LINE),
    "reduce_or": (lambda x: jnp.where(jnp.any(square_indices(x) > 3, 1), x, 0), X, "", LINE),
    "reduce_max": (lambda x: x * square_indices(x).max(1) * indices(x).max() + x.max(), X, "", LINE),
    "reduce_min": (lambda x: x * square_indices(x).min(1), X, "", LINE),
    "argmax": (lambda x: x * jnp.argmax(square_indices(x) % 2, 1), X, "", LINE),
    "argmin": (lambda x: x * jnp.argmin(square_indices(x) > 1, 0), X, "", LINE),
    "exp": (lambda x: jnp.exp(jnp.pad(x, 1)), X, "", LINE),
    "exp2": (lambda x: jnp.exp2(x - x.sum()), X, "", LINE),
    "log": (lambda x: jnp.log(x * x), X, "", LINE),
    "log1p": (lambda x: jnp.log1p(x * x), X, "", LINE),
    "expm1": (lambda x: jnp.expm1(x / 2), X, "", LINE),
    "sqrt": (lambda x: (jnp.sqrt(2 + (x * x) @ (x * x).T), x / jnp.sqrt(x.shape[1])), {"x": "n 2"}, "", LINE),
    "rsqrt": (lambda x: lax.rsqrt(x.var() + 0.5), X, "", LINE),
    "cbrt": (lambda x: jnp.cbrt(-2 * x), X, "", LINE),
    "logistic": (lambda x: jax.nn.sigmoid(x - x.mean()), X, "", LINE),
    "tanh": (lambda x: jnp.tanh(-x), X, "", LINE),
    "sin": (lambda x: jnp.sin(indices(x) * x), X, "", LINE),
    "cos": (lambda x: jnp.cos(indices(x) - x), X, "", LINE),
    "tan": (lambda x: jnp.tan(x), X, "", LINE),
    "asin": (lambda x: jnp.asin(x / 5), X, "", LINE),
    "acos": (lambda x: jnp.acos(-x / 5), X, "", LINE),
    "atan": (lambda x: jnp.atan(x), X, "", LINE),
    "sinh": (lambda x: jnp.sinh(x), X, "", LINE),
    "cosh": (lambda x: jnp.cosh(-x), X, "", LINE),
    "asinh": (lambda x: jnp.asinh(x), X, "", LINE),
    "acosh": (lambda x: jnp.acosh(x * x + 1), X, "", LINE),
    "atanh": (lambda x: jnp.atanh(x / 5), X, "", LINE),
    "erf": (lambda x: lax.erf(x / 4), X, "", LINE),
    "erfc": (lambda x: lax.erfc(-x / 4), X, "", LINE),
    "erf_inv": (lambda x: lax.erf_inv(x / 5), X, "", LINE),
    "lgamma": (lambda x: lax.lgamma(x + 5.5), X, "", LINE),
    "digamma": (lambda x: lax.digamma(x + 5.5), X, "", LINE),
    "abs": (lambda x: jnp.abs(-x), X, "", LINE),
    "pow": (lambda x: (lax.pow(x * x, 1.5), lax.pow(x, -2.0), jnp.pow(x * x, x)), X, "", LINE),
    "atan2": (lambda x, y: jnp.atan2(x, y), XY, "", LINE),
}


@pytest.mark.parametrize("name", CASES)
def test_each_primitive(name: str) -> None:
    function, shapes, given_, sizes = CASES[name]
    agrees(function, shapes, sizes, given_)


def used(closed: Any) -> set[str]:
    found: set[str] = set()
    for equation in closed.jaxpr.eqns:
        if equation.primitive in CALLS:
            found |= used(inner_jaxpr(equation))
        found.add(equation.primitive.name)
    return found


@pytest.mark.parametrize("name", CASES)
def test_each_case_uses_its_primitive(name: str) -> None:
    function, shapes, given_, _ = CASES[name]
    assert name in used(read_function(function, shapes, given_).case.lhs.closed)


def test_each_rule_has_a_case() -> None:
    assert set(polyhedral.RULES) == set(CASES)


# -- parameters


dimensions = st.sampled_from(
    [("NWC", "WIO", "NWC"), ("NCW", "OIW", "NCW"), ("NCW", "WIO", "NWC"), ("WNC", "IOW", "CWN")]
)


def axes_in(spec: str, **named: str) -> str:
    return " ".join(named[letter] for letter in spec)


@MANY
@given(st.data())
def test_convolutions_of_one_dimension(data: Any) -> None:
    draw = data.draw
    lhs, rhs, out = draw(dimensions)
    stride, dilation, gaps = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    low, high = draw(st.integers(-2, 3)), draw(st.integers(-2, 3))
    groups = draw(st.sampled_from([1, 1, 2]))
    symbolic = draw(st.booleans())

    def function(x: Any, w: Any) -> Any:
        return lax.conv_general_dilated(
            x, w, (stride,), [(low, high)], (gaps,), (dilation,), (lhs, rhs, out), feature_group_count=groups
        )

    image = {"N": "n", "W": "h", "C": "2*c"} if symbolic else {"N": "2", "W": "6", "C": "2"}
    kernel = (
        {"W": "k", "I": "2*c" if groups == 1 else "c", "O": "2*f"}
        if symbolic
        else {"W": "2", "I": str(2 // groups), "O": "4"}
    )
    sizes = each(n=(1, 2), h=(7, 8), c=(2, 1), k=(3, 1), f=(1, 2)) if symbolic else ({},)
    agrees(
        function, {"x": axes_in(lhs, **image), "w": axes_in(rhs, **kernel)}, sizes, "h >= 7, k <= 3" if symbolic else ""
    )


@FEW
@given(st.data())
def test_convolutions_of_more_dimensions(data: Any) -> None:
    rank = data.draw(st.sampled_from([2, 2, 3]))
    small = st.tuples(*[st.integers(1, 2)] * rank)
    strides, dilations, gaps = data.draw(small), data.draw(small), data.draw(small)
    pads = data.draw(st.tuples(*[st.tuples(st.integers(-1, 1), st.integers(0, 2))] * rank))
    extents, window = data.draw(st.tuples(*[st.integers(3, 4)] * rank)), data.draw(small)

    def function(x: Any, w: Any) -> Any:
        return conv(x, w, strides, list(pads), dilation=dilations, image_dilation=gaps)

    shapes = {"x": f"1 {' '.join(map(str, extents))} 2", "w": f"{' '.join(map(str, window))} 2 2"}
    agrees(function, shapes)


@FEW
@given(st.sampled_from(["SAME", "VALID", "FULL"]), st.integers(1, 3), st.integers(1, 2))
def test_paddings_worked_out_from_symbolic_sizes(padding: str, stride: int, dilation: int) -> None:
    sizes = each(h=(5, 6, 7, 5), k=(3, 1, 2, 2))
    agrees(
        lambda x, w: conv(x, w, stride, padding, dilation=dilation),
        {"x": "1 h 1", "w": "k 1 1"},
        sizes,
        "h >= 5, k <= 3",
    )


@pytest.mark.parametrize(("features", "given_"), [("2*c", ""), ("c", "")])
def test_depthwise_of_symbolic_count(features: str, given_: str) -> None:
    agrees(
        lambda x, w: conv(x, w, groups=x.shape[2]),
        {"x": "1 h c", "w": f"2 1 {features}"},
        each(h=(2, 3), c=(3, 2)),
        "h >= 2",
    )


@MANY
@given(st.data())
def test_products_of_tensors(data: Any) -> None:
    """Each letter is batch, contracted, or free in one operand; axes in any order."""
    draw = data.draw
    roles = {
        letter: draw(st.sampled_from(["batch", "sum", "left", "right"])) for letter in "abcd"[: draw(st.integers(1, 4))]
    }
    left = draw(st.permutations([k for k, r in roles.items() if r != "right"]))
    right = draw(st.permutations([k for k, r in roles.items() if r != "left"]))
    numbers = (
        (
            [left.index(k) for k, r in roles.items() if r == "sum"],
            [right.index(k) for k, r in roles.items() if r == "sum"],
        ),
        (
            [left.index(k) for k, r in roles.items() if r == "batch"],
            [right.index(k) for k, r in roles.items() if r == "batch"],
        ),
    )
    sizes = each(**{k: (2, 1, 3) if k in "ac" else (1, 3, 2) for k in roles})
    agrees(lambda x, y: lax.dot_general(x, y, numbers), {"x": " ".join(left), "y": " ".join(right)}, sizes)


@MANY
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)), min_size=1, max_size=2),
    st.sampled_from([0.0, 0.5, -2.0]),
)
def test_pads(config: list[tuple[int, int, int]], value: float) -> None:
    shapes = {"x": " ".join("nm"[: len(config)])}
    sizes = each(n=(6, 7, 8), m=(7, 6, 6)) if len(config) == 2 else each(n=(6, 7, 8))
    agrees(lambda x: lax.pad(x, value, config), shapes, sizes, "n >= 6, m >= 6"[: 7 * len(config) + len(config) - 1])


@FEW
@given(st.integers(-2, 3))
def test_pads_with_a_value_of_the_inputs(low: int) -> None:
    agrees(lambda x, v: lax.pad(x, v, [(low, 1, 1)]), {"x": "n", "v": ""}, each(n=(3, 4)), "n >= 3")


@MANY
@given(st.integers(0, 3), st.integers(0, 2), st.integers(1, 3))
def test_slices(start: int, cut: int, stride: int) -> None:
    sizes = each(n=(6, 7, 9), m=(1, 2, 1))
    agrees(lambda x: lax.slice(x, (start, 0), (x.shape[0] - cut, x.shape[1]), (stride, 1)), XM, sizes, "n >= 6")


@FEW
@given(st.permutations(range(3)), st.sets(st.integers(0, 2)))
def test_transposes_and_reversals(order: list[int], flipped: set[int]) -> None:
    sizes = each(a=(2, 1), b=(3, 2), c=(1, 3))
    agrees(lambda x: lax.rev(lax.transpose(x, order), sorted(flipped)), {"x": "a b c"}, sizes)


@FEW
@given(st.sampled_from([(0,), (1,), (2,), (0, 2), (1, 2), (0, 1)]), st.integers(1, 3))
def test_broadcasts(places: tuple[int, ...], extra: int) -> None:
    names = "nm"[: len(places)]

    def function(x: Any) -> Any:
        shape: list[Any] = [extra] * 3
        for axis, place in enumerate(places):
            shape[place] = x.shape[axis]
        return lax.broadcast_in_dim(x, tuple(shape), places)

    agrees(function, {"x": " ".join(names)}, each(**{k: (2, 1, 3) for k in names}))


@FEW
@given(st.integers(0, 2), st.integers(1, 3))
def test_a_broadcast_of_an_axis_of_size_one(axis: int, count: int) -> None:
    shape = ["n", "m", "k"]
    shape[axis] = "1"
    target = lambda x: tuple(count if i == axis else d for i, d in enumerate(x.shape))  # noqa: E731
    names = [s for s in shape if s != "1"]
    agrees(lambda x: jnp.broadcast_to(x, target(x)), {"x": " ".join(shape)}, each(**{k: (2, 3) for k in names}))


@FEW
@given(st.integers(0, 1), st.lists(st.sampled_from(["x", "y", "one"]), min_size=1, max_size=3))
def test_concatenations(axis: int, parts: list[str]) -> None:
    def function(x: Any, y: Any) -> Any:
        one = jnp.ones_like(lax.slice_in_dim(x, 0, 1, axis=axis))
        return jnp.concatenate([{"x": x, "y": y, "one": one}[p] for p in parts], axis)

    shapes = {"x": "n m", "y": "k m" if axis == 0 else "n k"}
    agrees(function, shapes, each(n=(2, 1), m=(1, 3), k=(3, 2)))


RESHAPES = [
    (lambda x: x.reshape(x.shape[0] * x.shape[1], x.shape[2]), "a b c", ""),
    (lambda x: x.reshape(x.shape[0], -1), "a b c", ""),
    (lambda x: x.reshape(-1).reshape(x.shape), "a b c", ""),
    (lambda x: x.reshape(x.shape[0], 1, x.shape[1], 1), "a b", ""),
    (lambda x: x.reshape(x.shape[0] // 2, 2, x.shape[1]), "a b", "a % 2 == 0"),
    (lambda x: x.reshape(2, x.shape[0] // 2), "a", "a % 2 == 0"),
    (lambda x: x.reshape(x.shape[0], 3, 2).reshape(x.shape[0] * 2, 3), "a 6", ""),
    (lambda x: x.reshape(x.shape[0] * 2, 3, x.shape[2]), "a 6 c", ""),
    (lambda x: jnp.transpose(x, (1, 0)).reshape(-1), "a 3", ""),
    (lambda x: x.reshape(x.shape[0] * x.shape[1]).sum(0), "a b", ""),
    (lambda x: jnp.flip(x.reshape(x.shape[0] * x.shape[1])), "a b", ""),
]


@pytest.mark.parametrize(("function", "shape", "given_"), RESHAPES)
def test_reshapes(function: Any, shape: str, given_: str) -> None:
    names = [s for s in shape.split() if s.isalpha()]
    values = {"a": (2, 4, 6), "b": (3, 1, 2), "c": (1, 2, 3)}
    agrees(function, {"x": shape}, each(**{k: values[k] for k in names}), given_)


def test_merged_axes_of_the_signature_in_any_order_of_factors() -> None:
    """The reader may lay an input's merged axis out in the order that its use asks for."""
    sizes = each(n=(1, 2), k=(2, 3), c=(3, 2))
    shapes = {"P": "n k*c", "W": "c k"}
    agrees(lambda P, W: P @ W.reshape(W.shape[0] * W.shape[1]), shapes, sizes)
    agrees(lambda P, W: P @ W.T.reshape(W.shape[0] * W.shape[1]), shapes, sizes)


@FEW
@given(st.data())
def test_windows_of_sums(data: Any) -> None:
    window, stride, gaps, dilation = (data.draw(st.integers(1, top)) for top in (3, 3, 2, 2))
    low, high = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))

    def function(x: Any) -> Any:
        return lax.reduce_window(
            x, 0.0, lax.add, (window, 1), (stride, 1), [(low, high), (0, 0)], (gaps, 1), (dilation, 1)
        )

    agrees(function, XM, each(n=(5, 6, 7), m=(2, 1, 1)), "n >= 5")


@FEW
@given(st.integers(-4, 6), st.integers(1, 3))
def test_dynamic_slices_are_clamped(start: int, length: int) -> None:
    agrees(lambda x: lax.dynamic_slice_in_dim(x, start, length), X, each(n=(3, 4, 8)), "n >= 3")


INDICES = [
    (lambda x: x[0], ""),
    (lambda x: x[-1], ""),
    (lambda x: x[1:], "n >= 2"),
    (lambda x: x[:-2], "n >= 3"),
    (lambda x: x[::-1], ""),
    (lambda x: x[::3], ""),
    (lambda x: x[-1::-2], ""),
    (lambda x: x[jnp.array([2, 0, 2])], "n >= 3"),
    (lambda x: x.at[jnp.array([7, -7])].get(mode="fill", fill_value=0), "n >= 3"),
    (lambda x: x.at[jnp.array([7, 1])].get(mode="clip"), "n >= 3"),
    (lambda x: jnp.take(x, indices(x)[::-1], axis=0), ""),
    (lambda x: jnp.roll(x, 1, 0), ""),
    (lambda x: jnp.diff(x, axis=0), "n >= 2"),
    (lambda x: jnp.repeat(x, 2, 0), ""),
]


@pytest.mark.parametrize(("function", "given_"), INDICES)
def test_indexing(function: Any, given_: str) -> None:
    agrees(function, XM, each(n=(3, 4, 5), m=(2, 1, 1)), given_)


@MANY
@given(st.data())
def test_arithmetic_of_indices(data: Any) -> None:
    """Random expressions in iota, sizes and numbers, as a weight of x."""
    draw = data.draw

    def grow(depth: int) -> Callable[[Any, Any], Any]:
        kind = draw(
            st.sampled_from(["i", "n", "k", *(["+", "-", "max", "min", "//", "%", "where", "sign"] if depth else [])])
        )
        number = draw(st.integers(1, 3))
        if kind in ("i", "n", "k"):
            return {"i": lambda i, n: i, "n": lambda i, n: n + 0 * i, "k": lambda i, n: number + 0 * i}[kind]
        a, b = grow(depth - 1), grow(depth - 1)
        return {
            "+": lambda i, n: a(i, n) + b(i, n),
            "-": lambda i, n: a(i, n) - b(i, n),
            "max": lambda i, n: jnp.maximum(a(i, n), b(i, n)),
            "min": lambda i, n: jnp.minimum(a(i, n), b(i, n)),
            "//": lambda i, n: lax.div(a(i, n), number * jnp.ones_like(i)),
            "%": lambda i, n: lax.rem(a(i, n), number * jnp.ones_like(i)),
            "where": lambda i, n: jnp.where(a(i, n) < b(i, n), a(i, n), number),
            "sign": lambda i, n: jnp.sign(a(i, n)),
        }[kind]

    expression = grow(2)
    agrees(lambda x: x * expression(indices(x), x.shape[0]), X, each(n=(4, 1, 2, 3, 6)))


# -- numbers


@pytest.mark.parametrize(
    ("value", "dtype", "exact"),
    [
        (0.1, np.float32, Fraction(13421773, 134217728)),
        (0.1, np.float16, Fraction(819, 8192)),
        (0.5, np.float32, Fraction(1, 2)),
        (-3, np.int32, Fraction(-3)),
        (1e30, np.float32, Fraction(float(np.float32(1e30)))),
        (True, np.bool_, Fraction(1)),
    ],
)
def test_a_number_is_the_binary_fraction_that_it_is(value: Any, dtype: Any, exact: Fraction) -> None:
    assert literal_number(value, jax.ShapeDtypeStruct((), dtype)) == exact


@pytest.mark.parametrize(
    ("value", "dtype", "simple"),
    [
        (0.1, np.float32, Fraction(1, 10)),
        (1 / 9, np.float32, Fraction(1, 9)),
        (-2 / 3, np.float32, Fraction(-2, 3)),
        (0.11111111, np.float32, Fraction(1, 9)),
        (0.1111, np.float32, Fraction(1111, 10000)),
        (1 / 3, np.float16, Fraction(1, 3)),
        (0.333, np.float16, Fraction(248, 745)),
        (0.0, np.float32, Fraction(0)),
        (3.0, np.float32, Fraction(3)),
        (2.0**24, np.float32, Fraction(2**24)),
        (1e10, np.float32, Fraction(10**10)),
        (-(2.0**31), np.float32, Fraction(-(2**31))),
        (1e20, np.float32, Fraction(float(np.float32(1e20)))),
        (2.0**-30, np.float32, Fraction(1, 2**30 - 63)),
    ],
)
def test_the_simplest_rational_that_rounds_to_a_number(value: float, dtype: Any, simple: Fraction) -> None:
    found = literal_number(value, jax.ShapeDtypeStruct((), dtype), simplest=True)
    assert found == simple
    assert dtype(float(found)) == dtype(value)


@MANY
@given(st.fractions(min_value=-3, max_value=3, max_denominator=200), st.integers(4, 3000))
def test_no_simpler_rational_lies_as_near(value: Fraction, precision: int) -> None:
    tolerance = Fraction(1, precision)
    found = simplest_near(value, tolerance)
    assert abs(found - value) <= tolerance
    for denominator in range(1, min(found.denominator, 60)):
        nearest = Fraction(round(value * denominator), denominator)
        assert abs(nearest - value) > tolerance


def test_between_takes_the_simplest_inside() -> None:
    assert between(Fraction(1, 3), Fraction(1, 2)) == Fraction(1, 2)
    assert between(Fraction(7, 5), Fraction(13, 8)) == Fraction(3, 2)
    assert between(Fraction(2), Fraction(5, 2)) == 2


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.0, 0.0, -2.5]], np.float32),
        np.full((3, 2), 0.25, np.float32),
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.array(3.0, np.float32),
        np.arange(100, dtype=np.float32).reshape(4, 25),  # a tensor named by its content
    ],
    ids=lambda a: str(a.shape),
)
def test_constant_arrays(array: np.ndarray) -> None:
    read = read_function(lambda x: jnp.asarray(array) * x, {"x": ""})
    inputs = {"x": np.array(Fraction(3), dtype=object)}
    constants = {t for form in read.sides.differences for term in form.terms for t in term.monomial} - {"x"}
    assert bool(constants) is (array.size > 64)
    kept = [d for d in array.shape if d != 1]
    exactly = np.array([Fraction(float(v)) for v in array.reshape(-1)], dtype=object).reshape(kept)
    (found,) = read.at({}, inputs | {}) if not constants else with_constant(read, inputs, constants.pop(), exactly)
    assert found.reshape(-1).tolist() == [3 * v for v in exactly.reshape(-1)]


def with_constant(read: Any, inputs: Any, name: str, array: np.ndarray) -> list[np.ndarray]:
    return [evaluate_form(read.sides.world, form, {}, inputs | {name: array}) for form in read.sides.differences]


def test_equal_constants_are_one_tensor_and_different_ones_are_not() -> None:
    big = np.arange(100, dtype=np.float32)
    same = prove(lambda x: x * jnp.asarray(big), lambda x: jnp.asarray(big.copy()) * x, x="100")
    assert same.status == "proved"
    for changed, status in ((0, "refuted"), (7, "undecided")):  # only the least index is looked at for a witness
        other = big.copy()
        other[changed] += 1
        different = prove(lambda x: x * jnp.asarray(big), lambda x, other=other: x * jnp.asarray(other), x="100")
        assert different.status == status
        assert different.witness is not None or "hangs on a constant of the program" in different.reason


# -- refusals


def refused(function: Callable[..., Any], text: str, kind: Any = Unsupported, given_: str = "", **shapes: Any) -> None:
    with pytest.raises(kind, match=text):
        read_function(function, shapes or X, given_)


def test_every_primitive_without_a_rule_is_refused_with_its_line() -> None:
    refused(lambda x: jnp.sort(x), r"sort at .*test_rules_polyhedral\.py:\d+.*: the polyhedral interpreter has no rule")


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x.astype(jnp.int32), "convert_element_type at .*: a conversion from float to int32 truncates"),
        (lambda x: x.astype(jnp.uint8).astype(jnp.float32), "a conversion from float to uint8 truncates"),
        (lambda x: x.astype(bool), "a conversion to bool asks which entries are zero"),
        (lambda x: lax.complex(x, x), "complex .*has no rule"),
        (lambda x: lax.reduce_precision(x, 8, 7), "reduce_precision .*has no rule"),
        (lambda x: x / (0 * x), "division by a tensor that is zero somewhere"),
        (lambda x: x / jnp.zeros(x.shape), "division by a tensor that is zero somewhere"),
        (lambda x: x / indices(x), "divides by .*, which may be zero"),
        (lambda x: 1 / jnp.where(indices(x) > 0, x, 0), "division by a tensor that is zero somewhere"),
        (lambda x: lax.max(x > 0, x > 1), "max .*: of tensors that are not indices it has no rule"),
        (lambda x: lax.div(indices(x), -2 * jnp.ones_like(indices(x))), "only for a positive number as divisor"),
        (lambda x: lax.rem(indices(x), indices(x) + 1), "only for a positive number as divisor"),
        (lambda x: x * (indices(x) & 1), "and .*: of integers, bit by bit, it has no rule"),
        (lambda x: x * jnp.array([1.0, jnp.inf]).sum(), "inf"),
    ],
)
def test_refusals(function: Any, text: str) -> None:
    refused(function, text, (Unsupported, Undecidable))


def test_nan_may_be_there_only_where_it_is_not_chosen() -> None:
    agrees(lambda x: jnp.where(indices(x) >= 0, x, jnp.nan), X, LINE)
    refused(lambda x: jnp.where(indices(x) >= 1, x, jnp.nan), "may choose NaN or infinity", Undecidable)
    refused(lambda x: x + jnp.nan, "NaN or infinity may take part in the result", Undecidable)
    refused(lambda x: x * jnp.inf, "NaN or infinity may take part in the result", Undecidable)


def test_strides_of_symbolic_size_are_refused() -> None:
    with pytest.raises(Unsupported, match="a stride or dilation must be a number: a product of variables"):
        read_function(lambda x, w: conv_with(x, w, stride=w.shape[0]), {"x": "1 h 1", "w": "k 1 1"}, "h >= k")


def conv_with(x: Any, w: Any, stride: Any) -> Any:
    numbers = lax.conv_dimension_numbers(x.shape, w.shape, ("NWC", "WIO", "NWC"))
    return prims.conv_general_dilated_p.bind(
        x,
        w,
        window_strides=(stride,),
        padding=((0, 0),),
        lhs_dilation=(1,),
        rhs_dilation=(1,),
        dimension_numbers=numbers,
        feature_group_count=1,
        batch_group_count=1,
        precision=None,
        preferred_element_type=None,
        out_sharding=None,
    )


def test_groups_of_symbolic_number_and_size_follow_the_factors_of_the_axes() -> None:
    agrees(
        lambda x, w: conv(x, w, groups=x.shape[2] // w.shape[1]),
        {"x": "1 h g*c", "w": "1 c g*f"},
        each(h=(2, 1, 1), g=(2, 3, 2), c=(2, 1, 3), f=(1, 2, 2)),
        "g >= 2",
    )


def test_an_integer_accumulator_would_truncate() -> None:
    def function(x: Any) -> Any:
        return lax.dot(x, x, preferred_element_type=jnp.int32)

    refused(function, "preferred_element_type=int32 truncates")


def test_precision_says_only_how_it_is_rounded() -> None:
    agrees(lambda x: lax.dot(x, x, precision="highest"), X, LINE)


def test_a_conversion_between_floats_is_noted_where_it_rounds() -> None:
    down = read_function(lambda x: x.astype(jnp.bfloat16), X)
    assert down.sides.notes == ("the conversion from float32 to bfloat16 is read as exact",)
    assert read_function(lambda x: x + 0, X).sides.notes == ()


def test_a_reshape_that_does_not_fill_names_the_condition() -> None:
    refused(lambda x: x.reshape(x.shape[0] // 2, 2), r'entries do not fill .*Say so in given=: "n % 2 == 0"', BadShape)
    refused(lambda x: x.reshape((x.shape[0] + 1) // 2, 2), r"they differ by n - 2\*\(\(n \+ 1\) // 2\)", BadShape)
    agrees(lambda x: x.reshape(x.shape[0] // 2, 2), X, each(n=(2, 4)), "n % 2 == 0")


def test_moving_along_a_merged_axis_is_undecidable() -> None:
    refused(
        lambda x: lax.slice_in_dim(x.reshape(x.shape[0] * x.shape[1]), 1, 2),
        "moves along an axis merged from factors n, m",
        Undecidable,
        x="n m",
        given_="n >= 2, m >= 2",
    )


def test_a_parameter_that_a_rule_does_not_name_is_refused() -> None:
    step = Step("neg", (), (), "proof.py:3")
    rules: dict[str, Any] = {name: rule for name, rule in polyhedral.RULES.items()}
    with pytest.raises(Unsupported, match=r"neg at proof.py:3: this rule does not know the parameter accuracy=high"):
        refuse_unnamed(step, rules["neg"], {"accuracy": "high"})
    with pytest.raises(Unsupported, match="needs the parameter out_dtype"):
        refuse_unnamed(step, rules["mul"], {})


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        (
            "reduce_sum",
            {"axes": (0,), "out_sharding": "there"},
            "parameter out_sharding=there has no rule, only out_sharding=None",
        ),
        ("mul", {"out_dtype": "f8"}, "parameter out_dtype=f8 has no rule"),
        (
            "reshape",
            {"new_sizes": (2,), "dimensions": None, "sharding": "there"},
            "parameter sharding=there has no rule",
        ),
        (
            "broadcast_in_dim",
            {"shape": (2,), "broadcast_dimensions": (), "sharding": "there"},
            "parameter sharding=there",
        ),
        (
            "convert_element_type",
            {"new_dtype": np.float32, "weak_type": False, "sharding": "there"},
            "parameter sharding=there",
        ),
        ("iota", {"dtype": np.int32, "shape": (2,), "dimension": 0, "sharding": "there"}, "parameter sharding=there"),
        (
            "dot_general",
            {"dimension_numbers": None, "precision": None, "preferred_element_type": None, "out_sharding": "there"},
            "parameter out_sharding=there",
        ),
    ],
)
def test_a_parameter_of_another_value_is_refused(name: str, parameters: dict[str, Any], text: str) -> None:
    operands = [None] * (2 if name in ("mul", "dot_general") else 0 if name == "iota" else 1)
    with pytest.raises(Unsupported, match=f"{name} at proof.py:3: {text}"):
        polyhedral.RULES[name](None, Step(name, (), (), "proof.py:3"), *operands, **parameters)
