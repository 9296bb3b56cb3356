"""Proofs under hypotheses: the verdicts of `cases/hypotheses.py`, held against inputs found by plain search."""

import itertools
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxiom
from cases.case import PROVED, REFUTED, Case
from cases.hypotheses import CASES, NONE_FOUND, orthonormal, symmetric
from jaxiom import prove
from jaxiom.decide import decide
from jaxiom.errors import BadClaim, BadInput
from jaxiom.hypotheses import Ledger
from jaxiom.signature import Signature, read_signature
from jaxiom.verdict import Verdict

MOST_GRID = 400


def signature_of(case: Case) -> Signature:
    return read_signature([case.lhs, case.rhs], dict(case.shapes), case.given, case.assume)


def verdict_of(case: Case) -> Verdict:
    return decide(case.lhs, case.rhs, signature_of(case))


def having(*answers: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in CASES if c.answer in answers])


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in CASES])
def test_verdict(case: Case) -> None:
    if not isinstance(case.answer, str):
        with pytest.raises(case.answer) as raised:
            verdict_of(case)
        assert case.says in str(raised.value)
        return
    verdict = verdict_of(case)
    assert verdict.status == case.answer, str(verdict)
    assert case.says in verdict.reason
    assert case.notes in "; ".join(verdict.notes)
    if case.answer == REFUTED:
        assert_witness(case, verdict)


def assert_witness(case: Case, verdict: Verdict) -> None:
    """The witness satisfies the hypotheses in floats, as far as these hold its fractions, and the two sides differ."""
    witness, signature = verdict.witness, signature_of(case)
    assert witness is not None
    assert signature.assume is not None
    assert verdict.sizes.contains(witness.sizes)
    arguments = [witness.inputs[name] for name in signature.parameters]
    sides = [np.asarray(side, np.float64) for side in signature.assume(*arguments)]
    scale = 1 + max(float(np.abs(side).max(initial=0)) for side in sides)
    assert all(np.abs(a - b).max(initial=0) < 1e-4 * scale for a, b in zip(sides[::2], sides[1::2], strict=True))
    left, right = (np.asarray(side(*arguments)) for side in (case.lhs, case.rhs))
    assert abs(float(left[witness.index]) - float(right[witness.index])) > 1e-4 * (1 + abs(float(witness.lhs)))
    assert witness.lhs != witness.rhs


def grid(signature: Signature, sizes: Mapping[str, int]) -> Iterator[list[Any]]:
    """All inputs of -1, 0 and 1 at given sizes, as far as there are few, else some of them."""
    shapes = signature.shapes_at(sizes)
    count = sum(map(prod, shapes.values()))
    rng = np.random.default_rng(0)
    drawn = (rng.integers(-1, 2, count) for _ in range(MOST_GRID))
    rows = itertools.product((-1.0, 0.0, 1.0), repeat=count) if 3**count <= MOST_GRID else drawn
    for row in rows:
        parts = np.split(np.asarray(row, np.float32), np.cumsum([prod(s) for s in shapes.values()])[:-1])
        yield signature.arguments(
            sizes, {n: part.reshape(s) for part, (n, s) in zip(parts, shapes.items(), strict=True)}
        )


@having(PROVED)
def test_what_is_proved_is_true_on_a_small_grid(case: Case) -> None:
    signature = signature_of(case)
    assume, names = signature.assume, signature.sizes.names
    assert assume is not None
    points = (dict(zip(names, values, strict=True)) for values in itertools.product((2, 1, 3), repeat=len(names)))
    sizes = next(point for point in points if signature.sizes.contains(point))
    sides = jax.jit(lambda *a: (assume(*a), case.lhs(*a), case.rhs(*a)))
    satisfied = 0
    for arguments in grid(signature, sizes):
        hypotheses, left, right = sides(*arguments)
        if all(np.array_equal(a, b) for a, b in zip(hypotheses[::2], hypotheses[1::2], strict=True)):
            satisfied += 1
            assert np.allclose(left, right, atol=1e-4)
    assert satisfied


def test_a_third_is_not_proved() -> None:
    assert len(CASES) >= 20
    assert 3 * sum(c.answer != PROVED for c in CASES) >= len(CASES)


# -- what a verdict says of its hypotheses


def twice(x: Any, A: Any) -> Any:
    return x @ A @ A


def twice_from_the_left(x: Any, A: Any) -> Any:
    return A @ (A @ x)


def test_the_notes_tell_what_was_assumed_and_where_it_holds() -> None:
    verdict = prove(twice, twice_from_the_left, x="n", A="n n", assume=symmetric)
    assert verdict.notes == (
        "assuming A[p, q] - A[q, p] = 0",
        "assume is satisfied, for example, by inputs at n=1",
    )
    assert str(verdict).startswith("proved for n >= 1\nassuming ")
    assert verdict.difference is not None
    assert verdict.difference.is_zero


def test_a_hypothesis_that_the_proof_does_not_use_is_named() -> None:
    def assume(x: Any, A: Any) -> Any:
        return [*symmetric(A), (x, jnp.ones_like(x))]

    verdict = prove(twice, twice_from_the_left, x="n", A="n n", assume=assume)
    assert verdict.status == "proved"
    assert "assuming A[p, q] - A[q, p] = 0" in verdict.notes
    assert "not needed: -1 + x[p] = 0" in verdict.notes


def test_a_refutation_tells_all_that_it_assumes() -> None:
    verdict = prove(lambda A: A, lambda A: -A, A="n n", assume=symmetric)
    assert verdict.status == "refuted"
    assert verdict.notes == ("assuming A[p, q] - A[q, p] = 0",)


def test_an_equation_that_always_holds_is_told() -> None:
    verdict = prove(lambda A: A, lambda A: -A, A="n n", assume=lambda A: [(A.T.T, A)])
    assert verdict.notes == ("assuming an equation that every input satisfies",)


def test_each_case_by_size_has_its_own_text() -> None:
    def assume(x: Any) -> Any:
        return [(x, jnp.zeros_like(x))] if x.shape[0] == 3 else [(x, -x)]

    verdict = prove(lambda x: x, lambda x: 5 * x, x="n", assume=assume)
    assert verdict.status == "proved"
    assert sum(note.startswith("assuming ") for note in verdict.notes) == 2


def test_what_takes_an_assumption_from_a_branch_is_followed() -> None:
    def assume(x: Any) -> Any:  # says nothing but where n = 2
        return [(x, jnp.zeros_like(x))] if x.shape[0] == 2 else [(x, x)]

    verdict = prove(lambda x: x, lambda x: 2 * x, x="n", assume=assume)
    assert verdict.status == "refuted"
    assert verdict.witness is not None
    assert verdict.witness.sizes != {"n": 2}


def test_assume_takes_its_parameters_by_name_and_pytrees_whole() -> None:
    shapes = {"x": "n m", "p": {"Q": "m k", "b": "k"}}
    verdict = prove(
        lambda x, p: x @ p["Q"] @ p["Q"].T @ p["Q"] + p["b"],
        lambda x, p: x @ p["Q"],
        shapes=shapes,
        assume=lambda p, x, unused=3: [*orthonormal(p["Q"]), (p["b"], jnp.zeros_like(p["b"]))],
    )
    assert verdict.status == "proved"


def test_a_wrong_certificate_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "certify", lambda *_: True)
    with pytest.raises(jaxiom.InternalDisagreement, match="the prover found the two sides equal"):
        prove(lambda A: A, lambda A: A.T @ A, A="n n", assume=symmetric)


def test_a_proof_from_hypotheses_that_no_size_of_its_own_satisfies_is_none() -> None:
    verdict = prove(
        lambda Q: Q, lambda Q: 2 * Q, Q="m k", given="k >= m + 1", assume=lambda Q: [*orthonormal(Q), (Q, 0 * Q)]
    )
    assert verdict.status == "undecided"
    assert verdict.reason == NONE_FOUND


def test_a_difference_too_large_for_isl_may_still_be_refuted() -> None:
    """Four equal factors in one monomial: isl's budget is too small to say where it is not zero, an input is not."""
    verdict = prove(
        lambda A, x: A @ A @ A @ A @ x,
        lambda A, x: x,
        A="n n",
        x="n",
        operations=400_000,
        assume=lambda A: [(A @ A, A)],
    )
    assert verdict.status == "refuted"
    assert any(note.startswith("no closed form of the difference: where it is not zero") for note in verdict.notes)


def test_opaque_functions_in_the_sides_and_in_hypotheses() -> None:
    def assume(x: Any, y: Any) -> Any:
        return [(y, jnp.exp(x))]

    verdict = prove(lambda x, y: y * jnp.exp(x), lambda x, y: y**2, x="n", y="n", assume=assume)
    assert verdict.status == "proved"  # x = 0, y = 1 satisfies it exactly
    assert any("exp(x[p])" in note for note in verdict.notes)
    assert prove(lambda x: x / x, lambda x: 1 + 0 * x, x="n", assume=lambda x: [(x / x, 1 + 0 * x)]).status == "proved"


def test_an_input_counts_only_where_both_sides_have_a_value() -> None:
    verdict = prove(lambda x: x * jnp.sqrt(x), lambda x: -jnp.sqrt(x), x="n", assume=lambda x: [(x, -jnp.ones_like(x))])
    assert verdict.status == "undecided"
    assert verdict.reason == NONE_FOUND


# -- claims


def test_a_theorem_and_a_refutation_take_it() -> None:
    @jaxiom.theorem(x="n m", Q="m k", assume=orthonormal)
    def there(x: Any, Q: Any) -> Any:
        "Project, back, project."
        return x @ Q @ Q.T @ Q, x @ Q

    @jaxiom.refutation(x="n m", Q="m k", assume=orthonormal)
    def back(x: Any, Q: Any) -> Any:
        "Project, back."
        return x @ Q @ Q.T, x

    assert [claim.came_out_as_declared(claim.prove()) for claim in (there, back)] == [True, True]


def test_a_claim_with_real_sizes_is_refused() -> None:
    with pytest.raises(BadClaim, match=r"at= and assume=: a claim is measured on inputs drawn at random"):

        @jaxiom.theorem(A="n n", at={"n": 3}, assume=symmetric)
        def itself(A: Any) -> Any:
            "A is Aᵀ."
            return A, A.T


def test_measuring_it_is_refused() -> None:
    @jaxiom.theorem(A="n n", assume=symmetric)
    def itself(A: Any) -> Any:
        "A is Aᵀ."
        return A, A.T

    with pytest.raises(BadInput, match="measure: the claim has assume="):
        jaxiom.measure(itself, at={"n": 3})


def test_a_claims_bad_assume_names_the_claim() -> None:
    @jaxiom.theorem(A="n n", assume=lambda B: [(B, B)])
    def itself(A: Any) -> Any:
        "A is A."
        return A, A

    with pytest.raises(
        BadInput, match=r"test_hypotheses\.py:\d+: itself: assume: unknown parameter B; the claim's are A"
    ):
        itself.prove()
