"""Random programs of up to eight steps: against themselves rewritten soundly, and against unrelated ones.

Every value of a program is an array of shape (n, m), so that any step can follow any other. `-m slow` tries many more.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom import prove
from jaxiom.exact import evaluate, random_inputs
from jaxiom.signature import read_signature
from jaxiom.verdict import Verdict

SHAPES = {"X": "n m", "Y": "n m"}
GIVEN = "n >= 2, m >= 2"
OPERATIONS = 8_000_000
SIZES = ((2, 2), (2, 3), (3, 2), (4, 3), (3, 5))
SIGNATURE = read_signature([lambda X, Y: X], SHAPES, GIVEN)

Step = Callable[[Any, Any, int], Any]


def pad(x: Any, axis: int, low: int, high: int) -> Any:
    return lax.pad(x, 0.0, [(low, high, 0) if axis == d else (0, 0, 0) for d in range(2)])


def window(x: Any, axis: int) -> Any:
    size = (2, 1) if axis == 0 else (1, 2)
    padding = ((1, 0), (0, 0)) if axis == 0 else ((0, 0), (1, 0))
    return lax.reduce_window(x, 0.0, lax.add, size, (1, 1), padding)


def filtered(x: Any, axis: int) -> Any:
    kernel = jnp.asarray([1.0, -2.0, 3.0]).reshape((3, 1, 1, 1) if axis == 0 else (1, 3, 1, 1))
    return lax.conv_general_dilated(
        x[None, :, :, None], kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )[0, :, :, 0]


# Each takes two values and a number (0, 1 or 2); the linear ones read the first alone.
LINEAR: dict[str, Step] = {
    "flip": lambda a, _, k: jnp.flip(a, k % 2),
    "scale": lambda a, _, k: (k + 2) * a,
    "negate": lambda a, _, k: -a,
    "centre": lambda a, _, k: a - a.mean(k % 2, keepdims=True),
    "shift": lambda a, _, k: pad(a, k % 2, 1, -1),
    "back": lambda a, _, k: pad(a, k % 2, -1, 1),
    "cumsum": lambda a, _, k: lax.cumsum(a, k % 2, reverse=k == 2),
    "sums": lambda a, _, k: jnp.broadcast_to(a.sum(k % 2, keepdims=True), a.shape),
    "index": lambda a, _, k: a * jnp.arange(a.shape[1]),
    "size": lambda a, _, k: a * (a.shape[0] - k),
    "mask": lambda a, _, k: jnp.where(jnp.arange(a.shape[1]) < k, a, 0),
    "triangle": lambda a, _, k: jnp.tril(a, k - 1),
    "window": lambda a, _, k: window(a, k % 2),
    "filter": lambda a, _, k: filtered(a, k % 2),
    "first": lambda a, _, k: jnp.broadcast_to(a[:1], a.shape),
    "doubled": lambda a, _, k: jnp.concatenate([a, a], k % 2)[: a.shape[0], : a.shape[1]],
    "flat": lambda a, _, k: a.reshape(a.shape[0] * a.shape[1]).reshape(a.shape),
}
BINARY: dict[str, Step] = {
    "add": lambda a, b, k: a + b,
    "subtract": lambda a, b, k: a - b,
    "combine": lambda a, b, k: a + (k + 1) * b,
    "choose": lambda a, b, k: jnp.where(jnp.arange(a.shape[0])[:, None] == k, a, b),
    "behind": lambda a, b, k: jnp.concatenate([a, b], k % 2)[-a.shape[0] :, -a.shape[1] :],
}
STEPS = LINEAR | BINARY


@dataclass(frozen=True)
class Instruction:
    """A step, the values that it reads (counted back from the last), and its number."""

    step: str
    reads: tuple[int, int]
    number: int

    def __call__(self, values: Sequence[Any]) -> Any:
        a, b = (values[-1 - r % len(values)] for r in self.reads)
        return STEPS[self.step](a, b, self.number)


Program = tuple[Instruction, ...]


def run(program: Program, X: Any, Y: Any, at: int = -1, rewrite: str = "") -> Any:
    """The last value; with `rewrite`, instruction number `at` computed in another way."""
    values = [X, Y]
    for i, instruction in enumerate(program):
        values.append(REWRITES[rewrite](instruction, values) if i == at else instruction(values))
    return values[-1]


def with_first(same: Callable[[Any], Any]) -> Any:
    """The instruction on its first operand, computed in a roundabout way."""

    def rewritten(instruction: Instruction, values: Sequence[Any]) -> Any:
        a, b = (values[-1 - r % len(values)] for r in instruction.reads)
        return STEPS[instruction.step](same(a), b, instruction.number)

    return rewritten


def split(instruction: Instruction, values: Sequence[Any]) -> Any:
    """L(a) = L(a + z) - L(z) for a linear step; another is left as it is."""
    if instruction.step not in LINEAR:
        return instruction(values)
    a, z = values[-1 - instruction.reads[0] % len(values)], values[0]
    step = STEPS[instruction.step]
    return step(a + z, a, instruction.number) - step(z, a, instruction.number)


def halves(instruction: Instruction, values: Sequence[Any]) -> Any:
    """The result as the sum of its upper and its lower part."""
    made = instruction(values)
    upper = jnp.arange(made.shape[0])[:, None] < 1
    return jnp.where(upper, made, 0) + jnp.where(upper, 0, made)


def through_identity(instruction: Instruction, values: Sequence[Any]) -> Any:
    made = instruction(values)
    return made @ jnp.eye(made.shape[1])


REWRITES: dict[str, Callable[[Instruction, Sequence[Any]], Any]] = {
    "negated twice": with_first(lambda a: 0 - (-1 * a)),
    "transposed twice": with_first(lambda a: a.T.T),
    "flipped along both axes, one by one": with_first(lambda a: jnp.flip(jnp.flip(jnp.flip(a, 0), (0, 1)), 1)),
    "padded and cropped": with_first(lambda a: pad(pad(a, 0, 1, 2), 0, -1, -2)),
    "halves of its sum": with_first(lambda a: (a + a) / 2),
    "split": split,
    "halves": halves,
    "by the identity": through_identity,
}

numbers = st.integers(0, 2)
instructions = st.builds(Instruction, st.sampled_from(sorted(STEPS)), st.tuples(numbers, numbers), numbers)
programs = st.lists(instructions, min_size=3, max_size=8).map(tuple)


def law(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def differ(lhs: Any, rhs: Any, n: int, m: int) -> bool:
    """Whether two functions differ in exact arithmetic at a size, on random inputs."""
    sizes = {"n": n, "m": m}
    arguments = SIGNATURE.arguments(sizes, random_inputs(SIGNATURE, sizes, random.Random(n + 10 * m)))
    (left,), (right,) = (evaluate(f, arguments) for f in (lhs, rhs))
    return not np.all(np.asarray(left == right, bool))


def hold(verdict: Verdict, lhs: Any, rhs: Any) -> None:
    """Hold a verdict against exact evaluation."""
    found = [size for size in SIZES if differ(lhs, rhs, *size)]
    if verdict.status == "proved":
        assert not found
    if verdict.witness is not None:
        sizes, inputs = verdict.witness.sizes, verdict.witness.inputs
        arguments = SIGNATURE.arguments(sizes, {k: np.asarray(v, dtype=object) for k, v in inputs.items()})
        left, right = (evaluate(f, arguments)[0][verdict.witness.index] for f in (lhs, rhs))
        assert (left, right) == (verdict.witness.lhs, verdict.witness.rhs)
        assert left != right


def rewritten_are_proved(examples: int) -> Counter[str]:
    seen: Counter[str] = Counter()

    @law(examples)
    @given(programs, st.integers(0, 7), st.sampled_from(sorted(REWRITES)))
    def check(program: Program, at: int, rewrite: str) -> None:
        def lhs(X: Any, Y: Any) -> Any:
            return run(program, X, Y)

        def rhs(X: Any, Y: Any) -> Any:
            return run(program, X, Y, at % len(program), rewrite)

        verdict = prove(lhs, rhs, given=GIVEN, shapes=SHAPES, operations=OPERATIONS)
        assert verdict.status in ("proved", "undecided"), str(verdict)
        seen[verdict.status] += 1

    check()
    return seen


def unrelated_agree_with_evaluation(examples: int) -> Counter[str]:
    seen: Counter[str] = Counter()

    @law(examples)
    @given(programs, programs)
    def check(one: Program, other: Program) -> None:
        def lhs(X: Any, Y: Any) -> Any:
            return run(one, X, Y)

        def rhs(X: Any, Y: Any) -> Any:
            return run(other, X, Y)

        verdict = prove(lhs, rhs, given=GIVEN, shapes=SHAPES, operations=OPERATIONS)
        hold(verdict, lhs, rhs)
        seen[verdict.status] += 1

    check()
    return seen


def mostly_decided(seen: Counter[str]) -> None:
    print(dict(seen))
    assert seen["undecided"] <= 0.1 * seen.total(), dict(seen)


def test_a_program_rewritten_soundly_is_proved() -> None:
    mostly_decided(rewritten_are_proved(40))


def test_unrelated_programs_are_decided_as_evaluation_says() -> None:
    seen = unrelated_agree_with_evaluation(40)
    mostly_decided(seen)
    assert seen["refuted"]


@pytest.mark.slow
def test_many_programs_rewritten_soundly_are_proved() -> None:
    mostly_decided(rewritten_are_proved(400))


@pytest.mark.slow
def test_many_unrelated_programs_are_decided_as_evaluation_says() -> None:
    mostly_decided(unrelated_agree_with_evaluation(400))


@pytest.mark.parametrize("rewrite", sorted(REWRITES))
@pytest.mark.parametrize("step", sorted(STEPS))
def test_the_rewrites_are_sound(step: str, rewrite: str) -> None:
    """What is expected to be proved is true: exact evaluation of each step, rewritten."""
    program = (Instruction(step, (0, 1), 1),)
    assert not differ(lambda X, Y: run(program, X, Y), lambda X, Y: run(program, X, Y, 0, rewrite), 3, 2)
