"""The page of primitives: what each interpreter does with each primitive of lax.

`python -m jaxiom.primitives` prints it; docs/primitives.md is its output.
"""

import jax

from jaxiom.control import CONTROL, MOST_STEPS
from jaxiom.jaxprs import CALLS, Primitive, all_primitives
from jaxiom.rules import explicit, modular, polyhedral, rounding
from jaxiom.rules.refused import REFUSED

HEAD = f"""# Primitives

What each interpreter does with each primitive of lax in JAX {jax.__version__}. *Prover*: for all sizes. *Exact*: on
fractions and letters at given sizes. *Modular* and *rounding*: at real sizes on the device. A rule may still refuse a
parameter or an operand, by name. Calls are walked into; loops of up to {MOST_STEPS} steps, branches and folds that add
are written out before any interpreter sees them. This page is the output of `python -m jaxiom.primitives`.

| primitive | prover | exact | modular | rounding |
|---|---|---|---|---|
"""


def page() -> str:
    """The page, in Markdown."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in map(row_of, sorted(all_primitives().items())))


def row_of(item: tuple[str, Primitive]) -> tuple[str, ...]:
    """One primitive: its name, and what each interpreter does with it."""
    name, primitive = item
    if primitive in CALLS:
        return f"`{name}`", *["walked into"] * 4
    others = ["yes" if primitive in rules else "" for rules in (explicit.RULES, modular.RULES, rounding.RULES)]
    if primitive in CONTROL:
        return f"`{name}`", f"written out; else {REFUSED.get(name, 'refused')}", *["written out"] * 3
    found = "yes" if name in polyhedral.RULES else f"refused: {REFUSED.get(name, 'unknown to this version of jaxiom')}"
    return f"`{name}`", found, *others


def unlisted() -> set[str]:
    """The primitives of this JAX that are in no table and in no list of refused ones."""
    known = {*polyhedral.RULES, *REFUSED}
    return {name for name, primitive in all_primitives().items() if name not in known and primitive not in CALLS}


if __name__ == "__main__":
    print(page(), end="")
