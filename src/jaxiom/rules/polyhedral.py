"""The polyhedral table: each primitive as constraints between the indices of its result and of its operands.

Its rules are written apart from the explicit ones; the prover holds the two against each other.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import islpy as isl
import jax
import numpy as np

from jaxiom.errors import BadShape, InternalDisagreement, Undecidable, Unsupported
from jaxiom.interpret import Rule, Step, Table
from jaxiom.polyhedra.axes import atomic, finer, links, plus, product, refactor, reshape
from jaxiom.polyhedra.form import Form, Sizes, join, linear, scalar, spread
from jaxiom.polyhedra.polynomial import Atom, Polynomial, fully_affine, isl_text, lift
from jaxiom.polyhedra.world import World
from jaxiom.rules.constants import CONSTANT, constant_form, literal_number
from jaxiom.trace import Primitive, Scope, all_primitives

Names = Sequence[str]


def equal(a: Names, b: Names) -> list[str]:
    return [f"{x} = {y}" for x, y in zip(a, b, strict=True)]


@dataclass
class Polyhedral:
    """The rules, for one world of sizes and one trace's symbols."""

    world: World
    scope: Scope
    simplest_rationals: bool = False
    constants: dict[str, tuple[Sizes, ...]] = field(default_factory=dict)
    read_as: dict[str, None] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the program's numbers were read, where a reader may have meant another."""
        return tuple(self.read_as)

    def table(self) -> Table[Form]:
        primitives = all_primitives()
        rules: dict[Primitive, Rule] = {primitives[name]: rule for name, rule in self.rules().items()}
        return Table("polyhedral", rules, self.literal, self.check)

    def rules(self) -> dict[str, Rule]:
        """A line a primitive."""
        return {
            "add": self.add,
            "add_any": self.add,
            "sub": self.sub,
            "mul": self.mul,
            "neg": self.neg,
            "div": self.div,
            "square": self.square,
            "integer_pow": self.integer_pow,
            "reduce_sum": self.reduce_sum,
            "dot_general": self.dot_general,
            "conv_general_dilated": self.conv_general_dilated,
            "broadcast_in_dim": self.broadcast_in_dim,
            "transpose": self.transpose,
            "reshape": self.reshape,
            "squeeze": self.squeeze,
            "pad": self.pad,
            "slice": self.slice,
            "rev": self.rev,
            "concatenate": self.concatenate,
            "convert_element_type": self.convert_element_type,
            "dim_as_value": self.dim_as_value,
            "copy": self.identity,
            "stop_gradient": self.identity,
        }

    # -- numbers and shapes

    def size(self, dim: Any) -> Polynomial:
        return self.scope.size(dim)

    def literal(self, value: Any, aval: Any) -> Form:
        """A number (the binary fraction that it is), or a constant array."""
        if np.ndim(value) == 0:
            number = self.number(value, aval)
            return scalar(self.world, number, kind_of(aval.dtype))
        form = constant_form(self.world, np.asarray(value), lambda v: self.number(v, aval))
        for term in form.terms:
            self.constants.update(dict.fromkeys((t for t in term.monomial if t.startswith(CONSTANT)), form.axes))
        return form

    def number(self, value: Any, aval: Any) -> Fraction:
        """The exact value of a number; noted where a simpler rational lies within half an ulp."""
        exact, simple = literal_number(value, aval), literal_number(value, aval, simplest=True)
        chosen = simple if self.simplest_rationals else exact
        if exact != simple:
            self.read_as[f"{np.asarray(value).astype(aval.dtype)[()]} is read as {chosen}"] = None
        return chosen

    def check(self, step: Step, value: Form, aval: Any) -> None:
        """Each axis must have the size that JAX inferred."""
        if len(value.axes) != len(aval.shape):
            raise InternalDisagreement(f"{step.primitive}: rank {len(value.axes)} where JAX has {aval.shape}")
        for axis, dim in zip(value.axes, aval.shape, strict=True):
            if not self.world.same(product(axis), self.size(dim)):
                raise InternalDisagreement(f"{step.primitive}: size {product(axis)} where JAX has {dim}")

    def new_axes(self, shape: Sequence[Any]) -> list[Sizes]:
        return [atomic(self.world, self.affine(self.size(d))) for d in shape]

    def affine(self, size: Polynomial) -> Polynomial:
        if not fully_affine(size):
            raise Undecidable(f"an axis of size {size}: not affine, and not merged from axes that are")
        return size

    def position(self, axis: Sizes, indices: Names, step: Step) -> str:
        """The position in an axis, as an affine text."""
        text = linear(axis, indices)
        if text is None:
            raise Undecidable(
                f"{step.primitive} at {step.line} moves along an axis merged from factors "
                f"{', '.join(map(str, axis))}: positions in it are not affine"
            )
        return text

    # -- arithmetic

    def identity(self, step: Step, x: Form) -> Form:
        return x

    def add(self, step: Step, a: Form, b: Form) -> Form:
        return plus(self.world, *self.match(step, a, b))

    def sub(self, step: Step, a: Form, b: Form) -> Form:
        a, b = self.match(step, a, b)
        return plus(self.world, a, b.scale(-1))

    def match(self, step: Step, a: Form, b: Form) -> tuple[Form, Form]:
        """Both operands over all of the result's axes: lax takes a scalar or an axis of size 1 beside a larger one."""
        out = step.outs[0].shape
        return self.stretch(a, step.ins[0].shape, out, b), self.stretch(b, step.ins[1].shape, out, a)

    def stretch(self, form: Form, shape: Sequence[Any], out: Sequence[Any], other: Form) -> Form:
        if (
            not out
            or len(shape) == len(out)
            and all(self.size(d) == self.size(o) for d, o in zip(shape, out, strict=True))
        ):
            return form
        if not form.axes:
            return spread(self.world, form, other.axes, ())
        axes = [
            mine if mine or self.world.is_one(self.size(o)) else theirs
            for mine, theirs, o in zip(form.axes, other.axes, out, strict=True)
        ]
        kept = Form(tuple(axes), ())
        positions = [p for i, axis in enumerate(form.axes) if axis for p in kept.positions(i)]
        return spread(self.world, form, axes, positions)

    def neg(self, step: Step, a: Form) -> Form:
        return a.scale(-1)

    def mul(self, step: Step, a: Form, b: Form, *, out_dtype: Any) -> Form:
        step.expect(out_dtype=(out_dtype, None))
        return self.times(*self.match(step, a, b))

    def times(self, a: Form, b: Form) -> Form:
        """The product entry by entry of two tensors of the same shape."""
        common = [finer(self.world, x, y) for x, y in zip(a.axes, b.axes, strict=True)]
        a, b = refactor(self.world, a, common), refactor(self.world, b, common)
        return join(self.world, common, [a, b], lambda g: equal(g[0], g[1]) + equal(g[0], g[2]))

    def square(self, step: Step, a: Form) -> Form:
        return self.times(a, a)

    def integer_pow(self, step: Step, a: Form, *, y: int) -> Form:
        if y < 0:
            return self.reciprocal(step, self.integer_pow(step, a, y=-y))
        result = spread(self.world, scalar(self.world, 1), a.axes, ())
        for _ in range(y):
            result = self.times(result, a)
        return result

    def div(self, step: Step, a: Form, b: Form) -> Form:
        if a.kind == "int":
            raise step.refuse("division of integers rounds; divide floats, or the sizes with // in the shape")
        a, b = self.match(step, a, b)
        return self.times(a, self.reciprocal(step, b))

    def reciprocal(self, step: Step, b: Form) -> Form:
        """1 / b where b is a number, a size, or a polynomial of indices that isl proves nonzero."""
        if any(t.monomial for t in b.terms):
            raise step.refuse("division by a tensor that depends on the inputs")
        if len(b.terms) != 1:
            raise step.refuse("division by zero" if not b.terms else "division by a tensor given by several cases")
        (term,) = b.terms
        full = self.world.set(len(b.atoms), self.world.box(b.atoms)).intersect_params(self.world.domain)
        footprint = term.points.project_out(
            isl.dim_type.set, len(b.atoms), term.points.dim(isl.dim_type.set) - len(b.atoms)
        )
        if not full.is_subset(footprint):
            raise step.refuse("division by a tensor that is zero somewhere")
        divisor = term.weight
        numerator = product(list(term.divisors))
        if divisor.is_constant:
            return replace(b, terms=(replace(term, weight=numerator * (1 / divisor.value), divisors=()),), kind="real")
        self.exclude_zeros(step, term.points, divisor)
        return replace(b, terms=(replace(term, weight=numerator, divisors=(divisor,)),), kind="real")

    def exclude_zeros(self, step: Step, points: isl.Set, divisor: Polynomial) -> None:
        """Leave out the sizes at which a divisor is zero: x·(n-1)/(n-1) = x is no theorem at n = 1."""
        positions = [v for v in divisor.variables if isinstance(v, int)]
        if positions:
            if divisor.is_affine:
                text = isl_text(divisor * divisor.denominator)
                zero = points.intersect(self.world.set(points.dim(isl.dim_type.set), [f"{text} = 0"]))
                if zero.is_empty():
                    return
            raise Undecidable(f"{step.primitive} at {step.line} divides by {divisor}, which may be zero")
        zeros = self.world.zeros(divisor)
        if zeros is None:
            raise Undecidable(
                f"{step.primitive} at {step.line} divides by {divisor}: whether that can be 0 is not affine"
            )
        if not zeros.is_empty():
            self.world.narrow(zeros, not_zero(divisor))

    # -- sums

    def reduce_sum(self, step: Step, x: Form, *, axes: Sequence[int], out_sharding: Any) -> Form:
        step.expect(out_sharding=(out_sharding, None))
        kept = [i for i in range(len(x.axes)) if i not in axes]
        positions = [p for i in kept for p in x.positions(i)]
        return join(self.world, [x.axes[i] for i in kept], [x], lambda g: equal(g[0], [g[1][p] for p in positions]))

    def dot_general(
        self,
        step: Step,
        a: Form,
        b: Form,
        *,
        dimension_numbers: Any,
        precision: Any,
        preferred_element_type: Any,
        out_sharding: Any,
    ) -> Form:
        # precision says how it is rounded, which the reals do not know.
        step.expect(out_sharding=(out_sharding, None))
        keeps_reals(step, preferred_element_type)
        (contract_a, contract_b), (batch_a, batch_b) = dimension_numbers
        free_a = [i for i in range(len(a.axes)) if i not in (*contract_a, *batch_a)]
        free_b = [i for i in range(len(b.axes)) if i not in (*contract_b, *batch_b)]
        batch = [finer(self.world, a.axes[i], b.axes[j]) for i, j in zip(batch_a, batch_b, strict=True)]
        axes = [*batch, *(a.axes[i] for i in free_a), *(b.axes[j] for j in free_b)]

        def link(g: Sequence[Names]) -> list[str]:
            found: list[str] = []
            groups = split(g[0], axes)
            pick_a, pick_b = split(g[1], a.axes), split(g[2], b.axes)
            for out, i, j, size in zip(groups, batch_a, batch_b, batch, strict=False):
                found += links(self.world, size, a.axes[i], out, pick_a[i])
                found += links(self.world, size, b.axes[j], out, pick_b[j])
            for out, i in zip(groups[len(batch) :], free_a, strict=False):
                found += equal(out, pick_a[i])
            for out, j in zip(groups[len(batch) + len(free_a) :], free_b, strict=True):
                found += equal(out, pick_b[j])
            for i, j in zip(contract_a, contract_b, strict=True):
                found += links(self.world, a.axes[i], b.axes[j], pick_a[i], pick_b[j])
            return found

        return join(self.world, axes, [a, b], link)

    def conv_general_dilated(
        self,
        step: Step,
        x: Form,
        w: Form,
        *,
        window_strides: Sequence[int],
        padding: Sequence[tuple[Any, Any]],
        lhs_dilation: Sequence[int],
        rhs_dilation: Sequence[int],
        dimension_numbers: Any,
        feature_group_count: Any,
        batch_group_count: Any,
        precision: Any,
        preferred_element_type: Any,
        out_sharding: Any,
    ) -> Form:
        # precision says how it is rounded, which the reals do not know.
        step.expect(out_sharding=(out_sharding, None))
        keeps_reals(step, preferred_element_type)
        numbers = [*window_strides, *lhs_dilation, *rhs_dilation]
        if not all(isinstance(v, int | np.integer) for v in numbers):
            raise step.refuse(
                "a stride or dilation must be a number: a product of variables is outside what isl decides"
            )
        groups = feature_groups(self, step, x, w, dimension_numbers, feature_group_count, batch_group_count)
        lhs, rhs, out = dimension_numbers.lhs_spec, dimension_numbers.rhs_spec, dimension_numbers.out_spec
        axes: list[Sizes] = [()] * len(out)
        axes[out[0]], axes[out[1]] = groups.batch_axis, groups.feature_axis
        for at, dim in zip(out[2:], [step.outs[0].shape[i] for i in out[2:]], strict=True):
            axes[at] = atomic(self.world, self.affine(self.size(dim)))
        low = [isl_text(self.affine(self.size(p[0]))) for p in padding]

        def link(g: Sequence[Names]) -> list[str]:
            o, a, b = split(g[0], axes), split(g[1], x.axes), split(g[2], w.axes)
            found = groups.link(o[out[0]], o[out[1]], a[lhs[0]], a[lhs[1]], b[rhs[0]], b[rhs[1]], g[3])
            for d in range(len(window_strides)):
                here = self.position(x.axes[lhs[2 + d]], a[lhs[2 + d]], step)
                tap = self.position(w.axes[rhs[2 + d]], b[rhs[2 + d]], step)
                at = self.position(axes[out[2 + d]], o[out[2 + d]], step)
                found.append(
                    f"{lhs_dilation[d]}*({here}) = {window_strides[d]}*({at}) + {rhs_dilation[d]}*({tap}) - ({low[d]})"
                )
            return found

        return join(self.world, axes, [x, w], link, extra=groups.extra)

    # -- moves

    def broadcast_in_dim(
        self,
        step: Step,
        x: Form,
        *dynamic: Form,
        shape: Sequence[Any],
        broadcast_dimensions: Sequence[int],
        sharding: Any,
    ) -> Form:
        # With symbolic sizes JAX passes them as operands too; `shape` says the same.
        step.expect(sharding=(sharding, None))
        axes: list[Sizes] = []
        source = {d: i for i, d in enumerate(broadcast_dimensions)}
        stretched: set[int] = set()
        for d, dim in enumerate(shape):
            if d in source and (x.axes[source[d]] or self.world.is_one(self.size(dim))):
                axes.append(x.axes[source[d]])
                continue
            stretched.add(d)
            axes.append(self.broadcast_axis(dim))
        kept = [d for d in broadcast_dimensions if d not in stretched]

        def link(g: Sequence[Names]) -> list[str]:
            out = split(g[0], axes)
            inner = split(g[1], x.axes)
            return [line for d in kept for line in equal(out[d], inner[source[d]])]

        return join(self.world, axes, [x], link)

    def broadcast_axis(self, dim: Any) -> Sizes:
        """An axis along which the tensor is constant: any factors will do."""
        size = self.size(dim)
        if fully_affine(size):
            return atomic(self.world, size)
        if len(size.terms) == 1:
            ((powers, coefficient),) = size.terms.items()
            factors = [Polynomial.variable(v) for v, e in powers for _ in range(e)]
            return tuple(([lift(coefficient)] if coefficient != 1 else []) + factors)
        raise Undecidable(f"an axis of size {size}: not affine, and not merged from axes that are")

    def transpose(self, step: Step, x: Form, *, permutation: Sequence[int]) -> Form:
        positions = [p for i in permutation for p in x.positions(i)]
        axes = [x.axes[i] for i in permutation]
        return join(self.world, axes, [x], lambda g: equal(g[0], [g[1][p] for p in positions]))

    def reshape(
        self, step: Step, x: Form, *dynamic: Form, new_sizes: Sequence[Any], dimensions: Any, sharding: Any
    ) -> Form:
        step.expect(dimensions=(dimensions, None), sharding=(sharding, None))
        sizes = [self.size(d) for d in new_sizes]
        old, new = product(list(x.atoms)), product(sizes)
        if not self.world.same(old, new):
            raise BadShape(
                f"reshape at {step.line}: {' × '.join(map(str, x.atoms))} entries do not fill "
                f"({', '.join(map(str, sizes))}) for every allowed size{missing_condition(self.world, old - new)}"
            )
        return reshape(self.world, x, sizes)

    def squeeze(self, step: Step, x: Form, *, dimensions: Sequence[int]) -> Form:
        return replace(x, axes=tuple(a for i, a in enumerate(x.axes) if i not in dimensions))

    def slice(
        self, step: Step, x: Form, *, start_indices: Sequence[Any], limit_indices: Sequence[Any], strides: Any
    ) -> Form:
        # limit_indices only sets the size of the result, which JAX has worked out.
        axes = self.new_axes(step.outs[0].shape)
        starts = [isl_text(self.affine(self.size(s))) for s in start_indices]
        steps = strides or [1] * len(starts)
        full = [self.covers(x, i, start_indices[i], steps[i], step) for i in range(len(axes))]
        axes = [x.axes[i] if full[i] else axes[i] for i in range(len(axes))]

        def link(g: Sequence[Names]) -> list[str]:
            out, inner = split(g[0], axes), split(g[1], x.axes)
            found: list[str] = []
            for i in range(len(axes)):
                if full[i]:
                    found += equal(out[i], inner[i])
                    continue
                at = self.position(axes[i], out[i], step)
                found.append(f"{self.position(x.axes[i], inner[i], step)} = {starts[i]} + {steps[i]}*({at})")
            return found

        return join(self.world, axes, [x], link)

    def covers(self, x: Form, axis: int, start: Any, stride: int, step: Step) -> bool:
        """Whether a slice takes the whole of an axis, which may then be a merged one."""
        whole = self.world.same(product(x.axes[axis]), self.size(step.outs[0].shape[axis]))
        return whole and stride == 1 and not self.size(start)

    def rev(self, step: Step, x: Form, *, dimensions: Sequence[int]) -> Form:
        def link(g: Sequence[Names]) -> list[str]:
            out, inner = split(g[0], x.axes), split(g[1], x.axes)
            found: list[str] = []
            for i, axis in enumerate(x.axes):
                # Reversing a merged axis reverses each factor.
                flip = i in dimensions
                found += [
                    f"{b} = {isl_text(size)} - 1 - {a}" if flip else f"{b} = {a}"
                    for a, b, size in zip(out[i], inner[i], axis, strict=True)
                ]
            return found

        return join(self.world, x.axes, [x], link)

    def pad(self, step: Step, x: Form, value: Form, *, padding_config: Sequence[tuple[Any, Any, Any]]) -> Form:
        untouched = [all(not self.size(v) for v in (low, high, gap)) for low, high, gap in padding_config]
        axes = self.new_axes([d if not same else 1 for d, same in zip(step.outs[0].shape, untouched, strict=True)])
        axes = [x.axes[i] if untouched[i] else axes[i] for i in range(len(axes))]
        if any(not self.size(gap).is_constant for _, _, gap in padding_config):
            raise step.refuse("an interior padding must be a number")

        def link(g: Sequence[Names]) -> list[str]:
            out, inner = split(g[0], axes), split(g[1], x.axes)
            found: list[str] = []
            for i, (low, _, gap) in enumerate(padding_config):
                if untouched[i]:
                    found += equal(out[i], inner[i])
                    continue
                here, there = self.position(axes[i], out[i], step), self.position(x.axes[i], inner[i], step)
                stride = int(self.size(gap).value) + 1
                found.append(f"{here} = {stride}*({there}) + {isl_text(self.affine(self.size(low)))}")
            return found

        inside = join(self.world, axes, [x], link)
        if not value.terms:
            return inside
        return plus(self.world, inside, self.fill(axes, x, link, value))

    def fill(self, axes: Sequence[Sizes], x: Form, link: Callable[..., list[str]], value: Form) -> Form:
        """The padding value, wherever no entry of x lands."""
        one = spread(self.world, scalar(self.world, 1), x.axes, ())
        landed = join(self.world, axes, [one], link)
        atoms = list(itertools.chain(*axes))
        outside = self.world.set(len(atoms), self.world.box(atoms)).intersect_params(self.world.domain)
        for term in landed.terms:
            outside = outside.subtract(term.points)
        return join(self.world, axes, [value], lambda g: [], within=outside)

    def concatenate(self, step: Step, *parts: Form, dimension: int) -> Form:
        common = [
            finer_of_all(self.world, [p.axes[i] for p in parts]) if i != dimension else ()
            for i in range(len(parts[0].axes))
        ]
        common[dimension] = atomic(self.world, self.affine(self.size(step.outs[0].shape[dimension])))
        offset = lift(0)
        result: Form | None = None
        for part, aval in zip(parts, step.ins, strict=True):
            start = isl_text(self.affine(offset))

            def link(g: Sequence[Names], part: Form = part, start: str = start) -> list[str]:
                out, inner = split(g[0], common), split(g[1], part.axes)
                found: list[str] = []
                for i in range(len(common)):
                    if i == dimension:
                        here = self.position(common[i], out[i], step)
                        found.append(f"{here} = {self.position(part.axes[i], inner[i], step)} + {start}")
                    else:
                        found += links(self.world, common[i], part.axes[i], out[i], inner[i])
                return found

            placed = join(self.world, common, [part], link)
            result = placed if result is None else plus(self.world, result, placed)
            offset = offset + self.size(aval.shape[dimension])
        if result is None:
            raise step.refuse("nothing to concatenate")
        return result

    def convert_element_type(self, step: Step, x: Form, *, new_dtype: Any, weak_type: bool, sharding: Any) -> Form:
        # weak_type only steers JAX's promotion, which has happened.
        step.expect(sharding=(sharding, None))
        target = kind_of(new_dtype)
        if x.kind == "real" and target == "int":
            raise step.refuse(f"a conversion from float to {np.dtype(new_dtype).name} truncates")
        return replace(x, kind=target)

    def dim_as_value(self, step: Step, *, dim: Any) -> Form:
        return scalar(self.world, self.size(dim), "int")


def split(indices: Names, axes: Sequence[Sizes]) -> list[Names]:
    """The index names of each axis."""
    found, at = [], 0
    for axis in axes:
        found.append(indices[at : at + len(axis)])
        at += len(axis)
    return found


def finer_of_all(world: World, axes: Sequence[Sizes]) -> Sizes:
    best = axes[0]
    for other in axes[1:]:
        best = finer(world, best, other)
    return best


def kind_of(dtype: Any) -> str:
    """Whether a dtype stands for reals or for integers; others are refused."""
    if jax.numpy.issubdtype(dtype, np.floating):
        return "real"
    if jax.numpy.issubdtype(dtype, np.integer):
        return "int"
    raise Unsupported(f"values of dtype {np.dtype(dtype).name}: jaxiom reads real numbers and integers")


def keeps_reals(step: Step, preferred: Any) -> None:
    """A preferred element type says how it is accumulated; an integer one would truncate."""
    if preferred is not None and any(kind_of(a.dtype) == "real" for a in step.ins) and kind_of(preferred) == "int":
        raise step.refuse(f"preferred_element_type={preferred} truncates")


def missing_condition(world: World, difference: Polynomial) -> str:
    """The condition that would make a size expression zero, where a divisibility does it."""
    for atom in sorted((v for v in difference.variables if isinstance(v, Atom)), key=str):
        if atom.operation in ("floordiv", "mod"):
            text = f"{atom.left} % {atom.right} == 0"
            told = world.condition(f"({isl_text(atom.left)}) mod {atom.right} = 0")
            inner = World(world.parameters, world.domain.intersect(told))
            if not inner.domain.is_empty() and inner.is_zero(difference):
                return f'. Say so in given=: "{text}"'
    return f": they differ by {difference}"


@dataclass(frozen=True)
class Groups:
    """How batch and features of a convolution tie together."""

    batch_axis: Sizes
    feature_axis: Sizes
    link: Callable[..., list[str]]
    extra: int = 0


def feature_groups(
    rules: Polyhedral, step: Step, x: Form, w: Form, numbers: Any, features: Any, batches: Any
) -> Groups:
    """The part of a convolution that is not spatial: features contracted, in groups where there are any."""
    lhs, rhs = numbers.lhs_spec, numbers.rhs_spec
    batch, channel = x.axes[lhs[0]], x.axes[lhs[1]]
    feature, inner = w.axes[rhs[0]], w.axes[rhs[1]]
    if not is_number(batches, 1):
        raise step.refuse(f"batch_group_count={batches} has no rule, only 1")
    if is_number(features, 1):

        def plain(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
            return equal(n, xn) + equal(k, wk) + links(rules.world, channel, inner, xc, wc)

        return Groups(batch, feature, plain)
    return grouped(rules, step, batch, (channel, inner, feature), rules.size(features))


def grouped(rules: Polyhedral, step: Step, batch: Sizes, axes: tuple[Sizes, Sizes, Sizes], count: Polynomial) -> Groups:
    """Feature groups: channel = g·(channels per group) + inner, and feature // (features per group) = g."""
    channel, inner, feature = axes
    per_channel, features = product(inner), product(feature)
    width = next((v for v in divisions(rules.world, features, count)), None)
    if width is None or not (per_channel.is_constant and width.is_constant):
        if not count.is_constant:
            raise Undecidable(
                f"{step.primitive} at {step.line}: feature groups of symbolic number and size give a product of "
                "variables; put a number for the number of groups, or for both sizes of a group"
            )
        return numbered_groups(rules, step, batch, axes, int(count.value))
    a, b = int(per_channel.value), int(width.value)

    def link(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
        (g,) = extra
        here, tap = rules.position(channel, xc, step), rules.position(inner, wc, step)
        at = rules.position(feature, wk, step)
        return equal(n, xn) + equal(k, wk) + [f"{here} = {a}*{g} + {tap}", f"{b}*{g} <= {at} < {b}*{g} + {b}"]

    return Groups(batch, feature, link, extra=1)


def numbered_groups(
    rules: Polyhedral, step: Step, batch: Sizes, axes: tuple[Sizes, Sizes, Sizes], count: int
) -> Groups:
    """A given number of groups of symbolic size: one case a group."""
    channel, inner, feature = axes
    per_channel, features = isl_text(rules.affine(product(inner))), isl_text(rules.affine(product(feature)))

    def link(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
        here, tap = rules.position(channel, xc, step), rules.position(inner, wc, step)
        at = rules.position(feature, wk, step)
        cases = [
            f"({here} = {g}*({per_channel}) + {tap} and {g}*({features}) <= {count}*({at}) < {g + 1}*({features}))"
            for g in range(count)
        ]
        return equal(n, xn) + equal(k, wk) + ["(" + " or ".join(cases) + ")"]

    return Groups(batch, feature, link)


def divisions(world: World, features: Polynomial, count: Polynomial) -> list[Polynomial]:
    """features / count where that is a number for all sizes."""
    if count.is_constant:
        return [features * Fraction(1, int(count.value))] if features.is_constant else []
    ratios = {features.terms.get(p, Fraction(0)) / c for p, c in count.terms.items()}
    return [lift(r) for r in ratios if world.same(features, count * r)]


def not_zero(size: Polynomial) -> str:
    """`size != 0` in words, solved where it is about one size."""
    if len(size.variables) == 1 and size.is_affine and not any(isinstance(v, Atom) for v in size.variables):
        (name,) = size.variables
        return f"{name} != {-size.value / size.by_powers_of(name)[1].value}"
    return f"{size} != 0"


def is_number(value: Any, expected: int) -> bool:
    return isinstance(value, int | np.integer) and value == expected
