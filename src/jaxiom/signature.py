"""The parameters of a claim: what each is called, its shape, and how it reaches the functions."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.assumption import Assumption, read_assumption
from jaxiom.errors import BadInput, BadShape
from jaxiom.sizes import Shape, Sizes, Whole, build_sizes, read_shape
from jaxiom.trace import Scope


@dataclass(frozen=True)
class Leaf:
    """One array (or integer variable) of the claim: the parameter itself, or a leaf of its pytree."""

    name: str
    shape: Shape | Whole


@dataclass(frozen=True)
class Signature:
    """What both functions of a claim are called with, in order.

    Attributes:
        parameters: name -> pytree of `Shape` and `Whole`.
        leaves: their arrays and integer variables, flattened, with names.
        sizes: the sizes they name, within `given`.
        assume: what the inputs satisfy, or None.
        dtype: what the functions are traced with. Over the reals it matters for numbers in the program only: 0.1 is
            another binary fraction in each.
    """

    parameters: Mapping[str, Any]
    leaves: tuple[Leaf, ...]
    sizes: Sizes
    assume: Assumption | None = None
    dtype: str = "float32"

    def map(self, function: Callable[[Leaf], Any]) -> list[Any]:
        """The arguments, each leaf replaced by what `function` makes of it."""
        values = iter([function(leaf) for leaf in self.leaves])
        return [jax.tree.map(lambda _: next(values), tree, is_leaf=is_leaf) for tree in self.parameters.values()]

    def owner(self, leaf: str) -> str:
        """The parameter that a leaf is, or is part of."""
        counts = (len(jax.tree.leaves(tree, is_leaf=is_leaf)) for tree in self.parameters.values())
        owners = [name for name, count in zip(self.parameters, counts, strict=True) for _ in range(count)]
        return owners[[one.name for one in self.leaves].index(leaf)]

    def symbolic(self, scope: Scope) -> list[Any]:
        """The arguments to trace with: arrays of symbolic shape; integer variables as sizes."""

        def argument(leaf: Leaf) -> Any:
            if isinstance(leaf.shape, Whole):
                return scope.dims[leaf.shape.name]
            return jax.ShapeDtypeStruct(tuple(scope.dim(a.size) for a in leaf.shape.axes), jnp.dtype(self.dtype))

        return self.map(argument)

    def shapes_at(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The shape of each array at given sizes, by the leaf's name."""
        return {leaf.name: leaf.shape.at(sizes) for leaf in self.leaves if isinstance(leaf.shape, Shape)}

    def arguments(self, sizes: Mapping[str, int], inputs: Mapping[str, Any]) -> list[Any]:
        """The arguments at given sizes: `inputs` by the leaf's name, integer variables from `sizes`."""
        return self.map(lambda leaf: sizes[leaf.shape.name] if isinstance(leaf.shape, Whole) else inputs[leaf.name])

    def structs(self, sizes: Mapping[str, int], dtype: Any = None) -> list[Any]:
        """The arguments at given sizes as `jax.ShapeDtypeStruct`, integer variables as ints."""
        shapes, dtype = self.shapes_at(sizes), jnp.dtype(dtype or self.dtype)
        return self.arguments(sizes, {n: jax.ShapeDtypeStruct(s, dtype) for n, s in shapes.items()})

    def sizes_of(self, inputs: Mapping[str, Any], at: Mapping[str, int] | None = None) -> dict[str, int]:
        """Check arrays against the shapes at the sizes `at`."""
        sizes = dict(at or {})
        shapes = self.shapes_at(sizes)
        unknown = set(inputs) - set(shapes)
        if unknown:
            raise BadInput(f"inputs: unknown {', '.join(sorted(unknown))}; the arrays are {', '.join(shapes)}")
        for name, array in inputs.items():
            if np.shape(array) != shapes[name]:
                raise BadShape(f"inputs[{name!r}]: shape {np.shape(array)} where these sizes give {shapes[name]}")
        return sizes


def is_leaf(value: Any) -> bool:
    return isinstance(value, Shape | Whole)


def read_leaf(value: Any, where: str, name: str) -> Shape | Whole:
    if value is int or value == "int":
        return Whole(name)
    if hasattr(value, "dim_str") and hasattr(value, "dtypes"):  # a jaxtyping annotation
        if not isinstance(value.dtypes, str | list | tuple) or any("float" in str(t) for t in value.dtypes):
            return read_shape(value.dim_str, where)
        raise BadShape(
            f"{where}: the annotation {value.__name__} is of {', '.join(map(str, value.dtypes))}; inputs are real: "
            f"annotate it as Float[Array, {value.dim_str!r}]"
        )
    return read_shape(value, where)


def read_parameter(name: str, value: Any) -> tuple[Any, list[Leaf]]:
    """A parameter's pytree of shapes, and its leaves with their names."""
    flat, tree = jax.tree_util.tree_flatten_with_path(value, is_leaf=lambda v: hasattr(v, "dim_str") or v is int)
    leaves = []
    for path, text in flat:
        leaf = name + jax.tree_util.keystr(path)
        leaves.append(Leaf(leaf, read_leaf(text, leaf, leaf)))
    if not leaves:
        raise BadShape(f'{name}: {value!r} holds no shape; expected a string such as "n h w c" or a pytree of them')
    return jax.tree.unflatten(tree, [leaf.shape for leaf in leaves]), leaves


def from_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The shapes that a function's jaxtyping annotations give."""
    found = {}
    hints = get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        annotation = hints.get(name)
        if annotation is None:
            raise BadShape(
                f"{name}: no shape. Give it by name ({name}='n h w c'), in shapes=, or as a jaxtyping annotation "
                f'({name}: Float[Array, "n h w c"])'
            )
        found[name] = annotation
    return found


def read_signature(
    functions: Sequence[Callable[..., Any]], shapes: Mapping[str, Any], given: str = "", assume: Any = None
) -> Signature:
    """The signature that shapes (or, where there are none, the first function's annotations) give.

    Raises:
        BadShape: a shape cannot be read, `given` names an unknown size or is never satisfied.
        BadInput: a function does not take that many parameters, or `assume` none of that name.
    """
    for function in functions:
        if not callable(function):
            raise BadInput(f"expected a function of {', '.join(shapes) or 'arrays'}, got {function!r}")
    shapes = dict(shapes) or from_annotations(functions[0])
    parameters, leaves = {}, []
    for name, value in shapes.items():
        parameters[name], found = read_parameter(name, value)
        leaves += found
    repeated = {leaf.name for leaf in leaves if sum(leaf.name == other.name for other in leaves) > 1}
    if repeated:
        raise BadShape(f"shapes: two arrays are called {', '.join(sorted(repeated))}; give one parameter another name")
    for function in functions:
        check_arity(function, tuple(parameters))
    arrays = [leaf.shape for leaf in leaves if isinstance(leaf.shape, Shape)]
    whole = [leaf.shape for leaf in leaves if isinstance(leaf.shape, Whole)]
    assumption = read_assumption(assume, tuple(parameters))
    return Signature(parameters, tuple(leaves), build_sizes(arrays, whole, given), assumption)


def check_arity(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without a signature: JAX will tell
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        raise BadInput(
            f"{getattr(function, '__name__', function)}{signature} cannot be called with the {len(names)} parameters "
            f"{', '.join(names)}: {error}"
        ) from error
