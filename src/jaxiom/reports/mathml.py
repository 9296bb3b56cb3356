"""LaTeX to MathML, which browsers show without a script."""

import re
from collections.abc import Sequence
from functools import lru_cache
from xml.etree import ElementTree

from latex2mathml import exceptions
from latex2mathml.converter import convert
from markupsafe import Markup

NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
FIRST_SIGN = re.compile(r"^(<math[^>]*><mrow>)<mo>")
BIG = ("∑", "∏", "max")
# The converter's errors have no base of their own.
REFUSALS: tuple[type[Exception], ...] = (
    *(e for e in vars(exceptions).values() if isinstance(e, type) and issubclass(e, Exception)),
    ElementTree.ParseError,
    LookupError,
)


@lru_cache(maxsize=4096)
def math(latex: str) -> Markup:
    """A formula as an inline element, its sums and fractions in display size; what cannot be converted, as LaTeX.

    >>> print(math("a < b"))
    <math display="inline" displaystyle="true"><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></math>
    """
    try:
        root = ElementTree.fromstring(convert(latex).replace(NAMESPACE, ""))
    except REFUSALS:
        return Markup("<code>{}</code>").format(latex)
    for element in root.iter():
        if not element.tag.startswith("m"):  # the converter lets markup in names through
            return Markup("<code>{}</code>").format(latex)
        if element.tag == "msub" and element[0].text in BIG:  # inside parentheses it forgets that these are limits
            element.tag = "munder"
    root.set("displaystyle", "true")
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


def formula(pieces: Sequence[str], left: str = "") -> Markup:
    """left = the sum or product of pieces; lines break between pieces only, and a piece that is too wide scrolls."""
    parts = [math(f"{left} =")] if left else []
    for at, piece in enumerate(pieces):
        found = math(piece)
        if at and piece.startswith(("-", "+")):
            found = Markup(FIRST_SIGN.sub(r'\1<mo form="infix">', str(found)))
        parts.append(found)
    spans = Markup(" ").join(Markup("<span>{}</span>").format(part) for part in parts)
    return Markup('<div class="formula">{}</div>').format(spans)
