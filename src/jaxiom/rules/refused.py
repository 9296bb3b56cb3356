"""Why a primitive has no rule in the prover.

Every primitive of lax is in a table of rules, written out, walked into, or here: a test holds them together, and
`python -m jaxiom.primitives` prints the page docs/primitives.md.
"""

REASONS: dict[str, str] = {
    "a function that jaxiom knows nothing of": """
        bessel_i0e bessel_i1e cumlogsumexp igamma igamma_grad_a igammac log2 polygamma regularized_incomplete_beta zeta
    """,
    "a choice by the inputs' values; it is piecewise, not polynomial": """
        cummax cummin scatter-max scatter-min select_and_gather_add
        select_and_scatter select_and_scatter_add
    """,
    "a later JAX than 0.10.2 has it": "one_minus_square pbroadcast_dynamic polynomial program_order",
    "it sorts by value: where an entry goes depends on the inputs": "sort top_k approx_top_k",
    "it rounds, and the meaning is over the real numbers": "ceil floor round reduce_precision nextafter",
    "it reads bits, and a real number has none": """
        bitcast_convert_type clz population_count mulhi shift_left shift_right_arithmetic shift_right_logical reduce_xor
    """,
    "a product over an axis: its degree grows with the size": "cumprod reduce_prod",
    "complex numbers; jaxiom reads real ones": "complex conj fft imag real",
    "it divides by what depends on the inputs, or iterates until it converges": """
        cholesky cholesky_update eig eigh geqp3 geqrf hessenberg householder_product lu lu_pivots_to_permutation ormqr
        qr schur svd symmetric_product triangular_solve tridiagonal tridiagonal_solve custom_linear_solve
    """,
    "random bits are integers modulo 2^32; draw them outside and pass them in": """
        random_bits random_fold_in random_gamma random_seed random_split random_unwrap random_wrap rng_bit_generator
        rng_uniform threefry2x32 iota_2x32_shape
    """,
    "how many steps it takes depends on a value; a loop of a known number of steps traces to scan": "while",
    "a loop is written out where its number of steps is a number of at most 64: put a number for that size": "scan",
    "a branch is written out where its operands are plain arrays": "cond",
    "it takes another branch on another platform": "platform_index",
    "it folds by a function that is not +, or begins with a number that is not 0, which XLA may count twice": """
        reduce reduce_window
    """,
    "it speaks between devices, and a claim is about one program": """
        all_gather all_gather_done all_gather_invariant all_gather_reduced all_gather_reduced_start all_gather_start
        all_to_all all_to_all_done all_to_all_start axis_index pbroadcast pbroadcast_done pbroadcast_start pmax pmin
        ppermute ppermute_done ppermute_start precv preduced psend psum psum_done psum_invariant psum_invariant_start
        psum_start ragged_all_to_all reduce_scatter reduce_scatter_done reduce_scatter_start sharding_constraint
        unreduced_psum unreduced_psum_start unreduced_reduce_scatter unreduced_reduce_scatter_start
        unreduced_pmax unreduced_pmin vary_unreduced_cast vary_unreduced_cast_p
    """,
    "how much of it is computed depends on a value": "ragged_dot_general",
    "it scales by block formats that round": "scaled_dot",
    "it reads or writes what can change, or only orders effects": "after_all create_token get swap tie dce_sink stage",
    "it belongs to JAX's own machinery, and no traced function of arrays holds it": """
        composite custom_lin empty empty2 eq_to eval_jaxpr from_edtype le_to lt_to to_edtype
    """,
}
"""Reason -> the names of the primitives that are refused for it."""

REFUSED: dict[str, str] = {name: reason for reason, names in REASONS.items() for name in names.split()}
"""Primitive -> why the prover has no rule for it."""
