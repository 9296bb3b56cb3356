"""What jaxiom raises. Each text names the argument, what came, what was expected, and what to do."""


class JaxiomError(Exception):
    """Base of every error that jaxiom raises on purpose; the shell prints its text and no traceback."""


class BadInput(JaxiomError, ValueError):
    """An argument that cannot be used: a value, an array, a path, a setting."""


class BadShape(BadInput):
    """A shape string, a size constraint, or shapes of two sides that do not fit each other."""


class BadClaim(BadInput):
    """A proof file or a claim in it that is not of the form that jaxiom reads."""


class Unsupported(JaxiomError, NotImplementedError):
    """A primitive, or a parameter of one, that an interpreter has no rule for.

    Never raised for a claim that is false: it says nothing about the claim.
    """


class DivisionByZero(Unsupported):
    """A divisor is zero at every size of a case, or may be. At an integer variable's 0, that value is left out."""


class Undecidable(JaxiomError):
    """Raised inside the prover where it must stop; `prove` turns it into an `undecided` verdict with this reason."""


class InternalDisagreement(JaxiomError, AssertionError):
    """Two of jaxiom's interpreters contradict each other: a bug in jaxiom, never in the claim. Please report it."""


class NoValue(JaxiomError, ZeroDivisionError):
    """A function outside its domain on one input (as division is at zero), or a comparison that intervals leave open;
    it says nothing about other inputs."""


class NeedsIntervals(Unsupported):
    """exp, sqrt and the like are evaluated in intervals, by python-flint, which is not installed."""


KEPT = "the function keeps a size of an earlier call: what it does depends on the calls before"
"""Why a function is undecided that asks of, or computes with, a size of another trace."""
