"""Prove that two JAX functions are equal for every input and every size, or see exactly how far apart they are.

The names below are loaded when they are first used, so that `import jaxiom` and `jaxiom --help` stay quick. No file
of the package bears the name of one of these functions: a submodule that is imported later would overwrite it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxiom import pca
    from jaxiom.claims import Claim, assert_proved, refutation, theorem
    from jaxiom.decide import prove
    from jaxiom.errors import BadClaim, BadInput, BadShape, InternalDisagreement, JaxiomError, Unsupported
    from jaxiom.measuring import measure
    from jaxiom.operators import operator
    from jaxiom.projection import PCA
    from jaxiom.verdict import Proved, Refuted, Undecided, Verdict, Witness

__version__ = "0.1.0"

__all__ = [
    "PCA",
    "BadClaim",
    "BadInput",
    "BadShape",
    "Claim",
    "InternalDisagreement",
    "JaxiomError",
    "Proved",
    "Refuted",
    "Undecided",
    "Unsupported",
    "Verdict",
    "Witness",
    "__version__",
    "assert_proved",
    "measure",
    "operator",
    "pca",
    "prove",
    "refutation",
    "theorem",
]

HOMES = {
    "claims": ("Claim", "assert_proved", "refutation", "theorem"),
    "decide": ("prove",),
    "errors": ("BadClaim", "BadInput", "BadShape", "InternalDisagreement", "JaxiomError", "Unsupported"),
    "measuring": ("measure",),
    "operators": ("operator",),
    "projection": ("PCA",),
    "verdict": ("Proved", "Refuted", "Undecided", "Verdict", "Witness"),
}
MODULES = ("pca",)  # public as they are: jaxiom.pca.compress
HOME = {name: home for home, names in HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, from the module where it lives."""
    if name in MODULES:
        return import_module(f"jaxiom.{name}")
    if name not in HOME:
        raise AttributeError(f"module 'jaxiom' has no attribute {name!r}")
    value = getattr(import_module(f"jaxiom.{HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
