"""A closed form, summed up as a reader would, is lhs - rhs exactly; and what is one product is read as one."""

import itertools
from typing import Any

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from oracle import DIFFERENCES, Different, evaluate_expression

from jaxiom import prove
from jaxiom.layers import conv
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.reading import Access, Condition, Expression, Summation, components, find_window, solve

LAW = settings(max_examples=14, deadline=None, derandomize=True)

n, p = Polynomial.variable("n"), Polynomial.variable("p")
i, j, k = (Polynomial.variable(at) for at in range(3))


def closed_form(of: Different) -> Expression:
    verdict = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given)
    assert verdict.status != "undecided", verdict
    assert verdict.difference is not None
    (expression,) = verdict.difference.leaves.values()
    return expression


def holds(of: Different) -> None:
    """A pair that turns out equal has the closed form 0."""
    expression = closed_form(of)
    for sizes in of.sizes:
        inputs = of.inputs(sizes)
        assert evaluate_expression(expression, sizes, inputs).tolist() == of.exactly(sizes, inputs).tolist(), sizes


@pytest.mark.parametrize("of", DIFFERENCES, ids=lambda of: of.name)
def test_the_closed_form_is_the_difference(of: Different) -> None:
    assert closed_form(of).summands
    holds(of)


def test_a_divisor_that_depends_on_a_summed_index_has_no_closed_form() -> None:
    verdict = prove(lambda x: x / (x.shape[0] // 2), lambda x: 2 * x / x.shape[0], x="n", given="n >= 2")
    assert verdict.status == "refuted"
    assert verdict.difference is None
    assert any("no closed form" in note for note in verdict.notes)


pads = st.tuples(st.integers(-2, 3), st.integers(-2, 3), st.integers(0, 2))


@LAW
@given(pads, st.integers(1, 3), st.integers(0, 2), st.sampled_from([0.0, 3.0]))
def test_any_pad_against_any_slice(config: tuple[int, int, int], stride: int, start: int, value: float) -> None:
    low, high, gap = config

    def lhs(x: Any) -> Any:
        padded = lax.pad(x, value, [config])
        return lax.slice(padded, (start,), (padded.shape[0],), (stride,))

    def rhs(x: Any) -> Any:
        padded = lax.pad(2 * x, 1.0, [(high, low, gap)])
        return lax.slice(padded, (start,), (padded.shape[0],), (stride,))

    holds(Different("pads", lhs, rhs, {"x": "n"}, [{"n": v} for v in (7, 8, 10)], "n >= 7"))


@LAW
@given(st.data())
def test_any_convolution_against_another(data: Any) -> None:
    stride, dilation, gaps = (data.draw(st.integers(1, top)) for top in (3, 2, 2))
    low, high = data.draw(st.tuples(st.integers(-1, 2), st.integers(-1, 2)))
    with_bias = data.draw(st.booleans())
    kernel = data.draw(st.sampled_from(["k", "2", "3"]))

    def lhs(X: Any, W: Any) -> Any:
        return conv(X, W + 1 if with_bias else W, stride, [(low, high)], dilation=dilation, image_dilation=gaps)

    def rhs(X: Any, W: Any) -> Any:
        return conv(X, jnp.flip(W, 0), stride, [(low, high)], dilation=dilation, image_dilation=gaps)

    shapes = {"X": "1 h 1", "W": f"{kernel} 1 1"}
    sizes = [{"h": h, "k": size} for h, size in ((8, 1), (9, 3), (10, 2))]
    if kernel != "k":
        sizes = [{"h": h} for h in (8, 9)]
    holds(Different("conv", lhs, rhs, shapes, sizes, "h >= 8, k <= 3" if kernel == "k" else "h >= 8"))


# -- what is read


def factors(of: Different) -> list[list[str]]:
    """For each summand the tensors of each of its factors."""

    def names(factor: Summation) -> str:
        inner = [names(f) for f in factor.inner]
        return "".join(sorted([a.tensor for a in factor.accesses] + inner))

    return [sorted(names(f) for f in s.factors) for s in closed_form(of).summands]


def named(name: str) -> Different:
    return next(of for of in DIFFERENCES if of.name == name)


def test_sums_that_nothing_ties_together_are_factors() -> None:
    # -(1 / (k c)) · (Σ X) · Σ_f (Σ W) Q: two ways to vanish
    assert factors(named("centred filters")) == [["QW", "X"]]
    assert factors(named("variance")) == [["x", "x"]]
    # a contraction is one factor
    assert factors(named("dilation")) == [["WX"]]


def test_an_index_that_only_one_tensor_has_is_summed_inside() -> None:
    (summand,) = closed_form(named("centred filters")).summands
    (of_w,) = (f for f in summand.factors if f.inner)
    (inner,) = of_w.inner
    assert [a.tensor for a in of_w.accesses] == ["Q"]
    assert [a.tensor for a in inner.accesses] == ["W"]
    assert len(of_w.indices) == 1
    assert len(inner.indices) == 2


def test_merged_axes_are_read_by_their_factors() -> None:
    (summand,) = closed_form(named("merged")).summands
    (access,) = (a for f in summand.factors for a in f.accesses if a.tensor == "P")
    assert [len(axis) for axis in access.indices] == [1, 2]


def test_components_are_what_shares_an_element() -> None:
    found = components([frozenset({1}), frozenset({2, 3}), frozenset(), frozenset({1, 4}), frozenset({3})])
    assert sorted(map(sorted, found)) == [[1, 4], [2, 3]]
    assert components([]) == []


@pytest.mark.parametrize(
    ("equalities", "solution", "left"),
    [
        ([j - i - 1], {1: i + 1}, []),
        ([2 * j - i], {}, [2 * j - i]),  # no unit coefficient
        ([i - n], {}, [i - n]),  # an output index is not solved for
        ([j - k, k - i], {1: i, 2: i}, []),
        ([k + j - i, lift(0)], {1: i - k}, []),
        ([k - j - i], {2: i + j}, []),  # i + j, and not j = k - i
    ],
)
def test_equalities_are_solved_for_summed_indices(equalities: Any, solution: Any, left: Any) -> None:
    found, rest = solve(equalities, 1, 3)
    assert found == solution
    assert rest == left


@LAW
@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 5), min_size=1, max_size=3))
def test_what_is_solved_and_what_is_left_say_the_same(rows: list[tuple[int, ...]]) -> None:
    equalities = [r[0] + r[1] * n + r[2] * i + r[3] * j + r[4] * k for r in rows]
    solved, left = solve(equalities, 1, 3)
    assert not any(v in e.variables for e in [*solved.values(), *left] for v in solved)
    for values in itertools.product(range(-2, 3), repeat=4):
        env: dict[Any, int] = dict(zip(("n", 0, 1, 2), values, strict=True))
        before = all(e.evaluate(env) == 0 for e in equalities)
        after = all(e.evaluate(env) == 0 for e in left) and all(env[v] == e.evaluate(env) for v, e in solved.items())
        assert before is after


def at_least(*expressions: Polynomial) -> list[Condition]:
    return [Condition(e, False) for e in expressions]


@pytest.mark.parametrize(
    ("conditions", "window"),
    [
        (at_least(j, n - 1 - j), (lift(0), n)),
        (at_least(j - i, i + n - 1 - j), (i, n)),
        (at_least(j - 2 * i + 1, 2 * i + n - 2 - j), (2 * i - 1, n)),
        (at_least(j, lift(4) - j), (lift(0), lift(5))),
        (at_least(j - i + 1, i + 1 - j), (i - 1, lift(3))),
        (at_least(j, i - j), None),  # the length depends on i
        (at_least(2 * j - i, i + n - j), None),
        (at_least(j), None),
    ],
)
def test_a_window_of_fixed_length(conditions: list[Condition], window: Any) -> None:
    assert find_window(1, conditions, 1) == window


def test_an_access_knows_its_variables() -> None:
    access = Access("X", ((i + j,), (n, k)))
    assert access.variables == {0, 1, 2, "n"}
    assert access.substitute({1: lift(0)}) == Access("X", ((i,), (n, k)))
