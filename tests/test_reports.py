"""The report: what a stranger reads is well-formed, complete, safe, and says what the prover derived."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jax.numpy as jnp
import numpy as np
import pytest

from jaxiom import measuring
from jaxiom.claims import Claim, refutation, theorem
from jaxiom.discovery import discover
from jaxiom.layers import conv
from jaxiom.prediction import compile_expression
from jaxiom.reports import evidence, page, pictures, tables
from jaxiom.reports.derivation import Derivation, derive
from jaxiom.reports.mathml import formula, math
from jaxiom.reports.statement import read as read_statement
from jaxiom.verification import Run, Silence, prove_claim, prove_claims, run

PROOFS = Path(__file__).parents[1] / "proofs"
VOID = {"meta", "br", "img"}


def proof(name: str) -> Claim:
    """A claim of `proofs/`."""
    (found,) = [c for file in sorted(PROOFS.glob("*.py")) for c in discover([file]) if c.name == name]
    return found


@dataclass
class Reader(HTMLParser):
    """Checks that tags nest, and collects them."""

    open: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> where another is open, line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def parsed(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


def given(side: int = 8) -> evidence.RealInput:
    """A stand-in for a real input: an image in colour."""
    draw = np.random.default_rng(0)
    X = draw.random((1, side, side, 3), np.float32)
    return evidence.with_components("a picture", "made here", X, draw.random((3, 3, 3, 5), np.float32), 2)


NAMES = (
    "same_transformer_on_both_sides",
    "transpose_of_the_trial",
    "repaired_by_one_filter",
    "same_matrix_no_centring",
    "patches_in_the_other_order",
    "two_same_convolutions_are_not_one",
    "linear_with_any_padding",
)


@dataclass(frozen=True)
class Whole:
    """A run, what was gathered and derived, and the page."""

    run: Run
    evidence: evidence.Evidence
    derivations: list[list[Derivation]]
    text: str


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """On some of the proofs; left out are the training of a network and, but on the real input, the modular check."""
    paths = [f"{proof(name).file}::{name}" for name in NAMES]
    report = tmp_path_factory.mktemp("report") / "report.html"
    gathered: list[evidence.Evidence] = []
    derived: list[list[Derivation]] = []
    gather, deriving, measure = evidence.gather, page.derive, measuring.measure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "measure", lambda *a, **k: measure(*a, exact="inputs" in k, **k))
        patch.setattr(evidence, "real_inputs", lambda small: [given()])
        patch.setattr(evidence, "gather", lambda *a: gathered.append(gather(*a)) or gathered[0])
        patch.setattr(page, "derive", lambda claim: derived.append(deriving(claim)) or derived[-1])
        found = run(paths, report=report, small=True)
    return Whole(found, gathered[0], derived, report.read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_fetches_nothing(whole: Whole) -> None:
    reader = parsed(whole.text)
    assert whole.text.startswith("<!doctype html>")
    assert not reader.named("script")
    assert not reader.named("link")
    assert "http:" not in whole.text
    assert "https:" not in whole.text
    assert "@import" not in whole.text
    assert not re.search(r"url\(", whole.text)
    for _, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")


def test_every_link_leads_somewhere(whole: Whole) -> None:
    reader = parsed(whole.text)
    anchors = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    assert {str(a["href"]).removeprefix("#") for a in reader.named("a")} <= set(anchors)


def test_every_claim_is_there_with_its_mark(whole: Whole) -> None:
    text = " ".join("".join(parsed(whole.text).text).split())
    for outcome in whole.run.outcomes:
        assert text.count(outcome.claim.title) >= 2, outcome.claim.title
    assert text.count("✓ proved") == 2 * 3
    assert text.count("✗ refuted") == 2 * 4
    assert "every one as declared" in text
    assert "reduced sizes (--small)" in text
    assert "no GPU or TPU was seen" in text or "gpu" in text or "tpu" in text


def test_every_formula_is_well_formed_mathml(whole: Whole) -> None:
    formulas = re.findall(r"<math.*?</math>", whole.text, re.DOTALL)
    assert len(formulas) > 150
    for text in formulas:
        assert all(element.tag.startswith("m") for element in ElementTree.fromstring(text).iter())
    assert "<code>\\" not in whole.text


def test_a_line_for_each_equation(whole: Whole) -> None:
    entries = whole.text.split("<article ")[1:]
    for derivations, text in zip(whole.derivations, entries, strict=True):
        wanted = sum(len(side.lines) for d in derivations for side in (d.lhs, d.rhs))
        assert wanted > 0
        assert text.count("<li>") == wanted
        assert f"{wanted} equation" in text


def primitives(derivation: Derivation) -> list[list[str]]:
    return [[line.primitive for line in side.lines] for side in (derivation.lhs, derivation.rhs)]


def test_lines_are_the_jaxprs_equations_but_for_numbers_and_axes_of_size_1() -> None:
    (derivation,) = derive(proof("repaired_by_one_filter"))
    centred = ["reduce_sum", "div", "sub", "dot_general", "conv_general_dilated"]
    repaired = ["concatenate", "conv_general_dilated", "slice", "slice", "reduce_sum", "div", "mul", "sub"]
    assert primitives(derivation) == [centred, [*repaired, "dot_general"]]
    for side in (derivation.lhs, derivation.rhs):
        for name in set(primitives(derivation)[0]):
            assert side.jaxpr.count(f"= {name}") >= [line.primitive for line in side.lines].count(name)
    assert [line.source.partition(":")[0] for line in derivation.lhs.lines] == ["pca_centring.py"] * 5
    assert derivation.difference[0].pieces == ["0"]


def test_a_convolution_in_index_notation() -> None:
    (derivation,) = derive(proof("same_matrix_no_centring"))
    projected, convolved = derivation.lhs.lines
    assert projected.left == "A_{p, q, r, s}"
    assert projected.right == [r"\sum_{i < f} W_{p, q, r, i} \, Q_{i, s}"]
    assert projected.shape == r"k_{h} \times k_{w} \times c \times k"
    assert convolved.right == [r"\sum_{i < k_{h}, j < k_{w}, l < c} X_{p, q + i, r + j, l} \, A_{i, j, l, s}"]
    assert derivation.lhs.composed == derivation.rhs.composed


def test_floors_get_names_and_strides_show() -> None:
    (derivation,) = derive(proof("same_stride_2"))
    assert len(derivation.definitions) == 4
    assert derivation.definitions[0].startswith(r"g_{1} = \left\lfloor")
    (convolved,) = [line for line in derivation.lhs.lines if line.primitive == "conv_general_dilated"]
    assert "X_{p, 2 \\, q + i - g_{3}, 2 \\, r + j - g_{4}, l}" in convolved.right[0]


def test_cases_are_derived_apart() -> None:
    found = derive(proof("linear_with_any_padding"))
    assert [d.words for d in found] == ["p >= 1", "p = 0", "p <= -1"]
    assert all(d.difference[0].pieces == ["0"] for d in found)
    assert "[ p = 0" not in "".join(p for line in found[1].lhs.lines for p in line.right)


def test_where_the_rules_stop_the_derivation_says_why() -> None:
    (derivation,) = derive(proof("patches_in_the_other_order"))
    assert "the positions are not affine" in derivation.lhs.stopped
    assert [line.primitive for line in derivation.lhs.lines] == ["transpose", "dot_general"]
    assert derivation.rhs.composed
    assert not derivation.difference


def drift(claim: Claim, sizes: dict[str, int]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """lhs - rhs on random inputs, and these."""
    draw = np.random.default_rng(1)
    arrays = {n: draw.standard_normal(s, np.float32) for n, s in claim.signature.shapes_at(sizes).items()}
    arguments = claim.signature.arguments(sizes, arrays)
    return np.asarray(claim.lhs(*arguments)) - np.asarray(claim.rhs(*arguments)), arrays


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("same_transformer_on_both_sides", {"n": 2, "h": 5, "w": 4, "c": 2, "kh": 3, "kw": 2, "f": 3, "k": 2}),
        ("same_transformer_on_both_sides", {"n": 1, "h": 2, "w": 3, "c": 1, "kh": 5, "kw": 4, "f": 2, "k": 1}),
        ("any_fitted_mean", {"n": 2, "h": 5, "w": 4, "c": 2, "kh": 3, "kw": 2, "f": 3, "k": 2}),
        ("two_same_convolutions_are_not_one", {"n": 2, "h": 4, "c": 2, "d": 3, "e": 2}),
        ("transform_then_inverse_is_not_the_identity", {"m": 4, "f": 3, "k": 2}),
    ],
)
def test_the_difference_that_is_shown_is_the_difference(name: str, sizes: dict[str, int]) -> None:
    claim = proof(name)
    (derivation,) = derive(claim)
    known = {**sizes, **{n: int(size.evaluate(sizes)) for n, size in derivation.named.items()}}
    difference, arrays = drift(claim, sizes)
    named = {key: jnp.asarray(arrays[key.partition("|")[2]]) for key in derivation.expressions[0].tensors}
    shown = np.asarray(compile_expression(derivation.expressions[0], known)(named))
    assert np.abs(difference).max() > 0.1
    np.testing.assert_allclose(shown, difference, rtol=0, atol=1e-5 * np.abs(difference).max() + 1e-5)


def test_common_factors_are_ways_to_vanish() -> None:
    (derivation,) = derive(proof("any_fitted_mean"))
    (factored,) = derivation.difference
    patch = r"\sum_{i < k_{h}, j < k_{w}, l < c} X_{p, q + i, r + j, l}"
    assert factored.pieces == [rf"\left( 1 - {patch} \right)", r"\left( \sum_{i < f} Q_{i, s} \, \mu_{i} \right)"]
    assert factored.vanishing == [f"{patch} = 1", r"\sum_{i < f} Q_{i, s} \, \mu_{i} = 0"]


def test_a_common_factor_that_vanishes_makes_the_sides_equal() -> None:
    claim = proof("any_fitted_mean")
    sizes = {"n": 2, "h": 5, "w": 4, "c": 2, "kh": 3, "kw": 2, "f": 3, "k": 2}
    _, arrays = drift(claim, sizes)
    arrays["mu"] = np.linalg.svd(arrays["Q"].T)[2][-1].astype(np.float32)  # mu Q = 0
    left, right = claim(*arrays.values())
    np.testing.assert_allclose(left, right, atol=1e-4)


def test_the_trials_numbers_agree(whole: Whole) -> None:
    trials = whole.evidence.trials
    assert trials is not None
    assert trials.seeds == 10
    assert trials.gap <= 1e-12
    assert trials.size > 0.1
    for value in itertools.chain(trials.shown.lhs.flat, trials.shown.rhs.flat, trials.shown.formula.flat):
        assert f"{value:.12f}".replace("-", "−") in whole.text


def test_the_trial_uses_the_provers_formula() -> None:
    trial = prove_claim(proof("transpose_of_the_trial"))
    assert trial.verdict is not None
    assert trial.verdict.difference is not None
    wrong = type(trial.verdict)(trial.verdict.sizes, difference=doubled(trial.verdict.difference))
    found = evidence.run_trials(trial.claim, wrong)
    assert found is not None
    assert found.gap > 0.1


def doubled(difference: Any) -> Any:
    """Twice a closed form."""

    def twice(expression: Any) -> Any:
        return replace(
            expression, summands=tuple(replace(s, coefficient=s.coefficient * 2) for s in expression.summands)
        )

    return replace(difference, leaves={name: twice(e) for name, e in difference.leaves.items()})


def test_the_matrix_is_confirmed_and_coloured(whole: Whole) -> None:
    assert whole.evidence.identity is not None
    assert whole.evidence.identity.equal
    assert "SymPy confirms it" in whole.text
    assert whole.text.count('class="tap') > 18 * 50 * 9 // 25 // 2
    made = page.read_toeplitz(whole.evidence)
    assert made is not None
    rows = made.tables["T_W"]
    assert [len(rows), len(rows[0])] == [8, 9]
    assert [cell.tap for cell in rows[0]] == [1, 2, 0, 4, 5, 0, 0, 0, 0]
    assert [cell.above for cell in rows[4]] == [True] * 9
    assert [at for at, cell in enumerate(rows[0]) if cell.before] == [3, 6]


def test_measurements_and_the_real_input_are_shown(whole: Whole) -> None:
    found = whole.run
    assert [r.given.title for r in found.real] == ["a picture"]
    (real,) = found.real
    assert getattr(real.measured, "verdict", "") == "algebra"
    assert whole.text.count('src="data:image/png;base64,') == 3
    assert 0 < real.refit.projector <= 1 + 1e-9
    assert real.refit.kept_by_output >= real.refit.kept_by_filters
    assert whole.text.count('<svg class="scale" role') == len(found.told)


def test_refitting_the_same_samples_changes_nothing() -> None:
    """Where the output is the filters themselves (an image of the window's ones), PCA fitted to it is the same."""
    W = np.random.default_rng(0).standard_normal((1, 1, 40, 4)).astype(np.float32)
    X = np.eye(40, dtype=np.float32)[:, None, None]
    fitted = evidence.refit(evidence.with_components("", "", X, W, 2))
    assert fitted.projector < 1e-5
    assert fitted.overlap == pytest.approx(1)


def report_of(claims: Sequence[Claim]) -> str:
    outcomes = prove_claims(claims)
    return page.write(Run(outcomes), evidence.gather(outcomes, True, Silence()), Silence())


def test_what_the_user_wrote_is_escaped() -> None:
    @theorem(title="<script>alert(1)</script> & <b>", shapes={"x": {"<i>&\\frac{": "n"}})
    def hostile(x: Any) -> Any:
        ((_, value),) = x.items()  # <script>
        return value + 0 * value, value

    text = report_of([hostile])
    reader = parsed(text)
    assert not reader.named("script")
    assert "<i>&" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;" in text
    assert "# &lt;script&gt;" in text


def test_what_did_not_come_out_as_declared_is_told() -> None:
    @theorem(title="Matrices commute", A="n n", B="n n")
    def commutes(A: Any, B: Any) -> Any:
        return A @ B, B @ A

    @refutation(title="Sine is not sine", x="n")
    def unsupported(x: Any) -> Any:
        import jax.numpy as jnp

        return jnp.linalg.norm(jnp.outer(x, x), ord=2)[None], x

    text = report_of([commutes, unsupported])
    assert text.count("not as declared") >= 5
    assert "Declared equal." in text
    assert "No verdict: " in text
    assert "No derivation: " in text or "Stopped here: " in text
    assert '<section id="answer">' not in text
    assert '<section id="matrix">' not in text


def test_claims_of_one_name_in_two_files_have_places_of_their_own(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(
            f'import jaxiom\n\n@jaxiom.theorem(x="n")\ndef twice(x):\n    """In {folder}"""\n    return x + x, 2 * x\n'
        )
    text = report_of(discover([tmp_path]))
    assert '<article id="same-twice">' in text
    assert '<article id="same-twice-2">' in text


def test_several_outputs_and_no_sizes() -> None:
    @refutation(title="A pair", x="2", y="")
    def pair(x: Any, y: Any) -> Any:
        return {"a": x + y, "b": y[None]}, {"a": x, "b": y[None]}

    text = report_of([pair])
    parsed(text)
    assert "[&#39;a&#39;]" in text
    assert "\\mathbb" not in text


def test_statements() -> None:
    statement = read_statement(proof("linear_with_any_padding"))
    assert statement.inputs[0] == r"X \in \mathbb{R}^{n \times h \times w \times c}"
    assert statement.inputs[-1] == r"p \in \mathbb{Z}"
    assert statement.sizes == (
        r"n, h, w, c, k_{h}, k_{w}, f \geq 1",
        r"h + 2 \, p \geq k_{h}",
        r"2 \, p + w \geq k_{w}",
    )
    assert statement.code == "return conv(X + Y, W, padding=p), conv(X, W, padding=p) + conv(Y, W, padding=p)"
    assert read_statement(proof("as_im2col")).inputs[0] == r"P \in \mathbb{R}^{m \times k_{h} \cdot k_{w} \cdot c}"


def test_statement_without_source() -> None:
    made: dict[str, Any] = {}
    exec(compile("def f(x): return x, x", "<made>", "exec"), made)  # noqa: S102
    assert read_statement(theorem(title="t", x="n")(made["f"])).code == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0143, "1.4&#8239;×&#8239;10<sup>−2</sup>"),
        (4.4e-16, "4.4&#8239;×&#8239;10<sup>−16</sup>"),
        (-0.001, "−1.0&#8239;×&#8239;10<sup>−3</sup>"),
        (12345.0, "1.2&#8239;×&#8239;10<sup>4</sup>"),
        (0.57, "0.57"),
        (31.0, "31"),
        (0.0, "0"),
        (float("inf"), "∞"),
    ],
)
def test_numbers(value: float, shown: str) -> None:
    assert str(page.scientific(value)) == shown


def test_prose_keeps_text_and_lifts_powers() -> None:
    assert str(page.prose("by 1.4e-02 <of> 2^-61")) == (
        "by 1.4&#8239;×&#8239;10<sup>−2</sup> &lt;of&gt; 2<sup>−61</sup>"
    )


def test_mathml() -> None:
    assert "munder" in math(r"\left( \sum_{i < n} x_{i} \right)")
    assert str(math(r"\frac{")) == r"<code>\frac{</code>"
    assert str(math(r"\text{<script>a</script>}")).startswith("<code>")
    assert formula(["x", "- y"], "z").count("<span>") == 3
    assert '<mo form="infix">' in formula(["x", "- y"])


def test_the_scale_leaves_out_what_it_cannot_show() -> None:
    assert pictures.along(1.0) == pytest.approx(75)
    assert pictures.along(1e-30) == 0
    assert pictures.along(1e30) == 100


def test_the_shells_table_is_plain_where_piped(whole: Whole, capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(whole.run)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["measured,", "relative", "to"]
    assert len(rows) == len(whole.run.told)
    assert "\x1b" not in header
    assert rows[-1].split()[-2:] == ["different", "algebra"]
    tables.show(Run([]))
    assert capsys.readouterr().out == ""


def test_convolutions_of_any_rank_are_readable() -> None:
    claim = theorem(title="t", X="n h c", W="3 c f")(
        lambda X, W: (conv(X, W, padding="SAME"), conv(X, W, padding="SAME"))
    )
    (derivation,) = derive(claim)
    assert derivation.lhs.lines[0].right == [r"\sum_{i < 3, j < c} X_{p, q + i - 1, j} \, W_{i, j, r}"]
