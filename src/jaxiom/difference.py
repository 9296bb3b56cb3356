"""lhs - rhs in closed form."""

from jaxiom.closed_form import ClosedForm
from jaxiom.polyhedra.writing import vanishing


class Difference(ClosedForm):
    """The difference of two sides."""

    def vanishing(self) -> list[str]:
        """Each way for the difference to vanish, where it is one product: its factors, as text."""
        return [way for e in self.leaves.values() for way in vanishing(e)]
