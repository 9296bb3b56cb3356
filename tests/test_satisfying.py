"""Inputs that satisfy hypotheses: they do, by NumPy too, and there are some where there ought to be."""

import itertools
import random
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxiom.satisfying import holds, read_system, same, satisfying, small_points
from jaxiom.signature import Signature, read_signature


def signature_of(assume: Any, **shapes: str) -> Signature:
    return read_signature([lambda *arrays: arrays[0]], shapes, "", assume)


def first_satisfying(signature: Signature, sizes: Any, rng: random.Random) -> Any:
    return next(satisfying(signature, sizes, rng), None)


def residual(signature: Signature, sizes: Any, inputs: Any) -> float:
    assert signature.assume is not None
    sides = signature.assume(*signature.arguments(sizes, {n: np.asarray(a, float) for n, a in inputs.items()}))
    return max(float(np.abs(a - b).max(initial=0)) for a, b in zip(sides[::2], sides[1::2], strict=True))


@pytest.mark.parametrize(
    ("assume", "shapes"),
    [
        (lambda Q: [(Q.T @ Q, jnp.eye(Q.shape[1]))], {"Q": "m k"}),
        (lambda A: [(A, A.T), (A @ A, A)], {"A": "m m"}),
        (lambda A, B: [(A @ B, jnp.eye(A.shape[0])), (B @ A, jnp.eye(A.shape[0]))], {"A": "m m", "B": "m m"}),
        (lambda A, B: [(A @ B, B @ A)], {"A": "m m", "B": "m m"}),
        (lambda W: [(W.sum((0, 1)), jnp.ones(W.shape[2]))], {"W": "m k 2"}),
        (lambda x: [(x @ x, 1)], {"x": "m"}),
        (
            lambda X, U, s, V: [(X, U * s @ V.T), (U.T @ U, jnp.eye(len(s))), (V.T @ V, jnp.eye(len(s)))],
            {"X": "m m", "U": "m k", "s": "k", "V": "m k"},
        ),
        (lambda A, v, s: [(A, A.T), (A @ v, s * v), (v @ v, 1)], {"A": "m m", "v": "m", "s": ""}),
        (lambda A: [(A @ A, jnp.eye(A.shape[0]))], {"A": "m m"}),
        (lambda A: [(A @ A @ A, 0 * A)], {"A": "m m"}),
    ],
)
def test_found_and_right(assume: Any, shapes: dict[str, str]) -> None:
    signature = signature_of(assume, **shapes)
    sizes = {"m": 3, "k": 2} if any("k" in s.split() for s in shapes.values()) else {"m": 3}
    found = list(itertools.islice(satisfying(signature, sizes, random.Random(0)), 4))
    assert found
    assert all(holds(signature, sizes, inputs) for inputs in found)
    assert all(residual(signature, sizes, inputs) < 1e-9 for inputs in found)


@pytest.mark.parametrize(
    ("assume", "shapes"),
    [
        (lambda x: [(x * x, -jnp.ones_like(x))], {"x": "m"}),
        (lambda x: [(x, 0 * x), (x, jnp.ones_like(x))], {"x": "m"}),
        (lambda Q: [(Q @ Q.T, jnp.eye(Q.shape[0]))], {"Q": "m 1"}),
    ],
)
def test_none_where_there_is_none(assume: Any, shapes: dict[str, str]) -> None:
    assert first_satisfying(signature_of(assume, **shapes), {"m": 3}, random.Random(0)) is None


def test_linear_ones_are_solved_in_general() -> None:
    signature = signature_of(lambda A: [(A, -A.T)], A="m m")
    first, second = itertools.islice(satisfying(signature, {"m": 3}, random.Random(0)), 2)
    assert np.linalg.matrix_rank(first["A"].astype(float)) == 2
    assert not np.array_equal(first["A"], second["A"])


def test_arrays_that_are_not_mentioned_are_at_random() -> None:
    signature = signature_of(lambda A: [(A, A.T)], A="m m", x="m")
    inputs = first_satisfying(signature, {"m": 3}, random.Random(0))
    assert inputs is not None
    assert inputs["x"].all()


def test_what_does_not_satisfy_does_not_hold() -> None:
    signature = signature_of(lambda A: [(A, A.T)], A="m m")
    wrong = np.array([[1, 2], [3, 4]], dtype=object)
    assert not holds(signature, {"m": 2}, {"A": wrong})
    assert holds(signature, {"m": 2}, {"A": wrong + wrong.T})


def test_what_is_only_enclosed_is_not_known_to_be_equal() -> None:
    assert same(Fraction(1, 2), Fraction(2, 4))
    assert same(0, Fraction(0))
    assert not same(0.5, 0.5)
    assert not same(object(), object())


def test_the_arrays_in_which_the_equations_are_linear() -> None:
    signature = signature_of(lambda A, B, C: [(A @ B, C), (C @ C, 0 * C)], A="m m", B="m m", C="m m")
    system = read_system(signature, {"m": 1}, {"A": (1, 1), "B": (1, 1), "C": (1, 1)})
    assert system is not None
    assert system.solvable() == [frozenset("A"), frozenset("B"), frozenset()]


def test_too_many_letters_are_not_tried() -> None:
    assert first_satisfying(signature_of(lambda A: [(A, A.T)], A="m m"), {"m": 30}, random.Random(0)) is None


def test_small_points_begin_with_those_asked_for_and_repeat_none() -> None:
    sizes = signature_of(lambda A: [(A, A.T)], A="m m", x="k").sizes
    found = list(small_points(sizes, [{"m": 4, "k": 1}]))
    assert found[0] == {"m": 4, "k": 1}
    assert len({tuple(p.values()) for p in found}) == len(found) >= 5
    assert {"m": 1, "k": 1} in found
