"""The polyhedral table: each primitive as constraints between the indices of its result and of its operands.

Its rules are written apart from the explicit ones; the prover holds the two against each other.
"""

from functools import partial
from math import inf

import islpy as isl

from jaxiom.interpret import Table
from jaxiom.jaxprs import all_primitives
from jaxiom.polyhedra.form import Form
from jaxiom.rules import polyhedral_addresses as addresses
from jaxiom.rules import polyhedral_arithmetic as arithmetic
from jaxiom.rules import polyhedral_choices as choices
from jaxiom.rules import polyhedral_division as division
from jaxiom.rules import polyhedral_extremes as extremes
from jaxiom.rules import polyhedral_functions as functions
from jaxiom.rules import polyhedral_indices as indices
from jaxiom.rules import polyhedral_moves as moves
from jaxiom.rules import polyhedral_sums as sums
from jaxiom.rules import polyhedral_windows as windows
from jaxiom.rules.frame import Frame

RULES = {
    "add": arithmetic.add,
    "add_any": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "neg": arithmetic.neg,
    "div": indices.div,
    "square": arithmetic.square,
    "integer_pow": division.integer_pow,
    **functions.RULES,
    "convert_element_type": arithmetic.convert_element_type,
    "dim_as_value": arithmetic.dim_as_value,
    "copy": arithmetic.identity,
    "stop_gradient": arithmetic.identity,
    "name": arithmetic.name,
    "device_put": arithmetic.device_put,
    "optimization_barrier": arithmetic.optimization_barrier,
    "is_finite": arithmetic.is_finite,
    "reduce_sum": sums.reduce_sum,
    "dot_general": sums.dot_general,
    "conv_general_dilated": sums.conv_general_dilated,
    "broadcast_in_dim": moves.broadcast_in_dim,
    "transpose": moves.transpose,
    "reshape": moves.reshape,
    "squeeze": moves.squeeze,
    "pad": moves.pad,
    "slice": moves.slice,
    "rev": moves.rev,
    "concatenate": moves.concatenate,
    "split": moves.split_axis,
    "stack": moves.stack,
    "unstack": moves.unstack,
    "tile": moves.tile,
    "iota": indices.iota,
    "eq": choices.comparison("="),
    "ne": choices.comparison("!="),
    "lt": choices.comparison("<"),
    "le": choices.comparison("<="),
    "gt": choices.comparison(">"),
    "ge": choices.comparison(">="),
    "and": choices.logic(isl.Set.intersect),
    "or": choices.logic(isl.Set.union),
    "xor": choices.logic(lambda a, b: a.union(b).subtract(a.intersect(b))),
    "not": choices.logical_not,
    "max": extremes.of_two("_v = max(_a0, _a1)", functions.larger, without=-inf),
    "min": extremes.of_two("_v = min(_a0, _a1)", functions.smaller, without=inf),
    "rem": indices.by_number(indices.remainder),
    "sign": indices.sign,
    "clamp": indices.clamp,
    "select_n": choices.select_n,
    "reduce_and": choices.reduce_and,
    "reduce_or": choices.reduce_or,
    "reduce_max": extremes.extreme(True, indices.reduce_max),
    "reduce_min": extremes.extreme(False, indices.reduce_min),
    "argmax": indices.argmax,
    "argmin": indices.argmin,
    "cumsum": indices.cumsum,
    "reduce_window_sum": windows.reduce_window_sum,
    "reduce_window_max": windows.reduce_window_max,
    "reduce_window_min": windows.reduce_window_min,
    "dynamic_slice": addresses.dynamic_slice,
    "dynamic_update_slice": addresses.dynamic_update_slice,
    "gather": addresses.gather,
    "scatter": addresses.scatter,
    "scatter-add": addresses.scatter_add,
    "scatter-sub": addresses.scatter_sub,
    "scatter-mul": addresses.scatter_mul,
}
"""A line a primitive; each rule is called as rule(frame, step, *operands, **parameters)."""


def polyhedral_table(frame: Frame) -> Table[Form]:
    """The table of the polyhedral interpreter, for one frame."""
    primitives = all_primitives()
    rules = {primitives[name]: partial(rule, frame) for name, rule in RULES.items()}
    return Table("polyhedral", rules, frame.literal, frame.check)


class Polyhedral(Frame):
    """A frame with its table."""

    def table(self) -> Table[Form]:
        return polyhedral_table(self)
