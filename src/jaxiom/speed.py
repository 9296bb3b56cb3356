"""Speed against the bare convolutions: interleaved medians of one run, on a layer that is projected.

The two sides are conv(X, (W - mean) Q) and (conv(X, W) - mean) Q, each jitted. Bare, each is in the faster of two
forms, XLA's convolution and a sum of shifted products. Over their time, for the claim written in those forms: both
sides and the drift with the closed form's prediction, the rounding bound with its judgement, and the exact check to
2^-60. Where the fastest form is no convolution, the same again for the claim written with convolutions, which `measure`
runs as they are. The rate of the plain matrix product of the same shape is taken in the same rounds, so that a noisy
machine meets all of them.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxiom.decide import decide
from jaxiom.errors import BadInput
from jaxiom.found import Found
from jaxiom.layers import conv
from jaxiom.measuring import closed_form, read_dtype
from jaxiom.passes import Pass
from jaxiom.residues import check_here
from jaxiom.samples import random_inputs
from jaxiom.signature import read_signature

LAYER = {"n": 8, "h": 14, "w": 14, "c": 512, "kh": 3, "kw": 3, "f": 512, "k": 400}
SMALL = LAYER | {"c": 32, "f": 32, "k": 24}
SHAPES = {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}
FITS = "h >= kh, w >= kw"
PADDINGS = ("SAME", "VALID")
SIDES, BOUND = "both sides, drift and prediction", "rounding bound, judged"
EXACT = "exact check to 2^-60"
CONVOLUTION, SHIFTED = "convolution", "shifted products"
FORMS = (CONVOLUTION, SHIFTED)
CONVOLUTIONS = (CONVOLUTION, CONVOLUTION)
WRITTEN_SO = ", written as convolutions"
TRIED, CLEARLY = 5, 0.9
"""Rounds of a first trial, and what share of a convolution's time another form may take to be measured in its place."""

Sides = tuple[Callable[..., Array], Callable[..., Array]]
Timed = Mapping[str, Callable[[], Any]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Speed:
    """What a run found.

    Attributes:
        sizes, dtype, padding, device, rounds: what was timed.
        seconds: medians by name: lhs, rhs (as convolutions, and as shifted products), drift, bounds, judge, exact (of
            the claim in its fastest forms, and as convolutions), product (the plain matrix product).
        forms: the faster form of lhs and of rhs: the bare sides.
        measured: the forms of the sides that were measured: those that a first trial found clearly faster.
        ratios: over the bare two sides.
        gflops: rates of the bare lhs and rhs, of both, and of the plain product; multiplications with padding count.
    """

    sizes: Mapping[str, int]
    dtype: str
    padding: str
    device: str
    rounds: int
    seconds: Mapping[str, float]
    forms: Mapping[str, str]
    measured: tuple[str, str]
    ratios: Mapping[str, float]
    gflops: Mapping[str, float]

    def record(self) -> dict[str, Any]:
        """Plain numbers and texts, as `--json` writes them."""
        return {name: dict(v) if isinstance(v, Mapping) else v for name, v in vars(self).items()}

    @property
    def bare(self) -> float:
        """Seconds of both sides, each in its faster form."""
        return sum(self.seconds[timed_as(side, form)] for side, form in self.forms.items())

    def __str__(self) -> str:
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes.items())
        whole = self.gflops["product"]
        shares = [f"{side} ({form}) at {self.gflops[side] / whole:.0%}" for side, form in self.forms.items()]
        shares.append(f"both at {self.gflops['both'] / whole:.0%}")
        rows = [(name, f"{ratio:.2f} ×") for name, ratio in self.ratios.items()]
        width = max(len(name) for name, _ in rows)
        lines = [
            f"{sizes}; {self.dtype}, {self.padding}, {self.device}; medians of {self.rounds}",
            f"{'the bare two sides':{width}}  {1e3 * self.bare:.1f} ms: {', '.join(shares)} of a plain matrix "
            f"product's {whole:.0f} GFLOP/s",
            *(f"{name:{width}}  {text}" for name, text in rows),
        ]
        return "\n".join(lines)


def timed_as(side: str, form: str) -> str:
    return side if form == CONVOLUTION else f"{side}, {form}"


def convolve(form: str, X: Array, W: Array, padding: str, kernel: Callable[[Array], Array] = lambda W: W) -> Array:
    """The convolution of X and kernel(W); or, as a sum of products, one for each tap of the window."""
    if form == CONVOLUTION:
        return conv(X, kernel(W), padding=padding)
    window = W.shape[:2]
    if padding == "SAME":
        X = jnp.pad(X, [(0, 0), *(((k - 1) // 2, k // 2) for k in window), (0, 0)])
    rows, columns = (size - k + 1 for size, k in zip(X.shape[1:3], window, strict=True))
    taps = [(i, j) for i in range(window[0]) for j in range(window[1])]
    products = (X[:, i : i + rows, j : j + columns] @ kernel(W[i, j]) for i, j in taps)
    return sum(products, next(products))


def sides(padding: str, forms: tuple[str, str] = CONVOLUTIONS) -> Sides:
    """A fitted PCA's `transform` of the kernel, and of the output."""

    def filters(X: Array, W: Array, Q: Array) -> Array:
        mean = W.mean((0, 1, 2))
        return convolve(forms[0], X, W, padding, lambda W: (W - mean) @ Q)

    def output(X: Array, W: Array, Q: Array) -> Array:
        return (convolve(forms[1], X, W, padding) - W.mean((0, 1, 2))) @ Q

    return filters, output


def equal_sides(padding: str, forms: tuple[str, str] = CONVOLUTIONS) -> Sides:
    """Without centring: equal. An exact check of what differs would end with its first round."""
    return (
        lambda X, W, Q: convolve(forms[0], X, W, padding, lambda W: W @ Q),
        lambda X, W, Q: convolve(forms[1], X, W, padding) @ Q,
    )


def shapes_of(sizes: Mapping[str, int], forms: tuple[str, str]) -> dict[str, str]:
    """The shapes of the claim; a sum over the taps names how many there are."""
    numbers = {} if forms == CONVOLUTIONS else {name: str(sizes[name]) for name in ("kh", "kw")}
    return {name: " ".join(numbers.get(axis, axis) for axis in shape.split()) for name, shape in SHAPES.items()}


def prepare(
    functions: Sides,
    sizes: Mapping[str, int],
    dtype: str,
    padding: str,
    forms: tuple[str, str] = CONVOLUTIONS,
) -> Pass:
    shapes = shapes_of(sizes, forms)
    named = {axis: sizes[axis] for shape in shapes.values() for axis in shape.split() if axis in sizes}
    fits = FITS if forms == CONVOLUTIONS else f"h >= {sizes['kh']}, w >= {sizes['kw']}"
    signature = read_signature(functions, shapes, fits if padding == "VALID" else "")
    signature.sizes.check(named, "sizes")
    form = closed_form(decide(*functions, signature), named)
    return Pass(*functions, signature, named, dtype, jax.devices()[0], form)


def programs(run: Pass, arrays: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """What is timed, each compiled already."""

    def build(name: str, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        return partial(run.program(name, function, *args), *args)

    lhs, rhs = build("lhs", run.side(0), arrays), build("rhs", run.side(1), arrays)
    outputs = lhs(), rhs()
    compare = build("drift", run.compare, *outputs, arrays)
    _, predicted = compare()
    bounds = partial(run.bounds, Found(), arrays)
    judge = build("judge", run.judge, *outputs, predicted, bounds())

    def drift() -> Any:
        """Drift, prediction and their statistics, brought to the host."""
        parts, values = compare()
        Found().take(outputs[0], parts)
        return values

    rows, depth = output_rows(run.sizes, outputs[0][0].shape), math.prod(arrays["W"].shape[:3])
    patches = jnp.ones((rows, depth), run.dtype)
    product = build("product", jnp.matmul, patches, arrays["W"].reshape(depth, -1))
    return {"lhs": lhs, "rhs": rhs, "drift": drift, "bounds": bounds, "judge": judge, "product": product}


def bare_programs(padding: str, arrays: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """The two sides in each form, compiled already."""
    inputs, found = [arrays[name] for name in SHAPES], {}
    for form in FORMS:
        for side, function in zip(("lhs", "rhs"), sides(padding, (form, form)), strict=True):
            found[timed_as(side, form)] = partial(jax.jit(function).lower(*inputs).compile(), *inputs)
    return found


def faster(seconds: Mapping[str, float], share: float = 1) -> dict[str, str]:
    """The faster form of each side: shifted products if they take less than this share of the convolution's time."""
    found = {}
    for side in ("lhs", "rhs"):
        convolution, shifted = (seconds[timed_as(side, form)] for form in FORMS)
        found[side] = SHIFTED if shifted < share * convolution else CONVOLUTION
    return found


def output_rows(sizes: Mapping[str, int], shape: tuple[int, ...]) -> int:
    """Positions of the output, over all images."""
    return sizes["n"] * shape[1] * shape[2]


def flops(sizes: Mapping[str, int], rows: int) -> dict[str, int]:
    """Multiplications and additions of each side's contractions, and of the plain product."""
    taps = sizes["kh"] * sizes["kw"] * sizes["c"]
    projected = {
        "lhs": rows * taps * sizes["k"] + taps * sizes["f"] * sizes["k"],
        "rhs": rows * taps * sizes["f"] + rows * sizes["f"] * sizes["k"],
        "product": rows * taps * sizes["f"],
    }
    return {name: 2 * products for name, products in projected.items()}


def medians(timed: Timed, rounds: int, progress: Progress) -> dict[str, float]:
    """Seconds, interleaved: noise of the machine meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for done in range(rounds):
        progress("timing", done, rounds)
        for name, function in timed.items():
            start = time.perf_counter()
            jax.block_until_ready(function())
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def exact_seconds(sizes: Mapping[str, int], dtype: str, padding: str, forms: tuple[str, str]) -> float:
    """The exact check to 2^-60 of an equal claim, compiled already as the bare sides are; better of two."""
    run = prepare(equal_sides(padding, forms), sizes, dtype, padding, forms)
    check = partial(check_here, run.lhs.closed, run.rhs.closed, device=run.device)
    check()
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        check()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def run(
    sizes: Mapping[str, int] = LAYER,
    *,
    dtype: str = "float32",
    padding: str = "SAME",
    rounds: int = 15,
    progress: Progress = lambda *_: None,
) -> Speed:
    """Time a projected layer of these sizes on JAX's first device.

    Raises:
        BadInput: an unknown dtype or padding, or sizes that the layer cannot have.

    >>> found = run(SMALL | {"n": 1, "c": 2, "f": 4, "k": 3}, rounds=1)
    >>> found.ratios[SIDES] > 1
    True
    """
    if padding not in PADDINGS:
        raise BadInput(f"padding: expected {' or '.join(PADDINGS)}, got {padding!r}")
    dtype = read_dtype(dtype)
    progress("compiling", 0, rounds)
    with jax.enable_x64(dtype == "float64"):
        written = prepare(sides(padding), sizes, dtype, padding)
        arrays = written.place(random_inputs(written.signature, sizes, dtype, 0))
        bare = bare_programs(padding, arrays)
        first, second = faster(medians(bare, TRIED, lambda *_: None), CLEARLY).values()
        timed, layers = dict(bare), {"": (first, second)}
        if layers[""] != CONVOLUTIONS:
            layers[WRITTEN_SO] = CONVOLUTIONS
        for note, forms in layers.items():
            layer = written if forms == CONVOLUTIONS else prepare(sides(padding, forms), sizes, dtype, padding, forms)
            if not layer.form.known:
                raise BadInput(f"no prediction to time: {layer.form.note}")
            own = programs(layer, arrays)
            timed |= {name + note: own[name] for name in ("drift", "bounds", "judge")} | {"product": own["product"]}
        seconds = medians(timed, rounds, progress)
        progress("exact check", rounds, rounds)
        for note, forms in layers.items():
            seconds["exact" + note] = exact_seconds(sizes, dtype, padding, forms)
    return conclude(written, padding, rounds, seconds, (first, second))


def conclude(layer: Pass, padding: str, rounds: int, seconds: Mapping[str, float], measured: tuple[str, str]) -> Speed:
    """The ratios and rates."""
    forms = faster(seconds)
    fastest = {side: seconds[timed_as(side, form)] for side, form in forms.items()} | {"product": seconds["product"]}
    bare, ratios = fastest["lhs"] + fastest["rhs"], {}
    for note, (left, right) in {"": measured, WRITTEN_SO: CONVOLUTIONS}.items():
        if "exact" + note in seconds:
            both = seconds[timed_as("lhs", left)] + seconds[timed_as("rhs", right)]
            ratios[SIDES + note] = (both + seconds["drift" + note]) / bare
            ratios[BOUND + note] = (seconds["bounds" + note] + seconds["judge" + note]) / bare
            ratios[EXACT + note] = seconds["exact" + note] / bare
    work = flops(layer.sizes, output_rows(layer.sizes, layer.lhs.closed.out_avals[0].shape))
    gflops = {name: work[name] / fastest[name] / 1e9 for name in work}
    gflops["both"] = (work["lhs"] + work["rhs"]) / bare / 1e9
    device = str(layer.device)
    return Speed(dict(layer.sizes), layer.dtype, padding, device, rounds, seconds, forms, measured, ratios, gflops)
