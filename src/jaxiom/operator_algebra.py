"""Adjoint, composition and equality of operators, each proved for all sizes where it can be read for all sizes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax

from jaxiom.affine import Affine
from jaxiom.affine_laws import leaf_value, unused, with_leaf, with_value
from jaxiom.affine_maps import Operator
from jaxiom.affine_values import hold_against_letters
from jaxiom.cases import replace_names
from jaxiom.decide import decide
from jaxiom.errors import BadInput, BadShape, InternalDisagreement, Undecidable, Unsupported
from jaxiom.identities import composition_identity
from jaxiom.polyhedra.axes import plus
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Sizes, Term, join
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World, budget
from jaxiom.signature import Leaf, Signature, is_leaf
from jaxiom.sizes import Axis, Shape, build_sizes, read_constraint
from jaxiom.verdict import Verdict


def single(of: Operator, what: str) -> Affine:
    if len(of.affine.entries) != 1:
        raise Unsupported(f"{what}: the function has {len(of.affine.entries)} outputs; take them one at a time")
    return of.affine


def shape_of(axes: Sequence[Sizes]) -> Shape:
    """Axes as a shape; one of size 1 has no factors."""
    found = tuple(Axis(axis or (lift(1),)) for axis in axes)
    return Shape(found, " ".join(str(axis.size).replace(" ", "") for axis in found))


def adjoint(of: Operator) -> Operator:
    """The operator of the transposed matrix: what `jax.vjp` makes of f, as a function of the cotangent.

    The input of f stays among the parameters, for its shape; its values do not matter, f being affine in it.
    """
    affine = single(of, "T")
    name = unused(of.signature, ("Y", "Z"))
    signature = with_leaf(of.signature, name, shape_of(affine.outputs[0]))

    def function(*arguments: Any) -> Any:
        *others, Y = arguments
        _, pull = jax.vjp(
            lambda X: of.function(*with_value(of.signature, of.wrt, others, X)),
            leaf_value(of.signature, of.wrt, others),
        )
        return pull(Y)[0]

    made = Operator(function, signature, name, idle=of.idle | {of.wrt})
    turned = transposed(affine, name)
    try:
        proved = prove_same(turned, made.affine, "jax.vjp's function", "the transposed matrix")
    except (Unsupported, Undecidable, BadInput) as error:
        proved = (
            "jax.vjp's function was held against the transposed matrix at small sizes only; for all sizes it cannot be "
            f"read: {first_sentence(error)}"
        )
    hold_against_letters(turned, function, signature, name)
    return replace(made, form=turned, proofs=(proved,))


def first_sentence(error: Exception) -> str:
    text = str(error).split("\n")[0].removeprefix("f cannot be read for all sizes: ")
    return text if len(text) <= 160 else text[:157] + "..."


def transposed(of: Affine, name: str) -> Affine:
    """The form of T with its two sides exchanged."""
    form, count = of.entries[0], sum(map(len, of.outputs[0]))
    inner = sum(map(len, of.inputs))
    order = [*range(count, count + inner), *range(count)]
    terms = []
    for term in form.terms:
        whole = [*order, *range(count + inner, term.points.dim(SET))]
        moved = {old: new for new, old in enumerate(whole)}
        points = of.world.rearrange(term.points, whole)
        divisors = tuple(d.renumber(moved) for d in term.divisors)
        terms.append(Term(term.monomial, points, term.weight.renumber(moved), divisors))
    turned = Form((*of.inputs, *of.outputs[0]), tuple(terms))
    zero = Form(of.inputs, ())
    tensors = {**of.tensors, name: of.outputs[0]}
    return replace(
        of,
        entries=(turned,),
        offsets=(zero,),
        outputs=(of.inputs,),
        inputs=of.outputs[0],
        leaves=("",),
        tensors=tensors,
    )


def prove_same(one: Affine, other: Affine, name: str, expected: str) -> str:
    """Decide that two readings have the same entries, and say so.

    Raises:
        InternalDisagreement: they differ. Undecidable: it was not decided.
    """
    domain = one.world.domain.intersect(other.world.domain)
    world = World(one.world.parameters, domain, {**one.world.ranks, **other.world.ranks})
    with budget():
        regions = nonzero_regions(world, plus(world, one.entries[0], other.entries[0].scale(-1)))
    if regions:
        raise InternalDisagreement(f"{name} does not have {expected}: they differ on {regions[0].points}")
    return f"{name} has {expected}: proved for {other.sizes}"


def compose(outer: Operator, inner: Operator) -> Operator:
    """outer ∘ inner: the output of the second is the input of the first.

    A size or an input that has the same name in both is the same one; the sizes of the first's input are whatever the
    second gives.
    """
    if not isinstance(inner, Operator):
        raise BadInput(f"compose: expected an operator (jaxiom.operator), got {inner!r}")
    middle = single(inner, "compose").outputs[0]
    single(outer, "compose")
    if outer.wrt not in outer.signature.parameters:
        raise Unsupported(f"compose: {outer.wrt} is a leaf of a pytree; compose functions of plain arrays")
    values = matched(outer, middle)
    others = {n: renamed(t, values) for n, t in outer.signature.parameters.items() if n != outer.wrt}
    parameters = {**inner.signature.parameters, **others}
    for name in set(others) & set(inner.signature.parameters):
        here, there = (texts(p[name]) for p in (others, inner.signature.parameters))
        if here != there:
            raise BadShape(
                f"{name}: an input of both operators, of shape {', '.join(here)} in the outer and {', '.join(there)} "
                "in the inner one; where the two are different inputs, give them different names"
            )
    given = [*inner.signature.sizes.given, *(substituted(text, values) for text in outer.signature.sizes.given)]
    signature = signature_of(parameters, ", ".join(given))
    names_in, names_out = list(inner.signature.parameters), list(outer.signature.parameters)

    def function(*arguments: Any) -> Any:
        by_name = dict(zip(parameters, arguments, strict=True))
        between = inner.function(*(by_name[name] for name in names_in))
        return outer.function(*(between if name == outer.wrt else by_name[name] for name in names_out))

    made = Operator(function, signature, inner.wrt, idle=inner.idle | outer.idle)
    first = Operator(
        outer.function, with_sizes(signature, {**outer.signature.parameters, **others}, outer.wrt, middle), outer.wrt
    )
    second = Operator(inner.function, with_sizes(signature, inner.signature.parameters), inner.wrt)
    return replace(made, proofs=(*inner.proofs, *outer.proofs, prove_product(made, first, second)))


def matched(outer: Operator, middle: Sequence[Sizes]) -> dict[Any, Polynomial]:
    """What the names of the first operator's input sizes stand for."""
    shape = outer.signature.parameters[outer.wrt]
    if len(shape.axes) != len(middle):
        raise BadShape(
            f"compose: {outer.wrt} has {len(shape.axes)} axes ({shape.text}), and the other's output {len(middle)}"
        )
    values: dict[Any, Polynomial] = {}
    for axis, came in zip(shape.axes, shape_of(middle).axes, strict=True):
        names = [v for v in axis.size.variables if isinstance(v, str)]
        plain = len(names) == 1 and axis.size == Polynomial.variable(names[0])
        expected = replace_names(axis.size, values)
        if plain and names[0] not in values:
            values[names[0]] = came.size
        elif expected != came.size:
            raise BadShape(
                f"compose: {outer.wrt} ({shape.text}) does not fit ({shape_of(middle).text}): "
                f"{axis.size} is not {came.size}"
            )
    return values


def renamed(tree: Any, values: Mapping[Any, Polynomial]) -> Any:
    """Shapes with sizes put in for names."""

    def leaf(shape: Any) -> Any:
        if not isinstance(shape, Shape):
            return shape
        return shape_of([tuple(replace_names(f, dict(values)) for f in axis.factors) for axis in shape.axes])

    return jax.tree.map(leaf, tree, is_leaf=is_leaf)


def texts(tree: Any) -> list[str]:
    """The shapes of an input, written out."""
    shapes = jax.tree.leaves(tree, is_leaf=is_leaf)
    return [f"({', '.join(str(a.size) for a in s.axes)})" if isinstance(s, Shape) else "a size" for s in shapes]


def substituted(text: str, values: Mapping[Any, Polynomial]) -> str:
    left, relation, right = read_constraint(text)
    return f"{replace_names(left, dict(values))} {relation} {replace_names(right, dict(values))}"


def leaves_of(parameters: Mapping[str, Any]) -> tuple[Leaf, ...]:
    found = []
    for name, tree in parameters.items():
        flat, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_leaf)
        found += [Leaf(name + jax.tree_util.keystr(path), shape) for path, shape in flat]
    return tuple(found)


def signature_of(parameters: Mapping[str, Any], given: str) -> Signature:
    leaves = leaves_of(parameters)
    shapes = [leaf.shape for leaf in leaves if isinstance(leaf.shape, Shape)]
    whole = [leaf.shape for leaf in leaves if not isinstance(leaf.shape, Shape)]
    return Signature(parameters, leaves, build_sizes(shapes, whole, given))


def with_sizes(
    signature: Signature, parameters: Mapping[str, Any], wrt: str = "", axes: Sequence[Sizes] = ()
) -> Signature:
    """Parameters under another signature's sizes; `wrt` with other axes."""
    parameters = {name: shape_of(axes) if name == wrt else tree for name, tree in parameters.items()}
    return replace(signature, parameters=parameters, leaves=leaves_of(parameters))


def prove_product(made: Operator, outer: Operator, inner: Operator) -> str:
    """Prove that the composition has the product of the matrices: both sides as forms.

    Raises:
        InternalDisagreement: it does not, or the explicit matrices at a small size do not.
    """
    sizes = made.signature.sizes.random(random.Random(0), 2)
    if not composition_identity(made, outer, inner, **sizes).equal:
        raise InternalDisagreement(f"the matrix of the composition is not the product at {sizes}")
    try:
        return prove_same(product(outer.affine, inner.affine), made.affine, "the composition", "the matrix product")
    except (Undecidable, Unsupported, BadInput) as error:
        return f"the composition has the matrix product: confirmed at {sizes} only ({first_sentence(error)})"


def product(outer: Affine, inner: Affine) -> Affine:
    """The form of the matrix product: the middle index is summed."""
    world = World(outer.world.parameters, outer.world.domain, {**outer.world.ranks, **inner.world.ranks})
    rows, middle, columns = (sum(map(len, axes)) for axes in (outer.outputs[0], outer.inputs, inner.inputs))
    if outer.inputs != inner.outputs[0]:
        raise Undecidable("the middle axes are factored in two ways")

    def link(groups: Sequence[Sequence[str]]) -> list[str]:
        out, left, right = groups[:3]
        pairs = [*zip(out[:rows], left[:rows], strict=True), *zip(left[rows:], right[:middle], strict=True)]
        pairs += zip(out[rows:], right[middle : middle + columns], strict=True)
        return [f"{a} = {b}" for a, b in pairs]

    with budget():
        form = join(world, (*outer.outputs[0], *inner.inputs), [outer.entries[0], inner.entries[0]], link)
    return replace(outer, world=world, entries=(form,), inputs=inner.inputs)


def same(one: Operator, other: Operator) -> Verdict:
    """Whether two operators are equal as functions, for every input and every size."""
    parameters = dict(one.signature.parameters)
    for name, tree in other.signature.parameters.items():
        if name in parameters and texts(parameters[name]) != texts(tree):
            raise BadShape(f"{name}: of shape {texts(parameters[name])} in one operator and {texts(tree)} in the other")
        parameters[name] = tree
    if one.wrt != other.wrt:
        raise BadInput(f"the operators are by {one.wrt} and by {other.wrt}; compare operators by the same input")
    given = dict.fromkeys([*one.signature.sizes.given, *other.signature.sizes.given])
    signature = signature_of(parameters, ", ".join(given))

    def by_name(of: Operator) -> Any:
        return lambda *arguments: of.function(
            *(dict(zip(parameters, arguments, strict=True))[name] for name in of.signature.parameters)
        )

    return decide(by_name(one), by_name(other), signature)
