"""What all test files share: how their programs are compiled, and that they leave nothing behind."""

import gc
from collections.abc import Iterator

import jax
import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="module", autouse=True)
def compilation(request: pytest.FixtureRequest) -> Iterator[None]:
    """XLA's optimisations are most of the time of a test, and only what rounding adds depends on them: a file that is
    about rounding has `OPTIMISED = True`. A process full of compiled programs compiles ever slower, so they go."""
    quick = not getattr(request.module, "OPTIMISED", False)
    jax.config.update("jax_disable_most_optimizations", quick)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()
    gc.collect()
