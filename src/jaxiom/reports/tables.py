"""The table of measurements that the shell prints: in rich's boxes on a terminal, plain where it is piped."""

import sys
from typing import TYPE_CHECKING

from jaxiom.measurement import Measurement
from jaxiom.terminal import one_line

if TYPE_CHECKING:
    from jaxiom.verification import Run

PIPED_WIDTH = 160
COLUMNS = ("differ by", "formula says", "left over", "rounding bound", "modulo primes", "verdict")


def show(found: "Run") -> None:
    """Print one row a measurement, sizes relative to the result; nothing where nothing was measured."""
    if not found.told:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    watched = sys.stdout.isatty()
    table = Table(
        box=box.SIMPLE_HEAD if watched else None, pad_edge=False, title_justify="left", caption_justify="left"
    )
    table.add_column("measured, relative to the result", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for title, measured in found.told:
        table.add_row(Text(one_line(title)), *cells(measured))
    Console(width=None if watched else PIPED_WIDTH, highlight=False).print(table)


def cells(measured: object) -> list[str]:
    """One row; dashes where the claim could not be measured."""
    if not isinstance(measured, Measurement):
        return ["-"] * (len(COLUMNS) - 1) + ["not measured"]
    predicted = "no formula" if measured.predicted is None else f"{measured.predicted.relative:.1e}"
    bound = "none" if measured.bound is None else f"{measured.bound.relative:.1e}"
    sizes = [f"{measured.drift.relative:.1e}", predicted, f"{measured.left.relative:.1e}", bound]
    return [*sizes, measured.exact, measured.verdict]
