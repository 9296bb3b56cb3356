"""Opaque tensors: what is unified is equal, what differs never is; guesses stand only where they are proved."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import islpy as isl
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom import prove
from jaxiom.exact import DRAWS, evaluate, random_inputs
from jaxiom.polyhedra.form import Form, add, scalar, spread, tensor
from jaxiom.polyhedra.opaque import Opaques, matches, proved
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.polyhedra.world import World
from jaxiom.rules.balls import precision
from jaxiom.signature import read_signature
from polyhedra.oracle import LINE, Different, agrees, each, evaluate_expression

FEW = settings(max_examples=25, deadline=None, derandomize=True)
MANY = settings(FEW, max_examples=30)
Function = Callable[..., Any]


def world(*names: str) -> World:
    return World(names, isl.Set(f"[{', '.join(names)}] -> {{ : {' and '.join(f'{n} >= 1' for n in names)} }}"))


def line(on: World, name: str = "x") -> Form:
    return tensor(on, name, [(Polynomial.variable("n"),)])


def plus_one(on: World, x: Form) -> Form:
    return add(x, spread(on, scalar(on, 1), x.axes, ()))


# -- guesses


def test_a_wrong_guess_is_dropped() -> None:
    on = world("n")
    x = line(on)
    everywhere = isl.Map("[n] -> { [i] -> [i] : 0 <= i < n }")
    back = isl.Map("[n] -> { [i] -> [n - 1 - i] : 0 <= i < n }")
    assert proved(on, [x], [x], everywhere).is_equal(everywhere)
    assert proved(on, [x], [plus_one(on, x)], everywhere).is_empty()
    assert proved(on, [x], [line(on, "y")], everywhere).is_empty()
    middle = isl.Map("[n] -> { [i] -> [n - 1 - i] : 0 <= i < n and 2i = n - 1 }")
    assert proved(on, [x], [x], back).is_equal(middle)  # it stands where it is right: at the middle of an odd line


def test_every_argument_counts() -> None:
    on = world("n")
    x, y = line(on), line(on, "y")
    everywhere = isl.Map("[n] -> { [i] -> [i] : 0 <= i < n }")
    assert proved(on, [x, y], [x, y], everywhere).is_equal(everywhere)
    assert proved(on, [x, y], [x, x], everywhere).is_empty()
    assert proved(on, [x, y], [y, x], everywhere).is_empty()


def test_guesses_go_by_accesses_and_weights() -> None:
    on = world("n")
    x = line(on)
    box = isl.Set("[n] -> { [i] : 0 <= i < n }")
    assert matches(on, [x], [x], box, box).is_equal(isl.Map("[n] -> { [i] -> [i] : 0 <= i < n }"))
    assert matches(on, [x], [x.scale(2)], box, box).is_empty()
    assert matches(on, [x], [line(on, "y")], box, box).is_empty()


def test_two_functions_and_two_arguments_are_two_tensors() -> None:
    on, opaques = world("n"), Opaques()
    x, y = line(on), line(on, "y")
    names = [
        {t for term in opaques.apply(on, f, [a]).terms for t in term.monomial}
        for f, a in (("exp", x), ("sin", x), ("exp", y), ("exp", plus_one(on, x)), ("exp", x))
    ]
    assert all(len(n) == 1 for n in names)
    assert names[0] == names[4]
    assert len({frozenset(n) for n in names}) == 4


def test_equal_arguments_share_an_entry() -> None:
    on, opaques = world("n", "m"), Opaques()
    n, m = Polynomial.variable("n"), Polynomial.variable("m")
    wide = spread(on, line(on), [(n,), (m,)], [0])
    (term,) = opaques.apply(on, "exp", [wide]).terms
    assert term.points.is_equal(isl.Set("[n, m] -> { [i, j, i, 0] : 0 <= i < n and 0 <= j < m }"))


# -- f(move(x)) = move(f(x)), and nothing else

MOVES: dict[str, Function] = {
    "as it is": lambda x: x,
    "transposed": lambda x: x.T,
    "flipped": lambda x: jnp.flip(x, 0),
    "both flipped": lambda x: jnp.flip(x),
    "without the first row": lambda x: x[1:],
    "without the last row": lambda x: x[:-1],
    "the first row": lambda x: jnp.broadcast_to(x[:1], x.shape),
    "the first column": lambda x: jnp.broadcast_to(x[:, :1], x.shape),
    "rolled": lambda x: jnp.roll(x, 1, 0),
    "every other row": lambda x: lax.slice(x, (0, 0), x.shape, (2, 1)),
    "the diagonal": lambda x: jnp.broadcast_to((x * jnp.eye(x.shape[0])).sum(1)[:, None], x.shape),
    "lower": lambda x: jnp.where(jnp.tri(x.shape[0], dtype=bool), x, x.T),
}
INNER: dict[str, Function] = {
    "x": lambda x: x,
    "a product": lambda x: x @ x.T,
    "centred": lambda x: x - x.mean(),
    "columns": lambda x: x - x.mean(0),
    "a shift": lambda x: x + 1,
    "by index": lambda x: x * jnp.arange(x.shape[0]),
    "a function": lambda x: jnp.sin(x) + x.T,
}
OUTER: dict[str, Function] = {"exp": jnp.exp, "tanh": jnp.tanh, "1/(2 + x²)": lambda x: 1 / (2 + x * x), "|x|": jnp.abs}


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("move", MOVES)
def test_a_function_commutes_with_moves(move: str, inner: str) -> None:
    moved, of = MOVES[move], INNER[inner]
    verdict = prove(lambda x: jnp.exp(moved(of(x))), lambda x: moved(jnp.exp(of(x))), x="n n", given="n >= 2")
    assert verdict.status == "proved", str(verdict)


@MANY
@given(
    st.sampled_from(sorted(MOVES)), st.sampled_from(sorted(MOVES)), *[st.sampled_from(sorted(INNER))] * 2,
    *[st.sampled_from(sorted(OUTER))] * 2, st.booleans(),
)  # fmt: skip
def test_verdicts_are_what_evaluation_says(a: str, b: str, i: str, j: str, f: str, g: str, after: bool) -> None:
    """Two programs that may or may not be equal: what evaluation tells apart is refuted, all else proved."""
    f = g if after else f

    def lhs(x: Any) -> Any:
        return OUTER[f](MOVES[a](INNER[i](x)))

    def rhs(x: Any) -> Any:
        return MOVES[b](OUTER[g](INNER[j](x)))

    lost = ("without the first row", "without the last row")
    assume((a == "every other row") == (b == "every other row") and (a in lost) == (b in lost))
    verdict = prove(lhs, rhs, x="n n", given="n >= 2")
    told_apart = any(differ(lhs, rhs, n, draw) for n in (2, 3, 4) for draw in DRAWS[:2])
    assert verdict.status == ("refuted" if told_apart else "proved"), str(verdict)


def differ(lhs: Function, rhs: Function, n: int, draw: Any) -> bool:
    import random

    signature = read_signature([lhs, rhs], {"x": "n n"}, "n >= 2")
    arguments = signature.arguments({"n": n}, random_inputs(signature, {"n": n}, random.Random(n), draw))
    (left,), (right,) = evaluate(lhs, arguments), evaluate(rhs, arguments)
    return bool(np.any(np.asarray(left != right, bool)))


# -- what forms say, by enumeration


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("move", ["lower", "rolled", "the diagonal"])
def test_forms_are_what_evaluation_gives(move: str, inner: str) -> None:
    agrees(lambda x: jnp.exp(MOVES[move](INNER[inner](x)) / 4), {"x": "n n"}, LINE[1:3], "n >= 2")


PROGRAMS: dict[str, tuple[Function, dict[str, str]]] = {
    "softened": (lambda x: jnp.exp(x) / jnp.exp(x).sum(1, keepdims=True), {"x": "n m"}),
    "twice": (lambda x: jnp.exp(-jnp.exp(x / 4).T / 4), {"x": "n m"}),
    "shared": (lambda x: jnp.exp(x[:, :1]) * jnp.exp(x) - jnp.exp(x.T[:1]).T, {"x": "n m"}),
    "normed": (lambda x: (x - x.mean(0)) * lax.rsqrt(x.var(0) + 0.5), {"x": "n m"}),
    "clipped": (lambda x: jnp.clip(x @ x.T, -1, 2), {"x": "n m"}),
    "leaky": (lambda x: jax.nn.leaky_relu(x.sum(0) - 1, 0.5), {"x": "n m"}),
    "both": (lambda x: jnp.where((x > 1) | (x < -1) & ~(x == -2), x, x.shape[0]), {"x": "n m"}),
    "numbers": (lambda x: x * jnp.sqrt(x.shape[0]) / jnp.exp(1.0) + jnp.log(x.shape[1] / 2), {"x": "n m"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    function, shapes = PROGRAMS[name]
    agrees(function, shapes, each(n=(1, 2, 3), m=(2, 3, 1)))


# -- sizes


def test_an_argument_that_is_equal_for_some_sizes_is_unified_there_alone() -> None:
    def lhs(x: Any) -> Any:
        return jnp.exp(x.sum())

    def rhs(x: Any) -> Any:
        return jnp.exp(x.mean())

    verdict = prove(lhs, rhs, x="n")
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes == {"n": 2}
    assert prove(lhs, rhs, x="n", given="n == 1").status == "proved"


def test_variances_leave_out_where_they_are_no_numbers() -> None:
    verdict = prove(lambda x: jnp.var(x, ddof=2), lambda x: ((x - x.mean()) ** 2).sum() / (x.shape[0] - 2), x="n")
    assert verdict.status == "proved"
    assert not verdict.sizes.contains({"n": 1})
    assert not verdict.sizes.contains({"n": 2})
    assert verdict.sizes.contains({"n": 3})
    assert any("NaN" in words for words in verdict.sizes.narrowed)


@pytest.mark.parametrize(
    ("function", "note"),
    [
        (jnp.log, "arguments of log are taken to be positive"),
        (jnp.sqrt, "arguments of sqrt are taken to be at least 0"),
        (lambda x: 1 / x, "divisors are taken not to be 0"),
        (jnp.atanh, "arguments of atanh are taken to lie strictly between -1 and 1"),
        (lambda x: jnp.pow(x, x), "bases of powers"),
    ],
)
def test_what_is_taken_for_granted_is_said(function: Function, note: str) -> None:
    verdict = prove(lambda x: function(x.T), lambda x: function(x).T, x="n m")
    assert verdict.status == "proved"
    assert any(note in n for n in verdict.notes)


def test_what_cannot_fail_is_not_said() -> None:
    assert prove(jax.nn.softplus, lambda x: jnp.logaddexp(x, 0), x="n").notes == ()
    assert prove(jax.nn.sigmoid, lambda x: 1 / (1 + jnp.exp(-x)), x="n").notes == ()


# -- differences, read and written

WIDE = each(n=(2,), m=(3,))
DIFFERENCES = [
    Different("a shift", lambda x: jnp.exp(x + 1), jnp.exp, {"x": "n"}, LINE),
    Different("a slice", lambda x: jnp.exp(x[1:])[:-1], lambda x: jnp.exp(x)[:-2], {"x": "n"}, LINE[2:], "n >= 3"),
    Different("sums", lambda x: jnp.exp(x / 4).sum(0), lambda x: jnp.exp((x / 4).sum(0)), {"x": "n m"}, WIDE),
    Different("nested", lambda x: jnp.tanh(jnp.sin(x).sum(0)), lambda x: x.mean(0), {"x": "n m"}, WIDE),
    Different("quotients", lambda x: x / (x * x + 1), lambda x: 1 / (2 + x @ x.T) @ x, {"x": "n n"}, LINE[:2]),
    Different("norms", lambda x: jnp.sqrt(x.var() + 1), lambda x: jnp.sqrt((x * x).mean() + 1), {"x": "n"}, LINE[1:3]),
    Different("choices", lambda x: jnp.where(x > 1, x, 0), lambda x: jnp.abs(x - 1), {"x": "n"}, LINE[:3]),
    Different("powers", lambda x: jnp.pow(x * x, x), lambda x: jnp.pow(x * x, -x), {"x": "n"}, LINE[:2]),
]  # fmt: skip
TEXTS = {
    "a shift": "exp(1 + x[p]) - exp(x[p])",
    "a slice": "exp(x[p+1]) - [p ≥ 1]·exp(x[p]) - [p = 0]·exp(x[0])",
    "sums": "[n ≥ 2]·(Σ_{i<n} exp(1/4·x[i, p])) - [n ≥ 2]·exp(1/4·(Σ_{i<n} x[i, p]))",
    "nested": "tanh(Σ_{i<n} sin(x[i, p])) - 1/(n)·(Σ_{i<n} x[i, p])",
}


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda c: c.name)
def test_differences(case: Different) -> None:
    verdict = prove(case.lhs, case.rhs, given=case.given, shapes=case.shapes)
    assert verdict.status == "refuted"
    assert verdict.difference is not None
    text = str(verdict.difference)
    assert "#" not in text
    assert text == TEXTS.get(case.name, text)
    latex = verdict.difference.latex()
    assert latex.count("{") == latex.count("}")
    assert "#" not in latex
    (expression,) = verdict.difference.leaves.values()
    for sizes in case.sizes:
        inputs = case.inputs(sizes)
        with precision():
            found = evaluate_expression(expression, sizes, inputs)
        exactly = case.exactly(sizes, inputs)
        assert found.shape == exactly.shape
        assert found.tolist() == exactly.tolist()
    assert_sympy(verdict.difference.sympy(), case)


def assert_sympy(expression: Any, case: Different) -> None:
    """The entries that SymPy gives at the first sizes."""
    sizes = case.sizes[0]
    inputs = case.inputs(sizes)
    exactly = case.exactly(sizes, inputs)
    outputs = sorted((s for s in expression.free_symbols if str(s) in "pqrs" and s.is_nonnegative), key=str)
    x: Any = sympy.IndexedBase("x")
    entries = {x[i]: sympy.Rational(v.numerator, v.denominator) for i, v in np.ndenumerate(inputs["x"])}
    for index in itertools.islice(np.ndindex(*exactly.shape), 3):
        here = dict(zip(outputs, index, strict=False)) if len(outputs) == len(index) else None
        if here is None:
            continue
        at = expression.subs({**{s: sizes[str(s)] for s in expression.free_symbols if str(s) in sizes}, **here})
        assert float(at.doit().xreplace(entries)) == pytest.approx(float(exactly[index]), rel=1e-12, abs=1e-12)


def test_the_difference_is_not_tabulated_on_the_device() -> None:
    from jaxiom.errors import Undecidable

    verdict = prove(lambda x: jnp.exp(x + 1), jnp.exp, x="n")
    assert verdict.difference is not None
    with pytest.raises(Undecidable, match="the closed form holds exp of the inputs"):
        verdict.difference.compile({"n": 3})


def test_witnesses_are_intervals_that_are_apart() -> None:
    verdict = prove(lambda x: jnp.exp(x + 1), jnp.exp, x="n")
    assert verdict.witness is not None
    assert verdict.witness.lhs != verdict.witness.rhs
    assert float(verdict.witness.lhs) == pytest.approx(verdict.witness.jax_values[0], rel=1e-5)
    exact = prove(lambda x: 1 / (1 + x * x), lambda x: 1 - x * x, x="n")
    assert exact.witness is not None
    assert isinstance(exact.witness.lhs, Fraction)
    assert "lhs = 2.71828182845905" in str(verdict)
