"""`jaxiom audit`: compress a trained layer by PCA, and say what is exact, what is approximated, and what it saves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxiom.commands.options import Json, show_json
from jaxiom.errors import BadInput

if TYPE_CHECKING:
    from jaxiom.pca import Compressed

Weights = Annotated[
    str,
    typer.Argument(
        metavar="FILE[::NAME]", help="The kernel: .npy, .npz or .safetensors, by its name.", show_default=False
    ),
]
Rank = Annotated[str, typer.Option(help="How many components to keep, or a share of the variance.")]
LayoutOption = Annotated[
    str, typer.Option("--layout", metavar="LAYOUT", help="HWIO (JAX) or OIHW (PyTorch); IO or OI for a dense matrix.")
]
Center = Annotated[bool, typer.Option("--center", help="Subtract the mean filter first, as scikit-learn's PCA does.")]
Repair = Annotated[
    str | None,
    typer.Option(help="Of centring: filter (one of ones more; the default) or bias.", show_default=False),
]
Bias = Annotated[str, typer.Option(metavar="FILE[::NAME]", help="The layer's own bias.")]
Images = Annotated[
    str, typer.Option(metavar="FILE[::NAME]", help="Images to measure on, as the layout has them. Default: random.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the layer there: .npz or .safetensors.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output; the input never is.")]


def audit(
    weights: Weights,
    rank: Rank = "0.99",
    layout: LayoutOption = "",
    center: Center = False,
    repair: Repair = None,
    bias: Bias = "",
    images: Images = "",
    stride: Annotated[int, typer.Option(help="Of the layer.")] = 1,
    padding: Annotated[str, typer.Option(help="Of the layer: VALID or SAME.")] = "VALID",
    dilation: Annotated[int, typer.Option(help="Of the layer.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the random images.")] = 0,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> int:
    """Compress a trained kernel by PCA of its filters: what is exact, what is approximated, what it saves.

    Exit code 0: the identities are proved and the error is within its bound; 1: not so; 2: bad input.
    """
    from jaxiom.terminal import Terminal
    from jaxiom.weights import Source, check_target

    if repair in ("filter", "bias") and not center:
        raise BadInput("--repair: without --center there is nothing to repair; give both or neither")
    sources = [Source.read(text) if text else None for text in (weights, bias, images)]
    if output is not None:
        check_target(output, [s.path for s in sources if s is not None], overwrite=overwrite)
    with Terminal(quiet=as_json) as terminal:
        terminal.begin("reading", 0, 1)
        arrays = [None if source is None else source.load() for source in sources]
        terminal.begin("decomposing the kernel", 0, 1)
        layer = make(arrays, rank, center, repair or "filter", layout)
        found = layer.audit(
            arrays[2], stride=stride, padding=padding, dilation=dilation, seed=seed, progress=terminal.begin
        )
        if output is not None:
            layer.save(output, overwrite=overwrite)
    if as_json:
        written = None if output is None else str(output)
        show_json({"kernel": weights, **layer.report.record(), "audit": found.record(), "output": written})
    else:
        terminal.say(f"{weights}\n{layer.report}\n\n{found}", whole=True)
        if output is not None:
            terminal.say(f"\nwritten: {output}: {held(layer)}", whole=True)
    return 0 if found.as_claimed else 1


def make(arrays: list[Any], rank: str, center: bool, repair: str, layout: str) -> "Compressed":
    from jaxiom.pca import compress

    kernel, bias, _ = arrays
    return compress(kernel, read_rank(rank), center=center, repair=repair, bias=bias, layout=layout or None)


def read_rank(text: str) -> int | float:
    """
    >>> read_rank("400"), read_rank("0.99")
    (400, 0.99)
    """
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError as error:
        raise BadInput(f"--rank: expected a whole number, or a share of the variance as 0.99, got {text!r}") from error


def held(layer: "Compressed") -> str:
    """The arrays of a layer and their shapes."""
    return ", ".join(f"{name} {getattr(layer, name).shape}" for name in ("kernel", "unprojection", "bias"))
