"""The arithmetic of compressing a kernel: its decomposition in float64, and what that keeps, loses and saves."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxiom.errors import BadInput

if TYPE_CHECKING:
    from jaxiom.pca import Compressed


class Parts(NamedTuple):
    """A compressed layer: images to projected output, back to all filters, and the bias."""

    kernel: Float[np.ndarray, "*window c k"]
    unprojection: Float[np.ndarray, "k f"]
    bias: Float[np.ndarray, " f"]


@dataclass(frozen=True, eq=False)
class Factors:
    """A kernel (*window, c, f) and its PCA, in float64.

    Attributes:
        kernel: as given. bias: the layer's own.
        centred: whether the mean was subtracted.
        mean: of each column of the flattened kernel; zeros where it was not centred.
        components: Q, (f, rank), orthonormal columns.
        values: every singular value of the (centred) flattened kernel, falling.
    """

    kernel: Float[np.ndarray, "*window c f"]
    bias: Float[np.ndarray, " f"]
    centred: bool
    mean: Float[np.ndarray, " f"]
    components: Float[np.ndarray, "f k"]
    values: Float[np.ndarray, " r"]

    @property
    def rank(self) -> int:
        return self.components.shape[1]

    @property
    def taps(self) -> int:
        """Rows of the flattened kernel: window times channels."""
        return self.kernel[..., 0].size

    @cached_property
    def kept(self) -> float:
        """Share of the variance (not centred: of the sum of squares) that the components keep."""
        total = float((self.values**2).sum())
        return 1.0 if total == 0 else float((self.values[: self.rank] ** 2).sum()) / total

    @property
    def discarded(self) -> float:
        """The largest singular value that is not kept; 0 where all are."""
        return float(self.values[self.rank]) if self.rank < len(self.values) else 0.0

    @cached_property
    def rejected_mean(self) -> Float[np.ndarray, " f"]:
        """The part of the mean outside of the components' span."""
        return self.mean - (self.mean @ self.components) @ self.components.T

    def assemble(self, repair: str) -> Parts:
        """The layer; `repair` says how centring is made good."""
        Q = self.components
        if not self.centred:
            return Parts(self.kernel @ Q, Q.T, self.bias)
        if repair == "bias":
            return Parts(self.kernel @ Q, Q.T, self.bias + self.rejected_mean)
        ones = np.ones((*self.kernel.shape[:-1], 1))
        kernel = np.concatenate([(self.kernel - self.mean) @ Q, ones], axis=-1)
        return Parts(kernel, np.concatenate([Q.T, self.mean[None]]), self.bias)


def decompose(kernel: Float[np.ndarray, "*window c f"], rank: Any, center: bool, bias: np.ndarray) -> Factors:
    """The PCA of a kernel's filters. The full SVD: the small singular values bound the error, so they have to be right.

    Raises:
        BadInput: a rank out of range, or numbers too large to square.
    """
    flat = kernel.reshape(-1, kernel.shape[-1])
    if np.abs(flat).max() > 1e100:
        raise BadInput("kernel: entries beyond 1e100 in magnitude; divide it by its largest first")
    mean = flat.mean(0) if center else np.zeros(flat.shape[1])
    most = min(flat.shape)
    share = read_rank(rank, most)
    _, values, rows = np.linalg.svd(flat - mean, full_matrices=False)
    count = share if isinstance(share, int) else reaching(values, share)
    return Factors(kernel, bias, center, mean, rows[:count].T, values)


def read_rank(rank: Any, most: int) -> int | float:
    """A number of components, or a share of the variance."""
    if isinstance(rank, int | np.integer) and not isinstance(rank, bool) and 1 <= rank <= most:
        return int(rank)
    if isinstance(rank, float | np.floating) and 0 < rank < 1:
        return float(rank)
    raise BadInput(
        f"rank: expected a whole number from 1 to min(taps, filters) = {most}, or a share of the variance between 0 "
        f"and 1, got {rank!r}"
    )


def reaching(values: Float[np.ndarray, " r"], share: float) -> int:
    """The fewest singular values whose squares reach this share of all.

    >>> reaching(np.array([3.0, 2.0, 1.0]), 0.9)
    2
    """
    squares = np.cumsum(values**2)
    return min(int(np.searchsorted(squares, share * squares[-1])) + 1, len(values))


@dataclass(frozen=True)
class Report:
    """What a compression keeps and saves, from the kernel alone.

    Attributes:
        shape, layout, dtype: the kernel's. rank: of `components` there are.
        kept: share of the variance. discarded, largest: singular values, the largest not kept and the largest.
        expected_error: RMS of the error over that of the output (without its bias), for images of white noise.
        uncentred_error: the same for as many filters without centring; None where nothing was centred.
        parameters, multiply_adds: before and after; the latter for one position of the output.
        saves_below: numbers of filters up to this one save multiply-adds.
    """

    shape: tuple[int, ...]
    layout: str
    dtype: str
    rank: int
    components: int
    center: bool
    repair: str
    filters: int
    kept: float
    discarded: float
    largest: float
    expected_error: float
    uncentred_error: float | None
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int]
    saves_below: int

    def record(self) -> dict[str, Any]:
        """Plain numbers and texts, as `--json` writes them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    def __str__(self) -> str:
        centred = f"centred, repaired by a {REPAIRED[self.repair]}" if self.center else "not centred"
        name = "×".join(map(str, self.shape))
        lines = [
            f"kernel {name} ({self.layout}, {self.dtype}): {self.rank} of {self.components} components, {centred}",
            *EXACT[self.repair if self.center else "none"],
            f"approximated: {self.kept:.4%} of the variance is kept; the largest singular value is {self.largest:.3g}, "
            f"the largest discarded {self.discarded:.3g}",
            f"expected error: {self.expected_error:.2e} of the output on white noise",
        ]
        if self.uncentred_error is not None:
            lines.append(f"without centring: {self.filters} filters leave {self.uncentred_error:.2e} on white noise")
        lines += [f"parameters: {saving(*self.parameters)}", f"multiply-adds a position: {saving(*self.multiply_adds)}"]
        if self.multiply_adds[1] >= self.multiply_adds[0]:
            lines.append(f"no saving: only up to {self.saves_below} filters is the compressed layer the cheaper one")
        return "\n".join(lines)


REPAIRED = {"filter": "filter of ones", "bias": "bias"}
UNREPAIRED = "unrepaired: the kernel centred, against the output transformed: off by -(patch sums - 1) meanᵀQ"
EXACT = {
    "none": ["exact: projecting the kernel is projecting the output, conv(X, W Q) = conv(X, W) Q"],
    "filter": [
        "exact: with one filter of ones more, conv(X, [(W - mean) Q, 1]) [Qᵀ; mean] = conv(X, mean + (W - mean) Q Qᵀ)",
        UNREPAIRED,
    ],
    "bias": [
        "exact: it is the output transformed and back, conv(X, W Q) Qᵀ + (mean - mean Q Qᵀ) "
        "= (conv(X, W) - mean) Q Qᵀ + mean",
        UNREPAIRED,
    ],
}


def saving(before: int, after: int) -> str:
    """
    >>> saving(1000, 250)
    '1,000 -> 250 (0.250 ×)'
    """
    return f"{before:,} -> {after:,} ({after / before:.3f} ×)"


def report(layer: "Compressed") -> Report:
    """The figures of a compressed layer."""
    factors, filters = layer.factors, layer.unprojection.shape[0]
    taps, outputs = factors.taps, factors.kernel.shape[-1]
    own = outputs if factors.bias.any() else 0
    after = outputs if layer.bias.any() else 0
    return Report(
        shape=tuple(layer.layout.own(factors.kernel).shape),
        layout=layer.layout.text,
        dtype=str(layer.kernel.dtype),
        rank=layer.rank,
        components=len(factors.values),
        center=layer.center,
        repair=layer.repair if layer.center else "none",
        filters=filters,
        kept=factors.kept,
        discarded=factors.discarded,
        largest=float(factors.values[0]),
        expected_error=expected_error(layer),
        uncentred_error=uncentred_error(factors, filters) if layer.center else None,
        parameters=(taps * outputs + own, filters * (taps + outputs) + after),
        multiply_adds=(taps * outputs, filters * (taps + outputs)),
        saves_below=(taps * outputs - 1) // (taps + outputs),
    )


def expected_error(layer: "Compressed") -> float:
    """On entries of mean 0 and variance 1, E ‖patch D + d‖² is ‖D‖² + ‖d‖²."""
    factors = layer.factors
    parts = factors.assemble(layer.repair)
    flat = factors.kernel.reshape(factors.taps, -1)
    lost = flat - parts.kernel.reshape(factors.taps, -1) @ parts.unprojection
    added = parts.bias - factors.bias
    return float(np.hypot(np.linalg.norm(lost), np.linalg.norm(added)) / np.linalg.norm(flat))


def uncentred_error(factors: Factors, filters: int) -> float:
    """The least that a layer of as many filters leaves on white noise (Eckart and Young)."""
    squares = np.linalg.svd(factors.kernel.reshape(factors.taps, -1), compute_uv=False) ** 2
    return float(np.sqrt(squares[filters:].sum() / squares.sum()))
