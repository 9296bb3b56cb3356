"""`jaxiom measure`: one claim at real sizes; or, with --sweep, at many."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxiom.commands import hosts
from jaxiom.commands.options import Json, show_json
from jaxiom.errors import BadInput

if TYPE_CHECKING:
    from jaxiom.claims import Claim


def measure(
    target: Annotated[str, typer.Argument(metavar="FILE::NAME", help="The claim.", show_default=False)],
    at: Annotated[str, typer.Option(metavar="SIZES", help="As n=8,h=14. Default: the sizes that it declares.")] = "",
    dtype: Annotated[
        str, typer.Option(help="float32, float64, bfloat16 or float16; with --sweep several, with commas.")
    ] = "float32",
    precision: Annotated[
        str, typer.Option(help="Of matrix products: default, high or highest; with --sweep several, with commas.")
    ] = "default",
    device: hosts.Device = "",
    devices: hosts.Devices = "",
    coordinator: hosts.Coordinator = "",
    processes: hosts.Processes = None,
    process: hosts.Process = None,
    seed: Annotated[int, typer.Option(help="Of the random inputs.")] = 0,
    certainty: Annotated[int, typer.Option(min=1, help="The exact check may fail with probability 2^-this.")] = 60,
    eager: Annotated[bool, typer.Option("--eager", help="Hold each side against itself run op by op, too.")] = False,
    bound: Annotated[
        bool, typer.Option("--bound/--no-bound", help="With the bound that rounding has in the worst case.")
    ] = True,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="In batches that fit so much, as 2GiB. Default: in one piece.")
    ] = "",
    batch: Annotated[int | None, typer.Option(help="In batches of so many.", show_default=False)] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where finished batches wait for an interrupted run. Default: the user's cache."
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIZE=FIRST:LAST:STEP",
            help="Measure at many: a size, or mean:W for what is added to W's random entries. Can be given again.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Of a sweep: where table and figures go. Default: sweep.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> int:
    """Run one claim at real sizes: how much of the difference is algebra, how much rounding? A finding exits with 1."""
    sizes = read_sizes(at)
    if out is not None and not sweep:
        raise BadInput("--out: table and figures are a sweep's; give --sweep, or --json for the figures of one run")
    options: dict[str, Any] = {"seed": seed, "certainty": certainty, "eager": eager, "bound": bound}
    options |= {"memory": memory or None, "batch": batch, "expected": True}
    from jaxiom.batching import default_folder
    from jaxiom.terminal import Terminal

    if batch is not None or memory:
        options["keep"] = keep or default_folder()
    where = hosts.Hosts(device, devices, coordinator, processes, process)
    with where.joined(), Terminal() as terminal:
        options["devices"], claim = where.choose(), find_claim(target)
        with claim.naming():
            if sweep:
                return measure_many(
                    claim,
                    sweep,
                    sizes,
                    dtype,
                    precision,
                    out or Path("sweep"),
                    as_json,
                    options,
                    terminal,
                    where.speaks,
                )
            from jaxiom.measuring import measure

            found = measure(
                claim,
                at=sizes,
                dtype=dtype,
                precision=precision,
                progress=lambda what, done, total: terminal.begin(f"{what}: {claim.title}", done, total),
                **options,
            )
    if not where.speaks:
        pass
    elif as_json:
        show_json(found.to_json())
    else:
        terminal.say(f"{claim.title}\n{found}", whole=True)
    return 1 if found.verdict == "finding" else 0


def measure_many(
    claim: "Claim",
    over: list[str],
    sizes: dict[str, int],
    dtypes: str,
    precisions: str,
    out: Path,
    as_json: bool,
    options: dict[str, Any],
    terminal: Any,
    speaks: bool,
) -> int:
    """A sweep: its table and its figures."""
    from jaxiom.figures import write_sweep
    from jaxiom.files import folder_for_results
    from jaxiom.sweeps import read_sweep, sweep

    axes = dict(map(read_sweep, over))
    with folder_for_results(out):
        found = sweep(
            claim,
            over=axes,
            at=sizes,
            dtypes=dtypes.split(","),
            precisions=precisions.split(","),
            progress=terminal.begin,
            **options,
        )
        written = write_sweep(found, out) if speaks else []
    if not speaks:
        pass
    elif as_json:
        show_json(found.to_json())
    else:
        terminal.say(found.title)
        for point in found.points:
            m = point.measurement
            place = ", ".join(f"{k}={v}" for k, v in point.at.items())
            terminal.say(f"{place}, {m.dtype}, {m.precision}: {m.sentence}", whole=True)
        terminal.say("written: " + ", ".join(map(str, written)), whole=True)
    return 1 if found.findings else 0


def find_claim(target: str) -> "Claim":
    from jaxiom.discovery import discover

    claims = discover([target])
    if len(claims) > 1:
        raise BadInput(f"{target}: holds {len(claims)} claims; choose one: {', '.join(f'::{c.name}' for c in claims)}")
    return claims[0]


def read_sizes(text: str) -> dict[str, int]:
    """Sizes as the shell writes them.

    >>> read_sizes("n=8, h=14")
    {'n': 8, 'h': 14}
    """
    found: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = (p.strip() for p in part.partition("="))
        if not name or name in found or not value.removeprefix("-").isdecimal():
            raise BadInput(f"--at: {part!r} is not a size with its number, once; write for example --at n=8,h=14")
        found[name] = int(value)
    return found
