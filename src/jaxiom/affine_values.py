"""Forms of an operator at given sizes, in letters: held against what the explicit interpreter derives."""

import random
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from jaxiom.affine import Affine
from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.lettered import Lettered, LetterMatrix, Letters, confirm
from jaxiom.matrices import Derived, derive
from jaxiom.polyhedra.form import Form, Sizes, Term
from jaxiom.polyhedra.points import environment, points_at
from jaxiom.rules.constants import CONSTANT
from jaxiom.signature import Signature
from jaxiom.sizes import random_point

POINTS = 2
MOST_ENTRIES = 1500
"""Of the input and the output together, where the two interpreters are held against each other."""


def full_index(axes: Sequence[Sizes], atoms: Sequence[int], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The index in an array from those of its axes' factors; an axis of size 1 has none."""
    found, rest = [], list(atoms)
    for axis in axes:
        position = 0
        for factor in axis:
            position = position * int(factor.evaluate(dict(sizes))) + rest.pop(0)
        found.append(position)
    return tuple(found)


def summands(
    of: Affine, form: Form, sizes: Mapping[str, int], keep: Callable[[Term], Any] = lambda term: term.points
) -> list[tuple[tuple[int, ...], list[tuple[str, tuple[int, ...]]], Any]]:
    """(indices of the form, letters, coefficient) for each point of each term; `keep` may restrict a term's set."""
    found = []
    outputs = len(form.atoms)
    for term in form.terms:
        for point in points_at(keep(term), sizes):
            where = environment(sizes, point)
            divisor = prod((d.evaluate(where) for d in term.divisors), start=1)
            letters, at = [], outputs
            for name in term.monomial:
                indices = point[at : at + of.world.ranks[name]]
                letters.append((name, full_index(of.tensors[name], indices, sizes)))
                at += len(indices)
            found.append((point[:outputs], letters, term.weight.evaluate(where) / divisor))
    return found


def matrix_at(of: Affine, sizes: Mapping[str, int], made: Letters) -> LetterMatrix:
    """T at given sizes, from its form.

    Raises:
        Unsupported: the function holds a large constant, which has no letter.
    """
    inner = [prod(int(f.evaluate(dict(sizes))) for f in axis) for axis in of.inputs]
    entries: dict[tuple[int, int], Lettered] = {}
    start = 0
    for form, axes in zip(of.entries, of.outputs, strict=True):
        outer = [prod(int(f.evaluate(dict(sizes))) for f in axis) for axis in axes]
        count = sum(len(axis) for axis in axes)
        for index, letters, coefficient in summands(of, form, sizes):
            if any(name.startswith(CONSTANT) for name, _ in letters):
                raise Unsupported("a large constant of the function has no letter")
            row = start + flat(full_index(axes, index[:count], sizes), outer)
            column = flat(full_index(of.inputs, index[count:], sizes), inner)
            term = Lettered({(): coefficient}, made.names)
            for name, at in letters:
                term = term * made.arrays[name][at]
            entries[row, column] = entries.get((row, column), Lettered({}, made.names)) + term
        start += prod(outer)
    return LetterMatrix((start, prod(inner)), {p: e for p, e in entries.items() if e})


def flat(index: Sequence[int], shape: Sequence[int]) -> int:
    return int(np.ravel_multi_index(tuple(index), tuple(shape))) if len(shape) else 0


def hold_against_letters(of: Affine, function: Callable[..., Any], signature: Signature, wrt: str) -> None:
    """Derive the matrix by the explicit interpreter at a few small sizes, and compare.

    Raises:
        InternalDisagreement: the two differ.
    """
    rng, done = random.Random(0), set[tuple[int, ...]]()
    for cap in (2, 3, 2, 3, 1):
        sizes = random_point(of.sizes.domain, signature.sizes.names, rng, cap)
        key = tuple(sizes.values())
        if len(done) >= POINTS or key in done or sum(map(prod, signature.shapes_at(sizes).values())) > MOST_ENTRIES:
            continue
        try:
            derived = derive(function, signature, wrt, sizes)
            ours = matrix_at(of, sizes, derived.letters)
        except (Unsupported, ZeroDivisionError):  # a step that letters cannot take
            return
        done.add(key)
        if not confirm(ours, derived.linear):
            raise InternalDisagreement(disagreement(ours, derived, sizes))


def disagreement(ours: LetterMatrix, derived: Derived, sizes: Mapping[str, int]) -> str:
    there = derived.linear
    places = [p for p in {**ours.entries, **there.entries} if ours.entries.get(p, 0) != there.entries.get(p, 0)]
    first = min(places, default=(0, 0))
    return (
        f"the entry T{list(first)} at {dict(sizes)} is {ours.entries.get(first, 0)} from the form for all sizes and "
        f"{there.entries.get(first, 0)} on letters: a bug in jaxiom, please report it"
    )
