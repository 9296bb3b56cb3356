"""The polyhedral rules that contract: sums, products of tensors, convolutions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from jaxiom.errors import Undecidable
from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import Misaligned, atomic, finer, links, product
from jaxiom.polyhedra.form import Form, Sizes, join
from jaxiom.polyhedra.polynomial import Atom, Polynomial, isl_text, lift
from jaxiom.polyhedra.world import World
from jaxiom.rules.frame import Frame, Names, equal, kind_of, split


def reduce_sum(on: Frame, step: Step, x: Form, *, axes: Sequence[int], out_sharding: Any) -> Form:
    step.expect(out_sharding=(out_sharding, None))
    kept = [i for i in range(len(x.axes)) if i not in axes]
    positions = [p for i in kept for p in x.positions(i)]
    return join(on.world, [x.axes[i] for i in kept], [x], lambda g: equal(g[0], [g[1][p] for p in positions]))


def dot_general(
    on: Frame,
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
    batch = [finer(on.world, a.axes[i], b.axes[j]) for i, j in zip(batch_a, batch_b, strict=True)]
    axes = [*batch, *(a.axes[i] for i in free_a), *(b.axes[j] for j in free_b)]

    def link(g: Sequence[Names]) -> list[str]:
        found: list[str] = []
        groups = split(g[0], axes)
        pick_a, pick_b = split(g[1], a.axes), split(g[2], b.axes)
        for out, i, j, size in zip(groups, batch_a, batch_b, batch, strict=False):
            found += links(on.world, size, a.axes[i], out, pick_a[i])
            found += links(on.world, size, b.axes[j], out, pick_b[j])
        for out, i in zip(groups[len(batch) :], free_a, strict=False):
            found += equal(out, pick_a[i])
        for out, j in zip(groups[len(batch) + len(free_a) :], free_b, strict=True):
            found += equal(out, pick_b[j])
        for i, j in zip(contract_a, contract_b, strict=True):
            found += links(on.world, a.axes[i], b.axes[j], pick_a[i], pick_b[j])
        return found

    return join(on.world, axes, [a, b], link)


def conv_general_dilated(
    on: Frame,
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
        raise step.refuse("a stride or dilation must be a number: a product of variables is outside what isl decides")
    groups = feature_groups(on, step, x, w, dimension_numbers, feature_group_count, batch_group_count)
    lhs, rhs, out = dimension_numbers.lhs_spec, dimension_numbers.rhs_spec, dimension_numbers.out_spec
    axes: list[Sizes] = [()] * len(out)
    axes[out[0]], axes[out[1]] = groups.batch_axis, groups.feature_axis
    for at, dim in zip(out[2:], [step.outs[0].shape[i] for i in out[2:]], strict=True):
        axes[at] = atomic(on.world, on.affine(on.size(dim)))
    low = [isl_text(on.affine(on.size(p[0]))) for p in padding]

    def link(g: Sequence[Names]) -> list[str]:
        o, a, b = split(g[0], axes), split(g[1], x.axes), split(g[2], w.axes)
        found = groups.link(o[out[0]], o[out[1]], a[lhs[0]], a[lhs[1]], b[rhs[0]], b[rhs[1]], g[3])
        for d in range(len(window_strides)):
            here = on.position(x.axes[lhs[2 + d]], a[lhs[2 + d]], step)
            tap = on.position(w.axes[rhs[2 + d]], b[rhs[2 + d]], step)
            at = on.position(axes[out[2 + d]], o[out[2 + d]], step)
            found.append(
                f"{lhs_dilation[d]}*({here}) = {window_strides[d]}*({at}) + {rhs_dilation[d]}*({tap}) - ({low[d]})"
            )
        return found

    return join(on.world, axes, [x, w], link, extra=groups.extra)


def keeps_reals(step: Step, preferred: Any) -> None:
    """A preferred element type says how it is accumulated; an integer one would truncate."""
    if preferred is not None and any(kind_of(a.dtype) == "real" for a in step.ins) and kind_of(preferred) == "int":
        raise step.refuse(f"preferred_element_type={preferred} truncates")


@dataclass(frozen=True)
class Groups:
    """How batch and features of a convolution tie together."""

    batch_axis: Sizes
    feature_axis: Sizes
    link: Callable[..., list[str]]
    extra: int = 0


def feature_groups(on: Frame, step: Step, x: Form, w: Form, numbers: Any, features: Any, batches: Any) -> Groups:
    """The part of a convolution that is not spatial: channels contracted, in groups of them or of images where there
    are any."""
    lhs, rhs = numbers.lhs_spec, numbers.rhs_spec
    batch, channel = x.axes[lhs[0]], x.axes[lhs[1]]
    feature, inner = w.axes[rhs[0]], w.axes[rhs[1]]
    of_channels, of_images = on.size(features), on.size(batches)
    if not on.world.is_one(of_images):
        images = atomic(on.world, on.affine(on.size(step.outs[0].shape[numbers.out_spec[0]])))
        tie = grouped(on, step, (batch, images, feature), of_images)

        def by_images(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
            return equal(k, wk) + links(on.world, channel, inner, xc, wc) + tie(xn, n, wk, extra)

        return Groups(images, feature, by_images, extra=2)
    if not on.world.is_one(of_channels):
        tie = grouped(on, step, (channel, inner, feature), of_channels)

        def by_channels(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
            return equal(n, xn) + equal(k, wk) + tie(xc, wc, wk, extra)

        return Groups(batch, feature, by_channels, extra=2)

    def plain(n: Names, k: Names, xn: Names, xc: Names, wk: Names, wc: Names, extra: Names) -> list[str]:
        return equal(n, xn) + equal(k, wk) + links(on.world, channel, inner, xc, wc)

    return Groups(batch, feature, plain)


Tie = Callable[[Names, Names, Names, Names], list[str]]


def grouped(on: Frame, step: Step, axes: tuple[Sizes, Sizes, Sizes], count: Polynomial) -> Tie:
    """Groups: whole = group · (size of part) + part, and feature = group · (features of a group) + one of them. The
    group and the feature in it are indices of their own."""
    whole, part, feature = axes
    width = quotient(on.world, product(feature), count)

    def tie(one: Names, inner: Names, output: Names, extra: Names) -> list[str]:
        group, within = extra
        found: list[str] = []
        try:
            for axis, indices, size, rest in (
                (whole, one, part, inner),
                (feature, output, atomic(on.world, width), [within]),
            ):
                factors, names = (count, *size), [group, *rest]
                found += links(on.world, axis, factors, indices, names[: len(factors)])
        except Misaligned as error:
            raise Undecidable(
                f"{step.primitive} at {step.line}: groups of symbolic number and size give a product of variables; put "
                "a number for the number of groups, or for the sizes of a group"
            ) from error
        found += [f"0 <= {group} < {isl_text(on.affine(count))}", f"0 <= {within} < {isl_text(on.affine(width))}"]
        return found

    return tie


def quotient(world: World, features: Polynomial, count: Polynomial) -> Polynomial:
    """features / count, which JAX says is whole."""
    if count.is_constant:
        shared = features * (1 / count.value)
        whole = all(c.denominator == 1 for c in shared.terms.values())
        return shared if whole else Polynomial.variable(Atom("floordiv", features, count))
    ratios = [lift(r) for r in {features.terms.get(p, Fraction(0)) / c for p, c in count.terms.items()}]
    if len(count.variables) == 1:
        (name,) = count.variables
        ratios += features.by_powers_of(name)[1:2]
    found = next((r for r in ratios if world.same(features, count * r)), None)
    if found is None:
        raise Undecidable(f"{features} features in {count} groups: how many a group has is no size")
    return found
