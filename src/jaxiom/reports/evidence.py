"""What the report shows beside the proofs: real inputs, the asker's trial, the Toeplitz matrix, scikit-learn's solver.

Each piece belongs to a claim of `proofs/` and is there only where that claim is among those proved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from jaxiom.claims import Claim
from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.measurement import Measurement

if TYPE_CHECKING:
    from jaxiom.identities import ToeplitzIdentity
    from jaxiom.trial import RandomizedGap, Trial
    from jaxiom.verdict import Verdict
    from jaxiom.verification import Outcome, Progress

TRANSFORMER = "same_transformer_on_both_sides"
TRIAL = "transpose_of_the_trial"
IDENTITY = ("valid", "same_matrix_no_centring")
SEEDS = range(10)
TOEPLITZ = {"h": 3, "w": 3, "c": 1, "kh": 2, "kw": 2, "f": 2, "k": 1}
LAYER_PCA = (4608, 512, 400)
SMALL_PCA = (600, 100, 60)

Images = Float[np.ndarray, "n h w c"]
Kernel = Float[np.ndarray, "kh kw c f"]


@dataclass(frozen=True, eq=False)
class RealInput:
    """A real image and real filters, and PCA's matrix of the filters."""

    title: str
    source: str
    X: Images
    W: Kernel
    Q: Float[np.ndarray, "f k"]

    def arrays(self) -> dict[str, np.ndarray]:
        return {"X": self.X, "W": self.W, "Q": self.Q}


@dataclass(frozen=True)
class Refit:
    """PCA fitted anew on the output, held against PCA of the filters, both with `components` components.

    Attributes:
        samples: how many pixels of the output it was fitted to.
        projector: the spectral norm of the difference of the two projectors; 0: the same space, 1: a direction lost.
        overlap: the mean squared cosine between the two spaces; 1: the same.
        kept_by_filters, kept_by_output: the share of the output's variance that each keeps.
    """

    components: int
    filters: int
    samples: int
    projector: float
    overlap: float
    kept_by_filters: float
    kept_by_output: float


@dataclass(frozen=True, eq=False)
class RealMeasurement:
    """What came of a claim on a real input."""

    claim: Claim
    verdict: "Verdict"
    given: RealInput
    measured: Measurement | Unsupported | InternalDisagreement
    refit: Refit

    def maps(self) -> tuple[np.ndarray, np.ndarray] | None:
        """For one image: the length of lhs - rhs at each pixel, and of what the closed form leaves of it."""
        import jax

        arrays = {name: self.given.arrays()[name] for name in self.claim.signature.parameters}
        if len(self.given.X) != 1 or self.verdict.difference is None or not isinstance(self.measured, Measurement):
            return None
        predicted = jax.jit(self.verdict.difference.compile(self.measured.sizes))(on_device(arrays))[0]
        drift = jax.jit(self.claim.lhs)(*arrays.values()) - jax.jit(self.claim.rhs)(*arrays.values())
        return tuple(np.linalg.norm(np.asarray(d)[0], axis=-1) for d in (drift, drift - predicted))

    def record(self) -> dict[str, Any]:
        """As `--json` writes it."""
        told = self.measured
        found = told.to_json() if isinstance(told, Measurement) else {"reason": str(told)}
        return {"input": self.given.title, "source": self.given.source, **found, "refit": asdict(self.refit)}


@dataclass(frozen=True, eq=False)
class Trials:
    """The asker's trial: one in full, and the largest gap between formula and difference over all seeds."""

    claim: Claim
    shown: "Trial"
    seeds: int
    gap: float
    size: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """None where the claim that a piece belongs to was not run, or did not come out as declared."""

    trials: Trials | None = None
    identity: "ToeplitzIdentity | None" = None
    randomized: "RandomizedGap | None" = None
    randomized_shape: tuple[int, int] = (0, 0)


def find(outcomes: Sequence["Outcome"], *names: str, parameters: str) -> "Outcome | None":
    """The first outcome that came out as declared, of a claim with one of these names and these parameters."""
    for outcome in outcomes:
        claim = outcome.claim
        if claim.name in names and outcome.ok and list(claim.signature.parameters) == parameters.split():
            return outcome
    return None


def measure_real(outcomes: Sequence["Outcome"], small: bool, told: "Progress") -> list[RealMeasurement]:
    """The claim about the fitted transformer, on filters that were learned and images that were taken."""
    outcome = find(outcomes, TRANSFORMER, parameters="X W Q")
    if outcome is None or outcome.verdict is None:
        return []
    told.begin("learning filters on the digits", 0, 3)
    found: list[RealMeasurement] = []
    for given in real_inputs(small):
        told.begin(f"measuring on {given.title}", len(found) + 1, 3)
        measured = measure_on(outcome.claim, given, outcome.verdict)
        found.append(RealMeasurement(outcome.claim, outcome.verdict, given, measured, refit(given)))
    return found


def measure_on(claim: Claim, given: RealInput, verdict: "Verdict") -> Measurement | Unsupported | InternalDisagreement:
    from jaxiom.measuring import measure

    try:
        return measure(claim, inputs=given.arrays(), verdict=verdict)
    except (Unsupported, InternalDisagreement) as error:
        return error


def real_inputs(small: bool) -> list[RealInput]:
    """Digits through the layers of a network that learned them, and a photograph."""
    import jax
    import jax.numpy as jnp

    from jaxiom.digits import learn_filters, photograph
    from jaxiom.layers import conv

    learned = learn_filters(seed=0, epochs=5 if small else 30)
    first, second = learned.kernels
    images = learned.images[:40] if small else learned.images
    hidden = np.asarray(jax.nn.relu(conv(jnp.asarray(images), jnp.asarray(first), padding="SAME")))
    side = 64 if small else 160
    crop = photograph()[:, 120 : 120 + side, 240 : 240 + side]
    colour = np.repeat(first / 3, 3, axis=2)
    named = f"a CNN trained on scikit-learn's digits ({learned.accuracy:.1%} of the held-out ones right)"
    return [
        with_components(
            "filters learned on digits",
            f"second layer of {named}; image: its first layer's output on {len(images)} held-out digits",
            hidden,
            second,
            24,
        ),
        with_components(
            "the sample photograph",
            f"{side}×{side} pixels of scikit-learn's china.jpg; filters: first layer of {named}, "
            "on the mean of the three colours",
            crop,
            colour,
            6,
        ),
    ]


def with_components(title: str, source: str, X: Images, W: Kernel, components: int) -> RealInput:
    """The input with Q from PCA fitted to the flattened filters, a filter a column."""
    from jaxiom.projection import PCA

    fitted = PCA(components).fit(W.reshape(-1, W.shape[-1]))
    return RealInput(title, source, X, np.asarray(W), fitted.matrix.astype(np.float32))


def refit(given: RealInput) -> Refit:
    """PCA fitted to the pixels of the output, against PCA of the filters."""
    import jax
    import jax.numpy as jnp

    from jaxiom.layers import conv
    from jaxiom.projection import PCA

    filters, components = given.Q.shape
    with jax.enable_x64(True):
        X, W = jnp.asarray(given.X, jnp.float64), jnp.asarray(given.W, jnp.float64)
        samples = np.asarray(conv(X, W, padding="SAME")).reshape(-1, filters)
    mine, theirs = np.asarray(given.Q, np.float64), PCA(components).fit(samples).matrix
    covariance = np.cov(samples, rowvar=False)
    share = [float(np.trace(Q.T @ covariance @ Q) / np.trace(covariance)) for Q in (mine, theirs)]
    return Refit(
        components,
        filters,
        len(samples),
        float(np.linalg.norm(mine @ mine.T - theirs @ theirs.T, 2)),
        float(np.sum((mine.T @ theirs) ** 2) / components),
        *share,
    )


def gather(outcomes: Sequence["Outcome"], small: bool, told: "Progress") -> Evidence:
    """Everything else that the report shows; nothing that the exit code depends on."""
    told.begin("the asker's own trial", 0, 3)
    trial = find(outcomes, TRIAL, parameters="W X Q")
    trials = run_trials(trial.claim, trial.verdict) if trial is not None and trial.verdict is not None else None
    told.begin("the block-Toeplitz matrix, by SymPy", 1, 3)
    identity = None
    if find(outcomes, *IDENTITY, parameters="X W Q") is not None:
        from jaxiom.identities import projection_identity

        identity = projection_identity(TOEPLITZ)
    told.begin("scikit-learn's default solver against the full one", 2, 3)
    rows, columns, components = SMALL_PCA if small else LAYER_PCA
    randomized = None
    if find(outcomes, TRANSFORMER, parameters="X W Q") is not None:
        from jaxiom.trial import randomized_gap

        samples = np.random.default_rng(0).standard_normal((rows, columns))
        randomized = randomized_gap(samples, components)
    return Evidence(trials, identity, randomized, (rows, columns))


def run_trials(claim: Claim, verdict: "Verdict") -> Trials | None:
    """The trial with the prover's own closed form, in float64."""
    import jax

    from jaxiom.trial import asker_trial

    if verdict.difference is None:
        return None
    with jax.enable_x64(True):
        predict = verdict.difference.compile({"m": 4, "f": 3, "p": 2, "k": 2})

        def value(X: np.ndarray, W: np.ndarray, Q: np.ndarray) -> np.ndarray:
            return np.asarray(predict(on_device({"X": X, "W": W, "Q": Q}))[0])

        found = [asker_trial(seed, value) for seed in SEEDS]
    size = min(float(np.abs(t.difference).max()) for t in found)
    return Trials(claim, found[0], len(found), max(t.gap for t in found), size)


def on_device(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    import jax.numpy as jnp

    return {name: jnp.asarray(array) for name, array in arrays.items()}
