"""What `@theorem` and `@refutation` make of a function; the errors of each misuse."""

import functools
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import jaxiom
from jaxiom import BadClaim, BadInput, BadShape, Claim, refutation, theorem

HERE = Path(__file__)


@theorem(A="m k", B="k n", C="n p", at={"m": 2, "k": 3, "n": 4, "p": 5})
def associative(A: Any, B: Any, C: Any) -> Any:
    """The product of matrices is associative.

    A second paragraph is no part of the title.
    """
    return (A @ B) @ C, A @ (B @ C)


@refutation(given="n >= 2", A="n n", B="n n")
def commutative(A: Any, B: Any) -> Any:
    """The product of matrices does not commute."""
    return A @ B, B @ A


@theorem
def annotated(X: Float[Array, "n h"], p: Float[Array, ""]) -> Any:
    """A scalar moves out of a sum."""
    return (p * X).sum(), p * X.sum()


def claim_of(function: Any, **options: Any) -> Claim:
    return theorem(**options)(function)


def error_of(run: Any, kind: type[Exception] = BadClaim) -> str:
    with pytest.raises(kind) as raised:
        run()
    assert type(raised.value) is kind
    return str(raised.value)


def test_what_a_claim_knows() -> None:
    assert associative.name == "associative"
    assert associative.title == "The product of matrices is associative."
    assert (associative.expected, commutative.expected) == ("proved", "refuted")
    assert associative.file == HERE
    assert HERE.read_text().splitlines()[associative.line - 1].startswith("@theorem(A=")
    assert associative.at == {"m": 2, "k": 3, "n": 4, "p": 5}
    assert commutative.given == "n >= 2"
    assert str(commutative.signature.sizes) == "n >= 1; n >= 2"


def test_calling_a_claim_calls_its_function() -> None:
    A, B = jnp.eye(2), jnp.ones((2, 2))
    lhs, rhs = commutative(A, B)
    assert (lhs == rhs).all()
    assert commutative(A=A, B=B)[0].shape == (2, 2)


def test_the_two_sides_are_functions_of_their_own() -> None:
    A, B = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 1.0], [0.0, 0.0]])
    assert (commutative.lhs(A, B) == A @ B).all()
    assert (commutative.rhs(A, B) == B @ A).all()
    assert commutative.lhs is commutative.lhs  # one function, or jit would compile at each use
    assert commutative.lhs.__name__ == "commutative_lhs"


def test_shapes_from_annotations_and_by_name() -> None:
    assert annotated.signature.shapes_at({"n": 2, "h": 3}) == {"X": (2, 3), "p": ()}

    @theorem(W="h f")
    def mixed(X: Float[Array, "n h"], W: Any) -> Any:
        """One annotated, one by name."""
        return X @ W, X @ W

    assert mixed.signature.shapes_at({"n": 1, "h": 2, "f": 3}) == {"X": (1, 2), "W": (2, 3)}


def test_shapes_reach_the_parameter_that_they_name() -> None:
    claim = claim_of(lambda X, W: (X, W), title="order", W="h f", X="n h")
    assert list(claim.signature.parameters) == ["X", "W"]


def test_a_pytree_of_shapes_by_the_shapes_argument() -> None:
    claim = claim_of(lambda params, at: (params, at), title="t", shapes={"params": {"w": "n"}, "at": "n"})
    assert claim.signature.shapes_at({"n": 3}) == {"params['w']": (3,), "at": (3,)}
    assert claim.at is None


def test_a_claim_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        associative.title = "another"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_claim_without_docstring() -> None:
    def bare(X: Any) -> Any:
        return X, X

    line = bare.__code__.co_firstlineno
    expected = f"{place(line, 'bare')}: no docstring; its first line is the claim's title"
    assert error_of(lambda: theorem(X="n")(bare)) == expected


def place(line: int, name: str) -> str:
    from jaxiom.claims import shown

    return f"{shown(HERE)}:{line}: {name}"


@pytest.mark.parametrize("decorator", [theorem, refutation], ids=["theorem", "refutation"])
def test_a_decorator_on_what_is_no_function(decorator: Any) -> None:
    expected = "expected a function that returns the pair (lhs, rhs), got 'h >= kh'"
    assert error_of(lambda: decorator("h >= kh")) == expected


def sides(X: Any, W: Any) -> Any:
    """A pair."""
    return X, W


AT = place(sides.__code__.co_firstlineno, "sides")


@pytest.mark.parametrize(
    ("options", "kind", "error"),
    [
        (
            {"X": "n", "Q": "n"},
            BadClaim,
            "unknown parameter Q; the function's are X, W, and the options are given=, at=, assume=, shapes= "
            "and title=",
        ),
        (
            {"X": "n"},
            BadShape,
            'W: no shape. Give it by name (W="n h w c"), in shapes=, or as a jaxtyping annotation '
            '(W: Float[Array, "n h w c"])',
        ),
        ({"X": "n", "W": "n ..."}, BadShape, "W: 'n ...': '...' has no fixed rank or size; name every axis"),
        (
            {"X": "n", "W": "n", "given": "n >= k"},
            BadShape,
            "given: 'n >= k' names k, which no shape has; the sizes are n",
        ),
        (
            {"X": "n", "W": "n", "given": "n < 1"},
            BadShape,
            "given: no size satisfies 'n < 1' with the shapes 'n', 'n'",
        ),
        ({"X": "n", "W": "k", "at": {"n": 3}}, BadInput, "at: the sizes of this claim are n, k; k missing"),
        ({"X": "n", "W": "n", "at": {"n": 0}}, BadInput, "at: n=0 is outside what the claim is given: n >= 1"),
    ],
)
def test_claims_that_cannot_be_read(options: dict[str, Any], kind: type[Exception], error: str) -> None:
    claim = claim_of(sides, **options)
    assert error_of(lambda: claim.signature, kind) == f"{AT}: {error}"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"at": [3]}, "at: expected a dict by name, got [3]"),
        ({"shapes": "n h"}, "shapes: expected a dict by name, got 'n h'"),
        ({"shapes": {"X": "n"}, "X": "n"}, "X: a shape by name and another in shapes=; give one"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], error: str) -> None:
    assert error_of(lambda: claim_of(sides, **options)) == f"{AT}: {error}"


def test_functions_that_take_no_plain_parameters() -> None:
    assert error_of(lambda: claim_of(lambda: (1, 1), title="t").signature).endswith(
        "the function takes no parameter; a claim is about its inputs"
    )
    assert error_of(lambda: claim_of(lambda *X: X, title="t", X="n").signature).endswith(
        "the parameter *X is not plain; give every input a name of its own"
    )


def test_a_partial_function_is_no_claim() -> None:
    assert "expected a function that returns the pair" in error_of(lambda: theorem(functools.partial(sides)))


@pytest.mark.parametrize(
    ("result", "came"),
    [
        (lambda X: X, "one ArrayImpl (2,)"),
        (lambda X: (X, X, X), "a tuple of 3"),
        (lambda X: None, "None"),
        (lambda X: {"lhs": X, "rhs": X}, "one dict"),
    ],
    ids=["array", "three", "none", "dict"],
)
def test_a_result_that_is_no_pair(result: Any, came: str) -> None:
    claim = claim_of(result, title="t", X="n")
    text = error_of(lambda: claim.lhs(jnp.ones(2)))
    assert text == f"{claim.place}: the function returns {came}; expected the pair (lhs, rhs)"


def test_the_public_names_are_functions_whatever_is_imported() -> None:
    folder = Path(jaxiom.__file__).parent
    modules = {p.stem for p in folder.iterdir()}
    assert modules & set(jaxiom.__all__) == set(jaxiom.MODULES)
    for name in jaxiom.__all__:
        before = getattr(jaxiom, name)
        importlib.import_module(f"jaxiom.{jaxiom.HOME[name]}") if name in jaxiom.HOME else None
        assert getattr(jaxiom, name) is before
    assert callable(jaxiom.prove)
    assert set(jaxiom.__all__) <= set(dir(jaxiom))
    with pytest.raises(AttributeError, match="module 'jaxiom' has no attribute 'nothing'"):
        _ = jaxiom.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_jaxiom_imports_nothing_heavy() -> None:
    heavy = "{'jax', 'numpy', 'sympy', 'islpy', 'rich', 'typer', 'sklearn', 'matplotlib'}"
    code = (
        f"import sys, jaxiom, jaxiom.claims, jaxiom.discovery, jaxiom.verification; print({heavy} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_theorems_come_out_proved() -> None:
    for claim in (associative, annotated):
        verdict = claim.prove()
        assert verdict.status == "proved"
        assert claim.came_out_as_declared(verdict)


def test_refutations_come_out_refuted() -> None:
    verdict = commutative.prove()
    assert verdict.status == "refuted"
    assert commutative.came_out_as_declared(verdict)
    assert verdict.witness is not None
    assert verdict.witness.lhs != verdict.witness.rhs


def test_a_false_theorem_does_not_come_out_as_declared() -> None:
    claim = claim_of(lambda A, B: (A @ B, B @ A), title="false", A="n n", B="n n")
    assert not claim.came_out_as_declared(claim.prove())


def test_a_true_refutation_does_not_come_out_as_declared() -> None:
    claim = refutation(title="true", A="n m")(lambda A: (A.T.T, A + 0 * A))
    assert not claim.came_out_as_declared(claim.prove())


def test_proving_a_function_that_returns_no_pair() -> None:
    claim = claim_of(lambda X: X, title="t", X="n")
    assert error_of(claim.prove).startswith(f"{claim.place}: the function returns one ")
    assert error_of(claim.prove).endswith("; expected the pair (lhs, rhs)")


def test_proving_a_function_that_raises() -> None:
    def function(X: Any) -> Any:
        """It raises."""
        raise KeyError("nothing")

    claim = claim_of(function, X="n")
    error = f"lhs: the function does not run on the shapes [n]: KeyError: 'nothing' ({__file__}:{claim.line + 2})"
    assert error_of(claim.prove, BadInput) == f"{claim.place}: {error}"


def test_proving_shapes_that_do_not_fit() -> None:
    claim = claim_of(lambda A, B: (A @ B, A @ B), title="t", A="m k", B="n p")
    with pytest.raises(BadInput) as raised:
        claim.prove()
    assert str(raised.value).startswith(f"{claim.place}: lhs: ")
    assert "[m, k], [n, p]" in str(raised.value)


def test_assert_proved() -> None:
    jaxiom.assert_proved(lambda A, B: (A @ B).T, lambda A, B: B.T @ A.T, A="m k", B="k n")
    with pytest.raises(AssertionError, match=r"^refuted for n >= 1\n"):
        jaxiom.assert_proved(lambda A: A, lambda A: A.T, A="n n")
    with pytest.raises(BadShape):
        jaxiom.assert_proved(lambda A: A, lambda A: A.T, A="n ...")
