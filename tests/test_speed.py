"""`jaxiom bench`: what is timed is counted right, and the shell prints it."""

import json
from itertools import product

import numpy as np
import pytest

import jaxiom
from jaxiom import speed
from jaxiom.cli import main

TINY = {"n": 2, "h": 4, "w": 3, "c": 2, "kh": 3, "kw": 2, "f": 4, "k": 3}


def products_of_a_convolution(sizes: dict[str, int], filters: int, padding: str) -> int:
    """Counted one by one; with SAME, those with the padding too."""
    free = 0 if padding == "SAME" else 1
    rows, columns = sizes["h"] - free * (sizes["kh"] - 1), sizes["w"] - free * (sizes["kw"] - 1)
    axes = (sizes["n"], rows, columns, filters, sizes["kh"], sizes["kw"], sizes["c"])
    return sum(1 for _ in product(*map(range, axes)))


@pytest.mark.parametrize("padding", speed.PADDINGS)
def test_the_work_is_counted(padding: str) -> None:
    found = speed.run(TINY, padding=padding, rounds=1)
    taps = TINY["kh"] * TINY["kw"] * TINY["c"]
    outputs = products_of_a_convolution(TINY, 1, padding) // taps
    fastest = {side: found.seconds[speed.timed_as(side, form)] for side, form in found.forms.items()}
    assert all(
        fastest[side] == min(found.seconds[side], found.seconds[f"{side}, shifted products"]) for side in fastest
    )
    assert found.bare == sum(fastest.values())
    fastest |= {"product": found.seconds["product"], "both": found.bare}
    work = {name: found.gflops[name] * 1e9 * fastest[name] for name in found.gflops}
    expected = {
        "lhs": products_of_a_convolution(TINY, TINY["k"], padding) + taps * TINY["f"] * TINY["k"],
        "rhs": products_of_a_convolution(TINY, TINY["f"], padding) + outputs * TINY["f"] * TINY["k"],
        "product": products_of_a_convolution(TINY, TINY["f"], padding),
    }
    expected["both"] = expected["lhs"] + expected["rhs"]
    assert {name: round(value) for name, value in work.items()} == {name: 2 * n for name, n in expected.items()}


def test_what_is_timed_is_a_fitted_transform_of_the_filters_and_of_the_output() -> None:
    rng = np.random.default_rng(0)
    X, W, Q = (rng.standard_normal([TINY[a] for a in shape.split()]) for shape in speed.SHAPES.values())
    filters, output = (np.asarray(side(X, W, Q)) for side in speed.sides("SAME"))
    equal, alike = (np.asarray(side(X, W, Q)) for side in speed.equal_sides("SAME"))
    assert np.allclose(equal, alike, atol=1e-4)
    mean = W.mean((0, 1, 2)) @ Q
    assert np.allclose(output, alike - mean, atol=1e-4)
    assert not np.allclose(filters, output, atol=0.1)


@pytest.mark.parametrize("padding", speed.PADDINGS)
@pytest.mark.parametrize("window", [(3, 2), (1, 1), (2, 3)])
def test_shifted_products_are_the_convolution(padding: str, window: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    X, W, Q = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(*window, 3, 4)), rng.normal(size=(4, 2))
    shifted = speed.sides(padding, (speed.SHIFTED, speed.SHIFTED))
    for one, other in zip(speed.sides(padding), shifted, strict=True):
        assert np.allclose(np.asarray(one(X, W, Q)), np.asarray(other(X, W, Q)), atol=1e-4)


def test_a_claim_in_another_form_is_measured_beside_the_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    pick = iter([{"lhs": speed.SHIFTED, "rhs": speed.CONVOLUTION}, {"lhs": speed.SHIFTED, "rhs": speed.SHIFTED}])
    monkeypatch.setattr(speed, "faster", lambda *_: next(pick))
    found = speed.run(TINY, padding="VALID", rounds=1)
    assert found.measured == (speed.SHIFTED, speed.CONVOLUTION)
    s, lhs = found.seconds, speed.timed_as("lhs", speed.SHIFTED)
    assert found.bare == s[lhs] + s[speed.timed_as("rhs", speed.SHIFTED)]
    assert found.ratios[speed.SIDES] == (s[lhs] + s["rhs"] + s["drift"]) / found.bare
    again = (s["lhs"] + s["rhs"] + s["drift" + speed.WRITTEN_SO]) / found.bare
    assert found.ratios[speed.SIDES + speed.WRITTEN_SO] == again
    assert found.ratios[speed.EXACT + speed.WRITTEN_SO] == s["exact" + speed.WRITTEN_SO] / found.bare


def test_medians_are_of_interleaved_rounds() -> None:
    order: list[str] = []
    seen: list[tuple[str, int, int]] = []
    timed = {name: (lambda name=name: order.append(name)) for name in "ab"}
    found = speed.medians(timed, 3, lambda *state: seen.append(state))
    assert order == ["a", "b"] * 3
    assert set(found) == {"a", "b"}
    assert seen == [("timing", done, 3) for done in range(3)]


def test_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--small", "--images", "1", "--rounds", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sizes"] == speed.SMALL | {"n": 1}
    timed = {speed.SIDES, speed.BOUND, speed.EXACT}
    again = {name + speed.WRITTEN_SO for name in timed}
    assert set(record["ratios"]) == (timed if record["measured"] == list(speed.CONVOLUTIONS) else timed | again)
    assert main(["bench", "--small", "--images", "1", "--rounds", "1", "--padding", "VALID"]) == 0
    first, bare, *ratios = capsys.readouterr().out.splitlines()
    assert first.startswith("n=1, h=14, w=14, c=32, kh=3, kw=3, f=32, k=24; float32, VALID, ")
    assert "of a plain matrix product's" in bare
    assert len(ratios) in (3, 6)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--padding", "FULL"], "padding: expected SAME or VALID, got 'FULL'"),
        (["--dtype", "int8"], "dtype: expected one of "),
        (["--rounds", "0"], "Invalid value for '--rounds': "),
        (["nothing"], "No such command 'nothing'; see jaxiom --help"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], arguments: list[str], error: str) -> None:
    assert main(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jaxiom: {error}")


def test_sizes_that_the_layer_cannot_have() -> None:
    with pytest.raises(jaxiom.BadInput, match="outside what the claim is given"):
        speed.run(TINY | {"h": 2}, padding="VALID", rounds=1)
