"""`prove`: what a verdict holds, and the guards of the design, each with a claim that slips through without it."""

import contextlib
import itertools
from fractions import Fraction
from typing import Any

import islpy as isl
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax
from jaxtyping import Float

from jaxiom import prove
from jaxiom.errors import BadInput, BadShape, JaxiomError, Undecidable, Unsupported
from jaxiom.exact import evaluate
from jaxiom.layers import conv
from jaxiom.polyhedra.world import budget
from jaxiom.signature import read_signature
from jaxiom.verdict import Proved, Refuted, Undecided, Verdict
from polyhedra.oracle import small_numbers

LAW = settings(max_examples=25, deadline=None, derandomize=True)
FITS = "h >= kh, w >= kw"
LAYER = {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}
SAME_PROGRAM = "both sides are the same program"


def rows(x: Any) -> Any:
    return x.shape[0]


def project_filters(X: Any, W: Any, Q: Any) -> Any:
    return conv(X, W @ Q)


def project_output(X: Any, W: Any, Q: Any) -> Any:
    return conv(X, W) @ Q


# -- the three verdicts


def test_proved() -> None:
    verdict = prove(project_filters, project_output, given=FITS, shapes=LAYER)
    assert isinstance(verdict, Proved)
    assert verdict.status == "proved"
    assert verdict.difference is not None
    assert verdict.difference.is_zero
    assert verdict.witness is None
    assert verdict.reason == ""
    assert verdict.notes == ()
    assert verdict.seconds > 0
    assert str(verdict) == "proved for n, h, w, c, kh, kw, f, k >= 1; h >= kh; w >= kw"
    assert verdict.sizes.contains({"n": 1, "h": 3, "w": 3, "c": 1, "kh": 3, "kw": 1, "f": 2, "k": 1})
    assert not verdict.sizes.contains({"n": 1, "h": 2, "w": 3, "c": 1, "kh": 3, "kw": 1, "f": 2, "k": 1})


def test_refuted() -> None:
    verdict = prove(lambda x: x.T, lambda x: x, x="n n")
    assert isinstance(verdict, Refuted)
    assert str(verdict.difference) == "x[q, p] - x[p, q]"
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"n": 2}
    assert str(verdict).splitlines()[:2] == ["refuted for n >= 1", "lhs - rhs = x[q, p] - x[p, q]"]


def test_undecided() -> None:
    verdict = prove(lambda x: jnp.sqrt(x) ** 2, lambda x: x, x="n")
    assert isinstance(verdict, Undecided)
    assert "it hangs on sqrt, of which only f(A) = f(B) where A = B is used" in verdict.reason
    assert verdict.witness is None
    assert str(verdict).splitlines()[0] == "undecided for n >= 1"


@pytest.mark.parametrize("kernel", ["VALID", "SAME"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_projecting_filters_is_projecting_outputs(kernel: str, stride: int) -> None:
    verdict = prove(
        lambda X, W, Q: conv(X, W @ Q, stride, kernel),
        lambda X, W, Q: conv(X, W, stride, kernel) @ Q,
        given=FITS,
        shapes=LAYER,
    )
    assert verdict.status == "proved"


def test_and_not_after_centring() -> None:
    verdict = prove(
        lambda X, W, Q: conv(X, (W - W.mean((0, 1, 2))) @ Q), lambda X, W, Q: conv(X, W) @ Q, given=FITS, shapes=LAYER
    )
    assert verdict.status == "refuted"
    assert str(verdict.difference).startswith("-1/(c·kh·kw)·")


# -- the guard of branches on sizes


def test_a_branch_on_a_size_is_no_theorem_of_the_other_branch() -> None:
    def wrong(x: Any, w: Any) -> Any:
        return 2 * x if w.shape[0] == 1 else x

    verdict = prove(wrong, lambda x, w: x, x="n", w="k")
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes["k"] == 1
    assert prove(wrong, lambda x, w: x, x="n", w="k", given="k >= 2").status == "proved"


def test_the_truth_of_a_remainder_is_asked_both_ways() -> None:
    def wrong(x: Any) -> Any:
        if x.shape[0] % 2:
            return x
        return 2 * x

    verdict = prove(wrong, lambda x: x, x="h")
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"h": 2}
    assert prove(wrong, lambda x: x, x="h", given="h % 2 == 1").status == "proved"
    assert prove(wrong, lambda x: 2 * x, x="h", given="h % 2 == 0").status == "proved"
    assert prove(wrong, lambda x: 2 * x, x="h").status == "refuted"


@pytest.mark.parametrize(
    "truth",
    [
        lambda k: k in {3, 5},
        lambda k: {3: True}.get(k, False),
        lambda k: str(k) == "3",
        lambda k: isinstance(k, int) and k == 7,
    ],
)
def test_what_cannot_be_followed_is_never_proved(truth: Any) -> None:
    assert prove(lambda w: 2 * w if truth(w.shape[0]) else w, lambda w: w, w="k").status != "proved"


# -- the guard of reshapes


def test_an_odd_height_does_not_split_in_pairs() -> None:
    def pairs(x: Any) -> Any:
        return x.reshape(x.shape[0] // 2, 2)

    with pytest.raises(BadShape, match=r'h entries do not fill \(\(h // 2\), 2\) .*Say so in given=: "h % 2 == 0"'):
        prove(pairs, pairs, x="h")
    assert (
        prove(lambda x: pairs(x).sum(1), lambda x: pairs(x) @ jnp.ones(2), x="h", given="h % 2 == 0").status == "proved"
    )


def flat(x: Any) -> Any:
    return x.reshape(x.shape[0] * x.shape[1])


def test_merged_axes_in_the_right_and_in_the_wrong_order() -> None:
    """JAX sorts the factors of a product, so h·w and w·h print alike; the order comes from the operands."""
    assert prove(lambda x: flat(x).sum(), lambda x: flat(x.T).sum(), x="h w").status == "proved"
    wrong = prove(lambda x: flat(x), lambda x: flat(x.T), x="h w")
    assert wrong.status == "refuted"
    assert wrong.witness is not None
    assert prove(lambda x: flat(x), lambda x: flat(x.T), x="h w", given="h == 1").status == "proved"
    patches = {"P": "m kh*kw*c", "W": "kh kw c f"}

    def dense(P: Any, W: Any, order: Any) -> Any:
        a, b, c, f = W.shape
        return P @ W.transpose(*order, 3).reshape(a * b * c, f)

    same = (0, 1, 2)
    for order in itertools.permutations(range(3)):
        verdict = prove(lambda P, W, o=order: dense(P, W, o), lambda P, W: dense(P, W, same), shapes=patches)
        assert verdict.status == ("proved" if order == same else "refuted"), order
        assert verdict.status == "proved" or verdict.witness is not None


# -- the guard of divisors


def test_a_divisor_that_can_be_zero_narrows_the_sizes() -> None:
    verdict = prove(lambda x: x * (rows(x) - 1) / (rows(x) - 1), lambda x: x, x="n")
    assert verdict.status == "proved"
    assert not verdict.sizes.contains({"n": 1})
    assert verdict.sizes.contains({"n": 2})
    assert "n != 1" in str(verdict)
    # where given excludes it, nothing is narrowed
    inside = prove(lambda x: x * (rows(x) - 1) / (rows(x) - 1), lambda x: x, x="n", given="n >= 2")
    assert str(inside) == "proved for n >= 1; n>=2" or "n != 1" not in str(inside)


def test_a_divisor_that_is_always_zero_leaves_nothing() -> None:
    with pytest.raises(Unsupported, match="division by zero"):
        prove(lambda x: x / (rows(x) - 1), lambda x: x, x="n", given="n == 1")
    with pytest.raises(Unsupported, match="zero somewhere"):
        prove(lambda x: x / (rows(x) - rows(x)), lambda x: x, x="n")


def test_narrowing_on_one_side_narrows_the_claim() -> None:
    verdict = prove(lambda x: x, lambda x: x + 0 * (x / (rows(x) - 2)), x="n")
    assert verdict.status == "proved"
    assert [verdict.sizes.contains({"n": n}) for n in (1, 2, 3)] == [True, False, True]


def test_a_witness_is_looked_for_within_what_narrowing_left() -> None:
    verdict = prove(lambda x: x / (rows(x) - 1), lambda x: x, x="n")
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"n": 3}  # at 2 both are x


def test_narrowing_holds_also_where_factors_do_not_line_up() -> None:
    verdict = prove(lambda x: flat(x * (rows(x) - 1) / (rows(x) - 1)), lambda x: flat(x.T), x="n m")
    assert verdict.status == "refuted"


# -- the guard of empty claims


def test_an_output_that_is_empty_for_every_size_is_no_claim() -> None:
    with pytest.raises(BadInput, match="the output is empty for every allowed size: the claim says nothing"):
        prove(lambda x: lax.slice(x, (0,), (0,)), lambda x: lax.slice(2 * x, (0,), (0,)), x="n")
    with pytest.raises(BadInput, match="the output is empty for every allowed size"):
        prove(lambda X, W: conv(X, W), lambda X, W: 2 * conv(X, W), X="1 h 1", W="k 1 1", given="k == h + 1")
    # empty for some sizes is a claim about the others
    cut = prove(lambda x: lax.slice(x, (1,), (rows(x),)), lambda x: lax.slice(2 * x, (1,), (rows(x),)), x="n")
    assert cut.status == "refuted"
    assert cut.witness is not None
    assert cut.witness.sizes == {"n": 2}


def test_a_function_that_returns_nothing_is_no_claim() -> None:
    with pytest.raises(BadShape, match="returns no array"):
        prove(lambda x: None, lambda x: None, x="n")


# -- the zero test that isl does not do


@pytest.mark.parametrize(
    ("weight", "given_", "status"),
    [
        (lambda n: n**2 - 9, "n == 3", "proved"),
        (lambda n: n**2 - 9, "n <= 4", "refuted"),
        (lambda n: (n - 1) * (n - 2) * (n - 3), "n <= 3", "proved"),
        (lambda n: (n - 1) * (n - 2) * (n - 3), "n <= 4", "refuted"),
        (lambda n: 2 * (n // 2) - n, "n % 2 == 0", "proved"),
        (lambda n: 2 * (n // 2) - n, "", "refuted"),
        (lambda n: (n % 3) * (n % 3 - 1) * (n % 3 - 2), "", "proved"),
        (lambda n: (n % 3) * (n % 3 - 1), "", "refuted"),
    ],
)
def test_weights_that_vanish_on_the_allowed_sizes(weight: Any, given_: str, status: str) -> None:
    assert prove(lambda x: x * weight(rows(x)), lambda x: 0 * x, x="n", given=given_).status == status


# -- the guard of conversions


def test_a_conversion_from_float_to_int_truncates() -> None:
    with pytest.raises(
        Unsupported, match=r"convert_element_type at .*test_decide\.py:\d+.*: a conversion from float to int32"
    ):
        prove(lambda x: x.astype(jnp.int32).astype(jnp.float32), lambda x: x, x="n")
    rounded = prove(lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), lambda x: x, x="n")
    assert rounded.status == "proved"
    assert rounded.notes == ("the conversion from float32 to bfloat16 is read as exact",)


# -- the notice of one program on both sides


def scaled(by: Any) -> Any:
    array = np.asarray(by, np.float32)
    return lambda x: x * array


def test_the_same_program_is_noticed() -> None:
    assert SAME_PROGRAM in prove(lambda x: x + x.T, lambda y: y + y.T, x="n n").notes
    assert SAME_PROGRAM in prove(scaled([1, 2, 3]), scaled([1, 2, 3]), x="3").notes


def test_and_no_other() -> None:
    assert SAME_PROGRAM not in prove(lambda x: x + x, lambda x: 2 * x, x="n").notes
    assert SAME_PROGRAM not in prove(lambda x: 2 * x, lambda x: 3 * x, x="n").notes
    # the same text with other constants
    assert SAME_PROGRAM not in prove(scaled([1, 2, 3]), scaled([1, 2, 4]), x="3").notes
    # the same in one branch only
    partly = prove(lambda x: x + x if rows(x) == 3 else 2 * x, lambda x: 2 * x, x="n")
    assert partly.status == "proved"
    assert SAME_PROGRAM not in partly.notes


def test_nor_inside_jit() -> None:
    assert SAME_PROGRAM not in prove(jax.jit(scaled([1, 2, 3])), jax.jit(scaled([1, 2, 4])), x="3").notes


# -- shapes


def test_shapes_are_compared_as_functions_of_the_sizes() -> None:
    up = lambda x: jnp.zeros(((rows(x) - 1) // 2 + 1,)) + x.sum()  # noqa: E731
    other = lambda x: jnp.zeros((-(-rows(x) // 2),)) + x.sum()  # noqa: E731
    assert prove(up, other, x="h").status == "proved"
    with pytest.raises(BadShape, match=r"lhs has shape \(.*\) and rhs \(.*\); they must agree for every allowed size"):
        prove(up, lambda x: jnp.zeros((rows(x) // 2,)) + x.sum(), x="h")
    even = "h % 2 == 0"
    assert prove(up, lambda x: jnp.zeros((rows(x) // 2,)) + x.sum(), x="h", given=even).status == "proved"


@pytest.mark.parametrize(
    ("lhs", "rhs", "text"),
    [
        (lambda x: x, lambda x: x.T, r"lhs has shape \(n, m\) and rhs \(m, n\)"),
        (lambda x: x, lambda x: x.sum(0), r"lhs has shape \(n, m\) and rhs \(m\)"),
        (lambda x: x[None], lambda x: x[:, None], r"lhs has shape \(1, n, m\) and rhs \(n, 1, m\)"),
        (lambda x: (x, x), lambda x: x, "lhs returns 2 arrays, rhs 1"),
        (lambda x: {"a": x, "b": x.T}, lambda x: {"a": x, "b": x}, r"lhs\['b'\] has shape \(m, n\) and rhs\['b'\]"),
    ],
)
def test_shapes_that_differ_are_an_error_and_no_refutation(lhs: Any, rhs: Any, text: str) -> None:
    with pytest.raises(BadShape, match=text):
        prove(lhs, rhs, x="n m")


def test_shapes_that_agree_only_within_given() -> None:
    assert prove(lambda x: x + x.T, lambda x: x.T + x, x="n m", given="n == m").status == "proved"


def test_outputs_of_different_names_are_different_shapes() -> None:
    with pytest.raises(BadShape):
        prove(lambda x, y: {"a": x, "b": y}, lambda x, y: {"b": x, "c": y}, x="n", y="n")


# -- several outputs, pytrees, annotations


def test_several_outputs_are_compared_leaf_by_leaf() -> None:
    good = prove(lambda x: (x + x, {"s": x.sum()}), lambda x: (2 * x, {"s": x.sum(0)}), x="n")
    assert good.status == "proved"
    bad = prove(lambda x: (x + x, {"s": x.sum()}), lambda x: (2 * x, {"s": x.mean()}), x="n")
    assert bad.status == "refuted"
    assert bad.witness is not None
    assert bad.witness.leaf == "[1]['s']"
    assert bad.difference is not None
    assert list(bad.difference.leaves) == ["[0]", "[1]['s']"]


def test_shapes_may_be_pytrees_of_any_names() -> None:
    shapes = {"params": {"dense": {"kernel": "c f", "bias": "f"}}, "given": "n c"}

    def layer(params: Any, x: Any) -> Any:
        return x @ params["dense"]["kernel"] + params["dense"]["bias"]

    assert prove(lambda p, x: layer(p, 2 * x), lambda p, x: 2 * layer(p, x), shapes=shapes).status == "refuted"
    halved = prove(lambda p, x: layer(p, 2 * x), lambda p, x: 2 * layer(p, x) - p["dense"]["bias"], shapes=shapes)
    assert halved.status == "proved"


def test_annotations_in_place_of_shapes() -> None:
    def lhs(X: Float[Array, "n h c"], W: Float[Array, "k c f"], p: int) -> Array:
        return conv(X, W, padding=p)

    def rhs(X: Any, W: Any, p: Any) -> Any:
        return conv(X, W, padding=[(p, p)])

    verdict = prove(lhs, rhs, given="h + 2*p >= k")
    assert verdict.status == "proved"
    assert verdict.sizes.contains({"n": 1, "h": 4, "c": 1, "k": 2, "f": 1, "p": -1})


# -- numbers in the program


def box_filter(number: float) -> Any:
    return lambda X: conv(X, jnp.full((3, 3, 1, 1), number))


def mean_of_nine(X: Any) -> Any:
    return conv(X, jnp.ones((3, 3, 1, 1))) / 9


def test_a_kernel_of_ninths_is_not_a_mean_over_nine() -> None:
    verdict = prove(box_filter(0.11111111), mean_of_nine, X="1 h w 1", given="h >= 3, w >= 3")
    assert verdict.status == "refuted"
    assert verdict.notes[-1].startswith("equal if 0.11111111")
    assert verdict.notes[-1].endswith("is read as 1/9")
    assert verdict.witness is not None
    assert verdict.witness.rhs == Fraction(1, 9)
    assert verdict.witness.lhs == Fraction(float(np.float32(0.11111111)))


def test_the_note_is_given_only_where_that_alone_refutes() -> None:
    apart = prove(box_filter(0.11111111), lambda X: 2 * mean_of_nine(X), X="1 h w 1", given="h >= 3, w >= 3")
    assert apart.status == "refuted"
    assert not any(n.startswith("equal if") for n in apart.notes)
    coarse = prove(box_filter(0.111), mean_of_nine, X="1 h w 1", given="h >= 3, w >= 3")
    assert coarse.status == "refuted"
    assert not any(n.startswith("equal if") for n in coarse.notes)


@pytest.mark.parametrize(
    ("lhs", "rhs", "status"),
    [
        (lambda x: x * 0.5, lambda x: x / 2, "proved"),
        (lambda x: x * 0.1, lambda x: x / 10, "refuted"),
        (lambda x: x * 0.1 * 10, lambda x: x, "refuted"),
        (lambda x: x * 0.25 * 4, lambda x: x, "proved"),
        (lambda x: x * (0.1 + 0.2), lambda x: x * 0.3, "proved"),  # one float32 number, added in Python
        (lambda x: x * 16777217.0, lambda x: x * 16777216.0, "proved"),  # the same float32
        (lambda x: x * 16777216 + x, lambda x: x * 16777216, "refuted"),
        (lambda x: x + 1e30 - 1e30, lambda x: x, "proved"),  # over the reals
        (lambda x: (x + 1) ** 2 - x**2 - 2 * x, lambda x: x**0, "proved"),
    ],
)
def test_numbers_are_exact(lhs: Any, rhs: Any, status: str) -> None:
    assert prove(lhs, rhs, x="n").status == status


def test_large_constants_are_tensors_named_by_their_content() -> None:
    table = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    square = np.random.default_rng(1).standard_normal((10, 10)).astype(np.float32)
    assert (
        prove(lambda x: x @ (table @ jnp.ones(30)), lambda x: (x @ table) @ jnp.ones(30), x="n 20").status == "proved"
    )
    assert prove(lambda x: x @ square, lambda x: x @ square.T, x="n 10").status != "proved"
    scaled_ = prove(lambda x: x @ square, lambda x: 2 * (x @ square), x="n 10")
    assert scaled_.status == "refuted"
    assert prove(lambda x: x * (table - table), lambda x: x * 0, x="20 30").status == "proved"


# -- integer variables


def test_shifts_by_an_integer_variable() -> None:
    def shift(x: Any, p: Any) -> Any:
        return lax.pad(x, 0.0, [(p, -p, 0)])

    there_and_back = prove(lambda x, p: shift(shift(x, p), -p), lambda x, p: x, x="n", p=int)
    assert there_and_back.status == "refuted"
    assert there_and_back.witness is not None
    assert there_and_back.witness.sizes["p"] != 0
    linear = prove(lambda x, p: shift(2 * x, p), lambda x, p: 2 * shift(x, p), x="n", p=int)
    assert linear.status == "proved"
    assert prove(lambda x, p: shift(x, p), lambda x, p: x, x="n", p=int, given="p == 0").status == "proved"


# -- quotients of sizes, and division by zero


def test_the_reciprocal_of_a_size_is_read_as_exact() -> None:
    verdict = prove(lambda x: x.sum() * (1 / rows(x)), lambda x: x.mean(), x="n", given="n >= 3")
    assert verdict.status == "proved"
    assert any("read as exact" in note and "test_decide.py" in note for note in verdict.notes)
    assert not prove(lambda x: x.sum() / rows(x), lambda x: x.mean(), x="n").notes
    assert prove(lambda x: x.sum() * (2 / rows(x)), lambda x: x.mean(), x="n").status == "refuted"


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2 * x if type(rows(x)) is int else x,
        lambda x: x * (0.1 * rows(x)) / (0.1 * rows(x)) if rows(x) > 0 else x,
    ],
)
def test_a_function_that_is_another_at_numbers_is_never_proved(function: Any) -> None:
    verdict = prove(function, lambda x: x, x="n", given="n >= 3")
    assert verdict.status == "undecided" or function(jnp.ones(3)).tolist() == [1, 1, 1]
    assert verdict.status == "proved" or "is not what it is for all sizes" in verdict.reason


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (lambda x, p: x * (1 / p), lambda x, p: x / p),
        (lambda x, p: x / p * p, lambda x, p: x),
        (lambda x, p: x.sum() / p, lambda x, p: x.sum() * 2 / (2 * p)),
    ],
)
def test_an_integer_variable_that_divides_is_not_zero(lhs: Any, rhs: Any) -> None:
    verdict = prove(lhs, rhs, x="n", p=int)
    assert verdict.status == "proved"
    assert verdict.sizes.narrowed == ("p != 0",)
    assert str(verdict).splitlines()[0] == "proved for n >= 1; p any integer; p != 0"
    assert verdict.sizes.contains({"n": 2, "p": -1})
    assert not verdict.sizes.contains({"n": 2, "p": 0})
    assert prove(lambda x, p: 2 * lhs(x, p), rhs, x="n", p=int).status == "refuted"
    with pytest.raises(BadInput, match="divide by zero for every allowed size"):
        prove(lhs, lambda x, p: x * (1 / p), x="n", p=int, given="p == 0")


def test_which_of_two_variables_is_zero() -> None:
    verdict = prove(lambda x, p, q: x / p + q, lambda x, p, q: q + x / p, x="n", p=int, q=int)
    assert verdict.status == "proved"
    assert "not (p = 0 and q >= 1)" in verdict.sizes.narrowed
    assert verdict.sizes.contains({"n": 1, "p": 1, "q": 0})


# -- isl's budget


def test_a_spent_budget_is_undecided() -> None:
    verdict = prove(project_filters, project_output, given=FITS, operations=2000, shapes=LAYER)
    assert verdict.status == "undecided"
    assert "its budget is 2,000 operations" in verdict.reason
    # and the next claim has its own
    assert prove(project_filters, project_output, given=FITS, shapes=LAYER).status == "proved"


def test_a_number_that_isl_cannot_write_for_want_of_operations_is_undecidable() -> None:
    def written_out() -> None:
        number = isl.Val(12345)
        with budget(1):
            with contextlib.suppress(isl.Error):
                isl.Set("{[i]: 0 < i < 9 and exists j: i = 2j}").is_empty()
            number.to_python()

    with pytest.raises(Undecidable, match="its budget is 1 operations"):
        written_out()
    with pytest.raises(TypeError), budget():
        int(None)  # type: ignore[call-overload]


def test_any_budget_gives_a_verdict_and_never_a_wrong_one() -> None:
    for operations in (1, 500, 5_000, 20_000, 50_000):
        assert (
            prove(project_filters, project_output, given=FITS, operations=operations, shapes=LAYER).status != "refuted"
        )
        wrong = prove(lambda x: x.T, lambda x: x, x="n n", operations=operations)
        assert wrong.status != "proved"


# -- bad input


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"x": "n", "given": "m >= 1"}, "names m, which no shape has"),
        ({"x": "n", "given": "n >= 3, n <= 2"}, "no size satisfies"),
        ({"x": "n m", "y": "m"}, "cannot be called with the 2 parameters x, y"),
        ({}, "x: no shape"),
        ({"x": "n ..."}, "no fixed rank"),
        ({"x": 3}, "expected a shape"),
    ],
)
def test_bad_input_is_one_clear_error(arguments: Any, text: str) -> None:
    with pytest.raises(JaxiomError, match=text):
        prove(lambda x: x, lambda x: x, **arguments)


def test_a_function_that_does_not_fit_names_the_side() -> None:
    with pytest.raises(BadInput, match=r"rhs: the function does not run on the shapes \[n, m\]"):
        prove(lambda x: x, lambda x: x @ x, x="n m")
    with pytest.raises(BadInput, match="expected a function"):
        prove(lambda x: x, 3, x="n")  # type: ignore[arg-type]


def test_an_assertion_about_sizes_is_bad_input() -> None:
    def even(x: Any) -> Any:
        assert rows(x) % 2 == 0
        return x

    with pytest.raises(BadInput, match=r"lhs: .* AssertionError.*it asks whether mod\(n, 2\) == 0 .* given="):
        prove(even, lambda x: x, x="n")
    assert prove(even, lambda x: x, x="n", given="n % 2 == 0").status == "proved"


# -- a law: no verdict contradicts exact evaluation


steps = st.sampled_from(
    [
        ("flip", lambda x, a: jnp.flip(x, a % 2)),
        ("scale", lambda x, a: (a + 1) * x),
        ("centre", lambda x, a: x - x.mean(a % 2, keepdims=True)),
        ("pad", lambda x, a: lax.pad(x, 0.0, [(a, 0, 0), (0, 0, 0)])),
        ("crop", lambda x, a: lax.pad(x, 0.0, [(0, 0, 0), (0, -1, 0)])),
        ("transpose", lambda x, a: x.T),
        ("cumsum", lambda x, a: jnp.cumsum(x, a % 2)),
        ("index", lambda x, a: x * jnp.arange(x.shape[1])),
        ("size", lambda x, a: x * (x.shape[0] - a)),
        ("gram", lambda x, a: x @ x.T),
        ("flat", lambda x, a: x.reshape(x.shape[0] * x.shape[1], 1)),
        ("twice", lambda x, a: jnp.concatenate([x, x], a % 2)),
        ("where", lambda x, a: jnp.where(jnp.arange(x.shape[1]) < a, x, -x)),
    ]
)
programs = st.lists(st.tuples(steps, st.integers(0, 2)), min_size=1, max_size=3)


def run(program: Any, x: Any) -> Any:
    for (_, step), a in program:
        x = step(x, a)
    return x.sum()


@LAW
@given(programs, st.permutations(range(3)), st.integers(0, 2))
def test_no_verdict_contradicts_exact_evaluation(program: Any, order: list[int], change: int) -> None:
    """The sum of the entries after a few steps, and after the same steps in another order."""
    other = [program[i] for i in order if i < len(program)]
    lhs, rhs = (lambda x, p=p: run(p, x) for p in (program, other))
    try:
        verdict: Verdict = prove(lhs, rhs, x="n m", given="m >= 3, n >= 3")
    except BadInput:
        return
    signature = read_signature([lhs], {"x": "n m"}, "m >= 3, n >= 3")
    if verdict.status == "proved":
        for n, m in [(3, 3), (3, 4), (4, 3)]:
            sizes = {"n": n, "m": m}
            if verdict.sizes.contains(sizes):
                arguments = signature.arguments(sizes, {"x": small_numbers((n, m), change)})
                assert evaluate(lhs, arguments)[0] == evaluate(rhs, arguments)[0]
    if verdict.status == "refuted":
        assert verdict.witness is not None
        x = jnp.asarray(verdict.witness.inputs["x"])
        assert abs(float(lhs(x)) - float(verdict.witness.lhs)) <= 1e-4 * (1 + abs(float(verdict.witness.lhs)))
        assert abs(float(rhs(x)) - float(verdict.witness.rhs)) <= 1e-4 * (1 + abs(float(verdict.witness.rhs)))
