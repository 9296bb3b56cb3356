"""`measure`: a claim at real sizes on the device at hand. How much of a difference is algebra, how much rounding?"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxiom.batching import Job, Source, Wanted, cut_job
from jaxiom.claims import Claim
from jaxiom.errors import BadInput, InternalDisagreement, Undecidable, Unsupported
from jaxiom.found import Found
from jaxiom.measurement import Measurement
from jaxiom.passes import ZERO_FORM, ClosedForm, Pass
from jaxiom.residues import ExactCheck
from jaxiom.rounding_probe import roundoff
from jaxiom.rules.arithmetic import DTYPES
from jaxiom.samples import check_seed, find_sizes, given_inputs
from jaxiom.sharding import first_here
from jaxiom.signature import Signature, read_signature
from jaxiom.tallies import Tally
from jaxiom.trace import constants, make_jaxpr, open_scope
from jaxiom.verdict import Undecided, Verdict

PRECISIONS = ("default", "high", "highest")
NOT_CHECKED = ExactCheck("not applicable", reason="not asked for")


@dataclass(frozen=True)
class Subject:
    """What is measured: two functions of one signature, and how they are decided."""

    title: str
    lhs: Callable[..., Any]
    rhs: Callable[..., Any]
    signature: Signature
    at: Mapping[str, int] | None
    prove: Callable[[], Verdict]


def read_subject(claim: Any, rhs: Any, shapes: Mapping[str, Any], given: str) -> Subject:
    """A claim, or a pair of functions with shapes."""
    if isinstance(claim, Claim):
        if rhs is not None or shapes or given:
            raise BadInput("measure: a claim brings its own right side, shapes and given=; leave these out")
        return Subject(claim.title, claim.lhs, claim.rhs, claim.signature, claim.at, claim.prove)
    if rhs is None:
        raise BadInput(f"measure: expected a claim or two functions, got {claim!r} alone; give rhs= and the shapes")
    from jaxiom.decide import decide

    signature = read_signature([claim, rhs], shapes, given)
    return Subject("lhs = rhs", claim, rhs, signature, None, lambda: decide(claim, rhs, signature))


def read_devices(devices: Any) -> tuple[Any, ...]:
    """JAX's own first device, the first of a platform, or those given."""
    if devices is None:
        return (jax.local_devices()[0],)
    if isinstance(devices, str):
        try:
            return (jax.local_devices(backend=devices)[0],)
        except RuntimeError as error:
            raise BadInput(f"devices: JAX sees no {devices!r} here; it sees {jax.devices()[0].platform!r}") from error
    found = list(devices) if isinstance(devices, Sequence) else [devices]
    if not found or not all(isinstance(d, jax.Device) for d in found):
        raise BadInput(f"devices: expected JAX devices or the name of a platform, got {devices!r}")
    if len(set(found)) < len(found) or len({d.platform for d in found}) > 1:
        raise BadInput(f"devices: expected each device once, and all of one platform, got {devices!r}")
    if jax.process_index() not in {d.process_index for d in found}:
        raise BadInput("devices: all of them are another host's; each host calls measure with its own among them")
    return tuple(found)


def read_dtype(dtype: Any) -> str:
    try:
        name = np.dtype(jax.numpy.dtype(dtype)).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise BadInput(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    return name


def read_precision(precision: Any) -> str:
    name = "default" if precision is None else str(getattr(precision, "name", precision)).lower()
    if name not in PRECISIONS:
        raise BadInput(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    return name


def decide_if_possible(subject: Subject) -> Verdict:
    """The verdict; what the prover has no rule for can still be measured."""
    try:
        return subject.prove()
    except Unsupported as error:
        return Undecided(subject.signature.sizes, reason=str(error))


def proved_at(verdict: Verdict, sizes: Mapping[str, int]) -> bool:
    """Whether the proof covers these sizes: a verdict may have excluded some."""
    return verdict.status == "proved" and verdict.sizes.contains(sizes)


def closed_form(verdict: Verdict, sizes: Mapping[str, int]) -> ClosedForm:
    """What the verdict says of lhs - rhs at these sizes; where the functions branch on sizes, what its case says."""
    if verdict.cases:
        verdict = next((v for v in (verdict, *verdict.cases) if v.sizes.contains(sizes)), verdict)
    if proved_at(verdict, sizes):
        return ZERO_FORM
    if verdict.status == "proved":
        return ClosedForm(None, False, f"the proof is for {verdict.sizes}, which leaves these sizes out")
    if verdict.difference is None:
        return ClosedForm(None, False, verdict.reason or "the difference could not be formed")
    if not verdict.sizes.contains(sizes):
        case = verdict.difference.case
        return ClosedForm(None, False, f"it is that of other sizes than these{case and f': {case}'}")
    try:
        return ClosedForm(verdict.difference.compile(sizes))
    except Undecidable as error:
        return ClosedForm(None, False, str(error))


def decide_verdict(run: Pass, found: Found, checked: ExactCheck) -> tuple[str, list[str]]:
    """The verdict, as `Measurement.verdict` defines it, and notes on how it came about."""
    notes = [] if run.form.known else [f"no closed form: {run.form.note}"]
    wrong_form = checked.form is not None and checked.form.status == "different"
    if wrong_form:
        notes.append("the closed form is not what the programs compute, modulo a prime")
    if not run.form.known and checked.status == "different":
        notes.append("the two programs are different at these sizes, and nothing says by how much")
    if found.eager_beyond:
        notes.append(f"{' and '.join(found.eager_beyond)}: compiled and op by op differ by more than rounding explains")
    if not found.bounded:
        return "not judged", notes
    rounding = not found.beyond["drift"]
    algebra = run.prediction is not None and not found.beyond["left"]
    if wrong_form or found.eager_beyond or not (rounding or algebra):
        return "finding", notes
    if rounding and algebra:
        drift, predicted, left = (found.tallies[name].squares for name in ("drift", "predicted", "left"))
        algebra = drift > 0 and predicted > left
    return "algebra" if algebra else "rounding", notes


def conclude(
    title: str,
    run: Pass,
    found: Found,
    checked: ExactCheck,
    precision: str,
    sizes: Mapping[str, int] | None = None,
    **more: Any,
) -> Measurement:
    """The verdict with its figures, from what was found; `sizes` are those of the whole, where `run` is a batch."""
    verdict, notes = decide_verdict(run, found, checked)
    kind = "drift" if run.prediction is None else "left"
    whole, zero = found.tallies["rhs"], Tally(found.tallies["rhs"].count)
    statistics = {name: t.over(whole) for name, t in found.tallies.items()}
    drift = statistics["drift"]
    return Measurement(
        title=title,
        verdict=verdict,
        exact=checked.status,
        failure_probability=checked.failure_probability,
        exact_check=checked,
        closed_form="not applicable" if checked.form is None else checked.form.status,
        drift=drift,
        predicted=statistics.get("predicted", zero.over(whole) if run.form.known else None),
        left=statistics.get("left", drift),
        bound=statistics.get(f"bound of {kind}"),
        tightness=found.tightness[kind],
        beyond=found.beyond[kind],
        entries=whole.count,
        worst=found.worst.get(kind),
        ulps=found.histogram.quantiles(),
        device=str(run.placement),
        dtype=run.dtype,
        precision=precision,
        sizes=dict(sizes or run.sizes),
        seconds=dict(found.seconds),
        expected=statistics.get(f"expected of {kind}"),
        rounding=told_rounding(run, precision) if found.bounded else "",
        maps=mean_maps(found, run),
        blamed=found.blamed,
        eager={side: t.over(whole) for side, t in found.eager.items()},
        notes=tuple(notes),
        **more,
    )


def told_rounding(run: Pass, precision: str) -> str:
    """How the device rounds this program's contractions."""
    if run.dtype == "float64" or not run.contracts:
        return ""
    return str(roundoff(run.device, run.dtype, precision.upper()))


def mean_maps(found: Found, run: Pass) -> dict[str, np.ndarray]:
    """Root mean squares by position, of the first output that has positions."""
    maps = {}
    for name, kept in found.maps.items():
        at = min(kept)
        channels = run.lhs.closed.out_avals[at].shape[-1]
        images = found.map_rows[at]
        maps[name] = np.sqrt(kept[at] / max(images * channels, 1))
    return maps


def measure(
    claim: Any,
    rhs: Callable[..., Any] | None = None,
    *,
    at: Mapping[str, int] | None = None,
    inputs: Mapping[str, Any] | None = None,
    means: Mapping[str, float] | None = None,
    dtype: Any = "float32",
    precision: Any = None,
    devices: Any = None,
    seed: int = 0,
    batch: int | None = None,
    memory: int | str | None = None,
    keep: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    bound: bool = True,
    expected: bool = False,
    exact: bool = True,
    certainty: int = 60,
    eager: bool = False,
    verdict: Verdict | None = None,
    shapes: Mapping[str, Any] | None = None,
    given: str = "",
    **named_shapes: Any,
) -> Measurement:
    """Run both sides of a claim at real sizes, and tell algebra from rounding without a tolerance chosen by hand.

    Args:
        claim, rhs: a theorem or a refutation; or two functions, with their shapes as for `prove`.
        at: the sizes; left out, those of `inputs`, or those that the claim declares.
        inputs: arrays by name; left out, standard normal entries drawn from `seed`.
        means: array -> what is added to its random entries.
        dtype: "float32", "float64", "bfloat16" or "float16".
        precision: JAX's matmul precision: "default" (on recent GPUs TF32), "high" or "highest".
        devices: a JAX device, the name of a platform ("cpu", "gpu", "tpu": its first), or several devices: the
            outputs' first axis (the batch) and last (the filters) are cut over them, as far as they divide. With
            `jax.distributed`, `jax.devices()` are those of all hosts; each calls `measure` alike.
        batch: how many entries at a time, along a size on which both sides are proved to act entry by entry.
        memory: as many at a time as fit so much: bytes, or a text such as "2GiB".
        keep: a folder for finished batches: a run that was interrupted goes on where it stopped.
        progress: called with (what, how many batches are done, of how many).
        bound, expected, exact: whether to compute the rounding bound, to say what is likely beside it (the lambda
            sqrt(n) rule of Higham and Mary, 2019), and to check modulo primes.
        certainty: the exact check may call two different programs equal with probability at most 2^-certainty.
        eager: whether to hold each compiled side against itself run op by op.
        verdict: what `prove` said of the claim, if that is known already.

    Raises:
        BadInput: sizes, inputs or settings that cannot be used; results that overflow.
        Unsupported: a primitive without a rounding bound (with bound=False it can still be measured); a claim that
            cannot be cut into batches.
        InternalDisagreement: the claim was proved, and is different here.

    >>> import jaxiom
    >>> m = jaxiom.measure(
    ...     lambda A, B, C: (A @ B) @ C, lambda A, B, C: A @ (B @ C), A="m k", B="k n", C="n p",
    ...     at=dict(m=3, k=4, n=5, p=6),
    ... )
    >>> m.verdict, m.exact
    ('rounding', 'equal')
    """
    if batch is not None and memory is not None:
        raise BadInput("batch=, memory=: give one of them; batch= says how many at a time, memory= lets jaxiom choose")
    tell = progress or (lambda what, done, total: None)
    subject = read_subject(claim, rhs, {**(shapes or {}), **named_shapes}, given)
    if subject.signature.assume is not None:
        raise BadInput(
            "measure: the claim has assume=, and inputs that are drawn at random or rounded do not satisfy it exactly; "
            "measure the two functions without it"
        )
    given_devices, dtype, precision = read_devices(devices), read_dtype(dtype), read_precision(precision)
    sizes = find_sizes(subject.signature, at, inputs or {}, subject.at)
    check_seed(seed)
    if inputs is not None and means:
        raise BadInput("means=: inputs= brings its own arrays; leave means= out")
    if isinstance(certainty, bool) or not isinstance(certainty, int) or certainty < 1:
        raise BadInput(f"certainty: expected a whole number of at least 1, got {certainty!r}")
    own = None if inputs is None else given_inputs(subject.signature, sizes, dtype, inputs)
    verdict = decide_if_possible(subject) if verdict is None else verdict
    matmul = jax.default_matmul_precision(None if precision == "default" else precision)
    with jax.enable_x64(dtype == "float64"), jax.default_device(first_here(given_devices)), matmul:
        verdict = in_dtype(subject, verdict, sizes, dtype)
        job = Job(
            lambda at: Pass(
                subject.lhs, subject.rhs, subject.signature, at, dtype, given_devices, closed_form(verdict, at)
            ),
            sizes,
            Wanted(bound, eager, expected and bound),
            Source(seed, dict(means or {}), own),
            devices=len(given_devices),
        )
        cut_job(job, subject.lhs, subject.rhs, batch, memory)
        start = time.perf_counter()
        tell("exact check", 0, job.count)
        checked = job.run.check_exactly(seed, 2.0**-certainty) if exact else NOT_CHECKED
        elapsed = {"exact": time.perf_counter() - start} if exact else {}
        if checked.status == "different" and proved_at(verdict, job.run.sizes):
            raise InternalDisagreement(f"{subject.title}: proved for {verdict.sizes}, but {checked} of {job.run.sizes}")
        found = job.execute(keep, tell)
        found.seconds |= elapsed
        bare, needed = job.memory(job.size)
    cut = None if job.cut is None else (job.cut.name, job.size)
    planned = {"bare": bare, "measured": needed} if bare else {}
    return conclude(subject.title, job.run, found, checked, precision, sizes, batches=cut, memory=planned)


def in_dtype(subject: Subject, verdict: Verdict, sizes: Mapping[str, int], dtype: str) -> Verdict:
    """The verdict on the programs as they are in this dtype. Proofs are about float32 programs; where a number in the
    program is another binary fraction in `dtype`, it is another program."""
    if dtype == subject.signature.dtype or verdict.difference is None and verdict.status != "proved":
        return verdict
    for function in (subject.lhs, subject.rhs):
        here, proved = (program_numbers(function, subject.signature, sizes, d) for d in (dtype, None))
        if here != proved:
            from jaxiom.decide import decide

            return decide(subject.lhs, subject.rhs, replace(subject.signature, dtype=dtype))
    return verdict


def program_numbers(
    function: Callable[..., Any], signature: Signature, sizes: Mapping[str, int], dtype: Any
) -> list[Any]:
    """The numbers in a program at given sizes, as float64 lists."""
    traced = make_jaxpr(function, signature.structs(sizes, dtype), open_scope((), (), {}, frozenset()), "a side")
    return [np.asarray(value, np.float64).tolist() for value in constants(traced.closed)]
