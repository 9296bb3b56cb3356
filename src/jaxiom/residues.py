"""Does a claim hold here, at these sizes, exactly? Random evaluation modulo random primes, with an honest probability.

Over one denominator D, lhs - rhs at one output entry is a polynomial with whole coefficients, of degree d and height
H, both bounded by the walk of `rules.heights`. Suppose that it is not zero. A round draws a prime p from M primes that
do not divide D, all above a least one P, and an input uniformly from the residues modulo p, and sees zero with
probability at most

    log_P H / M               p divides the one coefficient that is not zero (Zippel 1979, Schwartz 1980: the
  + d / P                     lemma needs a polynomial that is not zero modulo p), or the input is a root.

Rounds are independent. A residue that is not zero is a certainty: the draw itself is an input that shows it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.interpret import Table, interpret
from jaxiom.rules.arrays import is_float
from jaxiom.rules.heights import GUESSED, HEIGHTS, INPUT, Height, minus, rational_literal, simplest
from jaxiom.rules.modular import largest_prime, modular_table
from jaxiom.trace import Closed

TARGET = 2.0**-60
# Fewer primes than this say too little a round.
LEAST_PRIME = 2**12


@dataclass(frozen=True)
class ExactCheck:
    """What the modular check found at given sizes.

    Attributes:
        status: "equal", "different" (a certainty) or "not applicable".
        failure_probability: of "equal": that it is wrong, over the draw of primes and inputs, at most; else 0.
        reason: why it is not applicable.
        leaf, index: where the sides differ: the output's position among the leaves, and the entry.
        primes: those used, one a round.
        degree: of the difference in the inputs' entries, at most.
        form: the same for lhs - rhs against the closed form, where one was given.
    """

    status: str
    failure_probability: float = 0.0
    reason: str = ""
    leaf: int = 0
    index: tuple[int, ...] = ()
    primes: tuple[int, ...] = ()
    degree: int = 0
    form: "ExactCheck | None" = None

    def __str__(self) -> str:
        if self.status == "equal":
            return f"equal here, failure probability <= 2^{math.ceil(math.log2(self.failure_probability))}"
        if self.status == "different":
            return f"different here, at {list(self.index)}: a certainty"
        return f"not applicable: {self.reason}"


@dataclass(frozen=True, eq=False)
class Lottery:
    """The primes that a round draws from, and what one round may miss."""

    primes: np.ndarray
    denominator: int
    miss: float

    def rounds(self, target: float) -> int:
        return max(1, math.ceil(math.log(target) / math.log(self.miss))) if self.miss > 0 else 1

    def draw(self, rng: np.random.Generator) -> int:
        """A prime that does not divide the denominator."""
        while True:
            prime = int(rng.choice(self.primes))
            if self.denominator % prime:
                return prime


def primes_between(low: int, high: int) -> np.ndarray:
    """The primes in (low, high], by the sieve of Eratosthenes.

    >>> primes_between(10, 30).tolist()
    [11, 13, 17, 19, 23, 29]
    """
    sieve = np.ones(high + 1, bool)
    sieve[:2] = False
    for n in range(2, math.isqrt(high) + 1):
        if sieve[n]:
            sieve[n * n :: n] = False
    return np.flatnonzero(sieve[low + 1 :]) + low + 1


def lottery(heights: Sequence[Height]) -> Lottery:
    """The primes for differences of these heights, one for each leaf.

    Raises:
        Unsupported: a sum is too long for float64, or coefficients have more digits than there are primes.
    """
    top = largest_prime(max((h.longest for h in heights), default=1))
    if top < LEAST_PRIME:
        raise Unsupported("a sum is too long to be exact in float64 modulo any useful prime")
    primes = primes_between(top // 2, top)
    least = int(primes[0])
    denominator = math.lcm(*(h.denominator for h in heights))
    left = len(primes) - digits(denominator, least)
    if left < len(primes) // 2:
        raise Unsupported("too many primes divide a denominator")
    miss = max((digits(h.norm, least) / left + h.degree / least for h in heights), default=0.0)
    if miss > 0.5:
        raise Unsupported("the coefficients are so large, or the degree so high, that a round says too little")
    return Lottery(primes, denominator, miss * (1 + 1e-9))


def digits(number: int, base: int) -> int:
    """How many primes of at least `base` can divide a number that is not zero, at most: log_base of it, rounded down
    (from the number's bits, so never too small)."""
    return int(number.bit_length() / math.log2(base))


Probe = tuple[Array, Array, Array, Array]
"""Of one leaf: whether it is not zero somewhere, where first in flat order, whether any is NaN, and any a fraction."""


def residual(lhs: Closed, rhs: Closed, form: Closed | None = None) -> Callable[..., dict[str, list[Probe]]]:
    """A jitted function of (p, inputs) that probes lhs - rhs ("sides"), and that minus the closed form ("form")."""

    def run(p: Array, *inputs: Array) -> dict[str, list[Probe]]:
        table = modular_table(p)
        pairs = zip(interpret(table, lhs, inputs), interpret(table, rhs, inputs), strict=True)
        sides = [left - right for left, right in pairs]
        if form is None:
            return {"sides": [probe(x, p) for x in sides]}
        values = interpret(modular_table(p, rationals=True), form, inputs)
        rest = [x - value for x, value in zip(sides, values, strict=True)]
        return {"sides": [probe(x, p) for x in sides], "form": [probe(x, p) for x in rest]}

    return jax.jit(run)


def probe(x: Array, p: Array) -> Probe:
    residue = x - p * jnp.round(x / p)
    differs = (residue != 0).ravel()
    fraction = (residue - jnp.round(residue) != 0).any()
    return differs.any(), jnp.argmax(differs), jnp.isnan(residue).any(), fraction


def draw_inputs(closed: Closed, prime: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Uniform balanced residues for every input."""
    half = prime // 2
    return [(rng.integers(0, prime, v.aval.shape) - half).astype(np.float64) for v in closed.jaxpr.invars]


def check_here(
    lhs: Closed,
    rhs: Closed,
    *,
    form: Closed | None = None,
    target: float = TARGET,
    seed: int = 0,
    device: Any = None,
) -> ExactCheck:
    """Whether two programs at given sizes are the same function of their (real) inputs.

    Args:
        lhs, rhs: jaxprs of the same inputs, of shapes without symbols, and of the same outputs.
        form: a jaxpr of the same inputs for lhs - rhs, traced in float64; it is checked too.
        target: the failure probability asked for.
        seed: what primes and inputs are drawn from.
        device: where; a TPU has no exact float64, and the CPU is taken.

    Raises:
        InternalDisagreement: the device's float64 is not exact.

    >>> from jax import make_jaxpr, ShapeDtypeStruct
    >>> x = ShapeDtypeStruct((3,), "float32")
    >>> str(check_here(make_jaxpr(lambda x: (x + 1) ** 2)(x), make_jaxpr(lambda x: x * x + 2 * x + 1)(x)))
    'equal here, failure probability <= 2^-63'
    """
    with jax.enable_x64(True), jax.default_device(exact_device(device)):
        try:
            heights = difference_heights(lhs, rhs)
            formed, guessed = form_heights(heights, form)
            rounds = run_rounds(lhs, rhs, form if formed else None, [*heights, *formed], target, seed)
        except Unsupported as error:
            return ExactCheck("not applicable", reason=str(error))
    if form is None:
        return rounds["sides"]
    found = rounds.get("form", ExactCheck("not applicable", reason=guessed))
    if found.status == "different" and guessed:
        found = ExactCheck("not applicable", reason=guessed)
    return replace(rounds["sides"], form=found)


def exact_device(device: Any) -> Any:
    return jax.devices("cpu")[0] if device is None or device.platform == "tpu" else device


def difference_heights(lhs: Closed, rhs: Closed) -> list[Height]:
    """The heights of lhs - rhs, a leaf each."""
    inputs = [INPUT] * len(lhs.jaxpr.invars)
    pairs = zip(interpret(HEIGHTS, lhs, inputs), interpret(HEIGHTS, rhs, inputs), strict=True)
    return [minus(left, right) for left, right in pairs]


def form_heights(sides: Sequence[Height], form: Closed | None) -> tuple[list[Height], str]:
    """The heights of lhs - rhs - form, none if it cannot be checked; and, in words, why it could not be refuted."""
    guessed = ""

    def literal(value: Any, aval: Any) -> Height:
        nonlocal guessed
        if is_float(aval) and np.any(simplest(np.asarray(value))[1] >= GUESSED):
            guessed = "the closed form has constants that were rounded"
        return rational_literal(value, aval)

    if form is None:
        return [], ""
    table = Table("modular", HEIGHTS.rules, literal, HEIGHTS.check)
    try:
        found = interpret(table, form, [INPUT] * len(form.jaxpr.invars))
    except Unsupported as error:
        return [], str(error)
    return [minus(side, height) for side, height in zip(sides, found, strict=True)], guessed


def run_rounds(
    lhs: Closed, rhs: Closed, form: Closed | None, heights: Sequence[Height], target: float, seed: int
) -> dict[str, ExactCheck]:
    """Draw until every question is answered: with "different" by a round, with "equal" by all of them."""
    rng, source, degree = np.random.default_rng(seed), lottery(heights), max((h.degree for h in heights), default=0)
    run, primes = residual(lhs, rhs, form), []
    answers: dict[str, ExactCheck] = {}
    questions = ("sides",) if form is None else ("sides", "form")
    for _ in range(source.rounds(target)):
        primes.append(source.draw(rng))
        probes = run(np.float64(primes[-1]), *draw_inputs(lhs, primes[-1], rng))
        for name in questions:
            if name not in answers and (where := first_difference(probes[name], lhs.out_avals)) is not None:
                answers[name] = ExactCheck("different", 0.0, "", *where, tuple(primes), degree)
        if len(answers) == len(questions):
            return answers
    equal = ExactCheck("equal", source.miss ** len(primes), primes=tuple(primes), degree=degree)
    return {name: answers.get(name, equal) for name in questions}


def first_difference(probes: Sequence[Probe], avals: Sequence[Any]) -> tuple[int, tuple[int, ...]] | None:
    """The leaf and index where a difference is not zero, if any."""
    for leaf, (differs, at, nan, fraction) in enumerate(probes):
        if bool(nan):
            raise Unsupported("a division by zero, or an index outside an array, on the way")
        if bool(fraction):
            raise InternalDisagreement("float64 sums of whole numbers below 2^53 are not whole on this device")
        if bool(differs):
            return leaf, tuple(int(i) for i in np.unravel_index(int(at), avals[leaf].shape))
    return None
