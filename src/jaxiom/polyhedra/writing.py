"""Writing a closed form: as text and as LaTeX. (`symbolic` writes it for SymPy.)"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from jaxiom.polyhedra.conditions import Condition, relations
from jaxiom.polyhedra.polynomial import Atom, Polynomial, Variable, all_names, lift
from jaxiom.polyhedra.reading import Access, Expression, Made, Summand, Summation
from jaxiom.polyhedra.revealing import instance

OUTPUT_LETTERS = "pqrstuvyz"
SUMMED_LETTERS = "ijlmabde"
GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
)


def letters(pool: str, taken: set[str]) -> Iterator[str]:
    """Index names that are not names of sizes or tensors: the pool, then numbered."""
    for number in itertools.count():
        for letter in pool:
            name = letter if not number else f"{letter}{number}"
            if name not in taken:
                yield name


def index_names(expression: Expression) -> dict[int, str]:
    """A name for every output index; summed indices are named summand by summand."""
    pool = letters(OUTPUT_LETTERS, taken_names(expression))
    return {i: next(pool) for i in range(expression.outputs)}


def taken_names(expression: Expression) -> set[str]:
    sizes = itertools.chain.from_iterable(expression.axes)
    inner = (s for axes in expression.tensors.values() for axis in axes for s in axis)
    return all_names([*sizes, *inner]) | set(expression.tensors)


def write_text(expression: Expression) -> str:
    """The closed form as one line of text."""
    return write(expression, Text())


def write_latex(expression: Expression) -> str:
    """The closed form in LaTeX (no surrounding dollars)."""
    return write(expression, Latex())


class Text:
    """Plain text with · and Σ."""

    times, zero = "·", "0"

    def variable(self, name: str) -> str:
        return name

    def polynomial(self, value: Polynomial, names: Mapping[Variable, str]) -> str:
        """Beginning with what is added where there is anything: w - k + 1, not -k + w + 1."""
        text = value.text(lambda v: self.atom(v, names), times=self.times)
        first = first_positive(value) if text.startswith("-") else None
        if first is None:
            return text
        head = first.text(lambda v: self.atom(v, names), times=self.times)
        rest = (value - first).text(lambda v: self.atom(v, names), times=self.times)
        return f"{head} - {rest.removeprefix('-')}"

    def atom(self, variable: Variable, names: Mapping[Variable, str]) -> str:
        if isinstance(variable, Atom):
            left, right = self.polynomial(variable.left, names), self.polynomial(variable.right, names)
            if variable.operation == "floordiv":
                return f"⌊({left})/{right}⌋"
            return f"{variable.operation}({left}, {right})"
        return self.variable(names[variable] if isinstance(variable, int) else variable)

    def access(self, tensor: str, indices: Sequence[str]) -> str:
        return f"{tensor}[{', '.join(indices)}]" if indices else tensor

    def group(self, indices: Sequence[str]) -> str:
        return f"({', '.join(indices)})"

    def total(self, indices: Sequence[str], body: str) -> str:
        return f"Σ_{{{', '.join(indices)}}} {body}"

    def over(self, function: str, indices: Sequence[str], arguments: Sequence[str]) -> str:
        """A function that runs over indices; of two arguments it is that of the first where the second is not 0."""
        return f"{function}_{{{', '.join(indices)}}}({' where '.join(arguments)})"

    def below(self, index: str, size: str | None) -> str:
        return f"{index}<{size}" if size else index

    def condition(self, text: str) -> str:
        return f"[{text}]"

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/({below})"

    def numerator(self, above: str, terms: int) -> str:
        return above if terms == 1 else self.parenthesise(above)

    def parenthesise(self, body: str) -> str:
        return f"({body})"

    def index(self, text: str) -> str:
        return text.replace(" ", "")

    def application(self, function: str, arguments: Sequence[str]) -> str:
        form = {"reciprocal": "1/({})", "abs": "|{}|", "positive": "[{} > 0]", "zero": "[{} = 0]", "pow": "({})^({})"}
        return form.get(function, f"{function}({', '.join('{}' for _ in arguments)})").format(*arguments)


class Latex(Text):
    """LaTeX."""

    times = r" \, "

    def variable(self, name: str) -> str:
        match = re.fullmatch(r"([A-Za-z])(\w+)", name)
        return f"{match[1]}_{{{match[2]}}}" if match else name

    def polynomial(self, value: Polynomial, names: Mapping[Variable, str]) -> str:
        return re.sub(r"(?<![\w{])(\d+)/(\d+)", r"\\frac{\1}{\2}", super().polynomial(value, names))

    def atom(self, variable: Variable, names: Mapping[Variable, str]) -> str:
        if not isinstance(variable, Atom):
            return self.variable(names[variable] if isinstance(variable, int) else variable)
        left, right = self.polynomial(variable.left, names), self.polynomial(variable.right, names)
        if variable.operation == "floordiv":
            return rf"\left\lfloor \frac{{{left}}}{{{right}}} \right\rfloor"
        if variable.operation == "mod":
            return rf"\left( {left} \bmod {right} \right)"
        return rf"\{variable.operation}({left}, {right})"

    def access(self, tensor: str, indices: Sequence[str]) -> str:
        name = rf"\{tensor}" if tensor in GREEK else tensor if len(tensor) == 1 else rf"\text{{{plain(tensor)}}}"
        return rf"{name}_{{{', '.join(indices)}}}" if indices else name

    def total(self, indices: Sequence[str], body: str) -> str:
        return rf"\sum_{{{', '.join(indices)}}} {body}"

    def over(self, function: str, indices: Sequence[str], arguments: Sequence[str]) -> str:
        inside = r" \text{ where } ".join(arguments)
        return rf"\{function}_{{{', '.join(indices)}}} {self.parenthesise(inside)}"

    def below(self, index: str, size: str | None) -> str:
        return rf"{self.variable(index)} < {size}" if size else self.variable(index)

    def condition(self, text: str) -> str:
        return rf"\left[ {text.replace('≤', chr(92) + 'leq').replace('≥', chr(92) + 'geq')} \right]"

    def numerator(self, above: str, terms: int) -> str:
        return above

    def fraction(self, above: str, below: str) -> str:
        bare = re.fullmatch(r"\\left\( ((?:(?!\\left\().)*) \\right\)", below)
        return rf"\frac{{{above}}}{{{bare[1] if bare else below}}}"

    def parenthesise(self, body: str) -> str:
        return rf"\left( {body} \right)"

    def index(self, text: str) -> str:
        return text

    def application(self, function: str, arguments: Sequence[str]) -> str:
        inside = ", ".join(arguments)
        match function:
            case "reciprocal":
                return rf"\frac{{1}}{{{inside}}}"
            case "sqrt":
                return rf"\sqrt{{{inside}}}"
            case "abs":
                return rf"\left| {inside} \right|"
            case "pow":
                return rf"{self.parenthesise(arguments[0])}^{{{arguments[1]}}}"
            case "positive" | "zero":
                return rf"\left[ {inside} {'>' if function == 'positive' else '='} 0 \right]"
        name = rf"\{function}" if function in COMMANDS else rf"\operatorname{{{plain(function).replace('_', ' ')}}}"
        return name + self.parenthesise(inside)


COMMANDS = frozenset(["exp", "log", "sin", "cos", "tanh", "sinh", "cosh"])
"""Functions that LaTeX has a command for."""


def first_positive(value: Polynomial) -> Polynomial | None:
    """The first term with a positive coefficient, in the order of writing; a number only where there is no other."""
    terms = sorted(value.terms.items(), key=lambda item: (not item[0], str(item[0])))
    return next((Polynomial({powers: c}) for powers, c in terms if c > 0), None)


def plain(name: str) -> str:
    """A name without what LaTeX reads as a command: the key of a pytree can be any text."""
    return re.sub(r"[^\w .,\[\]'-]", " ", name)


def write(expression: Expression, style: Text) -> str:
    """The closed form: summands with their signs."""
    if not expression.summands:
        return style.zero
    return write_sum(expression.summands, index_names(expression), taken_names(expression), style)


def write_sum(summands: Sequence[Summand], outputs: Mapping[int, str], taken: set[str], style: Text) -> str:
    """Summands with their signs."""
    parts: list[str] = []
    for summand in summands:
        negative, body = write_summand(summand, outputs, taken, style)
        sign = ("-" if negative else "") if not parts else (" - " if negative else " + ")
        parts.append(sign + body)
    return "".join(parts)


def summed_names(summand: Summand, outputs: Mapping[int, str], taken: set[str]) -> dict[Variable, str]:
    pool = letters(SUMMED_LETTERS, taken | set(outputs.values()))
    found: dict[Variable, str] = {**outputs}
    for index in order_of_appearance(summand):
        found[index] = next(pool)
    return found


def order_of_appearance(summand: Summand) -> list[int]:
    """The summed indices, outer sums first."""
    found: dict[int, None] = {}

    def visit(factor: Summation) -> None:
        found.update(dict.fromkeys(factor.indices))
        for part in factor.inner:
            visit(part)

    for factor in summand.factors:
        visit(factor)
    return list(found)


def write_summand(summand: Summand, outputs: Mapping[int, str], taken: set[str], style: Text) -> tuple[bool, str]:
    """Whether a summand is subtracted, and its text without the sign."""
    names = summed_names(summand, outputs, taken)
    coefficient = summand.coefficient
    negative = all(c < 0 for c in coefficient.terms.values())
    if negative:
        coefficient = -coefficient
    parts = write_conditions(summand.conditions, names, style)
    alone = len(summand.factors) + len(parts) == 1 and coefficient == 1 and not summand.divisors
    parts += [write_factor(f, summand, names, style, alone) for f in summand.factors]
    head = write_coefficient(coefficient, summand.divisors, names, style, bool(parts))
    return negative, style.times.join([head, *parts] if head else parts)


def write_conditions(conditions: Sequence[Condition], names: Mapping[Variable, str], style: Text) -> list[str]:
    """Conditions in brackets, as `relations` solves them."""
    return [
        style.condition(" ".join(side if isinstance(side, str) else style.polynomial(side, names) for side in relation))
        for relation in relations(conditions)
    ]


def write_coefficient(
    coefficient: Polynomial, divisors: Sequence[Polynomial], names: Mapping[Variable, str], style: Text, more: bool
) -> str:
    above = style.polynomial(coefficient, names)
    if divisors:
        below = style.times.join(
            style.polynomial(d, names)
            if len(d.terms) == 1 or len(divisors) == 1
            else style.parenthesise(style.polynomial(d, names))
            for d in divisors
        )
        return style.fraction(style.numerator(above, len(coefficient.terms)), below)
    if not more:
        return above
    if coefficient == 1:
        return ""
    return above if len(coefficient.terms) == 1 else style.parenthesise(above)


def write_factor(factor: Summation, summand: Summand, names: Mapping[Variable, str], style: Text, alone: bool) -> str:
    parts = write_conditions(factor.conditions, names, style)
    if factor.weight != lift(1):
        parts.insert(0, style.parenthesise(style.polynomial(factor.weight, names)))
    parts += [write_factor(f, summand, names, style, False) for f in factor.inner]
    parts += [write_access(a, names, style) for a in factor.accesses]
    body = style.times.join(parts)
    if not factor.indices:
        return body
    bounds = []
    for index in factor.indices:
        size = summand.ranges[index]
        bounds.append(style.below(names[index], style.polynomial(size, names) if size is not None else None))
    total = style.total(bounds, body)
    return total if alone else style.parenthesise(total)


def write_access(access: Access, names: Mapping[Variable, str], style: Text) -> str:
    if access.made is not None:
        return write_application(access, access.made, names, style)
    indices = []
    for axis in access.indices:
        written = [style.index(style.polynomial(e, names)) for e in axis]
        indices.append(written[0] if len(written) == 1 else style.group(written) if written else "0")
    return style.access(access.tensor, indices)


def write_application(access: Access, made: Made, names: Mapping[Variable, str], style: Text) -> str:
    """A function of what stands at an index: exp(x[i + 1])."""
    known = {v: name for v, name in names.items() if isinstance(v, int)}
    taken = set(names.values()).union(*map(taken_names, made.arguments))
    free = max(known, default=0) + 1
    inside = [instance(e, access, free, made.over) for e in made.arguments]
    running = dict(zip(range(free, free + made.over), letters(SUMMED_LETTERS, taken), strict=False))
    written = [write_sum(s, known | running, taken | set(running.values()), style) or style.zero for s in inside]
    if not made.over:
        return style.application(made.function, written)
    sizes = [size for axis in made.arguments[0].axes for size in axis][-made.over :]
    bounds = [style.below(running[free + i], style.polynomial(size, names)) for i, size in enumerate(sizes)]
    return style.over(made.function, bounds, written)


def vanishing(expression: Expression) -> list[str]:
    """Where a closed form is a single product, the sums among its factors: it is zero wherever one of them is."""
    if len(expression.summands) != 1:
        return []
    (summand,) = expression.summands
    names = summed_names(summand, index_names(expression), taken_names(expression))
    return [write_factor(f, summand, names, Text(), True) for f in summand.factors if f.indices]
