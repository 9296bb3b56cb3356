"""A symbolic size, as the user's code sees it: next to the int that it stands for."""

import math
import operator
from typing import Any, SupportsIndex

import jax
import pytest
from jax import export

import jaxiom.disguise  # noqa: F401  (installs itself)
from jaxiom.guard import watching


def size() -> Any:
    (n,) = export.symbolic_shape("n")
    return n


@pytest.mark.parametrize("kind", [int, float, str, bool, SupportsIndex, (list, int), int | None, complex])
def test_it_is_what_an_int_is(kind: Any) -> None:
    n = size()
    with watching() as found:
        assert isinstance(n, kind) == isinstance(7, kind)
    assert not found


def test_to_jax_and_outside_of_a_trace_it_is_what_it_is() -> None:
    n = size()
    assert not isinstance(n, int)
    assert n.__class__ is type(n)
    with watching():
        assert export.is_symbolic_dim(n)
        assert jax.eval_shape(lambda x: x[::2], jax.ShapeDtypeStruct((2 * n,), "float32")).shape == (n,)


ASKING = {
    "len": lambda n: len(Sized(n)),
    "range": lambda n: range(n),
    "index": operator.index,
    "float": float,
    "abs": abs,
    "round": round,
    "floor": math.floor,
    "and": lambda n: n & 1,
    "shift": lambda n: 1 << n,
    "entry": lambda n: [1, 2][n],
    "slice": lambda n: "ab"[:n],
    "bits": lambda n: n.bit_length(),
    "layout": lambda n: f"{n:d}",
    "greater": lambda n: n > 7,
    "int": int,
}


class Sized:
    def __init__(self, size: Any):
        self.size = size

    def __len__(self) -> int:
        return self.size


@pytest.mark.parametrize("name", ASKING)
def test_what_works_for_an_int_and_not_for_it_is_noted(name: str) -> None:
    n, ask = size(), ASKING[name]
    if name != "entry":
        ask(1)
    with (
        watching() as found,
        pytest.raises((TypeError, AttributeError, jax.errors.InconclusiveDimensionOperation)),
    ):
        ask(n)
    assert [q.kind for q in found][-1:] == ["unanswered"]
    assert __file__ in found[-1].line


def test_arithmetic_is_as_it_was() -> None:
    n = size()
    with watching() as found:
        assert export.is_symbolic_dim(2 * n + n // 3 - n % 4)
        assert n - n == 0
        assert divmod(n, 1) == (n, 0)
    assert not found
