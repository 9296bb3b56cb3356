"""The cases of a claim: where its functions branch on sizes, and the signs of its integer variables.

A symbolic trace is right only where every comparison that JAX took as False is false. Where isl says that one can be
true, that case is traced again with the equality put in, or is left out of what the verdict holds for.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import floordiv, mod
from typing import Any

from jaxiom.errors import BadInput, BadShape, Undecidable
from jaxiom.polyhedra.polynomial import Atom, Polynomial, all_names, lift
from jaxiom.polyhedra.world import World
from jaxiom.signature import Signature
from jaxiom.sizes import Sizes, bounds, read_constraint
from jaxiom.trace import Comparison, Scope, Traced, make_jaxpr, open_scope

DEEPEST = 5
MOST_CASES = 40
OPERATIONS: dict[str, Callable[[int, int], int]] = {"floordiv": floordiv, "mod": mod, "max": max, "min": min}


@dataclass(frozen=True)
class Case:
    """Both programs, right for the sizes of `sizes`.

    Attributes:
        words: the case in words, "" for the general one.
        scope: the symbols of the trace.
        excluded: the equalities that could not be put in.
        assumed: the program of what the inputs satisfy: both sides of each equation, one after the other.
        zero: the integer variables that are 0.
    """

    sizes: Sizes
    scope: Scope
    lhs: Traced
    rhs: Traced
    words: str
    excluded: tuple[str, ...] = ()
    assumed: Traced | None = None
    zero: frozenset[str] = frozenset()

    @property
    def programs(self) -> tuple[Traced, ...]:
        return tuple(filter(None, (self.lhs, self.rhs, self.assumed)))

    @property
    def without(self) -> str:
        """What leaves this case out, in words."""
        return left_out(self.words)


def left_out(words: str) -> str:
    return words.replace(" = 0", " != 0") if words.endswith(" = 0") and " and " not in words else f"not ({words})"


@dataclass(frozen=True)
class Signs:
    """Which integer variables are 0, which negative."""

    zero: frozenset[str]
    negative: frozenset[str]

    def words(self, whole: Sequence[str]) -> list[str]:
        return [f"{p} = 0" if p in self.zero else f"{p} <= -1" if p in self.negative else f"{p} >= 1" for p in whole]


def jax_text(size: Polynomial) -> str:
    """A size expression in the syntax of JAX's constraints."""

    def name(variable: Any) -> str:
        if isinstance(variable, Atom):
            return f"{variable.operation}({jax_text(variable.left)}, {jax_text(variable.right)})"
        return str(variable)

    return size.text(name)


def in_symbols(signs: Signs, fixed: Mapping[str, int]) -> dict[Any, Polynomial]:
    """What names are in terms of JAX's symbols: minus p for a negative p, numbers for those that can only be one."""
    return {p: -Polynomial.variable(p) for p in signs.negative} | {n: lift(value) for n, value in fixed.items()}


def jax_constraints(sizes: Sizes, signs: Signs, fixed: Mapping[str, int]) -> list[str]:
    """`given` in JAX's syntax: >=, <= and == only, about its own symbols."""
    values = in_symbols(signs, fixed)
    found = []
    for text in sizes.given:
        left, relation, right = read_constraint(text)
        left, right = replace_names(left, values), replace_names(right, values)
        if relation in (">", "<"):
            left, right = (left, right + 1) if relation == ">" else (left + 1, right)
            relation = ">=" if relation == ">" else "<="
        if not (left - right).is_constant:
            found.append(f"{jax_text(left)} {relation} {jax_text(right)}")
        if relation == "==" and not right and (negated := negated_divisor(left)) is not None:
            found.append(f"{jax_text(negated)} == 0")
    return sorted(found, key=lambda text: "==" not in text)  # JAX trips over some that come later


def negated_divisor(size: Polynomial) -> Polynomial | None:
    """The remainder by -d for a remainder by d: JAX asks for it when it works out a -1 in a reshape."""
    if len(size.terms) == 1 and len(size.variables) == 1 and isinstance(atom := next(iter(size.variables)), Atom):
        return Polynomial.variable(Atom(atom.operation, atom.left, -atom.right)) if atom.operation == "mod" else None
    return None


def replace_names(size: Polynomial, values: dict[Any, Polynomial]) -> Polynomial:
    """Substitute names, inside atoms too."""

    def look(variable: Any) -> Polynomial:
        if isinstance(variable, Atom):
            left, right = replace_names(variable.left, values), replace_names(variable.right, values)
            if left.is_constant and right.is_constant:
                return lift(OPERATIONS[variable.operation](int(left.value), int(right.value)))
            return Polynomial.variable(Atom(variable.operation, left, right))
        return values.get(variable, Polynomial.variable(variable))

    return size.substitute(look)


def sign_cases(sizes: Sizes) -> Iterator[tuple[Signs, Sizes]]:
    """The signs that `given` allows the integer variables."""
    whole = [n for n in sizes.names if n in sizes.whole]
    for choice in itertools.product("+0-", repeat=len(whole)):
        chosen = dict(zip(whole, choice, strict=True))
        signs = Signs(frozenset(p for p in whole if chosen[p] == "0"), frozenset(p for p in whole if chosen[p] == "-"))
        here = replace(sizes, domain=sizes.domain.intersect(sizes.set(signs.words(whole))))
        if not here.domain.is_empty():
            yield signs, here


def trace_cases(
    lhs: Callable[..., Any], rhs: Callable[..., Any], signature: Signature, excluded: list[str] | None = None
) -> Iterator[Case]:
    """Trace both sides, and what the inputs satisfy, for all sizes, case by case.

    An integer variable's 0 at which the functions divide by zero is left out, in words, where `excluded` is given.

    Raises:
        Undecidable: the functions branch on sizes in more ways than can be told apart.
    """
    count = 0
    for signs, sizes in sign_cases(signature.sizes):
        words = " and ".join(signs.words([n for n in sizes.names if n in sizes.whole]))
        try:
            for case in branches(lhs, rhs, signature, sizes, signs, (), words):
                count += 1
                if count > MOST_CASES:
                    raise Undecidable(f"the functions branch on sizes in more than {MOST_CASES} ways")
                yield case
        except BadInput as error:
            if excluded is None or not signs.zero or not isinstance(error.__cause__, ZeroDivisionError):
                raise
            excluded.append(left_out(words))


def branches(
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    signature: Signature,
    sizes: Sizes,
    signs: Signs,
    equalities: tuple[Polynomial, ...],
    words: str,
) -> Iterator[Case]:
    """The general case of a trace, then each equality that it took as false."""
    scope = scope_for(sizes, signs, equalities)
    arguments = signature.symbolic(scope)
    case = f" (in the case {words})" if words else ""
    left, right = make_jaxpr(lhs, arguments, scope, "lhs", case), make_jaxpr(rhs, arguments, scope, "rhs", case)
    assumed = None if signature.assume is None else make_jaxpr(signature.assume, arguments, scope, "assume", case)
    general, excluded = sizes.domain, []
    for comparison in asked(*filter(None, (left, right, assumed))):
        zeros = zero_sizes(sizes, comparison)
        if zeros.is_empty():
            continue
        general = general.subtract(zeros)
        here = replace(sizes, domain=zeros)
        deeper = (*equalities, comparison.difference)
        if comparison.difference in equalities or len(deeper) > DEEPEST or not takes(here, signs, deeper):
            excluded.append(f"not {comparison.text} ({comparison.line} asks, and JAX cannot trace that case)")
            continue
        both = " and ".join(filter(None, [words, comparison.text]))
        yield from branches(lhs, rhs, signature, here, signs, deeper, both)
    if not general.is_empty() or excluded:
        here = replace(sizes, domain=general.coalesce())
        yield Case(here, scope, left, right, words, tuple(excluded), assumed, signs.zero)


def takes(sizes: Sizes, signs: Signs, equalities: Sequence[Polynomial]) -> bool:
    """Whether JAX takes these equalities as constraints."""
    try:
        scope_for(sizes, signs, equalities)
    except BadShape:
        return False
    return True


def jax_equality(difference: Polynomial) -> str:
    """`difference == 0`, in JAX's symbols, as a constraint that it takes: solved for one of them, or a remainder that
    is 0.

    Raises:
        BadShape: there is no such form.
    """
    for variable in sorted(difference.variables, key=str):
        coefficient = difference.terms.get(((variable, 1),), Fraction(0))
        rest = difference - Polynomial.variable(variable) * coefficient
        if not coefficient or mentions(rest, variable) or (isinstance(variable, Atom) and not rest.is_constant):
            continue
        value = -rest * (1 / coefficient)
        if value.denominator == 1:
            return f"{jax_text(Polynomial.variable(variable))} == {jax_text(value)}"
    raise BadShape(f"{difference} == 0 cannot be solved for a size")


def mentions(size: Polynomial, variable: Any) -> bool:
    """Whether a size expression depends on a name or an atom."""
    return variable in size.variables or (isinstance(variable, str) and variable in all_names([size]))


def asked(*programs: Traced) -> list[Comparison]:
    """The undecided comparisons that the user's code made. JAX's own (is this axis 1, to broadcast?) keep the
    meaning whatever the answer: that is JAX's contract for symbolic sizes."""
    unique = {c.difference: c for program in programs for c in program.comparisons if not c.internal}
    return list(unique.values())


def scope_for(sizes: Sizes, signs: Signs, equalities: Sequence[Polynomial]) -> Scope:
    """Symbols for the sizes; one that can only be one number is that number: JAX trips over its own equations then."""
    equal = equalities or any(read_constraint(text)[1] == "==" for text in sizes.given)
    fixed = forced(sizes) if equal else dict.fromkeys(signs.zero, 0)
    values = in_symbols(signs, fixed)
    differences = [replace_names(e, values) for e in equalities]
    put_in = [jax_equality(d) for d in differences if not d.is_constant]
    constraints = jax_constraints(sizes, signs, fixed)
    try:
        return open_scope(sizes.names, [*put_in, *constraints], fixed, signs.negative)
    except BadShape:
        # JAX reads only some equations; without them it decides less, which the guard notices.
        plain = [c for c in constraints if "==" not in c]
        return open_scope(sizes.names, [*put_in, *plain], fixed, signs.negative)


def forced(sizes: Sizes) -> dict[str, int]:
    """The sizes of which the domain leaves one value."""
    ends = {name: bounds(sizes.domain, name) for name in sizes.names}
    return {name: low for name, (low, high) in ends.items() if low is not None and low == high}


def zero_sizes(sizes: Sizes, comparison: Comparison) -> Any:
    """The allowed sizes at which a comparison is true."""
    zeros = World(sizes.names, sizes.domain).zeros(comparison.difference)
    if zeros is None:
        raise Undecidable(
            f"the function asks at {comparison.line} whether {comparison.text}, which is not affine in the sizes"
        )
    return zeros
