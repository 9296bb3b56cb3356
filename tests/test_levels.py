"""The structure of operators: each level held against the explicit matrix, and false claims of structure."""

import itertools
import random
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.affine_maps import Operator
from jaxiom.affine_values import matrix_at
from jaxiom.errors import Unsupported
from jaxiom.layers import conv
from jaxiom.lettered import LetterMatrix
from jaxiom.levels import Level
from jaxiom.operators import operator
from jaxiom.polyhedra.writing import index_names
from structures import STRUCTURES, build


@pytest.mark.parametrize("name", STRUCTURES)
def test_levels(name: str) -> None:
    expected = STRUCTURES[name][3]
    assert [(v.axes, v.kind, v.step) for v in build(name).levels] == expected


def entry_at(matrix: LetterMatrix, T: Operator, sizes: dict[str, int]) -> Callable[..., Any]:
    derived = T.derive(**sizes)
    rows, columns = derived.outputs[0], derived.inputs

    def entry(o: tuple[int, ...], x: tuple[int, ...]) -> Any:
        row = int(np.ravel_multi_index(o, rows)) if rows else 0
        return matrix.entries.get((row, int(np.ravel_multi_index(x, columns)) if columns else 0), 0)

    return entry


def holds(level: Level, T: Operator, sizes: dict[str, int]) -> bool:
    """Whether the explicit matrix is what the level says, entry by entry: the oracle."""
    derived = T.derive(**sizes)
    rows, columns = derived.outputs[0], derived.inputs
    entry = entry_at(derived.linear, T, sizes)
    a, b = level.axes
    for o, x in itertools.product(np.ndindex(*rows), np.ndindex(*columns)):
        if level.kind in ("identity", "diagonal") and a is not None and b is not None and o[a] != x[b] and entry(o, x):
            return False
        if level.kind in ("dense", "diagonal", "block diagonal", "undecided"):
            continue
        moved_o, moved_x = list(o), list(x)
        r, s = level.step or (1, 1)
        if a is not None:
            moved_o[a] = (o[a] + r) % rows[a] if level.kind == "circulant" else o[a] + r
        if b is not None:
            moved_x[b] = (x[b] + s) % columns[b] if level.kind == "circulant" else x[b] + s
        inside = all(0 <= i < n for i, n in zip((*moved_o, *moved_x), (*rows, *columns), strict=True))
        if inside and entry(tuple(moved_o), tuple(moved_x)) != entry(o, x):
            return False
    return True


@pytest.mark.parametrize("name", STRUCTURES)
def test_levels_hold_of_the_explicit_matrix(name: str) -> None:
    T = build(name)
    rng = random.Random(1)
    for cap in (2, 3):
        sizes = T.signature.sizes.random(rng, cap)
        assert all(holds(level, T, sizes) for level in T.levels)


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_point_that_breaks_a_level_does(name: str) -> None:
    T = build(name)
    for level in T.levels:
        if level.broken is None:
            continue
        point = level.broken
        entry = entry_at(T.derive(**point.sizes).linear, T, dict(point.sizes))
        here, moved = entry(point.output, point.input), entry(point.moved_output, point.moved_input)
        assert here != moved
        assert sorted(str(here).split(" + ")) == sorted(letters(point.value))
        assert sorted(str(moved).split(" + ")) == sorted(letters(point.moved_value))


def letters(text: str) -> list[str]:
    """The text of a break in the explicit interpreter's own spelling."""
    plain = text.replace("[", "_").replace("]", "").replace(", ", "_").replace("·", "*")
    return plain.split(" + ")


def test_repeating_levels_have_nothing_that_breaks_them() -> None:
    for level in build("VALID").levels[:3]:
        assert level.broken is None
    assert build("VALID").levels[3].broken is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "VALID",
            "identity along n; doubly block-Toeplitz; blocks f×c dense\n"
            "proved for n, h, w, c, kh, kw, f >= 1; h >= kh; w >= kw",
        ),
        (
            "3-D, groups, strides, dilations",
            "identity along n; triply block-Toeplitz; blocks 6×4 block-diagonal, each 3×2; "
            "stride 2: step (1, 2); stride 3: step (1, 3)\nproved for n, d, h, w >= 1",
        ),
        ("wrap, stride 2", "circulant; stride 2: step (1, 2)\nproved for h >= 1; h >= 2"),
        ("transposed", "block-Toeplitz; blocks f×c dense; upsampling 2: step (2, 1)\nproved for h, c, f >= 1"),
        ("im2col", "identity along f; doubly block-Hankel; blocks n×c dense\n"),
        ("mean", "identity along b; identity along c; constant along the input's n\n"),
    ],
)
def test_describe(name: str, text: str) -> None:
    assert build(name).describe().startswith(text)


def test_affine_functions_say_so() -> None:
    T = operator(lambda X, W, b: conv(X, W) + b, X="n h c", W="3 c f", b="f", given="h >= 3")
    assert T.describe().startswith("affine, with an offset; identity along n; block-Toeplitz")
    assert not T.is_linear
    assert str(T.offset) == "b[r]"


def test_several_outputs_have_entries_and_no_levels() -> None:
    T = operator(lambda X: (X, {"a": 2 * X[:1]}), X="n")
    assert str(T.entry) == "T[0][p; q] = [p = q]; T[1]['a'][0; p] = 2·[p = 0]"
    with pytest.raises(Unsupported, match="the function has 2 outputs"):
        _ = T.levels


def test_entry_of_a_convolution() -> None:
    entry = build("VALID").entry
    assert str(entry) == "T[p, q, r, s; t, u, v, y] = [p = t]·W[u-q, v-r, y, s]"
    assert entry.latex() == (r"T_{p, q, r, s; t, u, v, y} = \left[ p = t \right] \, W_{u - q, v - r, y, s}")


@pytest.mark.parametrize(
    "name", ["VALID", "groups of symbolic size", "transposed", "SAME, stride 2, dilation 2", "mean"]
)
def test_entry_in_sympy_at_numbers_is_the_matrix(name: str) -> None:
    T = build(name)
    sizes = T.signature.sizes.random(random.Random(4), 2)
    (expression,) = T.entry.leaves.values()
    names = index_names(expression)
    formula, found = T.entry.sympy(), T.derive(**sizes)
    assert isinstance(formula, sympy.Expr)
    at: Any = {sympy.Symbol(n, integer=True, positive=True): v for n, v in sizes.items()}
    formula = formula.subs(at)
    entry = entry_at(found.linear, T, sizes)
    for o, x in itertools.product(np.ndindex(*found.outputs[0]), np.ndindex(*found.inputs)):
        kept = [i for i, axis in zip((*o, *x), expression.axes, strict=True) if axis]
        where = {sympy.Symbol(names[p], integer=True, nonnegative=True): i for p, i in enumerate(kept)}
        value = formula.subs(where).doit()
        assert "_".join(re.findall(r"\w+", str(value))) == "_".join(re.findall(r"[A-Za-z]+|\d+", str(entry(o, x))))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_forms_give_the_explicit_matrix(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(STRUCTURES)))
    T = build(name)
    sizes = T.signature.sizes.random(random.Random(data.draw(st.integers(0, 99))), data.draw(st.integers(1, 3)))
    derived = T.derive(**sizes)
    assert matrix_at(T.affine, sizes, derived.letters).entries == derived.linear.entries


def test_a_function_that_branches_on_sizes_has_one_matrix() -> None:
    def function(X: Any) -> Any:
        return 2 * X if X.shape[0] == 3 else X

    T = operator(function, X="n")
    assert [(v.kind, v.axes) for v in T.levels] == [("identity", (0, 0))]
    assert matrix_at(T.affine, {"n": 3}, T.derive(n=3).letters).entries[0, 0] == 2
    assert matrix_at(T.affine, {"n": 2}, T.derive(n=2).letters).entries[0, 0] == 1


def test_what_cannot_be_read_for_all_sizes_still_has_matrices() -> None:
    T = operator(lambda X: jnp.cumprod(2 * jnp.ones_like(X)) * X, X="n")
    with pytest.raises(Unsupported, match="^f cannot be read for all sizes: cumprod"):
        _ = T.levels
    assert T.matrix(n=3) == sympy.diag(2, 4, 8)
