"""Noting the errors that a function catches while it is traced.

JAX raises where it cannot decide a question about sizes, and where symbolic sizes do not fit that might be equal. A
function that catches such an error goes on with what is right for some sizes only.
"""

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from jax.errors import InconclusiveDimensionOperation

from jaxiom.disguise import is_standard
from jaxiom.guard import JAX_HOME, OWN_HOME, WATCHERS, Question

ABOUT_SIZES = (
    TypeError,
    ValueError,
    IndexError,
    NotImplementedError,
    AssertionError,
    ArithmeticError,
    InconclusiveDimensionOperation,
)
"""The kinds of errors that JAX raises about shapes. No device found is another kind, and the same at all sizes."""


@contextlib.contextmanager
def noting_caught(found: list[Question]) -> Iterator[None]:
    """Add what the code inside catches to `found`, if nothing is raised in the end. Where a debugger or a meter of
    coverage is at work already, it is left alone, and nothing is noted."""
    if sys.gettrace() is not None:
        yield
        return
    caught: list[Question] = []

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if name.startswith(JAX_HOME) or name in WATCHERS or is_standard(name):
            return None
        frame.f_trace_lines = False
        return watch

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception":
            _, error, traceback = argument
            if isinstance(error, ABOUT_SIZES) and raised_in_jax(traceback):
                line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                caught.append(Question("caught", None, error, line, internal=False, in_jax=False))
        return watch

    sys.settrace(enter)
    try:
        yield
        found += caught
    finally:
        sys.settrace(None)


def raised_in_jax(traceback: TracebackType | None) -> bool:
    """Whether an error was raised in JAX's code, or by a size."""
    place = ""
    while traceback is not None:
        place, traceback = traceback.tb_frame.f_code.co_filename, traceback.tb_next
    return place.startswith((JAX_HOME, OWN_HOME))
