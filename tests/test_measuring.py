"""`measure`: what is rounding, what is algebra, and what is neither."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax
from jax.core import Tracer

import jaxiom
from jaxiom.claims import refutation, theorem
from jaxiom.errors import InternalDisagreement, Undecidable, Unsupported
from jaxiom.found import Found
from jaxiom.measurement import Measurement
from jaxiom.measuring import closed_form, conclude, decide_verdict, measure
from jaxiom.passes import ClosedForm, Pass
from jaxiom.residues import ExactCheck
from jaxiom.samples import random_inputs
from jaxiom.tallies import ZERO, Tally
from jaxiom.verdict import Undecided, Verdict


def conv(x: Array, w: Array, padding: Any = "SAME") -> Array:
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


SHAPES = {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}
AT = {"n": 2, "h": 6, "w": 5, "c": 4, "kh": 3, "kw": 3, "f": 5, "k": 3}


@theorem(shapes=SHAPES, given="h >= kh, w >= kw", at=AT)
def projection(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """Projecting filters is projecting outputs."""
    return conv(X, W @ Q), conv(X, W) @ Q


@refutation(shapes=SHAPES, given="h >= kh, w >= kw", at=AT)
def centring(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """Centred filters against the uncentred output."""
    return conv(X, (W - W.mean(axis=(0, 1, 2))) @ Q), conv(X, W) @ Q


@refutation(shapes=SHAPES, given="h >= kh, w >= kw", at=AT)
def same_transformer(X: Array, W: Array, Q: Array) -> tuple[Array, Array]:
    """The same affine transformer on both sides."""
    mean = W.mean(axis=(0, 1, 2))
    return conv(X, (W - mean) @ Q), (conv(X, W) - mean) @ Q


@lru_cache
def proved() -> Verdict:
    """What the prover says of `centring`: refuted, with the difference in closed form."""
    return centring.prove()


# Verdicts


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_theorem_is_rounding(dtype: str):
    m = measure(projection, dtype=dtype, exact=dtype == "float32")
    assert (m.verdict, m.dtype) == ("rounding", dtype)
    if dtype == "float32":
        assert m.exact == "equal"
        assert 0 < m.failure_probability <= 2.0**-60
    assert m.predicted is not None
    assert m.bound is not None
    assert m.predicted.max == 0
    assert m.left == m.drift
    assert 0 < m.drift.max <= m.bound.max
    assert 0 < m.tightness <= 1
    assert m.sentence.startswith("rounding: the sides differ by ")


@pytest.mark.parametrize(
    ("claim", "dtype"),
    [*((centring, d) for d in ("float32", "float64", "bfloat16", "float16")), (same_transformer, "float32")],
    ids=lambda value: getattr(value, "name", value),
)
def test_centring_is_algebra(claim: Any, dtype: str):
    exact = claim is centring and dtype == "float32"
    m = measure(claim, dtype=dtype, exact=exact, verdict=proved() if claim is centring else None)
    assert (m.verdict, m.exact) == ("algebra", "different" if exact else "not applicable")
    assert m.predicted is not None
    assert m.drift.relative == pytest.approx(m.predicted.relative, rel=0.1)
    assert m.left.max < m.drift.max / 4
    assert m.tightness <= 1
    assert m.beyond == 0
    assert "the closed form accounts for it" in m.sentence


def test_sides_without_arithmetic_are_the_same_to_the_last_bit():
    m = measure(lambda x: x.T[::-1], lambda x: x[:, ::-1].T, x="n m", at={"n": 3, "m": 4})
    assert m.verdict == "rounding"
    assert m.drift.max == 0
    assert m.ulps[1.0] == 0
    assert m.sentence == "rounding: both sides came out the same to the last bit"


@dataclass(frozen=True)
class Altered:
    """A closed form with a mistake in it."""

    form: Any
    change: Callable[[Array], Array]

    def compile(self, sizes: Mapping[str, int]) -> Callable[..., list[Array]]:
        right = self.form.compile(sizes)
        return lambda inputs: [self.change(leaf) for leaf in right(inputs)]


@pytest.mark.parametrize(
    "change",
    [lambda p: p * 1.01, lambda p: p[::-1], lambda p: p + 0.01],
    ids=["a hundredth", "images swapped", "shift"],
)
def test_altered_closed_form_is_a_finding(change: Callable[[Array], Array]):
    m = measure(centring, verdict=replace(proved(), difference=Altered(proved().difference, change)), exact=False)
    assert m.verdict == "finding"
    assert m.beyond > 0
    assert m.tightness > 1
    assert m.worst is not None
    assert f"finding: {m.beyond} of {m.entries} entries" in m.sentence
    assert "neither side stands out" in m.sentence


def test_closed_form_that_is_wrong_by_less_than_rounding_is_found_by_the_exact_check():
    # At these sizes the guaranteed bound is far above the difference itself; the exact check is not impressed.
    sizes = {**AT, "c": 64, "f": 64}
    right = measure(centring, at=sizes, dtype="bfloat16", verdict=proved())
    assert (right.verdict, right.closed_form) == ("algebra", "equal")
    assert right.bound is not None
    assert right.drift.max < right.bound.max
    assert ", exactly, and the" in right.sentence
    wrong = replace(proved(), difference=Altered(proved().difference, lambda p: 2 * p))
    m = measure(centring, at=sizes, dtype="bfloat16", verdict=wrong)
    assert (m.verdict, m.closed_form, m.beyond) == ("finding", "different", 0)
    assert "the closed form is not what the programs compute" in m.sentence


def test_algebra_that_is_less_than_rounding_is_rounding():
    pair = (lambda x, y, z: (x @ y) @ z, lambda x, y, z: x @ (y @ z) + 2.0**-26)
    m = measure(*pair, x="n n", y="n n", z="n n", at={"n": 20})
    assert (m.verdict, m.exact) == ("rounding", "different")
    assert m.predicted is not None
    assert m.predicted.max == 2.0**-26
    assert "by algebra it is" in m.sentence
    same = replace(m, drift=ZERO)
    assert "though by algebra they differ by" in same.sentence


def test_a_small_difference_without_a_closed_form_is_rounding_that_says_so():
    verdict = Undecided(projection.signature.sizes, reason="isl gave up")
    pair = (lambda x: x.sum(), lambda x: x.sum() * np.float32(1 + 2.0**-23))
    m = measure(*pair, x="n", at={"n": 5}, verdict=verdict)
    assert (m.verdict, m.exact, m.beyond) == ("rounding", "different", 0)
    assert "the two programs are different at these sizes, and nothing says by how much" in m.sentence


@pytest.mark.parametrize(
    ("drift", "left", "larger", "verdict"),
    [
        (0, 0, "predicted", "algebra"),
        (0, 0, "left", "rounding"),
        (0, 3, "predicted", "rounding"),
        (3, 0, "left", "algebra"),
        (3, 3, "predicted", "finding"),
    ],
)
def test_verdicts_as_they_are_defined(drift: int, left: int, larger: str, verdict: str):
    # Entries beyond the bound of the whole drift, and of what the closed form leaves.
    device = jax.devices("cpu")[0]
    form = closed_form(proved(), AT)
    run = Pass(centring.lhs, centring.rhs, centring.signature, AT, "float32", device, form)
    found = Found(bounded=True, beyond={"drift": drift, "left": left})
    for name in ("drift", "predicted", "left"):
        found.tallies[name] = Tally(4, 1.0, 4.0 if name == larger else 1.0)
    assert decide_verdict(run, found, ExactCheck("different"))[0] == verdict


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_numbers_in_a_program_are_what_they_are_in_its_dtype(dtype: str):
    # 0.1 is another binary fraction in each: so is the closed form of the difference.
    pair = (lambda x: 0.1 * x + x, lambda x: x / 10 + x)
    m = measure(*pair, x="n", at={"n": 40}, dtype=dtype)
    assert (m.exact, m.closed_form, m.beyond) == ("different", "equal", 0)
    assert m.predicted is not None
    assert m.predicted.relative == pytest.approx(
        abs(float(jnp.asarray(0.1, dtype)) / 1.1 - 1 / 11) if dtype != "float64" else 5e-18, rel=0.05
    )


def test_one_wrong_entry_is_found_and_named():
    where = np.zeros((2, 6, 5, 3), np.float32)
    where[1, 3, 2, 0] = 0.01
    wrong = Altered(proved().difference, lambda p: p + where)
    m = measure(centring, verdict=replace(proved(), difference=wrong), exact=False)
    assert (m.verdict, m.beyond, m.worst) == ("finding", 1, ("", (1, 3, 2, 0)))


class Skewed(Pass):
    """A device whose rhs is off in one entry by more than rounding, as a wrong rewrite would make it."""

    def side(self, at: int) -> Callable[..., list[Array]]:
        right = super().side(at)
        if at == 0:
            return right
        return lambda arrays: [y.at[0, 0, 0, 0].add(0.1) if y.dtype == jnp.float32 else y for y in right(arrays)]


def test_wrong_side_is_a_finding_and_blamed():
    run = Skewed(projection.lhs, projection.rhs, projection.signature, AT, "float32", jax.devices("cpu")[0])
    found = run.execute(random_inputs(projection.signature, AT, "float32", 0))
    m = conclude("", run, found, ExactCheck("equal", 1e-20), "default")
    assert (m.verdict, m.beyond, m.blamed, m.worst) == ("finding", 1, ("rhs",), ("", (0, 0, 0, 0)))
    assert "it is the rhs" in m.sentence


class Rewritten(Skewed):
    """A device whose compiled rhs is off, but not op by op."""

    def side(self, at: int) -> Callable[..., list[Array]]:
        wrong, right = super().side(at), Pass.side(self, at)
        return lambda arrays: (wrong if isinstance(arrays["X"], Tracer) else right)(arrays)


def test_compiled_and_op_by_op_are_held_against_each_other():
    run = Rewritten(projection.lhs, projection.rhs, projection.signature, AT, "float32", jax.devices("cpu")[0])
    found = run.execute(random_inputs(projection.signature, AT, "float32", 0), eager=True)
    m = conclude("", run, found, ExactCheck("equal", 1e-20), "default")
    assert m.verdict == "finding"
    assert found.eager_beyond == ("rhs",)
    assert any("rhs: compiled and op by op differ" in note for note in m.notes)


def test_eager_agrees_where_nothing_is_wrong():
    m = measure(projection, eager=True, exact=False)
    assert m.verdict == "rounding"
    assert set(m.eager) == {"lhs", "rhs"}
    assert m.exact == "not applicable"


def test_a_false_proof_is_a_disagreement():
    proved = projection.prove()
    with pytest.raises(InternalDisagreement, match="proved for .*but different here"):
        measure(centring, verdict=proved)
    m = measure(centring, verdict=proved, exact=False)
    assert (m.verdict, m.beyond > 0) == ("finding", True)


def test_a_wrong_program_with_no_closed_form_is_a_finding():
    verdict = Undecided(projection.signature.sizes, reason="isl gave up")
    m = measure(centring, verdict=verdict, exact=False)
    assert (m.verdict, m.predicted) == ("finding", None)
    assert m.notes == ("no closed form: isl gave up",)
    assert "there is no closed form to compare with" in m.sentence
    assert measure(projection, verdict=verdict, exact=False).verdict == "rounding"


class Unready:
    def compile(self, sizes: Mapping[str, int]) -> Callable[..., Any]:
        raise Undecidable("too irregular")


class Late:
    def compile(self, sizes: Mapping[str, int]) -> Callable[..., Any]:
        def late(inputs: Any) -> Any:
            raise Undecidable("too many indices")

        return late


@pytest.mark.parametrize(("form", "why"), [(Unready(), "too irregular"), (Late(), "too many indices")])
def test_a_closed_form_that_cannot_be_evaluated_is_noted(form: Any, why: str):
    m = measure(centring, verdict=replace(proved(), difference=form), exact=False)
    assert (m.verdict, m.notes) == ("finding", (f"no closed form: {why}",))


def test_a_proof_that_leaves_these_sizes_out_predicts_nothing():
    @theorem(x="n", at={"n": 1})
    def cancelled(x: Array) -> tuple[Array, Array]:
        """x times n - 1, then divided by it."""
        return x * 2, x + x

    verdict = cancelled.prove()
    narrowed = replace(verdict, sizes=verdict.sizes.where(verdict.sizes.set(["n >= 2"]), "n >= 2"))
    assert closed_form(verdict, {"n": 1}).known
    form = closed_form(narrowed, {"n": 1})
    assert not form.known
    assert "leaves these sizes out" in form.note


def test_wrong_shape_of_a_closed_form_is_a_disagreement():
    form = ClosedForm(lambda inputs: [jnp.zeros(3)])
    with pytest.raises(InternalDisagreement, match="closed form has the shapes"):
        Pass(projection.lhs, projection.rhs, projection.signature, AT, "float32", jax.devices("cpu")[0], form)


# Pairs, inputs, outputs


def test_pair_of_functions():
    m = measure(lambda a, b: a @ b, lambda a, b: (b.T @ a.T).T, a="m k", b="k n", at={"m": 2, "k": 3, "n": 4})
    assert (m.verdict, m.sizes) == ("rounding", {"m": 2, "k": 3, "n": 4})


def test_pytrees_and_several_outputs():
    def lhs(params: Any, x: Array) -> Any:
        return {"y": x @ params["w"] + params["b"], "s": x.sum()}

    def rhs(params: Any, x: Array) -> Any:
        return {"y": params["b"] + (params["w"].T @ x.T).T, "s": x.T.sum()}

    shapes = {"params": {"w": "i o", "b": "o"}, "x": "n i"}
    m = measure(lhs, rhs, shapes=shapes, at={"n": 2, "i": 3, "o": 4})
    assert (m.verdict, m.exact, m.entries) == ("rounding", "equal", 9)
    arrays = {"params": {"w": np.ones((3, 4)), "b": np.zeros(4)}, "x": np.ones((2, 3))}
    assert measure(lhs, rhs, shapes=shapes, inputs=arrays, verdict=NO_PROOF, exact=False, bound=False).sizes == {
        "i": 3,
        "o": 4,
        "n": 2,
    }


def test_integer_variable():
    m = measure(
        lambda x, p: jnp.pad(x, (p, 0))[p:], lambda x, p: x, x="n", p=int, at={"n": 3, "p": 2}, verdict=NO_PROOF
    )
    assert (m.verdict, m.exact, m.sizes) == ("rounding", "equal", {"n": 3, "p": 2})


NO_PROOF: Verdict = Undecided(projection.signature.sizes, reason="not asked")


def test_own_inputs_give_the_sizes():
    rng = np.random.default_rng(0)
    arrays = {"X": rng.random((1, 4, 4, 2)), "W": rng.random((3, 3, 2, 3)), "Q": rng.random((3, 2))}
    m = measure(centring, inputs=arrays)
    assert m.sizes == {"n": 1, "h": 4, "w": 4, "c": 2, "kh": 3, "kw": 3, "f": 3, "k": 2}
    # All-positive filters have a large mean: by the closed form it is most of the result.
    assert (m.verdict, m.drift.relative > 0.9) == ("algebra", True)


def test_seed_decides_the_inputs():
    one, same, other = (measure(projection, seed=s, exact=False, bound=False, verdict=NO_PROOF) for s in (1, 1, 2))
    assert one.drift == same.drift != other.drift
    assert one.verdict == "not judged"
    assert one.bound is None
    assert "no bound was asked for" in one.sentence
    assert (
        "after the closed form's prediction" in measure(centring, exact=False, bound=False, verdict=proved()).sentence
    )


def test_precision_and_device_are_recorded():
    m = measure(projection, precision="HIGHEST", devices="cpu", exact=False, verdict=NO_PROOF)
    assert (m.precision, m.device) == ("highest", str(jax.devices("cpu")[0]))
    assert measure(projection, devices=[jax.devices("cpu")[0]], exact=False, verdict=NO_PROOF).verdict == "rounding"


def test_without_a_rounding_rule_it_can_still_be_measured():
    pair = (lambda x: lax.lgamma(x) * 2, lambda x: 2 * lax.lgamma(x))
    with pytest.raises(Unsupported, match=r"lgamma .*no rule"):
        measure(*pair, x="n", at={"n": 3}, verdict=NO_PROOF)
    m = measure(*pair, x="n", at={"n": 3}, verdict=NO_PROOF, bound=False)
    assert (m.verdict, m.exact) == ("not judged", "not applicable")
    assert "lgamma" in m.exact_check.reason


def test_what_the_prover_does_not_decide_can_still_be_measured():
    shapes, at = {"x": "n k"}, {"n": 3, "k": 5}
    softmax = lambda x: jnp.exp(x) / jnp.exp(x).sum(-1, keepdims=True)  # noqa: E731
    m = measure(jax.nn.softmax, softmax, shapes=shapes, at=at)
    assert (m.verdict, m.predicted) == ("rounding", None)
    assert any(note.startswith("no closed form: ") for note in m.notes)
    over_the_images = lambda x: jax.nn.softmax(x, 0)  # noqa: E731
    assert measure(over_the_images, softmax, shapes=shapes, at=at).verdict == "finding"


def test_figures_are_those_of_numpy():
    m = measure(centring, dtype="float64", exact=False, bound=False, verdict=proved())
    X, W, Q = random_inputs(centring.signature, AT, "float64", 0).values()
    with jax.enable_x64(True):
        lhs, rhs = (
            np.asarray(side(jnp.asarray(X), jnp.asarray(W), jnp.asarray(Q))) for side in (centring.lhs, centring.rhs)
        )
    drift = lhs - rhs
    assert m.drift.max == pytest.approx(np.abs(drift).max())
    assert m.drift.rms == pytest.approx(np.sqrt((drift**2).mean()))
    assert m.drift.relative == pytest.approx(np.linalg.norm(drift) / np.linalg.norm(rhs))
    assert m.entries == drift.size


def test_text_and_json():
    m = measure(centring, eager=True, verdict=proved())
    record = json.loads(json.dumps(m.to_json(), allow_nan=False))
    assert record["verdict"] == "algebra"
    assert record["sentence"] == m.sentence
    assert record["drift"] == m.drift.record()
    assert record["sizes"] == AT
    assert set(record["seconds"]) == {"lhs", "rhs", "drift", "bound", "exact"}
    assert record["worst"] == {"leaf": "", "index": list(m.worst[1] if m.worst else ())}
    text = str(m)
    for part in (
        m.sentence,
        "exact: different here",
        "drift: max",
        "bound: max",
        "op by op",
        "float32, precision default",
    ):
        assert part in text


def test_measure_is_the_public_name():
    assert jaxiom.measure is measure
    assert Measurement.__name__ == "Measurement"


def test_a_report_says_things_once() -> None:
    found = measure(lambda x: x + 1, lambda x: x, x="4", inputs={"x": jnp.arange(4.0)})
    assert found.sentence.endswith("accounts for it, exactly, and nothing is left: no rounding showed")
    unknown = measure(lambda x: jnp.exp(x + 1), lambda x: jnp.exp(x) * jnp.exp(1), x="64")
    assert "no closed form: " in unknown.sentence
    assert str(unknown).count("no closed form: ") == 1


@pytest.mark.parametrize(
    ("lhs", "sizes", "verdict"),
    [
        (lambda X: X if X.shape[0] == 1 else X * 2, {"n": 1, "k": 3}, "rounding"),
        (lambda X: X if X.shape[0] == 1 else X * 2, {"n": 2, "k": 3}, "algebra"),
        (lambda X: X * 3 if X.shape[0] == X.shape[1] else X * 2, {"n": 9, "k": 3}, "algebra"),
        (lambda X: X * 3 if X.shape[0] == X.shape[1] else X * 2, {"n": 3, "k": 3}, "algebra"),
        (lambda X: X * 2 if X.shape[0] == 1 else X, {"n": 9, "k": 3}, "rounding"),
        (lambda X: X * 2 if X.shape[0] == 1 else X, {"n": 1, "k": 3}, "algebra"),
    ],
)
def test_the_closed_form_is_that_of_the_case(lhs: Any, sizes: dict[str, int], verdict: str) -> None:
    m = measure(lhs, lambda X: X, X="n k", at=sizes)
    assert (m.verdict, m.exact, m.notes) == (verdict, "different" if verdict == "algebra" else "equal", ())


def test_a_closed_form_is_used_at_its_own_sizes() -> None:
    verdict = jaxiom.prove(lambda X: 2 * X, lambda X: X, X="n k", given="n >= 2")
    m = measure(lambda X: 2 * X, lambda X: X, X="n k", at={"n": 1, "k": 3}, verdict=verdict)
    assert m.verdict == "finding"
    assert m.notes[0] == "no closed form: it is that of other sizes than these"
