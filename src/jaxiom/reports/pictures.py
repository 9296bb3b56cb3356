"""Pictures inside the page: drawn as SVG that follows its colours, and small images as data."""

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from jaxiom.measurement import Measurement

if TYPE_CHECKING:
    import sympy

Grey = Float[np.ndarray, "h w"]
LEAST, MOST = -9, 3
STATISTICS = ("drift", "predicted", "left", "bound")


@dataclass(frozen=True)
class Cell:
    """One entry of a matrix of letters: its LaTeX, which letter of the kernel (0: none), and where rules run."""

    latex: str
    tap: int
    above: bool
    before: bool


def cells(
    matrix: "sympy.SparseMatrix", taps: Mapping[str, int], rows: Sequence[int], columns: Sequence[int]
) -> list[list[Cell]]:
    """A matrix as a table. `taps` numbers the letters (by name) that have a colour; `rows` and `columns` are cuts."""
    import sympy

    height, width = matrix.shape

    def cell(row: int, column: int) -> Cell:
        entry: Any = matrix[row, column]
        names = sorted(str(s) for s in entry.free_symbols)
        tap = next((taps[n] for n in names if n in taps), 0)
        return Cell(letter_latex(sympy.latex(entry)) if entry else "0", tap, row in rows, column in columns)

    return [[cell(row, column) for column in range(width)] for row in range(height)]


def letter_latex(text: str) -> str:
    """Indices of one figure need no commas: W_{0110}."""
    import re

    return re.sub(r"_\{(\d(?:,\d)+)\}", lambda m: f"_{{{m[1].replace(',', '')}}}", text)


def structure(tap_at: np.ndarray, rows: Sequence[int], columns: Sequence[int], label: str, side: int = 14) -> Markup:
    """A matrix in colours: an entry of the kernel each, white where it is zero, blocks ruled."""
    height, width = tap_at.shape
    parts = [
        Markup('<rect class="tap{}" x="{}" y="{}" width="{}" height="{}"/>').format(
            int(tap_at[row, column]), column * side, row * side, side - 1, side - 1
        )
        for row, column in np.argwhere(tap_at)
    ]
    for cut in rows:
        parts.append(Markup('<path class="rule" d="M0 {0}H{1}"/>').format(cut * side - 0.5, width * side))
    for cut in columns:
        parts.append(Markup('<path class="rule" d="M{0} 0V{1}"/>').format(cut * side - 0.5, height * side))
    return Markup(
        '<svg class="structure" role="img" aria-label="{}" viewBox="-1 -1 {} {}" width="{}"><rect class="paper" x="-1" '
        'y="-1" width="{}" height="{}"/>{}</svg>'
    ).format(
        label,
        width * side + 1,
        height * side + 1,
        width * side + 1,
        width * side + 1,
        height * side + 1,
        Markup("").join(parts),
    )


def doubly_block() -> tuple[Markup, dict[str, int]]:
    """T(W) of a convolution of two channels with two 3x3 filters on a 5x5 image, in colours, and these sizes."""
    from jaxiom.identities import valid
    from jaxiom.operators import operator

    sizes = {"n": 1, "h": 5, "w": 5, "c": 2, "kh": 3, "kw": 3, "f": 2}
    found = operator(valid, X="n h w c", W="kh kw c f", given="h >= kh, w >= kw")
    derived = found.derive(**sizes)
    tap_at = np.zeros(derived.linear.shape, int)
    for position, entry in derived.linear.entries.items():
        ((letter,),) = entry.terms
        _, (i, j, _, _) = derived.letters.owners[letter]
        tap_at[position] = i * sizes["kw"] + j + 1
    blocks = found.blocks(**sizes)
    label = "A doubly block-Toeplitz matrix: 18 rows, 50 columns, one colour for each entry of the kernel window"
    return structure(tap_at, blocks.rows[0], blocks.columns[0], label), sizes


def along(value: float) -> float:
    """Where a relative size stands on the logarithmic axis, in per cent."""
    return 100 * (min(max(math.log10(value), LEAST), MOST) - LEAST) / (MOST - LEAST)


def scale(measurement: Measurement) -> Markup:
    """Drift, prediction, what is left and the bound of one measurement, relative to the result, on one axis."""
    marks = []
    for name in STATISTICS:
        statistic = getattr(measurement, name)
        if statistic is not None and 0 < statistic.relative < math.inf:
            marks.append(mark(name, along(statistic.relative), f"{name} {statistic.relative:.1e}"))
    lines = [Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="26"/>').format(x) for _, x in ticks()]
    return Markup('<svg class="scale" role="img" aria-label="{}" height="26">{}{}</svg>').format(
        f"sizes on a logarithmic axis from 1e{LEAST} to 1e{MOST}", Markup("").join(lines), Markup("").join(marks)
    )


def mark(name: str, x: float, told: str) -> Markup:
    title = Markup("<title>{}</title>").format(told)
    if name == "bound":
        return Markup('<line class="bound" x1="{0}%" x2="{0}%" y1="4" y2="22">{1}</line>').format(round(x, 2), title)
    radius = {"drift": 5, "predicted": 8, "left": 2.5}[name]
    return Markup('<circle class="{}" cx="{}%" cy="13" r="{}">{}</circle>').format(name, round(x, 2), radius, title)


def ticks() -> Iterator[tuple[int, float]]:
    """Powers of ten on the axis, and where they stand."""
    for power in range(LEAST, MOST + 1, 3):
        yield power, along(10.0**power)


def colours(image: Float[np.ndarray, "h w 3"]) -> str:
    """An image with values in [0, 1], as data."""
    return encoded(np.clip(image, 0, 1))


def heat(values: Grey, most: float) -> str:
    """Values from 0 to `most` in shades, as data."""
    import matplotlib

    return encoded(matplotlib.colormaps["viridis"](np.clip(values / most, 0, 1))[..., :3])


def encoded(image: Any) -> str:
    import matplotlib.image

    target = io.BytesIO()
    matplotlib.image.imsave(target, image, format="png")
    return f"data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"
