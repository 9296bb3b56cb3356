"""Forms as tensors: what join builds, enumerated at numbers, against numpy."""

import itertools
from fractions import Fraction
from typing import Any

import islpy as isl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import evaluate_form, small_numbers

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.form import Form, add, join, linear, region, scalar, spread, tensor
from jaxiom.polyhedra.polynomial import Atom, Polynomial, lift
from jaxiom.polyhedra.world import World, budget

LAW = settings(max_examples=40, deadline=None, derandomize=True)

n, m, k = (Polynomial.variable(name) for name in "nmk")
SIZES: list[dict[str, int]] = [
    dict(zip("nmk", numbers, strict=True)) for numbers in itertools.product((1, 2, 3), (1, 4), (1, 2))
]


def world() -> World:
    return World(("n", "m", "k"), isl.Set("[n, m, k] -> { : n >= 1 and m >= 1 and k >= 1 }"))


def same(g: Any) -> list[str]:
    """Output index = index of the operand."""
    return [f"{a} = {b}" for a, b in zip(g[0], g[1], strict=True)]


def arrays(sizes: dict[str, int]) -> dict[str, np.ndarray]:
    a, b, c = sizes["n"], sizes["m"], sizes["k"]
    return {"A": small_numbers((a, b), 0), "B": small_numbers((b, c), 1), "v": small_numbers((a,), 2)}


def matrix(world: World) -> Form:
    return tensor(world, "A", [(n,), (m,)])


def test_a_tensor_is_itself() -> None:
    at = world()
    form = matrix(at)
    assert form.atoms == (n, m)
    assert at.ranks == {"A": 2}
    for sizes in SIZES:
        assert evaluate_form(at, form, sizes, arrays(sizes)).tolist() == arrays(sizes)["A"].tolist()


def test_a_product_that_contracts_an_index() -> None:
    at = world()
    a, b = matrix(at), tensor(at, "B", [(m,), (k,)])
    form = join(
        at,
        [(n,), (k,)],
        [a, b],
        lambda g: [f"{g[0][0]} = {g[1][0]}", f"{g[0][1]} = {g[2][1]}", f"{g[1][1]} = {g[2][0]}"],
    )
    for sizes in SIZES:
        inputs = arrays(sizes)
        assert (evaluate_form(at, form, sizes, inputs) == inputs["A"] @ inputs["B"]).all()
    # the contracted index is pinned by the accesses: it is gone
    (term,) = form.terms
    assert term.extra(at, 2) == 0
    assert term.monomial == ("A", "B")


def test_names_are_sorted_whatever_the_order_of_the_operands() -> None:
    at = world()
    v, a = tensor(at, "v", [(n,)]), matrix(at)
    form = join(at, [(m,)], [v, a], lambda g: [f"{g[1][0]} = {g[2][0]}", f"{g[0][0]} = {g[2][1]}"])
    assert form.terms[0].monomial == ("A", "v")
    for sizes in SIZES:
        inputs = arrays(sizes)
        assert (evaluate_form(at, form, sizes, inputs) == inputs["v"] @ inputs["A"]).all()


def test_a_name_may_occur_twice() -> None:
    at = world()
    a = matrix(at)
    gram = join(
        at,
        [(m,), (m,)],
        [a, a],
        lambda g: [f"{g[1][0]} = {g[2][0]}", f"{g[0][0]} = {g[1][1]}", f"{g[0][1]} = {g[2][1]}"],
    )
    for sizes in SIZES:
        inputs = arrays(sizes)
        assert (evaluate_form(at, gram, sizes, inputs) == inputs["A"].T @ inputs["A"]).all()


def test_a_number_summed_over_an_index_is_counted() -> None:
    at = world()
    row_lengths = join(
        at, [(n,)], [spread(at, scalar(at, Fraction(1, 2)), [(n,), (m,)], ())], lambda g: [f"{g[0][0]} = {g[1][0]}"]
    )
    assert all(t.extra(at, 1) == 0 for t in row_lengths.terms)
    for sizes in SIZES:
        assert evaluate_form(at, row_lengths, sizes, {}).tolist() == [Fraction(sizes["m"], 2)] * sizes["n"]


def test_extra_indices_ties_and_weights() -> None:
    at = world()
    below = isl.Set("[n, m, k] -> { [a, b] : b <= a }")
    form = join(
        at,
        [(n,)],
        [tensor(at, "v", [(n,)])],
        lambda g: [f"{g[0][0]} = {g[1][0]}", f"0 <= {g[2][0]} < m"],
        extra=1,
        ties=lambda g: [(below, (g[0][0], g[2][0]))],
        weight=lambda g: Polynomial.variable(g[2][0]) * k,
    )
    for sizes in SIZES:
        v = arrays(sizes)["v"]
        expected = [v[o] * sum(e * sizes["k"] for e in range(sizes["m"]) if e <= o) for o in range(sizes["n"])]
        assert evaluate_form(at, form, sizes, {"v": v}).tolist() == expected


def test_an_access_outside_the_box_is_no_access() -> None:
    at = world()
    shifted = join(at, [(n,)], [tensor(at, "v", [(n,)])], lambda g: [f"{g[1][0]} = {g[0][0]} + 1"])
    for sizes in SIZES:
        v = arrays(sizes)["v"]
        assert evaluate_form(at, shifted, sizes, {"v": v}).tolist() == [*v[1:], 0]


@pytest.mark.parametrize(
    "value",
    [
        lift(0),
        lift(Fraction(-3, 7)),
        n,
        n * m - k,
        Polynomial.variable(Atom("floordiv", n + m, lift(2))),
        Polynomial.variable(Atom("floordiv", n, lift(2))) * Polynomial.variable(Atom("mod", m, lift(3))) + k,
        Polynomial.variable(Atom("max", n - m, lift(0))) ** 2 - 1,
    ],
    ids=str,
)
def test_a_size_as_a_number(value: Polynomial) -> None:
    at = world()
    form = scalar(at, value)
    for sizes in SIZES:
        assert evaluate_form(at, form, sizes, {})[()] == value.evaluate(sizes)


def test_a_size_that_is_not_affine_inside_a_floor_is_undecidable() -> None:
    with pytest.raises(Undecidable, match=r"\(m\*n // 2\) is not affine"):
        scalar(world(), Polynomial.variable(Atom("floordiv", n * m, lift(2))))


def test_sums_and_multiples() -> None:
    at = world()
    v = tensor(at, "v", [(n,)])
    form = add(v.scale(3), v.scale(Fraction(-1, 2)))
    assert v.scale(0).terms == ()
    for sizes in SIZES:
        inputs = arrays(sizes)
        assert (evaluate_form(at, form, sizes, inputs) == inputs["v"] * Fraction(5, 2)).all()


def test_spreading_leaves_the_other_indices_free() -> None:
    at = world()
    form = spread(at, tensor(at, "v", [(n,)]), [(m,), (n,), (k,)], (1,))
    for sizes in SIZES:
        v = arrays(sizes)["v"]
        expected = np.broadcast_to(v[None, :, None], (sizes["m"], sizes["n"], sizes["k"]))
        assert (evaluate_form(at, form, sizes, {"v": v}) == expected).all()


def test_merged_axes_are_enumerated_row_major() -> None:
    at = world()
    merged = tensor(at, "A", [(n, m)])
    assert merged.positions(0) == range(2)
    for sizes in SIZES:
        a = arrays(sizes)["A"]
        assert evaluate_form(at, merged, sizes, {"A": a}).tolist() == a.reshape(-1).tolist()


def test_the_region_is_the_box_of_the_outputs() -> None:
    at = world()
    assert region(at, matrix(at)).is_equal(
        isl.Set("[n, m, k] -> { [a, b] : 0 <= a < n and 0 <= b < m and n >= 1 and m >= 1 and k >= 1 }")
    )


@LAW
@given(st.lists(st.integers(1, 4), max_size=4), st.data())
def test_a_linear_position_is_numpys(sizes: list[int], data: Any) -> None:
    index = [data.draw(st.integers(0, s - 1)) for s in sizes]
    text = linear([lift(s) for s in sizes], [str(i) for i in index])
    assert text is not None
    (point,) = (isl.Set(f"{{ [v] : v = {text} }}").sample_point(),)
    flat = int(np.ravel_multi_index(index, sizes)) if sizes else 0
    assert point.get_coordinate_val(isl.dim_type.set, 0).to_python() == flat


def test_a_position_is_affine_where_only_the_outermost_size_is_symbolic() -> None:
    assert linear([n, lift(3)], ["a", "b"]) == "1*b + 3*a"
    assert linear([lift(3), n], ["a", "b"]) is None


coefficients = st.integers(-2, 2)


@LAW
@given(st.lists(st.tuples(coefficients, coefficients, st.integers(-2, 3)), min_size=1, max_size=2), st.booleans())
def test_any_affine_access_is_what_it_says(rows: list[tuple[int, int, int]], diagonal: bool) -> None:
    """out[o, p] = Σ A[i, j] over all (i, j) with a·o + b·p + c = i (and such an equation for j, or j = i)."""
    at = world()
    second = rows[1] if len(rows) > 1 else None

    def link(g: Any) -> list[str]:
        o, p = g[0]
        i, j = g[1]
        found = [f"{i} = {rows[0][0]}*{o} + {rows[0][1]}*{p} + {rows[0][2]}"]
        if second is not None:
            found.append(f"{j} = {second[0]}*{o} + {second[1]}*{p} + {second[2]}")
        return found + ([f"{i} = {j}"] if diagonal else [])

    form = join(at, [(n,), (k,)], [matrix(at)], link)
    for sizes in SIZES[::3]:
        a = arrays(sizes)["A"]
        expected = np.full((sizes["n"], sizes["k"]), Fraction(0), dtype=object)
        for (o, p), (i, j) in itertools.product(np.ndindex(*expected.shape), np.ndindex(*a.shape)):
            chosen = [i == rows[0][0] * o + rows[0][1] * p + rows[0][2]]
            chosen += [j == second[0] * o + second[1] * p + second[2]] if second is not None else []
            chosen += [i == j] if diagonal else []
            expected[o, p] += a[i, j] * all(chosen)
        assert evaluate_form(at, form, sizes, {"A": a}).tolist() == expected.tolist()


# -- the world of sizes


def test_sizes_that_agree_within_given_are_the_same() -> None:
    at = World(("n", "m"), isl.Set("[n, m] -> { : n >= 1 and m = 2n }"))
    assert at.same(m, 2 * n)
    assert at.same(m * m, 4 * n * n)
    assert not at.same(m, n)
    assert not World(("n", "m"), isl.Set("[n, m] -> { : n >= 1 and m >= 1 }")).same(m, 2 * n)
    assert World(("n",), isl.Set("[n] -> { : n = 1 }")).is_one(n)


@pytest.mark.parametrize(
    ("size", "where"),
    [
        (n - 1, "n = 1"),
        (n - m, "n = m"),
        (2 * n - 3, "false"),
        (n * m - 1, "n = 1 and m = 1"),
        (n * m, "false"),
        (n * n * m - n, "n = 1 and m = 1"),
        (n * m + k - 2, "n = 1 and m = 1 and k = 1"),
        ((n - 1) * m, "n = 1"),
        (Polynomial.variable(Atom("floordiv", n, lift(3))), "n <= 2"),
        (lift(0), "true"),
        (lift(2), "false"),
    ],
    ids=str,
)
def test_where_a_size_is_zero(size: Polynomial, where: str) -> None:
    at = world()
    zeros = at.zeros(size)
    assert zeros is not None
    assert zeros.is_equal(at.domain.intersect(at.condition(where)))


def test_where_a_product_of_sizes_is_zero_may_be_no_presburger_set() -> None:
    assert world().zeros(n * m - 6) is None
    assert world().zeros(n * m - n - m) is None
    assert World(("n", "p"), isl.Set("[n, p] -> { : n >= 1 }")).zeros(n * Polynomial.variable("p")) is None


def test_narrowing_leaves_sizes_out_for_good() -> None:
    at = World(("n",), isl.Set("[n] -> { : 1 <= n <= 2 }"))
    assert at.same(n * n, 3 * n - 2)  # at 1 and at 2
    assert not at.same(n, lift(2))
    at.narrow(at.condition("n = 1"), "n != 1")
    assert list(at.narrowed) == ["n != 1"]
    assert at.same(n, lift(2))
    with pytest.raises(Undecidable, match="no size is left: n != 2 excludes them all"):
        at.narrow(at.condition("n = 2"), "n != 2")


def test_a_spent_budget_is_undecidable_and_the_next_one_is_fresh() -> None:
    def work() -> bool:
        points = isl.Set("[n] -> { [x, y] : 0 <= 3x + 2y < n and 0 <= x - 5y <= n }")
        return points.complement().complement().is_equal(points)

    with pytest.raises(Undecidable, match="its budget is 5 operations"), budget(5):
        work()
    with budget(10_000_000):
        assert work()
    assert work()
