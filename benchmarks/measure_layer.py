"""Measuring the asker's layer against its bare two sides: interleaved medians of one run.

    python benchmarks/measure_layer.py [--images 8] [--rounds 15] [--dtype float32] [--json]

Bars (2 cores): both sides, drift and prediction in at most 1.6 times the bare two jitted sides (aim: 1.25); the
rounding bound, with its judgement, in at most 2.5 times. The exact check to 2^-60 is timed beside them.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from jaxiom.claims import Claim
from jaxiom.discovery import discover
from jaxiom.measuring import closed_form
from jaxiom.passes import Found, Pass
from jaxiom.residues import check_here
from jaxiom.samples import random_inputs

PROOFS = Path(__file__).resolve().parent.parent / "proofs"
CLAIM = "pca_centring.py::same_transformer_on_both_sides"
# The exact check of a claim that is different ends with its first round; this one is equal.
EQUAL = "projection.py::same"
LAYER = {"n": 8, "h": 14, "w": 14, "c": 512, "kh": 3, "kw": 3, "f": 512, "k": 400}
BARS = {"sides + drift + prediction": 1.6, "rounding bound": 2.5}


def find_claim(name: str) -> Claim:
    (found,) = discover([f"{PROOFS}/{name}"])
    return found


def programs(run: Pass, arrays: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """What is timed, each compiled already."""

    def build(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        program = jax.jit(function).lower(*args).compile()
        return lambda: program(*args)

    lhs, rhs = build(run.side(0), arrays), build(run.side(1), arrays)
    sides = lhs(), rhs()
    compare = build(run.compare, *sides, arrays)
    _, predicted = compare()
    bounds = build(run.bounds, arrays)
    judge = build(run.judge, *sides, predicted, bounds())

    def drift() -> Any:
        """Drift, prediction and their statistics, brought to the host."""
        parts, values = compare()
        Found().take(sides[0], parts)
        return values

    return {"lhs": lhs, "rhs": rhs, "drift": drift, "bounds": bounds, "judge": judge}


def medians(timed: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds, interleaved: noise of the machine meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, function in timed.items():
            start = time.perf_counter()
            jax.block_until_ready(function())
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def prepare(claim: Claim, sizes: Mapping[str, int], dtype: str) -> Pass:
    device, form = jax.devices()[0], closed_form(claim.prove(), sizes)
    return Pass(claim.lhs, claim.rhs, claim.signature, sizes, dtype, device, form)


def exact_seconds(sizes: Mapping[str, int], dtype: str) -> float:
    """The exact check to 2^-60 of an equal claim, with its compilation, better of two."""
    run = prepare(find_claim(EQUAL), sizes, dtype)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        check_here(run.lhs.closed, run.rhs.closed, device=run.device)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def run_benchmark(images: int, rounds: int, dtype: str) -> dict[str, Any]:
    claim, sizes = find_claim(CLAIM), LAYER | {"n": images}
    with jax.enable_x64(dtype == "float64"):
        run = prepare(claim, sizes, dtype)
        if not run.form.known:
            raise SystemExit(f"no prediction: {run.form.note}")
        arrays = run.place(random_inputs(claim.signature, sizes, dtype, 0))
        seconds = medians(programs(run, arrays), rounds)
        seconds["exact"] = exact_seconds(sizes, dtype)
    bare = seconds["lhs"] + seconds["rhs"]
    ratios = {
        "sides + drift + prediction": (bare + seconds["drift"]) / bare,
        "rounding bound": (seconds["bounds"] + seconds["judge"]) / bare,
        "exact check, compiling too": seconds["exact"] / bare,
    }
    return {
        "sizes": sizes,
        "dtype": dtype,
        "device": str(run.device),
        "rounds": rounds,
        "seconds": seconds,
        "ratios": ratios,
        "bars": BARS,
    }


def show(found: Mapping[str, Any]) -> str:
    lines = [f"{found['device']}, {found['dtype']}, " + ", ".join(f"{k}={v}" for k, v in found["sizes"].items())]
    lines += [f"{name:28s} {1e3 * seconds:9.1f} ms" for name, seconds in found["seconds"].items()]
    lines.append("over the bare two sides:")
    for name, ratio in found["ratios"].items():
        bar = found["bars"].get(name)
        lines.append(f"{name:28s} {ratio:9.2f}" + ("" if bar is None else f"   bar {bar}"))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run_benchmark(options.images, options.rounds, options.dtype)
    print(json.dumps(found, indent=2) if options.json else show(found))
    return int(any(found["ratios"][name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
