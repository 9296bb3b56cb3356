"""The derivation of a claim, equation by equation, from its jaxpr.

Each equation's polyhedral rule is applied to fresh tensors in place of the operands, and the form that comes out is
read in index notation: what the page says of an equation is what the prover's rule does. Equations that only make a
number, or change nothing but the shape's ones, are folded into those that use them.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jax import export

from jaxiom.cases import Case, trace_cases
from jaxiom.claims import Claim
from jaxiom.decide import MOST_ORDERS, Orders, factor_orders
from jaxiom.errors import JaxiomError
from jaxiom.interpret import Table, interpret
from jaxiom.jaxprs import CALLS, Closed, Equation, inner_jaxpr, user_line
from jaxiom.polyhedra.axes import plus
from jaxiom.polyhedra.equality import simplest
from jaxiom.polyhedra.form import Form, Missing, Sizes, tensor
from jaxiom.polyhedra.polynomial import Atom, Polynomial
from jaxiom.polyhedra.reading import Expression
from jaxiom.polyhedra.revealing import read_all
from jaxiom.polyhedra.world import World, budget
from jaxiom.polyhedra.writing import letters
from jaxiom.reports.notation import (
    Factored,
    Names,
    Pieces,
    entry,
    factor,
    internal,
    shape_latex,
    size_latex,
    sum_pieces,
    within_case,
)
from jaxiom.rules.polyhedral import Polyhedral
from jaxiom.signature import Signature
from jaxiom.sizes import Shape
from jaxiom.trace import Scope, shape_of

Tensors = dict[str, tuple[Sizes, ...]]
NAMES = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True)
class Line:
    """One equation: `left` = the sum of `right`; LaTeX."""

    left: str
    right: Pieces
    shape: str
    primitive: str
    source: str


@dataclass(frozen=True)
class Side:
    """One side: its equations, and its outputs composed of the inputs; `stopped` says why there is no more."""

    lines: tuple[Line, ...]
    composed: tuple[Pieces, ...]
    jaxpr: str
    stopped: str = ""


@dataclass(frozen=True)
class Derivation:
    """Both sides in one case of the sizes.

    Attributes:
        words: the case, "" for the general one.
        definitions: sizes that got a name here, as LaTeX.
        named: the same, by name, and those that turned out not to be needed.
        difference: lhs - rhs, an entry for each output; none where it could not be formed.
        expressions: the same, to compute with.
    """

    words: str
    definitions: tuple[str, ...]
    named: Mapping[str, Polynomial]
    lhs: Side
    rhs: Side
    difference: tuple[Factored, ...]
    expressions: tuple[Expression, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no rule stopped."""
        return not (self.lhs.stopped or self.rhs.stopped)


def derive(claim: Claim) -> list[Derivation]:
    """The derivation, case by case.

    Raises:
        JaxiomError: the claim cannot be traced.
    """
    signature = claim.signature
    return [derive_case(signature, case) for case in trace_cases(claim.lhs, claim.rhs, signature)]


@dataclass(frozen=True, kw_only=True)
class NamedSizes(Scope):
    """A scope in which sizes with floors, remainders and maxima have names, so that formulas stay short.

    The names stand for any whole numbers: what is derived of all of them holds for the sizes that they are.
    """

    plain: Scope
    named: Mapping[Polynomial, str]

    def size(self, dim: Any) -> Polynomial:
        size = self.plain.size(dim)
        return Polynomial.variable(self.named[size]) if size in self.named else size


def name_sizes(case: Case) -> dict[Polynomial, str]:
    """A name g1, g2, ... for every size of both programs that is not a polynomial."""
    taken = set(case.sizes.names)
    pool = (name for name in (f"g{i}" for i in itertools.count(1)) if name not in taken)
    world = World(case.sizes.names, case.sizes.domain)
    found: dict[Polynomial, str] = {}
    for dim in itertools.chain(dims(case.lhs.closed), dims(case.rhs.closed)):
        size = case.scope.size(dim)
        if size not in found and any(isinstance(v, Atom) for v in world.simplify(size).variables):
            found[size] = next(pool)
    return found


def dims(closed: Closed) -> Iterator[Any]:
    """The symbolic sizes in a program: of its arrays, and among its equations' parameters."""
    for equation in closed.jaxpr.eqns:
        if equation.primitive in CALLS:
            yield from dims(inner_jaxpr(equation))
            continue
        shapes = [shape_of(v) for v in (*equation.invars, *equation.outvars)]
        low = [pair[0] for pair in equation.params.get("padding", ())]  # the other end only sets the result's size
        rest = [value for name, value in equation.params.items() if name != "padding"]
        yield from symbolic([shapes, low, rest])


def symbolic(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in value:
            yield from symbolic(item)
    elif export.is_symbolic_dim(value):
        yield value


@dataclass(frozen=True)
class Named:
    """A value of the walk: a tensor by name, or (without one) a number that is written out where it is used.

    `axes` are those that the name was given with: moves that only add or drop axes of size 1, or merge axes, keep it.
    """

    form: Form
    name: str = ""
    axes: tuple[Sizes, ...] = ()


class Deriving(Table[Named]):
    """The polyhedral table, each equation on tensors of its own; what comes out is kept as lines."""

    def __init__(self, rules: Polyhedral, pool: Iterator[str], taken: Sequence[str]):
        self.frame, self.table, self.pool, self.taken = rules, rules.table(), pool, taken
        self.lines: list[Line] = []
        self.source = ""
        super().__init__("derivation", self.table.rules, self.number, lambda step, value, aval: None)

    def number(self, value: Any, aval: Any) -> Named:
        return Named(self.table.literal(value, aval))

    def apply(self, equation: Equation, operands: Sequence[Named], caller: str = "") -> tuple[Named, ...]:
        self.source = user_line(equation) or caller
        names = list(dict.fromkeys(o.name for o in operands))
        fresh = [self.fresh(internal(names.index(o.name), o.name), o.form) if o.name else o.form for o in operands]
        tensors: Tensors = {internal(names.index(o.name), o.name): o.axes for o in operands if o.name}
        results = self.table.apply(equation, fresh, caller)
        return tuple(self.keep(equation, i, r, operands, fresh, tensors) for i, r in enumerate(results))

    def fresh(self, name: str, form: Form) -> Form:
        return tensor(self.frame.world, name, form.axes)

    def keep(
        self,
        equation: Equation,
        at: int,
        result: Form,
        operands: Sequence[Named],
        fresh: Sequence[Form],
        tensors: Mapping[str, tuple[Sizes, ...]],
    ) -> Named:
        """The result under a name, with its line; as it is where that would say nothing."""
        if isinstance(result, Missing) or not any(t.monomial for t in result.terms):
            return Named(result)
        for operand, form in zip(operands, fresh, strict=True):
            if form.atoms == result.atoms and form.terms == result.terms:
                return replace(operand, form=replace(operand.form, axes=result.axes))
        name, world = next(self.pool), self.frame.world
        known = {**tensors, **self.frame.constants}
        expression = within_case(world, read_all(world, self.frame.opaques, result, result.terms, known))
        letters_of = Names.of(expression, [*self.taken, name])
        shape = [self.frame.size(d) for d in shape_of(equation.outvars[at])]
        self.lines.append(
            Line(
                entry(name, expression, letters_of),
                sum_pieces(expression, letters_of),
                shape_latex(shape),
                equation.primitive.name,
                place(self.source),
            )
        )
        return Named(self.fresh(name, result), name, result.axes)


def place(source: str) -> str:
    """The file's name and the line, of `path:line:column (function)`.

    >>> place("/home/me/proofs/linearity.py:23:16 (additive)")
    'linearity.py:23'
    """
    match = re.match(r"(?:.*[/\\\\])?([^/\\\\]+?:\d+)", source)
    return match[1] if match else source


def derive_case(signature: Signature, case: Case) -> Derivation:
    """Both sides of a case: with names for awkward sizes, or without where the rules need to know what they are."""
    first: Derivation | None = None
    for orders in itertools.islice(factor_orders(signature), MOST_ORDERS):
        for naming in (True, False):
            found = Attempt(signature, case, orders, naming).derive()
            if found.complete:
                return found
            first = first or found
    assert first is not None
    return first


class Attempt:
    """The derivation of one case, with the factors of the inputs' axes in one order."""

    def __init__(self, signature: Signature, case: Case, orders: Orders, naming: bool):
        self.case, self.named = case, name_sizes(case) if naming else {}
        self.world = World((*case.sizes.names, *self.named.values()), case.sizes.domain)
        self.world.domain = self.world.domain.align_params(self.world.condition("true").get_space())
        scope = NamedSizes(**vars(case.scope), plain=case.scope, named=self.named)
        self.rules = Polyhedral(self.world, scope)
        self.axes: Tensors = {}
        for leaf in signature.leaves:
            if isinstance(leaf.shape, Shape):
                pairs = zip(leaf.shape.axes, orders[leaf.name], strict=True)
                self.axes[leaf.name] = tuple(
                    tuple(axis.factors[i] for i in order if not self.world.is_one(axis.factors[i]))
                    for axis, order in pairs
                )
        self.taken = [*self.axes, *self.world.parameters]
        upper = {name.upper() for name in self.taken}
        self.pool = letters("".join(n for n in NAMES if n not in upper), set(self.taken))

    def derive(self) -> Derivation:
        lhs, left = self.side(self.case.lhs.closed)
        rhs, right = self.side(self.case.rhs.closed)
        found: list[tuple[Factored, Expression]] = []
        if left and right:
            with contextlib.suppress(JaxiomError), budget():
                found = [self.difference(a, b) for a, b in zip(left, right, strict=True)]
        differences, expressions = tuple(f for f, _ in found), tuple(e for _, e in found)
        named = {name: size for size, name in self.named.items()}
        return Derivation(self.case.words, self.definitions(lhs, rhs), named, lhs, rhs, differences, expressions)

    def definitions(self, *sides: Side) -> tuple[str, ...]:
        """What the names stand for, of those that are used."""
        used = "".join(line.shape + "".join(line.right) for side in sides for line in side.lines)
        shown = {size_latex(name): size_latex(size) for size, name in self.named.items()}
        return tuple(f"{name} = {size}" for name, size in shown.items() if name in used)

    def side(self, closed: Closed) -> tuple[Side, list[Form]]:
        """One side's equations, and its outputs as forms of the inputs; none where a rule stopped."""
        deriving = Deriving(self.rules, self.pool, self.taken)
        composed: list[Form] = []
        pieces: list[Pieces] = []
        stopped = ""
        try:
            with budget():
                inputs = [Named(deriving.fresh(name, Form(axes, ())), name, axes) for name, axes in self.axes.items()]
                interpret(deriving, closed, inputs)
                composed = interpret(self.rules.table(), closed, self.inputs())
                pieces = [self.composed(form) for form in composed]
        except JaxiomError as error:
            stopped, composed = str(error), []
        return Side(tuple(deriving.lines), tuple(pieces), str(closed), stopped), composed

    def inputs(self) -> list[Form]:
        return [tensor(self.world, internal(i, name), axes) for i, (name, axes) in enumerate(self.axes.items())]

    def expression(self, form: Form) -> Expression:
        tensors = {internal(i, name): axes for i, (name, axes) in enumerate(self.axes.items())}
        known = {**tensors, **self.rules.constants}
        terms = simplest(self.world, form)
        return within_case(self.world, read_all(self.world, self.rules.opaques, form, terms, known))

    def composed(self, form: Form) -> Pieces:
        expression = self.expression(form)
        return sum_pieces(expression, Names.of(expression, self.taken))

    def difference(self, left: Form, right: Form) -> tuple[Factored, Expression]:
        expression = self.expression(plus(self.world, left, right.scale(-1)))
        return factor(expression, Names.of(expression, self.taken)), expression
