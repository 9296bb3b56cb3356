"""Inputs that satisfy the hypotheses of a claim exactly, at given small sizes.

With letters for entries, the explicit interpreter gives the hypotheses as polynomials. Some arrays are filled with
candidates; where what is left is linear in the others' entries, it is solved, the free ones at random. Every input is
put into the user's own function again before it is used. Finding none says nothing.
"""

import itertools
import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from jaxiom.candidates import KINDS, array_of
from jaxiom.errors import Undecidable, Unsupported
from jaxiom.exact import Inputs, evaluate, random_inputs, trace_at
from jaxiom.lettered import Lettered, Monomial, letters_of
from jaxiom.polyhedra.echelon import Echelon
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes
from jaxiom.trace import Traced

MOST_LETTERS = 120
MOST_CHOICES = 60
"""How many fillings of the arrays are tried for each choice of those that are solved for."""
CAPS = (1, 2, 2, 2, 3, 3, 3, 2, 4, 3)
CONSTANT = ""


@dataclass(frozen=True)
class System:
    """The hypotheses at given sizes: polynomials that are zero.

    Attributes:
        shapes: of the arrays that they are about.
        owners: the array and the index that each letter stands for.
        equations: monomial -> coefficient.
    """

    shapes: Mapping[str, tuple[int, ...]]
    owners: Sequence[tuple[str, tuple[int, ...]]]
    equations: Sequence[Mapping[Monomial, Fraction]]

    def solvable(self) -> list[frozenset[str]]:
        """Sets of arrays in whose entries every equation is linear, large ones first."""
        degrees: list[dict[str, int]] = []
        for monomial in set(itertools.chain(*self.equations)):
            found: dict[str, int] = {}
            for number in monomial:
                name = self.owners[number][0]
                found[name] = found.get(name, 0) + 1
            degrees.append(found)
        names = sorted({name for found in degrees for name in found})
        sets = (frozenset(c) for k in range(len(names), -1, -1) for c in itertools.combinations(names, k))
        return [s for s in sets if all(sum(found.get(name, 0) for name in s) <= 1 for found in degrees)]

    def solve(self, chosen: frozenset[str], arrays: Inputs, rng: random.Random) -> dict[str, np.ndarray] | None:
        """The arrays, with those `chosen` solved for; None where there is no solution."""
        values = {i: arrays[name][index] for i, (name, index) in enumerate(self.owners) if name not in chosen}
        echelon = Echelon(lambda key: key != CONSTANT)
        for equation in self.equations:
            row: dict[Hashable, Fraction] = {}
            for monomial, coefficient in equation.items():
                fixed = (values[i] for i in monomial if i in values)
                key = next((i for i in monomial if i not in values), CONSTANT)
                row[key] = row.get(key, Fraction(0)) + coefficient * prod(fixed, start=Fraction(1))
            rest = echelon.add({key: value for key, value in row.items() if value})
            if rest.keys() == {CONSTANT}:
                return None
        solution = echelon.solve(lambda _: Fraction(rng.randint(-3, 3)))
        found = {name: np.array(array, dtype=object) for name, array in arrays.items()}
        for number, (name, index) in enumerate(self.owners):
            if name in chosen:
                found[name][index] = solution.get(number, Fraction(rng.randint(-3, 3)))
        return found


def assumed_shapes(signature: Signature, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays that the hypotheses are about."""
    assert signature.assume is not None
    shapes = signature.shapes_at(sizes)
    return {name: shape for name, shape in shapes.items() if signature.owner(name) in signature.assume.names}


def read_system(
    signature: Signature, sizes: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]], traced: Traced | None = None
) -> System | None:
    """The hypotheses with letters for the entries; None where they are no polynomials."""
    assert signature.assume is not None
    made = letters_of(shapes)
    inputs = random_inputs(signature, sizes, random.Random(0)) | dict(made.arrays)
    try:
        sides = evaluate(signature.assume, signature.arguments(sizes, inputs), "assume", traced=traced)
    except (Unsupported, ZeroDivisionError, Undecidable):
        return None
    equations = []
    for left, right in pairs(sides):
        equations += [equation(entry) for entry in np.ravel(left - right)]
    return System(shapes, made.owners, equations)


def pairs(sides: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Left and right of each equation."""
    return zip(sides[::2], sides[1::2], strict=True)


def equation(entry: Any) -> dict[Monomial, Fraction]:
    """An exact entry as a polynomial."""
    terms = entry.terms if isinstance(entry, Lettered) else {(): entry}
    return {monomial: Fraction(value) for monomial, value in terms.items() if value}


def holds(signature: Signature, sizes: Mapping[str, int], inputs: Inputs, traced: Traced | None = None) -> bool:
    """Whether inputs satisfy the hypotheses, by exact evaluation of the user's function."""
    assert signature.assume is not None
    try:
        sides = evaluate(signature.assume, signature.arguments(sizes, inputs), "assume", traced=traced)
    except (Unsupported, ZeroDivisionError, Undecidable):
        return False
    return all(same(x, y) for a, b in pairs(sides) for x, y in zip(a.flat, b.flat, strict=True))


def same(a: Any, b: Any) -> bool:
    """Whether two entries are one number; of what is only enclosed in an interval that is not known."""
    return isinstance(a, int | Fraction) and isinstance(b, int | Fraction) and a == b


def fillings(shapes: Mapping[str, tuple[int, ...]], rng: random.Random) -> Iterator[dict[str, np.ndarray]]:
    """Candidates for all arrays: of one kind, then of mixed kinds."""
    for kind in KINDS:
        yield {name: array_of(kind, shape, rng) for name, shape in shapes.items()}
    while True:
        yield {name: array_of(rng.choice(KINDS), shape, rng) for name, shape in shapes.items()}


def satisfying(signature: Signature, sizes: Mapping[str, int], rng: random.Random) -> Iterator[Inputs]:
    """Inputs that satisfy the hypotheses, as different as they come; the arrays that these do not mention at random."""
    shapes = assumed_shapes(signature, sizes)
    if sum(map(prod, shapes.values())) > MOST_LETTERS:
        return
    assert signature.assume is not None
    traced = trace_at(signature.assume, signature.structs(sizes), "assume")
    system = read_system(signature, sizes, shapes, traced)
    for chosen in system.solvable() if system else [frozenset()]:
        for arrays in itertools.islice(fillings(shapes, rng), MOST_CHOICES):
            solved = system.solve(chosen, arrays, rng) if system else arrays
            if solved is None:
                continue
            inputs = random_inputs(signature, sizes, rng) | solved
            if holds(signature, sizes, inputs, traced):
                yield inputs


def small_points(sizes: Sizes, first: Sequence[Mapping[str, int]] = ()) -> Iterator[Mapping[str, int]]:
    """A few small sizes, `first` ones before, each once."""
    rng = random.Random(0)
    seen: set[tuple[int, ...]] = set()
    for point in itertools.chain(first, (sizes.random(rng, cap) for cap in CAPS)):
        if tuple(point.values()) not in seen:
            seen.add(tuple(point.values()))
            yield point
