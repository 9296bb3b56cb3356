"""What `measure` is given: every input and setting that cannot be used has one clear error."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from jaxiom.claims import theorem
from jaxiom.errors import BadInput, BadShape, Unsupported
from jaxiom.layers import conv
from jaxiom.measuring import measure
from jaxiom.verdict import Undecided, Verdict

SHAPES = {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}
AT = {"n": 2, "h": 6, "w": 5, "c": 4, "kh": 3, "kw": 3, "f": 5, "k": 3}


@theorem(shapes=SHAPES, given="h >= kh, w >= kw", at=AT)
def projection(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """Projecting filters is projecting outputs."""
    return conv(X, W @ Q), conv(X, W) @ Q


NO_PROOF: Verdict = Undecided(projection.signature.sizes, reason="not asked")


# Bad input


GOOD = {"X": np.ones((1, 3, 3, 1)), "W": np.ones((3, 3, 1, 2)), "Q": np.ones((2, 1))}
SPOILT: list[tuple[str, dict[str, Any], str]] = [
    ("NaN", {"X": np.full((1, 3, 3, 1), np.nan)}, r"inputs\['X'\]: 9 of 9 entries are NaN or infinite, the first at"),
    ("infinite", {"Q": np.array([[1.0], [np.inf]])}, r"inputs\['Q'\]: 1 of 2 .* the first at \[1, 0\]"),
    ("overflow", {"Q": np.array([[1.0], [1e39]])}, r"inputs\['Q'\]: 1 of 2 .* once rounded to float32"),
    ("rank", {"W": np.ones((3, 3, 2))}, r"inputs\['W'\]: got the shape \(3, 3, 2\), expected \(kh, kw, c, f\)"),
    ("complex", {"Q": np.ones((2, 1)) * 1j}, r"inputs\['Q'\]: expected real numbers, got an array of complex128"),
    ("unknown", {"V": np.ones(3)}, "inputs: unknown V; the arrays are X, W, Q"),
    ("ragged", {"Q": [[1.0], [1.0, 2.0]]}, r"inputs\['Q'\]: expected an array"),
    ("zeros", {k: 0 * v for k, v in GOOD.items()}, "inputs: X, W, Q are all zeros, so nothing would be tested"),
]


@pytest.mark.parametrize(("change", "text"), [s[1:] for s in SPOILT], ids=[s[0] for s in SPOILT])
def test_bad_inputs(change: dict[str, Any], text: str):
    sizes = {"n": 1, "h": 3, "w": 3, "c": 1, "kh": 3, "kw": 3, "f": 2, "k": 1}
    with pytest.raises(BadInput, match=text):
        measure(projection, at=sizes, inputs={**GOOD, **change})


def test_missing_input():
    with pytest.raises(BadInput, match="inputs: Q missing; the arrays are X, W, Q"):
        measure(projection, inputs={"X": GOOD["X"], "W": GOOD["W"]}, at={**AT, "n": 1, "h": 3, "w": 3, "c": 1, "f": 2})
    with pytest.raises(BadInput, match="expected a dict of arrays by name"):
        measure(projection, inputs=[1.0])  # pyright: ignore[reportArgumentType]


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"at": {**AT, "h": 2}}, "at: .*h=2.* is outside what the claim is given"),
    ({"at": {**AT, "z": 2}}, "at: the sizes of this claim are .*unknown: z"),
    ({"at": {**AT, "h": 3.5}}, "at: h=3.5 is not a whole number"),
    ({"dtype": "int8"}, "dtype: expected one of float64, float32, bfloat16, float16, got 'int8'"),
    ({"dtype": "float99"}, "dtype: expected one of"),
    ({"precision": "sloppy"}, "precision: expected one of default, high, highest, got 'sloppy'"),
    ({"devices": "abacus"}, "devices: JAX sees no 'abacus' here"),
    ({"devices": [1, 2]}, "devices: expected JAX devices"),
    ({"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
    ({"given": "h >= 3"}, "a claim brings its own right side"),
    ({"X": "n h w c"}, "a claim brings its own right side"),
]


@pytest.mark.parametrize(("options", "text"), SETTINGS)
def test_bad_settings(options: dict[str, Any], text: str):
    with pytest.raises(BadInput, match=text):
        measure(projection, **options)


def test_other_bad_calls():
    with pytest.raises(BadInput, match="expected a claim or two functions"):
        measure(lambda x: x, x="n", at={"n": 2})
    with pytest.raises(BadInput, match=r"at: no sizes to measure at; give at=dict\(n=...\)"):
        measure(lambda x: x, lambda x: x, x="n")
    with pytest.raises(Unsupported, match="batch=: this claim cannot be cut into batches"):
        measure(lambda x: x[::-1], lambda x: x[::-1], x="n", at={"n": 3}, batch=2)
    with pytest.raises(
        BadInput, match="lhs: the result is not finite in float16; give smaller inputs or a wider dtype"
    ):
        measure(lambda x: (x + 300) ** 2, lambda x: x, x="n", at={"n": 3}, dtype="float16", verdict=NO_PROOF)
    for undefined in (lambda x: jnp.log(-x * x), lambda x: (x - x) / (x - x)):
        with pytest.raises(BadInput, match=r"rhs: the result has entries that are no number \(NaN\) in float32"):
            measure(lambda x: x, undefined, x="n", at={"n": 3}, verdict=NO_PROOF)
    # y y and z agree but for a rounding error: nothing bounds 1 / (y y - z).
    near = {"y": 1 + 2.0**-12, "z": 1 + 2.0**-11 - 2.0**-23}
    with pytest.raises(BadInput, match="the rounding bound of lhs overflows"):
        measure(
            lambda y, z: 1 / (y * y - z), lambda y, z: y * z, y="", z="", verdict=NO_PROOF, exact=False, inputs=near
        )
    with pytest.raises(BadInput, match="output array is int32; only real outputs"):
        measure(lambda x: x.astype(int), lambda x: x.astype(int), x="n", at={"n": 2}, verdict=NO_PROOF)
    with pytest.raises(BadShape, match="lhs has the shapes .* they must agree"):
        measure(lambda x: x[:1], lambda x: x, x="n", at={"n": 2}, verdict=NO_PROOF)
