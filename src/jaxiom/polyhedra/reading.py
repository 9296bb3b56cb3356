"""Reading a form: index notation with the accesses written out, and sums that do not meet taken apart.

A term's set is solved for as many indices as its equalities pin. Indices of different tensors that no constraint ties
together are separate sums, so a six-fold sum reads as a product of smaller ones: each is a way for it to vanish.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.conditions import Condition, find_window, holds, implied, reads_well
from jaxiom.polyhedra.form import Form, Sizes, Term
from jaxiom.polyhedra.opaque import is_opaque
from jaxiom.polyhedra.polynomial import Polynomial, Variable, cancel, lift
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World
from jaxiom.polyhedra.zero import Row, rows


@dataclass(frozen=True)
class Access:
    """A tensor at index expressions, grouped by its axes; of an opaque tensor also what it is made of."""

    tensor: str
    indices: tuple[tuple[Polynomial, ...], ...]
    made: "Made | None" = None

    @property
    def variables(self) -> frozenset[Variable]:
        return frozenset[Variable]().union(*(e.variables for axis in self.indices for e in axis))

    def substitute(self, values: Mapping[Variable, Polynomial]) -> "Access":
        return replace(self, indices=tuple(tuple(e.substitute(values) for e in axis) for axis in self.indices))


@dataclass(frozen=True)
class Summation:
    """The sum over `indices` of weight · [conditions] · product of accesses and inner summations."""

    indices: tuple[int, ...]
    weight: Polynomial
    conditions: tuple[Condition, ...]
    accesses: tuple[Access, ...]
    inner: tuple["Summation", ...] = ()


@dataclass(frozen=True)
class Summand:
    """coefficient / divisors · [conditions on the output index] · product of summations."""

    coefficient: Polynomial
    divisors: tuple[Polynomial, ...]
    conditions: tuple[Condition, ...]
    factors: tuple[Summation, ...]
    ranges: Mapping[int, Polynomial | None]
    """For each summed index the size it stays below (from 0), where there is one; else its set tells."""
    points: isl.Set
    """The set it came from, for evaluation at given sizes: positions are the indices' numbers."""


@dataclass(frozen=True)
class Expression:
    """A tensor in closed form: a sum of summands; the output's indices are 0 .. len(atoms) - 1."""

    axes: tuple[Sizes, ...]
    summands: tuple[Summand, ...]
    tensors: Mapping[str, tuple[Sizes, ...]]

    @property
    def outputs(self) -> int:
        return sum(map(len, self.axes))


@dataclass(frozen=True, eq=False)
class Made:
    """An opaque tensor as a function of closed forms over the same output indices, and over the last `over` of these
    besides."""

    function: str
    arguments: tuple[Expression, ...]
    over: int = 0


def read(world: World, form: Form, terms: Sequence[Term], tensors: Mapping[str, tuple[Sizes, ...]]) -> Expression:
    """The closed form of terms of a form. `tensors` gives each input's axes."""
    found = itertools.chain.from_iterable(read_term(world, form, term, tensors) for term in terms)
    return Expression(form.axes, tuple(found), tensors)


def natural(world: World, form: Form, term: Term, tensors: Mapping[str, tuple[Sizes, ...]]) -> isl.Set:
    """What needs no saying: indices inside their tensors and the output, sizes as given. (An opaque tensor is written
    as what it is made of, so the indices that it has must be said.)"""
    constraints, at = world.box(form.atoms), len(form.atoms)
    for name in term.monomial:
        atoms = list(itertools.chain(*tensors[name]))
        constraints += [] if is_opaque(name) else world.box(atoms, at)
        at += len(atoms)
    return world.set(term.points.dim(SET), constraints).intersect_params(world.domain)


def read_term(world: World, form: Form, term: Term, tensors: Mapping[str, tuple[Sizes, ...]]) -> Iterable[Summand]:
    known = natural(world, form, term, tensors)
    told = term.points.gist(known).coalesce()
    for piece in told.make_disjoint().get_basic_sets() if told.n_basic_set() > 1 else told.get_basic_sets():
        whole = isl.Set.from_basic_set(piece).intersect(known)
        if not whole.is_empty():
            yield read_piece(world, form, term, tensors, piece, whole)


def read_piece(
    world: World,
    form: Form,
    term: Term,
    tensors: Mapping[str, tuple[Sizes, ...]],
    piece: isl.BasicSet,
    whole: isl.Set,
) -> Summand:
    """One convex piece of a term."""
    outputs = len(form.atoms)
    lifted = piece.lift().flatten()
    names = [str(lifted.get_dim_name(isl.dim_type.param, i)) for i in range(lifted.dim(isl.dim_type.param))]
    count = lifted.dim(SET)
    equal, least = affine_rows(lifted, names)
    hull, _ = affine_rows(whole.affine_hull(), names)
    solved, left = solve([*equal, *hull], outputs, count)
    weight = term.weight.substitute(solved)
    divisors = tuple(d.substitute(solved) for d in term.divisors)
    conditions = [Condition(e.substitute(solved), True) for e in left]
    conditions += [Condition(e.substitute(solved), False) for e in least]
    # An equation of sizes that holds is what a case is about, and stays.
    conditions = [c for c in dict.fromkeys(conditions) if c.expression and (c.equality or not holds(world, c))]
    accesses = read_accesses(term, tensors, outputs, solved)
    ranges: dict[int, Polynomial] = {}
    for index in range(outputs, count):
        axis = axis_size(index, accesses, tensors)
        window = find_window(index, conditions, outputs, axis)
        if window is not None and reads_well(world, window, axis):
            start, ranges[index] = window
            swap: dict[Variable, Polynomial] = {index: Polynomial.variable(index) + start}
            weight, divisors = weight.substitute(swap), tuple(d.substitute(swap) for d in divisors)
            accesses = [a.substitute(swap) for a in accesses]
            conditions = [c.substitute(swap) for c in conditions]
            conditions = [c for c in conditions if not implied(c, index, ranges[index])]
    weight, divisors = cancel(weight, divisors)
    return assemble(outputs, weight, divisors, conditions, accesses, tensors, ranges, whole)


def affine_rows(piece: isl.BasicSet, names: Sequence[str]) -> tuple[list[Polynomial], list[Polynomial]]:
    """Equalities and inequalities as polynomials in parameters and positions."""
    moved = piece.move_dims(SET, 0, isl.dim_type.param, 0, len(names))
    variables: list[Variable] = [*names, *range(piece.dim(SET))]

    def polynomial(row: Row) -> Polynomial:
        return lift(row[0]) + sum(
            (Polynomial.variable(v) * a for v, a in zip(variables, row[1:], strict=True) if a), Polynomial()
        )

    equal, least = rows(moved.lift().flatten()) if not has_divs(moved) else ([], [])
    return [polynomial(r) for r in equal], [polynomial(r) for r in least]


def has_divs(piece: isl.BasicSet) -> bool:
    return piece.dim(isl.dim_type.div) > 0


def solve(
    equalities: Sequence[Polynomial], outputs: int, count: int
) -> tuple[dict[Variable, Polynomial], list[Polynomial]]:
    """Solve for summed indices where they have a unit coefficient, preferring y + i to differences.

    Returns the solution and the equalities that are left over.
    """
    solved: dict[Variable, Polynomial] = {}
    left = [e for e in equalities if e]
    while True:
        options = [
            (cost(expression), position, i, expression)
            for i, equality in enumerate(left)
            for position in range(outputs, count)
            if (expression := isolate(equality, position)) is not None
        ]
        if not options:
            return solved, left
        _, position, _, expression = min(options, key=lambda o: o[:3])
        swap: dict[Variable, Polynomial] = {position: expression}
        solved = {v: e.substitute(swap) for v, e in solved.items()} | swap
        left = [e for equality in left if (e := equality.substitute(swap))]


def isolate(equality: Polynomial, position: int) -> Polynomial | None:
    coefficient = equality.terms.get(((position, 1),), None)
    if coefficient is None or abs(coefficient) != 1:
        return None
    return Polynomial.variable(position) - equality * coefficient


def cost(expression: Polynomial) -> tuple[int, int]:
    """How awkward an index expression is: minus signs, then length."""
    return sum(c < 0 for p, c in expression.terms.items() if p), -len(expression.terms)


def read_accesses(
    term: Term, tensors: Mapping[str, tuple[Sizes, ...]], outputs: int, solved: Mapping[Variable, Polynomial]
) -> list[Access]:
    found, at = [], outputs
    for name in term.monomial:
        axes = []
        for sizes in tensors[name]:
            axes.append(tuple(solved.get(p, Polynomial.variable(p)) for p in range(at, at + len(sizes))))
            at += len(sizes)
        found.append(Access(name, tuple(axes)))
    return found


def assemble(
    outputs: int,
    weight: Polynomial,
    divisors: tuple[Polynomial, ...],
    conditions: Sequence[Condition],
    accesses: Sequence[Access],
    tensors: Mapping[str, tuple[Sizes, ...]],
    ranges: Mapping[int, Polynomial],
    whole: isl.Set,
) -> Summand:
    """Take apart what no summed index ties together."""

    def bound(variables: Iterable[Variable]) -> frozenset[int]:
        return frozenset(v for v in variables if isinstance(v, int) and v >= outputs)

    if any(bound(d.variables) for d in divisors):
        raise Undecidable("a divisor depends on an index that is summed over")
    inner_weight = weight if bound(weight.variables) else lift(1)
    items = [bound(a.variables) for a in accesses] + [bound(c.expression.variables) for c in conditions]
    items += [bound(inner_weight.variables)]
    everything: frozenset[int] = frozenset[int]().union(*items)
    factors = []
    for indices in components(items):
        factors.append(
            summation(
                indices,
                inner_weight if bound(inner_weight.variables) & indices else lift(1),
                [c for c in conditions if bound(c.expression.variables) & indices],
                [a for a in accesses if bound(a.variables) & indices],
                outputs,
            )
        )
    for access in accesses:
        if not bound(access.variables):
            factors.append(Summation((), lift(1), (), (access,)))
    return Summand(
        weight if inner_weight == 1 or not bound(weight.variables) else lift(1),
        divisors,
        tuple(c for c in conditions if not bound(c.expression.variables)),
        tuple(sorted(factors, key=lambda f: [a.tensor for a in leaves(f)])[::-1]),
        {v: ranges.get(v) or axis_size(v, accesses, tensors) for v in everything},
        whole,
    )


def leaves(factor: Summation) -> list[Access]:
    """All accesses of a summation."""
    return [*factor.accesses, *itertools.chain.from_iterable(leaves(s) for s in factor.inner)]


def components(items: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """The connected components of sets that share elements."""
    found: list[frozenset[int]] = []
    for item in items:
        if item:
            touching = [g for g in found if g & item]
            found = [g for g in found if not g & item] + [item.union(*touching)]
    return found


def summation(
    indices: frozenset[int],
    weight: Polynomial,
    conditions: Sequence[Condition],
    accesses: Sequence[Access],
    outputs: int,
) -> Summation:
    """One connected sum, the indices that only one tensor has summed inside."""
    shared = frozenset(weight.variables).union(*(c.expression.variables for c in conditions))
    outer: list[Access] = []
    inner: list[Summation] = []
    remaining = set(indices)
    for i, access in enumerate(accesses):
        others = frozenset[Variable]().union(*(b.variables for j, b in enumerate(accesses) if j != i))
        private = {v for v in access.variables - others - shared if isinstance(v, int) and v >= outputs}
        if private and len(accesses) > 1:
            inner.append(Summation(tuple(sorted(private)), lift(1), (), (access,)))
            remaining -= private
        else:
            outer.append(access)
    return Summation(tuple(sorted(remaining)), weight, tuple(conditions), tuple(outer), tuple(inner))


def axis_size(position: int, accesses: Sequence[Access], tensors: Mapping[str, tuple[Sizes, ...]]) -> Polynomial | None:
    """The size of the axis that an index runs over by itself."""
    plain = Polynomial.variable(position)
    for access in accesses:
        for sizes, indices in zip(tensors[access.tensor], access.indices, strict=True):
            for size, index in zip(sizes, indices, strict=True):
                if index == plain:
                    return size
    return None
