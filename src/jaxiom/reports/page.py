"""The report as one HTML page: no script, no network, mathematics as MathML."""

import datetime
import itertools
import math as mathematics
import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jaxiom.claims import Claim, shown
from jaxiom.errors import JaxiomError
from jaxiom.measurement import Measurement
from jaxiom.reports import pictures, statement
from jaxiom.reports.derivation import Derivation, derive
from jaxiom.reports.evidence import IDENTITY, TOEPLITZ, TRANSFORMER, Evidence, RealMeasurement
from jaxiom.reports.mathml import formula, math
from jaxiom.reports.notation import Factored
from jaxiom.verdict import describe

if TYPE_CHECKING:
    from jaxiom.verification import Outcome, Progress, Run

MARKS = {"proved": "✓", "refuted": "✗", "undecided": "?", "unsupported": "?", "disagreement": "!"}


@dataclass(frozen=True, eq=False)
class Entry:
    """A claim on the page."""

    outcome: "Outcome"
    anchor: str
    statement: statement.Statement
    derivations: Sequence[Derivation]
    underived: str

    @property
    def difference(self) -> tuple[tuple[str, Factored], ...]:
        """lhs - rhs as the derivation of the refuted case has it, by output."""
        verdict = self.outcome.verdict
        if verdict is None or verdict.status == "proved":
            return ()
        words = verdict.difference.case if verdict.difference is not None else ""
        for derivation in self.derivations:
            if derivation.words == words and derivation.difference:
                leaves = verdict.difference.leaves if verdict.difference is not None else {"": None}
                return tuple(zip(leaves, derivation.difference, strict=False))
        return ()

    @property
    def witness(self) -> list[str]:
        """The inputs of the witness, in words."""
        verdict = self.outcome.verdict
        if verdict is None or verdict.witness is None:
            return []
        told = {name: describe(value) for name, value in verdict.witness.inputs.items()}
        return [f"{name} {text}" if text.startswith("=") else f"{name}{text}" for name, text in told.items()]

    @property
    def equations(self) -> int:
        return sum(len(d.lhs.lines) + len(d.rhs.lines) for d in self.derivations)


@dataclass(frozen=True, eq=False)
class Chapter:
    """The claims of one file."""

    name: str
    anchor: str
    file: str
    text: Sequence[str]
    entries: Sequence[Entry]


@dataclass(frozen=True, eq=False)
class Answer:
    """The claims that answer the asker's question, where they came out as declared."""

    same: Entry | None
    transformer: Entry | None
    repair: Entry | None
    variants: int

    @classmethod
    def read(cls, entries: Sequence[Entry]) -> "Answer | None":
        named = {e.outcome.claim.name: e for e in entries if e.outcome.ok}
        same = next((named[n] for n in IDENTITY if n in named), None)
        transformer = named.get(TRANSFORMER)
        if same is None and transformer is None:
            return None
        proved = [e for e in named.values() if e.outcome.status == "proved" and e is not same]
        variants = sum(e.outcome.claim.file.stem == "projection" for e in proved)
        return cls(same, transformer, named.get("repaired_by_one_filter"), variants)


def write(found: "Run", evidence: Evidence, told: "Progress") -> str:
    """The page's text."""
    entries: dict[Claim, Entry] = {}
    for done, outcome in enumerate(found.outcomes):
        told.begin(f"deriving: {outcome.claim.title}", done, len(found.outcomes))
        entries[outcome.claim] = read_entry(outcome, {e.anchor for e in entries.values()})
    told.begin("writing the report", len(entries), len(entries))
    template = environment().get_template("template.html.j2")
    text = template.render(
        run=found,
        chapters=list(read_chapters(list(entries.values()))),
        entries=entries,
        answered=Answer.read(list(entries.values())),
        measured=list(found.measurements.items()),
        titled=[(c.title, m) for c, m in found.measurements.items()],
        first=next((m for m in found.measurements.values() if isinstance(m, Measurement)), None),
        real=[read_real(r) for r in found.real],
        real_titled=[(r.given.title, r.measured) for r in found.real],
        evidence=evidence,
        toeplitz=read_toeplitz(evidence),
        ticks=list(pictures.ticks()),
        facts=facts(),
        style=style(),
    )
    return text.strip() + "\n"


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("jaxiom.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(math=math, formula=formula, scientific=scientific, scale=pictures.scale, prose=prose)
    made.filters.update(relations=lambda text: str(text).replace(">=", "≥").replace("<=", "≤"))
    made.filters.update(capital=lambda text: f"{text[:1].upper()}{text[1:]}")
    made.globals.update(MARKS=MARKS, is_measurement=lambda value: isinstance(value, Measurement))
    return made


def style() -> Markup:
    return Markup((Path(__file__).parent / "page.css").read_text(encoding="utf-8"))


def scientific(value: float, digits: int = 1) -> Markup:
    """A number as 1.4 × 10^-2, or plainly where that is short.

    >>> print(scientific(0.0143), scientific(0), scientific(0.5))
    1.4&#8239;×&#8239;10<sup>−2</sup> 0 0.50
    >>> print(scientific(-210.4), scientific(3.14159))
    −210 3.1
    """
    if not mathematics.isfinite(value):
        return Markup("∞") if value > 0 else Markup("not a number")
    if value == 0:
        return Markup("0")
    if 0.1 <= abs(value) < 1000:
        places = max(digits - mathematics.floor(mathematics.log10(abs(value))), 0)
        return Markup(f"{value:.{places}f}".replace("-", "−"))
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    power = str(int(exponent)).replace("-", "−")
    return Markup("{}&#8239;×&#8239;10<sup>{}</sup>").format(mantissa.replace("-", "−"), power)


def prose(text: str) -> Markup:
    """Plain text with its numbers such as 1.4e-02 and 2^-60 as powers.

    >>> print(prose("probability <= 2^-61"))
    probability ≤ 2<sup>−61</sup>
    """
    parts = re.split(r"(?<![\w.])(\d\.\d+e[+-]\d+|2\^-\d+)(?!\w)", text.replace("<=", "≤").replace(">=", "≥"))
    return Markup("").join(power(part) if i % 2 else Markup.escape(part) for i, part in enumerate(parts))


def power(number: str) -> Markup:
    base, _, exponent = number.partition("^-")
    return Markup("{}<sup>−{}</sup>").format(base, exponent) if exponent else scientific(float(number))


def read_entry(outcome: "Outcome", taken: set[str]) -> Entry:
    """A claim with its derivation; without one where it cannot be traced."""
    derivations, underived = [], ""
    try:
        derivations = derive(outcome.claim)
    except JaxiomError as error:
        underived = str(error)
    claim = outcome.claim
    return Entry(outcome, anchor(claim, taken), statement.read(claim), derivations, underived)


def anchor(claim: Claim, taken: set[str]) -> str:
    """Where a claim is on the page: its file's and its own name, numbered where another has them."""
    name = "-".join(re.sub(r"\W+", "-", part) for part in (claim.file.stem, claim.name))
    numbered = (f"{name}-{i}" for i in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in taken)


def read_chapters(entries: Sequence[Entry]) -> Iterator[Chapter]:
    """The entries by file, in order."""
    files = dict.fromkeys(e.outcome.claim.file for e in entries)
    for number, file in enumerate(files):
        yield Chapter(
            file.stem.replace("_", " "),
            f"chapter-{number}",
            shown(file),
            statement.paragraphs(file),
            [e for e in entries if e.outcome.claim.file == file],
        )


@dataclass(frozen=True, eq=False)
class Real:
    """A measurement on a real input, with pictures of where the two sides differ."""

    found: RealMeasurement
    image: str = ""
    drift: str = ""
    left: str = ""
    most: float = 0.0
    most_left: float = 0.0


def read_real(found: RealMeasurement) -> Real:
    """Pictures for an input that is one image in colour."""
    maps = found.maps() if found.given.X.shape[-1] == 3 else None
    if maps is None:
        return Real(found)
    drift, left = maps
    most = float(drift.max())
    image, shades = pictures.colours(found.given.X[0]), [pictures.heat(values, most) for values in (drift, left)]
    return Real(found, image, shades[0], shades[1], most, float(left.max()))


@dataclass(frozen=True, eq=False)
class Toeplitz:
    """T(W), T(W Q) and I ⊗ Qᵀ in letters, and a larger T(W) in colours."""

    sizes: dict[str, int]
    tables: dict[str, list[list[pictures.Cell]]]
    equal: bool
    picture: Markup
    larger: dict[str, int]


def read_toeplitz(evidence: Evidence) -> Toeplitz | None:
    """The identity T(W Q) = (I ⊗ Qᵀ) T(W): block rows are rows of the image, letters coloured by their place in W."""
    found, at = evidence.identity, TOEPLITZ
    if found is None:
        return None
    out_h, out_w = at["h"] - at["kh"] + 1, at["w"] - at["kw"] + 1
    taps = {
        f"W_{{{i},{j},{c},{f}}}": 3 * i + j + 1  # a hue a row of the window
        for i, j, c, f in itertools.product(*(range(at[n]) for n in ("kh", "kw", "c", "f")))
    }
    image = range(at["w"] * at["c"], at["h"] * at["w"] * at["c"], at["w"] * at["c"])
    filters, components = ([out_w * at[n] * i for i in range(1, out_h)] for n in ("f", "k"))
    tables = {
        "T_WQ": pictures.cells(found.T_WQ, taps, components, image),
        "I_kron_Qt": pictures.cells(found.I_kron_Qt, {}, components, filters),
        "T_W": pictures.cells(found.T_W, taps, filters, image),
    }
    return Toeplitz(at, tables, found.equal, *pictures.doubly_block())


def facts() -> dict[str, str]:
    """Where and when this was run."""
    import jax

    from jaxiom import __version__

    devices = jax.devices()
    kinds = ", ".join(dict.fromkeys(d.device_kind for d in devices))
    return {
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": __version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "platform": devices[0].platform,
        "device": f"{kinds} ({len(devices)} seen)" if len(devices) > 1 else kinds,
        "cores": str(os.cpu_count()),
        "machine": platform.machine(),
    }
