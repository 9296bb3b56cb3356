"""Memory, read and told, and the batches that fit it."""

from typing import Any

import jax
import pytest

from jaxiom.errors import BadInput
from jaxiom.memory import free_memory, largest_batch, read_memory, told_bytes


@pytest.mark.parametrize("limit", [10, 35, 36, 99, 1000])
def test_the_largest_batch_that_fits(limit: int):
    need = lambda n: 3 * n + 7  # noqa: E731
    found = largest_batch(need, 20, limit)
    assert need(found) <= limit
    assert found == 20 or need(found + 1) > limit
    bumpy = lambda n: 3 * n + 7 + 5 * (n > 2)  # noqa: E731
    assert bumpy(largest_batch(bumpy, 20, limit)) <= limit


@pytest.mark.parametrize("wrong", ["", "much", "2XB", "-1GiB", 0, True, "0"])
def test_memory_that_cannot_be_read(wrong: Any):
    with pytest.raises(BadInput, match="memory: expected a number of bytes"):
        read_memory(wrong)


def test_bytes_are_read_and_told():
    assert [read_memory(m) for m in (7, "7", "1 kB", "2GiB", "0.5 mib")] == [7, 7, 1000, 2**31, 2**19]
    assert [told_bytes(b) for b in (7, 2048, 5 * 2**40)] == ["7 B", "2 KiB", "5.12e+03 GiB"]


def test_free_memory_is_some_or_unknown():
    found = free_memory(jax.devices("cpu")[0])
    assert found is None or 2**20 < found < 2**50
