"""How much exact arithmetic may be done before it is given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from jaxiom.errors import Undecidable


class TooMuch(Undecidable):
    """An exact evaluation would take more than it was given."""


@dataclass
class Effort:
    """What may still be spent.

    Attributes:
        entries: array entries, inputs and everything in between.
        products: exact products that a contraction sums.
    """

    entries: int
    products: int

    def spend(self, entries: int = 0, products: int = 0) -> None:
        """Take something of it.

        Raises:
            TooMuch: there is not so much left.
        """
        self.entries -= entries
        self.products -= products
        if min(self.entries, self.products) < 0:
            raise TooMuch("too large for exact arithmetic")


CURRENT: ContextVar[Effort | None] = ContextVar("CURRENT", default=None)


@contextmanager
def within(effort: Effort | None) -> Iterator[None]:
    """Spend from this; None: without a limit."""
    token = CURRENT.set(effort)
    try:
        yield
    finally:
        CURRENT.reset(token)


def spend(entries: int = 0, products: int = 0) -> None:
    """Take from what the evaluation that goes on may still spend."""
    effort = CURRENT.get()
    if effort is not None:
        effort.spend(entries, products)
