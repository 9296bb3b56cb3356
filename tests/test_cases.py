"""Branches on sizes and signs of integer variables: every case is traced, and nothing is believed of the others."""

import itertools
from collections.abc import Callable
from typing import Any

import islpy as isl
import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom import prove
from jaxiom.cases import Case, jax_constraints, sign_cases, trace_cases
from jaxiom.errors import Undecidable
from jaxiom.layers import conv
from jaxiom.signature import read_signature

LAW = settings(max_examples=40, deadline=None, derandomize=True)


def cases(function: Callable[..., Any], given_: str = "", **shapes: Any) -> list[Case]:
    signature = read_signature([function], shapes, given_)
    return list(trace_cases(function, lambda *a: a[0], signature))


def domains(found: list[Case]) -> list[isl.Set]:
    return [c.sizes.domain for c in found]


def covered(found: list[Case], given_: str, names: str) -> bool:
    """Whether the cases' sizes are together what is given."""
    union = isl.Set(f"[{names}] -> {{ : 1 = 0 }}")
    for domain in domains(found):
        union = union.union(domain)
    return union.is_equal(isl.Set(f"[{names}] -> {{ : {given_} }}"))


def test_a_function_without_branches_is_one_case() -> None:
    (case,) = cases(lambda x: 2 * x, "h >= 2", x="h")
    assert case.words == ""
    assert case.excluded == ()
    assert case.sizes.domain.is_equal(isl.Set("[h] -> { : h >= 2 }"))


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (lambda h, w: h == 1, {"", "h == 1"}),
        (lambda h, w: h in (1, 4), {"", "h == 1", "h == 4"}),
        (lambda h, w: h == w, {"", "h == w"}),
        (lambda h, w: h % 2, {"", "mod(h, 2) == 0"}),
        (lambda h, w: h == 0, {""}),  # never: sizes are at least 1
        (lambda h, w: h == 1 and w == 1, {"", "h == 1", "h == 1 and w == 1"}),
    ],
)
def test_each_branch_is_a_case(truth: Any, words: set[str]) -> None:
    found = cases(lambda x: 2 * x if truth(*x.shape) else x, x="h w")
    assert {c.words for c in found} == words
    assert covered(found, "h >= 1 and w >= 1", "h, w")
    assert not any(c.excluded for c in found)


def test_each_case_traces_its_own_branch() -> None:
    found = cases(lambda x: jnp.sin(x) if x.shape[0] == 3 else jnp.cos(x), x="h")
    programs = {c.words: [e.primitive.name for e in c.lhs.closed.jaxpr.eqns] for c in found}
    assert programs == {"": ["cos"], "h == 3": ["sin"]}
    where = {"": "h >= 1 and h != 3", "h == 3": "h = 3"}
    assert all(c.sizes.domain.is_equal(isl.Set(f"[h] -> {{ : {where[c.words]} }}")) for c in found)


def test_what_given_excludes_is_no_case() -> None:
    assert [c.words for c in cases(lambda x: 2 * x if x.shape[0] == 1 else x, "h >= 2", x="h")] == [""]
    assert [c.words for c in cases(lambda x: 2 * x if x.shape[0] % 2 else x, "h % 2 == 0", x="h")] == [""]
    # always true: JAX does not know, and the general case is empty and left out; or the size is a number
    assert [c.words for c in cases(lambda x: 2 * x if x.shape[0] == 1 else x, "h <= 1", x="h")] == ["h == 1"]
    assert [c.words for c in cases(lambda x: 2 * x if x.shape[0] == 1 else x, "h == 1", x="h")] == [""]
    always = cases(lambda x: 2 * x if x.shape[0] // 2 == x.shape[1] else x, "h // 2 == w", x="h w")
    assert [len(c.lhs.closed.jaxpr.eqns) for c in always] == [1]
    assert prove(lambda x: 2 * x if x.shape[0] == 1 else x, lambda x: x + x, x="h", given="h <= 1").status == "proved"
    (only,) = cases(lambda x: 2 * x if x.shape[0] == 2 * x.shape[1] else x, "h == w + w", x="h w")
    assert [e.primitive.name for e in only.lhs.closed.jaxpr.eqns] == ["mul"]


def test_too_many_branches_are_undecidable() -> None:
    with pytest.raises(Undecidable, match="branch on sizes in more than 40 ways"):
        cases(lambda x: 2 * x if any([d == v for d in x.shape for v in range(1, 30)]) else x, x="a b c")


def test_a_question_that_is_not_affine_is_undecidable() -> None:
    with pytest.raises(Undecidable, match=r"asks at .*test_cases\.py:\d+ whether .*, which is not affine in the sizes"):
        cases(lambda x: 2 * x if x.shape[0] * x.shape[1] == 6 else x, x="h w")
    # where it is: a product of sizes is 1 only where both are
    found = cases(lambda x: 2 * x if x.shape[0] * x.shape[1] == 1 else x, x="h w")
    assert len(found) + sum(len(c.excluded) for c in found) == 2


def test_a_case_that_jax_cannot_trace_is_left_out_and_said() -> None:
    """JAX decides h·w - w == 0 in no trace; at h = 1 the claim is false, and must not be claimed."""
    verdict = prove(lambda x: 2 * x if x.shape[0] * x.shape[1] == x.shape[1] else x, lambda x: x, x="h w")
    assert verdict.status != "proved" or not verdict.sizes.contains({"h": 1, "w": 2})
    if verdict.status == "proved":
        assert any(words.startswith("not ") for words in verdict.sizes.narrowed)


# -- the branch is taken as the sizes say


conditions = st.sampled_from(
    [
        ("h == {a}", lambda h, w, a: h == a),
        ("w == {a}", lambda h, w, a: w == a),
        ("h == w + {a}", lambda h, w, a: h == w + a),
        ("h % 2 == {a} % 2", lambda h, w, a: h % 2 == a % 2),
        ("w % 3", lambda h, w, a: bool(w % 3)),
        ("h // 2 == {a}", lambda h, w, a: h // 2 == a),
        ("2 * h == w + {a}", lambda h, w, a: 2 * h == w + a),
        ("h != {a}", lambda h, w, a: h != a),
    ]
)
trees = st.recursive(
    st.integers(1, 2),
    lambda branches: st.tuples(conditions, st.integers(0, 4), branches, branches),
    max_leaves=3,
)


def decide(tree: Any, h: Any, w: Any) -> int:
    while not isinstance(tree, int):
        (_, condition), a, yes, no = tree
        tree = yes if condition(h, w, a) else no
    return tree


@LAW
@given(trees, trees, st.sampled_from(["", "h >= 3", "h >= w", "h % 2 == 0"]))
def test_a_verdict_never_contradicts_what_happens_at_numbers(left: Any, right: Any, given_: str) -> None:
    """x times a number that a tree of questions about h and w chooses, on each side."""
    lhs, rhs = (lambda x, tree=tree: decide(tree, *x.shape) * x for tree in (left, right))
    verdict = prove(lhs, rhs, x="h w", given=given_)
    for h, w in itertools.product(range(1, 11), repeat=2):
        sizes = {"h": h, "w": w}
        if verdict.sizes.contains(sizes):
            assert verdict.status != "proved" or decide(left, h, w) == decide(right, h, w)
    if verdict.status == "refuted":
        assert verdict.witness is not None
        h, w = verdict.witness.sizes["h"], verdict.witness.sizes["w"]
        assert decide(left, h, w) != decide(right, h, w)
    everywhere = all(
        decide(left, h, w) == decide(right, h, w)
        for h, w in itertools.product(range(1, 11), repeat=2)
        if {"": True, "h >= 3": h >= 3, "h >= w": h >= w, "h % 2 == 0": h % 2 == 0}[given_]
    )
    if everywhere:
        assert verdict.status != "refuted"
    else:
        assert verdict.status != "proved" or verdict.sizes.narrowed


# -- integer variables


def test_signs_of_integer_variables() -> None:
    sizes = read_signature([lambda x, p, q: x], {"x": "h", "p": int, "q": int}, "p >= 0, q >= p").sizes
    found = {tuple(signs.words(["p", "q"])): here for signs, here in sign_cases(sizes)}
    assert set(found) == {("p = 0", "q = 0"), ("p = 0", "q >= 1"), ("p >= 1", "q >= 1")}
    assert found["p = 0", "q >= 1"].domain.is_equal(isl.Set("[h, p, q] -> { : h >= 1 and p = 0 and q >= 1 }"))


def test_an_integer_variable_reaches_the_function_by_its_sign() -> None:
    seen: list[Any] = []

    def function(x: Any, p: Any) -> Any:
        seen.append(p)
        return x * p

    found = cases(function, x="h", p=int)
    assert {c.words for c in found} == {"p >= 1", "p = 0", "p <= -1"}
    assert 0 in [p for p in seen if isinstance(p, int)]
    assert {str(c.scope.size(c.scope.dims["p"])) for c in found} == {"p", "0"}


@pytest.mark.parametrize(
    ("lhs", "status"),
    [
        (lambda x, p: x * p + x, "proved"),
        (lambda x, p: x * (p + 1), "proved"),
        (lambda x, p: x * (p + 2), "refuted"),
        (lambda x, p: x * (p + 1) if p != -3 else x, "refuted"),  # at a negative number only
        (lambda x, p: x * (p + 1) if p != 0 else x, "proved"),
        (lambda x, p: x * (p + 1) if p % 2 else x * (1 + p), "proved"),
    ],
)
def test_claims_about_an_integer_variable(lhs: Any, status: str) -> None:
    verdict = prove(lhs, lambda x, p: x * p + x, x="n", p=int)
    if status == "proved":
        assert verdict.status == "proved", verdict
        assert all(verdict.sizes.contains({"n": 2, "p": p}) for p in range(-4, 5))
    else:
        assert verdict.status != "proved"
        if verdict.witness is not None:
            p = verdict.witness.sizes["p"]
            assert verdict.witness.inputs["p"] == p
            x = jnp.ones(verdict.witness.sizes["n"])
            assert (lhs(x, p) != x * p + x).any()


def test_a_crop_and_a_padding_are_one_claim() -> None:
    shapes: dict[str, Any] = {"X": "1 h c", "W": "k c f", "p": int}
    given_ = "h + 2*p >= k"
    equal = prove(
        lambda X, W, p: conv(2 * X, W, padding=p),
        lambda X, W, p: 2 * conv(X, W, padding=p),
        shapes=shapes,
        given=given_,
    )
    assert equal.status == "proved"
    assert equal.sizes.contains({"h": 9, "c": 1, "k": 2, "f": 1, "p": -3})
    assert not equal.sizes.contains({"h": 3, "c": 1, "k": 2, "f": 1, "p": -3})
    # the border reads ones where there is padding, and only there
    other = prove(
        lambda X, W, p: conv(X + 1, W, padding=p),
        lambda X, W, p: conv(X, W, padding=p) + W.sum((0, 1)),
        shapes=shapes,
        given=given_,
    )
    assert other.status == "refuted"
    assert other.witness is not None
    assert other.witness.sizes["p"] >= 1
    inside = prove(
        lambda X, W, p: conv(X + 1, W, padding=p),
        lambda X, W, p: conv(X, W, padding=p) + W.sum((0, 1)),
        shapes=shapes,
        given=given_ + ", p <= 0",
    )
    assert inside.status == "proved"


def test_given_in_jaxs_syntax() -> None:
    sizes = read_signature(
        [lambda x, p: x], {"x": "h w", "p": int}, "h > w, h % 2 == 0, p <= -2, h == w + 4, w + p >= 1"
    ).sizes
    for signs, _ in sign_cases(sizes):
        texts = jax_constraints(sizes, signs, {})
        assert signs.negative == {"p"}
        assert "h >= w + 1" in texts
        assert "mod(h, 2) == 0" in texts
        assert "h == w + 4" in texts
        assert any(t in ("-p <= -2", "-1*p <= -2") for t in texts)  # JAX's symbol p stands for minus p
        assert any(t.replace("-1*p", "-p") in ("-p + w >= 1", "w - p >= 1") for t in texts)


def test_branches_inside_jit_and_on_pytrees_are_seen() -> None:
    inner = jax.jit(lambda p: 2 * p["x"] if p["x"].shape[0] == 5 else p["x"])
    verdict = prove(lambda p: inner(p), lambda p: p["x"], shapes={"p": {"x": "n"}})
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"n": 5}


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize(
    "given",
    [
        "h == kh, kh == 2, w >= kw",
        "h == kh, w == kw, kh == 2, n == 1, f == 1",
        "h >= 2, h <= 2, kh == h, w >= kw",
        "h == kh + 1, h // 2 == 1, kh % 2 == 0, w >= kw",
        "h == w, w == kh, h == kh, w >= kw",
    ],
)
def test_sizes_that_can_only_be_one_number(given: str, equal: bool) -> None:
    """JAX 0.10 fails on its own equations where one makes a number of another's size."""
    shapes = {"X": "n h w c", "W": "kh kw c f"}
    verdict = prove(
        lambda X, W: conv(2 * X, W), lambda X, W: conv(X, W) * (2 if equal else W.shape[0]), shapes=shapes, given=given
    )
    assert verdict.status == ("proved" if equal or "2" in given else "refuted")


@pytest.mark.parametrize("given", ["n // 2 == m", "2*n == m, n == k", "n % 2 == 0, n // 2 == m", "m == k, k == n"])
def test_equations_that_jax_does_not_take_together(given: str) -> None:
    shapes = {"x": "n", "y": "m", "z": "k"}
    assert prove(lambda x, y, z: x + x, lambda x, y, z: 2 * x, shapes=shapes, given=given).status == "proved"
    branching = prove(
        lambda x, y, z: 2 * x if x.shape[0] % 2 == 0 else x, lambda x, y, z: x, shapes=shapes, given=given
    )
    assert branching.status == "refuted"


def test_branches_that_leave_one_number_each() -> None:
    def branching(X: Any, W: Any) -> Any:
        if X.shape[1] == W.shape[0] and W.shape[0] == 2 and X.shape[0] == 1:
            return 3 * conv(X, W)
        return conv(X, W)

    verdict = prove(branching, conv, shapes={"X": "n h w c", "W": "kh kw c f"}, given="h >= kh, w >= kw")
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert {n: verdict.witness.sizes[n] for n in ("n", "h", "kh")} == {"n": 1, "h": 2, "kh": 2}
