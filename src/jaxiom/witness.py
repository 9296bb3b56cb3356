"""Witnesses: sizes and inputs on which two functions differ, replayed exactly on the functions themselves."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import prod
from operator import attrgetter
from typing import Any

import jax
import numpy as np

from jaxiom.errors import NoValue, Undecidable
from jaxiom.exact import VARIED, Inputs, evaluate, random_inputs
from jaxiom.polyhedra.form import Form, Term
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.points import Point, least_point
from jaxiom.polyhedra.world import World
from jaxiom.rules.balls import Ball
from jaxiom.rules.effort import Effort, TooMuch
from jaxiom.satisfying import satisfying, small_points
from jaxiom.signature import Leaf, Signature
from jaxiom.sizes import Shape, Sizes, Whole
from jaxiom.verdict import Witness

MOST_ENTRIES, MOST_PRODUCTS = 60_000_000, 20_000_000
"""What the exact replays for one difference may take: half a minute. A witness is zero nearly everywhere, and products
with zeros are not counted."""
SEARCHED = 6_000
"""The most input entries where a witness is searched for at random, with no entry zero."""
MOST_CHOICES = 200
MOST_DRAWN = 8
"""How many inputs that satisfy the hypotheses are tried at given sizes."""
NONE_FOUND = "no input was found that satisfies assume"
MOST_SIZES = 4


@dataclass(frozen=True)
class Suspect:
    """A smallest point of one monomial's nonzero coefficients, in one output.

    Attributes:
        degrees: input -> how often it occurs at most in a monomial of the same inputs.
    """

    leaf: int
    term: Term
    point: Point
    degrees: Mapping[str, int]


def suspects(world: World, regions: Sequence[Sequence[Term]], signature: Signature) -> list[Suspect]:
    """A point for each monomial that is minimal under inclusion: with every other input zero, nothing else is left
    there but what functions and constants of the program bring in. Smallest first."""
    found, whole = [], signature.sizes.whole
    inputs = frozenset(leaf.name for leaf in signature.leaves if isinstance(leaf.shape, Shape))
    for leaf, terms in enumerate(regions):
        support = [inputs.intersection(t.monomial) for t in terms]
        for term, mine in zip(terms, support, strict=True):
            if not any(other < mine for other in support):
                alike = [t.monomial for t, other in zip(terms, support, strict=True) if other == mine]
                degrees = {name: max(m.count(name) for m in alike) for name in mine}
                found.append(Suspect(leaf, term, least_point(world, term, whole), degrees))
    return sorted(found, key=lambda s: (s.point.total, tuple(s.point.sizes.values()), s.point.indices))


def find_witness(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    world: World,
    forms: Sequence[Form],
    regions: Sequence[Sequence[Term]],
    orders: Mapping[str, Sequence[Sequence[int]]],
    leaves: Sequence[str],
    opaques: Opaques,
) -> Witness:
    """A witness, replayed by the explicit interpreter: on fractions, or in intervals where functions are not rational.

    Raises:
        Undecidable: the difference hangs on a constant of the program or on functions, or is too large to replay.
    """
    effort = Effort(MOST_ENTRIES, MOST_PRODUCTS)
    found = suspects(world, regions, signature)
    for suspect in found:
        sizes = dict(suspect.point.sizes)
        shapes = signature.shapes_at(sizes)
        candidates = candidate_inputs(suspect, world, len(forms[suspect.leaf].atoms), signature, shapes, orders)
        try:
            effort.spend(entries=sum(map(prod, shapes.values())))  # before the arrays are there
            for inputs in candidates:
                witness = replay(lhs, rhs, signature, sizes, inputs, leaves, effort)
                if witness is not None:
                    return witness
        except TooMuch as error:
            raise Undecidable(
                f"the difference is not zero, but its smallest witness at {sizes or 'the sizes given'} is too large to "
                "replay exactly; put names for the sizes"
            ) from error
    hangs_on = opaques.functions_of(t for terms in regions for term in terms for t in term.monomial)
    if hangs_on:
        at = [s.point.sizes for s in found]
        witness = search_witness(lhs, rhs, signature, signature.sizes, leaves, at[:MOST_SIZES], varied)
        if witness is not None:
            return witness
    why = opaque_reason(hangs_on) if hangs_on else "a constant of the program"
    raise Undecidable(f"the difference is not zero as a formula, but no witness shows it: it hangs on {why}")


IN_WORDS = {"reciprocal": "1/x", "positive": "a comparison", "zero": "a comparison"}


def opaque_reason(functions: Sequence[str]) -> str:
    """Why a difference that hangs on functions stays open."""
    names = ", ".join(dict.fromkeys(IN_WORDS.get(f, f) for f in functions))
    reasons = [f"{names}, of which only f(A) = f(B) where A = B is used"]
    reasons += ["not x·(1/x) = 1, which needs x to be other than 0"] if "reciprocal" in functions else []
    reasons += ["not sqrt(x)·sqrt(x) = x, which needs x to be at least 0"] if "sqrt" in functions else []
    return "; ".join(reasons)


def candidate_inputs(
    suspect: Suspect,
    world: World,
    outputs: int,
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    orders: Mapping[str, Sequence[Sequence[int]]],
) -> Iterator[dict[str, np.ndarray]]:
    """Zero but at the monomial's indices: one there, or 0 ... degree for a name that occurs twice, there or in another
    monomial of the same inputs (by the combinatorial Nullstellensatz one of them shows the difference)."""
    places: dict[str, list[tuple[int, ...]]] = {}
    at = outputs
    by_name = {leaf.name: leaf for leaf in signature.leaves}
    for name in suspect.term.monomial:
        indices = suspect.point.indices[at : at + world.ranks[name]]
        at += world.ranks[name]
        if name in by_name:
            where = array_index(by_name[name], indices, suspect.point.sizes, orders.get(name))
            places.setdefault(name, []).append(where)
    spots = [(name, where) for name, found in places.items() for where in dict.fromkeys(found)]
    degrees = [suspect.degrees[name] for name, _ in spots]
    choices = sorted(itertools.product(*(range(d + 1) for d in degrees)), key=lambda c: ([v == 0 for v in c], c))
    for values in itertools.islice(choices, MOST_CHOICES):
        inputs = {name: np.zeros(shape, dtype=object) for name, shape in shapes.items()}
        for (name, where), value in zip(spots, values, strict=True):
            inputs[name][where] = Fraction(value)
        yield inputs


def array_index(
    leaf: Leaf, indices: Sequence[int], sizes: Mapping[str, int], order: Sequence[Sequence[int]] | None
) -> tuple[int, ...]:
    """An index of an input's entry from the indices of its factors; an axis of size 1 has none."""
    assert isinstance(leaf.shape, Shape)
    found, rest = [], list(indices)
    for axis, chosen in zip(leaf.shape.axes, order or [], strict=True):
        position = 0
        for factor in chosen:
            size = int(axis.factors[factor].evaluate(sizes))
            position = position * size + rest.pop(0)
        found.append(position)
    return tuple(found)


def replay(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Mapping[str, int],
    inputs: Mapping[str, np.ndarray],
    leaves: Sequence[str],
    effort: Effort | None = None,
) -> Witness | None:
    """The first entry at which the two functions, retraced at these sizes, certainly differ; None where none does, or
    where they have no value."""
    arguments = signature.arguments(sizes, inputs)
    try:
        left, right = (evaluate(side, arguments, effort=effort, dtype=signature.dtype) for side in (lhs, rhs))
    except (NoValue, ZeroDivisionError):
        return None
    for i, (a, b) in enumerate(zip(left, right, strict=True)):
        for index in map(tuple, np.argwhere(np.asarray(a != b, dtype=bool))[:1].tolist()):
            floats = {name: array.astype(np.float32) for name, array in inputs.items()}
            shown = floats | {
                w.name: sizes[w.name] for w in map(attrgetter("shape"), signature.leaves) if isinstance(w, Whole)
            }
            by_jax = partial(jax_values, (lhs, rhs), signature, dict(sizes), floats, i, index)
            left_value, right_value = (v if isinstance(v, Ball) else Fraction(str(+v)) for v in (a[index], b[index]))
            return Witness(dict(sizes), shown, index, left_value, right_value, by_jax, leaves[i])
    return None


def jax_values(
    functions: tuple[Callable[..., Any], Callable[..., Any]],
    signature: Signature,
    sizes: Mapping[str, int],
    inputs: Mapping[str, np.ndarray],
    leaf: int,
    index: tuple[int, ...],
) -> tuple[float, float]:
    """What JAX gives there, op by op: shown, and no criterion."""
    arrays = {name: jax.numpy.asarray(a) for name, a in inputs.items()}
    with jax.disable_jit():
        outputs = [jax.tree.leaves(f(*signature.arguments(sizes, arrays))) for f in functions]
    here, there = (float(np.asarray(leaves[leaf], np.float64)[index]) for leaves in outputs)
    return here, there


def draws(signature: Signature, sizes: Mapping[str, int], rng: random.Random) -> Iterator[Inputs]:
    """Inputs that a claim is about: random ones, or some that satisfy its hypotheses."""
    if signature.assume is None:
        yield random_inputs(signature, sizes, rng)
    else:
        yield from itertools.islice(satisfying(signature, sizes, rng), MOST_DRAWN)


def varied(signature: Signature, sizes: Mapping[str, int], rng: random.Random) -> Iterator[Inputs]:
    """Random inputs of several kinds, for functions that are not defined everywhere."""
    return (draw(signature, sizes, rng) for draw in VARIED)


Draws = Callable[[Signature, Mapping[str, int], random.Random], Iterable[Inputs]]


def search_satisfying(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Sizes,
    first: Sequence[Mapping[str, int]],
    leaves: Sequence[str],
) -> Witness:
    """A witness among the inputs that satisfy the hypotheses, at the sizes `first` or other small ones.

    Raises:
        Undecidable: none was found.
    """
    tried: list[Inputs] = []

    def draw(signature: Signature, point: Mapping[str, int], rng: random.Random) -> Iterator[Inputs]:
        for inputs in draws(signature, point, rng):
            tried.append(inputs)
            yield inputs

    witness = search_witness(lhs, rhs, signature, sizes, leaves, first, draw)
    if witness is None:
        why = f"of the {len(tried)} inputs tried that satisfy it none shows that it does not" if tried else NONE_FOUND
        raise Undecidable(f"no certificate was found that assume makes the difference zero, and {why}")
    return witness


def search_witness(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Sizes,
    leaves: Sequence[str],
    first: Sequence[Mapping[str, int]] = (),
    draw: Draws = draws,
) -> Witness | None:
    """Try the two functions exactly at a few small sizes, on the inputs that `draw` gives; finding nothing says
    nothing."""
    rng = random.Random(0)
    for point in small_points(sizes, first):
        if sum(map(prod, signature.shapes_at(point).values())) > SEARCHED:
            continue
        for inputs in draw(signature, point, rng):
            witness = replay(lhs, rhs, signature, point, inputs, leaves)
            if witness is not None:
                return witness
    return None
