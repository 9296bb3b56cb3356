"""The exact check: true claims, false claims, and the probability that it promises."""

import itertools
import math
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
from jaxiom.residues import (
    ExactCheck,
    Plan,
    check_here,
    draw_words,
    missed,
    plan_rounds,
    primes_below,
    residual,
    run_rounds,
)
from jaxiom.rules.accumulators import ACCUMULATORS, BFLOAT16, FLOAT64, INT8, Accumulator
from jaxiom.rules.heights import HEIGHTS, INPUT, Height, minus
from jaxiom.rules.modular import Field


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
    ("say too little", lambda x: (x**400_000) ** 20),
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
    return conv(x, jnp.ones_like(w)) * -w.sum() / np.float64(count)


def test_closed_form_is_checked():
    shapes = (1, 4, 4, 1), (3, 3, 1, 1)
    right = check_form(centred, conv, drift, *shapes)
    assert right.status == "equal"
    assert right.failure_probability <= 2.0**-60
    wrong = check_form(centred, conv, lambda x, w: drift(x, w, 9 + 2.0**-20), *shapes)
    assert wrong.status == "different"


def test_closed_form_without_a_residue_is_not_applicable():
    found = check_form(lambda x: 2 * x, lambda x: x, lambda x: jnp.maximum(x, 0), (3,))
    assert found.status == "not applicable"
    assert "no order" in found.reason
    assert check_form(lambda x: 2 * x, lambda x: x, lambda x: x + jnp.inf, (3,)).reason.startswith("an infinite")


# The probability


def height_of(lhs: Callable[..., Any], rhs: Callable[..., Any], *shapes: tuple[int, ...]) -> Height:
    return minus(*(interpret(HEIGHTS, jaxpr(f, *shapes), [INPUT] * len(shapes))[0] for f in (lhs, rhs)))


@pytest.mark.parametrize("kind", [FLOAT64, INT8], ids=lambda kind: kind.name)
def test_primes_that_divide_every_coefficient_are_counted_in(kind: Accumulator):
    # x times the very primes that the check would take: they see nothing, and the others must do.
    taken = plan_rounds([INPUT], kind).primes

    def unlucky(x: Array) -> Array:
        for prime in taken:
            x = x * prime
        return x

    zero = lambda x: 0 * x  # noqa: E731
    height = height_of(unlucky, zero, (4,))
    assert missed(height, taken, kind) == pytest.approx(1)
    plan = plan_rounds([height], kind)
    assert plan.miss <= 2.0**-60
    assert len(plan.primes) > len(taken)
    with jax.enable_x64(True):
        closed = jaxpr(unlucky, (4,)), jaxpr(zero, (4,))
        assert run_rounds(*closed, None, Plan(kind, taken, 1.0), degree=1, seed=0)["sides"].status == "equal"
        assert run_rounds(*closed, None, plan, degree=1, seed=0)["sides"].status == "different"


@given(
    st.integers(1, 10**12),
    st.integers(0, 4),
    st.lists(st.sampled_from([2, 3, 5, 7, 11, 101, 103, 251]), min_size=1, max_size=7, unique=True),
)
def test_what_is_missed_is_at_least_the_worst_set_of_unlucky_primes(norm: int, degree: int, primes: list[int]):
    primes = sorted(primes, reverse=True)
    worst = 0.0
    for size in range(len(primes) + 1):
        for unlucky in itertools.combinations(primes, size):
            if math.prod(unlucky) <= norm:
                worst = max(worst, math.prod(min(1, degree / p) for p in primes if p not in unlucky))
    found = missed(Height(degree, norm), primes, INT8)
    assert found >= worst * (1 - 1e-12)
    if degree:
        # Never much more: the closed bound norm (d/p_1) (d/p_2) ... of the module's first lines.
        assert found <= norm * math.prod(degree * (1 + p / 2**16) / p for p in primes) * 1.01 or found <= 1.01


def test_how_often_a_round_misses_is_within_the_bound():
    # (x - 1)(x - 2) has two roots modulo 101: a round misses 2/101 of the time, which is what degree/p says.
    closed, zero = jaxpr(lambda x: (x - 1) * (x - 2), ()), jaxpr(lambda x: 0 * x, ())
    with jax.enable_x64(True):
        run = residual(closed, zero, kind=INT8)
        rng = np.random.default_rng(0)
        missed = sum(not bool(run(101, draw_words(closed, INT8, rng))["sides"][0][0]) for _ in range(1000))
        everywhere = [bool(run(101, [np.asarray(x, np.uint16)])["sides"][0][0]) for x in range(101)]
    assert everywhere.count(False) == 2
    assert missed <= 40


def test_inputs_are_every_residue_alike():
    closed = jaxpr(lambda x: x, (70_000,))
    (words,) = draw_words(closed, INT8, np.random.default_rng(0))
    counts = np.bincount(words % 7)
    assert (abs(counts - 10_000) < 500).all()
    assert words.dtype == np.uint16
    assert draw_words(closed, FLOAT64, np.random.default_rng(0))[0].dtype == np.uint32


def test_primes_that_divide_a_denominator_are_not_taken():
    prime = plan_rounds([INPUT]).primes[0]
    assert prime not in plan_rounds([Height(1, 1, denominator=prime)]).primes


@given(st.integers(2, 20_000))
@settings(max_examples=30, deadline=None)
def test_primes(top: int):
    sieve = {n for n in range(2, top + 1)} - {
        k * n for n in range(2, math.isqrt(top) + 1) for k in range(2, top // n + 1)
    }
    assert list(primes_below(top)) == sorted(sieve, reverse=True)


def test_fewer_rounds_for_a_weaker_target():
    lhs, rhs = (lambda x: x + x), (lambda x: 2 * x)
    few, many = (check(lhs, rhs, (2,), target=2.0**-t) for t in (10, 120))
    assert len(few.primes) == 1
    assert len(many.primes) >= 6
    assert many.failure_probability <= 2.0**-120
    constant = check(lambda x: 0 * x + 3, lambda x: 0 * x + 3, (2,))
    assert str(constant).startswith("equal here")


def test_what_no_rounds_can_settle_is_refused():
    with pytest.raises(Unsupported, match="too long"):
        plan_rounds([Height(1, 1, longest=2**40)])
    with pytest.raises(Unsupported, match="say too little"):
        plan_rounds([Height(1, 10**400)], BFLOAT16)
    with pytest.raises(Unsupported, match="say too little"):
        plan_rounds([Height(200, 1)], INT8)


def test_a_claim_is_checked_in_the_arithmetic_that_is_fastest_here(monkeypatch: pytest.MonkeyPatch):
    # The choice is a measurement; that every choice gives the same answers is what can be tested.
    monkeypatch.setattr(residues, "LITTLE_WORK", 0)
    _, lhs, rhs, shapes = EQUAL[0]
    found = check(lhs, rhs, *shapes)
    assert found.accumulator in {kind.name for kind in ACCUMULATORS}
    closed = jaxpr(lhs, *shapes), jaxpr(rhs, *shapes)
    for kind in ACCUMULATORS:
        with jax.enable_x64(True):
            plan = plan_rounds(residues.difference_heights(*closed), kind)
            answer = run_rounds(*closed, None, plan, degree=3, seed=0)["sides"]
        assert (answer.status, answer.accumulator) == ("equal", kind.name)
        assert answer.failure_probability <= 2.0**-60


def test_a_device_whose_sums_are_not_exact_is_found_out(monkeypatch: pytest.MonkeyPatch):
    half = lambda self, x: x - self.p * jnp.round(x / self.p) + 0.25  # noqa: E731
    monkeypatch.setattr(Field, "reduce", half)
    with pytest.raises(InternalDisagreement, match="not whole"):
        check(lambda x: x * x, lambda x: 2 * x, (3,))
