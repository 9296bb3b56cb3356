"""Wrong numbers that jaxiom finds: theorems whose compiled sides do not compute what they say (see FINDINGS.md).

`jaxiom prove examples/findings.py` proves them; `jaxiom measure examples/findings.py::NAME` finds that the device does
otherwise; `python examples/findings.py` shows the numbers, of those that show on the JAX at hand.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import jaxiom

NHWC = ("NHWC", "HWIO", "NHWC")


@jaxiom.theorem(x="1 m", given="m >= 2", at={"m": 2})
def window_sum_of_a_crop(x: Any) -> tuple[Any, Any]:
    """Crop a column, then sum over windows of two = the same sums written out."""
    cropped = lax.pad(x, 0.0, [(0, 0, 1), (-1, 0, 0)])  # one row: nothing lies between rows
    sums = lax.reduce_window(cropped, 0.0, lax.add, (1, 2), (1, 1), ((0, 0), (1, 0)))
    rest = x[:, 1:]
    return sums, rest + jnp.concatenate([jnp.zeros((1, 1)), rest[:, :-1]], 1)


@jaxiom.theorem(x="n 1 w c", K="1 2 c f", given="w >= 2", at={"n": 1, "w": 2, "c": 1, "f": 1})
def convolution_of_a_crop(x: Any, K: Any) -> tuple[Any, Any]:
    """Crop a column, then convolve with a padding = convolve the slice."""
    cropped = lax.pad(x, 0.0, [(0, 0, 0), (0, 0, 1), (-1, 0, 0), (0, 0, 0)])
    padding = ((0, 0), (1, 0))
    return (
        lax.conv_general_dilated(cropped, K, (1, 1), padding, dimension_numbers=NHWC),
        lax.conv_general_dilated(x[:, :, 1:], K, (1, 1), padding, dimension_numbers=NHWC),
    )


@jaxiom.theorem(x="n h w c", K="1 1 c f", given="w >= 6", at={"n": 1, "h": 15, "w": 6, "c": 8, "f": 8})
def convolution_that_crops_itself(x: Any, K: Any) -> tuple[Any, Any]:
    """A convolution's negative padding = slice, then pad by the rest."""
    return (
        lax.conv_general_dilated(x, K, (1, 1), ((0, 0), (-5, 1)), dimension_numbers=NHWC),
        lax.conv_general_dilated(x[:, :, 5:], K, (1, 1), ((0, 0), (0, 1)), dimension_numbers=NHWC),
    )


SHOWN = {
    window_sum_of_a_crop: ([[669.0, -763.0]],),
    convolution_of_a_crop: ([[[[669.0], [-763.0]]]], [[[[1.0]], [[1.0]]]]),
    convolution_that_crops_itself: (np.arange(15 * 6 * 8.0).reshape(1, 15, 6, 8), np.eye(8)[None, None]),
}
"""Inputs that show each, whole numbers small enough that no sum of them rounds."""


def shown() -> list[str]:
    """A line for each finding that shows here: where the compiled left side departs from the right one."""
    lines = []
    for number, (claim, inputs) in enumerate(SHOWN.items(), 1):
        arrays = [jnp.asarray(values, jnp.float32) for values in inputs]
        compiled, right = (np.asarray(jax.jit(side)(*arrays)) for side in (claim.lhs, claim.rhs))
        wrong = np.argwhere(compiled != right)
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            place = ", ".join(map(str, at))
            lines.append(f"{number}. {claim.name}: compiled {compiled[at]:g} at [{place}], and {right[at]:g} is right")
    return lines


if __name__ == "__main__":
    print(f"JAX {jax.__version__} on {jax.default_backend()}")
    print("\n".join(shown() or ["none of the findings shows here"]))
