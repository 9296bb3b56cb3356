"""What measuring costs on the device at hand, as a table: run it where a GPU is.

    python benchmarks/gpu_table.py [--small] [--seconds 330] [--out benchmarks/results]

Writes <device>.json and <device>.md, anew after every row, so that an interrupted run keeps what it has. Peaks are
measured in the same run, as products of large square matrices. A row that fails says why and the others go on; rows
that would start after `--seconds` are left out by name.
"""

import argparse
import json
import re
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import jaxiom
from jaxiom import speed
from jaxiom.files import write_whole
from jaxiom.probing import exact_costs
from jaxiom.residues import check_here, difference_heights, draw_words, plan_rounds, residual
from jaxiom.rounding_probe import roundoff
from jaxiom.rules.accumulators import ACCUMULATORS, Accumulator
from jaxiom.samples import random_inputs

Row = dict[str, Any]
# (dtype, precision, the peak that it is held against)
SETTINGS = [
    ("float32", "highest", "float32"),
    ("float32", "high", "float32, high"),
    ("float32", "default", "float32, default"),
    ("bfloat16", "default", "bfloat16"),
    ("float16", "default", "float16"),
    ("float64", "default", "float64"),
]
LAYER = speed.LAYER
IMAGES, MANY_IMAGES = 8, 256


@dataclass
class Sheet:
    """The table as it grows."""

    device: str
    out: Path
    until: float
    rows: dict[str, list[Row]] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def row(self, part: str, name: str, make: Callable[[], Row]) -> None:
        """Add what `make` returns, or why it could not; then write everything."""
        start = time.perf_counter()
        if start - self.began > self.until:
            found: Row = {"left out": "no time left"}
        else:
            try:
                found = make()
            except Exception as error:  # noqa: BLE001  one row's failure must not cost the others
                text = f"{type(error).__name__}: {error}".splitlines()[0]
                found = {"error": text[:300], "traceback": traceback.format_exc()[-2000:]}
        found["took"] = round(time.perf_counter() - start, 2)
        self.rows.setdefault(part, []).append({"name": name, **found})
        print(f"[{time.perf_counter() - self.began:6.1f} s] {part}: {name}: {brief(found)}", flush=True)
        self.write()

    def write(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^a-z0-9]+", "-", self.device.lower()).strip("-")
        document = {
            "device": self.device,
            "devices": [str(d) for d in jax.devices()],
            "jax": jax.__version__,
            "numpy": np.__version__,
            "jaxiom": jaxiom.__version__,
            "peaks": self.peaks,
            "seconds": round(time.perf_counter() - self.began, 1),
            "rows": self.rows,
        }
        write_whole(self.out / f"{stem}.json", json.dumps(document, indent=1, default=float) + "\n")
        write_whole(self.out / f"{stem}.md", markdown(document))


def brief(row: Row) -> str:
    return ", ".join(f"{k} {shown(v)}" for k, v in row.items() if k not in ("traceback", "took"))


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(document: Mapping[str, Any]) -> str:
    lines = [
        f"# {document['device']}",
        "",
        f"jaxiom {document['jaxiom']}, JAX {document['jax']}; `python benchmarks/gpu_table.py`, "
        f"{document['seconds']:.0f} s. Times are medians of one run; peaks were measured in it.",
    ]
    for part, rows in document["rows"].items():
        columns = list(dict.fromkeys(k for row in rows for k in row if k not in ("traceback", "took")))
        lines += ["", f"## {part}", "", f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
        for row in rows:
            lines.append("| " + " | ".join(shown(row.get(c, "")).replace("|", "/") for c in columns) + " |")
    return "\n".join(lines) + "\n"


def timed(function: Callable[[], Any], rounds: int = 9, patience: float = 3.0) -> float:
    """Median seconds, after one call to warm up; fewer rounds where one takes long."""
    jax.block_until_ready(function())
    seconds: list[float] = []
    while len(seconds) < rounds and sum(seconds) < patience:
        start = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


# Peaks


def peak(dtype: str, precision: str, size: int) -> Row:
    """The rate of a product of square matrices, in 10^12 operations a second."""
    numbers = (((1,), (0,)), ((), ()))
    result = {"int8": "int32"}.get(dtype, dtype)
    # Several products in one call: one alone is over before the next can be sent.
    chain = 4 if jax.default_backend() != "cpu" else 1
    lefts, right = [jnp.full((size, size), i + 1, dtype) for i in range(chain)], jnp.ones((size, size), dtype)
    program = jax.jit(lambda xs, y: [lax.dot_general(x, y, numbers, precision, np.dtype(result)) for x in xs])
    seconds = timed(lambda: program(lefts, right))
    return {"10^12/s": 2 * chain * size**3 / seconds / 1e12, "size": size, "ms": 1e3 * seconds / chain}


def peaks(sheet: Sheet, small: bool) -> None:
    size = 512 if small else 8192
    asked = [("float32", "highest"), ("float32", "high"), ("float32", "default")]
    asked += [(d, "default") for d in ("bfloat16", "float16", "float64", "int8")]
    for dtype, precision in asked:
        name = f"{dtype}, {precision}" if dtype == "float32" and precision != "highest" else dtype

        def make(dtype: str = dtype, precision: str = precision, name: str = name) -> Row:
            with jax.enable_x64(True):
                found = peak(dtype, precision, size // 2 if dtype == "float64" else size)
            sheet.peaks[name] = found["10^12/s"]
            return found

        sheet.row("Peaks: products of large square matrices", name, make)


# What the device says of its arithmetic


def arithmetic_rows(sheet: Sheet) -> None:
    device = jax.devices()[0]
    for dtype, precision in [("float32", p) for p in ("DEFAULT", "HIGH", "HIGHEST")] + [
        ("bfloat16", "DEFAULT"),
        ("float16", "DEFAULT"),
    ]:
        sheet.row(
            "Rounding, asked of the device",
            f"{dtype}, {precision}",
            lambda dtype=dtype, precision=precision: roundoff_row(device, dtype, precision),
        )

    def accumulators() -> Row:
        found = exact_costs(device)
        return {f"{name}, 10^12/s with reduction": 2 / cost.product / 1e12 for name, cost in found.items()}

    sheet.row("Exact arithmetic that the device has", "products of residues", accumulators)


def roundoff_row(device: Any, dtype: str, precision: str) -> Row:
    found = roundoff(device, dtype, precision)
    return {"operands": found.u_in, "accumulator": found.u_acc, "chops": found.chops, "in words": str(found)}


# The layer


def layer_row(sheet: Sheet, dtype: str, precision: str, against: str, padding: str, sizes: Mapping[str, int]) -> Row:
    """Both sides bare, and over them drift with prediction, and the bound."""
    matmul = jax.default_matmul_precision(None if precision == "default" else precision)
    with jax.enable_x64(dtype == "float64"), matmul:
        run = speed.prepare(speed.sides(padding), sizes, dtype, padding)
        arrays = run.place(random_inputs(run.signature, sizes, dtype, 0))
        programs = speed.programs(run, arrays)
        seconds = {name: timed(function, 7) for name, function in programs.items()}
    rows = speed.output_rows(sizes, run.lhs.closed.out_avals[0].shape)
    work = speed.flops(sizes, rows)
    bare = seconds["lhs"] + seconds["rhs"]
    rate = (work["lhs"] + work["rhs"]) / bare / 1e12
    return {
        "images": sizes["n"],
        "padding": padding,
        "bare ms": 1e3 * bare,
        "10^12/s": rate,
        "of the peak": rate / sheet.peaks[against] if against in sheet.peaks else None,
        "of a plain product's rate": rate / (work["product"] / seconds["product"] / 1e12),
        "with drift and prediction": (bare + seconds["drift"]) / bare,
        "bound": (seconds["bounds"] + seconds["judge"]) / bare,
    }


# The exact check


def exact_row(sheet: Sheet, kind: Accumulator, sizes: Mapping[str, int]) -> Row:
    """One arithmetic: what a round takes on the device, and all that 2^-60 needs."""
    run = speed.prepare(speed.equal_sides("SAME"), sizes, "float32", "SAME")
    lhs, rhs = run.lhs.closed, run.rhs.closed
    with jax.enable_x64(True):
        plan = plan_rounds(difference_heights(lhs, rhs), kind)
        program = residual(lhs, rhs, None, kind)
        words = [jax.device_put(w) for w in draw_words(lhs, kind, np.random.default_rng(0))]
        prime = jax.device_put(np.float64(plan.primes[0]))
        seconds = timed(lambda: program(prime, words), 7)
        differs = bool(program(prime, words)["sides"][0][0])
    rows = speed.output_rows(sizes, lhs.out_avals[0].shape)
    work = speed.flops(sizes, rows)
    rate = (work["lhs"] + work["rhs"]) / seconds / 1e12
    top = sheet.peaks.get(kind.name)
    return {
        "images": sizes["n"],
        "rounds": len(plan.primes),
        "round ms": 1e3 * seconds,
        "10^12/s": rate,
        "of the peak": None if top is None else rate / top,
        "all rounds ms": 1e3 * seconds * len(plan.primes),
        "equal": not differs,
    }


def whole_check(sizes: Mapping[str, int]) -> Row:
    """As `measure` calls it: with the choice of the arithmetic, compilation and the drawing of inputs."""
    run = speed.prepare(speed.equal_sides("SAME"), sizes, "float32", "SAME")
    check = partial(check_here, run.lhs.closed, run.rhs.closed, device=jax.devices()[0])
    found, seconds = check(), []
    for _ in range(2):
        start = time.perf_counter()
        check()
        seconds.append(time.perf_counter() - start)
    return {"images": sizes["n"], "chosen": found.accumulator, "answer": str(found), "seconds": min(seconds)}


# Growth, and what measure says


def growth(sheet: Sheet, name: str, sizes: list[dict[str, int]]) -> None:
    for at in sizes:

        def make(at: dict[str, int] = at) -> Row:
            run = speed.prepare(speed.sides("SAME"), at, "float32", "SAME")
            arrays = run.place(random_inputs(run.signature, at, "float32", 0))
            programs = speed.programs(run, arrays)
            seconds = {key: timed(programs[key], 5) for key in ("lhs", "rhs", "drift", "bounds", "judge")}
            return {f"{key} ms": 1e3 * value for key, value in seconds.items()}

        sheet.row(f"Growth with the number of {name}", ", ".join(f"{k}={at[k]}" for k in ("n", "f", "k")), make)


def verdicts(sheet: Sheet, sizes: Mapping[str, int]) -> None:
    for dtype, precision, _ in SETTINGS:
        for kind, functions in (("equal", speed.equal_sides("SAME")), ("centred", speed.sides("SAME"))):

            def make(dtype: str = dtype, precision: str = precision, functions: Any = functions) -> Row:
                m = jaxiom.measure(*functions, at=sizes, dtype=dtype, precision=precision, shapes=speed.SHAPES)
                return {
                    "verdict": m.verdict,
                    "exact": m.exact,
                    "drift": m.drift.relative,
                    "predicted": None if m.predicted is None else m.predicted.relative,
                    "left": m.left.relative,
                    "bound": None if m.bound is None else m.bound.relative,
                    "largest left over bound": m.tightness,
                }

            sheet.row("What measure says", f"{kind}, {dtype}, {precision}", make)


def table(sheet: Sheet, small: bool) -> None:
    layer = speed.SMALL if small else LAYER
    few, many = layer | {"n": 2 if small else IMAGES}, layer | {"n": 4 if small else MANY_IMAGES}
    peaks(sheet, small)
    arithmetic_rows(sheet)
    for dtype, precision, against in SETTINGS:
        sheet.row(
            "The layer",
            f"{dtype}, {precision}",
            lambda d=dtype, p=precision, a=against: layer_row(sheet, d, p, a, "SAME", few if d == "float64" else many),
        )
    for kind in ACCUMULATORS:
        sheet.row("The exact check", kind.name, lambda kind=kind: exact_row(sheet, kind, many))
    sheet.row("The exact check as measure calls it", "8 images", lambda: whole_check(few))
    verdicts(sheet, layer | {"n": 2})
    sheet.row("The layer", "float32, highest", lambda: layer_row(sheet, "float32", "highest", "float32", "VALID", many))
    growth(sheet, "images", [layer | {"n": n} for n in doubling(few["n"], 5)])
    growth(sheet, "filters", [layer | {"n": few["n"], "f": f, "k": f} for f in doubling(layer["f"] // 8, 5)])
    sheet.row("Memory", "at the end", memory)


def doubling(first: int, count: int) -> Iterator[int]:
    return (first * 2**i for i in range(count))


def memory() -> Row:
    stats = jax.devices()[0].memory_stats() or {}
    return {name: stats[name] for name in ("peak_bytes_in_use", "bytes_limit") if name in stats}


def device_name() -> str:
    device = jax.devices()[0]
    if device.platform != "cpu":
        return str(device.device_kind)
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "cpu"
    found = re.search(r"model name\s*:\s*(.+)", text)
    return f"cpu {found[1]}" if found else "cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="reduced sizes: to try the script itself")
    parser.add_argument("--seconds", type=float, default=330, help="no row starts later than this")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    sheet = Sheet(device_name(), options.out, options.seconds)
    table(sheet, options.small)
    failed = [f"{part}: {r['name']}" for part, rows in sheet.rows.items() for r in rows if "error" in r]
    print(f"{sum(map(len, sheet.rows.values()))} rows in {options.out}; failed: {', '.join(failed) or 'none'}")


if __name__ == "__main__":
    main()
