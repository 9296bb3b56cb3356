"""The explicit interpreter: exact arithmetic at given sizes. Slow, and meant to be obviously right.

It is the oracle of the project: what "refuted" means, and what every "proved" is checked against. Its rules share no
code with those of the other interpreters. The meaning is over the reals: no rounding, no overflow; a float in the
program is the binary fraction that it is.
"""

import numpy as np
from jax import lax
from jax.extend.core import primitives as prims

from jaxiom.interpret import Rule, Table
from jaxiom.jaxprs import Primitive, dim_as_value_p
from jaxiom.rules import explicit_arithmetic as arithmetic
from jaxiom.rules import explicit_functions as functions
from jaxiom.rules import explicit_moves as moves
from jaxiom.rules import explicit_sums as sums
from jaxiom.rules.explicit_entries import check, literal

RULES: dict[Primitive, Rule] = {
    # entry by entry, letters allowed
    lax.add_p: arithmetic.add,
    prims.add_jaxvals_p: arithmetic.add,
    lax.sub_p: arithmetic.sub,
    lax.mul_p: arithmetic.mul,
    lax.neg_p: arithmetic.neg,
    lax.square_p: arithmetic.square,
    lax.integer_pow_p: arithmetic.integer_pow,
    lax.pow_p: arithmetic.pow_,
    lax.div_p: arithmetic.div,
    lax.select_n_p: arithmetic.select_n,
    lax.convert_element_type_p: arithmetic.convert_element_type,
    lax.reduce_precision_p: arithmetic.reduce_precision,
    # entry by entry, on numbers
    lax.rem_p: arithmetic.rem,
    lax.max_p: arithmetic.max_,
    lax.min_p: arithmetic.min_,
    lax.abs_p: arithmetic.abs_,
    lax.sign_p: arithmetic.sign,
    lax.clamp_p: arithmetic.clamp,
    lax.floor_p: arithmetic.floor,
    lax.ceil_p: arithmetic.ceil,
    lax.round_p: arithmetic.round_,
    lax.is_finite_p: arithmetic.is_finite,
    lax.eq_p: arithmetic.eq,
    lax.ne_p: arithmetic.ne,
    lax.lt_p: arithmetic.lt,
    lax.le_p: arithmetic.le,
    lax.gt_p: arithmetic.gt,
    lax.ge_p: arithmetic.ge,
    lax.and_p: arithmetic.and_,
    lax.or_p: arithmetic.or_,
    lax.xor_p: arithmetic.xor,
    lax.not_p: arithmetic.not_,
    lax.shift_left_p: arithmetic.shift_left,
    lax.shift_right_logical_p: arithmetic.shift_right_logical,
    lax.shift_right_arithmetic_p: arithmetic.shift_right_arithmetic,
    # functions whose values are not rational: in intervals, on numbers
    **functions.RULES,
    # moves
    lax.copy_p: moves.identity,
    prims.stop_gradient_p: moves.identity,
    prims.name_p: moves.name,
    lax.device_put_p: moves.device_put,
    lax.optimization_barrier_p: moves.optimization_barrier,
    dim_as_value_p: moves.dim_as_value,
    lax.broadcast_in_dim_p: moves.broadcast_in_dim,
    lax.transpose_p: moves.transpose,
    lax.reshape_p: moves.reshape,
    lax.squeeze_p: moves.squeeze,
    lax.pad_p: moves.pad,
    lax.slice_p: moves.slice_,
    lax.rev_p: moves.rev,
    lax.concatenate_p: moves.concatenate,
    lax.stack_p: moves.stack,
    lax.unstack_p: moves.unstack,
    lax.tile_p: moves.tile,
    lax.split_p: moves.split,
    lax.iota_p: moves.iota,
    lax.dynamic_slice_p: moves.dynamic_slice,
    lax.dynamic_update_slice_p: moves.dynamic_update_slice,
    lax.gather_p: moves.gather,
    # many into one
    lax.reduce_sum_p: sums.reduce_sum,
    lax.reduce_prod_p: sums.reduce_prod,
    lax.reduce_max_p: sums.reduce_max,
    lax.reduce_min_p: sums.reduce_min,
    lax.argmax_p: sums.argmax,
    lax.argmin_p: sums.argmin,
    lax.reduce_and_p: sums.reduce_and,
    lax.reduce_or_p: sums.reduce_or,
    lax.cumsum_p: sums.cumsum,
    lax.cumprod_p: sums.cumprod,
    lax.cummax_p: sums.cummax,
    lax.cummin_p: sums.cummin,
    lax.dot_general_p: sums.dot_general,
    lax.conv_general_dilated_p: sums.conv_general_dilated,
    lax.reduce_window_sum_p: sums.reduce_window_sum,
    lax.reduce_window_max_p: sums.reduce_window_max,
    lax.reduce_window_min_p: sums.reduce_window_min,
    lax.scatter_p: sums.scatter,
    lax.scatter_add_p: sums.scatter_add,
    lax.scatter_sub_p: sums.scatter_sub,
    lax.scatter_mul_p: sums.scatter_mul,
}

EXPLICIT: Table[np.ndarray] = Table("explicit", RULES, literal, check)
