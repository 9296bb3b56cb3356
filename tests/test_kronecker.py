"""Kronecker sums: equal to the explicit matrix, built again here from SymPy's own Kronecker products."""

import random
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.errors import BadInput, Unsupported
from jaxiom.layers import conv
from jaxiom.lettered import confirm
from jaxiom.operators import operator
from structures import STRUCTURES, build

OTHER_ORDER = {"im2col", "transpose"}


@pytest.mark.parametrize("name", sorted(set(STRUCTURES) - OTHER_ORDER))
def test_the_sum_is_the_matrix(name: str) -> None:
    T, rng = build(name), random.Random(2)
    for cap in (2, 3):
        sizes = T.signature.sizes.random(rng, cap)
        derived = T.derive(**sizes)
        assert confirm(T.kronecker().letter_matrix(sizes, derived.letters), derived.linear)


@pytest.mark.parametrize("name", ["VALID", "nchw", "wrap", "mean", "scale", "depthwise", "groups of symbolic size"])
def test_the_terms_are_kronecker_products(name: str) -> None:
    """SymPy multiplies the factors out; theirs is the order of the axes."""
    T = build(name)
    sizes = T.signature.sizes.random(random.Random(5), 2)
    terms = T.kronecker().terms(**sizes)
    matrix: Any = T.matrix(**sizes)
    total: Any = sympy.zeros(*matrix.shape)
    for factors in terms:
        total += sympy.kronecker_product(*factors)
    assert total == matrix == T.kronecker().matrix(**sizes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "VALID",
            "T = Σ_{p<kh, q<kw} I[n] ⊗ S[p] ⊗ S[q] ⊗ M[p, q]; M[p, q, r; s] = W[p, q, s, r]; S[d]: 1 where x = o + d",
        ),
        (
            "nchw",
            "T = Σ_{p<kh, q<kw} I[n] ⊗ M[p, q] ⊗ S[p] ⊗ S[q]; M[p, q, r; s] = W[p, q, s, r]; S[d]: 1 where x = o + d",
        ),
        (
            "wrap, stride 2",
            "T = Σ_{p<3} C(1, 2)[p] ⊗ M[p]; M[p] = W[p, 0, 0]; C(1, 2)[d]: 1 where x = 2·o + d modulo the size",
        ),
        (
            "transposed",
            "T = Σ_{p<3} S(2, 1)[p - 1] ⊗ M[p]; M[p, q; r] = W[p, r, q]; S(2, 1)[d]: 1 where 2·x = o + d",
        ),
        ("mean", "T = I[b] ⊗ M ⊗ I[c]; M[; p] = 1/(n)"),
        ("scale", "T = Σ_{p<n} I[b] ⊗ D[p] ⊗ M[p]; M[p] = a[p]; D[d]: 1 at o = x = d"),
        ("shift", "T = S[1] ⊗ M; M = 1; S[d]: 1 where x = o + d"),
        ("roll", "T = C[n - 1] ⊗ M; M = 1; C[d]: 1 where x = o + d modulo the size"),
    ],
)
def test_text(name: str, text: str) -> None:
    assert str(build(name).kronecker()) == text


def test_latex() -> None:
    assert build("VALID").kronecker().latex() == (
        r"T = \sum_{p < k_{h}, q < k_{w}} I_{n} \otimes S_{p} \otimes S_{q} \otimes M_{p, q}; "
        r"M_{p, q, r; s} = W_{p, q, s, r}; S[d]: 1 where x = o + d"
    )


@pytest.mark.parametrize("name", sorted(OTHER_ORDER))
def test_other_orders_are_refused(name: str) -> None:
    with pytest.raises(Unsupported, match="not paired in the same order"):
        build(name).kronecker()


def test_sizes_are_checked() -> None:
    with pytest.raises(BadInput, match="^sizes: .*missing"):
        build("VALID").kronecker().terms(n=1)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    st.tuples(*[st.integers(1, 3)] * 4),
    st.sampled_from(["VALID", "SAME", "FULL", 1, [(-1, 2)]]),
    st.integers(1, 2),
    st.integers(0, 9),
)
def test_any_convolution(steps: tuple[int, int, int, int], padding: Any, groups: int, seed: int) -> None:
    k, stride, dilation, image_dilation = steps

    def layer(X: Any, W: Any) -> Any:
        return conv(X, W, stride, padding, dilation=dilation, image_dilation=image_dilation, groups=groups)

    T = operator(layer, X=f"n h {2 * groups}", W=f"{k} 2 {2 * groups}", given="h >= 8")
    sizes = {"n": 1, "h": 8 + seed % 3}
    derived = T.derive(**sizes)
    assert confirm(T.kronecker().letter_matrix(sizes, derived.letters), derived.linear)
