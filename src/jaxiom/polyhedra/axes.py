"""Axes as ordered factors: which factors of two index lists correspond, and what a reshape does to them.

Merging axes of symbolic size is not affine, so a merged axis keeps its factors. Two lists of factors of the same
product split at the places where their running products agree; inside such a block the row-major positions are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.form import Form, Sizes, add, join, positions
from jaxiom.polyhedra.polynomial import Polynomial, fully_affine, lift
from jaxiom.polyhedra.world import World


class Misaligned(Undecidable):
    """Factors that do not line up, as patches in channel-major order against filters in the other order."""


@dataclass(frozen=True)
class Block:
    """Factors left[a:b] and right[c:d] that stand for the same range of positions."""

    left: range
    right: range


def product(sizes: Sequence[Polynomial]) -> Polynomial:
    return prod(sizes, start=lift(1))


def blocks(world: World, left: Sequence[Polynomial], right: Sequence[Polynomial]) -> list[Block]:
    """Split two lists of factors at every place where their running products agree for all sizes.

    Raises:
        Misaligned: the whole products differ.
    """
    found: list[Block] = []
    a = b = 0
    while a < len(left) or b < len(right):
        i, j = min(a + 1, len(left)), min(b + 1, len(right))
        while not world.same(product(left[a:i]), product(right[b:j])):
            i, j = advance(world, left[a:], right[b:], i - a, j - b)
            i, j = i + a, j + b
        found.append(Block(range(a, i), range(b, j)))
        a, b = i, j
    return found


def advance(world: World, left: Sequence[Polynomial], right: Sequence[Polynomial], i: int, j: int) -> tuple[int, int]:
    """The next pair (i, j), in order of i + j, for which the first i and first j factors have the same product."""
    for total in range(i + j, len(left) + len(right) + 1):
        for k in range(max(1, total - len(right)), min(len(left), total - 1) + 1):
            if world.same(product(left[:k]), product(right[: total - k])):
                return k, total - k
    raise Misaligned(f"the factors {written(left)} and {written(right)} do not have the same product")


def written(sizes: Sequence[Polynomial]) -> str:
    return "(" + ", ".join(map(str, sizes)) + ")"


def block_link(
    left: Sequence[Polynomial], right: Sequence[Polynomial], a: Sequence[str], b: Sequence[str]
) -> list[str]:
    """The constraints that make positions in two lists of factors equal."""
    if len(left) == len(right) == 1:
        return [f"{a[0]} = {b[0]}"]
    here, there = positions(left, a), positions(right, b)
    if not here or not there:
        raise Misaligned(
            f"the axis with factors {written(left)} is matched with {written(right)}: the positions are not affine"
        )
    cases = [f"({c} and {d} and {x} = {y})" for c, x in here for d, y in there]
    return [cases[0] if len(cases) == 1 else f"({' or '.join(cases)})"]


def links(world: World, left: Sizes, right: Sizes, a: Sequence[str], b: Sequence[str]) -> list[str]:
    """The constraints that make the positions in two axes of the same size equal."""
    found: list[str] = []
    for block in blocks(world, left, right):
        lefts, rights = [left[i] for i in block.left], [right[i] for i in block.right]
        found += block_link(lefts, rights, [a[i] for i in block.left], [b[i] for i in block.right])
    return found


def finer(world: World, left: Sizes, right: Sizes) -> Sizes:
    """The factors that an axis common to both has: in each block those of the side that has more."""
    found: list[Polynomial] = []
    for block in blocks(world, left, right):
        sides = [left[i] for i in block.left], [right[i] for i in block.right]
        found += max(sides, key=len)
    return tuple(found)


def atomic(world: World, size: Polynomial) -> Sizes:
    """The factors of an axis of affine size: one, or none for size 1."""
    return () if world.is_one(size) else (size,)


def refactor(world: World, form: Form, axes: Sequence[Sizes]) -> Form:
    """The same tensor with each axis given other factors of the same product."""
    if tuple(form.axes) == tuple(axes):
        return form
    return join(world, axes, [form], lambda g: axiswise(world, axes, form.axes, g[0], g[1]))


def axiswise(
    world: World, left: Sequence[Sizes], right: Sequence[Sizes], a: Sequence[str], b: Sequence[str]
) -> list[str]:
    """The constraints that make two whole lists of axes agree, axis by axis."""
    found: list[str] = []
    i = j = 0
    for one, other in zip(left, right, strict=True):
        found += links(world, one, other, a[i : i + len(one)], b[j : j + len(other)])
        i, j = i + len(one), j + len(other)
    return found


def plus(world: World, a: Form, b: Form) -> Form:
    """The sum of two tensors of the same shape."""
    common = [finer(world, x, y) for x, y in zip(a.axes, b.axes, strict=True)]
    return add(refactor(world, a, common), refactor(world, b, common))


def reshape(world: World, form: Form, sizes: Sequence[Polynomial]) -> Form:
    """Row-major reshape to axes of these sizes, whose product is known to be the form's.

    Raises:
        Misaligned: axes of symbolic size are split where no factor ends.
    """
    left = form.atoms
    wanted = [i for i, size in enumerate(sizes) if not world.is_one(size)]
    right = [sizes[i] for i in wanted]
    axes: list[Sizes] = [() for _ in sizes]
    parts = blocks(world, left, right)
    for block in parts:
        inner = tuple(left[i] for i in block.left)
        if len(block.right) == 1:
            axes[wanted[block.right[0]]] = inner
            continue
        for j in block.right:
            if not fully_affine(right[j]):
                raise Misaligned(
                    f"a reshape splits the factors {written(inner)} at {right[j]}, where none of them ends"
                )
            axes[wanted[j]] = (right[j],)

    def link(groups: Sequence[Sequence[str]]) -> list[str]:
        found: list[str] = []
        at = 0
        for block in parts:
            inner = [left[i] for i in block.left]
            old = [groups[1][i] for i in block.left]
            new = inner if len(block.right) == 1 else [right[j] for j in block.right]
            indices = groups[0][at : at + len(new)]
            at += len(new)
            if len(block.right) == 1:
                found += [f"{x} = {y}" for x, y in zip(indices, old, strict=True)]
            else:
                found += block_link(new, inner, indices, old)
        return found

    return join(world, axes, [form], link)
