"""docs/rewrites.md says of every rewrite in proofs/ what comes out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxiom.claims import Claim
from jaxiom.decide import decide
from jaxiom.discovery import discover

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (.*) \(`(\w+)`\) \| (proved|refuted)(?:: `(.*)`)? \| (.*) \| \d+\.\d\d \|$", re.MULTILINE)
REGENERATE = "python benchmarks/prove_rewrites.py --write docs/rewrites.md"


def rows() -> list[tuple[str, ...]]:
    """(title, name, verdict, difference, sizes) of each row; an escaped bar is a bar."""
    text = (ROOT / "docs" / "rewrites.md").read_text(encoding="utf-8")
    return [tuple(cell.replace(r"\|", "|") for cell in row) for row in ROW.findall(text)]


def claims() -> list[Claim]:
    return discover(sorted((ROOT / "proofs").glob("rewrites*.py")))


def test_the_table_holds_every_claim_with_its_verdict_and_sizes() -> None:
    found = [(title, name, verdict) for title, name, verdict, _, _ in rows()]
    assert found == [(c.title, c.name, c.expected) for c in claims()], REGENERATE
    for claim, (*_, sizes) in zip(claims(), rows(), strict=True):
        assert sizes.startswith(str(claim.signature.sizes)), (claim.name, REGENERATE)


@pytest.mark.slow
def test_the_table_shows_the_differences_that_come_out() -> None:
    for claim, (*_, difference, _) in zip(claims(), rows(), strict=True):
        if difference:
            assert difference == str(decide(claim.lhs, claim.rhs, claim.signature).difference), (
                claim.name,
                REGENERATE,
            )


WITHOUT_FLINT = """
import sys
sys.modules["flint"] = None  # an import of it fails, as where the extra is not installed
from jaxiom.cli import main
sys.exit(main(["prove", "--json"]))
"""


@pytest.mark.slow
def test_every_claim_comes_out_as_declared_without_the_extras() -> None:
    """The README's first command installs no extras."""
    run = subprocess.run([sys.executable, "-c", WITHOUT_FLINT], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert all(claim["as_declared"] for claim in json.loads(run.stdout))
