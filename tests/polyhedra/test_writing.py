"""The text of a closed form: written down from the mathematics, and read back with ordinary precedence."""

import itertools
import operator
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import islpy as isl
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from oracle import DIFFERENCES, FAR, Different

from jaxiom import prove
from jaxiom.layers import conv
from jaxiom.polyhedra.polynomial import Atom, Polynomial, lift
from jaxiom.polyhedra.reading import Access, Condition, Expression, Summand, Summation
from jaxiom.polyhedra.writing import index_names, letters, vanishing, write_latex, write_text

TOKEN = re.compile(r"\s*(\d+|[A-Za-z]\w*|Σ_\{|.)")


RELATIONS = {"=": operator.eq, "≤": operator.le, "≥": operator.ge, "<": operator.lt, ">": operator.gt}


class Reader:
    """Reads the text of a closed form with the precedence of mathematics: a sum extends over the product after it."""

    def __init__(self, text: str, env: Mapping[str, int], inputs: Mapping[str, np.ndarray]):
        self.tokens = [t for t in TOKEN.findall(text) if t.strip()]
        self.at, self.env, self.inputs = 0, dict(env), inputs

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        assert not expected or token == expected, (expected, self.tokens[self.at :])
        self.at += 1
        return token

    def whole(self) -> Fraction:
        total = self.sum()
        assert not self.peek(), self.tokens[self.at :]
        return total

    def sum(self) -> Fraction:
        negative = self.peek() == "-" and self.take() == "-"
        total = -self.product() if negative else self.product()
        while self.peek() in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self) -> Fraction:
        """A bracket that is 0 makes the product 0, whatever else stands in it (even 1/0)."""
        total, brackets, divided = Fraction(1), Fraction(1), False
        operator = "·"
        while operator:
            bracket = self.peek() == "["
            value = self.power()
            if bracket:
                brackets *= value
            elif operator == "·":
                total *= value
            elif value:
                total /= value
            else:
                divided = True
            operator = self.take() if self.peek() in ("·", "/") else ""
        assert brackets == 0 or not divided, "division by zero"
        return brackets * total

    def power(self) -> Fraction:
        base = self.unit()
        if self.peek() != "^":
            return base
        self.take()
        return base ** int(self.take())

    def unit(self) -> Fraction:
        token = self.take()
        if token.isdigit():
            return Fraction(int(token))
        if token == "(":
            return self.closed(")")
        if token == "[":
            value, true = self.sum(), True
            while self.peek() != "]":  # a chain: 1 ≤ q + i ≤ h
                sign, before, value = self.take(), value, self.sum()
                true = true and RELATIONS[sign](before, value)
            self.take("]")
            return Fraction(int(true))
        if token == "⌊":
            value = self.closed("⌋")
            return Fraction(value.numerator // value.denominator)
        if token == "Σ_{":
            return self.summation()
        if token in ("max", "min", "mod"):
            self.take("(")
            left = self.sum()
            self.take(",")
            return {"max": max, "min": min, "mod": Fraction.__mod__}[token](left, self.closed(")"))
        if token in self.inputs:
            return self.access(token)
        return Fraction(self.env[token])  # a KeyError: a letter that nothing binds

    def comma(self) -> None:
        if self.peek() == ",":
            self.take()

    def closed(self, end: str) -> Fraction:
        value = self.sum()
        self.take(end)
        return value

    def access(self, name: str) -> Fraction:
        index: list[Fraction] = []
        if self.peek() == "[":
            self.take()
            while self.peek() != "]":
                if self.peek() == "(":  # a merged axis: (i, j)
                    self.take()
                    while self.peek() != ")":
                        index.append(self.sum())
                        self.comma()
                    self.take()
                else:
                    index.append(self.sum())
                self.comma()
            self.take("]")
        array = self.inputs[name]
        inside = all(i.denominator == 1 and 0 <= i < d for i, d in zip(index, array.shape, strict=True))
        return array[tuple(int(i) for i in index)] if inside else Fraction(0)

    def summation(self) -> Fraction:
        """The indices range over the integers where no size bounds them: the conditions do."""
        ranges: dict[str, range] = {}
        while self.peek() != "}":
            name = self.take()
            assert name not in self.env, f"{name} is a name twice"
            ranges[name] = range(-FAR, FAR)
            if self.peek() == "<":
                self.take()
                ranges[name] = range(int(self.sum()))
            self.comma()
        self.take("}")
        total, start = Fraction(0), self.at
        if not all(ranges.values()):
            self.env |= dict.fromkeys(ranges, 0)
            self.product()  # to find where it ends
        for values in itertools.product(*ranges.values()):
            self.at = start
            self.env |= dict(zip(ranges, values, strict=True))
            total += self.product()
        for name in ranges:
            del self.env[name]
        return total


def written_out(axes: Any, sizes: Mapping[str, int], array: np.ndarray) -> np.ndarray:
    """An array with an axis for each index that is written: an axis of size 1 is written 0."""
    return array.reshape([int(s.evaluate(sizes)) for axis in axes for s in axis or [lift(1)]])


def difference(of: Different) -> Any:
    found = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given).difference
    assert found is not None
    return found


@pytest.mark.parametrize(
    "of",
    [pytest.param(d, id=d.name) for d in DIFFERENCES],
)
def test_the_text_read_as_mathematics_is_the_difference(of: Different) -> None:
    found = difference(of)
    (expression,) = found.leaves.values()
    outputs = index_names(expression)
    for sizes in of.sizes[:2]:
        inputs = of.inputs(sizes)
        shaped = {name: written_out(expression.tensors[name], sizes, a) for name, a in inputs.items()}
        atoms = [int(s.evaluate(sizes)) for axis in expression.axes for s in axis]
        for index, value in zip(np.ndindex(*atoms), of.exactly(sizes, inputs).reshape(-1), strict=True):
            here = {outputs[i]: v for i, v in enumerate(index)}
            assert Reader(str(found), {**sizes, **here}, shaped).whole() == value, (str(found), sizes, index)


def text(lhs: Any, rhs: Any, given: str = "", **shapes: Any) -> str:
    return str(prove(lhs, rhs, given=given, **shapes).difference)


def test_texts_written_down_from_the_mathematics() -> None:
    # the output's indices are p, q, r, s; summed ones i, j, l, m
    assert text(lambda x: x, lambda x: x, x="n") == "0"
    assert text(lambda x: 2 * x, lambda x: x, x="n") == "x[p]"
    assert text(lambda x: x, lambda x: 3 * x, x="n") == "-2·x[p]"
    assert text(lambda x: x / 2, lambda x: x, x="") == "-1/2·x"
    assert text(lambda x: x.T, lambda x: x, x="n n") == "x[q, p] - x[p, q]"
    assert text(lambda x: jnp.flip(x), lambda x: 0 * x, x="n") == "x[n-p-1]"
    assert text(lambda x: x - x.mean(), lambda x: x, x="n") == "-1/(n)·(Σ_{i<n} x[i])"
    assert text(lambda x: x * x.shape[0] ** 2, lambda x: x * x.shape[1], x="n m") == "(n^2 - m)·x[p, q]"
    assert text(lambda A, B: A @ B, lambda A, B: 0 * (A @ B), A="n m", B="m k") == "Σ_{i<m} A[p, i]·B[i, q]"
    assert text(lambda X, b: X + b, lambda X, b: X, X="n f", b="f") == "b[q]"
    # a bias counted twice
    bias = "-b[s]"
    assert (
        text(
            lambda X, Y, W, b: conv(X + Y, W) + b,
            lambda X, Y, W, b: (conv(X, W) + b) + (conv(Y, W) + b),
            X="n h w c",
            Y="n h w c",
            W="kh kw c f",
            b="f",
            given="h >= kh, w >= kw",
        )
        == bias
    )
    # centred filters: -(1 / (c kh kw)) · (patch sum of X) · Σ_f (Σ of filter f) Q[f, k]
    assert text(
        lambda X, W, Q: conv(X, (W - W.mean((0, 1, 2))) @ Q),
        lambda X, W, Q: conv(X, W) @ Q,
        X="n h w c",
        W="kh kw c f",
        Q="f k",
        given="h >= kh, w >= kw",
    ) == ("-1/(c·kh·kw)·(Σ_{i<kh, j<kw, l<c} X[p, q+i, r+j, l])·(Σ_{m<f} (Σ_{a<kh, b<kw, d<c} W[a, b, d, m])·Q[m, s])")


def test_conditions_of_a_border() -> None:
    # dropping the last entry: differs there only
    cut = text(lambda x: x, lambda x: lax.pad(x, 0.0, [(0, -1, 0)]).sum() + 0 * x, x="n")
    assert cut.startswith("x[p] - ")
    last = text(lambda x: lax.pad(lax.pad(x, 0.0, [(0, -1, 0)]), 0.0, [(0, 1, 0)]), lambda x: x, x="n")
    assert last == "-[p = n - 1]·x[n-1]"


@pytest.mark.parametrize(
    ("lhs", "shapes", "expected"),
    [
        (lambda x: x.T, {"x": "p p"}, "x[r, q] - x[q, r]"),
        (lambda p: p.T, {"p": "q q"}, "p[s, r] - p[r, s]"),
        (lambda i: i + i.sum(0), {"i": "j p"}, "Σ_{l<j} i[l, r]"),
    ],
)
def test_letters_of_sizes_and_inputs_are_not_used_for_indices(lhs: Any, shapes: Any, expected: str) -> None:
    assert str(prove(lhs, lambda x: x, shapes=shapes).difference) == expected


def test_letters_never_end() -> None:
    pool = letters("ab", {"a", "b1"})
    assert [next(pool) for _ in range(4)] == ["b", "a1", "a2", "b2"]


def test_latex_written_down_from_the_mathematics() -> None:
    def latex(lhs: Any, rhs: Any, **shapes: Any) -> str:
        found = prove(lhs, rhs, **shapes).difference
        assert found is not None
        return found.latex()

    assert latex(lambda x: 2 * x, lambda x: x, x="n") == "x_{p}"
    assert latex(lambda x: x, lambda x: x, x="n") == "0"
    assert latex(lambda x: x - x.mean(), lambda x: x, x="n") == (r"-\frac{1}{n} \, \left( \sum_{i < n} x_{i} \right)")
    assert latex(lambda A, B: A @ B, lambda A, B: 0 * (A @ B), A="n kh", B="kh m") == (
        r"\sum_{i < k_{h}} A_{p, i} \, B_{i, q}"
    )
    assert latex(lambda x: x / 2, lambda x: 0 * x, x="n") == r"\frac{1}{2} \, x_{p}"
    assert latex(lambda mu: 2 * mu, lambda mu: mu, mu="n") == r"\mu_{p}"
    assert latex(lambda bias: 2 * bias, lambda bias: bias, bias="n") == r"\text{bias}_{p}"


n = Polynomial.variable("n")
q, i, j = (Polynomial.variable(at) for at in range(3))


def expression(*summands: Summand) -> Expression:
    return Expression(((n,),), summands, {"x": ((n,),)})


def summand(coefficient: Any, *factors: Summation, divisors: Any = (), conditions: Any = ()) -> Summand:
    return Summand(lift(coefficient), divisors, conditions, factors, {1: n, 2: None}, isl.Set("[n] -> { [_0] }"))


def one(index: Polynomial) -> Access:
    return Access("x", ((index,),))


SUM = Summation((1,), lift(1), (), (one(i),))


@pytest.mark.parametrize(
    ("of", "written", "latex"),
    [
        ([], "0", "0"),
        ([summand(1, SUM)], "Σ_{i<n} x[i]", r"\sum_{i < n} x_{i}"),
        ([summand(-1, SUM)], "-Σ_{i<n} x[i]", None),
        ([summand(2, SUM)], "2·(Σ_{i<n} x[i])", r"2 \, \left( \sum_{i < n} x_{i} \right)"),
        ([summand(1, SUM), summand(-2)], "Σ_{i<n} x[i] - 2", None),
        pytest.param(
            [summand(n - 1, SUM, divisors=(n,))],
            "(n - 1)/(n)·(Σ_{i<n} x[i])",
            r"\frac{n - 1}{n} \, \left( \sum_{i < n} x_{i} \right)",
        ),
        ([summand(1 - n, SUM)], "(1 - n)·(Σ_{i<n} x[i])", None),
        ([summand(-n - 1, SUM)], "-(n + 1)·(Σ_{i<n} x[i])", None),
        ([summand(1, divisors=(n, n + 1))], "1/(n·(n + 1))", r"\frac{1}{n \, \left( n + 1 \right)}"),
        (
            [summand(1, Summation((), lift(1), (), (one(q + 1),)), conditions=(Condition(q - n, True),))],
            "[p = n]·x[p+1]",
            r"\left[ p = n \right] \, x_{p + 1}",
        ),
        (
            [summand(1, Summation((2,), j + 1, (Condition(j - 1, False),), (one(j),)))],
            "Σ_{i} (i + 1)·[i ≥ 1]·x[i]",
            r"\sum_{i} \left( i + 1 \right) \, \left[ i \geq 1 \right] \, x_{i}",
        ),
        (
            [summand(Polynomial.variable(Atom("floordiv", n + 1, lift(2))))],
            "⌊(n + 1)/2⌋",
            r"\left\lfloor \frac{n + 1}{2} \right\rfloor",
        ),
        ([summand(Polynomial.variable(Atom("max", n - 1, lift(0))))], "max(n - 1, 0)", r"\max(n - 1, 0)"),
        ([summand(Polynomial.variable(Atom("mod", n, lift(2))))], "mod(n, 2)", r"\left( n \bmod 2 \right)"),
    ],
)
def test_single_constructions(of: list[Summand], written: str, latex: str | None) -> None:
    assert write_text(expression(*of)) == written
    assert latex is None or write_latex(expression(*of)) == latex


def test_each_sum_of_a_product_is_a_way_to_vanish() -> None:
    of = next(d for d in DIFFERENCES if d.name == "variance")
    assert difference(of).vanishing() == ["Σ_{i<n} x[i]", "Σ_{j<n} x[j]"]
    assert vanishing(expression(summand(2, SUM, Summation((), lift(1), (), (one(q),))))) == ["Σ_{i<n} x[i]"]
    assert vanishing(expression(summand(1, SUM), summand(2, SUM))) == []
