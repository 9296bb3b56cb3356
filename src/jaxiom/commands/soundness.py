"""`jaxiom bench soundness`: mutants of true claims, each verdict held against exact evaluation."""

from typing import Annotated

import typer

from jaxiom.commands.options import Json, show_json


def soundness(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Files or folders of claims. Default: the folder proofs.", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many mutants.")] = 500,
    skip: Annotated[int, typer.Option(min=0, help="Leave out this many first, to run in pieces.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the order in which mutants are taken.")] = 0,
    as_json: Json = False,
) -> int:
    """Mutate true claims, and hold each verdict against exact evaluation. A false verdict exits with 1."""
    from itertools import islice

    from jaxiom.discovery import discover
    from jaxiom.soundness import Tally, judge, sampled, subjects
    from jaxiom.terminal import Terminal

    with Terminal(quiet=as_json) as terminal:
        chosen = [s for claim in discover(paths or ()) for s in subjects(claim)]
        outcomes = []
        for mutant in islice(sampled(chosen, seed), skip, skip + count):
            terminal.begin(str(mutant), len(outcomes), count)
            outcomes.append(judge(mutant))
    tally = Tally(outcomes)
    if as_json:
        show_json(tally.record())
    else:
        terminal.say(str(tally), whole=True)
    return 1 if tally.false else 0
