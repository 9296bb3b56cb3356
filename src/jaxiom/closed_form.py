"""Tensors in closed form, for people (text, LaTeX), for SymPy, and for the device (`compile`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxiom.polyhedra.reading import Expression
from jaxiom.polyhedra.writing import write_latex, write_text

if TYPE_CHECKING:
    import sympy
    from jax import Array


@dataclass(frozen=True)
class ClosedForm:
    """What a function gives, for all sizes: an expression for each output.

    Attributes:
        leaves: output name ("" where there is one) -> closed form.
        case: the part of the sizes that it is about, in words; "" for all of them.
    """

    leaves: Mapping[str, Expression]
    case: str = ""

    @property
    def is_zero(self) -> bool:
        return all(not e.summands for e in self.leaves.values())

    def __str__(self) -> str:
        return self.join(write_text)

    def latex(self) -> str:
        """The closed form in LaTeX, without dollars.

        >>> import jaxiom
        >>> jaxiom.prove(lambda x: 2 * x, lambda x: x, x="n").difference.latex()
        'x_{p}'
        """
        return self.join(write_latex)

    def join(self, write: Callable[[Expression], str]) -> str:
        if len(self.leaves) == 1:
            return write(next(iter(self.leaves.values())))
        return "; ".join(f"{name}: {write(e)}" for name, e in self.leaves.items())

    def sympy(self) -> "sympy.Expr | dict[str, sympy.Expr]":
        """The closed form as a SymPy expression (a dictionary of them where there are several outputs)."""
        from jaxiom.polyhedra.symbolic import to_sympy

        found = {name: to_sympy(e) for name, e in self.leaves.items()}
        return next(iter(found.values())) if len(found) == 1 else found

    def compile(self, sizes: Mapping[str, int]) -> Callable[[Mapping[str, "Array"]], list["Array"]]:
        """A JAX-traceable function from the inputs, by name, to the value of the closed form at these sizes.

        Raises:
            Undecidable: the closed form cannot be evaluated as a whole (its sets are too irregular, or it holds a
                constant of the program).
        """
        from jaxiom.prediction import compile_expression

        parts: list[Callable[[Mapping[str, Any]], Any]] = [compile_expression(e, sizes) for e in self.leaves.values()]
        return lambda inputs: [part(inputs) for part in parts]
