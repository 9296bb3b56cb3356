"""Claims as data (`tests/cases/`): their verdicts, each side against itself, and the expected answers themselves."""

import itertools
import random
from collections.abc import Iterator, Mapping
from importlib import import_module
from math import prod
from pkgutil import iter_modules

import numpy as np
import pytest

import cases
from cases.case import PROVED, REFUTED, Case
from jaxiom.decide import decide
from jaxiom.errors import NoValue
from jaxiom.exact import DRAWS, Draw, evaluate, random_inputs, widely
from jaxiom.signature import Signature, read_signature
from jaxiom.sizes import random_point
from jaxiom.verdict import Verdict

ELSEWHERE = ("case", "hypotheses")  # what holds of some inputs only is tested in test_hypotheses.py
CHAPTERS = [import_module(f"cases.{m.name}") for m in iter_modules(cases.__path__) if m.name not in ELSEWHERE]
ALL = [(module.__name__.split(".")[-1], case) for module in CHAPTERS for case in module.CASES]
TRIED = 8
"""How many sizes the expected answers are held against."""


def expecting(case: Case) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(strict=True, reason=case.bug)] if case.bug else []


verdicts = pytest.mark.parametrize(
    "case", [pytest.param(c, id=f"{chapter}: {c.name}", marks=expecting(c)) for chapter, c in ALL]
)


def answers(answer: str) -> pytest.MarkDecorator:
    chosen = [pytest.param(c, id=f"{chapter}: {c.name}") for chapter, c in ALL if c.answer == answer]
    return pytest.mark.parametrize("case", chosen)


def signature_of(case: Case) -> Signature:
    return read_signature([case.lhs, case.rhs], dict(case.shapes), case.given)


@verdicts
def test_verdict(case: Case) -> None:
    if not isinstance(case.answer, str):
        with pytest.raises(case.answer) as raised:
            decide(case.lhs, case.rhs, signature_of(case))
        assert case.says in str(raised.value)
        return
    verdict = decide(case.lhs, case.rhs, signature_of(case))
    assert verdict.status == case.answer, str(verdict)
    assert case.says in said(verdict)
    if verdict.witness is not None:
        assert verdict.sizes.contains(verdict.witness.sizes)


def said(verdict: Verdict) -> str:
    if verdict.status == PROVED:
        return "; ".join(verdict.sizes.narrowed)
    return verdict.reason or str(verdict.difference)


alone = pytest.mark.parametrize(
    ("case", "side"),
    [
        pytest.param(c, side, id=f"{chapter}: {c.name}: {side}")
        for chapter, c in ALL
        for side in ("lhs", "rhs")
        if isinstance(c.answer, str) and c.alone and not c.bug
    ],
)


@alone
def test_each_side_equals_itself(case: Case, side: str) -> None:
    function = getattr(case, side)
    verdict = decide(function, function, signature_of(case))
    assert verdict.status == PROVED, str(verdict)


def small_sizes(case: Case, signature: Signature) -> Iterator[Mapping[str, int]]:
    """Sizes at which the expected answer is looked at: `at`, then the smallest and random ones."""
    if case.at is not None:
        yield case.at
    rng, names = random.Random(0), signature.sizes.names
    for cap in itertools.islice(itertools.cycle((1, 2, 3, 4, 2, 3, 5)), TRIED if names else 1):
        sizes = random_point(signature.sizes.domain, names, rng, cap) if names else {}
        if sum(prod(s) for s in signature.shapes_at(sizes).values()) <= 500:
            yield sizes


def differ(case: Case, signature: Signature, sizes: Mapping[str, int]) -> bool:
    """Whether the two sides differ in exact arithmetic, on random inputs of one kind or another; not where they divide
    by 0 (the verdict leaves such sizes out), have no value, or hold more than memory does."""
    return any(differ_on(case, signature, sizes, draw) for draw in (widely, *DRAWS))


def differ_on(case: Case, signature: Signature, sizes: Mapping[str, int], draw: Draw) -> bool:
    arguments = signature.arguments(sizes, random_inputs(signature, sizes, random.Random(1), draw))
    try:
        pairs = zip(evaluate(case.lhs, arguments), evaluate(case.rhs, arguments), strict=True)
    except (ZeroDivisionError, NoValue, MemoryError):
        return False
    return any(a.shape != b.shape or not np.all(np.asarray(a == b, bool)) for a, b in pairs)


@answers(REFUTED)
def test_what_ought_to_be_refuted_is_false(case: Case) -> None:
    signature = signature_of(case)
    assert any(differ(case, signature, sizes) for sizes in small_sizes(case, signature))


@answers(PROVED)
def test_what_ought_to_be_proved_is_true(case: Case) -> None:
    signature = signature_of(case)
    wrong = [sizes for sizes in small_sizes(case, signature) if differ(case, signature, sizes)]
    assert not wrong


def test_a_third_is_false() -> None:
    false = [c for _, c in ALL if c.answer == REFUTED]
    assert len(ALL) >= 150
    assert 3 * len(false) >= len(ALL)


def test_names_are_told_apart() -> None:
    names = [f"{chapter}: {c.name}" for chapter, c in ALL]
    assert len(set(names)) == len(names)
