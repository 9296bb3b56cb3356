"""Size strings against Python's own arithmetic; every error text; sampling inside the constraints."""

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeVar

import islpy as isl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jaxiom.errors import BadInput, BadShape
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.sizes import RESERVED, Reader, Sizes, Whole, build_sizes, random_point, read_shape, split_constraints

NAMES = ("h", "w", "kh")
HINT = (
    ' Write sizes with names, whole numbers, + - * // % and parentheses, as in "n h w c", "3 3 c f", "2*h" or "h+p-1".'
)
Value = Callable[[Mapping[str, int]], int]
Expression = tuple[str, Value]
T = TypeVar("T")


def sizes_of(*shapes: str, given: str = "", whole: tuple[str, ...] = ()) -> Sizes:
    return build_sizes([read_shape(s, "X") for s in shapes], [Whole(n) for n in whole], given)


def text_of(read: Callable[[], object]) -> str:
    with pytest.raises(BadShape) as raised:
        read()
    return str(raised.value)


def attempt(read: Callable[[], T]) -> T | str:
    """What was read, or the text of the refusal."""
    try:
        return read()
    except BadShape as error:
        return str(error)


def worth(size: Polynomial, point: Mapping[str, int]) -> Fraction:
    return size.evaluate({name: value for name, value in point.items()})


def leaf() -> st.SearchStrategy[Expression]:
    numbers = st.integers(0, 9).map(lambda n: (str(n), lambda env: n))
    names = st.sampled_from(NAMES).map(lambda n: (n, lambda env: env[n]))
    return st.one_of(numbers, names)


def combine(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Larger expressions, each with what Python says it is worth. User text is never evaluated: neither here."""

    def binary(parts: tuple[str, Expression, Expression]) -> Expression:
        operator, (left, a), (right, b) = parts
        apply: dict[str, Value] = {
            "+": lambda env: a(env) + b(env),
            "-": lambda env: a(env) - b(env),
            "*": lambda env: a(env) * b(env),
            "min": lambda env: min(a(env), b(env)),
            "max": lambda env: max(a(env), b(env)),
        }
        if operator in ("min", "max"):
            return f"{operator}({left},{right})", apply[operator]
        return f"({left}){operator}({right})" if operator == "*" else f"({left}{operator}({right}))", apply[operator]

    def divide(parts: tuple[str, Expression, int]) -> Expression:
        operator, (left, a), n = parts
        return f"({left}){operator}{n}", (lambda env: a(env) // n) if operator == "//" else (lambda env: a(env) % n)

    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "min", "max"]), children, children).map(binary),
        st.tuples(st.sampled_from(["//", "%"]), children, st.integers(1, 5)).map(divide),
    )


EXPRESSIONS = st.recursive(leaf(), combine, max_leaves=8)
POINTS = st.fixed_dictionaries({name: st.integers(1, 12) for name in NAMES})


@given(EXPRESSIONS, POINTS)
def test_an_expression_is_worth_what_python_says(expression: Expression, point: dict[str, int]) -> None:
    text, value = expression
    reader = Reader(text, "X")
    size = reader.sum()
    reader.end()
    assert worth(size, point) == value(point)


@given(st.lists(EXPRESSIONS, max_size=3), POINTS)
def test_a_shape_has_the_sizes_that_its_axes_say(axes: list[Expression], point: dict[str, int]) -> None:
    try:
        shape = read_shape(" ".join(text for text, _ in axes), "X")
    except BadShape as error:
        assume("affine" not in str(error) and "empty" not in str(error))
        raise
    assert shape.at(point) == tuple(value(point) for _, value in axes)


@given(st.text(alphabet="hwk019 +-*/%(),.=<>_#andmi\n", max_size=12))
@example("h h")
@example("9" * 30)
def test_any_text_is_read_or_refused(text: str) -> None:
    shape = attempt(lambda: read_shape(text, "X"))
    assert shape.startswith("X: ") if isinstance(shape, str) else len(shape.axes) == len(text.split())


@given(st.text(alphabet="hw019 +-*/%(),.=<>!&|", max_size=14))
@example("h >= 1, w <= 3")
def test_any_given_is_read_or_refused(text: str) -> None:
    sizes = attempt(lambda: sizes_of("h w", given=text))
    assert sizes.startswith("given: ") if isinstance(sizes, str) else sizes.names == ("h", "w")


RELATIONS = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


@given(st.sampled_from(sorted(RELATIONS)), st.integers(1, 4), st.integers(-3, 6), POINTS)
def test_given_allows_the_points_that_satisfy_it(relation: str, n: int, shift: int, point: dict[str, int]) -> None:
    text = f"h {relation} {n}*kh + {shift}, (w + {abs(shift)}) % {n} == 0"
    holds = RELATIONS[relation](point["h"], n * point["kh"] + shift) and (point["w"] + abs(shift)) % n == 0
    sizes = attempt(lambda: sizes_of("h w kh", given=text))
    if isinstance(sizes, str):
        assert "no size satisfies" in sizes
        assert not holds
    else:
        assert sizes.contains(point) == holds


@given(
    st.sampled_from(["", "h >= kh", "h > kh, w % 3 == 1", "h == 2*kh + 1", "kh <= 2, w >= h + 7", "h//2 == 5"]),
    st.integers(0, 2**32),
    st.integers(1, 6),
)
def test_random_points_lie_inside_the_constraints(constraints: str, seed: int, cap: int) -> None:
    sizes = sizes_of("h w", "kh", given=constraints)
    point = sizes.random(random.Random(seed), cap)
    assert list(point) == list(sizes.names)
    sizes.check(point)


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_random_points_of_sets_with_holes(seed: int, cap: int) -> None:
    domain = isl.Set("[a, b] -> { : a >= 1 and (b = 3a or b = 3a + 40) and a mod 4 = 2 and b <= 100 }")
    point = random_point(domain, ("a", "b"), random.Random(seed), cap)
    assert point["a"] % 4 == 2
    assert point["b"] in (3 * point["a"], 3 * point["a"] + 40)


def test_borders_and_ones_are_among_the_likely_points() -> None:
    sizes = sizes_of("h w", "kh", given="h >= kh")
    points = [sizes.random(random.Random(seed)) for seed in range(200)]
    assert any(p["h"] == p["kh"] for p in points)
    assert any(p["h"] == p["kh"] == p["w"] == 1 for p in points)
    assert max(max(p.values()) for p in points) <= 8


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("", []),
        ("n h w c", ["n", "h", "w", "c"]),
        ("3 3 c f", ["3", "3", "c", "f"]),
        ("2*h w", ["2*h", "w"]),
        ("h+p-1", ["h + p - 1"]),
        ("kh*kw*c", ["c*kh*kw"]),
        ("(h-1)//2+1", ["((h - 1) // 2) + 1"]),
        ("min(h,w)", ["min(h, w)"]),
        ("lambda", ["lambda"]),
    ],
)
def test_shapes_that_are_read(text: str, axes: list[str]) -> None:
    assert [str(axis.size) for axis in read_shape(text, "X").axes] == axes


def test_the_factors_of_a_merged_axis_keep_the_order_written() -> None:
    (axis,) = read_shape("kw*kh*c", "W").axes
    assert [str(f) for f in axis.factors] == ["kw", "kh", "c"]
    (axis,) = read_shape("2*h", "W").axes
    assert [str(f) for f in axis.factors] == ["2*h"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("h//0", "X: 'h//0': a divisor must be a positive number, not 0." + HINT),
        ("h//k", "X: 'h//k': a divisor must be a positive number, not k." + HINT),
        ("h-", "X: 'h-': it ends too early." + HINT),
        ("(h", "X: '(h': expected ')'." + HINT),
        ("h)", "X: 'h)': cannot read on from ')'." + HINT),
        ("h**2", "X: 'h**2': cannot read on from '**'." + HINT),
        ("1.5", "X: '1.5': cannot read '.'." + HINT),
        ("2h", "X: '2h': cannot read on from 'h'." + HINT),
        ("h+*", "X: 'h+*': expected a size, found '*'." + HINT),
        ("0", "X: '0': a size of 0 leaves the array empty; sizes are at least 1." + HINT),
        ("2-5", "X: '2-5': a size of -3 leaves the array empty; sizes are at least 1." + HINT),
        ("h+w*c", "X: 'h+w*c': a size must be affine, or a product of affine sizes." + HINT),
        ("h*w//2", "X: 'h*w//2': a size must be affine, or a product of affine sizes." + HINT),
        ("max(h)", "X: 'max(h)': expected ','." + HINT),
        ("mod", "X: 'mod': 'mod' is a reserved word: choose another name." + HINT),
        ("n ... c", "X: 'n ... c': '...' has no fixed rank or size; name every axis"),
        ("*batch c", "X: '*batch c': '*batch' has no fixed rank or size; name every axis"),
        ("#n", "X: '#n': '#n' has no fixed rank or size; name every axis"),
        ("n=3", "X: 'n=3': 'n=3' has no fixed rank or size; name every axis"),
        ("_", "X: '_': '_' has no fixed rank or size; name every axis"),
    ],
)
def test_shapes_that_are_refused(text: str, error: str) -> None:
    assert text_of(lambda: read_shape(text, "X")) == error


def test_a_shape_that_is_no_text() -> None:
    error = text_of(lambda: read_shape((3, 3), "X"))  # pyright: ignore[reportArgumentType]
    assert error == 'X: expected a shape such as "n h w c", got (3, 3)'


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_refused(word: str) -> None:
    assert f"{word!r} is a reserved word: choose another name" in text_of(lambda: read_shape(word, "X"))


ONE_COMPARISON = 'given: {!r} is not one comparison with >=, <=, ==, > or <; write for example "h >= kh, h % 2 == 0"'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("h", ONE_COMPARISON.format("h")),
        ("h = 1", ONE_COMPARISON.format("h = 1")),
        ("h != 1", ONE_COMPARISON.format("h != 1")),
        ("h => 2", ONE_COMPARISON.format("h => 2")),
        ("h >= 1 >= w", ONE_COMPARISON.format("h >= 1 >= w")),
        ("h >= 2; w >= 1", ONE_COMPARISON.format("h >= 2; w >= 1")),
        ("h >= q", "given: 'h >= q' names q, which no shape has; the sizes are h, w, kh"),
        ("h*w >= 2", "given: 'h*w >= 2': h*w is not affine in the sizes; only affine constraints hold"),
        ("h < 1", "given: no size satisfies 'h < 1' with the shapes 'h w', 'kh'"),
        ("h > w, w > h", "given: no size satisfies 'h > w, w > h' with the shapes 'h w', 'kh'"),
        ("1 == 0", "given: no size satisfies '1 == 0' with the shapes 'h w', 'kh'"),
    ],
)
def test_constraints_that_are_refused(text: str, error: str) -> None:
    assert text_of(lambda: sizes_of("h w", "kh", given=text)) == error


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("h >= ", "'h >=' has nothing on one side of >="),
        (">= 2", "'>= 2' has nothing on one side of >="),
        ("h >= 2 +", "it ends too early"),
        ("h >= 2.5", "cannot read '.'"),
    ],
)
def test_constraints_that_cannot_be_read(text: str, part: str) -> None:
    error = text_of(lambda: sizes_of("h w", given=text))
    assert error.startswith("given: ")
    assert part in error


def test_given_that_is_no_text() -> None:
    error = text_of(lambda: sizes_of("h", given=["h >= 2"]))  # pyright: ignore[reportArgumentType]
    assert error == """given: expected text such as "h >= kh, w >= kw", got ['h >= 2']"""


def test_an_axis_is_at_least_one_like_every_size() -> None:
    sizes = sizes_of("h-p", "p")
    assert sizes.contains({"h": 3, "p": 2})
    assert not sizes.contains({"h": 2, "p": 2})
    with pytest.raises(BadShape, match="no size satisfies 'h <= 5' with the shapes 'h-5'"):
        sizes_of("h-5", given="h <= 5")


def test_an_integer_variable_may_be_zero_or_negative() -> None:
    sizes = sizes_of("h", given="h >= p", whole=("p",))
    assert sizes.contains({"h": 1, "p": -7})
    assert not sizes.contains({"h": 0, "p": -7})
    assert str(sizes) == "h >= 1; p any integer; h >= p"


def test_the_sizes_in_words() -> None:
    sizes = sizes_of("n h", "k", given="h >= k, n % 2 == 0")
    assert str(sizes) == "n, h, k >= 1; h >= k; n % 2 == 0"
    narrowed = sizes.where(sizes.set(["n >= 2"]), "n != 1")
    assert str(narrowed).endswith("; n != 1")
    assert not narrowed.contains({"n": 1, "h": 3, "k": 3})


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ({"h": 3}, "at: the sizes of this claim are h, kh; kh missing"),
        ({"h": 3, "kh": 2, "q": 1}, "at: the sizes of this claim are h, kh; unknown: q"),
        ({"h": 3.0, "kh": 2}, "at: h=3.0 is not a whole number"),
        ({"h": True, "kh": 1}, "at: h=True is not a whole number"),
        ({"h": "3", "kh": 1}, "at: h='3' is not a whole number"),
        ({"h": 2, "kh": 3}, "at: h=2, kh=3 is outside what the claim is given: h, kh >= 1; h >= kh"),
        ({"h": 0, "kh": 0}, "at: h=0, kh=0 is outside what the claim is given: h, kh >= 1; h >= kh"),
    ],
)
def test_sizes_that_do_not_fit(at: dict[str, int], error: str) -> None:
    with pytest.raises(BadInput) as raised:
        sizes_of("h", "kh", given="h >= kh").check(at)
    assert str(raised.value) == error


def test_constraints_are_split_outside_parentheses() -> None:
    assert split_constraints("h >= min(kh, 2), w >= 1,") == ["h >= min(kh, 2)", "w >= 1"]


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(EXPRESSIONS, POINTS)
def test_expressions_at_length(expression: Expression, point: dict[str, int]) -> None:
    text, value = expression
    assert worth(Reader(text, "X").sum(), point) == value(point)


def test_a_leading_minus_binds_tighter_than_division() -> None:
    reader = Reader("-h//2", "X")
    assert worth(reader.sum(), {"h": 3}) == -3 // 2


def test_nested_parentheses_do_not_split() -> None:
    assert split_constraints("h >= min(kh, (w+1)), h >= 2") == ["h >= min(kh, (w+1))", "h >= 2"]


@pytest.mark.parametrize("word", ["infinity", "Mod", "AND", "True"])
def test_isl_reads_its_words_in_any_case(word: str) -> None:
    with pytest.raises(BadShape, match="reserved word"):
        sizes_of(word)


@pytest.mark.parametrize("name", ["max", "P['a']"])
def test_an_integer_variable_has_a_name_that_isl_reads(name: str) -> None:
    with pytest.raises(BadShape):
        sizes_of("h", whole=(name,))


def test_an_integer_variable_with_holes_can_be_sampled() -> None:
    sizes = sizes_of("h", given="p % 100 == 3", whole=("p",))
    assert sizes.random(random.Random(0))["p"] % 100 == 3


def test_a_condition_that_a_shape_implies_is_printed() -> None:
    assert "h - p >= 1" in str(sizes_of("h-p", "p"))


def test_constraints_are_shown_as_they_were_written_and_once() -> None:
    assert str(sizes_of("h w", given="h >= w, h % 2 == 0, h >= w")) == "h, w >= 1; h >= w; h % 2 == 0"
