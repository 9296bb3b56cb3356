"""The levels of an operator's matrix, and its structure in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxiom.affine import Affine
from jaxiom.affine_values import full_index, summands
from jaxiom.errors import Unsupported
from jaxiom.polyhedra import structure
from jaxiom.polyhedra.form import Term
from jaxiom.polyhedra.points import Point
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import budget

FOLD = {1: "", 2: "doubly ", 3: "triply "}
WORDS = {"toeplitz": "Toeplitz", "circulant": "circulant", "hankel": "Hankel"}


@dataclass(frozen=True)
class Break:
    """The least point that shows that a step changes an entry: T there and at the moved index, in letters.

    Attributes:
        sizes: at which.
        output, input: the index [output; input] of the entry; moved_output, moved_input: after the step.
        value, moved_value: the two entries, as text.
    """

    sizes: Mapping[str, int]
    output: tuple[int, ...]
    input: tuple[int, ...]
    moved_output: tuple[int, ...]
    moved_input: tuple[int, ...]
    value: str
    moved_value: str

    def __str__(self) -> str:
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes.items()) or "these sizes"
        return (
            f"at {sizes}: T{entry(self.output, self.input)} = {self.value}, "
            f"T{entry(self.moved_output, self.moved_input)} = {self.moved_value}"
        )


def entry(output: Sequence[int], input_: Sequence[int]) -> str:
    return f"[{', '.join(map(str, output))}; {', '.join(map(str, input_))}]"


@dataclass(frozen=True)
class Level:
    """One level of nesting of the matrix, proved for all sizes.

    Attributes:
        axes: (axis of the output, axis of the input); None where an axis has no counterpart.
        sizes: theirs, as text; of an axis that merges several (kh*kw*c), the factor that the level is about.
        kind: "identity", "diagonal", "toeplitz", "circulant", "hankel" (as Toeplitz, along the other diagonals),
            "block diagonal", "constant", "dense", or "undecided".
        step: T is unchanged when the two indices move by it together, wherever both are inside (if circulant:
            everywhere, around the end). For kinds that do not repeat, the step that was tried.
        blocks: "block diagonal": the size of a block, as text.
        broken: the point that breaks the step, where it does not hold.
        reason: "undecided": what stopped the proof.
    """

    axes: tuple[int | None, int | None]
    sizes: tuple[str, str]
    kind: str
    step: tuple[int, int] | None
    blocks: tuple[str, str] | None
    broken: Break | None
    reason: str
    found: structure.Level

    def __str__(self) -> str:
        where = " × ".join(
            f"{side} axis {axis} ({size})"
            for side, axis, size in zip(("output", "input"), self.axes, self.sizes, strict=True)
            if axis is not None
        )
        text = f"{where}: {self.kind}"
        if self.kind in structure.REPEATING:
            text += f", step {self.step}"
        if self.kind == "block diagonal" and self.blocks:
            text += f", blocks {'×'.join(self.blocks)}"
        if self.broken:
            text += f"; step {self.step} changes it {self.broken}"
        return f"{text}: {self.reason}" if self.reason else text


def read_levels(of: Affine) -> tuple[Level, ...]:
    """The levels of a function with one output.

    Raises:
        Unsupported: it has several.
    """
    if len(of.entries) != 1:
        raise Unsupported(f"the function has {len(of.entries)} outputs; levels are of one: take them one at a time")
    with budget():
        found = structure.levels(entries_of(of))
    return tuple(told(of, level) for level in found)


def entries_of(of: Affine) -> structure.Entries:
    tensors = {name: tuple(size for axis in axes for size in axis) for name, axes in of.tensors.items()}
    return structure.Entries(of.world, of.entries[0], sum(map(len, of.outputs[0])), of.sizes.whole, tensors)


def told(of: Affine, level: structure.Level) -> Level:
    axes = (*of.outputs[0], *of.inputs)
    owner = [i for i, axis in enumerate(axes) for _ in axis]
    atoms = [size for axis in axes for size in axis]
    first_input = len(of.outputs[0])
    output = None if level.output is None else owner[level.output]
    input_ = None if level.input is None else owner[level.input] - first_input
    sizes = (size_text(atoms, level.output), size_text(atoms, level.input))
    blocks = (str(level.blocks[0]), str(level.blocks[1])) if level.blocks else None
    broken = break_at(of, level, level.broken) if level.broken else None
    return Level((output, input_), sizes, level.kind, level.step, blocks, broken, level.reason, level)


def size_text(atoms: Sequence[Polynomial], position: int | None) -> str:
    return "1" if position is None else str(atoms[position])


def break_at(of: Affine, level: structure.Level, point: Point) -> Break:
    count = sum(map(len, of.outputs[0]))
    here = list(point.indices[: count + sum(map(len, of.inputs))])
    moved = list(here)
    assert level.output is not None
    assert level.input is not None
    assert level.step is not None
    moved[level.output] += level.step[0]
    moved[level.input] += level.step[1]
    rows = [full_index(of.outputs[0], atoms[:count], point.sizes) for atoms in (here, moved)]
    columns = [full_index(of.inputs, atoms[count:], point.sizes) for atoms in (here, moved)]
    values = [value_at(of, atoms, point.sizes) for atoms in (here, moved)]
    return Break(point.sizes, rows[0], columns[0], rows[1], columns[1], values[0], values[1])


def value_at(of: Affine, atoms: Sequence[int], sizes: Mapping[str, int]) -> str:
    """One entry of T in letters, as text."""

    def here(term: Term) -> object:
        pins = [f"_{i} = {v}" for i, v in enumerate(atoms)]
        return term.points.intersect(of.world.set(term.points.dim(SET), pins))

    total: dict[str, object] = {}
    for _, letters, coefficient in summands(of, of.entries[0], sizes, here):
        name = "·".join(f"{n}[{', '.join(map(str, index))}]" if index else n for n, index in letters)
        total[name] = total.get(name, 0) + coefficient  # pyright: ignore[reportOperatorIssue]
    parts = [
        name if c == 1 and name else f"-{name}" if c == -1 and name else f"{c}·{name}" if name else str(c)
        for name, c in total.items()
        if c
    ]
    return " + ".join(parts).replace("+ -", "- ") or "0"


def describe(levels: Sequence[Level]) -> str:
    """The structure in words: the levels that repeat from the outside in, then the blocks, then the steps."""
    parts = [f"identity along {v.sizes[0]}" for v in levels if v.kind == "identity"]
    blocks = [v for v in levels if v.kind in ("dense", "block diagonal", "diagonal") and None not in v.axes]
    for kind, name in WORDS.items():
        count = sum(v.kind == kind for v in levels)
        if count:
            block = "block-" if count > 1 or len(levels) > 1 else ""
            parts.append(f"{FOLD.get(count, f'{count}-fold ')}{block}{name}")
    parts += [block_words(v) for v in blocks]
    for side, name in ((0, "output"), (1, "input")):
        for kind in ("constant", "dense"):
            alone = [v.sizes[side] for v in levels if v.kind == kind and v.axes[1 - side] is None]
            if alone:
                parts.append(f"{kind} along the {name}'s {', '.join(alone)}")
    parts += [step_words(v) for v in levels if v.kind in WORDS and v.step != (1, 1) and v.kind != "hankel"]
    parts += [f"undecided: {v}" for v in levels if v.kind == "undecided"]
    return "; ".join(dict.fromkeys(parts)) or "a single entry"


def block_words(level: Level) -> str:
    rows, columns = level.sizes
    if level.kind == "diagonal":
        return f"diagonal along {rows}"
    if level.kind == "block diagonal" and level.blocks:
        return f"blocks {rows}×{columns} block-diagonal, each {'×'.join(level.blocks)}"
    return f"blocks {rows}×{columns} dense"


def step_words(level: Level) -> str:
    assert level.step is not None
    r, s = level.step
    name = f"stride {s}: " if r == 1 else f"upsampling {r}: " if s == 1 else ""
    return f"{name}step {level.step}"
