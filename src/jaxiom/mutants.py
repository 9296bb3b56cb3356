"""Mutants of a program: one equation of its jaxpr changed, as a function that both the prover and the oracle take.

Called with symbolic sizes (by the prover) a mutant traces the original there and replays the jaxpr, one equation
changed. Called with numbers (by the exact evaluation) it replays the jaxpr of the symbolic case that the numbers belong
to, with the numbers put in: a mutant is one program for all sizes, and the numbering of its equations does not hang on
what JAX leaves out at size 1. Where a change gives a result of another shape, the result is cropped or padded with
zeros at its end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
from jax.export import is_symbolic_dim

from jaxiom.cases import Case, trace_cases
from jaxiom.errors import Unsupported
from jaxiom.jaxprs import CALLS, Closed, Equation, Literal, inner_jaxpr
from jaxiom.mutations import changes
from jaxiom.replay import Replay, Swap, put_in, trace_here
from jaxiom.signature import Signature
from jaxiom.sizes import Axis, Shape, Whole

BRANCH = 2
"""The size at which a mutant branches."""


@dataclass(frozen=True)
class Mutation:
    """A change of one equation; or, with `name`, the results negated where that size is `BRANCH`."""

    kind: str
    detail: str
    swap: Swap | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.swap is None:
            return f"{self.kind}: {self.detail}"
        return f"{self.kind} at equation {self.swap.at}, {self.swap.primitive}: {self.detail}"


@dataclass(frozen=True)
class Program:
    """A function whose jaxpr can be replayed at all the sizes of a signature, one equation changed."""

    function: Callable[..., Any]
    signature: Signature

    @cached_property
    def cases(self) -> list[Case]:
        """The symbolic traces; an integer variable makes one for each of its signs."""
        return list(trace_cases(self.function, self.function, self.signature))

    def mutated(self, mutation: Mutation | None) -> Callable[..., Any]:
        """The mutant; with None the program itself, replayed. It returns the list of its outputs."""

        def run(*arguments: Any) -> list[Any]:
            leaves = jax.tree.leaves(list(arguments))
            arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
            sizes = self.sizes(leaves)
            swap = mutation.swap if mutation is not None else None
            if any(map(is_symbolic_dim, sizes.values())):
                outputs = Replay(lambda dim: dim, swap).run(trace_here(self.function, arguments), arrays)
            else:
                case = next(c for c in self.cases if c.sizes.contains(sizes))
                outputs = Replay(put_in(case, sizes), swap).run(case.lhs.closed, arrays)
            if mutation is not None and mutation.name and sizes[mutation.name] == BRANCH:
                return [-output for output in outputs]
            return outputs

        return run

    def sizes(self, leaves: Sequence[Any]) -> dict[str, Any]:
        """The value of each size, read off the arguments.

        Raises:
            Unsupported: a size that no axis tells.
        """
        found: dict[str, Any] = {}
        for leaf, value in zip(self.signature.leaves, leaves, strict=True):
            if isinstance(leaf.shape, Whole):
                found[leaf.shape.name] = value
                continue
            for axis, dim in zip(leaf.shape.axes, value.shape, strict=True):
                found |= read_off(axis, dim)
        missing = set(self.signature.sizes.names) - set(found)
        if missing:
            raise Unsupported(f"{', '.join(sorted(missing))}: no axis of the inputs tells this size by itself")
        return found

    def mutations(self) -> Iterator[Mutation]:
        """Every mutation of the program, in the order of its equations."""
        closed = self.cases[0].lhs.closed
        avals = [v.aval for v in closed.jaxpr.invars]
        assert len(avals) == sum(isinstance(leaf.shape, Shape) for leaf in self.signature.leaves)
        numbers = {v: i for i, v in enumerate(closed.jaxpr.invars)}
        for at, (equation, operands, before) in enumerate(flattened(closed, numbers, list(avals))):
            for kind, detail, change in changes(equation, operands, before):
                yield Mutation(kind, detail, Swap(at, equation.primitive.name, change))
        for name in self.signature.sizes.names:
            yield Mutation("branch", f"the results negated where {name} is {BRANCH}", name=name)


def read_off(axis: Axis, dim: Any) -> dict[str, Any]:
    """The name that an axis `k*name + c` tells, and its value."""
    size = axis.size
    if len(size.variables) != 1 or not isinstance(name := next(iter(size.variables)), str):
        return {}
    scale, shift = size.terms.get(((name, 1),), 0), size.terms.get((), 0)
    if not scale or len(size.terms) > 2:
        return {}
    return {name: (dim - int(shift)) // int(scale)}


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


def original(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """A function as its mutants are: returning the list of its outputs."""
    return lambda *arguments: jax.tree.leaves(function(*arguments))


def spread(groups: Mapping[str, Sequence[Any]]) -> Iterator[Any]:
    """All entries, one from each group in turn."""
    left = [list(reversed(entries)) for _, entries in sorted(groups.items())]
    while left := [entries for entries in left if entries]:
        for entries in left:
            yield entries.pop()
