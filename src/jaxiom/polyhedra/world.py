"""The sizes and tensors that forms are about, and the questions about sizes alone."""

import math
import re
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.building import PARAM, SET, Coefficients, basic_set, pairing, set_space
from jaxiom.polyhedra.polynomial import Atom, Polynomial, Variable, fully_affine, isl_text, lift
from jaxiom.polyhedra.zero import vanishes

OPERATIONS = 40_000_000
"""isl's budget for one verdict: seconds, not minutes."""
SECONDS = 20.0
"""Processor time for one verdict: many small questions cost isl few operations."""
UNTIL: ContextVar[float] = ContextVar("jaxiom_until", default=math.inf)


def check_time() -> None:
    """Raise `Undecidable` where the budget's time is spent."""
    if time.process_time() > UNTIL.get():
        raise Undecidable(f"it took more than {SECONDS:g} seconds: the functions have too many pieces")


@contextmanager
def budget(operations: int = OPERATIONS) -> Iterator[None]:
    """Give isl a budget of operations; past it, `Undecidable`. What is inside another budget has its own, and the
    other starts anew after it."""
    context = isl.DEFAULT_CONTEXT
    outer = context.get_max_operations()
    context.reset_operations()
    context.set_max_operations(operations)
    until = UNTIL.set(min(UNTIL.get(), time.process_time() + SECONDS))
    try:
        yield
    except isl.Error as error:
        # islpy does not tell a spent budget from other failures: its texts are those of an earlier error.
        raise Undecidable(f"isl stopped ({error}); its budget is {operations:,} operations") from error
    except TypeError as error:
        if not raised_by_islpy(error):
            raise
        # A number that isl could not write out for want of operations reaches islpy as None.
        raise Undecidable(f"isl stopped; its budget is {operations:,} operations") from error
    finally:
        UNTIL.reset(until)
        context.set_max_operations(outer)
        context.reset_operations()


def raised_by_islpy(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return "islpy" in Path(frames[-1].filename).parts


MOST_DIVIDENDS = 16
"""Quotients and remainders of numbers up to this size by a size are written out, divisor by divisor."""


def divided(operation: str, dividend: int, divisor: Polynomial) -> Polynomial:
    """dividend // divisor or dividend % divisor (a size of at least 1) in affine terms: a roll by 1 on n = 1 is none.

    Past |dividend| there is one formula; each smaller divisor d corrects it by a term that is 1 where divisor = d.
    """
    times = 0 if dividend >= 0 else -1
    total = lift(times) if operation == "floordiv" else dividend - times * divisor
    for d in range(1, abs(dividend) + 1):
        right, formula = (dividend // d, times) if operation == "floordiv" else (dividend % d, dividend - times * d)
        inner = Polynomial.variable(Atom("min", divisor - (d - 1), (d + 1) - divisor))
        total = total + Polynomial.variable(Atom("max", lift(0), inner)) * (right - formula)
    return total


EQUALITY = re.compile(r"_(\d+) = _(\d+)")
RANGE = re.compile(r"0 <= _(\d+) < (.+)")
TERM = re.compile(r"(-?\d+)\*([A-Za-z_]\w*)|\((-?\d+)\)")


def read_equality(text: str) -> list[tuple[bool, int, Coefficients]] | None:
    """`_i = _j`; None for another text."""
    match = EQUALITY.fullmatch(text)
    if match is None:
        return None
    left, right = int(match[1]), int(match[2])
    return [(True, 0, {} if left == right else {(SET, left): 1, (SET, right): -1})]


def names(count: int, start: int = 0) -> list[str]:
    """How isl texts write the positions start .. start + count - 1."""
    return [f"_{i}" for i in range(start, start + count)]


@dataclass
class World:
    """What forms are about.

    Attributes:
        parameters: the names of the sizes.
        domain: the isl parameter set of their allowed values.
        ranks: tensor name -> how many indices it has.
        narrowed: conditions that the rules had to add, with words; the verdict holds within them.
    """

    parameters: tuple[str, ...]
    domain: isl.Set
    ranks: dict[str, int] = field(default_factory=dict)
    narrowed: dict[str, isl.Set] = field(default_factory=dict)
    _same: dict[Polynomial, bool] = field(default_factory=dict)
    _samples: list[dict[str, int]] = field(default_factory=list)
    _spaces: dict[int, isl.Space] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"[{', '.join(self.parameters)}] -> " if self.parameters else ""

    def space(self, dimensions: int) -> isl.Space:
        """The space of tuples `[_0, _1, ...]`."""
        if dimensions not in self._spaces:
            self._spaces[dimensions] = set_space(self.parameters, dimensions)
        return self._spaces[dimensions]

    def set(self, dimensions: int, constraints: Sequence[str]) -> isl.Set:
        """A set of tuples `[_0, _1, ...]`. The two commonest kinds of constraint go round isl's parser."""
        rows: list[tuple[bool, int, Coefficients]] = []
        rest: list[str] = []
        for text in constraints:
            read = read_equality(text) or self.read_range(text)
            rows += read or ()
            rest += [] if read else [text]
        found = isl.Set.from_basic_set(basic_set(self.space(dimensions), rows))
        if not rest:
            return found
        return found.intersect(isl.Set(f"{self.prefix}{{ [{', '.join(names(dimensions))}] : {' and '.join(rest)} }}"))

    def read_range(self, text: str) -> list[tuple[bool, int, Coefficients]] | None:
        """`0 <= _i < size`, the size an affine one of `isl_text`; None for another text."""
        match = RANGE.fullmatch(text)
        if match is None:
            return None
        index, constant = int(match[1]), -1
        coefficients = {(SET, index): -1}
        for term in match[2].split(" + "):
            parts = TERM.fullmatch(term)
            if parts is None or (parts[2] and parts[2] not in self.parameters):
                return None
            if parts[2]:
                key = (PARAM, self.parameters.index(parts[2]))
                coefficients[key] = coefficients.get(key, 0) + int(parts[1])
            else:
                constant += int(parts[3])
        return [(False, 0, {(SET, index): 1}), (False, constant, coefficients)]

    def embed(self, points: isl.Set, dimensions: int, positions: Sequence[int]) -> isl.Set:
        """`points` in a larger tuple space, its i-th index at `positions[i]`, the other indices free."""
        return points.apply(pairing(self.space(len(positions)), self.space(dimensions), enumerate(positions)))

    def rearrange(self, points: isl.Set, order: Sequence[int]) -> isl.Set:
        """Pick out and reorder indices; those that `order` leaves out are projected away."""
        pairs = ((p, i) for i, p in enumerate(order))
        return points.apply(pairing(self.space(points.dim(SET)), self.space(len(order)), pairs))

    def box(self, sizes: Sequence[Polynomial], start: int = 0) -> list[str]:
        """Constraints 0 <= index < size."""
        return [f"0 <= _{start + i} < {isl_text(size)}" for i, size in enumerate(sizes)]

    def same(self, a: Polynomial, b: Polynomial) -> bool:
        """Whether two size expressions agree for all allowed sizes."""
        difference = a - b
        if not difference:
            return True
        if difference.is_constant:
            return False
        if difference not in self._same:
            # An allowed size at which they differ settles it at once.
            differ = any(difference.evaluate(point) for point in self.samples())
            self._same[difference] = not differ and self.is_zero(difference)
        return self._same[difference]

    def samples(self) -> list[dict[str, int]]:
        """A few allowed sizes: any, and one at which nothing is 1."""
        if not self._samples:
            large = self.domain.intersect(self.condition(" and ".join(f"{p} >= 2" for p in self.parameters) or "true"))
            self._samples = [self.sample(d) for d in (self.domain, large) if not d.is_empty()]
        return self._samples

    def sample(self, domain: isl.Set) -> dict[str, int]:
        point = domain.sample_point()
        values = {}
        for i in range(domain.dim(isl.dim_type.param)):
            name = str(domain.get_dim_name(isl.dim_type.param, i))
            values[name] = int(point.get_coordinate_val(isl.dim_type.param, i).to_python())
        return values

    def is_zero(self, size: Polynomial) -> bool:
        """Whether a size expression (not necessarily affine) is 0 for all allowed sizes."""
        if fully_affine(size):
            return self.domain.is_subset(self.condition(f"{isl_text(size * size.denominator)} = 0"))
        constraints, weight, extra = self.flatten(size, 0)
        points = self.set(extra, constraints).intersect_params(self.domain)
        return vanishes(points, weight)

    def is_one(self, size: Polynomial) -> bool:
        return self.same(size, lift(1))

    def flatten(self, polynomial: Polynomial, start: int) -> tuple[list[str], Polynomial, int]:
        """Give each atom an index of its own, from position `start` on.

        Returns the constraints that pin the new indices, the polynomial in them, and how many there are.
        """
        constraints: list[str] = []
        values: dict[str | int | Atom, Polynomial] = {}
        for variable in sorted((v for v in polynomial.variables if isinstance(v, Atom)), key=str):
            atom = Polynomial.variable(variable)
            if not fully_affine(atom):
                raise Undecidable(f"the size {variable} is not affine: a product of sizes inside a floor or maximum")
            at = start + len(values)
            constraints.append(f"_{at} = {isl_text(atom)}")
            values[variable] = Polynomial.variable(at)
        return constraints, polynomial.substitute(values), len(values)

    def simplify(self, size: Polynomial) -> Polynomial:
        """Resolve remainders and quotients by sizes where the allowed sizes leave one answer: -1 % n is n - 1."""

        def look(variable: Variable) -> Polynomial:
            plain = Polynomial.variable(variable)
            if not isinstance(variable, Atom) or variable.operation in ("max", "min") or fully_affine(plain):
                return plain
            left, right = variable.left, variable.right
            if not (fully_affine(left) and fully_affine(right)):
                return plain
            for times in (0, -1):
                rest = f"{isl_text(left)} - {times}*({isl_text(right)})"
                if self.domain.is_subset(self.condition(f"0 <= {rest} < {isl_text(right)}")):
                    return lift(times) if variable.operation == "floordiv" else left - times * right
            small = left.is_constant and abs(left.value) <= MOST_DIVIDENDS
            if small and self.domain.is_subset(self.condition(f"{isl_text(right)} >= 1")):
                return divided(variable.operation, int(left.value), right)
            return plain

        return size.substitute(look) if any(isinstance(v, Atom) for v in size.variables) else size

    def condition(self, text: str) -> isl.Set:
        """A parameter set."""
        return isl.Set(f"{self.prefix}{{ : {text} }}")

    def zeros(self, size: Polynomial) -> isl.Set | None:
        """The allowed sizes at which a size expression is 0, as a set; None where that is not a Presburger set.

        Not affine: with every size written 1 + s, s >= 0, a polynomial whose coefficients have one sign is 0 only
        where each of its terms is.
        """
        if size.is_constant:
            return self.domain if not size else self.domain.subtract(self.domain)
        if fully_affine(size):
            return self.domain.intersect(self.condition(f"{isl_text(size * size.denominator)} = 0"))
        if any(isinstance(v, Atom) for v in size.variables):
            return None
        if not all(self.domain.is_subset(self.condition(f"{v} >= 1")) for v in size.variables):
            return None
        shifted = size.substitute({v: Polynomial.variable(v) + 1 for v in size.variables})
        if len({c > 0 for c in shifted.terms.values()}) != 1:
            return None
        found = self.domain
        for powers in shifted.terms:
            found = found.intersect(self.condition(" or ".join(f"{v} = 1" for v, _ in powers) or "false"))
        return found

    def sign(self, size: Polynomial) -> int | None:
        """1 or -1 where a polynomial of sizes alone is above or below zero for all allowed sizes; None where that is
        not known. With every size written 1 + s, s >= 0, it is where all coefficients have one sign, the constant too.
        """
        if not all(isinstance(v, str) for v in size.variables):
            return None
        if not all(self.domain.is_subset(self.condition(f"{v} >= 1")) for v in size.variables):
            return None
        shifted = size.substitute({v: Polynomial.variable(v) + 1 for v in size.variables})
        signs = {c > 0 for c in shifted.terms.values()}
        return None if len(signs) != 1 or not shifted.value else 1 if signs == {True} else -1

    def narrow(self, excluded: isl.Set, words: str) -> None:
        """Leave these sizes out of what the verdict holds for."""
        self.domain = self.domain.subtract(excluded).coalesce()
        self.narrowed[words] = self.domain
        self._same.clear()
        self._samples.clear()
        if self.domain.is_empty():
            raise Undecidable(f"no size is left: {words} excludes them all")
