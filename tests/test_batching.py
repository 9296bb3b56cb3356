"""Batches: where a claim may be cut, that nothing changes by it, memory, interruptions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax

from jaxiom import batching, prove, speed
from jaxiom.batching import Cut, Job, Source, Wanted, find_cut
from jaxiom.claims import refutation, theorem
from jaxiom.decide import decide
from jaxiom.errors import BadInput, Unsupported
from jaxiom.found import Found
from jaxiom.measuring import closed_form, measure
from jaxiom.passes import Pass
from jaxiom.samples import random_inputs
from jaxiom.signature import read_signature

AT = {"n": 7, "h": 5, "w": 4, "c": 3, "f": 4, "k": 2}
SHAPES = {"X": "n h w c", "W": "3 3 c f", "Q": "f k"}


def conv(x: Array, w: Array) -> Array:
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@refutation(shapes=SHAPES, at=AT)
def centring(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """Centred filters against the uncentred output."""
    return conv(X, (W - W.mean(axis=(0, 1, 2))) @ Q), conv(X, W) @ Q


@theorem(x="n m", at={"n": 6, "m": 3})
def whole_mean(x: Array) -> tuple[Array, Array]:
    """A mean over the batch, in two ways."""
    return x - x.mean(axis=0), x - x.sum(axis=0) / x.shape[0]


CUTS: list[tuple[Any, dict[str, Any], str, str | None]] = [
    (lambda x, w: x @ w, {"x": "n k", "w": "k m"}, "", "n"),
    (lambda x: x[:, ::-1].sum(1), {"x": "n k"}, "", "n"),
    (lambda x: x.T, {"x": "n k"}, "", None),
    (lambda x: x[::-1], {"x": "n"}, "", None),
    (lambda x: x - x.mean(0), {"x": "n k"}, "", None),
    (lambda x: jnp.cumsum(x, 0), {"x": "n"}, "", None),
    (lambda x, y: x @ y, {"x": "n n", "y": "n n"}, "", None),
    (lambda x: 2 * x, {"x": "n"}, "n >= 3", None),
    (lambda x, y: x * y, {"x": "n m", "y": "m"}, "", "n"),
    (lambda x, y: {"a": x + y, "b": x}, {"x": "n", "y": "n"}, "", "n"),
    (lambda x, p: jnp.pad(x, ((0, 0), (p, p))), {"x": "n m", "p": int}, "p >= 0", "n"),
]


@pytest.mark.parametrize("at", range(len(CUTS)))
def test_where_a_claim_may_be_cut_is_proved(at: int):
    function, shapes, given, expected = CUTS[at]
    signature = read_signature([function, function], shapes, given)
    if expected is None:
        with pytest.raises(Unsupported, match="cannot be cut into batches"):
            find_cut(function, function, signature)
    else:
        assert find_cut(function, function, signature).name == expected


@pytest.mark.parametrize("batch", [3, 100])
def test_batches_change_nothing(batch: int):
    verdict = centring.prove()
    whole, cut = (measure(centring, batch=b, verdict=verdict) for b in (None, batch))
    assert (cut.verdict, cut.exact, cut.entries, cut.sizes) == (whole.verdict, whole.exact, whole.entries, whole.sizes)
    assert cut.batches == ("n", min(batch, 7))
    assert cut.worst == whole.worst
    for name in ("drift", "predicted", "left", "bound"):
        mine, its = getattr(cut, name), getattr(whole, name)
        assert mine.max == pytest.approx(its.max, rel=0.1 if name == "left" else 1e-5)
        assert mine.rms == pytest.approx(its.rms, rel=0.1 if name == "left" else 1e-5)
    np.testing.assert_allclose(cut.maps["drift"], whole.maps["drift"], rtol=1e-4)


def test_the_users_arrays_are_cut_as_well():
    rng = np.random.default_rng(0)
    shapes = centring.signature.shapes_at(AT)
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    verdict = centring.prove()
    whole, cut = (measure(centring, batch=b, inputs=arrays, verdict=verdict, exact=False) for b in (None, 2))
    assert cut.drift.rms == pytest.approx(whole.drift.rms, rel=1e-5)


def test_the_map_is_the_root_mean_square_by_position():
    m = measure(centring, bound=False, exact=False)
    arrays = [jnp.asarray(a) for a in random_inputs(centring.signature, AT, "float32", 0).values()]
    drift = np.asarray(centring.lhs(*arrays), np.float64) - np.asarray(centring.rhs(*arrays), np.float64)
    np.testing.assert_allclose(m.maps["drift"], np.sqrt((drift**2).mean((0, 3))), rtol=1e-4)
    # Zero padding: the drift is a sum over the patch, so it is least at the corners.
    assert m.maps["drift"][0, 0] < m.maps["drift"][2, 2]


def test_random_rows_are_the_same_whatever_is_asked_for_with_them():
    whole = random_inputs(centring.signature, AT, "float32", 3)
    rows = random_inputs(centring.signature, AT, "float32", 3, {"X": (2, 5)}, ["X"])
    assert list(rows) == ["X"]
    assert np.array_equal(rows["X"], whole["X"][2:5])
    long = read_signature([lambda x: x], {"x": "n"})
    sizes = {"n": 200_000}
    part = random_inputs(long, sizes, "float32", 3, {"x": (65_000, 140_000)})
    assert np.array_equal(part["x"], random_inputs(long, sizes, "float32", 3)["x"][65_000:140_000])


# Memory


def test_memory_decides_the_batch():
    verdict, device = centring.prove(), jax.devices("cpu")[0]

    def need(n: int) -> int:
        return Pass(centring.lhs, centring.rhs, centring.signature, {**AT, "n": n}, "float32", device).memory()[1]

    limit = (need(2) + need(4)) // 2
    m = measure(centring, memory=limit, verdict=verdict, exact=False)
    assert m.batches is not None
    assert m.batches[1] < 7
    assert m.memory["measured"] <= limit
    whole = measure(centring, verdict=verdict, exact=False)
    assert m.bound is not None
    assert whole.bound is not None
    assert m.bound.rms == pytest.approx(whole.bound.rms, rel=1e-5)
    assert (m.worst, m.entries) == (whole.worst, whole.entries)
    assert measure(centring, memory="1GiB", verdict=verdict, exact=False).batches is None
    with pytest.raises(BadInput, match="even one entry a batch needs"):
        measure(centring, memory="1kB", verdict=verdict)


def test_batches_of_sizes_that_the_closed_form_leaves_out():
    def doubled(x: Array) -> Array:
        return 2 * x if x.shape[0] == 1 else x + x

    options: dict[str, Any] = {"x": "n k", "at": {"n": 9, "k": 3}, "exact": False}
    assert measure(doubled, lambda x: x, batch=4, **options).verdict == "algebra"
    options["verdict"] = prove(doubled, lambda x: x, x="n k", given="n >= 2")
    assert measure(doubled, lambda x: x, batch=3, **options).verdict == "algebra"
    with pytest.raises(BadInput, match=r"not known for all batches of n \(4: it is known and 1: it is that of other"):
        measure(doubled, lambda x: x, batch=4, **options)
    # The bound of a few rows would be that of single ones.
    m = measure(doubled, lambda x: x, memory=700, **options)
    assert m.verdict == "algebra"
    assert m.batches == ("n", 3)


@pytest.mark.slow
@pytest.mark.parametrize("images", [8, 32])
@pytest.mark.parametrize("padding", speed.PADDINGS)
def test_measuring_a_layer_needs_little_more_than_its_sides(padding: str, images: int) -> None:
    """With memory=, at most 1.3 times what the bare two sides need, also where filters weigh more than images."""
    layer = speed.prepare(speed.sides(padding), speed.LAYER | {"n": images}, "float32", padding)
    verdict = decide(*layer.functions, layer.signature)

    def make(sizes: Mapping[str, int]) -> Pass:
        form = closed_form(verdict, sizes)
        return Pass(*layer.functions, layer.signature, sizes, "float32", layer.device, form)

    cut = Cut("n", frozenset("X"))
    bare, needed = Job(make, layer.sizes, Wanted(), Source(0, {}), cut, images, sparing=True).memory(images)
    assert bare < needed < 1.3 * bare


def test_what_does_not_fit_says_what_would(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batching, "LITTLE", 0)
    device = jax.devices("cpu")[0]
    run = Pass(centring.lhs, centring.rhs, centring.signature, AT, "float32", device)
    monkeypatch.setattr(batching, "free_memory", lambda device: run.memory()[1] - 1)
    with pytest.raises(BadInput, match=r"at: these sizes need .* are free; batches of n=\d would fit: give batch=\d"):
        measure(centring, exact=False)
    monkeypatch.setattr(batching, "free_memory", lambda device: 10)
    with pytest.raises(BadInput, match="give smaller sizes"):
        measure(whole_mean, exact=False)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"batch": 0}, "batch: expected a whole number of at least 1, got 0"),
        ({"batch": True}, "batch: expected"),
        ({"batch": 2, "memory": "1GiB"}, "give one of them"),
    ],
)
def test_batches_that_cannot_be(options: dict[str, Any], why: str):
    with pytest.raises(BadInput, match=why):
        measure(centring, **options)


# Interruptions


class Interrupted(KeyboardInterrupt):
    """Somebody pressed the keys."""


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path):
    verdict = centring.prove()
    told: list[tuple[str, int, int]] = []

    def stop_at_third(what: str, done: int, total: int) -> None:
        told.append((what, done, total))
        if what.startswith("measuring") and done == 3:
            raise Interrupted

    options: dict[str, Any] = {"batch": 2, "keep": tmp_path, "verdict": verdict, "exact": False, "bound": False}
    with pytest.raises(Interrupted):
        measure(centring, progress=stop_at_third, **options)
    (folder,) = tmp_path.iterdir()
    kept = sorted(f.name for f in folder.iterdir())
    assert kept == ["0.json", "1.json", "2.json"]
    # A batch that is only half there is measured again; others are not.
    (folder / "1.json").write_text("{")
    record = json.loads((folder / "2.json").read_text())
    record["tallies"]["drift"]["max"] = 1e6
    (folder / "2.json").write_text(json.dumps(record))
    m = measure(centring, **options)
    assert m.drift.max == 1e6
    assert list(tmp_path.iterdir()) == [folder] if folder.exists() else list(tmp_path.iterdir()) == []
    assert measure(centring, **options).drift.max < 1e3


def test_what_was_kept_is_for_the_same_measurement_only(tmp_path: Path):
    def interrupt(what: str, done: int, total: int) -> None:
        if done == 1:
            raise Interrupted

    verdict = centring.prove()
    options: dict[str, Any] = {"batch": 4, "keep": tmp_path, "verdict": verdict, "exact": False, "bound": False}
    options["progress"] = interrupt
    variants: list[dict[str, Any]] = [{}, {"seed": 1}, {"dtype": "bfloat16"}, {"means": {"W": 1}}, {"batch": 5}]
    for variant in variants:
        with pytest.raises(Interrupted):
            measure(centring, **{**options, **variant})
    assert len(list(tmp_path.iterdir())) == len(variants)


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="keep: .* cannot be made"):
        measure(centring, batch=2, keep=tmp_path / "file", exact=False)


def test_figures_survive_being_written_down():
    run = Pass(centring.lhs, centring.rhs, centring.signature, AT, "float32", jax.devices("cpu")[0])
    found = run.execute(random_inputs(centring.signature, AT, "float32", 0), eager=True)
    again = Found.from_record(json.loads(json.dumps(found.record())))
    assert again.record() == found.record()
    assert np.array_equal(again.histogram.counts, found.histogram.counts)
