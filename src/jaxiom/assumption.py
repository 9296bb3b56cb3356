"""`assume=`: what the inputs of a claim satisfy, as the user writes it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxiom.claims import kind
from jaxiom.errors import BadInput

EXAMPLE = "assume=lambda Q: [(Q.T @ Q, jnp.eye(Q.shape[1]))]"


@dataclass(frozen=True)
class Assumption:
    """Equations between functions of the inputs.

    Attributes:
        function: of some of the claim's parameters, by name; returns the pairs of arrays that are equal.
        parameters: of the claim, in order.
        names: those that the function takes.
    """

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    names: tuple[str, ...]

    def __call__(self, *arguments: Any) -> list[Any]:
        """Both sides of each equation, one after the other: left, right, left, right.

        Raises:
            BadInput: the function returns no list of pairs of arrays.
        """
        given = dict(zip(self.parameters, arguments, strict=True))
        result = self.function(**{name: given[name] for name in self.names})
        if not isinstance(result, list | tuple) or not result:
            raise not_pairs(kind(result))
        for number, pair in enumerate(result, 1):
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise not_pairs(f"{kind(result)}, whose item {number} is {kind(pair)}")
            for side in pair:
                if not is_array(side):
                    raise not_pairs(f"{kind(result)}, whose pair {number} holds {kind(side)}")
        return [side for pair in result for side in pair]


def is_array(value: Any) -> bool:
    """Whether a value is an array (perhaps traced), or a number."""
    return hasattr(value, "aval") or isinstance(value, int | float | np.ndarray | np.generic)


def not_pairs(came: str) -> BadInput:
    return BadInput(f"assume: expected a function that returns a list of pairs of arrays, got {came}; as in {EXAMPLE}")


def read_assumption(assume: Any, parameters: Sequence[str]) -> Assumption | None:
    """Which of a claim's parameters the user's function takes.

    Raises:
        BadInput: it is no function, or takes a parameter that the claim has not.
    """
    if assume is None:
        return None
    if not callable(assume):
        raise BadInput(f"assume: expected a function of the claim's parameters, got {assume!r}; as in {EXAMPLE}")
    try:
        wanted = inspect.signature(assume).parameters.values()
    except (TypeError, ValueError) as error:
        raise BadInput(f"assume: {assume!r} does not tell its parameters; give a lambda, as in {EXAMPLE}") from error
    names: list[str] = []
    for parameter in wanted:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadInput(f"assume: the parameter {parameter} is not plain; name the claim's: {', '.join(parameters)}")
        if parameter.name in parameters:
            names.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise BadInput(f"assume: unknown parameter {parameter.name}; the claim's are {', '.join(parameters)}")
    if not names:
        raise BadInput(
            f"assume: the function takes none of the claim's parameters {', '.join(parameters)}, so it says nothing of "
            "the inputs; as in " + EXAMPLE
        )
    return Assumption(assume, tuple(parameters), tuple(names))
