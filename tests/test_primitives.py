"""Every primitive of lax is in a table, written out, walked into, or refused with a reason; and the docs say so."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxiom import prove
from jaxiom.control import CONTROL
from jaxiom.errors import Unsupported
from jaxiom.jaxprs import CALLS, all_primitives
from jaxiom.primitives import page, unlisted
from jaxiom.rules import polyhedral
from jaxiom.rules.refused import REASONS, REFUSED

READ = ("0.10.2", "0.11.2", "0.12.0.1")
"""The versions of JAX whose primitives were read; those of a later one are refused without a reason."""

version = pytest.mark.skipif(
    jax.__version__ not in READ, reason=f"the primitives of JAX {jax.__version__} are not read"
)


@version
def test_every_primitive_has_a_place() -> None:
    assert unlisted() == set()


def test_no_primitive_has_two() -> None:
    assert set(REFUSED) & set(polyhedral.RULES) == set()
    assert len(REFUSED) == sum(len(names.split()) for names in REASONS.values())
    known = all_primitives()
    assert not {known[name] for name in REFUSED if name in known} & CALLS
    assert {p.name for p in CONTROL} <= set(REFUSED)  # where it cannot be written out


@pytest.mark.skipif(jax.__version__ != READ[0], reason="the page is about another JAX")
def test_the_page_is_current() -> None:
    written = Path(__file__).parents[1] / "docs" / "primitives.md"
    assert written.read_text() == page(), "run: python -m jaxiom.primitives > docs/primitives.md"


def test_the_page_has_a_line_for_each() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in rows] == sorted(all_primitives())
    found = {row[0].strip("| `"): row[1:] for row in rows}
    assert found["dot_general"] == ["yes", "yes", "yes", "yes |"]
    assert found["sort"][0].startswith("refused: it sorts by value")
    assert found["scan"][0].startswith("written out; else a loop")
    assert found["jit"][0] == "walked into"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: jnp.sort(x), "sort"),
        (lambda x: jnp.linalg.cholesky(x[:, None] * x), "cholesky"),
        (lambda x: jax.random.uniform(jax.random.key(0), x.shape) * x, "random_bits"),
        (lambda x: jax.lax.while_loop(lambda s: s[0] < 3.0, lambda s: s + x, x), "while"),
    ],
)
def test_the_error_says_why(function: object, name: str) -> None:
    with pytest.raises(Unsupported) as raised:
        prove(function, function, x="4")  # pyright: ignore[reportArgumentType]
    assert any(reason in str(raised.value) for reason in (REFUSED[name], REFUSED["random_seed"]))
    assert "test_primitives.py" in str(raised.value)


def test_a_function_of_jax_itself_has_no_line_of_the_users() -> None:
    with pytest.raises(Unsupported, match="^sort at a line of JAX's own: the polyhedral interpreter has no rule"):
        prove(jnp.sort, jnp.sort, x="n")
