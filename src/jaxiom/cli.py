"""The shell: `jaxiom verify`, `jaxiom prove`, `jaxiom measure`. What is heavy is imported inside the commands."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from errno import ENOSPC
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from jaxiom.commands import audit, bench, measure
from jaxiom.commands.options import Json, show_json
from jaxiom.errors import BadInput, JaxiomError

STOPPED = 130
"""The exit code after Ctrl-C."""
AGAIN = 1.0  # seconds

app = typer.Typer(
    help="Prove that two JAX functions are equal for all inputs and all sizes, or see exactly how far apart they are.",
    epilog="Exit code 0: every claim came out as declared; 1: one did not; 2: bad input.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Files or folders of claims, or FILE::NAME for one of them. Default: the folder proofs.",
        show_default=False,
    ),
]
Keyword = Annotated[str, typer.Option("-k", metavar="TEXT", help="Only claims with TEXT in their name or title.")]

app.command()(measure.measure)
app.command()(audit.audit)
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from jaxiom import __version__

        print(f"jaxiom {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command()
def verify(
    paths: Paths = None,
    keyword: Keyword = "",
    report: Annotated[Path, typer.Option(metavar="PATH", help="Where to write the report.")] = Path("report.html"),
    small: Annotated[bool, typer.Option("--small", help="Measure at reduced sizes, for a quick check.")] = False,
    as_json: Json = False,
) -> int:
    """Prove the claims, measure them at their real sizes, and write a report."""
    from jaxiom import verification
    from jaxiom.measurement import Measurement
    from jaxiom.reports import tables
    from jaxiom.terminal import Terminal, summary

    with Terminal(quiet=as_json) as terminal:
        found = verification.run(paths or (), report=report, small=small, keyword=keyword, progress=terminal)
    if as_json:
        show_json(found.record())
    else:
        terminal.say(f"report: {report}")
        terminal.say(summary(found.outcomes), whole=True)
        tables.show(found)
        for title, measured in found.told:
            told = measured.sentence if isinstance(measured, Measurement) else f"not measured: {measured}"
            terminal.say(f"{title}\n  {told}", whole=True)
    return found.exit_code


@app.command()
def prove(paths: Paths = None, keyword: Keyword = "", as_json: Json = False) -> int:
    """Prove the claims: a line for each, then a summary."""
    from jaxiom.discovery import discover
    from jaxiom.terminal import Terminal, summary
    from jaxiom.verification import Run, prove_claims

    with Terminal(quiet=as_json) as terminal:
        found = Run(prove_claims(discover(paths or (), keyword), terminal))
    if as_json:
        show_json([o.record() for o in found.outcomes])
    else:
        terminal.say(summary(found.outcomes), whole=True)
    return found.exit_code


def complain(text: str) -> None:
    """One line on stderr."""
    print(f"jaxiom: {' '.join(text.split())}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; every `JaxiomError` becomes one line on stderr.

    >>> main(["--version"])
    jaxiom 0.1.0
    0
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a mark that this terminal cannot show is no reason to stop
    with insisting():
        try:
            code = app(args=None if arguments is None else list(arguments), prog_name="jaxiom", standalone_mode=False)
            sys.stdout.flush()
        except JaxiomError as error:
            complain(str(error))
            return 2 if isinstance(error, BadInput) else 1
        except TyperException as error:
            complain(f"{error.format_message().rstrip('.')}; see jaxiom --help")
            return 2
        except OSError as error:
            if error.errno != ENOSPC or error.filename is not None:
                raise
            return out_of_room(error)
    if code == STOPPED:
        complain("stopped")
        if arguments is None:  # threads of XLA may still be at work, and crash a process that is taken down
            sys.stderr.flush()
            os._exit(STOPPED)
    return int(code or 0)


def out_of_room(error: OSError) -> int:
    """Say that the results could not be written, and keep Python from trying again."""
    complain(f"the results cannot be written: {error.strerror}")
    with contextlib.suppress(OSError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    return 2


@contextlib.contextmanager
def insisting() -> Iterator[None]:
    """Interrupt again, a second after an interrupt, while the command is still at work: one that comes during a
    callback of XLA's is swallowed there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, done = signal.getsignal(signal.SIGINT), threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        def again() -> None:
            if not done.wait(AGAIN):
                os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=again, daemon=True).start()
        raise KeyboardInterrupt

    if before is not signal.default_int_handler:  # somebody else's
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        done.set()
        signal.signal(signal.SIGINT, before)
