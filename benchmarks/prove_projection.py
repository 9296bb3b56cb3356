"""How long the claims of proofs/projection.py take, all sizes symbolic, and with the asker's numbers in their place.

    python benchmarks/prove_projection.py [--repeat 5] [--json]

Seconds are medians of repeated runs in one process, after one run that is not counted; symbolic and numeric runs are
interleaved. "decide" is the time after tracing: interpreting both sides, deciding, and the exact cross-check.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxiom.cases import trace_cases
from jaxiom.claims import Claim
from jaxiom.decide import decide, decide_case
from jaxiom.discovery import discover
from jaxiom.hypotheses import Ledger
from jaxiom.polyhedra.world import OPERATIONS
from jaxiom.signature import Signature, read_signature
from jaxiom.sizes import Shape, Whole

NUMBERS = {"n": 8, "d": 14, "h": 14, "w": 14, "c": 512, "kd": 3, "kh": 3, "kw": 3, "f": 512, "k": 400, "m": 1568}
PROOFS = Path(__file__).parent.parent / "proofs" / "projection.py"


def at_numbers(claim: Claim) -> Signature:
    """The claim's signature with the asker's numbers for its sizes."""

    def text(shape: Shape | Whole) -> str:
        if isinstance(shape, Whole):
            return "int"
        return " ".join(str(n) for n in shape.at(NUMBERS | {"p": 1}))

    shapes = {leaf.name: text(leaf.shape) for leaf in claim.signature.leaves}
    given = "p >= 1, p <= 1" if "int" in shapes.values() else ""
    return read_signature([claim.lhs, claim.rhs], shapes, given)


def seconds(claim: Claim, signature: Signature) -> tuple[float, float, str]:
    """(tracing, deciding, status) of one run."""
    start = time.perf_counter()
    cases = list(trace_cases(claim.lhs, claim.rhs, signature))
    traced = time.perf_counter()
    ledger = Ledger(claim.lhs, claim.rhs, signature)
    statuses = {decide_case(claim.lhs, claim.rhs, signature, case, OPERATIONS, ledger).status for case in cases}
    return traced - start, time.perf_counter() - traced, "/".join(sorted(statuses))


def measure(claim: Claim, repeat: int) -> dict[str, Any]:
    """Medians for one claim, symbolic and numeric runs in turn."""
    kinds: Mapping[str, Signature] = {"symbolic": claim.signature, "numbers": at_numbers(claim)}
    runs: dict[str, list[tuple[float, float, str]]] = {kind: [] for kind in kinds}
    for signature in kinds.values():
        decide(claim.lhs, claim.rhs, signature)
    for _ in range(repeat):
        for kind, signature in kinds.items():
            runs[kind].append(seconds(claim, signature))
    row: dict[str, Any] = {"claim": claim.name}
    for kind, found in runs.items():
        row[kind] = {
            "trace": statistics.median(r[0] for r in found),
            "decide": statistics.median(r[1] for r in found),
            "status": found[-1][2],
        }
    return row


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    print(f"{'claim':38} {'status':9} {'trace':>8} {'decide':>8} {'numbers':>8} {'ratio':>6}")
    for row in rows:
        symbolic, numbers = row["symbolic"], row["numbers"]
        ratio = numbers["decide"] / symbolic["decide"]
        print(
            f"{row['claim']:38} {symbolic['status']:9} {symbolic['trace']:8.3f} {symbolic['decide']:8.3f} "
            f"{numbers['decide']:8.3f} {ratio:6.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    claims = [c for c in discover([str(PROOFS)]) if c.expected == "proved"]
    rows = [measure(claim, options.repeat) for claim in claims]
    print(json.dumps(rows, indent=2)) if options.json else show(rows)


if __name__ == "__main__":
    main()
