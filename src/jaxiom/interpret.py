"""The walk over a jaxpr. Every meaning that jaxiom gives to a program is a table of rules for this one walk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from inspect import Parameter, signature
from typing import Any, Generic, TypeVar

from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.jaxprs import CALLS, Closed, Equation, Literal, Primitive, inner_jaxpr, meaning, user_line
from jaxiom.rules.refused import REFUSED

Value = TypeVar("Value")


@dataclass(frozen=True)
class Step:
    """One equation, as a rule sees it.

    Attributes:
        primitive: the primitive's name, as a jaxpr prints it.
        ins, outs: the abstract values (shape, dtype) of its operands and results.
        line: the user's own `file:line` that made it.
    """

    primitive: str
    ins: tuple[Any, ...]
    outs: tuple[Any, ...]
    line: str

    def refuse(self, why: str) -> Unsupported:
        """The error that says which primitive, where, and why there is no rule for it."""
        return Unsupported(f"{self.primitive} at {self.line}: {why}")

    def expect(self, **parameters: tuple[Any, Any]) -> None:
        """Refuse every parameter, given as name=(came, the one value that the rule can read), that is another."""
        for name, (came, expected) in parameters.items():
            if came is not expected and came != expected:
                raise self.refuse(f"parameter {name}={came} has no rule, only {name}={expected}")


Rule = Callable[..., Any]


class Table(Generic[Value]):
    """One interpreter: what a number means, and a rule for each primitive.

    A rule is called as `rule(step, *operands, **parameters)` and returns one value (or a tuple, where the primitive
    has several results). It names each parameter that it reads; a parameter that it does not name is refused by name.
    """

    def __init__(
        self,
        name: str,
        rules: Mapping[Primitive, Rule],
        literal: Callable[[Any, Any], Value],
        check: Callable[[Step, Value, Any], None],
    ):
        """`literal(value, aval)` gives a number or a constant array its meaning; `check(step, value, aval)` raises
        `InternalDisagreement` where a rule's result does not have the shape that JAX inferred for it."""
        self.name, self.rules, self.literal, self.check = name, dict(rules), literal, check

    def apply(self, equation: Equation, operands: Sequence[Value], caller: str = "") -> tuple[Value, ...]:
        """The results of one equation; `caller` is the user's line that called the program that it is in."""
        step = Step(
            equation.primitive.name,
            tuple(v.aval for v in equation.invars),
            tuple(v.aval for v in equation.outvars),
            user_line(equation) or caller or "a line of JAX's own",
        )
        rule = self.rules.get(equation.primitive)
        if rule is None:
            why = REFUSED.get(step.primitive)
            raise step.refuse(f"the {self.name} interpreter has no rule for this primitive{f': {why}' if why else ''}")
        parameters = meaning(equation)
        refuse_unnamed(step, rule, parameters)
        result = rule(step, *operands, **parameters)
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != len(step.outs):
            raise InternalDisagreement(f"{step.primitive}: {len(results)} results where JAX has {len(step.outs)}")
        for value, aval in zip(results, step.outs, strict=True):
            self.check(step, value, aval)
        return results


def refuse_unnamed(step: Step, rule: Rule, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that the rule does not name: `exp` gained `accuracy` one day."""
    named = keywords(rule.func if isinstance(rule, partial) and not rule.keywords else rule)
    for name in parameters:
        if name not in named:
            raise step.refuse(f"this rule does not know the parameter {name}={parameters[name]}")
    # A default marks a parameter that only some of the supported JAX versions give.
    for name in (n for n, default in named.items() if default is Parameter.empty and n not in parameters):
        raise step.refuse(f"this rule needs the parameter {name}, which this JAX does not give")


@lru_cache(maxsize=1024)
def keywords(rule: Rule) -> Mapping[str, Any]:
    """The parameters that a rule names, with their defaults."""
    return {p.name: p.default for p in signature(rule).parameters.values() if p.kind is Parameter.KEYWORD_ONLY}


def interpret(table: Table[Value], closed: Closed, arguments: Sequence[Value], caller: str = "") -> list[Value]:
    """The results of a closed jaxpr on values of one interpreter; calls (jit, remat, custom_jvp) are walked into."""
    jaxpr = closed.jaxpr
    if len(arguments) != len(jaxpr.invars):
        raise InternalDisagreement(f"{len(arguments)} values for {len(jaxpr.invars)} inputs")
    env: dict[Any, Value] = {}

    def read(atom: Any) -> Value:
        return table.literal(atom.val, atom.aval) if isinstance(atom, Literal) else env[atom]

    def write(variable: Any, value: Value) -> None:
        if variable in env:
            raise InternalDisagreement(f"{variable} is assigned twice")
        env[variable] = value

    for variable, constant in zip(jaxpr.constvars, closed.consts, strict=True):
        write(variable, table.literal(constant, variable.aval))
    for variable, value in zip(jaxpr.invars, arguments, strict=True):
        write(variable, value)
    for equation in jaxpr.eqns:
        operands = [read(a) for a in equation.invars]
        if equation.primitive in CALLS:
            results: Sequence[Value] = interpret(table, inner_jaxpr(equation), operands, user_line(equation) or caller)
        else:
            results = table.apply(equation, operands, caller)
        for variable, value in zip(equation.outvars, results, strict=True):
            write(variable, value)
    return [read(a) for a in jaxpr.outvars]
