"""Letters for the entries of arrays: polynomials in them, sparse, and matrices of such polynomials.

The explicit interpreter runs on these: a monomial is the sorted numbers of its letters, so a product of two letters is
a tuple of two however many letters there are. (SymPy's rings keep an exponent for every letter: 12 times slower for
the 864 letters of a 12x12 image and 3x3x3x16 filters.) SymPy's own ring is what confirms identities between them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from sympy import QQ
from sympy.polys.rings import PolyElement, PolyRing

Monomial = tuple[int, ...]
Number = int | Fraction


class Lettered:
    """A polynomial in numbered letters: {sorted numbers of its letters, each as often as its power: coefficient}.

    Immutable; no coefficient is 0. `names` are all letters' names, shared by all polynomials in them.

    >>> a, b = (Lettered({(i,): 1}, ("a", "b")) for i in (0, 1))
    >>> print((a + b) * (a - b) / 2 - a**2 / 2)
    -1/2*b**2
    """

    __slots__ = ("names", "terms")

    def __init__(self, terms: dict[Monomial, Number], names: Sequence[str]):
        self.terms, self.names = terms, names

    def __add__(self, other: Any) -> "Lettered":
        if not isinstance(other, Lettered):
            return self.plus({(): other}, 1) if isinstance(other, int | Fraction) else NotImplemented
        return self.plus(other.terms, 1)

    __radd__ = __add__

    def plus(self, terms: Mapping[Monomial, Number], sign: int) -> "Lettered":
        total = self.terms.copy()
        for monomial, coefficient in terms.items():
            value = total.get(monomial, 0) + sign * coefficient
            if value:
                total[monomial] = value
            else:
                total.pop(monomial, None)
        return Lettered(total, self.names)

    def __neg__(self) -> "Lettered":
        return Lettered({m: -c for m, c in self.terms.items()}, self.names)

    def __sub__(self, other: Any) -> "Lettered":
        if not isinstance(other, Lettered):
            return self.plus({(): other}, -1) if isinstance(other, int | Fraction) else NotImplemented
        return self.plus(other.terms, -1)

    def __rsub__(self, other: Any) -> "Lettered":
        return -self + other

    def __mul__(self, other: Any) -> "Lettered":
        if not isinstance(other, Lettered):
            if not isinstance(other, int | Fraction):
                return NotImplemented
            return Lettered({m: c * other for m, c in self.terms.items()} if other else {}, self.names)
        total: dict[Monomial, Number] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = tuple(sorted(left + right))
                total[monomial] = total.get(monomial, 0) + a * b
        if len(self.terms) > 1 < len(other.terms):
            total = {m: c for m, c in total.items() if c}
        return Lettered(total, self.names)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Lettered":
        return self * (Fraction(1) / other) if isinstance(other, int | Fraction) else NotImplemented

    def __pow__(self, exponent: int) -> "Lettered":
        result = Lettered({(): 1}, self.names)
        for _ in range(exponent):
            result = result * self
        return result

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lettered):
            return self.terms == other.terms
        return isinstance(other, int | Fraction) and self.terms == ({(): other} if other else {})

    def __hash__(self) -> int:
        return hash(self.constant) if self.is_constant else hash(frozenset(self.terms.items()))

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def is_constant(self) -> bool:
        return all(not monomial for monomial in self.terms)

    @property
    def constant(self) -> Number:
        """The coefficient without letters."""
        return self.terms.get((), 0)

    def __str__(self) -> str:
        out = ""
        for monomial, coefficient in sorted(self.terms.items(), key=lambda term: (-len(term[0]), term[0])):
            powers = {at: monomial.count(at) for at in monomial}
            factors = [self.names[at] if e == 1 else f"{self.names[at]}**{e}" for at, e in powers.items()]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = (" - " if coefficient < 0 else " + ") if out else ("-" if coefficient < 0 else "")
            out += sign + "*".join(factors)
        return out or "0"

    __repr__ = __str__


@dataclass(frozen=True)
class Letters:
    """A letter for each entry of each input.

    Attributes:
        owners: (the leaf's name, the index in it) of letter number i.
        arrays: the leaf's name -> its array of letters, each a `Lettered`.
    """

    owners: tuple[tuple[str, tuple[int, ...]], ...]
    arrays: Mapping[str, np.ndarray]
    names: tuple[str, ...]

    def span(self, name: str) -> range:
        """The numbers of the letters that are one input's entries, in C order."""
        numbers = [i for i, (owner, _) in enumerate(self.owners) if owner == name]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)

    @cached_property
    def ring(self) -> PolyRing:
        """SymPy's polynomial ring over the rationals; generator number i is letter number i."""
        return PolyRing([sympy.Symbol(name) for name in self.names], QQ)

    @cached_property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        return tuple(letter(name, index) for name, index in self.owners)

    def in_ring(self, entry: Any) -> PolyElement:
        """An exact entry as an element of SymPy's ring."""
        if not isinstance(entry, Lettered):
            return self.ring.ground_new(QQ(entry.numerator, entry.denominator))
        found: dict[tuple[int, ...], Any] = {}
        for monomial, coefficient in entry.terms.items():
            powers = [0] * len(self.names)
            for at in monomial:
                powers[at] += 1
            found[tuple(powers)] = QQ(coefficient.numerator, coefficient.denominator)
        return self.ring.from_dict(found)

    def expression(self, entry: Any) -> sympy.Expr:
        """An exact entry as a SymPy expression, in the symbols of `letter`."""
        if not isinstance(entry, Lettered):
            return sympy.Rational(entry.numerator, entry.denominator)
        terms = []
        for monomial, coefficient in entry.terms.items():
            scale = sympy.Rational(coefficient.numerator, coefficient.denominator)
            terms.append(sympy.Mul(scale, *(self.symbols[at] for at in monomial)))
        return sympy.Add(*terms)


def letter(name: str, index: Sequence[int]) -> sympy.Symbol:
    """One entry of an input as a SymPy symbol, named so that LaTeX shows the index as a subscript.

    Not an element of an `IndexedBase`: those have a property `shape` that raises, and SymPy's matrices ask for it.

    >>> letter("X", (0, 1)), sympy.latex(letter("X", (0, 1))), letter("b", ())
    (X_{0,1}, 'X_{0,1}', b)
    """
    return sympy.Symbol(f"{name}_{{{','.join(map(str, index))}}}" if len(index) else name)


def letters_of(shapes: Mapping[str, Sequence[int]]) -> Letters:
    """Arrays of letters of given shapes.

    >>> made = letters_of({"X": (2,), "b": ()})
    >>> (made.arrays["X"] * made.arrays["b"]).tolist()
    [X_0*b, X_1*b]
    """
    owners = [(name, index) for name, shape in shapes.items() for index in np.ndindex(*shape)]
    names = tuple("_".join(map(str, (name, *index))) for name, index in owners)
    if len(set(names)) < len(names):  # of X_0 (1) and X (0, 1)
        names = tuple(letter(*owner).name for owner in owners)
    entries = iter([Lettered({(at,): 1}, names) for at in range(len(names))])
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.empty(tuple(shape), dtype=object)
        for index in np.ndindex(*shape):
            arrays[name][index] = next(entries)
    return Letters(tuple(owners), arrays, names)


Position = tuple[int, int]
Entry = Any
"""A `Lettered`, or an element of SymPy's ring: what has exact +, - and *."""


@dataclass(frozen=True)
class LetterMatrix:
    """A sparse matrix of polynomials in letters; what is not in `entries` is zero.

    Equal entries are mostly one and the same object, which is what makes its arithmetic quick.
    """

    shape: Position
    entries: Mapping[Position, Entry]

    @cached_property
    def distinct(self) -> Mapping[int, Entry]:
        """Its entries, each object once, by identity."""
        return {id(entry): entry for entry in self.entries.values()}

    def map(self, function: Callable[[Entry], Entry]) -> "LetterMatrix":
        """The matrix of the entries' images, each distinct entry mapped once."""
        images = {key: function(entry) for key, entry in self.distinct.items()}
        mapped = {p: images[id(entry)] for p, entry in self.entries.items() if images[id(entry)]}
        return LetterMatrix(self.shape, mapped)

    @property
    def T(self) -> "LetterMatrix":  # noqa: N802
        """The transposed matrix."""
        return LetterMatrix((self.shape[1], self.shape[0]), {(j, i): entry for (i, j), entry in self.entries.items()})

    def __matmul__(self, other: "LetterMatrix") -> "LetterMatrix":
        """The product; a sum of the same products of the same entries is computed once."""
        objects = {**self.distinct, **other.distinct}
        lefts: dict[int, list[tuple[int, int]]] = {}
        rights: dict[int, list[tuple[int, int]]] = {}
        for (row, inner), entry in self.entries.items():
            lefts.setdefault(row, []).append((inner, id(entry)))
        for (inner, column), entry in other.entries.items():
            rights.setdefault(inner, []).append((column, id(entry)))
        known: dict[tuple[int, ...], Entry] = {}
        entries = {}
        for row, factors in lefts.items():
            sums: dict[int, list[int]] = {}
            for inner, left in factors:
                for column, right in rights.get(inner, ()):
                    sums.setdefault(column, []).extend((left, right))
            for column, ids in sums.items():
                key = tuple(ids)
                if key not in known:
                    known[key] = dot([(objects[a], objects[b]) for a, b in zip(ids[::2], ids[1::2], strict=True)])
                if known[key]:
                    entries[row, column] = known[key]
        return LetterMatrix((self.shape[0], other.shape[1]), entries)

    def sympy(self, made: Letters) -> sympy.SparseMatrix:
        """As a SymPy matrix, in the symbols of `letter`.

        Mutable, because SymPy sorts the entries of an immutable one: 6 s for 21,600 of them, where this takes 0.4.
        """
        expressions = {key: made.expression(entry) for key, entry in self.distinct.items()}
        return sympy.SparseMatrix(*self.shape, {p: expressions[id(e)] for p, e in self.entries.items()})


def dot(pairs: Sequence[tuple[Entry, Entry]]) -> Entry:
    total = pairs[0][0] * pairs[0][1]
    for left, right in pairs[1:]:
        total = total + left * right
    return total


def confirm(lhs: LetterMatrix, rhs: LetterMatrix) -> bool:
    """Whether two matrices of letters are equal, as polynomials: each distinct pair of entries is subtracted once, in
    exact arithmetic (SymPy's, where they are elements of its ring), where a polynomial is zero only as the empty sum.

    >>> a, b = letters_of({"a": (2,)}).arrays["a"]
    >>> square = LetterMatrix((1, 1), {(0, 0): (a + b) ** 2})
    >>> confirm(square, LetterMatrix((1, 1), {(0, 0): a**2 + 2 * a * b + b**2}))
    True
    >>> confirm(square, LetterMatrix((1, 1), {(0, 0): a**2 + b**2}))
    False
    """
    if lhs.shape != rhs.shape:
        return False
    proved: set[tuple[int, int]] = set()
    for position in {**lhs.entries, **rhs.entries}:
        left, right = lhs.entries.get(position, 0), rhs.entries.get(position, 0)
        if (id(left), id(right)) in proved:
            continue
        if left - right:
            return False
        proved.add((id(left), id(right)))
    return True
