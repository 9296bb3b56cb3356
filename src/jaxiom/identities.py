"""Identities between the matrices of convolutions, confirmed by SymPy at given sizes, with letters everywhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
import sympy

from jaxiom.affine_maps import Operator
from jaxiom.errors import BadInput
from jaxiom.exact import evaluate
from jaxiom.lettered import Lettered, LetterMatrix, Letters, confirm, letters_of
from jaxiom.matrices import Derived
from jaxiom.operators import operator

Convolution = Callable[[jax.Array, jax.Array], jax.Array]


def valid(X: jax.Array, W: jax.Array) -> jax.Array:
    """The convolution that JAX calls VALID: images [n, h, w, c], filters [kh, kw, c, f], no padding, not flipped."""
    return jax.lax.conv_general_dilated(X, W, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@dataclass(frozen=True)
class MatrixIdentity:
    """left = right · factor, matrices of letters at given sizes.

    Attributes:
        letters: of all three.
        left, right, factor: the matrices, entries by `Lettered`.
        equal: whether SymPy's ring arithmetic finds the two sides equal; each distinct entry is compared once.
    """

    letters: Letters
    left: LetterMatrix
    right: LetterMatrix
    factor: LetterMatrix

    @cached_property
    def equal(self) -> bool:
        left, right, factor = (m.map(self.letters.in_ring) for m in (self.left, self.right, self.factor))
        return confirm(left, right @ factor)


class ToeplitzIdentity(MatrixIdentity):
    """T(W·Q) = (I ⊗ Qᵀ) · T(W), at given sizes, with a letter for every entry of W and Q.

    T(K) is the matrix of the convolution with the filters K, both image and output flattened with channels last: to
    project the filters is to project each pixel of the output.
    """

    @cached_property
    def T_W(self) -> sympy.SparseMatrix:  # noqa: N802
        """The convolution's block-Toeplitz matrix, of W's letters."""
        return self.factor.sympy(self.letters)

    @cached_property
    def T_WQ(self) -> sympy.SparseMatrix:  # noqa: N802
        """That of the projected filters: its entries are sums over f of W[i, j, c, f] Q[f, k]."""
        return self.left.sympy(self.letters)

    @cached_property
    def I_kron_Qt(self) -> sympy.SparseMatrix:  # noqa: N802
        """One block Qᵀ for each pixel of the output."""
        return self.right.sympy(self.letters)


def projection_identity(sizes: Mapping[str, int], conv: Convolution = valid) -> ToeplitzIdentity:
    """Confirm T(W·Q) = (I ⊗ Qᵀ) · T(W) at given sizes, with letters everywhere.

    T(W) and T(V) are derived from `conv`, V being as many filters as Q has columns; T(W·Q) is T(V) with every letter
    of V replaced by that entry of the matrix product W·Q. Each distinct entry is computed and compared once.

    >>> projection_identity(dict(h=2, w=2, c=1, kh=1, kw=2, f=2, k=1)).equal
    True

    Args:
        sizes: `h w c` of the image X, `kh kw f` of the filters W, `k` of the projection Q; `n`, the images, is 1
            where left out.
        conv: (X [n, h, w, c], W [kh, kw, c, f]) to an image with the channels f last; `jax.lax`'s VALID by default.

    Raises:
        BadInput: a size is missing or unknown, or conv is not linear in X.
    """
    given = "" if conv is not valid else "h >= kh, w >= kw"
    convolution = operator(conv, X="n h w c", W="kh kw c f", given=given)
    sizes = {"n": 1, **sizes}
    k = sizes.pop("k", None)
    if k is None:
        raise BadInput("sizes: k, the number of columns of Q, is missing")
    of_w, of_v = convolution.derive(**sizes), convolution.derive(**{**sizes, "f": k})
    kernel = of_w.letters.arrays["W"].shape
    made = letters_of({"W": kernel, "Q": (kernel[-1], k)})
    W, Q = made.arrays["W"], made.arrays["Q"]
    (WQ,) = evaluate(lambda W, Q: W @ Q, [W, Q])
    T_W, T_WQ = replaced(of_w, made, {"W": W}), replaced(of_v, made, {"W": WQ})
    projection = projection_of_pixels(Q, T_W.shape[0] // kernel[-1])
    return ToeplitzIdentity(made, T_WQ, projection, T_W)


def projection_of_pixels(Q: np.ndarray, pixels: int) -> LetterMatrix:
    """I ⊗ Qᵀ, with a block for each pixel."""
    f, k = Q.shape
    entries = {(p * k + j, p * f + i): Q[i, j] for p in range(pixels) for i in range(f) for j in range(k)}
    return LetterMatrix((pixels * k, pixels * f), entries)


def replaced(of: Derived, made: Letters, values: Mapping[str, np.ndarray]) -> LetterMatrix:
    """An operator's matrix with polynomials in other letters in place of its own."""
    images = [values[name][index] if name in values else None for name, index in of.letters.owners]

    def image(entry: Lettered) -> Lettered:
        total = Lettered({}, made.names)
        for monomial, coefficient in entry.terms.items():
            term: Any = Lettered({(): coefficient}, made.names)
            for at in monomial:
                term = term * images[at]
            total = total + term
        return total

    return of.linear.map(image)


def application_identity(f: Operator, /, **sizes: int) -> MatrixIdentity:
    """Confirm T · vec(X) = vec(f(X)) (less the offset) at given sizes, with letters everywhere.

    >>> from jaxiom.layers import conv
    >>> application_identity(operator(conv, X="1 4 4 1", W="2 2 1 1")).equal
    True

    Raises: see `Operator.derive`.
    """
    derived = f.derive(**sizes)
    made, span = derived.letters, derived.letters.span(f.wrt)
    X = LetterMatrix((len(span), 1), {(i, 0): Lettered({(at,): 1}, made.names) for i, at in enumerate(span)})
    values = {(i, 0): v - derived.offset.entries.get((i, 0), 0) for i, v in enumerate(derived.values)}
    value = LetterMatrix((len(values), 1), {p: v for p, v in values.items() if v})
    return MatrixIdentity(made, value, derived.linear, X)


def composition_identity(made: Operator, outer: Operator, inner: Operator, /, **sizes: int) -> MatrixIdentity:
    """Confirm T(outer ∘ inner) = T(outer) · T(inner) at given sizes, with letters everywhere.

    `made` is the composition; all three have the same sizes.

    Raises: see `Operator.derive`.
    """
    whole = made.derive(**sizes)

    def matrix(of: Operator) -> LetterMatrix:
        values = {name: array for name, array in whole.letters.arrays.items() if name != of.wrt}
        return replaced(of.derive(**sizes), whole.letters, values)

    return MatrixIdentity(whole.letters, whole.linear, matrix(outer), matrix(inner))
