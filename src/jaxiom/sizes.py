"""Sizes: the strings "n h w c" and "h >= kh, h % 2 == 0", read into polynomials and a Presburger set."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral

import islpy as isl

from jaxiom.errors import BadInput, BadShape
from jaxiom.polyhedra.polynomial import Atom, Polynomial, all_names, fully_affine, isl_text, lift

TOKEN = re.compile(r"\s*(?:(\d+)|([A-Za-z][A-Za-z0-9_]*)|(//|\*\*|[-+*%(),]))")
RELATION = re.compile(r"(>=|<=|==|!=|>|<|=)")
# Names that isl or JAX's size expressions read as words of their own.
RESERVED = frozenset(
    ("and", "or", "not", "exists", "implies", "mod", "floor", "ceil", "floord", "ceild", "min", "max", "rat", "true")
    + ("false", "infty", "infinity", "inf", "nan", "floordiv", "non_negative", "int")
)


@dataclass(frozen=True)
class Axis:
    """One axis of a shape: its factors in the order written, outermost first ("kh*kw*c" has three)."""

    factors: tuple[Polynomial, ...]

    @cached_property
    def size(self) -> Polynomial:
        size = Polynomial.constant(1)
        for factor in self.factors:
            size = size * factor
        return size


@dataclass(frozen=True)
class Shape:
    """The shape of one array; `text` is what the user wrote."""

    axes: tuple[Axis, ...]
    text: str

    def at(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape at given sizes."""
        return tuple(int(axis.size.evaluate(sizes)) for axis in self.axes)


@dataclass(frozen=True)
class Whole:
    """The "shape" of an integer variable: a padding, a crop, a shift."""

    name: str


class Reader:
    """A recursive-descent reader of size expressions. User text never reaches eval or sympify."""

    def __init__(self, text: str, where: str):
        self.text, self.where, self.at = text, where, 0
        self.tokens: list[str] = []
        if text.count("(") > 50:
            raise self.bad("more than 50 parentheses")
        position = 0
        while position < len(text.rstrip()):
            match = TOKEN.match(text, position)
            if match is None:
                raise self.bad(f"cannot read {text[position:].strip()[0]!r}")
            self.tokens.append(next(g for g in match.groups() if g is not None))
            position = match.end()

    def bad(self, why: str) -> BadShape:
        return BadShape(
            f"{self.where}: {self.text!r}: {why}. Write sizes with names, whole numbers, + - * // % and parentheses, "
            'as in "n h w c", "3 3 c f", "2*h" or "h+p-1".'
        )

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise self.bad(f"expected {token!r}")

    def end(self) -> None:
        if self.peek():
            raise self.bad(f"cannot read on from {self.peek()!r}")

    def sum(self) -> Polynomial:
        total = self.product()
        while self.peek() in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self) -> Polynomial:
        result = Polynomial.constant(1)
        for factor in self.factors():
            result = result * factor
        return result

    def factors(self) -> list[Polynomial]:
        """The factors of a product, in the order written."""
        found = [self.unit()]
        while self.peek() in ("*", "//", "%"):
            operator, right = self.take(), self.unit()
            if operator == "*":
                found.append(right)
                continue
            left = Polynomial.constant(1)
            for factor in found:
                left = left * factor
            found = [divide(left, right, operator, self)]
        return found

    def unit(self) -> Polynomial:
        token = self.take()
        if token == "(":
            inner = self.sum()
            self.expect(")")
            return inner
        if token in ("+", "-"):  # binds more tightly than * and //, as in Python
            return self.unit() if token == "+" else -self.unit()
        if token.isdigit():
            return Polynomial.constant(int(token))
        if token in ("min", "max") and self.peek() == "(":
            self.take()
            left = self.sum()
            self.expect(",")
            right = self.sum()
            self.expect(")")
            return Polynomial.variable(Atom(token, left, right))
        if not token or not token[0].isalpha():
            raise self.bad(f"expected a size, found {token!r}" if token else "it ends too early")
        if token.lower() in RESERVED:
            raise self.bad(f"{token!r} is a reserved word: choose another name")
        return Polynomial.variable(token)


def divide(left: Polynomial, right: Polynomial, operator: str, reader: Reader) -> Polynomial:
    if not right.is_constant or right.value <= 0:
        raise reader.bad(f"a divisor must be a positive number, not {right}")
    if left.is_constant:
        a, b = int(left.value), int(right.value)
        return lift(a // b if operator == "//" else a % b)
    return Polynomial.variable(Atom("floordiv" if operator == "//" else "mod", left, right))


def read_axis(text: str, where: str) -> Axis:
    reader = Reader(text, where)
    start = reader.at
    try:
        factors = reader.factors()
        reader.end()
    except BadShape:
        reader.at = start
        factors = [reader.sum()]
        reader.end()
    size = Axis(tuple(factors)).size
    if fully_affine(size):
        factors = [size]
    elif not all(fully_affine(f) for f in factors):
        raise reader.bad("a size must be affine, or a product of affine sizes")
    if size.is_constant and size.value < 1:
        raise reader.bad(f"a size of {size} leaves the array empty; sizes are at least 1")
    return Axis(tuple(factors))


def read_shape(text: str, where: str) -> Shape:
    """The shape that a string such as "n h w c", "3 3 c f" or "" names; `where` is the argument, for errors.

    >>> [str(axis.size) for axis in read_shape("n 2*h kh*kw*c h+p-1", "X").axes]
    ['n', '2*h', 'c*kh*kw', 'h + p - 1']
    """
    if not isinstance(text, str):
        raise BadShape(f'{where}: expected a shape such as "n h w c", got {text!r}')
    for part in text.split():
        if part == "..." or part[0] in "*#_?" or "=" in part:
            raise BadShape(f"{where}: {text!r}: {part!r} has no fixed rank or size; name every axis")
    return Shape(tuple(read_axis(part, where) for part in text.split()), text)


def read_constraint(text: str) -> tuple[Polynomial, str, Polynomial]:
    """One constraint of `given`: (left, relation, right)."""
    parts = RELATION.split(text)
    if len(parts) != 3 or parts[1] in ("=", "!="):
        raise BadShape(
            f"given: {text.strip()!r} is not one comparison with >=, <=, ==, > or <; "
            'write for example "h >= kh, h % 2 == 0"'
        )
    sides = []
    for part in (parts[0], parts[2]):
        if not part.strip():
            raise BadShape(
                f'given: {text.strip()!r} has nothing on one side of {parts[1]}; write for example "h >= kh"'
            )
        reader = Reader(part, "given")
        side = reader.sum()
        reader.end()
        if not fully_affine(side):
            raise BadShape(f"given: {text.strip()!r}: {side} is not affine in the sizes; only affine constraints hold")
        sides.append(side)
    return sides[0], parts[1], sides[1]


def split_constraints(text: str) -> list[str]:
    """Split at the commas that are not inside parentheses."""
    if not isinstance(text, str):
        raise BadShape(f'given: expected text such as "h >= kh, w >= kw", got {text!r}')
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [p.strip() for p in parts if p.strip()]


@dataclass(frozen=True)
class Sizes:
    """The sizes of a claim: their names, and the set of values that `given` allows.

    Attributes:
        names: every size and integer variable, in order of appearance.
        whole: those that are integer variables (not at least 1).
        given: the constraints as the user wrote them.
        narrowed: what the proof excluded besides, in words.
        implied: what the shapes themselves ask for, as h - p >= 1 of an axis "h-p".
        domain: the isl parameter set of allowed values.
    """

    names: tuple[str, ...]
    whole: frozenset[str]
    given: tuple[str, ...]
    domain: isl.Set
    narrowed: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """The parameter list that opens an isl text."""
        return f"[{', '.join(self.names)}] -> "

    def set(self, constraints: Sequence[str]) -> isl.Set:
        """A parameter set."""
        return isl.Set(f"{self.prefix}{{ : {' and '.join(constraints) or 'true'} }}")

    def where(self, condition: isl.Set, words: str) -> "Sizes":
        """These sizes, narrowed."""
        return replace(self, domain=self.domain.intersect(condition).coalesce(), narrowed=(*self.narrowed, words))

    def contains(self, sizes: Mapping[str, int]) -> bool:
        point = self.set([f"{k} = {v}" for k, v in sizes.items()])
        return not self.domain.intersect(point).is_empty()

    def check(self, sizes: Mapping[str, int], argument: str = "at") -> None:
        """Raise unless `sizes` gives every size a whole number that `given` allows."""
        missing, unknown = set(self.names) - set(sizes), set(sizes) - set(self.names)
        if missing or unknown:
            raise BadInput(
                f"{argument}: the sizes of this claim are {', '.join(self.names)}; "
                + (f"{', '.join(sorted(missing))} missing" if missing else f"unknown: {', '.join(sorted(unknown))}")
            )
        for name, value in sizes.items():
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise BadInput(f"{argument}: {name}={value!r} is not a whole number")
        if not self.contains(sizes):
            came = ", ".join(f"{k}={v}" for k, v in sizes.items())
            raise BadInput(f"{argument}: {came} is outside what the claim is given: {self}")

    def __str__(self) -> str:
        return "; ".join([*self.constraints(), *self.narrowed]) or "the sizes given"

    def constraints(self) -> list[str]:
        """The constraints in words, sizes of at least 1 first."""
        positive = [n for n in self.names if n not in self.whole]
        whole = [n for n in self.names if n in self.whole]
        lines = [f"{', '.join(positive)} >= 1"] if positive else []
        lines += [f"{', '.join(whole)} any integer"] if whole else []
        return [*lines, *self.implied, *dict.fromkeys(self.given)]

    def random(self, rng: random.Random, cap: int = 4) -> dict[str, int]:
        """A random small point of the domain, borders and ones among the likely ones."""
        return random_point(self.domain, self.names, rng, cap)


def random_point(domain: isl.Set, names: Sequence[str], rng: random.Random, cap: int) -> dict[str, int]:
    """Fix one name after the other, each at random in what the others leave it, near its least value."""
    chosen: dict[str, int] = {}
    for name in rng.sample(list(names), len(names)):
        low, high = bounds(domain, name)
        if low is None:
            low = -cap if high is None else high - cap
        top = low + cap - 1 if high is None else min(high, low + cap - 1)
        options = list(range(min(low, top), top + 1))
        rng.shuffle(options)
        possible = (v for v in [*options, low] if not fix(domain, name, v).is_empty())
        value = next(possible, None)
        if value is None:  # as p % 100 == 3: none is near its least value
            value = int(line(domain, name).sample_point().get_coordinate_val(isl.dim_type.set, 0).to_python())
        domain = fix(domain, name, value)
        chosen[name] = value
    return {name: chosen[name] for name in names}


def position(domain: isl.Set, name: str) -> int:
    return domain.find_dim_by_name(isl.dim_type.param, name)


def fix(domain: isl.Set, name: str, value: int) -> isl.Set:
    at = position(domain, name)
    return domain if at < 0 else domain.fix_val(isl.dim_type.param, at, isl.Val(value))


def bounds(domain: isl.Set, name: str) -> tuple[int | None, int | None]:
    """The least and greatest value of one name, None where there is none."""
    at = position(domain, name)
    if at < 0:
        return None, None
    values = line(domain, name)
    low, high = values.dim_min_val(0), values.dim_max_val(0)
    return (int(low.to_python()) if low.is_int() else None, int(high.to_python()) if high.is_int() else None)


def line(domain: isl.Set, name: str) -> isl.Set:
    """The set of values that one name takes."""
    at = position(domain, name)
    values = domain.project_out(isl.dim_type.param, at + 1, domain.dim(isl.dim_type.param) - at - 1)
    return values.project_out(isl.dim_type.param, 0, at).move_dims(isl.dim_type.set, 0, isl.dim_type.param, 0, 1)


def build_sizes(shapes: Sequence[Shape], whole: Sequence[Whole], given: str) -> Sizes:
    """The sizes that shapes name, within `given`. Raises where `given` names a size that no shape has, where nothing
    satisfies it, and where an axis would be empty for every size."""
    names: dict[str, None] = {}
    for shape in shapes:
        for axis in shape.axes:
            for factor in axis.factors:
                names.update(dict.fromkeys(sorted_names(factor)))
    integers = frozenset(w.name for w in whole)
    for name in integers:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name.lower() in RESERVED:
            raise BadShape(
                f"{name}: an integer variable needs a plain name of letters and digits that is no reserved word, and "
                "stands by itself, not inside a pytree"
            )
    for name in sorted(integers):
        names.setdefault(name)
    constraints = split_constraints(given)
    domain = [f"{n} >= 1" for n in names if n not in integers]
    for text in constraints:
        left, relation, right = read_constraint(text)
        unknown = all_names([left, right]) - set(names)
        if unknown:
            raise BadShape(
                f"given: {text!r} names {', '.join(sorted(unknown))}, which no shape has; "
                f"the sizes are {', '.join(names)}"
            )
        domain.append(f"{isl_text(left)} {'=' if relation == '==' else relation} {isl_text(right)}")
    sizes = Sizes(tuple(names), integers, tuple(constraints), isl.Set("{ : }"))
    sizes = replace(sizes, domain=sizes.set(domain))
    # An axis such as h+p-1 is a size too: at least 1, like every size.
    for factor in dict.fromkeys(
        f for shape in shapes for axis in shape.axes for f in axis.factors if not f.is_constant
    ):
        positive = sizes.set([f"{isl_text(factor)} >= 1"])
        if not sizes.domain.is_subset(positive):
            sizes = replace(sizes, domain=sizes.domain.intersect(positive), implied=(*sizes.implied, f"{factor} >= 1"))
    if sizes.domain.is_empty():
        raise BadShape(f"given: no size satisfies {given!r} with the shapes {', '.join(repr(s.text) for s in shapes)}")
    return sizes


def sorted_names(polynomial: Polynomial) -> Iterator[str]:
    yield from sorted(all_names([polynomial]))
