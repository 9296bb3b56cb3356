"""Figures of measurements, in SVG and PNG: a sweep's curves, and the map of the drift over the image."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxiom.files import write_whole
from jaxiom.measurement import Measurement
from jaxiom.sweeps import Point, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by everyone.
CURVES = {
    "drift": ("measured", "#000000", "o", "-"),
    "predicted": ("predicted", "#D55E00", "", "--"),
    "left": ("left after the prediction", "#0072B2", "s", "-"),
    "expected": ("likely rounding", "#009E73", "", "-."),
    "bound": ("rounding bound", "#CC79A7", "", ":"),
}
MAPS = ("drift", "predicted", "left")
STYLE: dict[Any, Any] = {"svg.hashsalt": "jaxiom", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def draw_sweep(found: Sweep) -> "Figure":
    """Measured, predicted and bound against what was swept: a panel for each dtype and precision."""
    import matplotlib
    from matplotlib.figure import Figure

    axis, *others = found.axes
    settings = list(dict.fromkeys((p.measurement.dtype, p.measurement.precision) for p in found.points))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 3.4 * len(settings), 3.8), layout="constrained")
        panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
        for panel, setting in zip(panels, settings, strict=True):
            points = [p for p in found.points if (p.measurement.dtype, p.measurement.precision) == setting]
            for rest in dict.fromkeys(tuple(p.at[o] for o in others) for p in points):
                draw_curves(panel, [p for p in points if tuple(p.at[o] for o in others) == rest], axis)
            panel.set_title(f"{setting[0]}, precision {setting[1]}")
            panel.set_xlabel(axis)
            panel.set_yscale("log")
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("Frobenius norm over the right side's")
        handles, labels = panels[0].get_legend_handles_labels()
        named = dict(zip(labels, handles, strict=True))
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=len(named), frameon=False)
        figure.suptitle(found.title)
    return figure


def draw_curves(panel: "Axes", points: Sequence[Point], axis: str) -> None:
    for name, (label, colour, marker, line) in CURVES.items():
        drawn = [
            (p.at[axis], statistic.relative)
            for p in points
            if (statistic := getattr(p.measurement, name)) is not None and statistic.relative > 0
        ]
        if drawn:
            x, y = zip(*drawn, strict=True)
            panel.plot(x, y, line, color=colour, marker=marker, markersize=3.5, linewidth=1.2, label=label)


def draw_map(m: Measurement) -> "Figure | None":
    """The root mean square of drift, prediction and what is left, by position in the image; None: there is none."""
    import matplotlib
    from matplotlib.figure import Figure

    shown = {name: flat(m.maps[name]) for name in MAPS if name in m.maps and m.maps[name].ndim <= 3}
    if not shown:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.2 * len(shown), 3.2), layout="constrained")
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for panel, (name, values) in zip(panels, shown.items(), strict=True):
            image = panel.imshow(values, cmap="viridis", interpolation="nearest")
            panel.set_title(CURVES[name][0])
            panel.set_xlabel("column")
            panel.set_ylabel("row" if m.maps[name].ndim > 1 else "")
            figure.colorbar(image, ax=panel, shrink=0.8, format="%.2g")
        figure.suptitle(f"root mean square by position, {m.dtype}, precision {m.precision}")
    return figure


def flat(values: np.ndarray) -> np.ndarray:
    """A map as an image: one row where it has one axis, slices side by side where it has three."""
    return np.concatenate(list(values), 1) if values.ndim == 3 else np.atleast_2d(values)


def save(figure: "Figure", stem: Path) -> list[Path]:
    """Write <stem>.svg and <stem>.png, each whole or not at all."""
    import matplotlib

    written: list[Path] = []
    kinds: dict[str, dict[str, Any]] = {"svg": {"metadata": {"Date": None}}, "png": {"dpi": 160}}
    for kind, options in kinds.items():
        target = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            figure.savefig(target, format=kind, **options)
        path = stem.with_name(f"{stem.name}.{kind}")
        write_whole(path, target.getvalue())
        written.append(path)
    return written


def write_sweep(found: Sweep, folder: Path) -> list[Path]:
    """The table as CSV and JSON, the curves, and the map at the first point that has one."""
    import json

    write_whole(folder / "sweep.csv", found.csv())
    write_whole(folder / "sweep.json", json.dumps(found.to_json(), indent=1) + "\n")
    written = [folder / "sweep.csv", folder / "sweep.json", *save(draw_sweep(found), folder / "sweep")]
    maps: Any = (draw_map(p.measurement) for p in found.points)
    first = next((figure for figure in maps if figure is not None), None)
    return written + ([] if first is None else save(first, folder / "map"))
