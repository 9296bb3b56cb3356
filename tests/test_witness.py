"""Witnesses: the least sizes, inputs of the right shapes, and values that are really different."""

from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom import prove
from jaxiom import witness as witnesses
from jaxiom.layers import conv
from jaxiom.sizes import Whole
from jaxiom.verdict import Verdict, Witness
from polyhedra.oracle import DIFFERENCES, Different

LAW = settings(max_examples=20, deadline=None, derandomize=True)


def refuted(verdict: Verdict) -> Witness:
    assert verdict.status == "refuted", verdict
    assert verdict.witness is not None
    return verdict.witness


def really_differs(of: Different, found: Witness) -> None:
    """By running the two functions on the witness, op by op, in NumPy's float64 of JAX's float32."""
    signature = of.signature()
    shapes = signature.shapes_at(found.sizes)
    arrays = {name: array for name, array in found.inputs.items() if name in shapes}
    assert set(arrays) == set(shapes)
    for name, array in arrays.items():
        assert isinstance(array, np.ndarray)
        assert array.shape == shapes[name]
    arguments = signature.arguments(found.sizes, {n: jnp.asarray(a) for n, a in arrays.items()})
    left, right = (np.asarray(f(*arguments), np.float64)[found.index] for f in (of.lhs, of.rhs))
    assert left != right
    assert isinstance(found.lhs, Fraction)
    assert isinstance(found.rhs, Fraction)
    assert found.lhs != found.rhs
    np.testing.assert_allclose([left, right], [float(found.lhs), float(found.rhs)], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.jax_values, [left, right], rtol=1e-6)


@pytest.mark.parametrize("of", DIFFERENCES, ids=lambda of: of.name)
def test_a_witness_really_differs(of: Different) -> None:
    verdict = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given)
    found = refuted(verdict)
    assert verdict.sizes.contains(found.sizes)
    really_differs(of, found)


@pytest.mark.parametrize("of", DIFFERENCES, ids=lambda of: of.name)
def test_no_smaller_sizes_show_a_difference(of: Different) -> None:
    """At every allowed smaller total of sizes the two sides agree on random inputs."""
    verdict = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given)
    found = refuted(verdict)
    signature = of.signature()
    names = list(found.sizes)
    total = sum(found.sizes.values())
    smaller = [
        dict(zip(names, values, strict=True))
        for values in np.ndindex(*[total] * len(names))
        if sum(values) < total and verdict.sizes.contains(dict(zip(names, map(int, values), strict=True)))
    ]
    for sizes in smaller[:12]:
        assert not of.exactly(sizes, of.inputs(sizes)).any(), (sizes, found.sizes)
    assert signature.sizes.contains(found.sizes)


@pytest.mark.parametrize(
    ("lhs", "rhs", "shapes", "given_", "sizes"),
    [
        (lambda x: x.T, lambda x: x, {"x": "n n"}, "", {"n": 2}),
        (lambda x, y: x @ y, lambda x, y: y @ x, {"x": "n n", "y": "n n"}, "", {"n": 2}),
        (lambda x: x * (x.shape[0] - 3) * (x.shape[0] - 1), lambda x: 0 * x, {"x": "n m"}, "", {"n": 2, "m": 1}),
        (lambda x: x * (x.shape[0] - 3), lambda x: 0 * x, {"x": "n"}, "n >= 3", {"n": 4}),
        (lambda x: x * (x.shape[0] - x.shape[1]), lambda x: 0 * x, {"x": "n m"}, "n >= 5, m >= n", {"n": 5, "m": 6}),
        (lambda x, p: x * p * (p - 1) * (p + 1), lambda x, p: 0 * x, {"x": "n", "p": int}, "", {"n": 1, "p": 2}),
        (lambda x: 2 * x, lambda x: x, {"x": "3 2"}, "", {}),
    ],
)
def test_the_least_sizes(lhs: Any, rhs: Any, shapes: Any, given_: str, sizes: dict[str, int]) -> None:
    found = refuted(prove(lhs, rhs, shapes=shapes, given=given_))
    assert {k: abs(v) for k, v in found.sizes.items()} == sizes


def test_one_hot_inputs() -> None:
    found = refuted(prove(lambda A, B: A @ B, lambda A, B: 2 * (A @ B), A="n m", B="m k"))
    assert found.sizes == {"n": 1, "m": 1, "k": 1}
    assert found.inputs["A"].tolist() == [[1.0]]
    assert found.inputs["B"].tolist() == [[1.0]]
    assert (found.lhs, found.rhs, found.index) == (1, 2, (0, 0))


def test_inputs_that_the_difference_does_not_have_are_zero() -> None:
    found = refuted(prove(lambda x, y: x + y, lambda x, y: x + 2 * y, x="n", y="n"))
    assert found.inputs["x"].tolist() == [0.0]
    assert found.inputs["y"].tolist() == [1.0]


def test_a_difference_without_inputs_is_shown_on_zeros() -> None:
    found = refuted(prove(lambda x: x + 1, lambda x: x + 2, x="n"))
    assert found.inputs["x"].tolist() == [0.0]
    assert (found.lhs, found.rhs) == (1, 2)


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (lambda x: x**2, lambda x: x),  # 0 and 1 do not show it: 2 does
        (lambda x: x**3, lambda x: x),
        (lambda x: x**3 + 2 * x, lambda x: 3 * x**2),  # 0, 1 and 2 are its roots: a third power needs 3
        (lambda x: x**2 * (x - 1) ** 2, lambda x: 0 * x),
    ],
)
def test_a_name_that_occurs_twice_needs_more_than_ones(lhs: Any, rhs: Any) -> None:
    found = refuted(prove(lhs, rhs, x=""))
    assert lhs(found.inputs["x"]) != rhs(found.inputs["x"])
    assert found.inputs["x"] > 1


def test_a_product_of_different_entries() -> None:
    found = refuted(prove(lambda x: x.sum() ** 2, lambda x: (x**2).sum(), x="n"))
    assert found.sizes == {"n": 2}
    assert (found.inputs["x"] != 0).all()


def test_merged_axes_index_the_array_as_it_is() -> None:
    """Where the factors of an input's axis are read in another order, the witness still is an array of its shape."""
    of = Different(
        "order",
        lambda P, W: P @ W.T.reshape(W.shape[0] * W.shape[1]),
        lambda P, W: 2 * (P @ W.T.reshape(W.shape[0] * W.shape[1])),
        {"P": "m k*c", "W": "k c"},
        (),
        "k >= 2, c >= 3",
    )
    found = refuted(prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given))
    assert found.inputs["P"].shape == (1, 6)
    really_differs(of, found)


def test_factors_in_the_wrong_order_are_refuted_by_trial() -> None:
    of = Different(
        "wrong order",
        lambda P, W: P @ W.reshape(W.shape[0] * W.shape[1]) + P @ W.T.reshape(W.shape[0] * W.shape[1]),
        lambda P, W: 2 * (P @ W.reshape(W.shape[0] * W.shape[1])),
        {"P": "m k*c", "W": "k c"},
        (),
    )
    verdict = prove(of.lhs, of.rhs, shapes=of.shapes)
    found = refuted(verdict)
    assert found.sizes["k"] >= 2
    assert found.sizes["c"] >= 2
    assert verdict.difference is None
    assert any(n.startswith("no closed form of the difference: the axis with factors") for n in verdict.notes)
    really_differs(of, found)


def test_several_outputs_name_the_one_that_differs() -> None:
    verdict = prove(lambda x: {"a": x, "b": x, "c": x}, lambda x: {"a": x, "b": 2 * x, "c": x}, x="n")
    found = refuted(verdict)
    assert found.leaf == "['b']"
    assert "at ['b'][0] lhs = 1, rhs = 2" in str(found)


def test_integer_variables_are_ints_among_the_inputs() -> None:
    found = refuted(prove(lambda x, p: x * p, lambda x, p: x, x="n", p=int, given="p <= -2"))
    assert found.inputs["p"] == found.sizes["p"] == -2
    assert isinstance(found.inputs["p"], int)


def test_pytrees_are_named_by_their_leaves() -> None:
    found = refuted(prove(lambda t: t["w"] * 2, lambda t: t["w"] + t["b"], shapes={"t": {"w": "n", "b": "n"}}))
    assert set(found.inputs) == {"t['w']", "t['b']"}


def test_a_witness_as_text() -> None:
    found = refuted(prove(lambda x: x.T, lambda x: x, x="n n"))
    assert str(found).startswith("n=2: at [0, 1] lhs = ")
    assert "x [0, 1] = 1, else 0" in str(found) or "x [1, 0] = 1, else 0" in str(found)


def test_a_witness_too_large_to_replay_leaves_it_undecided() -> None:
    verdict = prove(lambda x: 2 * x, lambda x: x, x="9000 9000")
    assert verdict.status == "undecided"
    assert "the sizes given is too large to replay exactly; put names for the sizes" in verdict.reason
    assert str(verdict.difference) == "x[p, q]"


def test_a_witness_that_takes_too_many_products_leaves_it_undecided() -> None:
    ones = jnp.ones((300, 300))
    verdict = prove(lambda x: ((ones @ ones) * x).sum(), lambda x: x, x="")
    assert verdict.status == "undecided"
    assert "too large to replay exactly" in verdict.reason


def centred_twice(X: Any, W: Any, Q: Any) -> Any:
    return conv(X, (W - W.mean((0, 1, 2))) @ Q, padding="SAME") @ Q


LAYER_AT_NUMBERS = [
    pytest.param({"X": "2 14 14 64", "W": "3 3 64 96", "Q": "96 96"}, id="96 filters"),
    pytest.param({"X": "8 14 14 512", "W": "3 3 512 512", "Q": "512 512"}, id="512 filters", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("shapes", LAYER_AT_NUMBERS)
def test_numbers_of_a_real_layer_are_replayed(shapes: dict[str, str]) -> None:
    of = Different("layer", centred_twice, lambda X, W, Q: conv(X, W @ Q, padding="SAME") @ Q, shapes, [])
    found = refuted(prove(of.lhs, of.rhs, shapes=shapes))
    assert [int(np.count_nonzero(found.inputs[name])) for name in "XWQ"] == [1, 1, 1]
    really_differs(of, found)


@LAW
@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.sampled_from(["X+1", "flip", "shift"]))
def test_witnesses_of_convolutions(stride: int, dilation: int, pad: int, change: str) -> None:
    def lhs(X: Any, W: Any) -> Any:
        return conv(X, W, stride, [(pad, pad)], dilation=dilation)

    def rhs(X: Any, W: Any) -> Any:
        if change == "X+1":
            return conv(X + 1, W, stride, [(pad, pad)], dilation=dilation)
        if change == "flip":
            return conv(X, jnp.flip(W, 0), stride, [(pad, pad)], dilation=dilation)
        return conv(X, W, stride, [(pad + 1, pad - 1)], dilation=dilation)

    of = Different("conv", lhs, rhs, {"X": "1 h c", "W": "k c 1"}, (), "h >= 6, k <= 3")
    verdict = prove(lhs, rhs, shapes=of.shapes, given=of.given)
    really_differs(of, refuted(verdict))


# -- the parts


def test_replay_finds_the_first_entry_that_differs() -> None:
    signature = Different("", lambda x: x, lambda x: x, {"x": "n"}, ()).signature()
    inputs = {"x": np.array([Fraction(0), Fraction(0), Fraction(1, 3)], dtype=object)}
    found = witnesses.replay(lambda x: x, lambda x: 2 * x, signature, {"n": 3}, inputs, [""])
    assert found is not None
    assert (found.index, found.lhs, found.rhs) == ((2,), Fraction(1, 3), Fraction(2, 3))
    assert witnesses.replay(lambda x: x, lambda x: x + 0, signature, {"n": 3}, inputs, [""]) is None


def test_a_search_at_small_sizes_says_nothing_where_nothing_differs() -> None:
    of = Different("", lambda x: x + x, lambda x: 2 * x, {"x": "n m"}, ())
    signature = of.signature()
    assert witnesses.search_witness(of.lhs, of.rhs, signature, signature.sizes, [""]) is None
    found = witnesses.search_witness(of.lhs, lambda x: 3 * x, signature, signature.sizes, [""])
    assert found is not None
    assert found.sizes == {"n": 1, "m": 1}


@pytest.mark.parametrize(
    ("shape", "order", "indices", "expected"),
    [
        ("n m", [[0], [0]], (2, 1), (2, 1)),
        ("k*c m", [[0, 1], [0]], (1, 2, 0), (1 * 3 + 2, 0)),
        ("k*c m", [[1, 0], [0]], (2, 1, 0), (2 * 2 + 1, 0)),
        ("1 m", [[], [0]], (1,), (0, 1)),
        ("", [], (), ()),
    ],
)
def test_an_entry_from_the_indices_of_its_factors(shape: str, order: Any, indices: Any, expected: Any) -> None:
    signature = Different("", lambda x: x, lambda x: x, {"x": shape}, ()).signature()
    (leaf,) = signature.leaves
    assert not isinstance(leaf.shape, Whole)
    assert witnesses.array_index(leaf, indices, {"n": 3, "m": 2, "k": 2, "c": 3}, order) == expected
