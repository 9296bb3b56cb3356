"""The structure of an operator's matrix, level by level, proved for all sizes.

A level is a pair of an output index a and an input index b of T[o; x]. It is Toeplitz with step (r, s) if T is
unchanged when a moves by r and b by s, wherever both are inside; which steps to try is read off the constraints, and
each one is proved by the decision that proves equalities of tensors. A wrong guess costs only that proof.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Sizes, add, join
from jaxiom.polyhedra.points import Point, least_point, points_at
from jaxiom.polyhedra.polynomial import Polynomial, isl_text, lift
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World
from jaxiom.polyhedra.zero import Row, lattice, rows

Names = Sequence[str]
Step = tuple[int, int]
Piece = tuple[list[Row], list[Row]]
MOST_STEPS = 4
MOST_SUPPORT = 10_000
REPEATING = ("identity", "toeplitz", "circulant", "hankel")
"""Kinds that are unchanged along a step."""


@dataclass(frozen=True)
class Level:
    """One level of nesting: an index of the output against one of the input.

    Attributes:
        output, input: positions among the form's indices: the output's first, then the input's; None where an index
            has no counterpart.
        kind: "identity", "diagonal", "toeplitz", "circulant", "hankel" (constant along the other diagonals), "block
            diagonal", "constant" (unchanged by any move of the indices), "dense", or "undecided".
        step: for those that repeat, how far the two indices move together; for the others the step that was tried.
        blocks: "block diagonal": the sizes of a block, (output, input).
        broken: where the kind is none that repeats: the least point at which the step changes the entry.
        reason: "undecided": what stopped the proof.
    """

    output: int | None
    input: int | None
    kind: str
    step: Step | None = None
    blocks: tuple[Polynomial, Polynomial] | None = None
    broken: Point | None = None
    reason: str = ""


@dataclass(frozen=True)
class Entries:
    """T[o; x]: a form whose indices are `outputs` of the output, then those of the input.

    `whole` are the parameters that are integer variables; `tensors` has the size of each index of the other inputs.
    """

    world: World
    form: Form
    outputs: int
    whole: frozenset[str]
    tensors: Mapping[str, Sizes]

    @property
    def size(self) -> int:
        return len(self.form.atoms)


def levels(of: Entries) -> list[Level]:
    """Every level that repeats or is diagonal; what is left of the indices is paired in order.

    A proof that stops (at isl's budget, say) makes its level "undecided".
    """
    pieces = list(convex_pieces(of))
    constant = [p for p in range(of.size) if is_constant_along(of, pieces, p)]
    both = itertools.product(range(of.outputs), range(of.outputs, of.size))
    tried = [repeating(of, pieces, a, b) for a, b in both if a not in constant and b not in constant]
    found = [level for level in tried if level and level.kind in (*REPEATING, "diagonal")]
    taken = {p for level in found for p in (level.output, level.input)} | set(constant)
    for level in tried:  # what was tried and does not hold, where nothing else holds of the two indices
        if level and level not in found and not {level.output, level.input} & taken:
            found.append(level)
            taken |= {level.output, level.input}
    found += dense(of, [p for p in range(of.size) if p not in taken])
    found += [Level(p, None, "constant") if p < of.outputs else Level(None, p, "constant") for p in constant]
    return sorted(found, key=lambda v: [(p is None, p or 0) for p in (v.output, v.input)])


def convex_pieces(of: Entries) -> Iterator[Piece]:
    """Each convex piece of each term: equalities and inequalities over the indices, then what exists besides.

    Sizes and the other tensors' indices stay where they are when o and x move: their columns are left out.
    """
    for term in of.form.terms:
        summed = of.size + sum(of.world.ranks[name] for name in term.monomial)
        for piece in term.points.get_basic_sets():
            lifted = piece.lift().flatten()
            keep = [0, *range(1, of.size + 1), *range(summed + 1, lifted.dim(SET) + 1)]
            equal, least = rows(lifted)
            yield [[row[i] for i in keep] for row in equal], [[row[i] for i in keep] for row in least]


def directions(of: Entries, pieces: Sequence[Piece], output: int, input_: int) -> list[Step]:
    """Steps of the two indices that some piece's constraints do not see; shortest first."""
    found: dict[Step, None] = {}
    for equal, least in pieces:
        columns = [1 + output, 1 + input_]
        spare = range(1 + of.size, len(equal[0]) if equal else len(least[0]) if least else 0)
        system = [[0, *(row[c] for c in (*columns, *spare))] for row in equal]
        solved = lattice([row for row in system if any(row)], 2 + len(spare))
        basis = sorted({(v[0], v[1]) for v in (solved[1] if solved else [])} - {(0, 0)})
        if len(basis) == 1:
            found[oriented(*basis[0])] = None
        elif basis:
            for row in least:
                a, b = row[columns[0]], row[columns[1]]
                if a and b:
                    found[oriented(b // gcd(a, b), -a // gcd(a, b))] = None
            found[1, 1] = None
    moves = [(r, s) for r, s in found if r and s]
    return sorted(moves, key=lambda step: (abs(step[0]) + abs(step[1]), step[1] < 0))[:MOST_STEPS]


def oriented(r: int, s: int) -> Step:
    return (r, s) if r > 0 or (r == 0 and s > 0) else (-r, -s)


def repeating(of: Entries, pieces: Sequence[Piece], output: int, input_: int) -> Level | None:
    """The pair as a level that repeats, or that is diagonal; undecided where a proof stopped; None if it is neither."""
    reason = ""
    broken: Level | None = None
    for step in directions(of, pieces, output, input_):
        try:
            point = change(of, {output: step[0], input_: step[1]})
            if point is None:
                return Level(output, input_, kind_of(of, output, input_, step), step)
            if forced_equal(of, output, input_):
                return Level(output, input_, "diagonal", step, broken=point)
            broken = broken or Level(output, input_, "dense", step, broken=point)
        except Undecidable as error:
            reason = reason or str(error)
    return Level(output, input_, "undecided", reason=reason) if reason else broken


def kind_of(of: Entries, output: int, input_: int, step: Step) -> str:
    """The kind of a level that was proved unchanged along a step."""
    if step == (1, 1) and forced_equal(of, output, input_):
        return "identity"
    if step[1] < 0:
        return "hankel"
    return "circulant" if wraps(of, output, input_, step) else "toeplitz"


def forced_equal(of: Entries, output: int, input_: int) -> bool:
    """Whether the two indices run over the same range, and T is zero wherever they differ."""
    sizes = of.form.atoms
    if not of.world.same(sizes[output], sizes[input_]):
        return False
    return all(
        term.points.is_subset(of.world.set(term.points.dim(SET), [f"_{output} = _{input_}"])) for term in of.form.terms
    )


def difference(of: Entries, tie: Callable[[Names, Names], list[str]], inside: Callable[[Names], list[str]]) -> Form:
    """T at a moved index less T: `tie` says how the moved index follows from the one here, `inside` where it is inside
    its axes."""
    axes = of.form.axes
    moved = join(of.world, axes, [of.form], lambda g: tie(g[0], g[1]))
    here = join(of.world, axes, [of.form], lambda g: [f"{a} = {b}" for a, b in pairs(g[0], g[1])] + inside(g[0]))
    return add(moved, here.scale(-1))


def pairs(a: Names, b: Names) -> Iterator[tuple[str, str]]:
    return zip(a, b, strict=True)


def change(of: Entries, by: Mapping[int, int]) -> Point | None:
    """The least point (sizes; o, x and the other inputs' indices) at which T changes when some of its indices move,
    wherever all of them stay inside; None if it never does, for all sizes."""

    def tie(here: Names, moved: Names) -> list[str]:
        return [f"{b} = {a} + {by.get(i, 0)}" for i, (a, b) in enumerate(pairs(here, moved))]

    def inside(here: Names) -> list[str]:
        return [f"0 <= {here[i]} + {d} < {isl_text(of.form.atoms[i])}" for i, d in by.items()]

    return first_point(of, difference(of, tie, inside))


def first_point(of: Entries, form: Form) -> Point | None:
    regions = nonzero_regions(of.world, form)
    points = [least_point(of.world, region, of.whole) for region in regions]
    return min(points, key=lambda p: (p.total, p.indices), default=None)


def wraps(of: Entries, output: int, input_: int, step: Step) -> bool:
    """Whether T is unchanged, too, where the indices that leave their axes come in at the other end. Both must be back
    at the start together, and one of them moves by 1, so that the first block row (or column) says it all."""
    sizes = of.form.atoms
    if min(step) != 1 or not of.world.same(sizes[output] * step[1], sizes[input_] * step[0]):
        return False
    by = {output: step[0], input_: step[1]}

    def tie(here: Names, moved: Names) -> list[str]:
        found = []
        for i, (a, b) in enumerate(pairs(here, moved)):
            there = f"{b} = {a} + {by.get(i, 0)}"
            found.append(f"({there} or {there} - ({isl_text(sizes[i])}))" if i in by else there)
        return found

    return first_point(of, difference(of, tie, lambda here: [])) is None


def is_constant_along(of: Entries, pieces: Sequence[Piece], at: int) -> bool:
    """Whether T does not depend on one index at all."""
    if any(row[1 + at] for equal, _ in pieces for row in equal):
        return False
    try:
        return change(of, {at: 1}) is None
    except Undecidable:
        return False


def dense(of: Entries, left: Sequence[int]) -> list[Level]:
    """The indices that no level pairs, in order: the output's against the input's."""
    outputs = [p for p in left if p < of.outputs]
    inputs = [p for p in left if p >= of.outputs]
    found = []
    for i in range(max(len(outputs), len(inputs))):
        a, b = outputs[i] if i < len(outputs) else None, inputs[i] if i < len(inputs) else None
        if a is None or b is None:
            found.append(Level(a, b, "dense"))
            continue
        try:
            found.append(block_diagonal(of, a, b) or Level(a, b, "dense", (1, 1), broken=change(of, {a: 1, b: 1})))
        except Undecidable as error:
            found.append(Level(a, b, "undecided", reason=str(error)))
    return found


def block_diagonal(of: Entries, output: int, input_: int) -> Level | None:
    """The pair as equal blocks along the diagonal. How many there are, or how large they are, is guessed at one size
    and proved for all."""
    sizes = of.form.atoms
    for point in of.world.samples()[::-1]:
        guess = blocks_at(of, output, input_, point)
        if guess is None:
            continue
        count, height, width = guess
        share = Fraction(1, count)
        for block, condition in (
            ((lift(height), lift(width)), equal_blocks(output, input_, height, width)),
            ((sizes[output] * share, sizes[input_] * share), numbered_blocks(of, output, input_, count)),
        ):
            if within(of, condition):
                broken = change(of, {output: 1, input_: 1})
                plain = block == (lift(1), lift(1)) and of.world.same(sizes[output], sizes[input_])
                kind = "block diagonal" if not plain else "diagonal" if broken else "identity"
                return Level(output, input_, kind, (1, 1), None if plain else block, broken)
    return None


def within(of: Entries, condition: str) -> bool:
    """Whether T is zero wherever a condition on its indices does not hold."""
    return all(t.points.is_subset(of.world.set(t.points.dim(SET), [condition])) for t in of.form.terms)


def equal_blocks(output: int, input_: int, height: int, width: int) -> str:
    """Blocks of given sizes, however many."""
    inside = [f"{n}*_g <= _{i} < {n}*_g + {n}" for i, n in ((output, height), (input_, width))]
    return f"exists (_g : {' and '.join(inside)})"


def numbered_blocks(of: Entries, output: int, input_: int, count: int) -> str:
    """A given number of blocks, however large."""
    sizes = {i: isl_text(of.form.atoms[i]) for i in (output, input_)}
    cases = [
        " and ".join(f"{g}*({size}) <= {count}*_{i} < {g + 1}*({size})" for i, size in sizes.items())
        for g in range(count)
    ]
    return f"({' or '.join(f'({case})' for case in cases)})"


def blocks_at(of: Entries, output: int, input_: int, sizes: Mapping[str, int]) -> tuple[int, int, int] | None:
    """(count, height, width) where T, at these sizes, is equal blocks along the diagonal and more than one."""
    height, width = (int(of.form.atoms[i].evaluate(dict(sizes))) for i in (output, input_))
    if height * width > MOST_SUPPORT:
        return None
    support = np.zeros((height, width), bool)
    for term in of.form.terms:
        for index in points_at(of.world.rearrange(term.points, [output, input_]), sizes):
            support[index] = True
    for count in range(min(height, width), 1, -1):
        if height % count == 0 == width % count:
            blocks = np.kron(np.eye(count, dtype=bool), np.ones((height // count, width // count), bool))
            if not (support & ~blocks).any():
                return count, height // count, width // count
    return None
