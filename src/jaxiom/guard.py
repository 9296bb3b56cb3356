"""Watching what a function asks of symbolic sizes while it is traced. With `trace`, all that knows JAX's internals.

JAX answers a comparison `==` of sizes that it cannot decide with False, and `if h % 2:` with True, silently. Every such
question is noted while tracing; the prover then proves the other branch too, or excludes it. What a note could not
follow (a dictionary asked by a size, a size written as text, an error of JAX's that the function catches) makes the
claim undecided.
"""

import contextlib
import dataclasses
import os
import reprlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from types import CodeType
from typing import Any

import jax
from jax._src.core import ShapedArray
from jax._src.export import shape_poly
from jax.errors import InconclusiveDimensionOperation

JAX_HOME = str(Path(jax.__file__).parent) + os.sep
OWN_HOME = str(Path(__file__).parent) + os.sep
# The parts of JAX that compare sizes with their own care for symbolic ones (may this axis be broadcast? is it cached?):
# they keep the meaning whatever the answer. Its NumPy layer and its tree functions answer for the user.
CAREFUL_PARTS = (
    "core.py",
    "lax",
    "interpreters",
    "pjit.py",
    "api.py",
    "api_util.py",
    "custom_derivatives.py",
    "export",
)
WATCHERS = frozenset((__file__, OWN_HOME + "disguise.py"))
TEXTS = frozenset(("__str__", "__repr__", "__format__", "str_short", "_pretty_print", "pretty_print", "pformat"))
"""Methods that write an object of JAX's out, with the sizes in it."""
MEMOS = ("util.py",)
"""Its memoised functions, which compare keys: a miss changes nothing."""
CAREFUL = tuple(str(Path(JAX_HOME, "_src", part)) for part in CAREFUL_PARTS + MEMOS)


@dataclass(frozen=True)
class Question:
    """Something that a function asked of a size.

    Attributes:
        kind: "equal" (left == right, undecided and taken as False; `if left:` asks left == 0 and is taken as True),
            "unanswered" (an error), "lookup" (by hash), "text" (written out), "caught" (the error `right` of JAX's,
            which the function caught), "quotient" (a division of plain numbers, which the symbolic trace does exactly).
        line: where.
        internal: whether JAX itself asked, with its own care for symbolic sizes.
        in_jax: whether the line is in JAX's code at all.
    """

    kind: str
    left: Any
    right: Any
    line: str
    internal: bool
    in_jax: bool

    @property
    def of_user(self) -> bool:
        """Whether the user's own code asked."""
        return not self.in_jax and not self.line.startswith(OWN_HOME) and "site-packages" not in self.line


ASKED: ContextVar[list[Question] | None] = ContextVar("jaxiom_questions", default=None)
ACTIVE: list[list[Question]] = []


@contextlib.contextmanager
def watching() -> Iterator[list[Question]]:
    """Collect the questions of everything traced inside, in threads that it starts as well."""
    found: list[Question] = []
    token = ASKED.set(found)
    ACTIVE.append(found)
    try:
        yield found
    finally:
        ASKED.reset(token)
        ACTIVE[:] = [watch for watch in ACTIVE if watch is not found]


def watchers() -> list[list[Question]]:
    """Who hears a question: this thread's own watch; in a thread without one all there are, since any may have started
    it. A question about sizes of another trace is none of theirs."""
    own = ASKED.get()
    return ACTIVE if own is None else [own]


def asker(through_jax_sizes: bool) -> tuple[str, str]:
    """Who asks: the file, and `file:line`. `through_jax_sizes` looks behind JAX's own size arithmetic."""
    skipped = WATCHERS | {shape_poly.__file__} if through_jax_sizes else WATCHERS
    frame = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename in skipped or is_generated(frame.f_code)):
        frame = frame.f_back
    if frame is None:
        return "", "unknown"
    return frame.f_code.co_filename, f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_generated(code: CodeType) -> bool:
    """Whether this is a method that `dataclasses` wrote: it asks for whoever keeps the object in a dictionary, or
    writes it out."""
    written = code.co_filename == "<string>" and code.co_name in ("__hash__", "__eq__", "__repr__")
    return written or code.co_filename in (reprlib.__file__, dataclasses.__file__)


def note(kind: str, left: Any, right: Any = None, *, through_jax_sizes: bool = True) -> None:
    """Note a question, if anybody watches."""
    heard = watchers()
    if heard:
        file, line = asker(through_jax_sizes)
        question = Question(kind, left, right, line, file.startswith(CAREFUL), file.startswith(JAX_HOME))
        for found in heard:
            found.append(question)


def undecided(left: Any, right: Any) -> bool:
    """Whether JAX's answer False to `left == right` means only that it does not know. 7.0 is 7, though JAX does not
    compare it; no size is 7.5."""
    if isinstance(right, shape_poly._DimExpr):
        return right.scope is left.scope and shape_poly.is_symbolic_dim(left - right)
    is_number = isinstance(right, Number) or getattr(right, "ndim", None) == 0
    return is_number and is_whole(right) and shape_poly.is_symbolic_dim(left - whole(right))


def is_whole(value: Any) -> bool:
    """Whether a number is a whole one: 7.0 is."""
    try:
        return int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False


def whole(value: Any) -> int:
    return int(value)


def install() -> None:
    """Make JAX's size expressions tell what they are asked."""
    dimension: Any = shape_poly._DimExpr
    plain_eq, plain_hash = dimension.__eq__, dimension.__hash__

    def equal(self: Any, other: Any) -> bool:
        same = plain_eq(self, other)
        if not same and watchers() and undecided(self, other):
            note("equal", self, other if isinstance(other, shape_poly._DimExpr) else whole(other))
        return same

    def truth(self: Any) -> bool:
        note("equal", self, 0)
        return True

    def hashed(self: Any) -> int:
        note_of_user("lookup", self)
        return plain_hash(self)

    dimension.__eq__, dimension.__bool__, dimension.__hash__ = equal, truth, hashed
    for name in ("__ge__", "__gt__", "__le__", "__lt__", "__int__"):
        setattr(dimension, name, noting_failure(getattr(dimension, name)))
    for name in ("__str__", "__repr__"):
        setattr(dimension, name, noting_text(getattr(dimension, name)))
    watch_types()


def watch_types() -> None:
    """Make the types of arrays tell what they are asked: JAX keeps one object for each, and compares by identity, so
    that no size is asked."""
    kind: Any = ShapedArray
    plain_eq, plain_hash = kind.__eq__, kind.__hash__

    def equal(self: Any, other: Any) -> Any:
        same = plain_eq(self, other)
        if same is not True and watchers() and asked_by_user() and type(other) is kind:
            _ = self.dtype == other.dtype and self.shape == other.shape  # for the questions
        return same

    def hashed(self: Any) -> int:
        if watchers():
            for dim in self.shape:
                if isinstance(dim, shape_poly._DimExpr):
                    note_of_user("lookup", dim)
        return plain_hash(self)

    kind.__eq__, kind.__hash__ = equal, hashed


def asked_by_user() -> bool:
    file, _ = asker(through_jax_sizes=False)
    return not file.startswith((JAX_HOME, OWN_HOME)) and "site-packages" not in file


def written_for_user() -> str:
    """Where the user writes an object of JAX's out, whose methods write the sizes; "" where nobody does."""
    frame, method = sys._getframe(1), ""
    while frame is not None and (
        frame.f_code.co_filename.startswith((JAX_HOME, OWN_HOME)) or is_generated(frame.f_code)
    ):
        name = frame.f_code.co_filename
        method = frame.f_code.co_name if name.startswith(JAX_HOME) else method
        frame = frame.f_back
    if frame is None or "site-packages" in frame.f_code.co_filename or method not in TEXTS:
        return ""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def note_of_user(kind: str, dim: Any) -> None:
    """Note what the user's own code does directly. Libraries key their caches by shapes and name sizes in messages:
    that keeps the meaning."""
    heard = watchers()
    if not heard:
        return
    if asked_by_user():
        note(kind, dim, through_jax_sizes=False)
    elif kind == "text" and (line := written_for_user()):
        for found in heard:
            found.append(Question(kind, dim, None, line, internal=False, in_jax=False))


def noting_failure(method: Callable[..., Any]) -> Callable[..., Any]:
    """Note a question that JAX refuses to answer: the function may catch the error and go on."""

    def guarded(self: Any, *others: Any) -> Any:
        try:
            return method(self, *others)
        except InconclusiveDimensionOperation:
            note("unanswered", self)
            raise

    return guarded


def noting_text(method: Callable[..., str]) -> Callable[..., str]:
    def guarded(self: Any) -> str:
        note_of_user("text", self)
        return method(self)

    return guarded


install()
