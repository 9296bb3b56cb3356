"""How long the matrix of a convolution takes, and the identity T(W·Q) = (I ⊗ Qᵀ)·T(W), with a letter for every entry.

    python benchmarks/operator_matrix.py [--plain S2] [--repeat 3] [--json]

Beside it, at the smaller sizes (--plain says up to which), the same identity with SymPy's own matrices: filled in by
hand, multiplied, subtracted and expanded. Seconds are the least of repeated runs in one process; every
figure printed was measured in this run. Last, the proofs of structure for all sizes.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from jaxiom.affine_maps import Operator
from jaxiom.identities import projection_identity, valid
from jaxiom.layers import conv
from jaxiom.operators import operator

NAMES = ("h", "w", "c", "kh", "kw", "f", "k")
SIZES: dict[str, dict[str, int]] = {
    "S1": dict(zip(NAMES, (4, 4, 1, 2, 2, 2, 1), strict=True)),
    "S2": dict(zip(NAMES, (5, 5, 2, 3, 3, 3, 2), strict=True)),
    "S3": dict(zip(NAMES, (8, 8, 3, 3, 3, 8, 4), strict=True)),
    "S4": dict(zip(NAMES, (12, 12, 3, 3, 3, 16, 8), strict=True)),
}
STRUCTURES: dict[str, Callable[[], Operator]] = {
    "2-D VALID": lambda: operator(valid, X="n h w c", W="kh kw c f", given="h >= kh, w >= kw"),
    "2-D SAME, stride 2": lambda: operator(lambda X, W: conv(X, W, 2, "SAME"), X="n h w c", W="3 3 c f"),
    "3-D SAME, groups 2, strides 1 2 3, dilations 2 1 1": lambda: operator(
        lambda X, W: conv(X, W, (1, 2, 3), "SAME", groups=2, dilation=(2, 1, 1)), X="n d h w 4", W="3 3 3 2 6"
    ),
}


def least(repeat: int, function: Callable[[], Any]) -> float:
    """Seconds of the quickest run."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)


def matrix(sizes: Mapping[str, int]) -> None:
    convolution = operator(valid, X="n h w c", W="kh kw c f", given="h >= kh, w >= kw")
    convolution.matrix(n=1, **{name: size for name, size in sizes.items() if name != "k"})


def identity(sizes: Mapping[str, int]) -> None:
    if not projection_identity(sizes).equal:
        raise SystemExit("the identity was not confirmed")


def plain_matrix(kernel: np.ndarray, sizes: Mapping[str, int]) -> sympy.Matrix:
    """T of a kernel of expressions, filled in by hand."""
    h, w, kh, kw = (sizes[name] for name in ("h", "w", "kh", "kw"))
    c, f = kernel.shape[2:]
    rows, columns = h - kh + 1, w - kw + 1
    found = sympy.zeros(rows * columns * f, h * w * c)
    for y, x, i, j, channel, filter_ in np.ndindex(rows, columns, kh, kw, c, f):
        found[(y * columns + x) * f + filter_, ((y + i) * w + x + j) * c + channel] = kernel[i, j, channel, filter_]
    return found


def plain(sizes: Mapping[str, int]) -> None:
    """The identity with SymPy's dense matrices and `expand`."""

    def letters(name: str, *shape: int) -> np.ndarray:
        return np.array(sympy.symbols(f"{name}:{int(np.prod(shape))}"), object).reshape(shape)

    W = letters("W", *(sizes[name] for name in ("kh", "kw", "c", "f")))
    Q = letters("Q", sizes["f"], sizes["k"])
    T_W, T_WQ = plain_matrix(W, sizes), plain_matrix(W @ Q, sizes)
    pixels = T_W.shape[0] // sizes["f"]
    projection = sympy.kronecker_product(sympy.eye(pixels), sympy.Matrix(Q.T))
    if (T_WQ - projection * T_W).expand() != sympy.zeros(*T_WQ.shape):
        raise SystemExit("SymPy did not confirm the identity")


def peak() -> float:
    """The most memory that this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(repeat: int, upto: str) -> list[dict[str, Any]]:
    """jaxiom at every size first, so that its memory is its own."""
    identity(SIZES["S1"])
    rows: list[dict[str, Any]] = []
    for name, sizes in SIZES.items():
        row = {"size": name, "matrix": least(repeat, lambda s=sizes: matrix(s))}
        row["identity"] = least(repeat, lambda s=sizes: identity(s))
        rows.append({**row, "peak MiB": peak()})
    for row in rows:
        if row["size"] <= upto:
            row["SymPy"] = least(1, lambda s=SIZES[row["size"]]: plain(s))
    return rows


def structures(repeat: int) -> dict[str, float]:
    """Seconds to read a function and prove its levels, for all sizes."""
    return {name: least(repeat, lambda m=make: m().levels) for name, make in STRUCTURES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", choices=[*SIZES, "none"], default="S2", help="SymPy's own matrices up to this size")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measure(options.repeat, "" if options.plain == "none" else options.plain)
    levels = structures(options.repeat)
    if options.json:
        print(json.dumps({"sizes": SIZES, "identity": rows, "structure": levels}, indent=2))
        return
    print(f"{'':4} {'X':>9} {'W':>11} {'Q':>6} {'matrix s':>9} {'identity s':>11} {'SymPy s':>9} {'peak MiB':>9}")
    for row in rows:
        at = SIZES[row["size"]]
        X, W, Q = (
            "×".join(str(at[n]) for n in names) for names in (("h", "w", "c"), ("kh", "kw", "c", "f"), ("f", "k"))
        )
        other = f"{row['SymPy']:9.3f}" if "SymPy" in row else f"{'not run':>9}"
        seconds = f"{row['matrix']:9.3f} {row['identity']:11.3f} {other}"
        print(f"{row['size']:4} {X:>9} {W:>11} {Q:>6} {seconds} {row['peak MiB']:9.0f}")
    for name, seconds in levels.items():
        print(f"structure for all sizes, {name}: {seconds:.3f} s")


if __name__ == "__main__":
    main()
