"""Does a claim hold here, at these sizes, exactly? Random evaluation modulo primes, with an honest probability.

Over one denominator D, lhs - rhs at one output entry is a polynomial with whole coefficients, of degree d and height
H, both bounded by the walk of `rules.heights`. Suppose that it is not zero, and take one coefficient that is not. Each
round evaluates it modulo another prime p (none divides D), at an input drawn for that round alone. If p does not
divide the coefficient, the round sees zero with probability at most d/p (Schwartz 1980, Zippel 1979). If it does, the
round may see nothing at all; but the primes that do have a product of at most H. So, the rounds being independent, the
check misses the difference with probability at most

    max { product of d/p over the primes not in U : U a set of these primes with product of U <= H }

whatever the primes are: they need not be random, only the inputs. (251 x = 0 holds modulo 251 in every round; here 251
is one prime of many.) A residue that is not zero is a certainty: the draw itself is an input that shows it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.interpret import interpret
from jaxiom.jaxprs import Closed
from jaxiom.probing import exact_costs
from jaxiom.rules.accumulators import ACCUMULATORS, FLOAT64, Accumulator
from jaxiom.rules.heights import HEIGHTS, INPUT, Height, minus
from jaxiom.rules.modular import Field, modular_table
from jaxiom.trace import entries, work

TARGET = 2.0**-60
MOST_ROUNDS = 100
# Multiply-adds below which the choice of an accumulator is not worth asking the device.
LITTLE_WORK = 10**8


@dataclass(frozen=True)
class ExactCheck:
    """What the modular check found at given sizes.

    Attributes:
        status: "equal", "different" (a certainty) or "not applicable".
        failure_probability: of "equal": that it is wrong, over the draw of primes and inputs, at most; else 0.
        reason: why it is not applicable.
        leaf, index: where the sides differ: the output's position among the leaves, and the entry.
        primes: those used, one a round.
        accumulator: the arithmetic that the rounds were in: "float64", "int8" or "bfloat16".
        degree: of the difference in the inputs' entries, at most.
        form: the same for lhs - rhs against the closed form, where one was given.
    """

    status: str
    failure_probability: float = 0.0
    reason: str = ""
    leaf: int = 0
    index: tuple[int, ...] = ()
    primes: tuple[int, ...] = ()
    accumulator: str = ""
    degree: int = 0
    form: "ExactCheck | None" = None

    def __str__(self) -> str:
        if self.status == "equal":
            if not self.failure_probability:
                return "equal here, for certain"
            return f"equal here, failure probability <= 2^{math.ceil(math.log2(self.failure_probability))}"
        if self.status == "different":
            return f"different here, at {list(self.index)}: a certainty"
        return f"not applicable: {self.reason}"


Agree = Callable[[Mapping[str, float]], Mapping[str, float]]


@dataclass(frozen=True)
class Plan:
    """The rounds to run: an arithmetic, a prime each, and what all of them together may miss."""

    kind: Accumulator
    primes: tuple[int, ...]
    miss: float


def plan_rounds(heights: Sequence[Height], kind: Accumulator = FLOAT64, target: float = TARGET) -> Plan:
    """As many primes as it takes to check differences of these heights, one for each leaf.

    Raises:
        Unsupported: a sum is too long for the accumulator, or coefficients have more digits than there are primes.
    """
    if max((h.longest for h in heights), default=0) > kind.entries:
        raise Unsupported(f"a sum is too long to be exact in {kind.storage} modulo any useful prime")
    denominator = math.lcm(*(h.denominator for h in heights))
    primes: list[int] = []
    for prime in primes_below(kind.largest):
        if denominator % prime == 0:
            continue
        primes.append(prime)
        miss = max((missed(h, primes, kind) for h in heights), default=0.0)
        if miss <= target:
            return Plan(kind, tuple(primes), miss)
        if len(primes) == MOST_ROUNDS:
            break
    raise Unsupported(
        f"the coefficients are so large, or the degree so high, that {len(primes)} rounds in {kind.name} say too little"
    )


def missed(height: Height, primes: Sequence[int], kind: Accumulator) -> float:
    """The probability that rounds modulo these primes (the largest first) all miss a difference of this height.

    A random word is reduced to each residue with probability at most (1 + p 2^-word) / p.
    """
    if height.norm == 0:
        return 0.0
    each = [min(1.0, height.degree * (1 + p / 2.0**kind.word) / p) for p in primes]
    worst, least = 0.0, 1
    for unlucky in range(len(primes) + 1):
        # The `unlucky` largest primes are left out: no set of as many leaves less.
        left = math.prod(each[unlucky:])
        if height.degree:
            lost = math.log2(height.norm) - unlucky * math.log2(height.degree)
            total = sum(map(math.log2, each))
            left = min(left, 2.0 ** min(0.0, lost + total))
        worst = max(worst, left)
        if unlucky < len(primes):
            least *= primes[-1 - unlucky]
            if least > height.norm:
                break
    return worst * (1 + 1e-9)


def primes_below(top: int) -> Iterator[int]:
    """The primes up to `top`, the largest first, by the sieve of Eratosthenes in windows.

    >>> list(primes_below(30))
    [29, 23, 19, 17, 13, 11, 7, 5, 3, 2]
    """
    small = range(2, math.isqrt(top) + 1)
    high, width = top, 4096
    while high >= 2:
        low = max(2, high - width + 1)
        window = np.ones(high - low + 1, bool)
        for n in small:
            window[max(n * n, -(-low // n) * n) - low :: n] = False
        yield from (int(p) for p in np.flatnonzero(window)[::-1] + low)
        high = low - 1


def choose_plan(
    heights: Sequence[Height], lhs: Closed, rhs: Closed, target: float, device: Any, agree: Agree = dict
) -> Plan:
    """The plan that takes the least time on the device, as a measurement of what they cost there says."""
    products, results = (count(lhs) + count(rhs) for count in (work, entries))
    if products < LITTLE_WORK:
        return plan_rounds(heights, FLOAT64, target)
    seconds = agree({name: cost.of(products, results) for name, cost in exact_costs(device).items()})
    plans: list[Plan] = []
    refusal: Unsupported | None = None
    for kind in ACCUMULATORS:
        if kind.name not in seconds:
            continue
        try:
            plans.append(plan_rounds(heights, kind, target))
        except Unsupported as error:
            refusal = refusal or error
    if not plans:
        raise refusal or Unsupported("no arithmetic of this device is exact")
    return min(plans, key=lambda plan: len(plan.primes) * seconds[plan.kind.name])


Probe = tuple[Array, Array, Array, Array]
"""Of one leaf: whether it is not zero somewhere, where first in flat order, whether any is NaN, and any a fraction."""


Words = Sequence[np.ndarray]
Put = Callable[[Words], Sequence[Any]]


@lru_cache(maxsize=4)
def residual(
    lhs: Closed, rhs: Closed, form: Closed | None = None, kind: Accumulator = FLOAT64
) -> Callable[[Any, Words], dict[str, list[Probe]]]:
    """A jitted function of (p, a random word for each entry of each input) that probes lhs - rhs ("sides"), and that
    minus the closed form ("form"). Kept, so that the same check again need not be compiled again."""

    def run(p: Array, words: Sequence[Array]) -> dict[str, list[Probe]]:
        field = Field(p.astype(kind.storage), kind)
        table = modular_table(field.p, kind)
        inputs = [field.reduce(w.astype(kind.storage)) for w in words]
        pairs = zip(interpret(table, lhs, inputs), interpret(table, rhs, inputs), strict=True)
        sides = [field.reduce(left - right) for left, right in pairs]
        if form is None:
            return {"sides": [probe(x) for x in sides]}
        values = interpret(table, form, inputs)
        rest = [field.reduce(x - value) for x, value in zip(sides, values, strict=True)]
        return {"sides": [probe(x) for x in sides], "form": [probe(x) for x in rest]}

    return jax.jit(run)


def probe(residue: Array) -> Probe:
    # Sums, which XLA does faster than `any`: neither can round to zero, and NaN stays.
    size, rest = jnp.abs(residue).sum(), jnp.abs(residue - jnp.round(residue)).sum()
    first = lax.cond(size > 0, lambda: jnp.argmax((residue != 0).ravel()), lambda: jnp.zeros((), int))
    return size != 0, first, jnp.isnan(size), rest != 0


def draw_words(closed: Closed, kind: Accumulator, rng: np.random.Generator) -> list[np.ndarray]:
    """Uniform random words for every entry of every input."""
    word = np.dtype(f"uint{kind.word}")
    shapes = [v.aval.shape for v in closed.jaxpr.invars]
    return [np.frombuffer(rng.bytes(math.prod(s) * word.itemsize), word).reshape(s) for s in shapes]


def check_here(
    lhs: Closed,
    rhs: Closed,
    *,
    form: Closed | None = None,
    target: float = TARGET,
    seed: int = 0,
    device: Any = None,
    put: Put = list,
    agree: Agree = dict,
) -> ExactCheck:
    """Whether two programs at given sizes are the same function of their (real) inputs.

    Args:
        lhs, rhs: jaxprs of the same inputs, of shapes without symbols, and of the same outputs.
        form: a jaxpr of the same inputs for lhs - rhs, traced in float64; it is checked too.
        target: the failure probability asked for.
        seed: what primes and inputs are drawn from.
        device: where; a TPU has no exact float64, and the CPU is taken.
        put: brings the inputs to several devices. agree: makes what was timed the same for all hosts.

    Raises:
        InternalDisagreement: the device's sums of whole numbers are not exact.

    >>> from jax import make_jaxpr, ShapeDtypeStruct
    >>> x = ShapeDtypeStruct((3,), "float32")
    >>> found = check_here(make_jaxpr(lambda x: (x + 1) ** 2)(x), make_jaxpr(lambda x: x * x + 2 * x + 1)(x))
    >>> found.status, found.failure_probability <= 2**-60
    ('equal', True)
    """
    asked_of, device = device, exact_device(device)
    put = put if device is asked_of else list
    with jax.enable_x64(True), jax.default_device(device):
        try:
            heights = difference_heights(lhs, rhs)
            formed, why = form_heights(heights, form)
            asked = form if formed else None
            chosen = choose_plan([*heights, *formed], lhs, rhs, target, device, agree)
            run = partial(
                run_rounds, lhs, rhs, asked, degree=max((h.degree for h in heights), default=0), seed=seed, put=put
            )
            try:
                rounds = run(chosen)
            except Unsupported:  # small primes divide more, and int8 holds no NaN: float64 may still be able to
                if chosen.kind is FLOAT64:
                    raise
                rounds = run(plan_rounds([*heights, *formed], FLOAT64, target))
        except Unsupported as error:
            return ExactCheck("not applicable", reason=str(error))
    if form is None:
        return rounds["sides"]
    return replace(rounds["sides"], form=rounds.get("form", ExactCheck("not applicable", reason=why)))


def exact_device(device: Any) -> Any:
    return jax.local_devices(backend="cpu")[0] if device is None or device.platform == "tpu" else device


def difference_heights(lhs: Closed, rhs: Closed) -> list[Height]:
    """The heights of lhs - rhs, a leaf each."""
    inputs = [INPUT] * len(lhs.jaxpr.invars)
    pairs = zip(interpret(HEIGHTS, lhs, inputs), interpret(HEIGHTS, rhs, inputs), strict=True)
    return [minus(left, right) for left, right in pairs]


def form_heights(sides: Sequence[Height], form: Closed | None) -> tuple[list[Height], str]:
    """The heights of lhs - rhs - form; none, and in words why, if it cannot be checked."""
    if form is None:
        return [], ""
    try:
        found = interpret(HEIGHTS, form, [INPUT] * len(form.jaxpr.invars))
    except Unsupported as error:
        return [], str(error)
    return [minus(side, height) for side, height in zip(sides, found, strict=True)], ""


def run_rounds(
    lhs: Closed, rhs: Closed, form: Closed | None, plan: Plan, *, degree: int, seed: int, put: Put = list
) -> dict[str, ExactCheck]:
    """Run until every question is answered: with "different" by a round, with "equal" by all of them."""
    rng, run = np.random.default_rng(seed), residual(lhs, rhs, form, plan.kind)
    answers: dict[str, ExactCheck] = {}
    questions = ("sides",) if form is None else ("sides", "form")
    for done, prime in enumerate(plan.primes, 1):
        probes = run(np.float64(prime), put(draw_words(lhs, plan.kind, rng)))
        for name in questions:
            if name not in answers and (where := first_difference(probes[name], lhs.out_avals)) is not None:
                primes = plan.primes[:done]
                answers[name] = ExactCheck("different", 0.0, "", *where, primes, plan.kind.name, degree)
        if len(answers) == len(questions):
            return answers
    equal = ExactCheck("equal", plan.miss, primes=plan.primes, accumulator=plan.kind.name, degree=degree)
    return {name: answers.get(name, equal) for name in questions}


def first_difference(probes: Sequence[Probe], avals: Sequence[Any]) -> tuple[int, tuple[int, ...]] | None:
    """The leaf and index where a difference is not zero, if any."""
    for leaf, (differs, at, nan, fraction) in enumerate(probes):
        if bool(nan):
            raise Unsupported("a division by zero, or an index outside an array, on the way")
        if bool(fraction):
            raise InternalDisagreement("sums of whole numbers are not whole on this device")
        if bool(differs):
            return leaf, tuple(int(i) for i in np.unravel_index(int(at), avals[leaf].shape))
    return None
