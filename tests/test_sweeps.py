"""Sweeps: their tables, and figures that show what was measured."""

import csv
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from jax import Array, lax

from jaxiom.claims import refutation
from jaxiom.errors import BadInput
from jaxiom.figures import draw_map, draw_sweep, save, write_sweep
from jaxiom.measuring import measure
from jaxiom.sweeps import Sweep, read_sweep, sweep


@refutation(X="n h w c", W="3 3 c f", Q="f k", at={"n": 2, "h": 4, "w": 5, "c": 2, "f": 3, "k": 2})
def centring(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """Centred filters against the uncentred output."""
    names = ("NHWC", "HWIO", "NHWC")
    kernels = (W - W.mean(axis=(0, 1, 2))) @ Q, W
    left, right = (lax.conv_general_dilated(X, k, (1, 1), "SAME", dimension_numbers=names) for k in kernels)
    return left, right @ Q


@lru_cache
def found() -> Sweep:
    return sweep(centring, over={"k": [1, 3]}, dtypes=["float32", "bfloat16"], exact=False, expected=True)


def test_every_combination_is_a_point():
    points = [(p.measurement.dtype, p.at["k"], p.measurement.sizes["k"]) for p in found().points]
    assert points == [("float32", 1, 1), ("float32", 3, 3), ("bfloat16", 1, 1), ("bfloat16", 3, 3)]
    assert found().findings == 0
    assert all(p.measurement.verdict in ("algebra", "rounding") for p in found().points)


def test_a_point_is_what_measure_says_there():
    alone = measure(centring, at={**(centring.at or {}), "k": 3}, exact=False, expected=True)
    assert found().points[1].measurement.drift == alone.drift
    assert found().points[1].measurement.bound == alone.bound


def test_the_mean_moves_the_drift():
    points = sweep(centring, over={"mean:W": [0, 4]}, exact=False, bound=False).points
    drifts = [p.measurement.drift.relative for p in points]
    assert drifts[1] > 2 * drifts[0]


def test_tables_hold_every_figure():
    rows = list(csv.DictReader(io.StringIO(found().csv())))
    assert [row["k"] for row in rows] == ["1", "3", "1", "3"]
    for row, point in zip(rows, found().points, strict=True):
        assert float(row["drift relative"]) == point.measurement.drift.relative
        assert point.measurement.expected is not None
        assert float(row["expected max"]) == point.measurement.expected.max
    document = json.loads(json.dumps(found().to_json()))
    assert document["axes"] == {"k": [1, 3]}
    assert np.shape(document["points"][0]["maps"]["drift"]) == (4, 5)


def test_curves_are_the_figures_that_were_measured():
    figure = draw_sweep(found())
    panels = figure.axes
    assert [p.get_title() for p in panels] == ["float32, precision default", "bfloat16, precision default"]
    lines = {line.get_label(): line.get_xydata() for line in panels[0].get_lines()}
    assert {"measured", "predicted", "rounding bound", "likely rounding"} <= set(lines)
    expected = [(p.at["k"], p.measurement.drift.relative) for p in found().points[:2]]
    np.testing.assert_allclose(np.asarray(lines["measured"]), expected)


def test_the_map_shows_the_borders():
    figure = draw_map(found().points[0].measurement)
    assert figure is not None
    image = np.asarray(figure.axes[0].get_images()[0].get_array())
    np.testing.assert_allclose(image, found().points[0].measurement.maps["drift"])
    assert draw_map(measure(lambda x: x + x, lambda x: 2 * x, x="n", at={"n": 3}, exact=False)) is None


def test_files_are_written(tmp_path: Path):
    written = write_sweep(found(), tmp_path)
    assert sorted(p.name for p in written) == [
        "map.png",
        "map.svg",
        "sweep.csv",
        "sweep.json",
        "sweep.png",
        "sweep.svg",
    ]
    assert all(p.exists() for p in written)
    assert matplotlib.image.imread(tmp_path / "sweep.png").std() > 0
    again = save(draw_sweep(found()), tmp_path / "again")
    assert again[0].read_bytes() == (tmp_path / "sweep.svg").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("k=8:32:8", ("k", [8, 16, 24, 32])), ("k=5", ("k", [5])), ("mean:W=0:1:.5", ("mean:W", [0, 0.5, 1]))],
)
def test_what_to_sweep_is_read(text: str, expected: Any):
    assert read_sweep(text) == expected


@pytest.mark.parametrize("text", ["k", "k=", "=3", "k=1:2", "k=1:9:0", "k=9:1:1", "k=a", "k k=1"])
def test_what_cannot_be_read_is_said(text: str):
    with pytest.raises(BadInput, match="sweep: cannot read"):
        read_sweep(text)


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"z": [1]}, "none of this claim's sizes and arrays: n, h, w, c, f, k, mean:X, mean:W, mean:Q"),
        ({"mean:V": [1]}, "none of this claim's sizes"),
        ({"k": [0.5]}, "whole numbers"),
        ({}, "1 points"),
        ({"k": list(range(1, 40)), "c": list(range(1, 40))}, "1521 points"),
    ],
)
def test_what_cannot_be_swept_is_said(over: Any, why: str):
    with pytest.raises(BadInput, match=why):
        sweep(centring, over=over)
