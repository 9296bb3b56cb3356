"""Bounds of exp, sqrt and the like, against Arb's balls: for every argument that the contract allows."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

import jaxiom
from jaxiom.errors import Unsupported
from jaxiom.interpret import interpret
from jaxiom.rules.arithmetic import UNIT
from jaxiom.rules.bounded import Bounded, Machine
from jaxiom.rules.rounding import rounding_table
from jaxiom.rules.rounding_functions import SLOPES

OPTIMISED = True

arb = flint.arb
Oracle = Callable[[Any], Any]

# name -> (the function on balls, arguments to draw from)
FUNCTIONS: dict[str, tuple[Oracle, tuple[float, float]]] = {
    "exp": (lambda x: x.exp(), (-80, 80)),
    "exp2": (lambda x: (x * arb(2).log()).exp(), (-120, 120)),
    "expm1": (lambda x: x.expm1(), (-20, 80)),
    "log": (lambda x: x.log(), (1e-30, 100)),
    "log1p": (lambda x: x.log1p(), (-0.999, 100)),
    "sqrt": (lambda x: x.sqrt(), (0, 100)),
    "rsqrt": (lambda x: x.rsqrt(), (1e-3, 100)),
    "cbrt": (lambda x: x.root(3) if x >= 0 else -((-x).root(3)), (-100, 100)),
    "logistic": (lambda x: 1 / (1 + (-x).exp()), (-80, 80)),
    "tanh": (lambda x: x.tanh(), (-10, 10)),
    "sin": (lambda x: x.sin(), (-1000, 1000)),
    "cos": (lambda x: x.cos(), (-1000, 1000)),
    "tan": (lambda x: x.tan(), (-10, 10)),
    "asin": (lambda x: x.asin(), (-1, 1)),
    "acos": (lambda x: x.acos(), (-1, 1)),
    "atan": (lambda x: x.atan(), (-100, 100)),
    "sinh": (lambda x: x.sinh(), (-80, 80)),
    "cosh": (lambda x: x.cosh(), (-80, 80)),
    "asinh": (lambda x: x.asinh(), (-100, 100)),
    "acosh": (lambda x: x.acosh(), (1, 100)),
    "atanh": (lambda x: x.atanh(), (-1, 1)),
    "erf": (lambda x: x.erf(), (-5, 5)),
    "erfc": (lambda x: x.erfc(), (-5, 8)),
}
COUNT = 64


def ball(number: Fraction) -> Any:
    return arb(flint.fmpq(number.numerator, number.denominator))


def bounded(call: Callable[..., Any], operands: list[Bounded]) -> Bounded:
    closed = jax.make_jaxpr(call)(*(o.value for o in operands))
    (found,) = interpret(rounding_table(Machine()), closed, operands)
    return found


def arguments(name: str, dtype: str, seed: int, size: float) -> tuple[Any, np.ndarray]:
    """Values in the function's range, small ones and ends among them, and errors of about `size` of them."""
    rng, (low, high) = np.random.default_rng(seed), FUNCTIONS[name][1]
    values = rng.uniform(low, high, COUNT)
    near = (values - np.clip(0, low, high)) * 2.0 ** rng.integers(-30, 1, COUNT) + np.clip(0, low, high)
    values = jnp.asarray(np.where(rng.random(COUNT) < 0.5, near, values), dtype)
    wide = np.float64 if dtype == "float64" else np.float32
    errors = np.abs(np.asarray(values, np.float64)) * size * rng.random(COUNT)
    return values, errors.astype(wide)


def check(call: Callable[..., Any], oracle: Callable[..., Any], operands: list[Bounded], seed: int) -> Any:
    """Assert the contract at random exact arguments and evaluations that it allows; the bounds."""
    rng, found = np.random.default_rng(seed), bounded(call, operands)
    exacts, others = [], []
    for operand in operands:
        v, e = np.asarray(operand.value, np.float64), np.asarray(operand.slack, np.float64)
        exact = [
            Fraction(a) + Fraction(t) * Fraction(b) for a, b, t in zip(v, e, rng.uniform(-1, 1, v.size), strict=True)
        ]
        dtype = operand.value.dtype
        other = np.asarray(jnp.asarray(v + e * rng.uniform(-2, 2, v.size), dtype), np.float64)
        allowed = [abs(Fraction(o) - x) <= Fraction(b) for o, x, b in zip(other, exact, e, strict=True)]
        others.append(jnp.asarray(np.where(allowed, other, v), dtype))
        exacts.append(exact)
    bounds = np.asarray(found.slack, np.float64)
    for run in (found.value, jax.jit(call)(*others)):
        for *exact, value, bound in zip(*exacts, np.asarray(run, np.float64), bounds, strict=True):
            with flint.ctx.workprec(300):
                truth = oracle(*map(ball, exact))
                if np.isfinite(bound) and truth.is_finite() and np.isfinite(value):  # an overflow shows by itself
                    assert abs(ball(Fraction(value)) - truth) <= ball(Fraction(bound)), (exact, value, bound)
    return bounds


RUNS = [(name, "float32") for name in FUNCTIONS] + [
    (name, dtype)
    for name in ("exp", "log1p", "sqrt", "tanh", "exp2", "atanh", "erfc", "sinh")
    for dtype in ("float64", "bfloat16", "float16")
]


def test_every_function_is_tested() -> None:
    assert set(FUNCTIONS) == set(SLOPES)


@pytest.mark.parametrize(("name", "dtype"), RUNS)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.0, 1e-7, 1e-3, 0.3]))
@settings(max_examples=8, deadline=None)
def test_every_evaluation_is_within_the_bound(name: str, dtype: str, seed: int, size: float) -> None:
    with jax.enable_x64(dtype == "float64"):
        values, errors = arguments(name, dtype, seed, size)
        operand = Bounded(values, jnp.asarray(errors) if size else None)
        check(getattr(lax, name), FUNCTIONS[name][0], [operand], seed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bounds_are_finite_and_no_looser_than_they_need_be(name: str) -> None:
    """Of exact arguments: a few roundings. Of an inexact one: about the slope times its error."""
    low, high = FUNCTIONS[name][1]
    middle = jnp.linspace(low + 0.1 * (high - low), high - 0.1 * (high - low), 8, dtype="float32")
    exact = bounded(getattr(lax, name), [Bounded(middle)])
    size = np.abs(np.asarray(exact.value, np.float64))
    spread = 1 + np.asarray(middle, np.float64) ** 2
    assert np.all(np.asarray(exact.slack) <= 40 * UNIT["float32"] * size * spread + 1e-35)
    e = 1e-4 * np.abs(np.asarray(middle)) + 1e-6
    moved = np.asarray(bounded(getattr(lax, name), [Bounded(middle, jnp.asarray(e))]).slack, np.float64)
    with jax.enable_x64(True):
        slope = np.abs(np.asarray(jax.vmap(jax.grad(getattr(lax, name)))(np.asarray(middle, np.float64))))
    assert np.all(np.isfinite(moved))
    if name not in ("sin", "cos", "erf", "erfc", "logistic", "tanh"):  # of these a slope elsewhere is taken
        assert np.all(moved <= 2 * slope * e + 1e-3 * slope * e + 40 * UNIT["float32"] * size * spread + 1e-5)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.0, 1e-6, 0.1]), whole=st.booleans())
@settings(max_examples=25, deadline=None)
def test_powers(seed: int, size: float, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.01, 9, COUNT).astype(np.float32)
    y = (rng.integers(-3, 4, COUNT) if whole else rng.uniform(-4, 4, COUNT)).astype(np.float32)
    ex, ey = (x * size * rng.random(COUNT)).astype(np.float32), (size * rng.random(COUNT)).astype(np.float32)
    operands = [Bounded(jnp.asarray(x), jnp.asarray(ex)), Bounded(jnp.asarray(y), None if whole else jnp.asarray(ey))]
    bounds = check(lax.pow, lambda a, b: (b * a.log()).exp(), operands, seed)
    assert np.isfinite(bounds).all() or size == 0.1


def test_a_power_of_nothing() -> None:
    """0 to an exact power of at least 1 is no singularity; with an integer exponent, negative bases are none either."""
    zero, e = jnp.zeros(1), jnp.full(1, 1e-3)
    assert 0 < float(bounded(lax.pow, [Bounded(zero, e), Bounded(jnp.full(1, 1.5))]).slack[0]) < 1e-3
    assert np.isinf(bounded(lax.pow, [Bounded(zero, e), Bounded(jnp.full(1, 0.5))]).slack).all()
    found = bounded(lax.pow, [Bounded(jnp.full(1, -2.0)), Bounded(jnp.full(1, 3, jnp.int32))])
    assert (float(found.value[0]), bool(found.slack[0] < 1e-4)) == (-8, True)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.0, 1e-6, 0.2]))
@settings(max_examples=25, deadline=None)
def test_angles(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    y, x = (rng.choice([-1, 0, 1, 0.01], COUNT) * rng.uniform(0.5, 2, COUNT) for _ in "yx")
    x = np.where((x == 0) & (y == 0), 1, x)
    operands = []
    for v in (y, x):
        v = v.astype(np.float32)
        operands.append(Bounded(jnp.asarray(v), jnp.asarray(np.abs(v) * np.float32(size))))
    check(lax.atan2, lambda a, b: arb.atan2(a, b), operands, seed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log", 1e-6),
        ("rsqrt", 1e-6),
        ("asin", 0.9999999),
        ("acosh", 1.0000001),
        ("atanh", -0.9999999),
        ("tan", 1.5707963),
    ],
)
def test_past_the_domain_there_is_no_bound(name: str, value: float) -> None:
    found = bounded(getattr(lax, name), [Bounded(jnp.full(1, value), jnp.full(1, 1e-3))])
    assert np.isinf(found.slack).all()


def test_subnormal_arguments_may_be_flushed() -> None:
    tiny = jnp.full(1, 1e-40, jnp.float32)
    assert bounded(lax.sqrt, [Bounded(tiny)]).slack[0] >= np.sqrt(1e-40)
    assert np.isinf(bounded(lax.log, [Bounded(tiny)]).slack).all()


def test_nothing_is_known_of_a_tpu() -> None:
    closed = jax.make_jaxpr(jnp.exp)(jnp.ones(2))
    with pytest.raises(Unsupported, match="accuracy on a TPU"):
        interpret(rounding_table(Machine("tpu")), closed, [Bounded(jnp.ones(2))])


def test_less_accuracy_is_refused() -> None:
    with pytest.raises(Unsupported, match="accuracy"):
        bounded(lambda x: lax.exp(x, accuracy=lax.Tolerance(1e-3, 1e-3, 1)), [Bounded(jnp.ones(2))])


def folded(X: Any, s: Any, m: Any, v: Any) -> Any:
    return (X - m) / jnp.sqrt(v * v + 1) * s


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_folding_with_a_root_is_rounding_and_the_wrong_fold_is_none(dtype: str) -> None:
    shapes = {"X": "n c", "s": "c", "m": "c", "v": "c"}
    right = lambda X, s, m, v: X * (s / jnp.sqrt(v * v + 1)) - m * (s / jnp.sqrt(v * v + 1))  # noqa: E731
    wrong = lambda X, s, m, v: X * (s / jnp.sqrt(v * v + 1)) - m * s  # noqa: E731
    at = {"n": 5, "c": 7}
    assert jaxiom.measure(folded, right, shapes=shapes, at=at, dtype=dtype).verdict == "rounding"
    assert jaxiom.measure(folded, wrong, shapes=shapes, at=at, dtype=dtype).verdict == "finding"


def test_a_constant_cut_short_is_found() -> None:
    """0.79788 for sqrt(2/pi), as the tanh form of gelu is often copied."""
    short = lambda x: x * 0.5 * (1 + jnp.tanh(0.79788 * (x + 0.044715 * x**3)))  # noqa: E731
    m = jaxiom.measure(jax.nn.gelu, short, shapes={"x": "n"}, at={"n": 200})
    assert m.verdict == "finding"


def test_logsumexp_asks_whether_its_maximum_is_finite() -> None:
    naive = lambda x: jnp.log(jnp.exp(x).sum(-1))  # noqa: E731
    shapes, at = {"x": "n c"}, {"n": 4, "c": 7}
    assert jaxiom.measure(lambda x: jax.nn.logsumexp(x, -1), naive, shapes=shapes, at=at).verdict == "rounding"
    wrong = lambda x: jax.nn.logsumexp(x, 0)[0] + 0 * x.sum(-1)  # noqa: E731
    found = jaxiom.measure(wrong, naive, shapes=shapes, at=at)
    assert found.verdict == "finding"
    assert "they may differ" in found.sentence


def test_an_argument_outside_the_domain_is_told() -> None:
    with pytest.raises(jaxiom.BadInput, match="outside a function's domain"):
        jaxiom.measure(jnp.log, jnp.log, shapes={"x": "n"}, at={"n": 9})


def test_softplus_asks_whether_its_argument_is_a_number() -> None:
    m = jaxiom.measure(jax.nn.softplus, lambda x: jnp.log(1 + jnp.exp(x)), shapes={"x": "n"}, at={"n": 100})
    assert m.verdict == "rounding"
    assert m.bound is not None
    assert m.bound.max < 1e-4
