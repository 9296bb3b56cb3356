"""Why a function is not affine in an input: the laws that fail, each with a witness."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import jax
import numpy as np

from jaxiom.decide import decide
from jaxiom.errors import BadInput, Undecidable, Unsupported
from jaxiom.exact import evaluate, random_inputs
from jaxiom.signature import Leaf, Signature
from jaxiom.sizes import Shape

Function = Callable[..., Any]
MOST_ENTRIES = 3000


def with_leaf(signature: Signature, name: str, shape: Shape) -> Signature:
    """The signature with one array more, at the end."""
    parameters = {**signature.parameters, name: shape}
    return replace(signature, parameters=parameters, leaves=(*signature.leaves, Leaf(name, shape)))


def unused(signature: Signature, names: Sequence[str]) -> str:
    """The first of some names that is no parameter and no size, else one with a number."""
    taken = {*signature.parameters, *(leaf.name for leaf in signature.leaves), *signature.sizes.names}
    numbered = (f"{names[0]}{i}" for i in range(len(taken) + 1))
    return next(name for name in [*names, *numbered] if name not in taken)


def place_of(signature: Signature, wrt: str) -> int:
    return next(i for i, leaf in enumerate(signature.leaves) if leaf.name == wrt)


def leaf_value(signature: Signature, wrt: str, arguments: Sequence[Any]) -> Any:
    """The value that an input has among the arguments."""
    return jax.tree.leaves(list(arguments))[place_of(signature, wrt)]


def with_value(signature: Signature, wrt: str, arguments: Sequence[Any], value: Any) -> list[Any]:
    """The arguments with another value for one input."""
    leaves, tree = jax.tree.flatten(list(arguments))
    leaves[place_of(signature, wrt)] = value
    return jax.tree.unflatten(tree, leaves)


def why_not_affine(function: Function, signature: Signature, wrt: str) -> str:
    """The laws that fail, with their witnesses, in words; "" where none was shown to fail."""
    proved = [law(function, signature, wrt) for law in (additivity, homogeneity)]
    if any(proved):
        return "; ".join(filter(None, proved))
    rng = random.Random(0)
    for cap in (2, 3, 4, 3, 4):
        sizes = signature.sizes.random(rng, cap)
        if sum(map(prod, signature.shapes_at(sizes).values())) <= MOST_ENTRIES:
            shown = shown_at(function, signature, wrt, sizes)
            if shown:
                return shown
    return ""


def additivity(function: Function, signature: Signature, wrt: str) -> str:
    other = unused(signature, ("Y", "Z"))

    def at(arguments: Sequence[Any], value: Any) -> Any:
        return function(*with_value(signature, wrt, arguments, value))

    def lhs(*arguments: Any) -> Any:
        X, Y = leaf_value(signature, wrt, arguments), arguments[-1]
        return jax.tree.map(lambda a, b: a + b, at(arguments[:-1], X + Y), at(arguments[:-1], 0 * X))

    def rhs(*arguments: Any) -> Any:
        X, Y = leaf_value(signature, wrt, arguments), arguments[-1]
        return jax.tree.map(lambda a, b: a + b, at(arguments[:-1], X), at(arguments[:-1], Y))

    text = f"f({wrt} + {other}) + f(0) = f({wrt}) + f({other})"
    return refuted("additivity", text, lhs, rhs, with_leaf(signature, other, shape_of(signature, wrt)))


def homogeneity(function: Function, signature: Signature, wrt: str) -> str:
    factor = unused(signature, ("a", "t"))

    def at(arguments: Sequence[Any], value: Any) -> Any:
        return function(*with_value(signature, wrt, arguments, value))

    def lhs(*arguments: Any) -> Any:
        X, a = leaf_value(signature, wrt, arguments), arguments[-1]
        return jax.tree.map(lambda u, v: u + (a - 1) * v, at(arguments[:-1], a * X), at(arguments[:-1], 0 * X))

    def rhs(*arguments: Any) -> Any:
        X, a = leaf_value(signature, wrt, arguments), arguments[-1]
        return jax.tree.map(lambda u: a * u, at(arguments[:-1], X))

    text = f"f({factor}·{wrt}) + ({factor} - 1)·f(0) = {factor}·f({wrt})"
    return refuted("homogeneity", text, lhs, rhs, with_leaf(signature, factor, Shape((), "")))


def shape_of(signature: Signature, wrt: str) -> Shape:
    shape = signature.leaves[place_of(signature, wrt)].shape
    assert isinstance(shape, Shape)
    return shape


def refuted(name: str, text: str, lhs: Function, rhs: Function, signature: Signature) -> str:
    """A law that the prover refutes, in words; "" where it does not."""
    try:
        verdict = decide(lhs, rhs, signature)
    except (BadInput, Undecidable, Unsupported):
        return ""
    if verdict.witness is None:
        return ""
    by = f" by {verdict.difference}" if verdict.difference is not None else ""
    return f"{name} fails, {text} does not hold{by}; witness: {verdict.witness}"


def shown_at(function: Function, signature: Signature, wrt: str, sizes: Mapping[str, int], tries: int = 16) -> str:
    """Random inputs in exact numbers on which f(X + Y) + f(0) and f(X) + f(Y) differ, in words; "" if none did."""
    rng, name = random.Random(0), unused(signature, ("Y", "Z"))
    for _ in range(tries):
        inputs, other = random_inputs(signature, sizes, rng), random_inputs(signature, sizes, rng)
        X, Y = inputs[wrt], other[wrt]
        try:
            found = [
                value_at(function, signature, sizes, {**inputs, wrt: np.asarray(x, object)})
                for x in (X + Y, X - X, X, Y)
            ]
        except (Unsupported, ZeroDivisionError):
            return ""
        for sides in zip(*found, strict=True):
            for index in np.ndindex(*sides[0].shape):
                a, b, c, d = (side[index] for side in sides)
                if a + b != c + d:
                    return (
                        f"additivity fails, f({wrt} + {name}) + f(0) = f({wrt}) + f({name}) does not hold: output "
                        f"{list(index)} is {a} for {wrt} + {name}, {b} for 0, {c} for {wrt} and {d} for {name}, where "
                        f"{wrt} is {listed(X)} and {name} is {listed(Y)}: {a + b} is not {c + d}"
                    )
    return ""


def value_at(
    function: Function, signature: Signature, sizes: Mapping[str, int], inputs: Mapping[str, Any]
) -> list[np.ndarray]:
    return evaluate(function, signature.arguments(sizes, inputs), "f")


def listed(values: np.ndarray, most: int = 6) -> str:
    shown = [str(entry) for entry in values.flat[:most]]
    return f"[{', '.join([*shown, '...'] if values.size > most else shown)}]"
