"""The compiled closed form against lhs - rhs at numbers, in float64."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom import prove
from jaxiom.difference import Difference
from jaxiom.errors import Undecidable
from jaxiom.layers import conv
from polyhedra.oracle import DIFFERENCES, Different

LAW = settings(max_examples=8, deadline=None, derandomize=True)


def difference(of: Different) -> Difference:
    found = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given).difference
    assert found is not None
    return found


def predicted(
    found: Difference, of: Different, sizes: Mapping[str, int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(the compiled closed form's value in float64, lhs - rhs exactly) on random inputs."""
    inputs = of.inputs(sizes, seed)
    expected = of.exactly(sizes, inputs).astype(np.float64)
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(array.astype(np.float64)) for name, array in inputs.items()}
        (value,) = jax.jit(found.compile(sizes))(arrays)
        return np.asarray(value), expected


def close(value: np.ndarray, exact: np.ndarray) -> None:
    assert value.shape == exact.shape
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("of", DIFFERENCES, ids=lambda of: of.name)
def test_the_compiled_form_is_the_difference(of: Different) -> None:
    found = difference(of)
    for sizes in of.sizes[-2:]:
        close(*predicted(found, of, sizes))


def layer(stride: int, padding: Any, groups: int = 1) -> Different:
    """Centred filters on one side only, as in the PCA chapter."""
    return Different(
        "layer",
        lambda X, W, Q: conv(X, (W - W.mean((0, 1, 2))) @ Q, stride, padding, groups=groups),
        lambda X, W, Q: conv(X, W @ Q, stride, padding, groups=groups),
        {
            "X": f"n h w {groups}*c" if groups > 1 else "n h w c",
            "W": "kh kw c f",
            "Q": f"f {groups}*k" if groups > 1 else "f k",
        },
        (),
        "h >= kh, w >= kw",
    )


LAYERS = {
    "VALID": layer(1, "VALID"),
    "SAME": layer(1, "SAME"),
    "stride 2": layer(2, "VALID"),
    "stride 3": layer(3, "VALID"),
    "stride 2, SAME": layer(2, "SAME"),
    "stride 3, SAME": layer(3, "SAME"),
    "two groups": layer(1, "VALID", 2),
}
FOUND: dict[str, Difference] = {}


@LAW
@given(
    st.sampled_from(sorted(LAYERS)),
    st.fixed_dictionaries({k: st.integers(1, 3) for k in ("n", "c", "kh", "kw", "f", "k")}),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_layers_at_any_sizes(name: str, sizes: dict[str, int], more_h: int, more_w: int) -> None:
    of = LAYERS[name]
    if name not in FOUND:
        FOUND[name] = difference(of)
    sizes = {**sizes, "h": sizes["kh"] + more_h, "w": sizes["kw"] + more_w}
    close(*predicted(FOUND[name], of, sizes, seed=sum(sizes.values())))


def test_merged_axes() -> None:
    of = Different(
        "im2col",
        lambda P, W: (P - P.mean(0)) @ W.reshape(W.shape[0] * W.shape[1], W.shape[2]),
        lambda P, W: P @ W.reshape(W.shape[0] * W.shape[1], W.shape[2]),
        {"P": "m k*c", "W": "k c f"},
        (),
    )
    found = difference(of)
    for m, k, c, f in [(3, 2, 2, 1), (1, 1, 3, 2), (2, 3, 1, 1)]:
        close(*predicted(found, of, {"m": m, "k": k, "c": c, "f": f}))


def test_merged_axes_of_an_input_in_another_order_of_factors() -> None:
    """The closed form indexes P by the factors in the order that its use asks for: c outermost."""
    of = Different(
        "channels first",
        lambda P, W: P @ W.transpose(1, 0).reshape(W.shape[0] * W.shape[1]),
        lambda P, W: 2 * (P @ W.transpose(1, 0).reshape(W.shape[0] * W.shape[1])),
        {"P": "m k*c", "W": "k c"},
        (),
    )
    close(*predicted(difference(of), of, {"m": 2, "k": 2, "c": 3}))


def test_it_is_traceable_and_keeps_the_dtype_of_the_inputs() -> None:
    (of,) = (d for d in DIFFERENCES if d.name == "centred filters")
    sizes = of.sizes[0]
    compiled = difference(of).compile(sizes)
    shapes = of.signature().shapes_at(sizes)
    for dtype in (jnp.float32, jnp.bfloat16):
        inputs = {name: jnp.ones(shape, dtype) for name, shape in shapes.items()}
        (value,) = jax.jit(compiled)(inputs)
        assert value.dtype == dtype
        assert value.tolist() == compiled(inputs)[0].tolist()


def test_zero_is_zeros_of_the_output() -> None:
    found = prove(lambda X, Y: X + Y, lambda X, Y: Y + X, X="n m", Y="n m").difference
    assert found is not None
    (value,) = found.compile({"n": 2, "m": 3})({"X": jnp.ones((2, 3)), "Y": jnp.ones((2, 3))})
    assert value.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_several_outputs() -> None:
    found = prove(lambda x: (x, 2 * x, x.sum()), lambda x: (x, x, -x.sum()), x="n").difference
    assert found is not None
    x = jnp.asarray([1.0, -3.0])
    values = found.compile({"n": 2})({"x": x})
    assert [v.tolist() for v in values] == [[0, 0], [1, -3], -4]


def test_a_constant_of_the_program_cannot_be_compiled() -> None:
    big = np.arange(100, dtype=np.float32) + 1
    found = prove(lambda x: x * big, lambda x: 2 * x * big, x="100").difference
    assert found is not None
    with pytest.raises(Undecidable, match="holds a constant of the program"):
        found.compile({})


def test_too_many_indices_cannot_be_compiled() -> None:
    shape = " ".join(["2"] * 27)
    found = prove(lambda x: 2 * x, lambda x: x, x=shape).difference
    assert found is not None
    with pytest.raises(Undecidable, match="too many indices"):
        found.compile({})


@pytest.mark.parametrize(("factor", "dtype"), [(1e-30, "float64"), (1e-15, "float32"), (1e-30, "float32")])
def test_coefficients_of_any_magnitude(factor: float, dtype: str) -> None:
    """What is below the dtype's normal numbers may be zero there."""
    found = prove(lambda x: x * factor * factor / 3, lambda x: x * factor * factor, x="n").difference
    assert found is not None
    with jax.enable_x64(dtype == "float64"):
        x = jnp.asarray([1, -2, 0.5], dtype)
        (value,) = found.compile({"n": 3})({"x": x})
    binary = float(np.float32(factor))  # a literal has the dtype of the trace
    expected = np.asarray(x, np.float64) * binary * binary * (-2 / 3)
    kind = np.finfo(dtype)
    np.testing.assert_allclose(np.asarray(value, np.float64), expected, rtol=float(4 * kind.eps), atol=float(kind.tiny))
