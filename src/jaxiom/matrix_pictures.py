"""Pictures of an operator: its matrix with one colour for each entry of the kernel, and what one output reads."""

import base64
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from jaxiom.errors import BadInput, Unsupported
from jaxiom.levels import describe
from jaxiom.matrices import Derived
from jaxiom.polyhedra.structure import REPEATING
from jaxiom.sizes import fix, random_point

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxiom.affine_maps import Operator

FEW_COLOURS = 20
MOST_NAMED = 18
MOST_PANELS = 16
MOST_ROWS = 80
"""Of a picture in a notebook."""
ZERO, RULE, FAINT = "#ffffff", "#222222", "#bbbbbb"


def colours_of(derived: Derived) -> dict[Any, int]:
    """A number for each distinct entry of the matrix, in the order of its first letter."""
    entries = {entry: min(min(m, default=-1) for m in entry.terms) for entry in derived.linear.entries.values()}
    return {entry: at for at, entry in enumerate(sorted(entries, key=lambda e: (entries[e], str(e))))}


def palette(count: int) -> np.ndarray:
    """As many colours, as far apart as they can be."""
    from matplotlib import colormaps

    if count <= FEW_COLOURS:
        table = colormaps["tab20"](np.arange(FEW_COLOURS))
        order = [*range(0, FEW_COLOURS, 2), *range(1, FEW_COLOURS, 2)]  # the dark ones first
        return table[order][:count, :3]
    return colormaps["turbo"](np.linspace(0.04, 0.96, count))[:, :3]


def plot(of: "Operator", sizes: Mapping[str, int], force: bool) -> "Figure":
    """See `Operator.plot`."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    derived = of.derive(force=force, **sizes)
    numbers = colours_of(derived)
    shades = palette(len(numbers))
    height, width = derived.linear.shape
    image = np.ones((height, width, 3))
    for (row, column), entry in derived.linear.entries.items():
        image[row, column] = shades[numbers[entry]]
    title = heading(of, derived, sizes)
    scale = min(0.22, 11 / max(width, height, 1))
    named = 0 < len(numbers) <= MOST_NAMED
    drawn, lines = (max(3.4, width * scale), max(1.4, height * scale)), title.count("\n") + 1
    keys = -(-len(numbers) // 9) if named else 0
    figure = Figure(figsize=(drawn[0] + 0.5 + 1.1 * keys, drawn[1] + 0.5 + 0.18 * lines))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.imshow(image, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    rule(axes, derived.blocks.rows, derived.blocks.columns, height, width)
    axes.set_title(title, fontsize=8)
    axes.set_xlabel(f"columns: {of.wrt} {shape_text(derived.inputs)}, last axis fastest", fontsize=8)
    axes.set_ylabel("rows: output " + ", ".join(map(shape_text, derived.outputs)), fontsize=8)
    if named:
        handles = [Patch(color=shades[at], label=f"${latex(derived, entry)}$") for entry, at in numbers.items()]
        axes.legend(
            handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False, ncols=keys
        )
    return figure


def rule(axes: Any, rows: Sequence[Sequence[int]], columns: Sequence[Sequence[int]], height: int, width: int) -> None:
    """Rules between blocks: the outermost strong, the innermost faint. Where every row is a block, none."""
    for cuts, length, draw in ((rows, height, axes.axhline), (columns, width, axes.axvline)):
        shown = [level for level in cuts if len(level) < length - 1]
        for depth, level in list(enumerate(shown))[::-1]:
            for cut in level:
                draw(cut - 0.5, color=RULE if depth == 0 else FAINT, linewidth=1.1 if depth == 0 else 0.5)


def heading(of: "Operator", derived: Derived, sizes: Mapping[str, int]) -> str:
    """The structure in words, how much there is, and at which sizes: a line each."""
    height, width = derived.linear.shape
    count, distinct = len(derived.linear.entries), len(derived.linear.distinct)
    lines = [f"{height} × {width}, {count} entries, {distinct} distinct"]
    with suppress(BadInput, Unsupported):  # where the levels are not known, the matrix is
        lines = [describe(of.levels), *lines]
    return "\n".join([*lines, ", ".join(f"{name}={value}" for name, value in sizes.items())]).strip()


def shape_text(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) if len(shape) else "a number"


def latex(derived: Derived, entry: Any) -> str:
    import sympy

    text = sympy.latex(derived.letters.expression(entry))
    return text if len(text) < 60 else r"\ldots"


def plot_reads(of: "Operator", output: Sequence[int], sizes: Mapping[str, int], force: bool) -> "Figure":
    """See `Operator.plot_reads`."""
    from matplotlib.figure import Figure

    derived = of.derive(force=force, **sizes)
    row = row_of(derived, output)
    numbers = colours_of(derived)
    shades = palette(len(numbers))
    shape = derived.inputs or (1,)
    across = picture_axes(of, len(shape))
    found = {
        np.unravel_index(column, shape): entry for (r, column), entry in derived.linear.entries.items() if r == row
    }
    panels = list(panels_of(shape, across))[:MOST_PANELS]
    rows, columns = (1 if axis is None else shape[axis] for axis in across)
    side = max(0.28, min(0.6, 5 / max(rows, columns)))
    figure = Figure(figsize=(len(panels) * (columns * side + 0.5) + 0.4, rows * side + 1.1))
    figure.set_layout_engine("constrained")
    for at, (index, name) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), at + 1)
        image = np.ones((rows, columns, 3))
        for y, x in np.ndindex(rows, columns):
            entry = found.get(tuple(np.int64(i) for i in filled(index, across, y, x)))
            if entry is not None:
                image[y, x] = shades[numbers[entry]]
                if len(panels) * columns <= 24:
                    text = f"${latex(derived, entry)}$"
                    axes.text(x, y, text, ha="center", va="center", fontsize=7, color=ink(image[y, x]))
        axes.imshow(image, interpolation="nearest")
        axes.set_xticks(np.arange(columns + 1) - 0.5, [])
        axes.set_yticks(np.arange(rows + 1) - 0.5, [])
        axes.grid(color=FAINT, linewidth=0.5)
        axes.tick_params(length=0)
        axes.set_title(f"{of.wrt}[{name}]", fontsize=8)
    figure.suptitle(
        f"output [{', '.join(map(str, output))}] reads {len(found)} of {int(np.prod(shape))} entries", fontsize=9
    )
    return figure


def row_of(derived: Derived, output: Sequence[int]) -> int:
    if len(derived.outputs) != 1:
        raise BadInput(f"output: the function has {len(derived.outputs)} outputs; take them one at a time")
    (shape,) = derived.outputs
    whole = [isinstance(i, int | np.integer) for i in output]
    if len(output) != len(shape) or not all(whole) or any(not 0 <= i < n for i, n in zip(output, shape, strict=True)):
        raise BadInput(f"output: {list(output)} is no index of the output, whose shape is {shape_text(shape)}")
    return int(np.ravel_multi_index(tuple(output), shape)) if shape else 0


def picture_axes(of: "Operator", rank: int) -> tuple[int | None, int]:
    """The two axes of the input that are drawn: those along which the matrix repeats, else the last."""
    try:
        found = [v.axes[1] for v in of.levels if v.kind in REPEATING and v.kind != "identity"]
    except (BadInput, Unsupported):
        found = []
    chosen = sorted({axis for axis in found if axis is not None})[:2]
    if not chosen:
        chosen = [*range(rank)][-2:]
    return (None, chosen[0]) if len(chosen) == 1 else (chosen[0], chosen[1])


def panels_of(shape: Sequence[int], across: tuple[int | None, int]) -> Iterator[tuple[tuple[int, ...], str]]:
    """(index with the drawn axes at 0, its text) for every choice of the other axes."""
    others = [n if axis not in across else 1 for axis, n in enumerate(shape)]
    for index in np.ndindex(*others):
        yield index, ", ".join(":" if axis in across else str(i) for axis, i in enumerate(index))


def filled(index: Sequence[int], across: tuple[int | None, int], y: int, x: int) -> tuple[int, ...]:
    down, right = across
    return tuple(y if axis == down else x if axis == right else i for axis, i in enumerate(index))


def ink(colour: np.ndarray) -> str:
    """Black or white, whichever reads better on a colour."""
    return "white" if colour @ np.array([0.299, 0.587, 0.114]) < 0.55 else "black"


def html(of: "Operator") -> str:
    """What a notebook shows: the structure in words, the levels, the entry, the Kronecker sum, a small matrix."""
    from latex2mathml.converter import convert

    parts = [Markup("<p><b>{}</b></p>").format(repr(of))]
    try:
        lines = of.describe().split("\n")
        parts.append(Markup("<p>{}</p>").format(Markup("<br>").join(lines)))
        parts.append(Markup("<p>{}</p>").format(Markup(convert(of.entry.latex()))))
        parts.append(
            Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(str(v)) for v in of.levels))
        )
        parts.append(Markup("<p><code>{}</code></p>").format(str(of.kronecker())))
    except (BadInput, Unsupported) as error:
        parts.append(Markup("<p>{}</p>").format(str(error)))
    picture = small_picture(of)
    if picture:
        parts.append(
            Markup(
                '<img alt="the matrix at small sizes" style="max-width:100%" src="data:image/png;base64,{}">'
            ).format(picture)
        )
    return str(Markup("").join(parts))


def small_picture(of: "Operator") -> str:
    """The matrix at small sizes, as data; "" where it is large or cannot be derived."""
    try:
        sizes = telling_sizes(of)
        if max(of.derive(**sizes).linear.shape) > MOST_ROWS:
            return ""
        target = io.BytesIO()
        plot(of, sizes, False).savefig(target, format="png", dpi=80)
    except (BadInput, Unsupported):
        return ""
    return base64.b64encode(target.getvalue()).decode()


def telling_sizes(of: "Operator") -> dict[str, int]:
    """Small sizes that show the structure: 4 along what repeats, 1 along what is only repeated, else 2, where `given`
    allows it."""
    wanted = {size: 1 if v.kind == "identity" else 4 for v in of.levels if v.kind in REPEATING for size in v.sizes}
    domain = of.affine.sizes.domain
    for name in of.signature.sizes.names:
        here = fix(domain, name, wanted.get(name, 2))
        domain = domain if here.is_empty() else here
    return random_point(domain, of.signature.sizes.names, random.Random(0), 1)
