"""What the device says of its own arithmetic."""

from dataclasses import replace

import jax
import pytest

from jaxiom.probing import exact_costs, sums_are_exact
from jaxiom.rules.accumulators import ACCUMULATORS, BFLOAT16, FLOAT64, Accumulator


@pytest.mark.parametrize("kind", ACCUMULATORS, ids=lambda kind: kind.name)
def test_sums_at_the_limit_are_exact_here(kind: Accumulator):
    with jax.enable_x64(True):
        assert sums_are_exact(kind)


@pytest.mark.parametrize("kind", [FLOAT64, BFLOAT16], ids=lambda kind: kind.name)
def test_sums_past_the_limit_are_found_out(kind: Accumulator):
    with jax.enable_x64(True):
        assert not sums_are_exact(replace(kind, exact=64 * kind.exact))


def test_every_arithmetic_that_is_exact_has_a_time():
    found = exact_costs(jax.devices("cpu")[0])
    assert "float64" in found
    assert set(found) <= {kind.name for kind in ACCUMULATORS}
    assert all(cost.product > 0 and cost.entry >= 0 for cost in found.values())
    assert all(cost.of(2, 3) == 2 * cost.product + 3 * cost.entry for cost in found.values())
