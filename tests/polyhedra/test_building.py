"""Sets and maps built from numbers are those that isl's parser reads."""

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.polyhedra.polynomial import Atom, Polynomial, isl_text
from jaxiom.polyhedra.world import World

LAW = settings(max_examples=60, deadline=None, derandomize=True)
NAMES = ("n", "m", "kh")


def world(parameters: tuple[str, ...] = NAMES) -> World:
    prefix = f"[{', '.join(parameters)}] -> " if parameters else ""
    return World(parameters, isl.Set(f"{prefix}{{ : {' and '.join(f'{p} >= 1' for p in parameters) or 'true'} }}"))


def parsed(of: World, dimensions: int, constraints: list[str]) -> isl.Set:
    tuple_ = ", ".join(f"_{i}" for i in range(dimensions))
    return isl.Set(f"{of.prefix}{{ [{tuple_}] : {' and '.join(constraints) or 'true'} }}")


SIZES = st.builds(
    lambda constant, coefficients: constant + sum(Polynomial.variable(v) * c for v, c in coefficients.items()),
    st.integers(-3, 3),
    st.dictionaries(st.sampled_from(NAMES), st.integers(-2, 2)),
).map(lambda p: p if isinstance(p, Polynomial) else Polynomial.constant(p))


@st.composite
def constraints(draw: st.DrawFn, dimensions: int) -> str:
    i, j = draw(st.integers(0, dimensions - 1)), draw(st.integers(0, dimensions - 1))
    size = draw(SIZES)
    quotient = Polynomial.variable(Atom("floordiv", size, Polynomial.constant(2)))
    return draw(
        st.sampled_from(
            [
                f"_{i} = _{j}",
                f"0 <= _{i} < {isl_text(size)}",
                f"0 <= _{i} < {isl_text(size)} + {isl_text(size)}",
                f"0 <= _{i} < {isl_text(quotient)}",
                f"0 <= _{i} < _{j}",
                f"0 <= _{i} < 3*_{j} + n",
                f"2*(_{i}) = 1*(_{j}) + 3*(n) - (2)",
                f"(_{i} = 0 or _{j} = 1)",
            ]
        )
    )


@LAW
@given(st.data())
def test_a_set_is_what_the_parser_reads(data: st.DataObject) -> None:
    dimensions = data.draw(st.integers(1, 4))
    texts = data.draw(st.lists(constraints(dimensions), max_size=5))
    found = world().set(dimensions, texts)
    assert found.is_equal(parsed(world(), dimensions, texts))


def test_sets_without_indices_or_parameters() -> None:
    assert world().set(0, []).is_equal(parsed(world(), 0, []))
    assert world(()).set(2, ["0 <= _0 < (4)", "_0 = _1"]).is_equal(isl.Set("{ [i, i] : 0 <= i <= 3 }"))
    assert world().set(1, ["_0 = _0"]).is_equal(parsed(world(), 1, []))


def test_an_unknown_size_is_an_error() -> None:
    with pytest.raises(isl.Error):
        world().set(1, ["0 <= _0 < 1*q"])


POINTS = "[n, m, kh] -> { [i, j, k] : 0 <= i < n and j = 2k and exists (e : k = 3e) or (i = 5 and j < kh) }"


@LAW
@given(st.permutations(range(5)))
def test_embedding_and_picking_out_are_what_the_parser_reads(order: list[int]) -> None:
    points = isl.Set(POINTS)
    positions = order[:3]
    links = " and ".join(f"_{p} = x{i}" for i, p in enumerate(positions))
    text = f"[n, m, kh] -> {{ [x0, x1, x2] -> [_0, _1, _2, _3, _4] : {links} }}"
    large = world().embed(points, 5, positions)
    assert large.is_equal(points.apply(isl.Map(text)))
    assert world().rearrange(large, positions).is_equal(points)
    kept = [p for p in order if p < 3][:2]
    picked = f"[n, m, kh] -> {{ [_0, _1, _2] -> [_{kept[0]}, _{kept[1]}] }}"
    assert world().rearrange(points, kept).is_equal(points.apply(isl.Map(picked)))
