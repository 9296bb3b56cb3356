"""`jaxiom bench`: speed. Other benchmarks are commands under it."""

from typing import Annotated

import typer

from jaxiom.commands.options import Json, show_json
from jaxiom.commands.soundness import soundness

app = typer.Typer(help="Speed against the bare convolutions; other benchmarks are commands under it.")


@app.callback(invoke_without_command=True)
def speed(
    context: typer.Context,
    images: Annotated[int, typer.Option(min=1, help="How many images of 14×14×512.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Medians of how many.")] = 15,
    dtype: Annotated[str, typer.Option(help="float32, float64, bfloat16 or float16.")] = "float32",
    padding: Annotated[str, typer.Option(help="SAME or VALID.")] = "SAME",
    small: Annotated[bool, typer.Option("--small", help="A layer of 32 filters, for a quick look.")] = False,
    as_json: Json = False,
) -> int:
    """Time a convolution of 512 filters projected to 400, and what jaxiom measures of it, in one interleaved run."""
    if context.invoked_subcommand is not None:
        return 0
    from jaxiom import speed
    from jaxiom.terminal import Terminal

    layer = speed.SMALL if small else speed.LAYER
    with Terminal(quiet=as_json) as terminal:
        found = speed.run(layer | {"n": images}, dtype=dtype, padding=padding, rounds=rounds, progress=terminal.begin)
    if as_json:
        show_json(found.record())
    else:
        terminal.say(str(found), whole=True)
    return 0


app.command()(soundness)
