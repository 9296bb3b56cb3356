"""Real numbers that are not rational, as rigorous intervals: Arb's balls, by python-flint.

`value(name, x)` is a function at an exact number: exactly where its value is a known rational (exp 0, sqrt 4), else in
a ball that contains it. Two balls that are apart are different numbers; nothing else is ever concluded from them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from jaxiom.errors import NeedsIntervals, NoValue

PRECISION = 256
"""Bits of a ball's midpoint."""

Exact = int | Fraction


def flint() -> Any:
    """The library, or an error that says how to get it."""
    try:
        import flint as library
    except ImportError as error:
        raise NeedsIntervals(
            "exp, sqrt and the like are evaluated in rigorous intervals, by python-flint, which is not installed: "
            "pip install 'jaxiom[flint]'"
        ) from error
    return library


@contextmanager
def precision() -> Iterator[None]:
    """Compute balls to `PRECISION` bits; without the library nothing will ask for one."""
    try:
        context = flint().ctx
    except NeedsIntervals:
        yield
        return
    with context.workprec(PRECISION):
        yield


class Ball:
    """A real number that lies in an interval.

    `a != b` says that the two are certainly different, `a == b` that nothing tells them apart; `<` and `>` are true or
    false for every number inside, or raise `NoValue`.

    >>> with precision():
    ...     root = value("sqrt", 2)
    >>> root != Fraction(3, 2), root * root != 2, root > 1
    (True, False, True)
    """

    __slots__ = ("arb",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]  # equality is no equivalence
    __array_ufunc__ = None

    def __init__(self, arb: Any):
        self.arb = arb

    def __add__(self, other: Any) -> "Ball":
        return Ball(self.arb + arb(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Ball":
        return Ball(self.arb - arb(other))

    def __rsub__(self, other: Any) -> "Ball":
        return Ball(arb(other) - self.arb)

    def __mul__(self, other: Any) -> "Ball | int":
        # an exact zero stays one, also beside what is known badly
        return 0 if isinstance(other, int | Fraction) and not other else Ball(self.arb * arb(other))

    __rmul__ = __mul__

    def __neg__(self) -> "Ball":
        return Ball(-self.arb)

    def __pos__(self) -> "Ball":
        return self

    def __abs__(self) -> "Ball":
        return Ball(abs(self.arb))

    def __pow__(self, exponent: int) -> "Ball":
        result = self.arb  # the library's own power of an interval about 0 is no number
        for bit in bin(exponent)[3:]:
            result = result * result * (self.arb if bit == "1" else 1)
        return Ball(result)

    def __ne__(self, other: object) -> bool:
        return not self.arb.overlaps(arb(other))

    def __eq__(self, other: object) -> bool:
        return not self != other

    def __gt__(self, other: Any) -> bool:
        return self.compare(self.arb - arb(other))

    def __lt__(self, other: Any) -> bool:
        return self.compare(arb(other) - self.arb)

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __le__(self, other: Any) -> bool:
        return not self > other

    @staticmethod
    def compare(difference: Any) -> bool:
        if difference > 0 or difference < 0:
            return bool(difference > 0)
        raise NoValue("which of two numbers is larger cannot be told: their intervals overlap")

    def __bool__(self) -> bool:
        """False of an exact zero alone: what sums of products leave out."""
        return not self.arb.is_zero()

    def __float__(self) -> float:
        return float(self.arb.mid())

    def __str__(self) -> str:
        return f"{self.arb.str(15, radius=False)}..."

    __repr__ = __str__


def arb(number: Any) -> Any:
    """A number as one of the library's own."""
    if isinstance(number, Ball):
        return number.arb
    if not isinstance(number, int | Fraction):
        raise NoValue(f"{number} is no number, and meets one that is known only as an interval")
    return flint().arb(flint().fmpq(number.numerator, number.denominator))


def ball(of: Any, name: str, *arguments: Any) -> Ball:
    """What the library gives, unless it is infinite or no number."""
    if not of.is_finite():
        raise NoValue(f"{name} has no value at {', '.join(map(str, arguments))}")
    return Ball(of)


def divide(left: Any, right: Any) -> Any:
    """left / right, exactly where both are exact."""
    if isinstance(right, int | Fraction):
        return left * (Fraction(1) / right)
    if right.arb.contains(0):
        raise NoValue(f"a divisor may be zero: all that is known of it is {right}")
    return Ball(arb(left) / right.arb)


def same(a: Any, b: Any) -> bool:
    """Whether two numbers are equal, where that can be told."""
    if a != b:
        return False
    if isinstance(a, Ball) or isinstance(b, Ball):
        raise NoValue("whether two numbers are equal cannot be told: their intervals overlap")
    return True


def sign(x: Any) -> int:
    return int(x > 0) - int(x < 0)


def larger(a: Any, b: Any) -> Any:
    return Ball(arb(a).max(arb(b))) if isinstance(a, Ball) or isinstance(b, Ball) else max(a, b)


def smaller(a: Any, b: Any) -> Any:
    return Ball(arb(a).min(arb(b))) if isinstance(a, Ball) or isinstance(b, Ball) else min(a, b)


def rational_root(x: Exact, degree: int) -> Fraction | None:
    """The root of x >= 0, where it is rational."""
    above, below = (whole_root(part, degree) for part in Fraction(x).as_integer_ratio())
    root = Fraction(above, below)
    return root if root**degree == x else None


def whole_root(x: int, degree: int) -> int:
    """The largest whole number whose power is at most x >= 0."""
    low, high = 0, 1 << (x.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= x else (low, middle - 1)
    return low


def sqrt(x: Any) -> Any:
    if isinstance(x, Ball) or x < 0:
        return ball(arb(x).sqrt(), "sqrt", x)
    root = rational_root(x, 2)
    return ball(arb(x).sqrt(), "sqrt", x) if root is None else root


def cbrt(x: Any) -> Any:
    if x < 0:
        return -cbrt(-x)
    root = None if isinstance(x, Ball) else rational_root(x, 3)
    return ball(arb(x).root(3), "cbrt", x) if root is None else root


def lgamma(x: Any) -> Any:
    if not x > 0:  # the logarithm of |gamma|, which the library has for positive numbers only
        raise NoValue(f"lgamma is evaluated at positive numbers only, not at {x}")
    return ball(arb(x).lgamma(), "lgamma", x)


def power(base: Any, exponent: Any) -> Any:
    """base ** exponent: a whole exponent takes any base but 0 ** negative, another one a base >= 0."""
    if not isinstance(exponent, Ball) and exponent == int(exponent):
        return whole_power(base, int(exponent))
    if not isinstance(base, Ball) and base == 0 and exponent > 0:
        return 0
    if not isinstance(exponent, Ball) and exponent.denominator == 2 and not isinstance(base, Ball) and base > 0:
        return whole_power(sqrt(base), exponent.numerator)
    if not base > 0:
        raise NoValue(f"pow has no value at the base {base} and the exponent {exponent}")
    return ball(arb(base) ** arb(exponent), "pow", base, exponent)


def whole_power(base: Any, exponent: int) -> Any:
    """base ** exponent, 0 ** 0 being 1 as for JAX."""
    if exponent == 0:
        return 1
    return base**exponent if exponent > 0 else divide(1, base**-exponent)


def atan2(y: Any, x: Any) -> Any:
    if not isinstance(y, Ball) and y == 0 and x > 0:
        return 0
    return ball(flint().arb.atan2(arb(y), arb(x)), "atan2", y, x)


KNOWN: dict[str, tuple[Exact, Exact]] = {
    "exp": (0, 1),
    "exp2": (0, 1),
    "log": (1, 0),
    "cos": (0, 1),
    "cosh": (0, 1),
    "acos": (1, 0),
    "acosh": (1, 0),
    "logistic": (0, Fraction(1, 2)),
    "erfc": (0, 1),
}
"""One argument at which a function's value is rational, and the value. Those that vanish at 0 are in `VANISHING`."""
VANISHING = frozenset(
    ["log1p", "expm1", "tanh", "sin", "tan", "sinh", "asin", "atan", "asinh", "atanh", "erf", "erf_inv"]
)

OTHERS: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: flint().arb(2) ** x,
    "logistic": lambda x: 1 / (1 + (-x).exp()),
    "erf_inv": lambda x: x.erfinv(),
}
"""Functions that the library has under another name, or not."""

WITH_RULE: dict[str, Callable[..., Any]] = {
    "sqrt": sqrt,
    "cbrt": cbrt,
    "lgamma": lgamma,
    "rsqrt": lambda x: divide(1, nonzero("rsqrt", sqrt(x))),
    "pow": power,
    "atan2": atan2,
}


def nonzero(name: str, x: Any) -> Any:
    if not isinstance(x, Ball) and x == 0:
        raise NoValue(f"{name} has no value at 0")
    return x


def value(name: str, *arguments: Any) -> Any:
    """A function at numbers or balls: an exact number where that is known, else a ball.

    Raises:
        NoValue: an argument lies outside the function's domain.
        NeedsIntervals: the value is not rational, and python-flint is not installed.

    >>> value("sqrt", Fraction(9, 4)), value("exp", 0)
    (Fraction(3, 2), 1)
    """
    if name in WITH_RULE:
        return WITH_RULE[name](*arguments)
    (x,) = arguments
    if not isinstance(x, Ball):
        if x == 0 and name in VANISHING:
            return 0
        if name in KNOWN and x == KNOWN[name][0]:
            return KNOWN[name][1]
    at = arb(x)
    return ball(OTHERS[name](at) if name in OTHERS else getattr(at, name)(), name, x)
