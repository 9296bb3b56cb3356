"""The polyhedral rules that move entries: each is constraints between the indices of its result and its operand."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from jaxiom.errors import BadShape, Undecidable
from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import atomic, finer, links, plus, product, refactor
from jaxiom.polyhedra.axes import reshape as reshaped
from jaxiom.polyhedra.form import Form, Missing, Sizes, join, scalar, spread
from jaxiom.polyhedra.polynomial import Atom, Polynomial, fully_affine, isl_text, lift
from jaxiom.polyhedra.world import World
from jaxiom.rules.frame import Frame, Names, equal, split


def broadcast_in_dim(
    on: Frame,
    step: Step,
    x: Form,
    *dynamic: Form,
    shape: Sequence[Any],
    broadcast_dimensions: Sequence[int],
    sharding: Any,
) -> Form:
    # With symbolic sizes JAX passes them as operands too; `shape` says the same.
    step.expect(sharding=(sharding, None))
    if isinstance(x, Missing):
        return Missing(x.value, on.new_axes(shape))
    axes: list[Sizes] = []
    source = {d: i for i, d in enumerate(broadcast_dimensions)}
    stretched: set[int] = set()
    for d, dim in enumerate(shape):
        if d in source and (x.axes[source[d]] or on.world.is_one(on.size(dim))):
            axes.append(x.axes[source[d]])
            continue
        stretched.add(d)
        axes.append(broadcast_axis(on, dim))
    kept = [d for d in broadcast_dimensions if d not in stretched]

    def link(g: Sequence[Names]) -> list[str]:
        out = split(g[0], axes)
        inner = split(g[1], x.axes)
        return [line for d in kept for line in equal(out[d], inner[source[d]])]

    return join(on.world, axes, [x], link)


def broadcast_axis(on: Frame, dim: Any) -> Sizes:
    """An axis along which the tensor is constant: any factors will do."""
    size = on.size(dim)
    if fully_affine(size):
        return atomic(on.world, size)
    if len(size.terms) == 1:
        ((powers, coefficient),) = size.terms.items()
        factors = [Polynomial.variable(v) for v, e in powers for _ in range(e)]
        return tuple(([lift(coefficient)] if coefficient != 1 else []) + factors)
    raise Undecidable(f"an axis of size {size}: not affine, and not merged from axes that are")


def transpose(on: Frame, step: Step, x: Form, *, permutation: Sequence[int]) -> Form:
    positions = [p for i in permutation for p in x.positions(i)]
    axes = [x.axes[i] for i in permutation]
    return join(on.world, axes, [x], lambda g: equal(g[0], [g[1][p] for p in positions]))


def reshape(
    on: Frame, step: Step, x: Form, *dynamic: Form, new_sizes: Sequence[Any], dimensions: Any, sharding: Any
) -> Form:
    step.expect(sharding=(sharding, None))
    if dimensions is not None:  # the order in which the operand's axes are read
        x = transpose(on, step, x, permutation=dimensions)
    sizes = [on.size(d) for d in new_sizes]
    old, new = product(list(x.atoms)), product(sizes)
    if not on.world.same(old, new):
        raise BadShape(
            f"reshape at {step.line}: {' × '.join(map(str, x.atoms))} entries do not fill "
            f"({', '.join(map(str, sizes))}) for every allowed size{missing_condition(on.world, old - new)}"
        )
    return reshaped(on.world, x, sizes)


def squeeze(on: Frame, step: Step, x: Form, *, dimensions: Sequence[int]) -> Form:
    return replace(x, axes=tuple(a for i, a in enumerate(x.axes) if i not in dimensions))


def slice(
    on: Frame, step: Step, x: Form, *, start_indices: Sequence[Any], limit_indices: Sequence[Any], strides: Any
) -> Form:
    # limit_indices only sets the size of the result, which JAX has worked out.
    axes = on.new_axes(step.outs[0].shape)
    starts = [isl_text(on.affine(on.size(s))) for s in start_indices]
    steps = strides or [1] * len(starts)
    full = [covers(on, x, i, start_indices[i], steps[i], step) for i in range(len(axes))]
    axes = [x.axes[i] if full[i] else axes[i] for i in range(len(axes))]

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found: list[str] = []
        for i in range(len(axes)):
            if full[i]:
                found += equal(out[i], inner[i])
                continue
            at = on.position(axes[i], out[i], step)
            found.append(f"{on.position(x.axes[i], inner[i], step)} = {starts[i]} + {steps[i]}*({at})")
        return found

    return join(on.world, axes, [x], link)


def covers(on: Frame, x: Form, axis: int, start: Any, stride: int, step: Step) -> bool:
    """Whether a slice takes the whole of an axis, which may then be a merged one."""
    whole = on.world.same(product(x.axes[axis]), on.size(step.outs[0].shape[axis]))
    return whole and stride == 1 and not on.size(start)


def rev(on: Frame, step: Step, x: Form, *, dimensions: Sequence[int]) -> Form:
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

    return join(on.world, x.axes, [x], link)


def pad(on: Frame, step: Step, x: Form, value: Form, *, padding_config: Sequence[tuple[Any, Any, Any]]) -> Form:
    untouched = [all(not on.size(v) for v in (low, high, gap)) for low, high, gap in padding_config]
    axes = on.new_axes([d if not same else 1 for d, same in zip(step.outs[0].shape, untouched, strict=True)])
    axes = [x.axes[i] if untouched[i] else axes[i] for i in range(len(axes))]
    if any(not on.size(gap).is_constant for _, _, gap in padding_config):
        raise step.refuse("an interior padding must be a number")

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found: list[str] = []
        for i, (low, _, gap) in enumerate(padding_config):
            if untouched[i]:
                found += equal(out[i], inner[i])
                continue
            here, there = on.position(axes[i], out[i], step), on.position(x.axes[i], inner[i], step)
            stride = int(on.size(gap).value) + 1
            found.append(f"{here} = {stride}*({there}) + {isl_text(on.affine(on.size(low)))}")
        return found

    inside = join(on.world, axes, [x], link)
    if not value.terms:
        return inside
    return plus(on.world, inside, fill(on, axes, x, link, value))


def fill(on: Frame, axes: Sequence[Sizes], x: Form, link: Callable[..., list[str]], value: Form) -> Form:
    """The padding value, wherever no entry of x lands."""
    one = spread(on.world, scalar(on.world, 1), x.axes, ())
    landed = join(on.world, axes, [one], link)
    atoms = list(itertools.chain(*axes))
    outside = on.world.set(len(atoms), on.world.box(atoms)).intersect_params(on.world.domain)
    for term in landed.terms:
        outside = outside.subtract(term.points)
    return join(on.world, axes, [value], lambda g: [], ties=lambda g: [(outside, g[0])])


def concatenate(on: Frame, step: Step, *parts: Form, dimension: int) -> Form:
    common = [
        finer_of_all(on.world, [p.axes[i] for p in parts]) if i != dimension else () for i in range(len(parts[0].axes))
    ]
    common[dimension] = atomic(on.world, on.affine(on.size(step.outs[0].shape[dimension])))
    offset = lift(0)
    result: Form | None = None
    for part, aval in zip(parts, step.ins, strict=True):
        start = isl_text(on.affine(offset))

        def link(g: Sequence[Names], part: Form = part, start: str = start) -> list[str]:
            out, inner = split(g[0], common), split(g[1], part.axes)
            found: list[str] = []
            for i in range(len(common)):
                if i == dimension:
                    here = on.position(common[i], out[i], step)
                    found.append(f"{here} = {on.position(part.axes[i], inner[i], step)} + {start}")
                else:
                    found += links(on.world, common[i], part.axes[i], out[i], inner[i])
            return found

        placed = join(on.world, common, [part], link)
        result = placed if result is None else plus(on.world, result, placed)
        offset = offset + on.size(aval.shape[dimension])
    if result is None:
        raise step.refuse("nothing to concatenate")
    return result


def split_axis(on: Frame, step: Step, x: Form, *, sizes: Sequence[Any], axis: int) -> tuple[Form, ...]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(piece(on, step, x, axis, on.size(start), on.size(n)) for start, n in zip(starts, sizes, strict=True))


def piece(on: Frame, step: Step, x: Form, axis: int, start: Polynomial, size: Polynomial) -> Form:
    """Entries start ... start + size - 1 along an axis."""
    axes = [*x.axes[:axis], atomic(on.world, on.affine(size)), *x.axes[axis + 1 :]]

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found = [line for i in range(len(axes)) if i != axis for line in equal(out[i], inner[i])]
        here, there = on.position(axes[axis], out[axis], step), on.position(x.axes[axis], inner[axis], step)
        return [*found, f"{there} = {here} + {isl_text(on.affine(start))}"]

    return join(on.world, axes, [x], link)


def stack(on: Frame, step: Step, *parts: Form, axis: int) -> Form:
    common = [finer_of_all(on.world, [p.axes[i] for p in parts]) for i in range(len(parts[0].axes))]
    axes = [*common[:axis], atomic(on.world, lift(len(parts))), *common[axis:]]
    result: Form | None = None
    for k, part in enumerate(parts):
        part = refactor(on.world, part, common)

        def link(g: Sequence[Names], k: int = k) -> list[str]:
            out = split(g[0], axes)
            return [
                *(f"{i} = {k}" for i in out[axis]),
                *equal([i for d, o in enumerate(out) if d != axis for i in o], g[1]),
            ]

        placed = join(on.world, axes, [part], link)
        result = placed if result is None else plus(on.world, result, placed)
    if result is None:
        raise step.refuse("nothing to stack")
    return result


def unstack(on: Frame, step: Step, x: Form, *, axis: int) -> tuple[Form, ...]:
    parts = [piece(on, step, x, axis, lift(k), lift(1)) for k in range(len(step.outs))]
    return tuple(replace(p, axes=(*p.axes[:axis], *p.axes[axis + 1 :])) for p in parts)


def tile(on: Frame, step: Step, x: Form, *, reps: Sequence[Any]) -> Form:
    """Repeats lie outside: entry o of an axis is entry o mod size."""
    outer = [atomic(on.world, on.affine(on.size(r))) for r in reps]
    axes = [(*r, *axis) for r, axis in zip(outer, x.axes, strict=True)]

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        return [line for o, i, r in zip(out, inner, outer, strict=True) for line in equal(o[len(r) :], i)]

    return join(on.world, axes, [x], link)


def finer_of_all(world: World, axes: Sequence[Sizes]) -> Sizes:
    best = axes[0]
    for other in axes[1:]:
        best = finer(world, best, other)
    return best


def missing_condition(world: World, difference: Polynomial) -> str:
    """The condition that would make a size expression zero, where a divisibility does it."""
    for atom in sorted((v for v in difference.variables if isinstance(v, Atom)), key=str):
        if atom.operation not in ("floordiv", "mod"):
            continue
        text = f"{atom.left} % {atom.right} == 0"
        if not fully_affine(Polynomial.variable(atom)):
            exact = atom.left * (1 / atom.right.value) if atom.right.is_constant else None
            if exact is not None and not difference.substitute(
                {atom: exact if atom.operation == "floordiv" else lift(0)}
            ):
                return f". They would where {text}, which is not affine in the sizes: put a number for one of them"
            continue
        told = world.condition(f"({isl_text(atom.left)}) mod {atom.right} = 0")
        inner = World(world.parameters, world.domain.intersect(told))
        if not inner.domain.is_empty() and inner.is_zero(difference):
            return f'. Say so in given=: "{text}"'
    return f": they differ by {difference}"
