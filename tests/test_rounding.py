"""The bound held on every run, against exact rational arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax import Array, lax

from jaxiom.errors import BadInput, Unsupported
from jaxiom.interpret import interpret
from jaxiom.rules.arithmetic import DTYPES, arithmetic, subnormal, up
from jaxiom.rules.arrays import uncropped
from jaxiom.rules.bounded import Bounded, Machine
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.explicit_entries import literal
from jaxiom.rules.rounding import rounding_table

OPTIMISED = True

U = 2.0**-24


def conv(x: Array, w: Array, padding: Any = "SAME", **options: Any) -> Array:
    strides = options.pop("strides", (1, 1))
    return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


def window_mean(x: Array) -> Array:
    zero = np.zeros((), x.dtype)
    ones = lax.reduce_window(jnp.ones_like(x), zero, lax.add, (2, 2), (1, 1), "SAME")
    return lax.reduce_window(x, zero, lax.add, (2, 2), (1, 1), "SAME") / ones


# name -> (function, shapes of its inputs)
PROGRAMS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "add": (lambda x, y: x + y, [(3,), (3,)]),
    "sub": (lambda x, y: x - y, [(3,), (3,)]),
    "mul": (lambda x, y: x * y, [(3,), (3,)]),
    "scale": (lambda x: 0.1 * x + x * 4, [(3,)]),
    "square": (lambda x: jnp.square(x) - x, [(3,)]),
    "power": (lambda x: (x + 1) ** 3, [(3,)]),
    "divide": (lambda x: x / 3 - x / 8, [(3,)]),
    "matmul": (lambda x, y: x @ y, [(2, 5), (5, 2)]),
    "chain": (lambda x, y, z: (x @ y) @ z, [(2, 3), (3, 4), (4, 2)]),
    "both inexact": (lambda x, y: (x @ y) @ (y.T @ x.T), [(2, 3), (3, 2)]),
    "batched": (lambda x, y: jnp.einsum("bij,bjk->bik", x, y), [(2, 2, 3), (2, 3, 2)]),
    "conv": (lambda x, w: conv(x, w), [(1, 3, 3, 2), (3, 2, 2, 1)]),
    "conv projected": (lambda x, w, q: conv(x, w @ q), [(1, 3, 2, 2), (2, 2, 2, 2), (2, 1)]),
    "projected conv": (lambda x, w, q: conv(x, w) @ q, [(1, 3, 2, 2), (2, 2, 2, 2), (2, 1)]),
    "strided groups": (
        lambda x, w: conv(x, w, strides=(2, 1), rhs_dilation=(2, 1), feature_group_count=2),
        [(1, 4, 3, 2), (2, 2, 1, 2)],
    ),
    "transposed conv": (lambda x, w: conv(x, w, ((1, 0), (0, 2)), lhs_dilation=(2, 3)), [(1, 2, 2, 1), (2, 2, 1, 2)]),
    "cropped conv": (
        lambda x, w: conv(x, w, ((-1, -1), (0, -2)), lhs_dilation=(2, 1)),
        [(1, 3, 4, 1), (2, 1, 1, 2)],
    ),
    # Long sums, whose values the bound can do without: added, moved, summed and contracted on.
    "long, added": (lambda x, y, b: x @ y - (x[:, ::-1] @ y + b) + x[0, 0], [(2, 10), (10, 2), (2,)]),
    "long, added to often": (lambda x, y, b: reduce(jnp.add, [b] * 40, x @ y), [(1, 16), (16, 1), (1,)]),
    "long, cancelled": (lambda x, y, b: ((x @ y - b) + (b - x @ y)) @ b, [(2, 20), (20, 2), (2,)]),
    "long, contracted": (lambda x, y, z: jnp.flip((x @ y).T) @ z, [(2, 18), (18, 2), (2, 2)]),
    "long, contracted on the left": (lambda x, y, z: z @ (x @ (y / 3) * -1), [(2, 18), (18, 2), (2, 2)]),
    "long, summed": (lambda x, y: jnp.concatenate([abs(x @ y), y[:1]]).sum(0), [(2, 34), (34, 2)]),
    "long, filled": (
        lambda x, y: (x @ y).at[jnp.array([0, 7])].get(mode="fill", fill_value=0) + 2 * y[:2],
        [(2, 9), (9, 2)],
    ),
    "long conv": (lambda x, w, q: conv(x, w, ((3, 0), (1, 1))) @ q, [(1, 3, 3, 2), (3, 3, 2, 1), (1, 2)]),
    "centred": (lambda w: w - w.mean(axis=0, keepdims=True), [(4, 2)]),
    "sum": (lambda x: x.sum(), [(7,)]),
    "cumsum": (lambda x: jnp.cumsum(x, 1) + jnp.cumsum(x[::-1], 0), [(2, 4)]),
    "window": (window_mean, [(3, 3)]),
    "maxima": (lambda x, y: jnp.clip(jax.nn.relu(x - y), 0, 2).max(0), [(2, 3), (2, 3)]),
    "leaky": (lambda x, y: jax.nn.leaky_relu(x - y), [(4,), (4,)]),
    "select": (lambda x, y: jnp.where((x > y) & (x < 1), x * y, abs(x)), [(4,), (4,)]),
    "signs": (lambda x, y: jnp.sign(x - y) * x + jnp.sign(y), [(4,), (4,)]),
    "moves": (lambda x: jnp.pad(x, 1)[::-1, 1:].T.reshape(-1)[jnp.array([1, 9, 4])] / 7, [(2, 3)]),
    "parts": (lambda x: jnp.concatenate([2 * x[:1], x[1:] + 1]) + jnp.tile(x[0], (3, 1)), [(3, 2)]),
    "stacked": (lambda x: jnp.stack([x, -x, x / 3]).squeeze() + jnp.split(x * 3, 1)[0], [(4,)]),
    "triangle": (lambda x: jnp.tril(x) @ x + jnp.arange(3.0, dtype=x.dtype), [(3, 3)]),
    "added at indices": (
        lambda x, y: jnp.flip(x / 3).at[jnp.array([1, 1, 0, 9])].add(y / 7).at[::2].subtract(y[:2]),
        [(3,), (4,)],
    ),
    "replaced": (lambda x, y: lax.dynamic_update_slice(x / 3, y / 7, (9,)).at[1].set(y[0] * x[0]), [(4,), (2,)]),
    "several": (lambda x: {"a": x.sum(0), "b": x.mean()}, [(3, 2)]),
}


@lru_cache
def compiled(name: str, dtype: str, platform: str = "cpu") -> tuple[Any, Any, Any]:
    """A program's jaxpr, the program, and its value with the bound and what its size is at most; these two jitted."""
    function, shapes = PROGRAMS[name]
    closed = jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, dtype) for s in shapes))
    table = rounding_table(Machine(platform))

    def bounded(*xs: Array) -> list[tuple[Array, Array, Array]]:
        found = interpret(table, closed, [Bounded(x) for x in xs])
        return [(b.value, b.slack, b.reach if b.cap is None else b.cap) for b in found]

    return closed, jax.jit(function), jax.jit(bounded)


def fractions(array: Any) -> list[Fraction]:
    return [Fraction(float(entry)) for entry in np.asarray(array).astype(np.float64).ravel()]


def exact(closed: Any, inputs: list[np.ndarray]) -> list[list[Fraction]]:
    avals = [v.aval for v in closed.jaxpr.invars]
    values = interpret(EXPLICIT, closed, [literal(x, a) for x, a in zip(inputs, avals, strict=True)])
    return [[Fraction(entry) for entry in value.ravel()] for value in values]


def hold(name: str, dtype: str, inputs: list[np.ndarray], *, eager: bool = False) -> float:
    """Assert that every entry of every output is within its bound; return the largest error over bound."""
    closed, function, bounded = compiled(name, dtype)
    found = bounded(*inputs)
    runs = [jax.tree.leaves(function(*inputs)), [value for value, _, _ in found]]
    runs += [jax.tree.leaves(PROGRAMS[name][0](*map(jnp.asarray, inputs)))] if eager else []
    largest = 0.0
    for values in runs:
        for value, (_, bound, cap), truth in zip(values, found, exact(closed, inputs), strict=True):
            assert value.shape == bound.shape == cap.shape
            entries = zip(fractions(value), fractions(bound), fractions(cap), truth, strict=True)
            for computed, allowed, most, true in entries:
                error = abs(computed - true)
                assert error <= allowed, f"{name} {dtype}: off by {float(error)}, bound {float(allowed)}"
                assert abs(computed) <= most, f"{name} {dtype}: {float(computed)}, at most {float(most)}"
                largest = max(largest, float(error / allowed) if allowed else 0.0)
    return largest


def wild(name: str, dtype: str, seed: int, low: int, high: int) -> list[np.ndarray]:
    """Random entries of random magnitudes in 2^low .. 2^high, with signs."""
    rng = np.random.default_rng(seed)
    shapes = PROGRAMS[name][1]
    entries = [rng.standard_normal(s) * 2.0 ** rng.integers(low, high + 1, s) for s in shapes]
    return [e.astype(jnp.dtype(dtype)) for e in entries]


MAGNITUDES = {
    "float32": [(0, 0), (-30, 30), (-150, -60)],
    "bfloat16": [(0, 0), (-30, 30), (-150, -60)],
    "float16": [(0, 0), (-4, 2), (-26, -10)],
    "float64": [(0, 0), (-300, 300), (-1080, -500)],
}


# float32 runs them all, the other dtypes one of each kind.
KINDS = ("mul", "power", "divide", "conv projected", "projected conv", "cumsum", "leaky")
RUNS = [(n, d) for d in DTYPES for n in (PROGRAMS if d == "float32" else KINDS)]


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_bound_holds_at_every_magnitude(name: str, dtype: str):
    with jax.enable_x64(dtype == "float64"):
        for at, (low, high) in enumerate(MAGNITUDES[dtype]):
            hold(name, dtype, wild(name, dtype, at, low, high), eager=at == 0 and dtype == "float32")


def test_additions_to_a_capped_sum_count():
    """The product is exact; each addition then loses 0.9, one after the other."""
    inputs = [np.full((1, 16), 2.0**20), np.ones((16, 1)), np.full(1, 0.9)]
    assert hold("long, added to often", "float32", [x.astype(np.float32) for x in inputs]) > 0.5


LARGE = np.array([3e38, 3e38, -3e38, -2.99e38], np.float32)
HALF = np.array([50], np.float16)
OVERFLOWING: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "sum": (lambda x: x.sum(), LARGE),
    "cumsum": (lambda x: 1 / jnp.cumsum(x)[-1:], LARGE),
    "window": (lambda x: lax.reduce_window(x, np.float32(0), lax.add, (4,), (1,), "VALID"), LARGE),
    "scatter": (lambda x: jnp.zeros(1).at[jnp.zeros(4, int)].add(x), LARGE),
    "product": (lambda x: (x / 3) @ jnp.full(4, 3, x.dtype), LARGE),
    "compared": (lambda x: jnp.where(x.sum() > 2e36, 7e36, 0.0), LARGE),
    "clipped": (lambda x: jnp.minimum(x.sum(), 1e37), LARGE),
    "asked for": (lambda x: jnp.where(jnp.isfinite(x.sum()), x.sum(), 0), LARGE),
    "of a bounded function": (lambda x: jnp.tanh(x.sum()), LARGE),
    "an angle": (lambda x: jnp.atan2(x.sum(), 1.0), LARGE),
    "no number": (lambda x: jnp.where(jnp.isnan(x.sum()), 0, x.sum()), LARGE),
    "power": (lambda x: x**3, HALF),
    "under a power": (lambda x: 1000 / x**3, HALF),
    "power, asked for": (lambda x: jnp.where(jnp.isfinite(x**3), x**3, np.float16(0)), HALF),
    "divided": (lambda x: 1 / (x * 40 * 40), HALF),
}
"""Each may overflow on the way, in some order of its additions."""


@pytest.mark.parametrize("name", OVERFLOWING)
def test_after_an_overflow_no_small_bound(name: str):
    function, x = OVERFLOWING[name]
    (found,) = interpret(rounding_table(Machine()), jax.make_jaxpr(function)(x), [Bounded(jnp.asarray(x))])
    with jax.enable_x64(True):
        true = np.asarray(function(jnp.asarray(x, np.float64)))
    for run in (jax.jit(function)(x), found.value):
        off = np.abs(np.asarray(run, np.float64) - true)
        assert (off <= found.slack).all() or np.isinf(found.slack).all()
    assert np.isinf(found.slack).all() or name == "compared"


ENTRIES = st.one_of(
    st.floats(-(2.0**20), 2.0**20, width=32),
    st.sampled_from(
        [0.0, -0.0, 1.0, -1.0, 1 + 2.0**-23, 2.0**-149, -(2.0**-130), 2.0**-126, 2.0**-63, 3.0, 2.0**24 - 1]
    ),
)


@pytest.mark.parametrize("name", ["matmul", "both inexact", "conv projected", "centred", "leaky", "select", "power"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bound_holds_on_what_hypothesis_finds(name: str, data: st.DataObject):
    inputs = [data.draw(hnp.arrays(np.float32, s, elements=ENTRIES)) for s in PROGRAMS[name][1]]
    hold(name, "float32", inputs)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bound_holds_under_cancellation(data: st.DataObject):
    x = data.draw(hnp.arrays(np.float32, (2, 3), elements=ENTRIES))
    y = data.draw(hnp.arrays(np.float32, (3, 4), elements=ENTRIES))
    z = np.concatenate([np.ones((2, 2)), -np.ones((2, 2))]).astype(np.float32)
    doubled = np.concatenate([y[:, :2], np.nextafter(y[:, :2], np.float32(np.inf))], axis=1)
    hold("chain", "float32", [x, doubled, z])


def tree_sum(terms: list[np.float32], rng: np.random.Generator) -> np.float32:
    """A sum of floats along a random binary tree."""
    while len(terms) > 1:
        i, j = rng.choice(len(terms), 2, replace=False)
        merged = terms[i] + terms[j]
        terms = [t for k, t in enumerate(terms) if k not in (i, j)] + [merged]
    return terms[0]


def fused_sum(x: np.ndarray, w: np.ndarray) -> np.float32:
    """One accumulator, fused multiply-adds (the product is exact in float64)."""
    total = np.float32(0)
    for a, b in zip(x, w, strict=True):
        total = np.float32(float(a) * float(b) + float(total))
    return total


@pytest.mark.parametrize("seed", range(6))
def test_bound_holds_for_any_order_of_summation(seed: int):
    rng = np.random.default_rng(seed)
    n = 40
    x, w = (rng.standard_normal(n).astype(np.float32) for _ in range(2))
    if seed % 2:  # one large term, many that are lost one by one
        x, w = np.full(n, np.float32(U * 0.99)), np.ones(n, np.float32)
        x[0] = 1
    _, bound = bound_of(lambda x, w: x @ w, x, w)
    true = sum((Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, w, strict=True)), Fraction(0))
    products = [np.float32(a * b) for a, b in zip(x, w, strict=True)]
    orders = [tree_sum(products, rng) for _ in range(5)]
    orders += [fused_sum(x, w), fused_sum(x[::-1], w[::-1])]
    for value in orders:
        assert abs(Fraction(float(value)) - true) <= Fraction(float(bound))


def bound_of(function: Callable[..., Any], *inputs: Any, platform: str = "cpu") -> tuple[Array, Array]:
    """A program's value and bound."""
    closed = jax.make_jaxpr(function)(*inputs)
    (found,) = interpret(rounding_table(Machine(platform)), closed, [Bounded(jnp.asarray(x)) for x in inputs])
    return found.value, found.slack


def test_bound_is_nearly_reached_where_rounding_conspires():
    # 1 + u' + u' + ...: each addend just under half an ulp is lost, in order. The bound is sharp within a factor 2.
    n = 64
    x = np.full(n, np.float32(U * 0.999))
    x[0] = 1
    _, bound = bound_of(jnp.sum, x)
    lost = Fraction(float(sum(map(Fraction, map(float, x[1:])), Fraction(0))))
    assert lost <= Fraction(float(bound)) <= 2 * lost


def test_bound_is_tight():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 4608)).astype(np.float32), rng.standard_normal((4608, 3)).astype(np.float32)
    _, bound = bound_of(jnp.matmul, x, w)
    theory = 4608 * U * (np.abs(x.astype(np.float64)) @ np.abs(w.astype(np.float64)))
    assert (np.asarray(bound) >= theory).all()
    assert (np.asarray(bound) <= 1.001 * theory).all()
    value, bound = bound_of(jnp.add, x, x)
    assert (np.asarray(bound) <= 1.00001 * U * np.abs(value) + 1e-36).all()


@pytest.mark.parametrize("terms", [64, 4608])
def test_what_is_likely_is_far_below_the_guarantee_and_holds_on_random_inputs(terms: int):
    rng = np.random.default_rng(terms)
    x, w, q = (rng.standard_normal(s).astype(np.float32) for s in ((8, terms), (terms, 16), (16, 4)))
    closed = jax.make_jaxpr(lambda x, w, q: (x @ w) @ q)(x, w, q)
    sure, likely = (
        interpret(rounding_table(Machine(likely=b)), closed, [Bounded(jnp.asarray(a)) for a in (x, w, q)])[0]
        for b in (False, True)
    )
    exact = x.astype(np.float64) @ w.astype(np.float64) @ q.astype(np.float64)
    error = np.abs(np.asarray(sure.value, np.float64) - exact)
    assert (error <= np.asarray(likely.slack)).all()
    assert (np.asarray(likely.slack) < np.asarray(sure.slack)).all()
    if terms == 4608:
        assert (np.asarray(likely.slack) < np.asarray(sure.slack) / 8).all()


def test_sums_that_chop_are_expected_to_err_to_one_side():
    a = arithmetic("float32", "DEFAULT", "gpu")
    assert float(replace(a, likely=True).growth(4608)) == float(a.growth(4608))
    nearest = arithmetic("float32")
    assert float(replace(nearest, likely=True).growth(4608)) < float(nearest.growth(4608)) / 10


def test_only_taps_inside_the_image_count():
    x, w = np.ones((1, 5, 5, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    _, bound = bound_of(conv, x, w)
    assert np.allclose(bound[0, :, :, 0] / U, np.outer([2, 3, 3, 3, 2], [2, 3, 3, 3, 2]) ** 2, rtol=1e-4)


def test_exact_programs_have_no_bound():
    for function in (lambda x: x.T[::-1].reshape(6), lambda x: -abs(x), lambda x: jnp.stack([x, x])):
        closed = jax.make_jaxpr(function)(np.ones((2, 3), np.float32))
        (found,) = interpret(rounding_table(), closed, [Bounded(jnp.ones((2, 3)))])
        assert found.error is None


def test_power_of_two_is_exact_but_for_underflow():
    _, bound = bound_of(lambda x: 4 * x, np.ones(3, np.float32))
    assert float(bound.max()) < 1e-36


def test_constants_that_stand_for_rationals_are_rounded():
    closed = jax.make_jaxpr(lambda x: x * np.float32(1 / 3) + 2)(np.float32(1))
    bounds = [
        float(interpret(rounding_table(rationals=r), closed, [Bounded(jnp.float32(3))])[0].slack) for r in (False, True)
    ]
    third = abs(Fraction(float(np.float32(1 / 3))) - Fraction(1, 3)) * 3
    assert bounds[1] >= bounds[0] + float(third)


@pytest.mark.parametrize("value", [1.0, 3e38, 2.0**-120])
def test_reciprocal_that_underflows_is_covered(value: float):
    # XLA multiplies by 1/2^127, a subnormal, which it flushes.
    x, function = np.array([2.0**127, value], np.float32), lambda x: x / np.float32(2.0**127)
    _, bound = bound_of(function, x)
    for computed, entry, allowed in zip(jax.jit(function)(x), x, bound, strict=True):
        assert abs(Fraction(float(computed)) - Fraction(float(entry)) / 2**127) <= Fraction(float(allowed))


def test_division_by_what_may_be_zero_has_no_finite_bound():
    _, bound = bound_of(lambda x, y: x / (y - y * 1.5 + y / 2), np.array([1], np.float32), np.array([3], np.float32))
    assert np.isinf(bound[0])


def test_an_error_on_either_side_of_a_product_is_carried_along():
    # x x is rounded to z: what is left of it, 2^-24, is lost, and the other factor makes it large.
    x, z, w = (np.full((1, 1), v, np.float32) for v in (1 + 2.0**-12, 1 + 2.0**-11, 1024.0))
    for function in (
        lambda x, z, w: (x * x - z) * w,
        lambda x, z, w: w * (x * x - z),
        lambda x, z, w: (x * x - z) @ w,
        lambda x, z, w: w @ (x * x - z),
        lambda x, z, w: (x * x - z) / (1 / w),
        lambda x, z, w: ((x * x - z) * w).sum(),
    ):
        _, bound = bound_of(function, x, z, w)
        assert float(bound.squeeze()) >= 1024 * 2.0**-24


@pytest.mark.parametrize("divisor", [3.0, 7.0, 41.0, 4608.0, 0.3])
def test_division_as_xla_does_it_is_covered(divisor: float):
    # A constant divisor becomes a product with its rounded reciprocal: more than one rounding.
    x = np.random.default_rng(0).random(400, np.float32) + 1
    function = lambda x: x / np.float32(divisor)  # noqa: E731
    _, bound = bound_of(function, x)
    exact = [Fraction(float(entry)) / Fraction(float(np.float32(divisor))) for entry in x]
    errors = [abs(a - b) for a, b in zip(fractions(jax.jit(function)(x)), exact, strict=True)]
    assert all(error <= allowed for error, allowed in zip(errors, fractions(bound), strict=True))
    if divisor == 41:
        assert any(error > quotient * Fraction(U) for error, quotient in zip(errors, exact, strict=True))


# What must not pass: computations that round more than the arithmetic says are above the bound.


def rounded_to_bits(x: np.ndarray, bits: int) -> np.ndarray:
    fraction, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.round(fraction * 2.0**bits), exponent - bits).astype(np.float32)


def test_tf32_is_above_the_float32_bound_and_within_its_own():
    x, w = np.full((1, 16), np.float32(1 + 2.0**-12)), np.full((16, 1), np.float32(1 + 2.0**-12))
    true = 16 * (1 + Fraction(1, 2**12)) ** 2
    tf32 = Fraction(float((rounded_to_bits(x, 11) @ rounded_to_bits(w, 11))[0, 0]))
    cpu, gpu = (float(bound_of(jnp.matmul, x, w, platform=p)[1][0, 0]) for p in ("cpu", "gpu"))
    assert cpu < abs(tf32 - true) <= gpu
    highest = bound_of(lambda x, w: jnp.matmul(x, w, precision="highest"), x, w, platform="gpu")[1]
    assert float(highest[0, 0]) < abs(tf32 - true)


def test_a_narrow_accumulator_is_above_the_bound():
    x = np.full((1, 512), np.float32(1.01))
    value = jnp.cumsum(jnp.asarray(x, jnp.bfloat16), 1)[0, -1]
    true = 512 * Fraction(float(np.float32(1.01)))
    assert abs(Fraction(float(value)) - true) > Fraction(float(bound_of(lambda x: x.sum(1), x)[1][0]))


def test_a_dropped_tap_is_above_the_bound():
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, 8, 8, 4)).astype(np.float32), rng.standard_normal((3, 3, 4, 2)).astype(np.float32)
    value, bound = bound_of(conv, x, w)
    w[0, 0, 0, 0] = 0
    assert (np.abs(conv(jnp.asarray(x), jnp.asarray(w)) - value) > bound).any()


def test_a_comparison_within_rounding_is_covered_by_both_cases():
    # 0.1 + 0.2 > 0.3 by rounding alone; the exact answer for these float32 numbers is taken by the other case.
    x, y, z = np.float32(1 + 2.0**-23), np.float32(1 + 2.0**-23), np.float32(1 + 2.0**-22)
    _, bound = bound_of(lambda x, y, z: jnp.where(x * y > z, 5.0, -5.0), x, y, z)
    assert float(bound) >= 10


def test_refusals_name_the_primitive():
    with pytest.raises(Unsupported, match=r"lgamma at .*test_rounding.py.*no rule"):
        bound_of(lambda x: lax.lgamma(x), np.float32(1))
    with pytest.raises(Unsupported, match="reduce_precision"):
        bound_of(lambda x: lax.reduce_precision(x, 8, 7), np.float32(1))
    with pytest.raises(Unsupported, match="rounded float has no bound"):
        bound_of(lambda x: (x * x).astype(int), np.float32(1))
    with pytest.raises(Unsupported, match="integer or truth value"):
        bound_of(lambda x: jnp.where(x * x > 2, 1, 2), np.float32(1))
    with pytest.raises(Unsupported, match="past the whole numbers"):
        bound_of(lambda x: x + jnp.arange(5000, dtype=jnp.float16), np.float16(1))


def test_arithmetic_of_platforms():
    assert arithmetic("float32", None, "cuda") == arithmetic("float32", "DEFAULT", "gpu")
    assert arithmetic("float32", (lax.Precision.HIGHEST, lax.Precision.DEFAULT), "gpu").u_in == 2.0**-11
    assert arithmetic("bfloat16").u_acc == 2.0**-24
    assert arithmetic("float32", "high", "tpu").chops
    assert float(arithmetic("bfloat16", None, "gpu").growth(2**24)) > 1
    with pytest.raises(BadInput, match="int32 has no rounding"):
        arithmetic("int32")
    with pytest.raises(BadInput, match="abacus"):
        arithmetic("float32", None, "abacus")
    with pytest.raises(Unsupported, match="precision"):
        arithmetic("float32", "BF16_BF16_F32_X3")


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_bounds_are_rounded_up(terms: list[float]):
    total = up(jnp.sum(jnp.asarray(terms, jnp.float32)), len(terms), 2.0**-120)
    assert Fraction(float(total)) >= sum(map(Fraction, terms), Fraction(0))


def test_subnormals_are_told_by_their_bits():
    x = np.array([0, -0.0, 2.0**-149, -(2.0**-127), 2.0**-126, 1, -3e38], np.float32)
    assert jax.jit(subnormal)(x).tolist() == [False, False, True, True, False, False, False]


@given(st.integers(0, 4), st.tuples(st.integers(-7, 3), st.integers(-7, 3)), st.integers(1, 3))
def test_a_cropped_axis_is_its_part_with_a_padding(image: int, pads: tuple[int, int], dilation: int):
    def laid_out(x: np.ndarray, low: int, high: int) -> np.ndarray:
        """Dilated, padded, then cropped."""
        dilated = np.zeros((len(x) - 1) * dilation + 1 if len(x) else 0)
        dilated[::dilation] = x
        padded = np.pad(dilated, (max(low, 0), max(high, 0)))
        return padded[max(-low, 0) : len(padded) - max(-high, 0)]

    x = np.arange(1.0, image + 1)
    places = (image - 1) * dilation + 1 if image else 0
    assume(places + sum(pads) >= 0)
    start, stop, rest = uncropped(image, pads, dilation)
    assert min(rest) >= 0
    assert laid_out(x, *pads).tolist() == laid_out(x[start:stop], *rest).tolist()
