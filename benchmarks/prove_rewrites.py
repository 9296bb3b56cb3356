"""The claims of proofs/rewrites*.py: verdict, sizes and the time to it, as a table.

    python benchmarks/prove_rewrites.py [--repeat 5] [--json] [--write docs/rewrites.md]

Seconds are medians of whole verdicts (tracing, deciding, exact cross-check or witness) of repeated runs in one process,
after one that is not counted. Without --write the table goes to the terminal. Exit code 1: a claim did not come out as
declared.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxiom.claims import Claim
from jaxiom.decide import decide
from jaxiom.discovery import discover
from jaxiom.files import write_whole

PROOFS = Path(__file__).parent.parent / "proofs"
LONGEST = 240
"""A difference with more letters than this is left to `jaxiom prove --json`."""


@dataclass(frozen=True)
class Row:
    """One claim and what came out."""

    claim: Claim
    status: str
    sizes: str
    difference: str
    seconds: float


def chapters() -> list[Path]:
    """The files, `rewrites.py` first."""
    return sorted(PROOFS.glob("rewrites*.py"))


def measure(claim: Claim, repeat: int) -> Row:
    verdict = decide(claim.lhs, claim.rhs, claim.signature)
    seconds = [decide(claim.lhs, claim.rhs, claim.signature).seconds for _ in range(repeat)] or [verdict.seconds]
    shown = str(verdict.difference) if verdict.status == "refuted" and verdict.difference is not None else ""
    return Row(claim, verdict.status, str(verdict.sizes), shown, statistics.median(seconds))


def told(row: Row) -> str:
    """The verdict, and the difference where it is short enough to read."""
    return f"{row.status}: `{row.difference}`" if 0 < len(row.difference) <= LONGEST else row.status


def heading(chapter: Path) -> str:
    """A chapter's first line and the paragraph under it."""
    text = (chapter.read_text(encoding="utf-8").split('"""')[1]).strip().split("\n\n")
    return f"## {text[0].rstrip('.')}\n\n`proofs/{chapter.name}`. {' '.join(text[1].split())}\n"


def markdown(rows: Sequence[Row]) -> str:
    parts = [
        "# Rewrites, proved or refuted\n",
        "Written by `python benchmarks/prove_rewrites.py --write docs/rewrites.md`; a test holds claims and verdicts "
        "in step with `proofs/`. Differences are lhs - rhs; p, q, r, s are the output's indices, and an entry outside "
        "a tensor is 0. Seconds, on two cores of a shared machine, are of the whole verdict: median "
        f"{statistics.median(r.seconds for r in rows):.2f}, most {max(r.seconds for r in rows):.2f}.\n",
    ]
    for chapter in chapters():
        parts.append(heading(chapter))
        parts.append("| claim | verdict | sizes | s |\n|---|---|---|---|")
        for row in rows:
            if row.claim.file == chapter.resolve():
                cells = [f"{row.claim.title} (`{row.claim.name}`)", told(row), row.sizes, f"{row.seconds:.2f}"]
                parts.append("| " + " | ".join(c.replace("|", r"\|") for c in cells) + " |")
        parts.append("")
    return "\n".join(parts)


def show(rows: Sequence[Row]) -> None:
    for row in rows:
        print(f"{row.seconds:7.3f} {row.status:9} {row.claim.file.stem}::{row.claim.name:45} {row.sizes}")
    seconds = [r.seconds for r in rows]
    print(f"{len(rows)} claims, median {statistics.median(seconds):.3f} s, most {max(seconds):.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="write the table as Markdown to this file")
    options = parser.parse_args()
    rows = []
    claims = discover(chapters())
    for at, claim in enumerate(claims, 1):
        if sys.stderr.isatty():
            print(f"\r{at}/{len(claims)} {claim.name:60}", end="", file=sys.stderr)
        rows.append(measure(claim, options.repeat))
    if options.write is not None:
        write_whole(options.write, markdown(rows))
    elif options.json:
        keys = ("status", "sizes", "difference", "seconds")
        print(json.dumps([{"claim": r.claim.name, **{k: getattr(r, k) for k in keys}} for r in rows], indent=2))
    else:
        show(rows)
    sys.exit(any(row.status != row.claim.expected for row in rows))


if __name__ == "__main__":
    main()
