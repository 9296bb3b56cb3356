"""The exact check: true claims, false claims, and the probability that it promises."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from jaxiom import residues
from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.interpret import interpret
from jaxiom.residues import ExactCheck, check_here, digits, draw_inputs, lottery, primes_between, residual
from jaxiom.rules.heights import HEIGHTS, INPUT, Height, minus
from jaxiom.rules.modular import Field

PRIME = 2_583_109


def conv(x: Array, w: Array, padding: Any = "SAME") -> Array:
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def jaxpr(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, "float32") for s in shapes))


def check(lhs: Callable[..., Any], rhs: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> ExactCheck:
    return check_here(jaxpr(lhs, *shapes), jaxpr(rhs, *shapes), **options)


def modulo(value: Fraction, p: int) -> int:
    return value.numerator * pow(value.denominator, -1, p) % p


# Claims

EQUAL: list[tuple[str, Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]] = [
    (
        "projection",
        lambda x, w, q: conv(x, w @ q),
        lambda x, w, q: conv(x, w) @ q,
        [(1, 4, 4, 2), (3, 3, 2, 3), (3, 2)],
    ),
    ("square", lambda x: (x + 1) ** 2, lambda x: x * x + 2 * x + 1, [(3,)]),
    ("mean", lambda x: x.mean(), lambda x: x.sum() / 12, [(4, 3)]),
    ("literal", lambda x: 0.1 * x, lambda x: x * 13421773 / 134217728, [(2,)]),
    ("cancel", lambda x: x / 9 * 9, lambda x: x, [(2,)]),
    ("counts", lambda x: x / (jnp.arange(3.0) + 1), lambda x: x * 6 / jnp.float32([6, 12, 18]), [(3,)]),
    ("bilinear form", lambda x, y: jnp.vdot(x, y @ x), lambda x, y: (jnp.outer(x, x) * y).sum(), [(3,), (3, 3)]),
    ("several", lambda x: (x.T, x.sum()), lambda x: (x.transpose(1, 0), x.ravel().sum()), [(2, 3)]),
    (
        "adjoint",
        lambda x, w, y: (conv(x, w) * y).sum(),
        lambda x, w, y: (jax.vjp(lambda z: conv(z, w), x)[1](y)[0] * x).sum(),
        [(1, 3, 3, 1), (2, 2, 1, 1), (1, 3, 3, 1)],
    ),
]

DIFFERENT: list[tuple[str, Callable[..., Any], Callable[..., Any], list[tuple[int, ...]], tuple[int, ...]]] = [
    (
        "flipped kernel",
        lambda x, w: conv(x, w),
        lambda x, w: conv(x, w[::-1]),
        [(1, 4, 4, 1), (3, 3, 1, 1)],
        (0, 0, 0, 0),
    ),
    (
        "pad off by one",
        lambda x, w: conv(x, w, ((1, 1), (1, 1))),
        lambda x, w: conv(x, w, ((2, 0), (1, 1))),
        [(1, 4, 4, 1), (3, 3, 1, 1)],
        (0, 0, 0, 0),
    ),
    (
        "one corner",
        lambda x: x * np.float32(1),
        lambda x: x * corner(),
        [(3, 4)],
        (2, 3),
    ),
    ("0.1 is not 1/10", lambda x: 0.1 * x, lambda x: x / 10, [(2,)], (0,)),
    ("mean over n - 1", lambda x: x.mean(), lambda x: x.sum() / 11, [(4, 3)], ()),
    ("a constant", lambda x: x + 1e-30, lambda x: x, [(2,)], (0,)),
    ("251 x is not 0", lambda x: 251 * x, lambda x: 0 * x, [(2,)], (0,)),
    ("not commutative", lambda x, y: x @ y, lambda x, y: y @ x, [(2, 2), (2, 2)], (0, 0)),
    (
        "centred",
        lambda x, w: conv(x, w - w.mean(axis=(0, 1))),
        lambda x, w: conv(x, w),
        [(1, 3, 3, 1), (2, 2, 1, 1)],
        (0, 0, 0, 0),
    ),
]


def corner() -> np.ndarray:
    """Ones, but for one entry that float32 cannot tell from 1 in most sums."""
    ones = np.ones((3, 4), np.float32)
    ones[2, 3] = 1 + 2.0**-23
    return ones


@pytest.mark.parametrize("case", EQUAL, ids=lambda case: case[0])
def test_true_claims_are_equal_to_the_probability_asked_for(case: Any):
    _, lhs, rhs, shapes = case
    found = check(lhs, rhs, *shapes)
    assert found.status == "equal"
    assert 0 < found.failure_probability <= 2.0**-60
    assert str(found).startswith("equal here, failure probability <= 2^-")


@pytest.mark.parametrize("case", DIFFERENT, ids=lambda case: case[0])
def test_false_claims_are_different_for_certain(case: Any):
    _, lhs, rhs, shapes, index = case
    found = check(lhs, rhs, *shapes)
    assert (found.status, found.index, found.failure_probability) == ("different", index, 0.0)
    assert str(found).endswith("a certainty")


NOT_APPLICABLE: list[tuple[str, Callable[..., Any]]] = [
    ("no order", lambda x: jnp.maximum(x, 0)),
    ("no order", lambda x: jnp.where(x > 0, x, 0)),
    ("no order", lambda x: abs(x)),
    ("exp", lambda x: jnp.exp(x)),
    ("division by a tensor of the inputs", lambda x: x / x),
    ("truncates", lambda x: x.astype(int) * 1.0),
    ("division by zero", lambda x: x / jnp.arange(3.0)),
    ("division by zero", lambda x: x / 0),
    ("infinite", lambda x: x + jnp.inf),
    ("many different constants", lambda x: x / jnp.float32([0.1, 0.2, 0.3])),
    ("millions of digits", lambda x: (x + 0.1) ** 100_000),
    ("says too little", lambda x: (x**400_000) ** 10),
]


@pytest.mark.parametrize(
    ("reason", "function"), NOT_APPLICABLE, ids=[f"{i} {r}" for i, (r, _) in enumerate(NOT_APPLICABLE)]
)
def test_what_has_no_residue_is_not_applicable(reason: str, function: Callable[..., Any]):
    found = check(function, function, (3,))
    assert found.status == "not applicable"
    assert reason in found.reason


def test_a_quotient_that_is_left_out_does_no_harm():
    found = check(
        lambda x: jnp.where(jnp.arange(3) > 0, x / jnp.arange(3.0), 0), lambda x: x * jnp.float32([0, 1, 0.5]), (3,)
    )
    assert found.status == "equal"


# The closed form of a difference


def check_form(lhs: Callable[..., Any], rhs: Callable[..., Any], form: Callable[..., Any], *shapes: Any) -> ExactCheck:
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(form)(*(jax.ShapeDtypeStruct(s, "float64") for s in shapes))
    found = check_here(jaxpr(lhs, *shapes), jaxpr(rhs, *shapes), form=closed)
    assert found.status == "different"
    assert found.form is not None
    return found.form


def centred(x: Array, w: Array) -> Array:
    return conv(x, w - w.mean(axis=(0, 1)))


def drift(x: Array, w: Array, count: float = 9) -> Array:
    return conv(x, jnp.ones_like(w)) * w.sum() * np.float64(-1 / count)


def test_closed_form_is_checked_with_its_constants_read_as_fractions():
    shapes = (1, 4, 4, 1), (3, 3, 1, 1)
    right = check_form(centred, conv, drift, *shapes)
    assert right.status == "equal"
    assert right.failure_probability <= 2.0**-60
    for count in (8, 9 + 1e-6, 9 * (1 + 2.0**-45)):
        wrong = check_form(centred, conv, lambda x, w, count=count: drift(x, w, count), *shapes)
        assert wrong.status == ("different" if count == 8 else "not applicable")
    assert check_form(centred, conv, lambda x, w: -drift(x, w), *shapes).status == "different"


def test_closed_form_without_a_residue_is_not_applicable():
    found = check_form(lambda x: 2 * x, lambda x: x, lambda x: jnp.maximum(x, 0), (3,))
    assert found.status == "not applicable"
    assert "no order" in found.reason
    assert check_form(lambda x: 2 * x, lambda x: x, lambda x: x + jnp.inf, (3,)).reason.startswith("an infinite")


# The probability


def test_primes_that_divide_every_coefficient_are_counted_in():
    # x times the very primes that the seed draws: each round sees zero. That is the failure that the probability is of.
    identity, zero = (lambda x: x + 0), (lambda x: 0 * x)
    drawn = check(lambda x: x * 1.0, lambda x: x * 1.0, (1,)).primes

    def unlucky(x: Array) -> Array:
        for prime in drawn:
            x = x * prime
        return x

    height = minus(*(interpret(HEIGHTS, jaxpr(f, (1,)), [INPUT])[0] for f in (unlucky, zero)))
    source = lottery([height])
    assert source.miss >= len(drawn) / len(source.primes)
    assert check(unlucky, zero, (1,), seed=0, target=source.miss ** len(drawn) * 1.01).status == "equal"
    assert check(unlucky, zero, (1,), seed=1).status == "different"
    assert check(identity, zero, (1,)).status == "different"


def test_251_divides_every_round_with_251_but_is_not_in_the_lottery():
    closed, zero = jaxpr(lambda x: 251 * x, (4,)), jaxpr(lambda x: 0 * x, (4,))
    with jax.enable_x64(True):
        run = residual(closed, zero)
        for seed in range(5):
            found = run(np.float64(251), *draw_inputs(closed, 251, np.random.default_rng(seed)))
            assert not bool(found["sides"][0][0])
    assert lottery([INPUT]).primes.min() > 251


def test_how_often_a_round_misses_is_within_the_bound():
    # (x - 1)(x - 2) has two roots modulo 101: a round misses 2/101 of the time, which is what degree/p says.
    closed, zero = jaxpr(lambda x: (x - 1) * (x - 2), ()), jaxpr(lambda x: 0 * x, ())
    with jax.enable_x64(True):
        run = residual(closed, zero)
        rng = np.random.default_rng(0)
        missed = sum(not bool(run(np.float64(101), *draw_inputs(closed, 101, rng))["sides"][0][0]) for _ in range(1000))
        everywhere = [bool(run(np.float64(101), np.float64(x))["sides"][0][0]) for x in range(-50, 51)]
    assert everywhere.count(False) == 2
    assert missed <= 40


def test_inputs_are_every_residue_alike():
    closed = jaxpr(lambda x: x, (70_000,))
    (values,) = draw_inputs(closed, 7, np.random.default_rng(0))
    counts = np.unique(values, return_counts=True)
    assert counts[0].tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert (abs(counts[1] - 10_000) < 500).all()


def test_primes_that_divide_a_denominator_are_not_drawn():
    prime = int(lottery([INPUT]).primes[0])
    source = lottery([Height(1, 1, denominator=prime)])
    source = residues.Lottery(source.primes[:2], source.denominator, source.miss)
    assert {source.draw(np.random.default_rng(s)) for s in range(20)} == {int(source.primes[1])}


@given(st.integers(1, 10**30), st.integers(2, 10**7))
def test_digits(number: int, base: int):
    count = digits(number, base)
    assert number < base ** (count + 1)
    assert base ** (count - 1) <= number


@given(st.integers(2, 400), st.integers(1, 400))
@settings(max_examples=30)
def test_primes(low: int, width: int):
    expected = [n for n in range(low + 1, low + width + 1) if all(n % d for d in range(2, n))]
    assert primes_between(low, low + width).tolist() == expected


def test_fewer_rounds_for_a_weaker_target():
    lhs, rhs = (lambda x: x + x), (lambda x: 2 * x)
    few, many = (check(lhs, rhs, (2,), target=2.0**-t) for t in (10, 120))
    assert len(few.primes) == 1
    assert len(many.primes) >= 6
    assert many.failure_probability <= 2.0**-120


def test_a_sum_too_long_for_float64_is_refused():
    with pytest.raises(Unsupported, match="too long"):
        lottery([Height(1, 1, longest=2**40)])
    with pytest.raises(Unsupported, match="divide a denominator"):
        lottery([Height(1, 1, denominator=2 ** (23 * 300_000))])


def test_a_device_whose_float64_is_not_exact_is_found_out(monkeypatch: pytest.MonkeyPatch):
    half = lambda self, x: x - self.p * jnp.round(x / self.p) + 0.25  # noqa: E731
    monkeypatch.setattr(Field, "reduce", half)
    with pytest.raises(InternalDisagreement, match="not whole"):
        check(lambda x: x * x, lambda x: 2 * x, (3,))
