"""The audit of a compressed layer: its identities proved, what it discards measured, and rounding apart from both."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxiom.decide import prove
from jaxiom.errors import BadInput
from jaxiom.kernels import Setting, ones_filter, read_numbers
from jaxiom.measurement import Measurement
from jaxiom.measuring import measure
from jaxiom.verdict import Verdict

if TYPE_CHECKING:
    from jaxiom.compression import Factors
    from jaxiom.pca import Compressed

Function = Callable[..., Array]
Progress = Callable[[str, int, int], None]
RANDOM = {0: (256,), 1: (8, 64), 2: (4, 14, 14), 3: (2, 8, 8, 8)}
"""Random images by the number of window axes: how many, and their size."""
BATCH = 8
SPATIAL = "dhw"


@dataclass(frozen=True)
class Identity:
    """An identity that a compressed layer rests on: two functions, by name the shapes of their inputs."""

    title: str
    lhs: Function
    rhs: Function
    shapes: Mapping[str, str]


def mean(W: Array) -> Array:
    """Of each filter: the mean of its column in the flattened kernel."""
    return W.mean(tuple(range(W.ndim - 1)))


def shapes_of(spatial: int) -> dict[str, str]:
    """Images X, kernel W, projection Q and P back; K and b are a compressed kernel and a bias."""
    axes = SPATIAL[len(SPATIAL) - spatial :]
    window = " ".join([*("k" + a for a in axes), "c"])
    images = " ".join(["n", *axes, "c"])
    return {"X": images, "W": f"{window} f", "Q": "f r", "K": f"{window} r", "P": "r f", "b": "f"}


def identities(setting: Setting, spatial: int) -> list[Identity]:
    """For all sizes, all kernels W, all Q and P (back to all filters; Qᵀ here); convolutions as the layer has them.

    The first two are for every layer, the others for centred ones.
    """
    conv, shapes = setting.apply, shapes_of(spatial)
    projecting = Identity(
        "projecting the kernel is projecting the output",
        lambda X, W, Q: conv(X, W @ Q),
        lambda X, W, Q: conv(X, W) @ Q,
        {name: shapes[name] for name in "XWQ"},
    )
    two_steps = Identity(
        "the two steps are one convolution with the product of their matrices",
        lambda X, K, P, b: conv(X, K) @ P + b,
        lambda X, K, P, b: conv(X, K @ P) + b,
        {name: shapes[name] for name in "XKPb"},
    )
    return [projecting, two_steps, *centred_identities(conv, shapes)]


def centred_identities(conv: Function, shapes: Mapping[str, str]) -> list[Identity]:
    """The drift of centring, and its two repairs."""

    def augmented(X: Array, W: Array, Q: Array, P: Array) -> Array:
        kernel = jnp.concatenate([(W - mean(W)) @ Q, ones_filter(W)], axis=-1)
        return conv(X, kernel) @ jnp.concatenate([P, mean(W)[None]])

    unrepaired = Identity(
        "centring unrepaired is off by -(patch sums - 1) meanᵀQ",
        lambda X, W, Q: conv(X, (W - mean(W)) @ Q) - (conv(X, W) - mean(W)) @ Q,
        lambda X, W, Q: -(conv(X, ones_filter(W)) - 1) * (mean(W) @ Q),
        {name: shapes[name] for name in "XWQ"},
    )
    by_filter = Identity(
        "repaired by a filter of ones, it is a convolution with mean + (W - mean) Q P",
        augmented,
        lambda X, W, Q, P: conv(X, mean(W) + (W - mean(W)) @ Q @ P),
        {name: shapes[name] for name in "XWQP"},
    )
    by_bias = Identity(
        "repaired by the bias mean - mean Q P, it is the output transformed and back",
        lambda X, W, Q, P: conv(X, W @ Q) @ P + (mean(W) - mean(W) @ Q @ P),
        lambda X, W, Q, P: (conv(X, W) - mean(W)) @ Q @ P + mean(W),
        {name: shapes[name] for name in "XWQP"},
    )
    return [unrepaired, by_filter, by_bias]


@lru_cache(maxsize=256)
def proved(setting: Setting, spatial: int, which: int) -> Verdict:
    """One of the identities; it is about no kernel, so that the layers of a model share it."""
    identity = identities(setting, spatial)[which]
    return prove(identity.lhs, identity.rhs, given=constraints(setting, spatial), shapes=identity.shapes)


def constraints(setting: Setting, spatial: int) -> str:
    """VALID: the window has to fit."""
    if setting.padding != "VALID":
        return ""
    d = setting.dilation
    return ", ".join(f"{a} >= {d}*k{a} - {d - 1}" for a in SPATIAL[len(SPATIAL) - spatial :])


@dataclass(frozen=True)
class Audit:
    """What an audit found. Errors are of the Frobenius norm, relative to that of the output without its bias.

    Attributes:
        verdicts: of each identity that the layer rests on, by title.
        images: what was measured on, in words.
        error: of the approximation, in float64.
        bound: what the discarded singular values allow of it on these images: σ ‖patches‖, and for a bias the
            rejected part of the mean times |patch sums - 1|.
        unrepaired: what centring would do without a repair; 0 where nothing was centred.
        rounding: both steps against one convolution with the product of their matrices, as written and in the layer's
            dtype: equal by algebra, so all of it is rounding.
    """

    verdicts: Mapping[str, Verdict]
    images: str
    setting: str
    error: float
    bound: float
    unrepaired: float
    rounding: Measurement

    @property
    def as_claimed(self) -> bool:
        """Every identity proved, the error within its bound, and nothing but rounding beside it."""
        proved = all(v.status == "proved" for v in self.verdicts.values())
        return proved and self.error <= self.bound and self.rounding.verdict == "rounding"

    def record(self) -> dict[str, Any]:
        """Plain numbers and texts, as `--json` writes them."""
        identities = {title: {"status": v.status, "sizes": str(v.sizes)} for title, v in self.verdicts.items()}
        plain = {name: getattr(self, name) for name in ("images", "setting", "error", "bound", "unrepaired")}
        rounding = self.rounding.to_json()
        return {"identities": identities, **plain, "rounding": rounding, "as_claimed": self.as_claimed}

    def __str__(self) -> str:
        lines = [f"{v.status} for all sizes: {title}" for title, v in self.verdicts.items()]
        lines += [
            f"on {self.images}, {self.setting}:",
            f"error of the approximation: {self.error:.2e} of the output; the discarded singular values allow "
            f"{self.bound:.2e}",
        ]
        if self.unrepaired:
            lines.append(f"unrepaired, centring would be off by {self.unrepaired:.2e}")
        lines.append(f"beside it, {self.rounding.sentence}")
        return "\n".join([*lines, f"modulo primes: {self.rounding.exact_check}"])


def audit(layer: "Compressed", images: Any, setting: Setting, seed: int, progress: Progress) -> Audit:
    """See `Compressed.audit`."""
    x, told = read_images(layer, images, setting, seed)
    spatial, verdicts = layer.layout.spatial, {}
    found = identities(setting, spatial)[: 5 if layer.center else 2]
    for done, identity in enumerate(found):
        progress(f"proving: {identity.title}", done, len(found))
        verdicts[identity.title] = proved(setting, spatial, done)
    sums = approximate(layer, x, setting, progress)
    progress("measuring rounding", 0, 1)
    rounding = measure_rounding(layer, found[1], x[:BATCH], constraints(setting, spatial), proved(setting, spatial, 1))
    return Audit(verdicts, told, str(setting) if spatial else "dense", *sums, rounding)


def read_images(layer: "Compressed", images: Any, setting: Setting, seed: int) -> tuple[np.ndarray, str]:
    """Images with channels last, and what they are.

    Raises:
        BadInput, BadShape: they do not fit the layer, or hold nothing that can be measured.
    """
    from jaxiom.pca import check_images

    window = layer.factors.kernel.shape[:-2]
    if images is None:
        count, *extent = RANDOM[len(window)]
        extent = [max(size, k) for size, k in zip(extent, setting.reach(window), strict=True)]
        x = np.random.default_rng(seed).standard_normal((count, *extent, layer.factors.kernel.shape[-2]))
        return x, f"random {'images' if window else 'rows'} {'×'.join(map(str, x.shape))} (seed {seed})"
    check_images(images, layer, setting)
    x = np.asarray(layer.layout.channels_last(read_numbers("images", images)), np.float64)
    return x, f"the given {'images' if window else 'rows'} {'×'.join(map(str, np.shape(images)))}"


def approximate(layer: "Compressed", x: np.ndarray, setting: Setting, progress: Progress) -> tuple[float, float, float]:
    """(error, its bound, the drift of centring without a repair), relative, in float64, batch by batch."""
    sums = np.zeros(4)
    with jax.enable_x64(True):
        run = jax.jit(partial(batch_sums, layer.factors, setting, layer.repair))
        for start in range(0, len(x), BATCH):
            progress("measuring the approximation", start, len(x))
            sums += np.asarray(run(jnp.asarray(x[start : start + BATCH])))
    whole, error, allowed, drift = np.sqrt(sums)
    if whole == 0:
        raise BadInput("images: the layer's output on them is zero; nothing can be measured relative to it")
    if not np.isfinite(sums).all():
        raise BadInput("images: their squares overflow; scale them down")
    return float(error / whole), float(allowed / whole), float(drift / whole)


def batch_sums(factors: "Factors", setting: Setting, repair: str, x: Array) -> Array:
    """Sums of squares: the output, the error, what is allowed of it, the drift of centring unrepaired."""
    kernel, parts = jnp.asarray(factors.kernel), factors.assemble(repair)
    whole = setting.apply(x, kernel)
    error = setting.apply(x, jnp.asarray(parts.kernel)) @ parts.unprojection + (parts.bias - factors.bias) - whole
    ones = ones_filter(kernel)
    patches = jnp.sqrt(setting.apply(x * x, ones))
    beyond_one = jnp.abs(setting.apply(x, ones) - 1)
    allowed = patches * (factors.discarded + float64_slack(factors))
    if factors.centred and repair == "bias":
        allowed += beyond_one * (np.linalg.norm(factors.rejected_mean) * (1 + 1e-9))
    projected_mean = np.linalg.norm(factors.mean @ factors.components)
    return jnp.stack([jnp.sum(v * v) for v in (whole, error, allowed, beyond_one * projected_mean)])


def float64_slack(factors: "Factors") -> float:
    """What float64 itself may add, for each unit of a patch's norm: the decomposition and three products of sums."""
    longest = factors.taps + factors.kernel.shape[-1]
    size = np.linalg.norm(factors.kernel) + math.sqrt(factors.taps) * float(np.linalg.norm(factors.mean))
    return 8 * longest * 2.0**-53 * float(size)


def measure_rounding(
    layer: "Compressed", identity: Identity, x: np.ndarray, given: str, verdict: Verdict
) -> Measurement:
    """The layer as it is written, against one convolution with the product of its two matrices."""
    arrays = {"X": x, "K": layer.layout.canonical(layer.kernel), "P": layer.unprojection, "b": layer.bias}
    dtype = str(layer.kernel.dtype)
    return measure(
        identity.lhs, identity.rhs, shapes=identity.shapes, given=given, inputs=arrays, dtype=dtype, verdict=verdict
    )
