"""FINDINGS.md: each finding is a theorem, and shows on the JAX at hand or is skipped."""

import json
import runpy
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxiom.claims import Claim
from jaxiom.discovery import discover
from jaxiom.errors import BadInput
from jaxiom.exact import evaluate
from jaxiom.measuring import measure

OPTIMISED = True

ROOT = Path(__file__).parent.parent
CLAIMS = discover([ROOT / "examples" / "findings.py"])

each = pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.name)


@each
def test_a_finding_is_a_theorem(claim: Claim) -> None:
    assert claim.prove().status == "proved"


@each
def test_a_finding_is_measured_as_one(claim: Claim) -> None:
    measured = measure(claim)
    assert measured.exact == "equal"
    if measured.verdict != "finding":
        pytest.skip(f"does not show with JAX {jax.__version__} on {jax.default_backend()}")
    assert measured.left is not None
    assert measured.bound is not None
    assert measured.left.max > 1e3 * measured.bound.max


def test_a_result_that_ought_to_be_finite_is_a_finding() -> None:
    """Where the padding's zeros belong, the program reads what overflows in the product with the kernel."""
    claim = next(c for c in CLAIMS if c.name == "convolution_that_crops_itself")
    image = np.ones((1, 15, 6, 8), np.float32)
    image[0, 1:, 0, 0] = 3e38
    inputs = {"x": image, "K": 10 * np.eye(8, dtype=np.float32)[None, None]}
    compiled = jax.jit(claim.lhs)(*inputs.values())
    if not np.isinf(compiled).any():
        pytest.skip(f"does not show with JAX {jax.__version__} on {jax.default_backend()}")
    measured = measure(claim, inputs=inputs)
    assert measured.verdict == "finding"
    assert measured.blamed == ("lhs",)
    assert measured.left.max == np.inf
    assert "no finite number, and the function's value is one; held against float64, it is the lhs" in str(measured)
    json.dumps(measured.to_json(), allow_nan=False)
    with pytest.raises(BadInput, match="lhs: the result is not finite in float32"):
        measure(claim, inputs=inputs, bound=False)


LARGE = np.array([3e38, 3e38, -3e38, -3e38], np.float32)
SUMMED: dict[str, tuple[Any, Any, dict[str, str], dict[str, np.ndarray]]] = {
    "a sum": (lambda x: x.sum(), lambda x: x[::-1].sum(), {"x": "n"}, {"x": LARGE}),
    "a product": (
        lambda A, B, C: (A @ B) @ C,
        lambda A, B, C: A @ (B @ C),
        {"A": "m k", "B": "k n", "C": "n p"},
        {
            "A": np.full((2, 2), 1e13, np.float32),
            "B": np.full((2, 4), 1e13, np.float32),
            "C": (LARGE / 2.5e26)[:, None],
        },
    ),
}


@pytest.mark.parametrize("name", SUMMED)
def test_an_overflow_is_bad_input(name: str) -> None:
    lhs, rhs, shapes, inputs = SUMMED[name]
    with pytest.raises(BadInput, match="not finite in float32|no number|the rounding bound of .* overflows"):
        measure(lhs, rhs, shapes=shapes, inputs=inputs)


@each
def test_a_finding_has_a_place_in_the_list(claim: Claim) -> None:
    assert f"examples/findings.py::{claim.name}" in (ROOT / "FINDINGS.md").read_text()


def test_the_first_finding_in_exact_arithmetic() -> None:
    claim = next(c for c in CLAIMS if c.name == "window_sum_of_a_crop")
    inputs = np.array([[669, -763]], dtype=object)
    for side in (claim.lhs, claim.rhs):
        (out,) = evaluate(side, [inputs])
        assert out.tolist() == [[-763]]


def test_what_shows_is_printed() -> None:
    lines = runpy.run_path(str(ROOT / "examples" / "findings.py"))["shown"]()
    assert all(line.split(". ")[1].startswith(tuple(c.name for c in CLAIMS)) for line in lines)
    if lines and lines[0].startswith("1."):
        assert lines[0].endswith("compiled -94 at [0, 0], and -763 is right")
