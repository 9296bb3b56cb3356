"""Running a function exactly at given sizes: on fractions, or on letters."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy
from sympy import QQ
from sympy.polys.rings import PolyElement, PolyRing

from jaxiom.errors import BadInput, Unsupported
from jaxiom.interpret import interpret
from jaxiom.rules.effort import Effort, spend, within
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.explicit_entries import Missing, elementwise, kinds, real
from jaxiom.signature import Signature
from jaxiom.trace import entries, make_jaxpr, open_scope


def exact(values: Any, argument: str = "inputs") -> np.ndarray:
    """Numbers as an array of exact entries; a float is the binary fraction that it is.

    >>> exact([0.5, 2.0]).tolist()
    [Fraction(1, 2), 2]

    Raises:
        BadInput: an entry is NaN, infinite, or no real number.
    """
    array = np.asarray(values, dtype=object)

    def entry(value: Any) -> Any:
        if isinstance(value, Fraction | PolyElement) or type(value) is int:
            return value
        if isinstance(value, int | np.integer | np.bool_):
            return int(value)
        if isinstance(value, str) or not hasattr(value, "__float__"):
            raise BadInput(f"{argument}: {value!r} is no real number")
        number = real(float(value))
        if isinstance(number, Missing):
            raise BadInput(f"{argument}: {number} is no real number")
        return number

    made = np.empty(array.shape, dtype=object)
    made[...] = array if kinds(array) <= {int, Fraction} else elementwise(entry, array)
    return made


def evaluate(
    function: Callable[..., Any], arguments: Sequence[Any], side: str = "the function", effort: Effort | None = None
) -> list[np.ndarray]:
    """What a function gives in exact arithmetic, on arguments of given sizes.

    The function is traced again at these sizes, as float32: a trace with symbolic sizes may lie. The meaning is over
    the reals: nothing is rounded, integers do not wrap.

    >>> half = np.array([Fraction(1, 2), Fraction(1, 3)], dtype=object)
    >>> [str(out) for out in evaluate(lambda x, n: x.sum() * n, [half, 3])]
    ['5/2']

    Args:
        function: of JAX arrays.
        arguments: pytrees; a leaf is a numpy array of exact entries (ints, Fractions, ring elements), or an int, which
            reaches the function as it is.
        side: what to call the function in errors.
        effort: what it may take; None: without a limit.

    Returns:
        One array of exact entries for each output, in the order of `jax.tree.leaves`.

    Raises:
        BadInput: the function does not run on these shapes, or an array holds what is no real number.
        Unsupported: a primitive without a rule; a comparison of letters; an output that is NaN or infinite.
        ZeroDivisionError: a divisor is zero on this input.
        TooMuch: it would take more than `effort`.
    """
    arguments = jax.tree.map(lambda leaf: exact(leaf) if isinstance(leaf, np.ndarray) else leaf, list(arguments))
    arrays = [leaf for leaf in jax.tree.leaves(arguments) if isinstance(leaf, np.ndarray)]
    structs = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32) if isinstance(leaf, np.ndarray) else leaf, arguments
    )
    traced = make_jaxpr(function, structs, open_scope([], [], {}, frozenset()), side)
    with within(effort):
        spend(entries=sum(a.size for a in arrays) + entries(traced.closed))
        outputs = interpret(EXPLICIT, traced.closed, arrays)
    for name, output in zip(traced.leaves, outputs, strict=True):
        refuse_missing(side, name, output)
    return outputs


def refuse_missing(side: str, name: str, output: np.ndarray) -> None:
    if Missing in kinds(output):
        index, entry = next((i, e) for i, e in np.ndenumerate(output) if isinstance(e, Missing))
        raise Unsupported(f"{side}: the output{name}[{', '.join(map(str, index))}] is {entry}, no real number")


def random_inputs(signature: Signature, sizes: Mapping[str, int], rng: random.Random) -> dict[str, np.ndarray]:
    """Random exact arrays of the signature's shapes, by the leaf's name.

    Entries are whole numbers and fractions of both signs, none of them zero and spread widely enough that sums and
    products seldom vanish by accident.
    """

    def entry(_: Any) -> int | Fraction:
        whole = rng.choice((-1, 1)) * rng.randint(1, 99)
        return whole if rng.random() < 0.7 else Fraction(whole, rng.choice((2, 3, 5, 7)))

    shapes = signature.shapes_at(sizes)
    return {name: exact(elementwise(entry, np.zeros(shape, dtype=object))) for name, shape in shapes.items()}


@dataclass(frozen=True)
class Letters:
    """A letter for each entry of each input, all in one polynomial ring over the rationals.

    Attributes:
        ring: the ring; generator number i is the letter of `owners[i]`.
        owners: (the leaf's name, the index in it).
        arrays: the leaf's name -> its array of generators.
    """

    ring: PolyRing
    owners: tuple[tuple[str, tuple[int, ...]], ...]
    arrays: Mapping[str, np.ndarray]

    def span(self, name: str) -> range:
        """The numbers of the generators that are one input's entries, in C order."""
        numbers = [i for i, (owner, _) in enumerate(self.owners) if owner == name]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)

    @cached_property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        return tuple(letter(name, index) for name, index in self.owners)

    def expression(self, element: Any) -> sympy.Expr:
        """An exact entry as a SymPy expression, in the symbols of `letter`."""
        if not isinstance(element, PolyElement):
            return sympy.Rational(element.numerator, element.denominator)
        terms = []
        for monomial, coefficient in element.terms():
            powers = [self.symbols[i] ** e for i, e in enumerate(monomial) if e]
            terms.append(sympy.Mul(QQ.to_sympy(coefficient), *powers))
        return sympy.Add(*terms)


def letter(name: str, index: Sequence[int]) -> sympy.Symbol:
    """One entry of an input as a SymPy symbol, named so that LaTeX shows the index as a subscript.

    Not an element of an `IndexedBase`: those have a property `shape` that raises, and SymPy's matrices ask for it.

    >>> letter("X", (0, 1)), sympy.latex(letter("X", (0, 1))), letter("b", ())
    (X_{0,1}, 'X_{0,1}', b)
    """
    return sympy.Symbol(f"{name}_{{{','.join(map(str, index))}}}" if len(index) else name)


def letters(signature: Signature, sizes: Mapping[str, int]) -> Letters:
    """Arrays of letters of the signature's shapes, `X_0_1` for `X[0, 1]`."""
    return letters_of(signature.shapes_at(sizes))


def letters_of(shapes: Mapping[str, Sequence[int]]) -> Letters:
    """Arrays of letters of given shapes.

    >>> made = letters_of({"X": (2,), "b": ()})
    >>> (made.arrays["X"] * made.arrays["b"]).tolist()
    [X_0*b, X_1*b]
    """
    owners = [(name, index) for name, shape in shapes.items() for index in np.ndindex(*shape)]
    names = ["_".join(map(str, (name, *index))) for name, index in owners]
    if len(set(names)) < len(names):  # of X_0 (1) and X (0, 1)
        names = [letter(*owner).name for owner in owners]
    ring = PolyRing([sympy.Symbol(name) for name in names], QQ)
    generators = iter(ring.gens)
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.empty(tuple(shape), dtype=object)
        for index in np.ndindex(*shape):
            arrays[name][index] = next(generators)
    return Letters(ring, tuple(owners), arrays)


Position = tuple[int, int]


@dataclass(frozen=True)
class LetterMatrix:
    """A sparse matrix whose entries are elements of one polynomial ring; what is not in `entries` is zero.

    Equal entries are mostly one and the same object, which is what makes its arithmetic quick.
    """

    shape: Position
    entries: Mapping[Position, PolyElement]

    def map(self, function: Callable[[PolyElement], PolyElement]) -> "LetterMatrix":
        """The matrix of the entries' images, each distinct entry mapped once."""
        images: dict[int, PolyElement] = {}
        mapped = {}
        for position, entry in self.entries.items():
            if id(entry) not in images:
                images[id(entry)] = function(entry)
            if images[id(entry)]:
                mapped[position] = images[id(entry)]
        return LetterMatrix(self.shape, mapped)

    def __matmul__(self, other: "LetterMatrix") -> "LetterMatrix":
        """The product; a sum of the same products of the same entries is computed once."""
        rows: dict[int, list[tuple[int, PolyElement]]] = {}
        for (inner, column), entry in other.entries.items():
            rows.setdefault(inner, []).append((column, entry))
        sums: dict[Position, list[tuple[PolyElement, PolyElement]]] = {}
        for (row, inner), left in self.entries.items():
            for column, right in rows.get(inner, ()):
                sums.setdefault((row, column), []).append((left, right))
        known: dict[tuple[int, ...], PolyElement] = {}
        entries = {}
        for position, pairs in sums.items():
            key = tuple(id(factor) for pair in pairs for factor in pair)
            if key not in known:
                known[key] = dot(pairs)
            if known[key]:
                entries[position] = known[key]
        return LetterMatrix((self.shape[0], other.shape[1]), entries)

    def sympy(self, made: Letters) -> sympy.SparseMatrix:
        """As a SymPy matrix, in the symbols of `letter`.

        Mutable, because SymPy sorts the entries of an immutable one: 6 s for 21,600 of them, where this takes 0.4.
        """
        expressions: dict[int, sympy.Expr] = {}
        for entry in self.entries.values():
            if id(entry) not in expressions:
                expressions[id(entry)] = made.expression(entry)
        return sympy.SparseMatrix(*self.shape, {p: expressions[id(e)] for p, e in self.entries.items()})


def dot(pairs: Sequence[tuple[PolyElement, PolyElement]]) -> PolyElement:
    total = pairs[0][0] * pairs[0][1]
    for left, right in pairs[1:]:
        total = total + left * right
    return total
