"""Every proof is checked once more: both functions, retraced at a few small sizes, evaluated exactly."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from jaxiom.cases import Case
from jaxiom.errors import InternalDisagreement, NeedsIntervals, NoValue
from jaxiom.exact import Inputs, evaluate, random_inputs, trace_at
from jaxiom.polyhedra.world import World
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes, random_point
from jaxiom.trace import Traced, work

POINTS = 3
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
            done += any(compare(lhs, rhs, signature, point, inputs, sides) for inputs in found)
        except NeedsIntervals as error:
            return (f"not cross-checked: {error}",)
    return () if done else (f"not cross-checked: {why}",)


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
    for a, b in zip(left, right, strict=True):
        wrong = np.argwhere(np.asarray(a != b, dtype=bool)) if a.shape == b.shape else [()]
        if len(wrong):
            index = tuple(wrong[0])
            raise InternalDisagreement(
                f"the prover found the two sides equal, but exact evaluation at {dict(sizes)} gives "
                f"{a[index]} and {b[index]} at {[int(i) for i in index]}. Either a function treats symbolic sizes "
                "otherwise than numbers (isinstance(n, int), say), or this is a bug in jaxiom: please report it"
            )
    return True
