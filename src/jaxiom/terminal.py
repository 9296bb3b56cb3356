"""What the shell prints: a line a claim, a summary, progress. Colour and progress only where a person looks."""

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from jaxiom.claims import Claim
    from jaxiom.verification import Outcome

MARKS = {"proved": "✓", "refuted": "✗", "undecided": "?", "unsupported": "?", "disagreement": "!"}
DECLARED = {"proved": "theorem", "refuted": "refutation"}
PATIENCE = 2.0  # seconds of work before progress is worth a line
WIDEST_TITLE = 72
LONGEST_FORMULA = 400


def one_line(text: str) -> str:
    """Text that cannot break a line or move the cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def detail(outcome: "Outcome") -> str:
    """What an outcome says: the sizes it holds for, the witness and the difference, or what stopped it."""
    verdict, parts = outcome.verdict, []
    if not outcome.ok:
        parts.append(f"NOT AS DECLARED (a {DECLARED[outcome.claim.expected]})")
    if verdict is None:
        label = "INTERNAL DISAGREEMENT, a bug in jaxiom: " if outcome.status == "disagreement" else "unsupported: "
        return one_line("; ".join([*parts, f"{label}{outcome.error}"]))
    if verdict.status == "proved":
        parts.append(str(verdict.sizes))
    if verdict.witness is not None:
        sizes = ", ".join(f"{k}={v}" for k, v in verdict.witness.sizes.items())
        parts.append(f"differs at {sizes}" if sizes else "differs at these sizes")
    if verdict.status == "undecided":
        parts.append(verdict.reason)
    if verdict.difference is not None and verdict.status != "proved":
        parts.append(f"lhs - rhs = {shortened(str(verdict.difference))}")
    return one_line("; ".join([*parts, *verdict.notes]))


def shortened(formula: str) -> str:
    if len(formula) <= LONGEST_FORMULA:
        return formula
    return f"{formula[:LONGEST_FORMULA]}… ({len(formula):,} characters; --json has all)"


def line(outcome: "Outcome", width: int) -> str:
    """Mark, title, time, and what it says."""
    title = one_line(outcome.claim.title)
    return f"{MARKS[outcome.status]} {title:<{width}}  {outcome.seconds:6.2f} s  {detail(outcome)}"


def summary(outcomes: "Sequence[Outcome]") -> str:
    """One line on all of them."""
    from jaxiom.claims import shown

    counts = Counter(o.status for o in outcomes)
    kinds = ", ".join(f"{counts[status]} {status}" for status in MARKS if counts[status])
    bad = [f"{shown(o.claim.file)}::{o.claim.name}" for o in outcomes if not o.ok]
    ending = f"{len(bad)} not as declared: {', '.join(bad)}" if bad else "every one as declared"
    total = sum(o.seconds for o in outcomes)
    return f"{len(outcomes)} claim{'s' if len(outcomes) != 1 else ''} in {total:.2f} s: {kinds}; {ending}"


class Terminal:
    """Prints each outcome as it comes, and progress on stderr where that is a terminal and the work is long.

    With `quiet` (for --json) outcomes are not printed.
    """

    def __init__(self, quiet: bool = False):
        self.quiet, self.width = quiet, 0
        self.lock = threading.RLock()
        self.bar: Any = None
        self.shown = False
        self.state = ("", 0, 0)
        self.timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self.timer = threading.Timer(PATIENCE, self.show)
            self.timer.daemon = True
            self.timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self.lock:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            self.hide()

    def show(self) -> None:
        """Start the progress line."""
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self.lock:
            if self.timer is None:  # left in the meantime
                return
            if self.bar is None:
                columns = (SpinnerColumn(), TextColumn("{task.completed}/{task.total} {task.description}"))
                console = Console(stderr=True)
                self.bar = Progress(
                    *columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False
                )
                self.bar.add_task("", total=1)
            self.update()
            self.bar.start()
            self.shown = True

    def update(self) -> None:
        task, done, total = self.state
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], description=one_line(task)[:60], completed=done, total=total)

    def hide(self) -> None:
        if self.shown:
            self.bar.stop()
            self.shown = False

    def open(self, claims: "Sequence[Claim]") -> None:
        self.width = min(WIDEST_TITLE, max((len(one_line(c.title)) for c in claims), default=0))
        self.begin("reading the claims", 0, len(claims))

    def begin(self, task: str, done: int, total: int) -> None:
        with self.lock:
            self.state = (task, done, total)
            self.update()

    def end(self, outcome: "Outcome") -> None:
        if self.quiet:
            return
        with self.lock:
            again = self.shown
            self.hide()
            self.say(line(outcome, self.width), "green" if outcome.ok else "bold red")
            if again:
                self.show()

    def say(self, text: str, colour: str = "", whole: bool = False) -> None:
        """A line of results: as it is where stdout is piped; on a terminal coloured, and cut to the width unless
        `whole`."""
        if not sys.stdout.isatty():
            print(text, flush=True)
            return
        from rich.console import Console
        from rich.text import Text

        shown = Text(text)
        if colour:
            shown.stylize(colour, 0, 1)
        Console().print(shown, no_wrap=not whole, overflow="fold" if whole else "ellipsis", highlight=False)
