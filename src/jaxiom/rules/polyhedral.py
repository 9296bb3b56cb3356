"""The polyhedral table: each primitive as constraints between the indices of its result and of its operands.

Its rules are written apart from the explicit ones; the prover holds the two against each other.
"""

from functools import partial

from jaxiom.interpret import Table
from jaxiom.polyhedra.form import Form
from jaxiom.rules import polyhedral_arithmetic as arithmetic
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
    "div": arithmetic.div,
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
