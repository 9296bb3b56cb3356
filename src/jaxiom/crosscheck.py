"""Every proof is checked once more: both functions, retraced at a few small sizes, evaluated exactly."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import numpy as np

from jaxiom.cases import Case
from jaxiom.errors import InternalDisagreement, NeedsIntervals, NoValue, Undecidable
from jaxiom.exact import Inputs, evaluate, nearby, random_inputs, trace_at
from jaxiom.polyhedra.world import World
from jaxiom.replay import Replay, put_in
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes, random_point
from jaxiom.trace import Traced, work

POINTS = 3
TOLERANCE = 1e-3
"""What floats may lose of an expression in sizes and small inputs: some ten thousand roundings of float32."""
MOST_WORK = 400_000
"""Multiply-adds of one exact evaluation."""


def small_sizes(sizes: Sizes, case: Case, rng: random.Random) -> Iterator[dict[str, int]]:
    """Sizes to check at: the smallest, where JAX's own comparisons come true, and random ones, each once."""
    if not sizes.names:
        yield {}
        return
    seen: set[tuple[int, ...]] = set()
    domains = [(sizes.domain, 1), (sizes.domain, 4)]
    world = World(sizes.names, sizes.domain)
    for comparison in itertools.chain(*(program.comparisons for program in case.programs)):
        zeros = world.zeros(comparison.difference)
        if zeros is not None and not zeros.is_empty():
            domains.append((zeros, 3))
    domains += [(sizes.domain, cap) for cap in (3, 2, 4, 3, 2, 3)]
    for domain, cap in domains:
        point = random_point(domain, sizes.names, rng, cap)
        key = tuple(point.values())
        if key not in seen:
            seen.add(key)
            yield point


Draw = Callable[[Signature, Mapping[str, int], random.Random], Inputs | None]
"""Inputs of a claim at given sizes, None where none are found."""


def crosscheck(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Sizes,
    case: Case,
    draws: Sequence[Draw] = (random_inputs,),
) -> tuple[str, ...]:
    """Evaluate both sides exactly at small sizes, on inputs that one of `draws` gives; a note where that is nowhere
    possible. Where functions are not rational the two values are rigorous intervals, which must not be apart.

    Raises:
        InternalDisagreement: they differ although the prover said that they cannot.
        Undecidable: they differ because a function is another at numbers than its trace for all sizes.
    """
    rng = random.Random(0)
    done, why = 0, "every allowed size is too large for exact arithmetic"
    for point in small_sizes(sizes, case, rng):
        if done == POINTS:
            break
        sides = trace_small(lhs, rhs, signature, point)
        if sides is None:
            continue
        order = [*draws[done % len(draws) :], *draws[: done % len(draws)]]
        found = [inputs for draw in order if (inputs := draw(signature, point, rng)) is not None]
        why = (
            "a function has no value on any input that was tried"
            if found
            else "no small input was found that satisfies assume"
        )
        try:
            done += any(check(lhs, rhs, signature, point, inputs, sides, case) for inputs in found)
        except NeedsIntervals as error:
            return (f"not cross-checked: {error}",)
    return () if done else (f"not cross-checked: {why}",)


def check(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Mapping[str, int],
    inputs: Inputs,
    sides: tuple[Traced, Traced],
    case: Case,
) -> bool:
    """`compare`; where they differ, hold each against its trace for all sizes. Quotients of sizes are floats at
    numbers, and the proof's note says how they are read: the traces are compared, and each function with some is held
    against its own to within what floats lose."""
    left, right = (at_numbers(traced, put_in(case, sizes)) for traced in (case.lhs, case.rhs))
    if case.lhs.quotients or case.rhs.quotients:
        if signature.assume is None:  # of small size, that floats lose little
            inputs = random_inputs(signature, sizes, random.Random(0), nearby)
        hold_trace("lhs", lhs, left, signature, sizes, inputs, TOLERANCE)
        hold_trace("rhs", rhs, right, signature, sizes, inputs, TOLERANCE)
        return compare(left, right, signature, sizes, inputs)
    try:
        return compare(lhs, rhs, signature, sizes, inputs, sides)
    except InternalDisagreement:
        hold_trace("lhs", lhs, left, signature, sizes, inputs)
        hold_trace("rhs", rhs, right, signature, sizes, inputs)
        raise


def at_numbers(traced: Traced, size: Callable[[Any], int]) -> Callable[..., list[Any]]:
    """A trace for all sizes as a function of arrays of given sizes."""

    def run(*arguments: Any) -> list[Any]:
        arrays = [leaf for leaf in jax.tree.leaves(arguments) if isinstance(leaf, jax.Array)]
        return Replay(size).run(traced.closed, arrays)

    return run


def hold_trace(
    side: str,
    function: Callable[..., Any],
    traced: Callable[..., Any],
    signature: Signature,
    sizes: Mapping[str, int],
    inputs: Inputs,
    tolerance: float = 0.0,
) -> None:
    """Hold a function, retraced at these sizes, against its trace for all sizes; to within `tolerance` of the largest
    entry of inputs and outputs.

    Raises:
        Undecidable: they differ.
    """
    try:
        compare(function, traced, signature, sizes, inputs, tolerance=tolerance)
    except InternalDisagreement as error:
        raise Undecidable(
            f"{side} at {dict(sizes)} is not what it is for all sizes: it treats a size otherwise where it is a number "
            "(type(n) is int, say, or arithmetic with floats that rounds there)"
        ) from error


def trace_small(
    lhs: Callable[..., Any], rhs: Callable[..., Any], signature: Signature, sizes: Mapping[str, int]
) -> tuple[Traced, Traced] | None:
    """Both functions traced at these sizes; None where they are too large to evaluate."""
    if sum(prod(s) for s in signature.shapes_at(sizes).values()) > MOST_WORK:
        return None
    structs = signature.structs(sizes)
    sides = trace_at(lhs, structs, "lhs", signature.dtype), trace_at(rhs, structs, "rhs", signature.dtype)
    return sides if sum(work(side.closed) for side in sides) <= MOST_WORK else None


def compare(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Mapping[str, int],
    inputs: Inputs,
    sides: tuple[Traced, Traced] | tuple[None, None] = (None, None),
    tolerance: float = 0.0,
) -> bool:
    """Hold the two sides against each other on one input; False where they have no value there."""
    arguments = signature.arguments(sizes, inputs)
    try:
        left, right = (
            evaluate(f, arguments, traced=traced, dtype=signature.dtype)
            for f, traced in zip((lhs, rhs), sides, strict=True)
        )
    except (NoValue, ZeroDivisionError):
        return False
    allowed = tolerance * largest([*inputs.values(), *left, *right]) if tolerance else 0
    for a, b in zip(left, right, strict=True):
        apart = differs if allowed == 0 else partial(far_apart, by=allowed)
        wrong = np.argwhere(np.asarray(apart(a, b), dtype=bool)) if a.shape == b.shape else [()]
        if len(wrong):
            index = tuple(wrong[0])
            raise InternalDisagreement(
                f"the prover found the two sides equal, but exact evaluation at {dict(sizes)} gives "
                f"{a[index]} and {b[index]} at {[int(i) for i in index]}. This is a bug in jaxiom: please report it"
            )
    return True


def differs(a: np.ndarray, b: np.ndarray) -> Any:
    return a != b


def far_apart(a: np.ndarray, b: np.ndarray, by: float) -> np.ndarray:
    """Entries that are further apart, as floats; what is no number is far from everything."""
    return ~(np.abs(floats(a) - floats(b)) <= by)


def largest(arrays: Iterable[np.ndarray]) -> float:
    """The largest absolute value of all entries; at least 1."""
    return max((float(np.abs(floats(a)).max(initial=1)) for a in arrays), default=1.0)


def floats(array: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(float, 1, 1)(np.asarray(array, dtype=object)), np.float64)
