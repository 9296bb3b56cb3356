"""Rewrites that people do by hand: through softmax and maximum pooling.

A maximum is no polynomial, and jaxiom knows little of it: that it does not change with the order of what it is taken
of, and that a positive factor comes out of it. That is enough for what is done around softmax and pooling: what two
sides take a maximum of must be the same, and the rest is algebra.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxiom import refutation, theorem

Queries = Float[Array, "n d"]
Keys = Float[Array, "m d"]
Values = Float[Array, "m e"]
Even = Float[Array, "n 2*h 2*w c"]


def attend(queries: Array, keys: Array, values: Array) -> Array:
    """Attention with one head."""
    return jax.nn.softmax(queries @ keys.T) @ values


def pool(X: Array, size: int = 2, stride: int = 2, padding: str = "VALID") -> Array:
    """Maximum pooling."""
    return lax.reduce_window(X, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), padding)


# Attention


@theorem
def output_matrix_in_the_values(Q: Queries, K: Keys, V: Values, M: Float[Array, "e f"]) -> tuple[Array, Array]:
    """Attention: the output matrix folds into the values"""
    return attend(Q, K, V) @ M, attend(Q, K, V @ M)


@theorem
def two_matrices_in_one(
    Q: Queries, K: Keys, V: Values, A: Float[Array, "d r"], B: Float[Array, "d r"]
) -> tuple[Array, Array]:
    """Attention: the matrices of queries and keys are one, A Bᵀ"""
    return attend(Q @ A, K @ B, V), attend(Q @ (A @ B.T), K, V)


@theorem
def scale_in_the_keys(Q: Queries, K: Keys, V: Values) -> tuple[Array, Array]:
    """Attention: its scale goes from the queries to the keys"""
    return attend(Q / 8, K, V), attend(Q, K / 8, V)


@refutation
def scale_in_the_values(Q: Queries, K: Keys, V: Values) -> tuple[Array, Array]:
    """To the values it does not: softmax is not linear"""
    return attend(Q / 8, K, V), attend(Q, K, V / 8)


@theorem
def keys_reversed(Q: Queries, K: Keys, V: Values) -> tuple[Array, Array]:
    """Attention does not see the order of keys and values"""
    return attend(Q, jnp.flip(K, 0), jnp.flip(V, 0)), attend(Q, K, V)


@theorem
def self_attention_reversed(
    X: Queries, A: Float[Array, "d r"], B: Float[Array, "d r"], V: Float[Array, "d e"]
) -> tuple[Array, Array]:
    """Self-attention of the tokens reversed is reversed: without positions it knows no order"""
    Y = jnp.flip(X, 0)
    return attend(Y @ A, Y @ B, Y @ V), jnp.flip(attend(X @ A, X @ B, X @ V), 0)


@theorem
def log_of_softmax(X: Queries) -> tuple[Array, Array]:
    """log_softmax takes logsumexp away"""
    return jax.nn.log_softmax(X), X - jax.nn.logsumexp(X, axis=1, keepdims=True)


# Pooling


@theorem
def pooling_by_a_reshape(X: Even) -> tuple[Array, Array]:
    """Maximum pooling: blocks of an even image, by a reshape"""
    n, h, w, c = X.shape
    return pool(X), X.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


@theorem
def pooling_after_a_positive_scale(X: Even) -> tuple[Array, Array]:
    """Maximum pooling: a positive scale goes through"""
    return pool(3 * X), 3 * pool(X)


@refutation
def pooling_after_a_negative_scale(X: Even) -> tuple[Array, Array]:
    """A negative scale does not: it makes minima of the maxima"""
    return pool(-3 * X), -3 * pool(X)


@refutation
def pooling_after_a_mixing_of_channels(X: Even, M: Float[Array, "c f"]) -> tuple[Array, Array]:
    """Nor does a 1×1 convolution, as it does through average pooling"""
    return pool(X @ M), pool(X) @ M


@refutation
def padded_with_zeros_then_pooled(X: Float[Array, "n h w c"]) -> tuple[Array, Array]:
    """Maximum pooling: SAME is no padding with zeros, which count as values at the border"""
    return pool(X, 3, 1, "SAME"), pool(jnp.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 1)


@theorem
def pooling_of_the_mirrored_image(X: Even) -> tuple[Array, Array]:
    """Maximum pooling of the mirrored image is mirrored, where the width is even"""
    return pool(jnp.flip(X, 2)), jnp.flip(pool(X), 2)


@refutation
def pooling_of_an_odd_mirrored_image(X: Float[Array, "n 2*h 2*w+1 c"]) -> tuple[Array, Array]:
    """Where it is odd, another column is left out"""
    return pool(jnp.flip(X, 2)), jnp.flip(pool(X), 2)
