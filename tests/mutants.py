"""Mutants of a claim: its program with one equation changed, as a function that both the prover and the oracle take.

A mutant is a function of the claim's parameters. Called with symbolic sizes (by the prover) it traces the original
there and replays the jaxpr, one equation changed. Called with numbers (by the exact evaluation) it replays the jaxpr of
the symbolic case that the numbers belong to, with the numbers put in: a mutant is one program for all sizes, and the
numbering of its equations does not hang on what JAX leaves out at size 1.

Where a change gives a result of another shape, the result is cropped or padded with zeros at its end.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxiom.cases import Case, trace_cases
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.signature import Signature
from jaxiom.sizes import Shape, Whole
from jaxiom.trace import (
    CALLS,
    Closed,
    Equation,
    Literal,
    all_primitives,
    dim_as_value_p,
    inner_jaxpr,
    shape_of,
    shape_poly,
    without_dead_code,
)

Function = Callable[..., Any]
Params = dict[str, Any]
Operands = list[Any]
Change = Callable[["Call"], Any]
"""What a mutation makes of one equation: its results, given the equation where it is replayed."""

DYNAMIC = ("broadcast_in_dim", "reshape")
"""With symbolic sizes these take the sizes as operands too."""


class IllFormed(ValueError):
    """A change that gives no program: ranks that do not fit, an equation that is not there."""


@dataclass(frozen=True)
class Call:
    """One equation while it is replayed: `params` hold the sizes of this replay, `operands` its values.

    `values` are the values of all variables so far, in order.
    """

    equation: Equation
    params: Params
    operands: Operands
    values: Sequence[Any]

    def bind(self, primitive: Any = None, operands: Operands | None = None, **params: Any) -> Any:
        """The results of the equation, with another primitive, other operands or other parameters."""
        primitive = primitive or self.equation.primitive
        operands = list(self.operands if operands is None else operands)
        params = {**self.params, **params}
        if primitive is dim_as_value_p and isinstance(params["dim"], int):
            return np.asarray(params["dim"], aval_of(self.equation.outvars[0]).dtype)
        if primitive.name in DYNAMIC and not any(is_symbolic(d) for d in params.get("shape") or params["new_sizes"]):
            operands = operands[:1]
        return primitive.bind(*operands, **params)

    def with_operand(self, at: int, value: Any) -> Any:
        return self.bind(operands=[value if i == at else o for i, o in enumerate(self.operands)])


@dataclass(frozen=True)
class Mutation:
    """A change of equation number `at` of one side of a claim; `only`, where it is given, says at which value of which
    size, so that the mutant branches on it."""

    kind: str
    at: int
    primitive: str
    detail: str
    change: Change = field(compare=False)
    only: tuple[str, int] | None = None

    def __str__(self) -> str:
        return f"{self.kind} at equation {self.at}, {self.primitive}: {self.detail}"


@dataclass(frozen=True)
class Program:
    """A function whose jaxpr can be replayed at all the sizes of a signature, one equation changed."""

    function: Function
    signature: Signature

    @cached_property
    def cases(self) -> list[Case]:
        """The symbolic traces; an integer variable makes one for each of its signs."""
        return list(trace_cases(self.function, self.function, self.signature))

    def mutated(self, mutation: Mutation | None) -> Function:
        """The mutant; with None the program itself, replayed."""

        def run(*arguments: Any) -> Any:
            leaves = jax.tree.leaves(list(arguments))
            arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
            sizes = self.sizes(leaves)
            here = mutation
            if mutation is not None and mutation.only is not None:
                name, value = mutation.only
                here = mutation if sizes[name] == value else None
            if any(is_symbolic(size) for size in sizes.values()):
                closed = trace_here(self.function, arguments)
                outputs = Replay(here, lambda dim: dim).run(closed, arrays)
            else:
                case = next(c for c in self.cases if c.sizes.contains(sizes))
                outputs = Replay(here, lambda dim: number(case, dim, sizes)).run(case.lhs.closed, arrays)
            return outputs[0] if len(outputs) == 1 else tuple(outputs)

        return run

    def sizes(self, leaves: Sequence[Any]) -> dict[str, Any]:
        """The value of each size, read off the arguments."""
        found: dict[str, Any] = {}
        for leaf, value in zip(self.signature.leaves, leaves, strict=True):
            if isinstance(leaf.shape, Whole):
                found[leaf.shape.name] = value
                continue
            for axis, dim in zip(leaf.shape.axes, value.shape, strict=True):
                found |= {name: dim for name in self.signature.sizes.names if axis.size == Polynomial.variable(name)}
        missing = set(self.signature.sizes.names) - set(found)
        if missing:
            raise NotImplementedError(f"{', '.join(missing)}: no axis has just this size")
        return found

    def mutations(self) -> Iterator[Mutation]:
        """Every mutation of the program, in the order of its equations."""
        closed = self.cases[0].lhs.closed
        inputs = [leaf for leaf in self.signature.leaves if isinstance(leaf.shape, Shape)]
        avals = [v.aval for v in closed.jaxpr.invars]
        assert len(avals) == len(inputs)
        numbers = {v: i for i, v in enumerate(closed.jaxpr.invars)}
        for at, (equation, operands, before) in enumerate(flattened(closed, numbers, list(avals))):
            for kind, detail, change in changes(equation, operands, before):
                yield Mutation(kind, at, equation.primitive.name, detail, change)
        yield from self.branches()

    def branches(self) -> Iterator[Mutation]:
        """The last equation negated, but only where some size is 2."""
        closed = self.cases[0].lhs.closed
        primitives = [equation.primitive.name for equation, _, _ in flattened(closed, {}, [])]
        for name in self.signature.sizes.names if primitives else ():
            last = len(primitives) - 1
            yield Mutation("branch", last, primitives[last], f"negated where {name} is 2", negated, (name, 2))


def aval_of(atom: Any) -> Any:
    return atom.aval


def is_symbolic(dim: Any) -> bool:
    return isinstance(dim, shape_poly._DimExpr)


def number(case: Case, dim: Any, sizes: Mapping[str, int]) -> int:
    return int(case.scope.size(dim).evaluate(sizes))


def trace_here(function: Function, arguments: Sequence[Any]) -> Closed:
    """The jaxpr of a function on arguments of the sizes at hand, symbolic ones among them."""
    leaves, tree = jax.tree.flatten(list(arguments))
    at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

    def of_arrays(*arrays: Any) -> Any:
        filled = list(leaves)
        for i, array in zip(at, arrays, strict=True):
            filled[i] = array
        return function(*jax.tree.unflatten(tree, filled))

    return without_dead_code(
        jax.make_jaxpr(of_arrays)(*(jax.ShapeDtypeStruct(leaves[i].shape, jnp.float32) for i in at))
    )


def flattened(
    closed: Closed, numbers: dict[Any, int], avals: list[Any]
) -> Iterator[tuple[Equation, list[int | None], list[Any]]]:
    """The equations in the order of their replay: each with the numbers of its operands among all values (None for a
    literal or a constant), and the abstract values of all values before it. `numbers` and `avals` grow on the way."""

    def look(atoms: Sequence[Any]) -> list[int | None]:
        return [None if isinstance(a, Literal) else numbers.get(a) for a in atoms]

    for equation in closed.jaxpr.eqns:
        if equation.primitive in CALLS:
            inner = inner_jaxpr(equation)
            inside = dict(zip(inner.jaxpr.invars, look(equation.invars), strict=True))
            known = {v: n for v, n in inside.items() if n is not None}
            yield from flattened(inner, known, avals)
            results = [known.get(v) if not isinstance(v, Literal) else None for v in inner.jaxpr.outvars]
            numbers |= {v: n for v, n in zip(equation.outvars, results, strict=True) if n is not None}
            continue
        yield equation, look(equation.invars), list(avals)
        numbers |= {v: len(avals) + i for i, v in enumerate(equation.outvars)}
        avals += [v.aval for v in equation.outvars]


class Replay:
    """One run through a jaxpr, calls walked into, equation number `mutation.at` changed."""

    def __init__(self, mutation: Mutation | None, size: Callable[[Any], Any]):
        self.mutation, self.size = mutation, size
        self.at = 0
        self.values: list[Any] = []

    def run(self, closed: Closed, arrays: Sequence[Any]) -> list[Any]:
        self.values += arrays
        return self.walk(closed, arrays)

    def walk(self, closed: Closed, arrays: Sequence[Any]) -> list[Any]:
        env: dict[Any, Any] = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        env |= dict(zip(closed.jaxpr.invars, arrays, strict=True))
        for equation in closed.jaxpr.eqns:
            operands = [self.read(env, atom) for atom in equation.invars]
            if equation.primitive in CALLS:
                results = self.walk(inner_jaxpr(equation), operands)
            else:
                results = self.step(equation, operands)
            env |= dict(zip(equation.outvars, results, strict=True))
        return [self.read(env, atom) for atom in closed.jaxpr.outvars]

    def read(self, env: Mapping[Any, Any], atom: Any) -> Any:
        if isinstance(atom, Literal):
            return np.asarray(atom.val, aval_of(atom).dtype)
        return env[atom]

    def step(self, equation: Equation, operands: Operands) -> list[Any]:
        params = {name: self.put(value) for name, value in equation.params.items()}
        call = Call(equation, params, operands, self.values)
        if self.mutation is not None and self.at == self.mutation.at:
            if equation.primitive.name != self.mutation.primitive:
                raise IllFormed(f"equation {self.at} is {equation.primitive.name} in this case of the sizes")
            results = self.mutation.change(call)
        else:
            results = call.bind()
        results = list(results) if isinstance(results, tuple | list) else [results]
        wanted = [tuple(self.put(d) for d in shape_of(v)) for v in equation.outvars]
        results = [fit(r, shape) for r, shape in zip(results, wanted, strict=True)]
        self.at += 1
        self.values += results
        return results

    def put(self, value: Any) -> Any:
        """A parameter with the sizes of this replay."""
        if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
            return type(value)(self.put(v) for v in value)
        return self.size(value) if is_symbolic(value) else value


def fit(result: Any, shape: Sequence[Any]) -> Any:
    """Crop a result, or pad it with zeros, at the end of each axis."""
    if np.ndim(result) != len(shape):
        raise IllFormed(f"rank {np.ndim(result)} where {len(shape)} is wanted")
    lacking = [want - have for want, have in zip(shape, np.shape(result), strict=True)]
    if all(isinstance(d, int) and not d for d in lacking):
        return result
    return lax.pad(result, np.zeros((), result.dtype), [(0, d, 0) for d in lacking])


# What can be changed in one equation: (kind, detail, change).
Found = Iterator[tuple[str, str, Change]]


def changes(equation: Equation, operands: Sequence[int | None], before: Sequence[Any]) -> Found:
    """Every change of one equation; `before` are the abstract values of all values before it, `operands` the numbers
    of its operands among them."""
    special = {
        "conv_general_dilated": conv_changes,
        "dot_general": dot_changes,
        "pad": pad_changes,
        "slice": slice_changes,
        "transpose": transpose_changes,
        "reduce_sum": reduce_changes,
        "rev": rev_changes,
        "broadcast_in_dim": broadcast_changes,
        "concatenate": concatenate_changes,
        "dim_as_value": count_changes,
    }.get(equation.primitive.name)
    if special is not None:
        yield from special(equation)
    yield from sign_changes(equation)
    yield from literal_changes(equation)
    yield from dropped(equation)
    yield from index_changes(equation)
    yield from operand_changes(equation, operands, before)


def altered(**params: Callable[[Any], Any]) -> Change:
    """The equation with parameters changed."""
    return lambda call: call.bind(**{name: change(call.params[name]) for name, change in params.items()})


def at(position: int, change: Callable[[Any], Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A change of one entry of a tuple."""
    return lambda values: tuple(change(v) if i == position else v for i, v in enumerate(values))


def swapped(i: int, j: int) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    def change(values: Sequence[Any]) -> tuple[Any, ...]:
        found = list(values)
        found[i], found[j] = found[j], found[i]
        return tuple(found)

    return change


def more(value: Any) -> Any:
    return value + 1


def conv_changes(equation: Equation) -> Found:
    rank = len(equation.params["window_strides"])
    for d in range(rank):
        for name, low, high in (("shift", 1, -1), ("shift back", -1, 1), ("low + 1", 1, 0), ("high - 1", 0, -1)):
            move = at(d, lambda pair, low=low, high=high: (pair[0] + low, pair[1] + high))
            yield "pad", f"padding of axis {d}: {name}", altered(padding=move)
        low, high = equation.params["padding"][d]
        if low is not high:
            yield "pad", f"padding of axis {d} the other way round", altered(padding=at(d, lambda pair: pair[::-1]))
        yield "stride", f"window_strides[{d}] + 1", altered(window_strides=at(d, more))
        yield "dilation", f"rhs_dilation[{d}] + 1", altered(rhs_dilation=at(d, more))
        yield "dilation", f"lhs_dilation[{d}] + 1", altered(lhs_dilation=at(d, more))
        yield "axis", f"kernel axis {d} reversed", flipped_kernel(d)
    for d in range(rank - 1):
        for spec in ("rhs_spec", "lhs_spec", "out_spec"):
            yield "permutation", f"axes {d} and {d + 1} of {spec} swapped", altered(dimension_numbers=respec(spec, d))


def respec(spec: str, d: int) -> Callable[[Any], Any]:
    return lambda numbers: numbers._replace(**{spec: swapped(2 + d, 3 + d)(getattr(numbers, spec))})


def flipped_kernel(d: int) -> Change:
    def change(call: Call) -> Any:
        axis = call.params["dimension_numbers"].rhs_spec[2 + d]
        return call.with_operand(1, lax.rev(call.operands[1], (axis,)))

    return change


def dot_changes(equation: Equation) -> Found:
    (left, right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    shapes = [shape_of(v) for v in equation.invars]
    for side, contracted, batch, partner in ((0, left, batch_left, right), (1, right, batch_right, left)):
        free = [i for i in range(len(shapes[side])) if i not in (*contracted, *batch)]
        for i in range(len(contracted)):
            for j in (j for j in free if shapes[side][j] == shapes[1 - side][partner[i]]):
                over = contraction(side, at(i, lambda _, j=j: j))
                yield "axis", f"operand {side} contracted over axis {j}", altered(dimension_numbers=over)
        for i in range(len(contracted) - 1):
            over = contraction(side, swapped(i, i + 1))
            yield "permutation", f"contracted axes {i}, {i + 1} of operand {side}", altered(dimension_numbers=over)


def contraction(side: int, change: Callable[[Sequence[int]], tuple[int, ...]]) -> Callable[[Any], Any]:
    """A change of the contracted axes of one operand."""
    return lambda numbers: (tuple(change(a) if i == side else a for i, a in enumerate(numbers[0])), numbers[1])


def pad_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["padding_config"])):
        for name, by in (("shift", (1, -1, 0)), ("shift back", (-1, 1, 0)), ("interior + 1", (0, 0, 1))):
            move = at(d, lambda entry, by=by: tuple(v + b for v, b in zip(entry, by, strict=True)))
            yield "pad", f"padding_config[{d}]: {name}", altered(padding_config=move)


def slice_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["start_indices"])):
        yield "start", f"start_indices[{d}] + 1", altered(start_indices=at(d, more))
        yield "start", f"limit_indices[{d}] - 1", altered(limit_indices=at(d, lambda v: v - 1))

        def stride(call: Call, d: int = d) -> Any:
            steps = call.params["strides"] or (1,) * len(call.params["start_indices"])
            return call.bind(strides=at(d, more)(steps))

        yield "stride", f"strides[{d}] + 1", stride


def transpose_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["permutation"]) - 1):
        yield "permutation", f"entries {d} and {d + 1} swapped", altered(permutation=swapped(d, d + 1))


def reduce_changes(equation: Equation) -> Found:
    axes, rank = equation.params["axes"], len(shape_of(equation.invars[0]))
    for i in range(len(axes)):
        for j in set(range(rank)) - set(axes):
            yield "axis", f"axes[{i}] = {j}", altered(axes=lambda a, i=i, j=j: tuple(sorted(at(i, lambda _: j)(a))))


def rev_changes(equation: Equation) -> Found:
    axes, rank = equation.params["dimensions"], len(shape_of(equation.invars[0]))
    for i in range(len(axes)):
        yield "axis", f"axis {axes[i]} not reversed", altered(dimensions=lambda a, i=i: a[:i] + a[i + 1 :])
    for j in set(range(rank)) - set(axes):
        yield "axis", f"axis {j} reversed too", altered(dimensions=lambda a, j=j: tuple(sorted((*a, j))))


def broadcast_changes(equation: Equation) -> Found:
    axes, shape = equation.params["broadcast_dimensions"], equation.params["shape"]
    for i, size in enumerate(shape_of(equation.invars[0])):
        for j in (j for j in set(range(len(shape))) - set(axes) if shape[j] == size):
            move = at(i, lambda _, j=j: j)
            yield "axis", f"broadcast_dimensions[{i}] = {j}", altered(broadcast_dimensions=move)


def concatenate_changes(equation: Equation) -> Found:
    if len(equation.invars) > 1:
        yield "permutation", "the parts the other way round", lambda call: call.bind(operands=call.operands[::-1])
    for d in set(range(len(shape_of(equation.outvars[0])))) - {equation.params["dimension"]}:
        yield "axis", f"dimension = {d}", altered(dimension=lambda _, d=d: d)


def count_changes(equation: Equation) -> Found:
    yield "count", "dim + 1", altered(dim=more)
    yield "count", "dim - 1", altered(dim=lambda v: v - 1)
    yield "count", "2 * dim", altered(dim=lambda v: 2 * v)


def sign_changes(equation: Equation) -> Found:
    name = equation.primitive.name
    for one, other in (("add", "sub"), ("sub", "add"), ("neg", "copy")):
        if name == one:
            yield "sign", f"{other} in its place", lambda call, other=other: call.bind(all_primitives()[other])
    if is_real(equation.outvars[0].aval) and name != "neg":
        yield "sign", "its result negated", negated
    if name in ("sub", "div"):
        yield "operand", "the operands the other way round", lambda call: call.bind(operands=call.operands[::-1])


def negated(call: Call) -> Any:
    return lax.neg(call.bind())


def literal_changes(equation: Equation) -> Found:
    for i, atom in enumerate(equation.invars):
        if isinstance(atom, Literal) and is_real(atom.aval):
            yield "literal", f"{atom.val} + 1", lambda call, i=i: call.with_operand(i, call.operands[i] + 1)
            yield "literal", f"2 * {atom.val}", lambda call, i=i: call.with_operand(i, call.operands[i] * 2)


def dropped(equation: Equation) -> Found:
    for i, atom in enumerate(equation.invars):
        if same_type(atom.aval, equation.outvars[0].aval) and equation.primitive.name not in ("copy", "stop_gradient"):
            yield "dropped", f"operand {i} in its place", lambda call, i=i: call.operands[i]


def index_changes(equation: Equation) -> Found:
    """An operand read one further along an axis, zero beyond it."""
    if equation.primitive.name not in ("conv_general_dilated", "dot_general", "add", "sub", "mul", "concatenate"):
        return
    for i, atom in enumerate(equation.invars):
        for d in range(len(shape_of(atom)) if is_real(atom.aval) else 0):
            yield (
                "index",
                f"operand {i} read one further along axis {d}",
                lambda call, i=i, d=d: call.with_operand(i, shifted(call.operands[i], d)),
            )


def shifted(value: Any, axis: int) -> Any:
    return lax.pad(
        value, np.zeros((), value.dtype), [(-1, 1, 0) if d == axis else (0, 0, 0) for d in range(value.ndim)]
    )


def operand_changes(equation: Equation, operands: Sequence[int | None], before: Sequence[Any]) -> Found:
    """An operand replaced by another value of the same type: the two last ones."""
    for i, (atom, mine) in enumerate(zip(equation.invars, operands, strict=True)):
        if isinstance(atom, Literal) or not is_real(atom.aval):
            continue
        others = [k for k, aval in enumerate(before) if k != mine and same_type(aval, atom.aval)]
        for k in others[-2:]:
            yield "operand", f"operand {i} is value {k}", lambda call, i=i, k=k: call.with_operand(i, call.values[k])


def is_real(aval: Any) -> bool:
    return jnp.issubdtype(aval.dtype, jnp.floating)


def same_type(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape


def spread(found: Mapping[str, Sequence[Any]], count: int, rng: random.Random) -> list[Any]:
    """`count` entries, taken in turn from each group, at random within it."""
    groups = {name: rng.sample(list(entries), len(entries)) for name, entries in sorted(found.items())}
    chosen: list[Any] = []
    while len(chosen) < count and any(groups.values()):
        for entries in groups.values():
            if entries and len(chosen) < count:
                chosen.append(entries.pop())
    return chosen
