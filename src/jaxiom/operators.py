"""`jaxiom.operator`: a JAX function, read as a linear (or affine) map of one of its inputs."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxiom.affine_maps import Operator
from jaxiom.errors import BadInput, Unsupported
from jaxiom.signature import read_signature
from jaxiom.sizes import Shape


def operator(
    f: Callable[..., Any],
    *,
    wrt: str = "X",
    shapes: Mapping[str, Any] | None = None,
    given: str = "",
    **named_shapes: Any,
) -> Operator:
    """A JAX function, read as a linear (or affine) function of one of its inputs.

    >>> T = operator(lambda X, W: X @ W, X="n c", W="c f")
    >>> T.matrix(n=1, c=2, f=2)
    Matrix([
    [W_{0,0}, W_{1,0}],
    [W_{0,1}, W_{1,1}]])

    Args:
        f: of JAX arrays, called with the inputs in the order of their shapes.
        wrt: the input that f is linear in; a leaf of a pytree has a name such as `p['kernel']`.
        shapes: name -> shape, for any names and for pytrees of shapes. Left out, and with no shapes by name, they come
            from f's jaxtyping annotations.
        given: constraints on the sizes, as in "h >= kh, w >= kw".
        **named_shapes: the shapes by name, X="n h w c".

    Raises:
        BadInput, BadShape: the shapes cannot be read, `wrt` is not among them, or f is not affine in `wrt`: with the
            laws that fail and their witnesses.

    Where f cannot be read for all sizes, what needs that (`entry`, `levels`, ...) says why; `matrix` still works.
    """
    if shapes is not None and named_shapes:
        raise BadInput(f"shapes: give shapes= or shapes by name ({', '.join(named_shapes)}), not both")
    signature = read_signature([f], named_shapes if shapes is None else shapes, given)
    arrays = [leaf.name for leaf in signature.leaves if isinstance(leaf.shape, Shape)]
    if wrt not in arrays:
        raise BadInput(f"wrt: {wrt!r} is not one of the arrays {', '.join(arrays)}")
    made = Operator(f, signature, wrt)
    refuse_if_not_affine(made)
    return made


def refuse_if_not_affine(made: Operator) -> None:
    """Read f for all sizes now where that can be done, so that what is not affine is an error here."""
    try:
        made.affine  # noqa: B018
    except BadInput as error:
        if str(error).startswith("f is not affine"):
            raise
    except Unsupported:
        pass  # what needs it says so
