"""What a claim says: for which inputs and sizes, and the two sides in the user's own words."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxiom.claims import Claim
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.reports.notation import STYLE, shape_latex
from jaxiom.sizes import Sizes, Whole, read_constraint

RELATIONS = {">=": r"\geq", "<=": r"\leq", "==": "=", ">": ">", "<": "<"}


@dataclass(frozen=True)
class Statement:
    """`inputs` and `sizes` are LaTeX, an item each; `code` is the body of the function that returns the pair."""

    inputs: tuple[str, ...]
    sizes: tuple[str, ...]
    code: str


def read(claim: Claim) -> Statement:
    """The statement of a claim whose signature can be read."""
    signature = claim.signature
    inputs = []
    for leaf in signature.leaves:
        name = STYLE.access(leaf.name, ())
        if isinstance(leaf.shape, Whole):
            inputs.append(rf"{name} \in \mathbb{{Z}}")
        elif not leaf.shape.axes:
            inputs.append(rf"{name} \in \mathbb{{R}}")
        else:
            space = " \\times ".join(shape_latex(axis.factors).replace(r"\times", r"\cdot") for axis in leaf.shape.axes)
            inputs.append(rf"{name} \in \mathbb{{R}}^{{{space}}}")
    return Statement(tuple(inputs), tuple(size_lines(signature.sizes)), body(claim.function))


def size_lines(sizes: Sizes) -> list[str]:
    """The constraints on the sizes as LaTeX; what the proof excluded besides is told apart."""
    positive = [STYLE.variable(n) for n in sizes.names if n not in sizes.whole]
    lines = [rf"{', '.join(positive)} \geq 1"] if positive else []
    for text in sizes.given:
        left, relation, right = read_constraint(text)
        lines.append(f"{size(left)} {RELATIONS[relation]} {size(right)}")
    return lines


def size(value: Polynomial) -> str:
    return STYLE.polynomial(value, {})


def body(function: Callable[..., Any]) -> str:
    """The function's source less its header and docstring; "" where there is none to be had."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        (definition,) = ast.parse(source).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return ""
    if not isinstance(definition, ast.FunctionDef):
        return source.strip()
    statements = definition.body[1:] if ast.get_docstring(definition) is not None else definition.body
    if not statements:
        return ""
    return textwrap.dedent("\n".join(source.splitlines()[statements[0].lineno - 1 : statements[-1].end_lineno]))


def paragraphs(file: Path) -> list[str]:
    """A chapter's introduction: the paragraphs of its docstring."""
    try:
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    except (OSError, SyntaxError, ValueError):
        return []
    return [" ".join(p.split()) for p in text.split("\n\n") if p.strip()]
