"""The polyhedral rules of exp, sqrt and the like: opaque where nothing more is known, else written by others.

A function that is another one by definition is read as that one: logistic(x) is 1/(1 + exp(-x)), rsqrt 1/sqrt,
max(a, b) (a + b + |a - b|)/2.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import plus
from jaxiom.polyhedra.form import Form, scalar, spread
from jaxiom.rules.applications import applied, certainly_positive, constant_value
from jaxiom.rules.frame import Frame
from jaxiom.rules.polyhedral_arithmetic import match, times
from jaxiom.rules.polyhedral_division import reciprocal, whole_power

Meaning = Callable[[Frame, Step, Form], Form]


def constant(on: Frame, like: Form, value: Fraction | int) -> Form:
    """A number in every entry."""
    return spread(on.world, scalar(on.world, value), like.axes, ())


def shifted(on: Frame, x: Form, by: int) -> Form:
    return plus(on.world, x, constant(on, x, by))


def opaque(name: str) -> Meaning:
    return lambda on, step, x: applied(on, name, x)


def log1p(on: Frame, step: Step, x: Form) -> Form:
    return applied(on, "log", shifted(on, x, 1))


def expm1(on: Frame, step: Step, x: Form) -> Form:
    return shifted(on, applied(on, "exp", x), -1)


def logistic(on: Frame, step: Step, x: Form) -> Form:
    return reciprocal(on, step, shifted(on, applied(on, "exp", x.scale(-1)), 1))


def rsqrt(on: Frame, step: Step, x: Form) -> Form:
    return reciprocal(on, step, applied(on, "sqrt", x))


def tan(on: Frame, step: Step, x: Form) -> Form:
    return times(on, applied(on, "sin", x), reciprocal(on, step, applied(on, "cos", x)))


def erfc(on: Frame, step: Step, x: Form) -> Form:
    return shifted(on, applied(on, "erf", x), -1).scale(-1)


def function(meaning: Meaning) -> Rule:
    """A function of one argument without parameters."""

    def rule(on: Frame, step: Step, x: Form) -> Form:
        return meaning(on, step, x)

    return rule


def approximable(meaning: Meaning) -> Rule:
    """A function of one argument for which a program may ask for less accuracy."""

    def rule(on: Frame, step: Step, x: Form, *, accuracy: Any) -> Form:
        step.expect(accuracy=(accuracy, None))
        return meaning(on, step, x)

    return rule


def absolute(on: Frame, step: Step, x: Form) -> Form:
    for same in (x, x.scale(-1)):
        if certainly_positive(on, same):
            return same
    return applied(on, "abs", x)


def power(on: Frame, step: Step, base: Form, exponent: Form) -> Form:
    """A power: of a known exponent that is a whole number or half of one by products and roots, else opaque."""
    base, exponent = match(on, step, base, exponent)
    number = constant_value(on, exponent)
    if number is not None and number.denominator == 1:
        return whole_power(on, step, base, int(number))
    if number is not None and number.denominator == 2:
        return whole_power(on, step, applied(on, "sqrt", base), number.numerator)
    return applied(on, "pow", base, exponent)


def atan2(on: Frame, step: Step, y: Form, x: Form) -> Form:
    return applied(on, "atan2", *match(on, step, y, x))


def larger(on: Frame, step: Step, a: Form, b: Form) -> Form:
    """The maximum of two real tensors of one shape."""
    distance = applied(on, "abs", plus(on.world, a, b.scale(-1)))
    return plus(on.world, plus(on.world, a, b), distance).scale(Fraction(1, 2))


def smaller(on: Frame, step: Step, a: Form, b: Form) -> Form:
    return larger(on, step, a.scale(-1), b.scale(-1)).scale(-1)


def sign(on: Frame, step: Step, x: Form) -> Form:
    if certainly_positive(on, x):
        return constant(on, x, 1)
    below = applied(on, "positive", x.scale(-1))
    return plus(on.world, applied(on, "positive", x), below.scale(-1))


RULES: dict[str, Rule] = {
    "exp": approximable(opaque("exp")),
    "exp2": approximable(opaque("exp2")),
    "log": approximable(opaque("log")),
    "log1p": approximable(log1p),
    "expm1": approximable(expm1),
    "sqrt": approximable(opaque("sqrt")),
    "rsqrt": approximable(rsqrt),
    "cbrt": approximable(opaque("cbrt")),
    "logistic": approximable(logistic),
    "tanh": approximable(opaque("tanh")),
    "sin": approximable(opaque("sin")),
    "cos": approximable(opaque("cos")),
    "tan": approximable(tan),
    "asin": function(opaque("asin")),
    "acos": function(opaque("acos")),
    "atan": function(opaque("atan")),
    "sinh": function(opaque("sinh")),
    "cosh": function(opaque("cosh")),
    "asinh": function(opaque("asinh")),
    "acosh": function(opaque("acosh")),
    "atanh": function(opaque("atanh")),
    "erf": function(opaque("erf")),
    "erfc": function(erfc),
    "erf_inv": function(opaque("erf_inv")),
    "lgamma": function(opaque("lgamma")),
    "digamma": function(opaque("digamma")),
    "abs": function(absolute),
    "pow": power,
    "atan2": atan2,
}
"""A line a primitive."""
