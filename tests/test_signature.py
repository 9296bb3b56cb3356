"""How the parameters of a claim are read: by name, as pytrees, from annotations; and every refusal."""

import inspect
from typing import Any

import jax
import numpy as np
import pytest
from jaxtyping import Array, Complex, Float

from jaxiom.errors import BadInput, BadShape
from jaxiom.signature import Signature, read_signature
from jaxiom.sizes import Whole


def two(X: Any, W: Any) -> Any:
    return X, W


def annotated(X: Float[Array, "n h"], W: Float[Array, "h 3"], p: int) -> Any:
    return X, W, p


def test_shapes_by_name() -> None:
    signature = read_signature([two, two], {"X": "n h", "W": "h 2*k"}, "h >= k")
    assert list(signature.parameters) == ["X", "W"]
    assert [leaf.name for leaf in signature.leaves] == ["X", "W"]
    assert str(signature.sizes) == "n, h, k >= 1; h >= k"
    assert signature.shapes_at({"n": 2, "h": 3, "k": 1}) == {"X": (2, 3), "W": (3, 2)}


def test_shapes_from_annotations() -> None:
    signature = read_signature([annotated], {})
    assert signature.shapes_at({"n": 2, "h": 5, "p": 0}) == {"X": (2, 5), "W": (5, 3)}
    assert signature.leaves[2].shape == Whole("p")
    assert signature.sizes.whole == {"p"}


def test_a_pytree_of_shapes_keeps_its_structure() -> None:
    shapes = {"params": {"bias": "f", "kernel": ["3 c f", ""]}, "X": "n c"}
    signature = read_signature([two], shapes)
    assert [leaf.name for leaf in signature.leaves] == [
        "params['bias']",
        "params['kernel'][0]",
        "params['kernel'][1]",
        "X",
    ]
    params, X = signature.structs({"n": 4, "c": 2, "f": 5})
    assert params["bias"].shape == (5,)
    assert [leaf.shape for leaf in params["kernel"]] == [(3, 2, 5), ()]
    assert X.shape == (4, 2)


def test_arguments_at_given_sizes() -> None:
    signature = read_signature([two], {"X": "n", "W": int})
    array = np.ones(3)
    assert signature.arguments({"n": 3, "W": -2}, {"X": array}) == [array, -2]
    assert signature.structs({"n": 3, "W": -2}) == [jax.ShapeDtypeStruct((3,), np.float32), -2]


@pytest.mark.parametrize(
    ("shapes", "error"),
    [
        ({"X": None, "W": "n"}, 'X: None holds no shape; expected a string such as "n h w c" or a pytree of them'),
        ({"X": {}, "W": "n"}, 'X: {} holds no shape; expected a string such as "n h w c" or a pytree of them'),
        ({"X": (3, 3), "W": "n"}, 'X[0]: expected a shape such as "n h w c", got 3'),
        ({"X": {"a": 2.5}, "W": "n"}, "X['a']: expected a shape such as \"n h w c\", got 2.5"),
        ({"X": "n ...", "W": "n"}, "X: 'n ...': '...' has no fixed rank or size; name every axis"),
    ],
)
def test_shapes_that_are_refused(shapes: dict[str, Any], error: str) -> None:
    with pytest.raises(BadShape) as raised:
        read_signature([two], shapes)
    assert str(raised.value) == error


def test_given_with_a_size_that_no_shape_has() -> None:
    with pytest.raises(BadShape, match="given: 'h >= z' names z, which no shape has; the sizes are n, h"):
        read_signature([two], {"X": "n h", "W": "h"}, "h >= z")


def test_a_function_of_another_number_of_parameters() -> None:
    with pytest.raises(BadInput) as raised:
        read_signature([two, lambda X: X], {"X": "n", "W": "n"})
    assert str(raised.value) == (
        "<lambda>(X) cannot be called with the 2 parameters X, W: too many positional arguments"
    )


@pytest.mark.parametrize(
    ("shapes", "error"), [({"X": "n"}, "expected a function of X, got 3"), ({}, "expected a function of arrays, got 3")]
)
def test_a_side_that_is_no_function(shapes: dict[str, str], error: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_signature([3], shapes)  # pyright: ignore[reportArgumentType]
    assert str(raised.value) == error


def test_a_parameter_without_a_shape() -> None:
    with pytest.raises(BadShape) as raised:
        read_signature([lambda X: X], {})
    assert str(raised.value) == (
        "X: no shape. Give it by name (X='n h w c'), in shapes=, or as a jaxtyping annotation "
        '(X: Float[Array, "n h w c"])'
    )


@pytest.fixture
def signature() -> Signature:
    return read_signature([two], {"X": "n h", "W": "h"})


def test_arrays_are_held_against_their_shapes(signature: Signature) -> None:
    sizes = {"n": 2, "h": 3}
    assert signature.sizes_of({"X": np.ones((2, 3)), "W": np.ones(3)}, sizes) == sizes
    with pytest.raises(BadShape) as raised:
        signature.sizes_of({"X": np.ones((3, 2))}, sizes)
    assert str(raised.value) == "inputs['X']: shape (3, 2) where these sizes give (2, 3)"
    with pytest.raises(BadInput) as other:
        signature.sizes_of({"Q": np.ones(3)}, sizes)
    assert str(other.value) == "inputs: unknown Q; the arrays are X, W"


def test_a_complex_input_is_refused() -> None:
    def function(X: Complex[Array, "n"]) -> Any:
        return X

    with pytest.raises(BadShape, match="complex"):
        read_signature([function], {})


def test_annotations_kept_as_text_are_read() -> None:
    def function(X: Any) -> Any:
        return X

    function.__annotations__ = {"X": 'Float[Array, "n 3"]'}  # from __future__ import annotations
    assert inspect.signature(function, eval_str=True)
    assert read_signature([function], {}).shapes_at({"n": 2}) == {"X": (2, 3)}
