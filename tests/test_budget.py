"""A claim built to blow up is undecided, in bounded time and memory."""

import subprocess
import sys

import pytest

from jaxiom import prove
from jaxiom.polyhedra import world

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (45, 45))
import jax.numpy as jnp
import jaxiom

def pieces(x):
    for k in range(1, 9):
        turned = jnp.concatenate([x[k:], x[:k]])
        x = turned - x.mean() + jnp.where(jnp.arange(x.shape[0]) % (k + 1) == 0, x, 0)
    return x

verdict = jaxiom.prove(pieces, lambda x: pieces(2 * x) / 2, x="n", given="n >= 20")
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20
print(verdict.status)
"""
"""With JAX's start and a margin: 30 seconds of processor time for the verdict, 2 GiB of memory."""


@pytest.mark.slow
def test_a_claim_that_blows_up_is_undecided_within_its_limits() -> None:
    run = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "undecided"), run.stderr[-2000:]


def test_time_that_is_spent_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def centred(x):  # type: ignore[no-untyped-def]
        return x - x.mean()

    monkeypatch.setattr(world, "SECONDS", -1.0)
    verdict = prove(centred, lambda x: centred(centred(x)), x="n")
    assert verdict.status == "undecided"
    assert "it took more than" in verdict.reason
    monkeypatch.undo()
    assert prove(centred, lambda x: centred(centred(x)), x="n").status == "proved"
    world.check_time()
