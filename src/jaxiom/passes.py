"""One pass over one batch: both sides, the drift with its prediction, and the rounding bound, each its own program.

The two sides are compiled apart: in one program XLA would share work between them, and the drift would be a fiction.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import jaxpr_as_fun

from jaxiom.errors import BadInput, BadShape, InternalDisagreement, Undecidable
from jaxiom.found import Found
from jaxiom.interpret import interpret
from jaxiom.jaxprs import CALLS, Closed, inner_jaxpr
from jaxiom.residues import TARGET, ExactCheck, check_here
from jaxiom.rules.arithmetic import UNIT, up, wide
from jaxiom.rules.arrays import CONTRACTIONS
from jaxiom.rules.bounded import Bounded, Machine
from jaxiom.rules.rounding import rounding_table
from jaxiom.sharding import place
from jaxiom.signature import Signature
from jaxiom.sizes import Shape
from jaxiom.tallies import Tally, counted, difference, fetch, finite_part, reduced, tally, ulps
from jaxiom.trace import Traced, make_jaxpr, open_scope

Arrays = Mapping[str, Any]
Leaves = list[Array]
Pieces = Callable[[Arrays], Iterable[tuple["Pass", int, int, Arrays]]] | None
"""Of placed inputs: some rows of them, from where to where, and the programs for so many."""


@dataclass(frozen=True)
class ClosedForm:
    """lhs - rhs as the prover left it.

    Attributes:
        function: inputs by name -> the predicted difference, a leaf each; None where it is zero or unknown.
        known: whether there is one.
        note: why not.
    """

    function: Callable[[Arrays], Leaves] | None
    known: bool = True
    note: str = ""


ZERO_FORM = ClosedForm(None)


def reals(side: str, traced: Traced) -> Traced:
    for name, aval in zip(traced.leaves, traced.closed.out_avals, strict=True):
        if not jnp.issubdtype(aval.dtype, jnp.floating):
            raise BadInput(f"{side}: output {name or 'array'} is {aval.dtype}; only real outputs can be measured")
    return traced


class Pass:
    """The programs of one claim at given sizes, in one dtype, on one device or a tuple of them.

    Raises:
        BadInput, BadShape: the functions do not run at these sizes, or their outputs do not fit each other.
    """

    def __init__(
        self,
        lhs: Callable[..., Any],
        rhs: Callable[..., Any],
        signature: Signature,
        sizes: Mapping[str, int],
        dtype: str,
        device: Any,
        form: ClosedForm = ZERO_FORM,
    ):
        self.functions, self.signature, self.sizes, self.dtype = (lhs, rhs), signature, sizes, dtype
        devices = device if isinstance(device, tuple) else (device,)
        self.placement = place(devices, self.functions, signature, sizes)
        self.device = self.placement.device
        self.names = [leaf.name for leaf in signature.leaves if isinstance(leaf.shape, Shape)]
        self.wide = wide(jnp.dtype(dtype))
        self.lhs, self.rhs = (reals(s, self.trace(f, s)) for f, s in ((lhs, "lhs"), (rhs, "rhs")))
        self.leaves = self.lhs.leaves
        shapes = [[a.shape for a in side.closed.out_avals] for side in (self.lhs, self.rhs)]
        if shapes[0] != shapes[1]:
            raise BadShape(f"at {dict(sizes)} lhs has the shapes {shapes[0]} and rhs {shapes[1]}; they must agree")
        self.form, self.prediction = self.trace_form(form)
        self.compiled: dict[Any, Any] = {}

    @property
    def contracts(self) -> bool:
        """Whether either side multiplies matrices or convolves."""
        return any(has_contraction(side.closed) for side in (self.lhs, self.rhs))

    def trace(self, function: Callable[..., Any], side: str) -> Traced:
        structs = self.signature.structs(self.sizes, jnp.dtype(self.dtype))
        return make_jaxpr(function, structs, open_scope((), (), {}, frozenset()), side)

    def trace_form(self, form: ClosedForm) -> tuple[ClosedForm, Closed | None]:
        """The closed form's program. Narrow inputs are widened for it: that is exact."""
        try:
            closed = self.form_program(form, self.wide)
        except Undecidable as error:
            return ClosedForm(None, False, str(error)), None
        found = None if closed is None else [a.shape for a in closed.out_avals]
        if found is not None and found != [a.shape for a in self.lhs.closed.out_avals]:
            raise InternalDisagreement(f"the closed form has the shapes {found}, the sides do not")
        return form, closed

    def form_program(self, form: ClosedForm, dtype: Any) -> Closed | None:
        function, shapes = form.function, self.signature.shapes_at(self.sizes)
        if function is None:
            return None
        structs = [jax.ShapeDtypeStruct(shapes[name], dtype) for name in self.names]
        return jax.make_jaxpr(lambda *xs: function(dict(zip(self.names, xs, strict=True))))(*structs)

    def check_exactly(self, seed: int, target: float = TARGET) -> ExactCheck:
        """Both sides, and the closed form of their difference, modulo random primes."""
        with jax.enable_x64(True):
            form = self.form_program(self.form, np.dtype(np.float64))
        put = partial(self.placement.put_all, self.names)
        return check_here(
            self.lhs.closed,
            self.rhs.closed,
            form=form,
            target=target,
            seed=seed,
            device=self.device,
            put=put,
            agree=self.placement.agree,
        )

    def side(self, at: int) -> Callable[[Arrays], Leaves]:
        """One of the user's functions, from arrays by name to its output's leaves."""
        function = self.functions[at]
        return lambda arrays: jax.tree.leaves(function(*self.signature.arguments(self.sizes, arrays)))

    def place(self, arrays: Arrays) -> dict[str, Array]:
        return {name: self.placement.put(name, arrays[name]) for name in self.names}

    def predict(self, arrays: Arrays) -> Leaves | None:
        """The closed form's value."""
        if self.prediction is None:
            return None
        inputs = [arrays[name].astype(self.wide) for name in self.names]
        return [p.astype(self.wide) for p in jaxpr_as_fun(self.prediction)(*inputs)]

    def compare(self, lhs: Leaves, rhs: Leaves, arrays: Arrays) -> tuple[list[dict[str, Any]], Leaves | None]:
        """For each leaf the reductions of drift, prediction and what is left, and the prediction itself."""
        predicted = self.predict(arrays)
        found = []
        for at, (left, right) in enumerate(zip(lhs, rhs, strict=True)):
            left, right = left.astype(self.wide), right.astype(self.wide)
            drift = difference(left, right)
            parts = {"drift": drift, "rhs": finite_part(right)}
            if predicted is not None:
                parts |= {"predicted": predicted[at], "left": drift - predicted[at]}
            reductions: dict[str, Any] = {name: reduced(part) for name, part in parts.items()}
            bins = ulps(drift, left, right, jnp.dtype(self.dtype))
            found.append(reductions | ({"ulps": bins} if self.device.platform == "cpu" else {"counts": counted(bins)}))
        return found, predicted

    @property
    def bounded(self) -> dict[str, Closed]:
        """What has a rounding bound: each side, and the prediction."""
        found = {"lhs": self.lhs.closed, "rhs": self.rhs.closed}
        return found if self.prediction is None else found | {"predicted": self.prediction}

    def bound_of(self, name: str, arrays: Arrays, likely: bool = False) -> Leaves:
        """The rounding bound of a side or of the prediction: the guaranteed one, or what is likely."""
        table = rounding_table(Machine(self.device.platform, self.device, likely), rationals=name == "predicted")
        dtype = self.wide if name == "predicted" else self.dtype
        inputs = [Bounded(arrays[input_name].astype(dtype)) for input_name in self.names]
        return [b.slack.astype(self.wide) for b in interpret(table, self.bounded[name], inputs)]

    def bounds(self, found: Found, arrays: Arrays) -> dict[str, Leaves]:
        """All rounding bounds, one after the other: together they would need the memory of all."""
        return {
            name: self.timed(found, "bound", partial(self.bound_of, name), arrays, of=name) for name in self.bounded
        }

    def judge(
        self, lhs: Leaves, rhs: Leaves, predicted: Leaves | None, bounds: Mapping[str, Leaves]
    ) -> list[dict[str, Any]]:
        """For each leaf: how many entries of the drift, and of what is left, exceed what rounding can explain."""
        u, tiny = UNIT[self.wide.name], float(np.finfo(self.wide).tiny)
        found = []
        for at, (left, right) in enumerate(zip(lhs, rhs, strict=True)):
            drift = difference(left.astype(self.wide), right.astype(self.wide))
            bound = bounds["lhs"][at] + bounds["rhs"][at]
            size = jnp.abs(finite_part(drift))
            drawn = {"drift": (drift, up(bound + 2 * u * size, 8, 8 * tiny))}
            if predicted is not None:
                size = size + jnp.abs(predicted[at])
                allowed = up(bound + bounds["predicted"][at] + 4 * u * size, 8, 16 * tiny)
                drawn["left"] = (drift - predicted[at], allowed)
            found.append({name: exceeds(x, allowed) for name, (x, allowed) in drawn.items()})
        return found

    def program(self, name: str, function: Callable[..., Any], *args: Any, of: str = "") -> Any:
        """Compiled once for these shapes. The two sides are compiled as the user would compile them."""
        key = (name, of, str(jax.tree.map(lambda a: (a.shape, str(a.dtype)), args)))
        if key not in self.compiled:
            lowered = jax.jit(function).lower(*args)
            thrifty = self.device.platform == "cpu" and name not in ("lhs", "rhs")
            self.compiled[key] = compile_thriftily(lowered) if thrifty else lowered.compile()
        return self.compiled[key]

    def timed(self, found: Found, name: str, function: Callable[..., Any], *args: Any, of: str = "") -> Any:
        """Compile, then run and time."""
        program = self.program(name, function, *args, of=of)
        start = time.perf_counter()
        result = jax.block_until_ready(program(*args))
        found.seconds[name] = found.seconds.get(name, 0.0) + time.perf_counter() - start
        return result

    def execute(
        self, given: Arrays, *, bound: bool = True, eager: bool = False, expected: bool = False, pieces: Pieces = None
    ) -> Found:
        """Run everything on these inputs. With `pieces`, which cuts rows of the inputs, the bound is computed for some
        rows at a time: it needs copies of its inputs.

        Raises:
            BadInput: a result or its bound is not finite.
            Unsupported: a primitive has no rounding bound.
        """
        found, arrays = Found(), self.place(given)
        lhs = self.timed(found, "lhs", self.side(0), arrays)
        rhs = self.timed(found, "rhs", self.side(1), arrays)
        for at, leaves in enumerate((lhs, rhs)):
            self.require_finite(at, leaves, arrays, bound)
        parts, predicted = self.timed(found, "drift", self.compare, lhs, rhs, arrays)
        found.take(lhs, parts)
        wanted = {"bound": bound, "eager": eager, "expected": expected}
        if pieces is None:
            found.join(self.scrutinize(arrays, lhs, rhs, predicted, **wanted))
            return found
        del parts, predicted  # their memory is needed
        for run, start, stop, rows in pieces(arrays):
            left, right = ([x[start:stop] for x in side] for side in (lhs, rhs))
            predicted = None if run.prediction is None else run.program("predicted", run.predict, rows)(rows)
            found.join(run.scrutinize(rows, left, right, predicted, **wanted), start)
        return found

    def require_finite(self, at: int, leaves: Leaves, arrays: Arrays, bound: bool) -> None:
        """Raise unless a side's result is finite, or certainly ought to be: then it is a finding, not bad input.

        It ought to be where its value in float64 and its bound are finite and its dtype holds them: after a step that
        may overflow no bound is finite.
        """
        if all(bool(jnp.isfinite(leaf).all()) for leaf in leaves):
            return
        side = ("lhs", "rhs")[at]
        if bound:
            slack = self.program("bound", partial(self.bound_of, side), arrays, of=side)(arrays)
            most = float(jnp.finfo(self.dtype).max)
            with np.errstate(invalid="ignore", over="ignore"):
                held = [
                    np.abs(value) + fetch(room).astype(np.float64) < most
                    for value, room in zip(self.precise(at, arrays), slack, strict=True)
                ]
            if all((ought | np.isfinite(fetch(leaf))).all() for ought, leaf in zip(held, leaves, strict=True)):
                return
        if any(bool(jnp.isnan(leaf).any()) for leaf in leaves):
            raise BadInput(
                f"{side}: the result has entries that are no number (NaN) in {self.dtype}: an argument outside a "
                "function's domain, a division of 0 by 0, or an overflow on the way; give other inputs (inputs=)"
            )
        raise BadInput(f"{side}: the result is not finite in {self.dtype}; give smaller inputs or a wider dtype")

    def scrutinize(
        self, arrays: Arrays, lhs: Any, rhs: Any, predicted: Any, *, bound: bool, eager: bool, expected: bool
    ) -> Found:
        """What can be asked of results: bound, blame, what was to be expected, and op by op."""
        found, bounds = Found(), None
        if bound:
            bounds = self.bounds(found, arrays)
            operands = (lhs, rhs, predicted, bounds)
            judged = self.program("judge", self.judge, *operands)(*operands)
            if not all(np.isfinite(float(part["bound"][0])) for parts in judged for part in parts.values()):
                raise no_bound(bounds)
            self.collect(found, lhs, judged)
            if found.beyond["drift"] and (predicted is None or found.beyond["left"]):
                found.blamed = self.blame(arrays, (lhs, rhs), bounds)
        if bound and expected:
            likely = self.timed(found, "expected", self.likely, arrays)
            for name, total in zip(("drift", "left"), likely, strict=True):
                for leaf, x in zip(lhs, total, strict=True):
                    found.count(f"expected of {name}", x, leaf.size)
        if eager:
            self.hold_against_eager(found, arrays, (lhs, rhs), bounds)
        return found

    def likely(self, arrays: Arrays) -> tuple[list[Any], list[Any]]:
        """What rounding is likely to make of the drift, and of what is left, reduced."""
        bounds = {name: self.bound_of(name, arrays, likely=True) for name in self.bounded}
        sides = [jnp.hypot(a, b) for a, b in zip(bounds["lhs"], bounds["rhs"], strict=True)]
        rest = (
            [jnp.hypot(a, b) for a, b in zip(sides, bounds["predicted"], strict=True)]
            if "predicted" in bounds
            else sides
        )
        return [reduced(x) for x in sides], [reduced(x) for x in rest]

    def memory(
        self, bound: bool = True, piece: "Pass | None" = None, cut: frozenset[str] = frozenset()
    ) -> tuple[int, int]:
        """Bytes that the bare two sides need on a device, and that all of this does, as the compiler plans it; with
        `piece`, if the bound is computed by that, of rows of the inputs `cut`."""
        arrays, lhs, rhs = self.planned()
        held = footprint((arrays, lhs, rhs))
        bare = held + max(self.scratch("lhs", self.side(0), arrays), self.scratch("rhs", self.side(1), arrays))
        comparison = "drift", self.compare, lhs, rhs, arrays
        parts, predicted = self.results(*comparison)
        need = max(bare, held + footprint((parts, predicted)) + self.scratch(*comparison))
        if bound and piece is None:
            need = max(need, held + self.bound_memory(predicted))
        elif bound and piece is not None:
            rows, left, right = piece.planned()
            copies = footprint(([rows[name] for name in cut], left, right))
            predicted = None if piece.prediction is None else piece.results("predicted", piece.predict, rows)
            need = max(need, held + copies + piece.bound_memory(predicted))
        return bare, need

    def planned(self) -> tuple[dict[str, Any], Any, Any]:
        """The shapes of the inputs and of the sides' results."""
        shapes = self.signature.shapes_at(self.sizes)
        arrays = {name: self.placement.planned(name, shapes[name], jnp.dtype(self.dtype)) for name in self.names}
        lhs, rhs = (self.results(name, self.side(at), arrays) for at, name in enumerate(("lhs", "rhs")))
        return arrays, lhs, rhs

    def bound_memory(self, predicted: Any) -> int:
        """Bytes that a prediction, the bounds and their judgement need beside inputs and results."""
        arrays, lhs, rhs = self.planned()
        bounds: dict[str, Any] = {}
        held, need = footprint(predicted), 0
        for name in self.bounded:
            bound = partial(self.bound_of, name)
            bounds[name] = self.results("bound", bound, arrays, of=name)
            held += footprint(bounds[name])
            need = max(need, held + self.scratch("bound", bound, arrays, of=name))
        return max(need, held + self.scratch("judge", self.judge, lhs, rhs, predicted, bounds))

    def results(self, name: str, function: Callable[..., Any], *args: Any, of: str = "") -> Any:
        """The shapes of a program's results, and on several devices where they lie."""
        shapes = jax.eval_shape(function, *args)
        if self.placement.mesh is None:
            return shapes
        where = self.program(name, function, *args, of=of).output_shardings
        return jax.tree.map(lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s), shapes, where)

    def scratch(self, name: str, function: Callable[..., Any], *args: Any, of: str = "") -> int:
        """Bytes that a program needs beside its operands and results."""
        planned = self.program(name, function, *args, of=of).memory_analysis()
        return 0 if planned is None else int(planned.temp_size_in_bytes)

    def collect(self, found: Found, lhs: Leaves, judged: Sequence[Mapping[str, Any]]) -> None:
        """Bring the judgement to the host."""
        found.bounded = True
        for leaf, name, parts in zip(lhs, self.leaves, judged, strict=True):
            for kind, part in parts.items():
                found.beyond[kind] += int(part["beyond"])
                found.count(f"bound of {kind}", part["bound"], leaf.size)
                tightness = float(part["tightness"])
                if tightness >= found.tightness[kind]:
                    found.tightness[kind] = tightness
                    index = np.unravel_index(int(part["at"]), leaf.shape)
                    found.worst[kind] = (name, tuple(int(i) for i in index))

    def blame(self, given: Arrays, sides: Sequence[Leaves], bounds: Mapping[str, Leaves]) -> tuple[str, ...]:
        """The sides that are further from their own float64 value than rounding can explain."""
        if self.dtype == "float64":
            return ()
        blamed = []
        for at, name in enumerate(("lhs", "rhs")):
            for x, y, b in zip(sides[at], self.precise(at, given), bounds[name], strict=True):
                off = np.abs(np.where(np.isfinite(fetch(x)), fetch(x), np.inf).astype(np.float64) - y)
                if (off > 1.01 * fetch(b).astype(np.float64)).any() and name not in blamed:
                    blamed.append(name)
        return tuple(blamed)

    def precise(self, at: int, given: Arrays) -> list[np.ndarray]:
        """A side in float64 on the CPU, op by op: a compiler may be what is wrong."""
        with jax.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]), jax.disable_jit():
            arrays = {name: jnp.asarray(fetch(given[name]).astype(np.float64)) for name in self.names}
            return [np.asarray(leaf) for leaf in self.side(at)(arrays)]

    def hold_against_eager(
        self, found: Found, arrays: Arrays, sides: Sequence[Leaves], bounds: Mapping[str, Leaves] | None
    ) -> None:
        """Compiled minus op by op: XLA's rewrites are claims too."""
        beyond = []
        for at, name in enumerate(("lhs", "rhs")):
            for leaf, (x, y) in enumerate(zip(sides[at], self.side(at)(arrays), strict=True)):
                gap = difference(x.astype(self.wide), y.astype(self.wide))
                found.eager[name] = found.eager.get(name, Tally()) + tally(reduced(gap), x.size)
                if bounds is not None and bool((jnp.abs(gap) > up(2 * bounds[name][leaf], 8)).any()):
                    beyond.append(name)
        found.eager_beyond = tuple(dict.fromkeys(beyond))


def compile_thriftily(lowered: Any) -> Any:
    """Compiled for the CPU with steps in an order that needs little memory, as far as this XLA can be told."""
    try:
        return lowered.compile(compiler_options={"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"})
    except RuntimeError as error:
        if "compile option" not in str(error):
            raise
        return lowered.compile()


def has_contraction(closed: Closed) -> bool:
    return any(
        has_contraction(inner_jaxpr(e)) if e.primitive in CALLS else e.primitive in CONTRACTIONS
        for e in closed.jaxpr.eqns
    )


def footprint(tree: Any) -> int:
    """Bytes of all arrays in a tree; of those that are planned to lie on several devices, on one of them."""

    def here(a: Any) -> tuple[int, ...]:
        return a.sharding.shard_shape(a.shape) if isinstance(a, jax.ShapeDtypeStruct) and a.sharding else a.shape

    return sum(math.prod(here(a)) * np.dtype(a.dtype).itemsize for a in jax.tree.leaves(tree))


def exceeds(x: Array, allowed: Array) -> dict[str, Any]:
    """Where |x| is above what is allowed: how often, and where most. A bound of NaN allows nothing."""
    size = jnp.abs(x)
    ratio = jnp.where(size == 0, 0, size / allowed).ravel()
    return {
        "beyond": jnp.sum(~(size <= allowed)),
        "tightness": jnp.max(ratio, initial=0),
        "at": jnp.argmax(ratio) if ratio.size else 0,
        "bound": reduced(allowed),
    }


def no_bound(bounds: Mapping[str, Leaves]) -> BadInput:
    """That a side has no finite bound, and which."""
    names = {"lhs": "lhs", "rhs": "rhs", "predicted": "the closed form"}
    of = [names[side] for side, leaves in bounds.items() if not all(bool(jnp.isfinite(b).all()) for b in leaves)]
    return BadInput(
        f"measure: the rounding bound of {' and '.join(of) or 'the difference'} overflows on these inputs: a step on "
        "the way is too large for its dtype, or so near a singularity (1/0, log 0) that nothing bounds it; "
        "scale the inputs, measure in float64 (dtype=, --dtype), or leave the bound out (bound=False, --no-bound)"
    )
