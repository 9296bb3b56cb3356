"""Exact rules for exp, sqrt and the like: rational where the value is known to be, else a rigorous interval."""

from typing import Any

import numpy as np
from jax import lax

from jaxiom.interpret import Rule, Step
from jaxiom.jaxprs import Primitive
from jaxiom.rules import balls
from jaxiom.rules.explicit_entries import elementwise, finite, value


def function(name: str) -> Rule:
    """A function of one argument without parameters."""

    def rule(step: Step, operand: np.ndarray) -> np.ndarray:
        finite(step, operand)
        return elementwise(lambda entry: balls.value(name, value(step, entry)), operand)

    return rule


def approximable(name: str) -> Rule:
    """A function of one argument for which a program may ask for less accuracy."""
    plain = function(name)

    def rule(step: Step, operand: np.ndarray, *, accuracy: Any) -> np.ndarray:
        step.expect(accuracy=(accuracy, None))
        return plain(step, operand)

    return rule


def of_two(name: str) -> Rule:
    """A function of two arguments."""

    def rule(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        finite(step, left, right)
        return elementwise(lambda a, b: balls.value(name, value(step, a), value(step, b)), left, right)

    return rule


RULES: dict[Primitive, Rule] = {
    lax.exp_p: approximable("exp"),
    lax.exp2_p: approximable("exp2"),
    lax.log_p: approximable("log"),
    lax.log1p_p: approximable("log1p"),
    lax.expm1_p: approximable("expm1"),
    lax.sqrt_p: approximable("sqrt"),
    lax.rsqrt_p: approximable("rsqrt"),
    lax.cbrt_p: approximable("cbrt"),
    lax.logistic_p: approximable("logistic"),
    lax.tanh_p: approximable("tanh"),
    lax.sin_p: approximable("sin"),
    lax.cos_p: approximable("cos"),
    lax.tan_p: approximable("tan"),
    lax.asin_p: function("asin"),
    lax.acos_p: function("acos"),
    lax.atan_p: function("atan"),
    lax.sinh_p: function("sinh"),
    lax.cosh_p: function("cosh"),
    lax.asinh_p: function("asinh"),
    lax.acosh_p: function("acosh"),
    lax.atanh_p: function("atanh"),
    lax.erf_p: function("erf"),
    lax.erfc_p: function("erfc"),
    lax.erf_inv_p: function("erf_inv"),
    lax.lgamma_p: function("lgamma"),
    lax.digamma_p: function("digamma"),
    lax.atan2_p: of_two("atan2"),
}
