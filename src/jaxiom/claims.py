"""Claims: `@theorem` and `@refutation` on a function that returns the pair (lhs, rhs)."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, overload

from jaxiom.errors import BadClaim, BadInput, BadShape, JaxiomError

if TYPE_CHECKING:
    from jaxiom.signature import Signature
    from jaxiom.verdict import Verdict

# The claims made while a proof file is imported: one that no name of the file holds in the end would be lost.
MADE: ContextVar["list[Claim] | None"] = ContextVar("jaxiom_claims_made", default=None)


@dataclass(frozen=True, eq=False)
class Claim:
    """What a proof file declares: that the two sides are equal, or that they are not.

    Calling it calls the function, which returns the pair.

    Attributes:
        function: returns the pair (lhs, rhs).
        expected: "proved" for a theorem, "refuted" for a refutation.
        name: of the function, or the name of the file that holds the claim.
        title: the docstring's first line.
        file, line: where it stands.
        given: constraints on the sizes.
        shapes: parameter -> shape; the function's jaxtyping annotations give the others.
        at: the real sizes to measure it at, or None.
        assume: what the inputs satisfy: a function of some of the parameters, or None.
    """

    function: Callable[..., Any]
    expected: str
    name: str
    title: str
    file: Path
    line: int
    given: str
    shapes: Mapping[str, Any]
    at: Mapping[str, int] | None
    assume: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Claim {self.place}>"

    @property
    def place(self) -> str:
        """`file:line: name`, as errors show it."""
        return f"{shown(self.file)}:{self.line}: {self.name}"

    @cached_property
    def lhs(self) -> Callable[..., Any]:
        """The left side, a function of its own: compiled together with the right, XLA would share their work."""
        return self.side(0, "lhs")

    @cached_property
    def rhs(self) -> Callable[..., Any]:
        """The right side."""
        return self.side(1, "rhs")

    def side(self, at: int, name: str) -> Callable[..., Any]:
        def one(*args: Any) -> Any:
            return self.pair(self.function(*args))[at]

        one.__name__ = one.__qualname__ = f"{self.name}_{name}"
        one.__signature__ = inspect.signature(self.function)  # pyright: ignore[reportFunctionMemberAccess]
        return one

    def pair(self, result: Any) -> tuple[Any, Any]:
        if isinstance(result, tuple | list) and len(result) == 2:
            return result[0], result[1]
        raise BadClaim(f"{self.place}: the function returns {kind(result)}; expected the pair (lhs, rhs)")

    @cached_property
    def signature(self) -> "Signature":
        """The parameters' shapes and their sizes; read, and `at` checked, when first used.

        Raises:
            BadClaim, BadShape, BadInput: naming the claim's file and line.
        """
        from jaxiom.signature import read_signature

        with self.naming():
            shapes = parameter_shapes(self.function, self.shapes)
            signature = read_signature([self.function], shapes, self.given, self.assume)
            if self.at is not None:
                signature.sizes.check(self.at, "at")
        return signature

    def prove(self) -> "Verdict":
        """Decide the claim.

        Raises:
            BadInput: the claim cannot be read, or its function does not run on the shapes.
            Unsupported: the function uses what no interpreter has a rule for.
        """
        from jaxiom.decide import decide

        signature = self.signature
        with self.naming():
            return decide(self.lhs, self.rhs, signature)

    def came_out_as_declared(self, verdict: "Verdict") -> bool:
        """Whether the verdict is the declared one; `undecided` never is."""
        return verdict.status == self.expected

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Say in every error which claim it comes from, and turn what the user's own code raises into one."""
        try:
            yield
        except BadInput as error:
            if isinstance(error.__cause__, BadClaim):
                raise error.__cause__ from None
            named = str(error).startswith(self.place)
            raise error if named else type(error)(f"{self.place}: {error}") from error
        except JaxiomError:
            raise
        except Exception as error:
            file = code_of(self.function).co_filename
            line = last_line_in(error, file)
            if line is None:  # not from the user's code: a bug of ours keeps its traceback
                raise
            raise BadClaim(f"{shown(Path(file))}:{line}: {self.name}: {summary(error)}") from error


def kind(value: Any) -> str:
    """A value in words, for errors."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return repr(value) if value is None else f"one {type(value).__name__}" + ("" if shape is None else f" {shape}")


def shown(path: Path) -> str:
    """A path relative to the current directory where it lies inside it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def summary(error: BaseException) -> str:
    """The error's type and first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def last_line_in(error: BaseException, file: str) -> int | None:
    """The last line of a file that the error's traceback passes through."""
    found, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            found = frame.tb_lineno
        frame = frame.tb_next
    return found


def parameter_shapes(function: Callable[..., Any], shapes: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of each parameter, in the function's order: the one given by name, or its annotation."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except (NameError, SyntaxError, AttributeError, TypeError) as error:  # annotations that are kept as text
        raise BadClaim(f"an annotation cannot be read: {summary(error)}") from error
    unknown = [name for name in shapes if name not in parameters]
    if unknown:
        raise BadClaim(
            f"unknown parameter {', '.join(unknown)}; the function's are {', '.join(parameters) or 'none'}, "
            "and the options are given=, at=, assume=, shapes= and title="
        )
    if not parameters:
        raise BadClaim("the function takes no parameter; a claim is about its inputs")
    found = {}
    for name, parameter in parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise BadClaim(f"the parameter {parameter} is not plain; give every input a name of its own")
        annotation = parameter.annotation
        if name not in shapes and annotation is not int and not hasattr(annotation, "dim_str"):
            raise BadShape(
                f'{name}: no shape. Give it by name ({name}="n h w c"), in shapes=, or as a jaxtyping annotation '
                f'({name}: Float[Array, "n h w c"])'
            )
        found[name] = shapes.get(name, annotation)
    return found


def code_of(function: Callable[..., Any]) -> CodeType:
    """The code of the user's function, under whatever wraps it.

    Raises:
        BadClaim: there is none: it is no function.
    """
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if not isinstance(code, CodeType):
        raise BadClaim(f"expected a function that returns the pair (lhs, rhs), got {function!r}")
    return code


def make(
    function: Any, expected: str, given: str, at: Any, assume: Any, shapes: Any, title: str, named: Mapping[str, Any]
) -> Claim:
    """The claim that a decorator declares."""
    code = code_of(function)
    name, file = getattr(function, "__name__", code.co_name), Path(code.co_filename)
    title = title or next(iter((inspect.getdoc(function) or "").strip().splitlines()), "")
    claim = Claim(function, expected, name, title, file, code.co_firstlineno, given, {}, at)
    if not title:
        raise BadClaim(f"{claim.place}: no docstring; its first line is the claim's title")
    for argument, value in (("shapes", shapes), ("at", at)):
        if value is not None and not isinstance(value, Mapping):
            raise BadClaim(f"{claim.place}: {argument}: expected a dict by name, got {value!r}")
    if at is not None and assume is not None:
        raise BadClaim(
            f"{claim.place}: at= and assume=: a claim is measured on inputs drawn at random, which do not satisfy "
            "assume; leave at= out"
        )
    twice = sorted(set(shapes or {}) & set(named))
    if twice:
        raise BadClaim(f"{claim.place}: {', '.join(twice)}: a shape by name and another in shapes=; give one")
    shapes = {**(shapes or {}), **named}
    claim = replace(claim, shapes=shapes, at=None if at is None else dict(at), assume=assume)
    made = MADE.get()
    if made is not None:
        made.append(claim)
    return claim


@overload
def theorem(function: Callable[..., Any], /) -> Claim: ...


@overload
def theorem(
    *,
    given: str = "",
    at: Mapping[str, int] | None = None,
    assume: Callable[..., Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
    title: str = "",
    **named_shapes: Any,
) -> Callable[[Callable[..., Any]], Claim]: ...


def theorem(
    function: Callable[..., Any] | None = None,
    /,
    *,
    given: str = "",
    at: Mapping[str, int] | None = None,
    assume: Callable[..., Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
    title: str = "",
    **named_shapes: Any,
) -> Claim | Callable[[Callable[..., Any]], Claim]:
    """Declare that the two sides which a function returns are equal, for every input and every size in `given`.

    Args:
        given: constraints on the sizes, as in "h >= kh, h % 2 == 0".
        at: the real sizes to measure it at.
        assume: equations that the inputs satisfy, as in `lambda Q: [(Q.T @ Q, jnp.eye(Q.shape[1]))]`: a function of
            some of the parameters, by name, that returns a list of pairs of arrays.
        shapes: parameter -> shape, or a pytree of shapes.
        title: instead of the docstring's first line, for claims made in a loop.
        named_shapes: the same by keyword; left out, jaxtyping annotations give them.

    Raises:
        BadClaim: no docstring, or no function.

    >>> @theorem(A="m k", B="k n", C="n p")
    ... def associative(A, B, C):
    ...     "The product of matrices is associative."
    ...     return (A @ B) @ C, A @ (B @ C)
    >>> associative.name, associative.expected, associative.title
    ('associative', 'proved', 'The product of matrices is associative.')
    """
    if function is not None:
        return make(function, "proved", given, at, assume, shapes, title, named_shapes)
    return lambda f: make(f, "proved", given, at, assume, shapes, title, named_shapes)


@overload
def refutation(function: Callable[..., Any], /) -> Claim: ...


@overload
def refutation(
    *,
    given: str = "",
    at: Mapping[str, int] | None = None,
    assume: Callable[..., Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
    title: str = "",
    **named_shapes: Any,
) -> Callable[[Callable[..., Any]], Claim]: ...


def refutation(
    function: Callable[..., Any] | None = None,
    /,
    *,
    given: str = "",
    at: Mapping[str, int] | None = None,
    assume: Callable[..., Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
    title: str = "",
    **named_shapes: Any,
) -> Claim | Callable[[Callable[..., Any]], Claim]:
    """Declare that the two sides differ for some input and some size in `given`. Arguments as for `theorem`.

    >>> @refutation(A="n n", B="n n")
    ... def commutative(A, B):
    ...     "The product of matrices does not commute."
    ...     return A @ B, B @ A
    >>> commutative.expected
    'refuted'
    """
    if function is not None:
        return make(function, "refuted", given, at, assume, shapes, title, named_shapes)
    return lambda f: make(f, "refuted", given, at, assume, shapes, title, named_shapes)


def assert_proved(lhs: Callable[..., Any], rhs: Callable[..., Any], **kwargs: Any) -> None:
    """For a test suite: raise unless `prove(lhs, rhs, **kwargs)` proves the two sides equal.

    Raises:
        AssertionError: the verdict's text, where it is refuted or undecided.
    """
    __tracebackhide__ = True  # pytest: point at the test's line, not here
    from jaxiom.decide import prove

    verdict = prove(lhs, rhs, **kwargs)
    if verdict.status != "proved":
        raise AssertionError(str(verdict))
