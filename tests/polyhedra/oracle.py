"""Slow and obviously right: what forms and closed forms say at given sizes, by enumeration, in exact fractions."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import prod
from typing import Any

import islpy as isl
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxiom.cases import Case, trace_cases
from jaxiom.decide import Sides, interpret_sides
from jaxiom.errors import NoValue
from jaxiom.exact import evaluate
from jaxiom.layers import conv
from jaxiom.polyhedra.form import Form, Term
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.polyhedra.reading import Access, Condition, Expression, Summand, Summation
from jaxiom.polyhedra.world import World
from jaxiom.rules.balls import divide, precision
from jaxiom.rules.balls import value as value_of
from jaxiom.signature import Signature, read_signature

Numbers = Mapping[str, int]
Arrays = Mapping[str, np.ndarray]

FAR = 16
"""Beyond every index of the small sizes that the tests look at."""


def points_at(points: isl.Set, sizes: Numbers) -> list[tuple[int, ...]]:
    """All tuples of a set at given sizes."""
    for name, value in sizes.items():
        at = points.find_dim_by_name(isl.dim_type.param, name)
        if at >= 0:
            points = points.fix_val(isl.dim_type.param, at, isl.Val(value))
    points = points.project_out(isl.dim_type.param, 0, points.dim(isl.dim_type.param))
    count = points.dim(isl.dim_type.set)
    found: list[tuple[int, ...]] = []

    def visit(point: isl.Point) -> None:
        found.append(tuple(point.get_coordinate_val(isl.dim_type.set, i).to_python() for i in range(count)))

    points.foreach_point(visit)
    return found


def value(polynomial: Polynomial, sizes: Numbers, indices: Sequence[int] | Mapping[int, int]) -> Fraction:
    places = dict(indices) if isinstance(indices, Mapping) else dict(enumerate(indices))
    return polynomial.evaluate({**sizes, **places})


def evaluate_term(
    world: World, term: Term, outputs: int, sizes: Numbers, inputs: Arrays
) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """(output index, value) for each point of a term's set; values at one index add up."""
    for point in points_at(term.points, sizes):
        amount = value(term.weight, sizes, point)
        for divisor in term.divisors:
            amount /= value(divisor, sizes, point)
        at = outputs
        for name in term.monomial:
            amount *= inputs[name][point[at : at + world.ranks[name]]]
            at += world.ranks[name]
        yield point[:outputs], amount


def evaluate_form(world: World, form: Form, sizes: Numbers, inputs: Arrays) -> np.ndarray:
    """A form at numbers: `inputs` have an axis for each factor; the result has the form's axes, merged."""
    atoms = [int(size.evaluate(sizes)) for size in form.atoms]
    result = np.full(atoms, Fraction(0), dtype=object)
    for term in form.terms:
        for index, amount in evaluate_term(world, term, len(atoms), sizes, inputs):
            result[index] += amount
    return result.reshape([prod(int(s.evaluate(sizes)) for s in axis) for axis in form.axes])


def evaluate_expression(expression: Expression, sizes: Numbers, inputs: Arrays) -> np.ndarray:
    """A closed form at numbers, read as a reader would: every sum over its range, every bracket 0 or 1.

    An access outside a tensor is 0. An index without a range runs over all integers (as far as `FAR`): its
    conditions must bound it.
    """
    atoms = [int(s.evaluate(sizes)) for axis in expression.axes for s in axis]
    result = np.full(atoms, Fraction(0), dtype=object)
    axes = expression.tensors  # of the inputs that the difference has; none where it is zero
    shaped = {name: factored(axes[name], sizes, array) for name, array in inputs.items() if name in axes}
    for summand in expression.summands:
        for index in np.ndindex(*atoms):
            result[index] += evaluate_summand(summand, sizes, shaped, dict(enumerate(index)))
    return result.reshape([prod(int(s.evaluate(sizes)) for s in axis) for axis in expression.axes])


def factored(axes: Sequence[Sequence[Polynomial]], sizes: Numbers, array: np.ndarray) -> np.ndarray:
    return array.reshape([int(s.evaluate(sizes)) for axis in axes for s in axis])


def evaluate_summand(summand: Summand, sizes: Numbers, inputs: Arrays, env: dict[int, int]) -> Fraction:
    if not holds(summand.conditions, sizes, env):
        return Fraction(0)
    amount = value(summand.coefficient, sizes, env)
    for divisor in summand.divisors:
        amount /= value(divisor, sizes, env)
    for factor in summand.factors:
        amount *= evaluate_summation(factor, summand, sizes, inputs, env)
    return amount


def evaluate_summation(
    factor: Summation, summand: Summand, sizes: Numbers, inputs: Arrays, env: dict[int, int]
) -> Fraction:
    total = Fraction(0)
    ranges = [
        range(-FAR, FAR) if (size := summand.ranges[i]) is None else range(int(size.evaluate(sizes)))
        for i in factor.indices
    ]
    for chosen in itertools.product(*ranges):
        here = env | dict(zip(factor.indices, chosen, strict=True))
        if not holds(factor.conditions, sizes, here):
            continue
        amount = value(factor.weight, sizes, here)
        for access in factor.accesses:
            amount *= entry(access, sizes, inputs, here)
        for inner in factor.inner if amount else ():
            amount *= evaluate_summation(inner, summand, sizes, inputs, here)
        total += amount
    return total


def holds(conditions: Sequence[Condition], sizes: Numbers, env: Mapping[int, int]) -> bool:
    values = [(value(c.expression, sizes, env), c.equality) for c in conditions]
    return all(v == 0 if equality else v >= 0 for v, equality in values)


def entry(access: Access, sizes: Numbers, inputs: Arrays, env: Mapping[int, int]) -> Fraction:
    index = [value(e, sizes, env) for axis in access.indices for e in axis]
    if access.made is not None:
        made = access.made
        last = [size for axis in made.arguments[0].axes for size in axis][len(index) :]
        assert len(last) == made.over
        met = []
        for run in np.ndindex(*(int(size.evaluate(sizes)) for size in last)):
            at = {i: int(v) for i, v in enumerate([*index, *run])}
            met.append([sum(evaluate_summand(s, sizes, inputs, at) for s in e.summands) for e in made.arguments])
        return over_all(made.function, met) if made.over else applied(made.function, met[0])
    array = inputs[access.tensor]
    if not all(i.denominator == 1 and 0 <= i < n for i, n in zip(index, array.shape, strict=True)):
        return Fraction(0)
    return array[tuple(int(i) for i in index)]


def small_numbers(shape: Sequence[int], seed: int) -> np.ndarray:
    """Integers from -4 to 4, none of them zero, as fractions."""
    rng = np.random.default_rng([seed, *shape])
    made = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*shape):
        made[index] = Fraction(int(rng.integers(1, 5)) * int(rng.choice((-1, 1))))
    return made


def applications(world: World, opaques: Opaques, sizes: Numbers, inputs: Arrays) -> dict[str, np.ndarray]:
    """Every opaque tensor at numbers: its function at the entries of its arguments, none where it has no value."""
    found: dict[str, np.ndarray] = {}
    for name, application in opaques.by_name.items():
        known = {**inputs, **found}
        whole = [int(s.evaluate(sizes)) for s in application.arguments[0].atoms]
        shape = [int(s.evaluate(sizes)) for axis in application.axes for s in axis]
        arguments = [evaluate_form(world, a, sizes, known).reshape(whole) for a in application.arguments]
        found[name] = np.empty(shape, dtype=object)
        for index in np.ndindex(*shape):
            with contextlib.suppress(NoValue, ZeroDivisionError):
                met = [[a[index + run] for a in arguments] for run in np.ndindex(*whole[len(shape) :])]
                over = application.over
                found[name][index] = (
                    over_all(application.function, met) if over else applied(application.function, met[0])
                )
    return found


def over_all(function: str, met: Sequence[Sequence[Any]]) -> Any:
    """A function of many values; a second argument of 0 leaves a value out."""
    assert function == "max"
    return max(first for first, *inside in met if all(inside))


def applied(function: str, arguments: Sequence[Any]) -> Any:
    return PLAIN.get(function, partial(value_of, function))(*arguments)


PLAIN: dict[str, Callable[..., Any]] = {
    "reciprocal": lambda x: divide(1, x),
    "abs": abs,
    "positive": lambda x: int(x > 0),
    "zero": lambda x: int(x == 0),
}


@dataclass(frozen=True)
class Read:
    """A function as the polyhedral interpreter reads it: one form for each output."""

    signature: Signature
    case: Case
    sides: Sides

    def inputs(self, sizes: Numbers, seed: int = 0) -> dict[str, np.ndarray]:
        shapes = self.signature.shapes_at(sizes)
        return {name: small_numbers(shape, seed + i) for i, (name, shape) in enumerate(shapes.items())}

    def at(self, sizes: Numbers, inputs: Arrays) -> list[np.ndarray]:
        """The outputs at numbers, by enumeration of the forms' sets. (An input is arbitrary: its merged axes are laid
        out in the order of factors that the interpreter chose.)"""
        laid = {name: factored(self.sides.tensors[name], sizes, array) for name, array in inputs.items()}
        with precision():
            laid |= applications(self.sides.world, self.sides.opaques, sizes, laid)
            return [evaluate_form(self.sides.world, form, sizes, laid) for form in self.sides.differences]


def read_function(function: Callable[..., Any], shapes: Mapping[str, Any], given: str = "") -> Read:
    """The forms of a function's outputs: those of the claim that it is zero."""

    def zero(*arguments: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, function(*arguments))

    signature = read_signature([function, zero], shapes, given)
    (case,) = trace_cases(function, zero, signature)
    return Read(signature, case, interpret_sides(signature, case))


def agrees(
    function: Callable[..., Any], shapes: Mapping[str, Any], sizes: Sequence[Numbers] = ({},), given: str = ""
) -> None:
    """The forms of a function, enumerated at numbers, are what JAX gives there op by op (at the first sizes), and what
    exact evaluation of the function retraced at those sizes gives (at all)."""
    read = read_function(function, shapes, given)
    for i, here in enumerate(sizes):
        inputs = read.inputs(here)
        found = read.at(here, inputs)
        exact = evaluate(function, read.signature.arguments(here, inputs))
        for a, b in zip(found, exact, strict=True):
            assert a.shape == b.shape
            assert a.tolist() == b.tolist(), here
        if i == 0:
            floats = {name: jnp.asarray(array.astype(np.float32)) for name, array in inputs.items()}
            outputs = jax.tree.leaves(function(*read.signature.arguments(here, floats)))
            for a, b in zip(found, outputs, strict=True):
                np.testing.assert_allclose(a.astype(np.float64), np.asarray(b, np.float64), rtol=1e-5, atol=1e-6)


# -- claims that are false: their differences are read, written, compiled and told to SymPy by the tests of each


@dataclass(frozen=True)
class Different:
    """A pair of functions that are not equal, and sizes to look at the difference at."""

    name: str
    lhs: Callable[..., Any]
    rhs: Callable[..., Any]
    shapes: Mapping[str, Any]
    sizes: Sequence[Numbers]
    given: str = ""

    def signature(self) -> Signature:
        return read_signature([self.lhs, self.rhs], self.shapes, self.given)

    def inputs(self, sizes: Numbers, seed: int = 0) -> dict[str, np.ndarray]:
        shapes = self.signature().shapes_at(sizes)
        return {name: small_numbers(shape, seed + i) for i, (name, shape) in enumerate(shapes.items())}

    def exactly(self, sizes: Numbers, inputs: Arrays) -> np.ndarray:
        """lhs - rhs, both retraced at these sizes and evaluated on fractions."""
        arguments = self.signature().arguments(sizes, inputs)
        (left,), (right,) = evaluate(self.lhs, arguments), evaluate(self.rhs, arguments)
        return np.asarray(left - right, dtype=object)


def each(**values: Sequence[int]) -> list[dict[str, int]]:
    """The sizes of a table, column by column."""
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def average(X: Any) -> Any:
    return X - X.mean()


LINE = each(n=(1, 2, 3, 5))
IMAGE = each(n=(1, 2, 1), h=(3, 4, 5), c=(1, 2, 1), k=(2, 1, 3), f=(2, 1, 2))
IMAGE_SHAPES = {"X": "n h c", "W": "k c f"}

DIFFERENCES = [
    Different("sum and mean", lambda x: x.sum(0), lambda x: x.mean(0), {"x": "n"}, LINE),
    Different("scale", lambda x: 2 * x, lambda x: x, {"x": "n"}, LINE),
    Different("a number", lambda x: x + 3, lambda x: x, {"x": "n m"}, each(n=(1, 3), m=(2, 1))),
    Different(
        "a size", lambda x: x * (x.shape[0] ** 2 - x.shape[1]), lambda x: x, {"x": "n m"}, each(n=(2, 3), m=(3, 1))
    ),
    Different("commuting", lambda x, y: x @ y, lambda x, y: y @ x, {"x": "n n", "y": "n n"}, LINE[:3]),
    Different("square of a sum", lambda x: x.sum() ** 2, lambda x: (x**2).sum(), {"x": "n"}, LINE),
    Different("variance", lambda x: (average(x) ** 2).mean(), lambda x: (x**2).mean(), {"x": "n"}, LINE),
    Different("transpose", lambda x: x.T, lambda x: x, {"x": "n n"}, LINE),
    Different("reversal", lambda x: jnp.flip(x), lambda x: x, {"x": "n"}, LINE),
    Different(
        "centred filters",
        lambda X, W, Q: conv(X, (W - W.mean((0, 1))) @ Q),
        lambda X, W, Q: conv(X, W) @ Q,
        {**IMAGE_SHAPES, "Q": "f q"},
        [{**sizes, "q": 2} for sizes in IMAGE],
        "h >= k",
    ),
    Different(
        "padding",
        lambda X, W: conv(X + 1, W, padding="SAME"),
        lambda X, W: conv(X, W, padding="SAME"),
        IMAGE_SHAPES,
        IMAGE,
    ),
    Different(
        "strides",
        lambda X, W: conv(X, W, 2, "SAME"),
        lambda X, W: conv(X, jnp.flip(W, 0), 2, "SAME"),
        IMAGE_SHAPES,
        IMAGE,
    ),
    Different(
        "dilation",
        lambda X, W: conv(X, W, dilation=2, padding=[(2, 2)]),
        lambda X, W: -conv(X, W, dilation=2, padding=[(2, 2)]),
        {"X": "1 h c", "W": "3 c 1"},
        each(h=(1, 4), c=(2, 1)),
    ),
    Different(
        "transposed",
        lambda X, W: conv(X, W, image_dilation=2, padding="FULL"),
        lambda X, W: 0.5 * conv(X, W, image_dilation=2, padding="FULL"),
        {"X": "1 h 1", "W": "k 1 f"},
        each(h=(1, 3, 4), k=(3, 2, 1), f=(1, 2, 1)),
    ),
    Different(
        "groups",
        lambda X, W: conv(X, W, groups=2),
        lambda X, W: conv(X, W[:, ::-1] if False else jnp.flip(W, 1), groups=2),
        {"X": "1 h 2*c", "W": "2 c 2*f"},
        each(h=(2, 3), c=(2, 1), f=(1, 2)),
        "h >= 2",
    ),
    Different(
        "stacked",
        lambda X, U, V: conv(conv(X, U, padding="SAME"), V, padding="SAME"),
        lambda X, U, V: conv(conv(X, U, padding=[(2, 2)]), V),
        {"X": "1 h 1", "U": "3 1 1", "V": "3 1 1"},
        each(h=(1, 2, 3, 5)),
    ),
    Different(
        "padding of any size",
        lambda X, W, p: conv(X, W, padding=[(p, p)]),
        lambda X, W, p: 3 * conv(X, W, padding=[(p, p)]),
        {"X": "1 h 1", "W": "2 1 1", "p": int},
        each(h=(2, 3, 1), p=(1, 2, 3)),
        "h + 2*p >= 2, p >= 1",
    ),
    Different(
        "merged",
        lambda P, W: P @ W.reshape(W.shape[0] * W.shape[1], W.shape[2]),
        lambda P, W: 2 * (P @ W.reshape(W.shape[0] * W.shape[1], W.shape[2])),
        {"P": "m k*c", "W": "k c f"},
        each(m=(1, 2), k=(2, 3), c=(3, 1), f=(1, 2)),
    ),
    Different(
        "flattened",
        lambda X: X.reshape(X.shape[0] * X.shape[1]),
        lambda X: jnp.flip(X.reshape(X.shape[0] * X.shape[1])),
        {"X": "h c"},
        each(h=(2, 1, 3), c=(3, 2, 2)),
    ),
    Different(
        "edge",
        lambda x: lax.pad(x, 0.0, [(1, -1, 0)]),
        lambda x: lax.pad(x, 5.0, [(0, 0, 0)]),
        {"x": "n"},
        LINE,
    ),
    Different(
        "gaps",
        lambda x: lax.pad(x, 2.0, [(1, 0, 1)]),
        lambda x: lax.pad(x, 0.0, [(0, 1, 1)]),
        {"x": "n"},
        LINE,
    ),
    Different(
        "concatenation",
        lambda x, y: jnp.concatenate([x, y]),
        lambda x, y: jnp.concatenate([y, x]),
        {"x": "n", "y": "m"},
        each(n=(1, 3, 2), m=(2, 1, 2)),
    ),
    Different(
        "pooling",
        lambda x: x.reshape(x.shape[0] // 2, 2).mean(1),
        lambda x: lax.slice(x, (0,), (x.shape[0],), (2,)),
        {"x": "n"},
        each(n=(2, 4, 6)),
        "n % 2 == 0",
    ),
    Different("half a size", lambda x: x * (x.shape[0] // 2), lambda x: x * x.shape[0], {"x": "n"}, LINE),
    Different(
        "a filter of numbers",
        lambda X: conv(X, jnp.array([[[1.0]], [[-2.0]], [[1.0]]])),
        lambda X: -conv(X, jnp.array([[[1.0]], [[-2.0]], [[1.0]]])),
        {"X": "1 h 1"},
        each(h=(3, 5)),
        "h >= 3",
    ),
    Different(
        "a guarded quotient",
        lambda x: x / jnp.where(jnp.arange(x.shape[0]) < 1, 2, jnp.arange(x.shape[0])),
        lambda x: x,
        {"x": "n"},
        LINE,
    ),
    Different("a constant", lambda x: x - jnp.array([1.0, 0.5, 0.0]), lambda x: x, {"x": "n 3"}, LINE[:2]),
]
