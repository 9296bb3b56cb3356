"""Real input that ships with scikit-learn: filters learned from its digits, and its photograph."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxiom.errors import BadInput

_CHANNELS = (1, 16, 32)
_POOL = 4
_BATCH = 64
_TRAINED_ON = 1437  # four fifths of the 1797 digits
_RATE = 0.01


class Params(NamedTuple):
    """Parameters of conv, relu, conv, relu, mean pool, linear: kernels in HWIO, no bias but the readout's."""

    kernels: tuple[Float[Array, "3 3 1 16"], Float[Array, "3 3 16 32"]]
    readout: Float[Array, "features 10"]
    bias: Float[Array, "10"]


@dataclass(frozen=True, eq=False)
class LearnedFilters:
    """What `learn_filters` found.

    kernels: one float32 HWIO array a layer; images: the held-out digits in NHWC, in [0, 1], never trained on;
    accuracy: the share of those that the network names rightly.
    """

    kernels: tuple[Float[np.ndarray, "3 3 1 16"], Float[np.ndarray, "3 3 16 32"]]
    images: Float[np.ndarray, "n 8 8 1"]
    accuracy: float


class _Split(NamedTuple):
    images: Float[np.ndarray, "n 8 8 1"]
    labels: Int[np.ndarray, " n"]


class _Adam(NamedTuple):
    first: Params
    second: Params
    step: Float[Array, ""]


def learn_filters(seed: int = 0, epochs: int = 30) -> LearnedFilters:
    """Train a small CNN on scikit-learn's digits and return its filters.

    About two seconds on two cores, compilation included. One seed gives one result on one kind of device.

    Raises `BadInput` where `seed` is negative or `epochs` less than 1.

    >>> learned = learn_filters(seed=0)
    >>> [kernel.shape for kernel in learned.kernels], learned.images.shape
    ([(3, 3, 1, 16), (3, 3, 16, 32)], (360, 8, 8, 1))
    >>> learned.accuracy > 0.95
    True
    """
    params, accuracy = train(seed, epochs)
    first, second = params.kernels
    return LearnedFilters((np.asarray(first), np.asarray(second)), _digits(seed)[1].images, accuracy)


def train(seed: int = 0, epochs: int = 30) -> tuple[Params, float]:
    """Parameters of the trained network, and its accuracy on the held-out digits.

    Raises `BadInput` where `seed` is negative or `epochs` less than 1.

    >>> params, accuracy = train(seed=0, epochs=1)
    >>> params.readout.shape, 0 <= accuracy <= 1
    ((128, 10), True)
    """
    _require_whole("seed", seed, least=0)
    _require_whole("epochs", epochs, least=1)
    training, held_out = _digits(seed)
    params = _initial(jax.random.key(seed))
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = _Adam(zeros, zeros, jnp.zeros((), jnp.float32))
    steps = epochs * (_TRAINED_ON // _BATCH)
    # A Python loop and not lax.scan: XLA on the CPU (JAX 0.10.2) runs convolutions inside a scan 12 times slower.
    for batch in _batches(training, seed, epochs):
        params, state = _update(params, state, batch, steps)
    named = np.asarray(jnp.argmax(logits(params, jnp.asarray(held_out.images)), axis=-1))
    return params, float(np.mean(named == held_out.labels))


def logits(params: Params, images: Float[Array, "n 8 8 1"]) -> Float[Array, "n 10"]:
    """Scores of the ten digits: conv, relu, conv, relu, mean pool to 2x2, linear.

    >>> zero = Params((jnp.zeros((3, 3, 1, 16)), jnp.zeros((3, 3, 16, 32))), jnp.zeros((128, 10)), jnp.ones(10))
    >>> logits(zero, jnp.ones((5, 8, 8, 1))).shape
    (5, 10)
    """
    hidden = images
    for kernel in params.kernels:
        hidden = lax.conv_general_dilated(
            hidden, kernel, window_strides=(1, 1), padding="SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        hidden = jax.nn.relu(hidden)
    n, h, w, channels = hidden.shape
    pooled = hidden.reshape(n, h // _POOL, _POOL, w // _POOL, _POOL, channels).mean((2, 4))
    return pooled.reshape(n, -1) @ params.readout + params.bias[None]


def photograph() -> Float[np.ndarray, "1 427 640 3"]:
    """scikit-learn's sample photograph china.jpg, one float32 image in NHWC with values in [0, 1].

    >>> image = photograph()
    >>> image.shape, image.dtype.name, bool(image.min() >= 0 and image.max() <= 1)
    ((1, 427, 640, 3), 'float32', True)
    """
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg")[None].astype(np.float32) / np.float32(255)


def _require_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise BadInput(f"{name} is {value!r}; expected an integer of at least {least}.")


def _digits(seed: int) -> tuple[_Split, _Split]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    images = (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)[order]
    labels = labels[order].astype(np.int32)
    training, held_out = slice(_TRAINED_ON), slice(_TRAINED_ON, None)
    return _Split(images[training], labels[training]), _Split(images[held_out], labels[held_out])


def _batches(data: _Split, seed: int, epochs: int) -> Iterator[_Split]:
    shuffle = np.random.default_rng((seed, 1))
    for _ in range(epochs):
        order = shuffle.permutation(len(data.labels))
        for start in range(0, len(order) - _BATCH + 1, _BATCH):
            chosen = order[start : start + _BATCH]
            yield _Split(data.images[chosen], data.labels[chosen])


def _initial(key: PRNGKeyArray) -> Params:
    keys = jax.random.split(key, len(_CHANNELS))
    first, second = (
        jax.random.normal(k, (3, 3, fan_in, fan_out), jnp.float32) * (2 / (9 * fan_in)) ** 0.5
        for k, fan_in, fan_out in zip(keys[:2], _CHANNELS[:-1], _CHANNELS[1:], strict=True)
    )
    features = (8 // _POOL) ** 2 * _CHANNELS[-1]
    readout = jax.random.normal(keys[2], (features, 10), jnp.float32) / features**0.5
    return Params((first, second), readout, jnp.zeros(10, jnp.float32))


def _loss(params: Params, batch: _Split) -> Float[Array, ""]:
    log_likelihood = jax.nn.log_softmax(logits(params, jnp.asarray(batch.images)))
    return -jnp.mean(jnp.take_along_axis(log_likelihood, jnp.asarray(batch.labels)[:, None], axis=1))


@jax.jit
def _update(params: Params, state: _Adam, batch: _Split, steps: int) -> tuple[Params, _Adam]:
    """One step of Adam (Kingma and Ba 2015), the rate falling linearly to zero."""
    gradient = jax.grad(_loss)(params, batch)
    step = state.step + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state.second, gradient)
    rate = _RATE * (1 - state.step / steps) * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, first, second)
    return params, _Adam(first, second, step)
