"""What several commands share."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]


def show_json(document: Any) -> None:
    print(json.dumps(document, indent=2))
