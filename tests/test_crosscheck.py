"""The check behind every proof: it sees what a wrong rule does, looks at borders, and says when it could not look."""

import itertools
import random
from typing import Any

import jax.numpy as jnp
import pytest

from jaxiom import crosscheck as checks
from jaxiom import prove
from jaxiom.cases import Case, trace_cases
from jaxiom.crosscheck import compare, crosscheck, small_sizes, trace_small
from jaxiom.errors import InternalDisagreement, Undecidable
from jaxiom.exact import random_inputs
from jaxiom.layers import conv
from jaxiom.rules import polyhedral
from jaxiom.signature import Signature, read_signature


def claim(lhs: Any, rhs: Any, given: str = "", **shapes: Any) -> tuple[Signature, Case]:
    signature = read_signature([lhs, rhs], shapes, given)
    (case,) = trace_cases(lhs, rhs, signature)
    return signature, case


def double(x: Any) -> Any:
    return 2 * x


def differ(lhs: Any, rhs: Any, given: str = "", **shapes: Any) -> None:
    """As if the prover had found two sides equal that are not."""
    signature, case = claim(lhs, rhs, given, **shapes)
    crosscheck(lhs, rhs, signature, case.sizes, case)


def points(signature: Signature, case: Case, seed: int = 0) -> list[dict[str, int]]:
    return list(small_sizes(case.sizes, case, random.Random(seed)))


def test_sizes_are_inside_what_is_given_each_once_ones_among_them() -> None:
    signature, case = claim(double, double, "h >= k, h % 2 == 0", x="h k m")
    found = points(signature, case)
    assert len({tuple(p.values()) for p in found}) == len(found) >= 3
    assert all(signature.sizes.contains(p) for p in found)
    assert all(max(p.values()) <= 12 for p in found)
    assert any(p["m"] == 1 for p in found)
    assert any(p["m"] > 1 for p in found)
    assert {"h": 2, "k": 1, "m": 1} in found  # the smallest


def test_the_smallest_sizes_are_always_among_them() -> None:
    for seed in range(5):
        signature, case = claim(double, double, x="a b c")
        assert {"a": 1, "b": 1, "c": 1} in points(signature, case, seed)


def test_sizes_at_which_a_question_of_jaxs_own_is_true_are_among_them() -> None:
    signature, case = claim(lambda x, y: x + y, lambda x, y: y + x, x="n m", y="m")
    questions = [c.difference for c in (*case.lhs.comparisons, *case.rhs.comparisons)]
    found = points(signature, case)
    for difference in questions:
        values = [difference.evaluate(p) for p in found]
        assert 0 in values or not any(
            difference.evaluate({"n": n, "m": m}) == 0 for n, m in itertools.product(range(1, 9), repeat=2)
        )


def test_a_claim_without_sizes_has_one_point() -> None:
    signature, case = claim(double, double, x="3")
    assert points(signature, case) == [{}]


def test_equal_sides_pass_and_different_ones_are_a_disagreement() -> None:
    signature, case = claim(double, lambda x: x + x, x="n m")
    assert crosscheck(double, lambda x: x + x, signature, case.sizes, case) == ()
    with pytest.raises(InternalDisagreement, match=r"found the two sides equal, but exact evaluation at \{'n': .*"):
        differ(double, lambda x: 3 * x, x="n m")


@pytest.mark.parametrize(
    "rhs",
    [
        lambda x: 2 * x + 2.0**-20 * x.sum(),
        lambda x: 2 * x + (x - x.mean()) * 1e-6,
        lambda x: 2 * jnp.flip(x),
    ],
)
def test_a_small_difference_is_one(rhs: Any) -> None:
    with pytest.raises(InternalDisagreement):
        differ(double, rhs, x="n")


def test_a_disagreement_shows_both_values_and_the_place() -> None:
    signature, case = claim(double, double, x="n")
    with pytest.raises(InternalDisagreement, match=r"gives \S+ and \S+ at \[0\]\. .*This is a bug in jaxiom"):
        compare(double, lambda x: 3 * x, signature, {"n": 2}, random_inputs(signature, {"n": 2}, random.Random(0)))


def test_what_is_too_large_is_not_evaluated_and_said() -> None:
    signature, case = claim(double, double, x="700 700")
    assert trace_small(double, double, signature, {}) is None
    (note,) = crosscheck(double, double, signature, case.sizes, case)
    assert note == "not cross-checked: every allowed size is too large for exact arithmetic"
    assert prove(lambda x: x + x, double, x="700 700").notes == (note,)


def test_a_large_contraction_of_small_inputs_is_too_large() -> None:
    def outer(x: Any) -> Any:
        return x[:, None] * x[None, :]

    signature, _ = claim(outer, outer, x="900")
    assert trace_small(outer, outer, signature, {}) is None
    assert trace_small(outer, outer, read_signature([outer], {"x": "n"}), {"n": 9}) is not None


def test_larger_sizes_are_left_for_smaller_ones() -> None:
    signature, case = claim(double, double, x="n 100 100")
    assert trace_small(double, double, signature, {"n": 40}) is None
    assert crosscheck(double, double, signature, case.sizes, case) == ()


def test_a_few_points_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    signature, case = claim(double, double, x="n m k")
    seen: list[Any] = []
    monkeypatch.setattr(checks, "compare", lambda lhs, rhs, signature, point, *_: seen.append(point) or True)
    crosscheck(double, double, signature, case.sizes, case)
    assert len(seen) == checks.POINTS


# Each wrong rule is made from the right one.
WRONG: dict[str, Any] = {
    "neg": lambda right: lambda on, step, a: a,
    "transpose": lambda right: lambda on, step, a, *, permutation: a,
    "rev": lambda right: lambda on, step, a, *, dimensions: a,
    "sub": lambda right: lambda on, step, a, b: right(on, step, a, b.scale(-1)),
    "reduce_sum": lambda right: (
        lambda on, step, a, *, axes, out_sharding: right(on, step, a.scale(2), axes=axes, out_sharding=out_sharding)
    ),
    "pad": lambda right: (
        lambda on, step, a, value, *, padding_config: right(
            on, step, a, value, padding_config=[(high, low, gap) for low, high, gap in padding_config]
        )
    ),
}
CLAIMS: dict[str, Any] = {
    "neg": (lambda x: -x, lambda x: x, {"x": "n"}),
    "transpose": (lambda x: x.T, lambda x: x, {"x": "n n"}),
    "rev": (lambda x: jnp.flip(x), lambda x: x, {"x": "n"}),
    "sub": (lambda x: x - 3, lambda x: x + 3, {"x": "n"}),
    "reduce_sum": (lambda x: x.sum(0), lambda x: 2 * (jnp.ones((1, x.shape[0])) @ x)[0], {"x": "n m"}),
    "pad": (
        lambda x: jnp.pad(x, (1, 0)),
        lambda x: jnp.concatenate([x, jnp.zeros(1)]),
        {"x": "n"},
    ),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_rule_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claim is false, and true under a wrong rule: with it, never `proved`."""
    lhs, rhs, shapes = CLAIMS[name]
    assert prove(lhs, rhs, shapes=shapes).status == "refuted"
    monkeypatch.setitem(polyhedral.RULES, name, WRONG[name](polyhedral.RULES[name]))
    with pytest.raises(InternalDisagreement, match="found the two sides equal"):
        prove(lhs, rhs, shapes=shapes)


def test_a_rule_that_gives_another_shape_is_found_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(polyhedral.RULES, "transpose", lambda on, step, a, *, permutation: a)
    with pytest.raises(InternalDisagreement, match="transpose: size n where JAX has m"):
        prove(lambda x: x.T, lambda x: x.T, x="n m")


def test_a_wrong_rule_that_makes_a_true_claim_false_shows_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(polyhedral.RULES, "neg", lambda on, step, a: a)
    verdict = prove(lambda x: -x, lambda x: 0 - x, x="n")
    assert verdict.status != "refuted"
    assert verdict.status != "proved"


def test_borders_are_looked_at() -> None:
    """SAME against FULL cropped wrongly differs only at the border of images larger than the kernel."""
    with pytest.raises(InternalDisagreement):
        differ(
            lambda x: conv(x, jnp.ones((3, 1, 1)), padding="SAME"),
            lambda x: conv(x, jnp.ones((3, 1, 1)), padding=[(2, 0)]),
            "h >= 3",
            x="1 h 1",
        )


def test_a_function_that_is_another_at_numbers_is_undecidable() -> None:
    with pytest.raises(Undecidable, match=r"rhs at \{'n': \d\} is not what it is for all sizes"):
        differ(double, lambda x: 3 * x if type(x.shape[0]) is int else 2 * x, x="n")


def test_quotients_of_sizes_are_held_against_their_exact_reading() -> None:
    differ(lambda x: x.sum() * (1 / x.shape[0]), lambda x: x.mean(), "n >= 3", x="n")
    with pytest.raises(InternalDisagreement):
        differ(lambda x: x.sum() * (1 / x.shape[0]), lambda x: 2 * x.mean(), "n >= 3", x="n")
