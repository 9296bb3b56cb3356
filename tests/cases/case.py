"""What a case is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Function = Callable[..., Any]
Answer = str | type[Exception]

PROVED, REFUTED, UNDECIDED = "proved", "refuted", "undecided"


@dataclass(frozen=True)
class Case:
    """A claim and its verdict.

    Attributes:
        name: what the case is about.
        lhs, rhs: the two sides.
        answer: the verdict's status, or the error that `prove` must raise.
        shapes: parameter -> shape.
        given: constraints on the sizes.
        says: a part of the difference's text (refuted), of the reason (undecided), of the error's text, or of what the
            sizes leave out (proved).
        at: sizes at which the two sides differ, where none of the smallest shows it.
        alone: each side against itself is proved; False where a side alone is not decided either.
        assume: what the inputs satisfy.
        notes: a part of the verdict's notes.
        bug: jaxiom's answer is another today, and why; the test expects that failure, and fails once it is gone.
    """

    name: str
    lhs: Function
    rhs: Function
    answer: Answer
    shapes: Mapping[str, Any]
    given: str = ""
    says: str = ""
    at: Mapping[str, int] | None = None
    alone: bool = True
    assume: Function | None = None
    notes: str = ""
    bug: str = ""
