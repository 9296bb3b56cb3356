"""From functions to programs: what is recorded, what is dropped, and sizes in JAX's symbols and back."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom.errors import BadInput, BadShape, Undecidable
from jaxiom.jaxprs import CALLS, all_primitives, inner_jaxpr, user_line
from jaxiom.polyhedra.polynomial import Atom, Polynomial, lift
from jaxiom.signature import read_signature
from jaxiom.trace import Scope, Traced, make_jaxpr, open_scope, work

LAW = settings(max_examples=60, deadline=None, derandomize=True)

h, w = Polynomial.variable("h"), Polynomial.variable("w")


def scope(*names: str, constraints: tuple[str, ...] = (), **fixed: int) -> Scope:
    return open_scope([*names, *fixed], constraints, fixed, frozenset())


def trace(function: Callable[..., Any], *constraints: str, **shapes: Any) -> Traced:
    """`constraints` in JAX's syntax."""
    signature = read_signature([function], shapes)
    made = open_scope(signature.sizes.names, constraints, {}, frozenset())
    return make_jaxpr(function, signature.symbolic(made), made, "lhs")


# -- sizes in JAX's symbols and back


whole = st.integers(-3, 3)


@st.composite
def expressions(draw: Any, depth: int = 2) -> Polynomial:
    kinds = ["h", "w", "number"] + (["sum", "product", "floordiv", "mod", "max", "min"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind in ("h", "w"):
        return Polynomial.variable(kind)
    if kind == "number":
        return lift(draw(whole))
    left, right = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    if kind in ("sum", "product"):
        return left + right if kind == "sum" else left * right
    if kind in ("floordiv", "mod"):
        right = lift(draw(st.integers(1, 4)))
    return Polynomial.variable(Atom(kind, left, right))


@LAW
@given(expressions(), st.integers(1, 6), st.integers(1, 6))
def test_a_size_in_jaxs_symbols_reads_back_as_the_same_number(size: Polynomial, at_h: int, at_w: int) -> None:
    made = scope("h", "w")
    there = made.dim(size)
    env = {"h": Fraction(at_h), "w": Fraction(at_w)}
    value = size.evaluate(env)
    assert made.size(there).evaluate(env) == value


@pytest.mark.parametrize("divisor", [2, 3, -2, -3])
def test_quotients_by_negative_numbers_read_as_python_has_them(divisor: int) -> None:
    made = scope("h", "w")
    dim = made.dims["h"] - made.dims["w"]
    for at_h in range(1, 6):
        for at_w in range(1, 6):
            env = {"h": Fraction(at_h), "w": Fraction(at_w)}
            assert made.size(dim // divisor).evaluate(env) == (at_h - at_w) // divisor
            assert made.size(dim % divisor).evaluate(env) == (at_h - at_w) % divisor


def test_a_negative_integer_variable_has_a_symbol_for_its_negative() -> None:
    made = open_scope(["h", "p"], [], {}, frozenset({"p"}))
    assert made.size(made.dims["p"]) == Polynomial.variable("p")
    assert made.size(-made.dims["p"]) == -Polynomial.variable("p")
    assert made.size(made.dim(2 * Polynomial.variable("p") + h)) == 2 * Polynomial.variable("p") + h


def test_fixed_names_are_numbers() -> None:
    made = scope("h", p=0)
    assert made.dims["p"] == 0
    assert made.dim(5 + Polynomial.variable("p")) == 5
    assert made.size(made.dim(h + Polynomial.variable("p"))) == h


def test_constraints_that_jax_does_not_take() -> None:
    with pytest.raises(BadShape, match="given: JAX does not take these constraints"):
        scope("h", "w", constraints=("h < w",))
    with pytest.raises(BadShape, match="given: JAX does not take these constraints"):
        scope("h", constraints=("h >= h + 1",))


# -- what is recorded


def asked(function: Callable[..., Any], *constraints: str, **shapes: Any) -> list[str]:
    return [str(c.difference) for c in trace(function, *constraints, **shapes).comparisons if not c.internal]


def branch(truth: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: 2 * x if truth(*x.shape) else x


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (lambda a, b: a == 1, ["h - 1"]),
        (lambda a, b: a != 1, ["h - 1"]),
        (lambda a, b: a == b, ["h - w"]),
        (lambda a, b: a in (1, 3), ["h - 1", "h - 3"]),
        (lambda a, b: (a, b) == (1, 2), ["h - 1"]),  # the second is not asked once the first is taken as different
        (lambda a, b: a == 7.0, ["h - 7"]),
        (lambda a, b: a == np.int64(7), ["h - 7"]),
        (lambda a, b: np.int64(7) == a, ["h - 7"]),
        (lambda a, b: (np.array([a, b]) == np.array([3, 3])).all(), ["h - 3", "w - 3"]),
        (lambda a, b: a % 2, ["(h % 2)"]),
        (lambda a, b: a % 2 == 1, ["(h % 2) - 1"]),
        (lambda a, b: not (a - b), ["h - w"]),
        (lambda a, b: a // 2 == b, ["-w + (h // 2)"]),
        (lambda a, b: 2 * a == 2 * b + 4, ["2*h - 2*w - 4"]),
        # decided: nothing to note
        (lambda a, b: a == a, []),
        (lambda a, b: a == a + 1, []),
        (lambda a, b: a >= 1, []),
        (lambda a, b: a == 7.5, []),
        (lambda a, b: a == "seven", []),
        (lambda a, b: a is None, []),
    ],
)
def test_undecided_questions_about_sizes(truth: Any, expected: list[str]) -> None:
    assert asked(branch(truth), x="h w") == expected


def test_a_truth_value_of_a_size_is_a_question() -> None:
    found = trace(branch(lambda a, b: a - 1), x="h w").comparisons
    assert [(str(c.difference), c.text) for c in found if not c.internal] == [("h - 1", "h - 1 == 0")]


def test_what_is_given_is_decided() -> None:
    assert asked(branch(lambda a, b: a == b), "h == w", x="h w") == []
    assert asked(branch(lambda a, b: a % 2), "mod(h, 2) == 0", x="h w") == []
    assert asked(branch(lambda a, b: a == 3), "w == 3", x="h w") == ["h - 3"]


def test_a_question_names_its_line() -> None:
    found = trace(branch(lambda a, b: a == 1), x="h w").comparisons
    (comparison,) = (c for c in found if not c.internal)
    assert comparison.line.startswith(__file__)
    assert comparison.text == "h == 1"


def test_each_question_is_noted_once() -> None:
    assert asked(branch(lambda a, b: a == 1 or a == 1 or a == 1), x="h w") == ["h - 1"]


def test_questions_behind_jit_are_noted() -> None:
    assert asked(jax.jit(branch(lambda a, b: a == 3)), x="h w") == ["h - 3"]
    assert asked(jax.jit(branch(lambda a, b: a == 3)), x="h w") == ["h - 3"]


def test_jaxs_own_questions_are_told_apart() -> None:
    found = trace(lambda x, y: x + y, x="h w", y="w").comparisons
    assert all(c.internal for c in found)


@pytest.mark.parametrize(
    ("truth", "text"),
    [
        (lambda a: a in {5, 7}, "looks the size h up in a dictionary or set"),
        (lambda a: {3: True}.get(a, False), "looks the size h up in a dictionary or set"),
        (lambda a: str(a) == "7", "writes the size h as text"),
        (lambda a: f"{a}" == "7", "writes the size h as text"),
    ],
)
def test_questions_that_cannot_be_followed(truth: Any, text: str) -> None:
    with pytest.raises(Undecidable, match=text + r".*test_trace\.py"):
        trace(lambda x: 2 * x if truth(x.shape[0]) else x, x="h")


@pytest.mark.parametrize(
    "question", [lambda a: a > 6, lambda a: a <= 6, lambda a: int(a) == 7, lambda a: min(a, 7) == 7]
)
def test_a_question_whose_error_is_caught_cannot_be_followed(question: Any) -> None:
    def careful(x: Any) -> Any:
        try:
            return 2 * x if question(x.shape[0]) else x
        except Exception:  # noqa: BLE001
            return x

    with pytest.raises(Undecidable, match="asks of the size h what JAX cannot decide, and goes on all the same"):
        trace(careful, x="h")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.reshape(x.shape[0] // 2, 2),
        lambda x: jax.jit(lambda z: z @ z)(x),
        lambda x: x[:, None] * jnp.ones((3,)),
        lambda x: jax.vmap(lambda z: 2 * z)(x),
        lambda x: x * (x.shape[0] // 2),
    ],
)
def test_jaxs_caches_are_no_questions_of_the_user(function: Any) -> None:
    assert [c for c in trace(function, "mod(h, 2) == 0", x="h").comparisons if not c.internal] == []


# -- errors


def test_what_jax_cannot_decide_says_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"lhs: JAX cannot decide .*Say in given= what holds .*\(.*test_trace\.py:\d+\)"):
        trace(lambda x: x if x.shape[0] > 3 else 2 * x, x="h")


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda x: x @ x.T.T, "TypeError"),
        (lambda x: x + jnp.ones(3), "TypeError|ValueError"),
        (lambda x: x.nothing, "AttributeError"),
        (lambda x: range(x.shape[0]), "TypeError"),
        (lambda x: x if x.sum() > 0 else -x, "TypeError|Tracer"),
        (lambda x: 1 // 0 * x, "ZeroDivisionError"),
        (lambda x: [x][3], "IndexError"),
    ],
)
def test_a_function_that_does_not_run(function: Any, kind: str) -> None:
    with pytest.raises(BadInput, match=rf"lhs: the function does not run on the shapes \[h, w\]: ({kind})"):
        trace(function, x="h w")


# -- programs


def same(left: Callable[..., Any], right: Callable[..., Any]) -> bool:
    signature = read_signature([left, right], {"x": "3"})
    made = open_scope([], [], {}, frozenset())
    return make_jaxpr(left, signature.symbolic(made), made, "lhs").is_same_program(
        make_jaxpr(right, signature.symbolic(made), made, "rhs")
    )


def with_constant(values: Any, wrap: Callable[..., Any] = lambda f: f) -> Callable[..., Any]:
    array = np.asarray(values, np.float32)
    return wrap(lambda x: x * array)


def custom(function: Callable[..., Any]) -> Callable[..., Any]:
    made = jax.custom_jvp(function)
    made.defjvp(lambda p, t: (function(*p), t[0]))
    return made


def test_the_same_program_is_the_same() -> None:
    assert same(lambda x: 2 * x, lambda y: 2 * y)
    assert not same(lambda x: 2 * x, lambda x: x * 2.5)
    assert not same(lambda x: 2 * x, lambda x: x + x)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: f,
        custom,
        jax.checkpoint,
        jax.jit,
        lambda f: jax.jit(jax.jit(f)),
    ],
)
def test_the_same_text_with_other_constants_is_another_program(wrap: Any) -> None:
    assert same(with_constant([1, 2, 3], wrap), with_constant([1, 2, 3], wrap))
    assert not same(with_constant([1, 2, 3], wrap), with_constant([1, 2, 4], wrap))


def test_literals_that_differ_in_the_last_place_are_other_programs() -> None:
    assert not same(lambda x: x * 0.1, lambda x: x * float(np.nextafter(np.float32(0.1), np.float32(1))))
    assert not same(lambda x: x + 1e-30, lambda x: x + 1.0000001e-30)


def test_dead_code_is_dropped() -> None:
    used, dead = np.arange(3, dtype=np.float32), np.arange(5, dtype=np.float32)

    def function(x: Any) -> Any:
        jnp.exp(jnp.asarray(dead) * x.sum())
        return x * jnp.asarray(used)

    traced = make_jaxpr(function, [jax.ShapeDtypeStruct((3,), jnp.float32)], scope(), "lhs")
    assert [e.primitive.name for e in traced.closed.jaxpr.eqns] == ["mul"]


def test_outputs_are_named_by_their_path() -> None:
    traced = trace(lambda x: {"b": x, "a": [x, (2 * x,)]}, x="h")
    assert traced.leaves == ("['a'][0]", "['a'][1][0]", "['b']")
    assert trace(lambda x: x, x="h").leaves == ("",)


def test_arguments_that_are_sizes_are_passed_as_they_are() -> None:
    seen: list[Any] = []

    def function(x: Any, p: Any) -> Any:
        seen.append(p)
        return x

    made = scope("h", "p")
    make_jaxpr(function, [jax.ShapeDtypeStruct((made.dims["h"],), jnp.float32), made.dims["p"]], made, "lhs")
    make_jaxpr(function, [jax.ShapeDtypeStruct((3,), jnp.float32), 5], scope(), "lhs")
    assert seen[0] is made.dims["p"]
    assert seen[1] == 5


@pytest.mark.parametrize("wrap", [jax.jit, custom, jax.checkpoint])
def test_calls_are_known_with_their_programs(wrap: Any) -> None:
    (equation,) = trace(wrap(lambda x: jnp.sin(x)), x="h").closed.jaxpr.eqns
    assert equation.primitive in CALLS
    assert [e.primitive.name for e in inner_jaxpr(equation).jaxpr.eqns] == ["sin"]


def test_an_equation_knows_the_users_line() -> None:
    (equation,) = trace(lambda x: jnp.sin(x), x="h").closed.jaxpr.eqns
    assert "test_trace.py" in user_line(equation)


@pytest.mark.parametrize(
    ("function", "shapes", "least"),
    [
        (lambda x, y: x @ y, {"x": "20 30", "y": "30 40"}, 20 * 30 * 40),
        (lambda x: x + 1, {"x": "7 5"}, 35),
        (jax.jit(lambda x: x + 1), {"x": "7 5"}, 35),
        (
            lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")),
            {"x": "1 10 4", "w": "3 4 8"},
            8 * 8 * 3 * 4,
        ),
    ],
)
def test_work_counts_multiplications(function: Any, shapes: dict[str, str], least: int) -> None:
    assert least <= work(trace(function, **shapes).closed) <= 4 * least


def test_primitives_by_name() -> None:
    found = all_primitives()
    assert {"conv_general_dilated", "dot_general", "dim_as_value", "jit", "split", "tile"} <= set(found)
    assert all(primitive.name == name for name, primitive in found.items() if name in ("add", "mul", "jit"))


@pytest.mark.parametrize("own", [False, True])
def test_a_question_is_about_the_sizes_of_its_own_trace(own: bool) -> None:
    """A cache that is asked in passing, or forgets, hashes the sizes of earlier traces."""
    other, made = scope("n"), scope("n")
    size = (made if own else other).dims["n"]

    def function(x: Any) -> Any:
        return x if {size: True} else -x

    def read(at: Scope) -> Traced:
        return make_jaxpr(function, [jax.ShapeDtypeStruct((at.dims.get("n", 3),), jnp.float32)], at, "lhs")

    assert read(scope()).comparisons == ()
    if own:
        with pytest.raises(Undecidable, match="looks the size n up"):
            read(made)
    else:
        assert read(made).comparisons == ()
