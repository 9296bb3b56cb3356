"""What the probe makes of arithmetics whose rounding is known."""

from collections.abc import Callable
from dataclasses import replace

import jax
import ml_dtypes
import numpy as np
import pytest

from jaxiom.rounding_probe import Roundoff, ask, power_above, roundoff
from jaxiom.rules.arithmetic import arithmetic

Rounding = Callable[[np.ndarray], np.ndarray]


def to_bits(bits: int, chop: bool = False) -> Rounding:
    """Rounding of a float to so many bits."""

    def rounding(x: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(np.asarray(x, np.float64))
        scaled = mantissa * 2.0**bits
        return np.ldexp(np.trunc(scaled) if chop else np.round(scaled), exponent - bits)

    return rounding


def machine(operand: Rounding, accumulator: Rounding) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Products of matrices that round their operands, then add up one by one."""

    def product(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        x, w = operand(x), operand(w)
        total = np.zeros((x.shape[0], w.shape[1]))
        for column, row in zip(x.T, w, strict=True):
            total = accumulator(total + np.multiply.outer(column, row))
        return total

    return product


EXACT = to_bits(24)
MACHINES = {
    "float32": (machine(EXACT, to_bits(24)), Roundoff(0.0, 2.0**-24, False)),
    "wider sums": (machine(EXACT, lambda x: x), Roundoff(0.0, 2.0**-24, False)),
    "TF32": (machine(to_bits(11), to_bits(24, chop=True)), Roundoff(2.0**-11, 2.0**-23, True)),
    "TF32 that truncates": (machine(to_bits(11, chop=True), to_bits(24)), Roundoff(2.0**-10, 2.0**-24, False)),
    "bfloat16": (machine(to_bits(8), to_bits(24)), Roundoff(2.0**-8, 2.0**-24, False)),
    "sums of fourteen bits": (machine(EXACT, to_bits(14)), Roundoff(0.0, 2.0**-14, True)),
}


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("size", [16, 64])
def test_machines_of_known_rounding(name: str, size: int):
    product, known = MACHINES[name]
    found = ask(lambda x, w: np.asarray(product(x, w).astype(np.float32), np.float64), "float32", size)
    if name == "wider sums":  # the result itself is still a float32
        assert found.u_in == 0
    elif name == "sums of fourteen bits":
        # What is lost in adding small numbers is all of them; the share of it that a size shows is not the worst.
        assert found.u_in > 0 or found.u_acc > 2.0**-23
    else:
        assert (found.u_in, found.chops) == (known.u_in, known.chops)
        assert found.u_acc == known.u_acc


def test_this_processor_agrees_with_what_is_known_of_its_platform():
    device = jax.devices("cpu")[0]
    for precision in ("DEFAULT", "HIGHEST"):
        found, known = roundoff(device, "float32", precision), arithmetic("float32", precision, "cpu")
        assert (found.u_in, found.chops) == (known.u_in, known.chops)
        assert found.u_acc <= known.u_acc
    assert str(replace(found, u_in=2.0**-11, chops=True)).startswith(
        "operands rounded to 2^-11 (TF32), sums chopped at"
    )


def test_narrow_numbers_are_exact_in_their_own_products():
    assert np.dtype(ml_dtypes.bfloat16).name == "bfloat16"
    for dtype in ("bfloat16", "float16"):
        assert roundoff(jax.devices("cpu")[0], dtype, "DEFAULT").u_in == 0


def test_powers_of_two():
    assert [power_above(x) for x in (0, 0.25, 0.2501, 0.3, 1.0)] == [0, 0.25, 0.25, 0.5, 1]
