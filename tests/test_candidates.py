"""Each kind of matrix has the property that its name says."""

import random
from typing import Any

import numpy as np
import pytest

from jaxiom import candidates
from jaxiom.candidates import KINDS, array_of, eye

SIZES = [(1, 1), (2, 1), (1, 2), (3, 2), (2, 3), (3, 3), (4, 4)]


def same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and bool(np.all(a == b))


PROPERTIES = {
    "orthonormal": lambda a: same(a.T @ a, eye(a.shape[1], a.shape[1])) or same(a @ a.T, eye(len(a), len(a))),
    "unit_columns": lambda a: same((a * a).sum(0), np.ones(a.shape[1], object)),
    "unit_rows": lambda a: same((a * a).sum(1), np.ones(len(a), object)),
    "one_hot": lambda a: sorted(a.ravel()) == [0] * (a.size - 1) + [1],
    "eye": lambda a: all(v == (i == j) for (i, j), v in np.ndenumerate(a)),
    "diagonal": lambda a: all(v == 0 for (i, j), v in np.ndenumerate(a) if i != j),
    "zeros": lambda a: not a.any(),
    "ones": lambda a: bool(np.all(a == 1)),
    "signs": lambda a: set(a.ravel()) <= {-1, 1},
    "permutation": lambda a: sorted(map(tuple, a)) == sorted(map(tuple, eye(*a.shape))),
}
SQUARE = {
    "projector": lambda a: same(a @ a, a) and same(a, a.T),
    "idempotent": lambda a: same(a @ a, a),
    "involution": lambda a: same(a @ a, eye(*a.shape)),
    "symmetric": lambda a: same(a, a.T),
    "nilpotent": lambda a: not np.linalg.matrix_power(a, len(a)).any(),
}


@pytest.mark.parametrize(("name", "size"), [(n, s) for n in PROPERTIES for s in SIZES if "unit" not in n or 1 not in s])
def test_properties(name: str, size: tuple[int, int]) -> None:
    for seed in range(5):
        made = getattr(candidates, name)(*size, random.Random(seed))
        assert made.shape == size
        assert PROPERTIES[name](made)


@pytest.mark.parametrize("name", SQUARE)
def test_square_ones(name: str) -> None:
    for n, seed in [(1, 0), (2, 1), (3, 2), (4, 3)]:
        assert SQUARE[name](getattr(candidates, name)(n, n, random.Random(seed)))


def test_lengths_of_orthogonal_columns() -> None:
    made = candidates.scaled(3, 2, random.Random(1))
    gram = made.T @ made
    assert gram[0, 1] == 0
    assert gram[0, 0] != 1 or gram[1, 1] != 1


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 2), (2, 1, 2, 3)])
def test_arrays_of_any_rank(shape: tuple[int, ...]) -> None:
    for kind in KINDS:
        assert array_of(kind, shape, random.Random(0)).shape == shape
