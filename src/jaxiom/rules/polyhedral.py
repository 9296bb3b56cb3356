"""The polyhedral table: each primitive as constraints between the indices of its result and of its operands.

Its rules are written apart from the explicit ones; the prover holds the two against each other.
"""

from functools import partial

import islpy as isl

from jaxiom.interpret import Table
from jaxiom.polyhedra.form import Form
from jaxiom.rules import polyhedral_addresses as addresses
from jaxiom.rules import polyhedral_arithmetic as arithmetic
from jaxiom.rules import polyhedral_indices as indices
from jaxiom.rules import polyhedral_moves as moves
from jaxiom.rules import polyhedral_sums as sums
from jaxiom.rules.frame import Frame
from jaxiom.trace import all_primitives

RULES = {
    "add": arithmetic.add,
    "add_any": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "neg": arithmetic.neg,
    "div": indices.div,
    "square": arithmetic.square,
    "integer_pow": arithmetic.integer_pow,
    "convert_element_type": arithmetic.convert_element_type,
    "dim_as_value": arithmetic.dim_as_value,
    "copy": arithmetic.identity,
    "stop_gradient": arithmetic.identity,
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
    "tile": moves.tile,
    "iota": indices.iota,
    "eq": indices.comparison("="),
    "ne": indices.comparison("!="),
    "lt": indices.comparison("<"),
    "le": indices.comparison("<="),
    "gt": indices.comparison(">"),
    "ge": indices.comparison(">="),
    "and": indices.logic(isl.Set.intersect),
    "or": indices.logic(isl.Set.union),
    "xor": indices.logic(lambda a, b: a.union(b).subtract(a.intersect(b))),
    "not": indices.logical_not,
    "max": indices.whole_number("_v = max(_a0, _a1)"),
    "min": indices.whole_number("_v = min(_a0, _a1)"),
    "rem": indices.by_number(indices.remainder),
    "sign": indices.sign,
    "clamp": indices.clamp,
    "select_n": indices.select_n,
    "reduce_and": indices.reduce_and,
    "reduce_or": indices.reduce_or,
    "reduce_max": indices.reduce_max,
    "reduce_min": indices.reduce_min,
    "argmax": indices.argmax,
    "argmin": indices.argmin,
    "cumsum": indices.cumsum,
    "reduce_window_sum": indices.reduce_window_sum,
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
