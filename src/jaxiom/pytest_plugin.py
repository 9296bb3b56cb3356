"""pytest runs the claims in every folder named `proofs`: a claim is a test, and passes if it comes out as declared.

Installed with jaxiom, this is loaded in every pytest run of the environment: it imports nothing of jaxiom until it
finds a Python file under `proofs` that mentions jaxiom, and leaves every other file alone.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jaxiom.claims import Claim
    from jaxiom.verification import Outcome


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ClaimFile | None":
    """Collect the claims of a file under a folder named `proofs`."""
    if file_path.suffix == ".py" and holds_claims(file_path, parent.config.rootpath):
        return ClaimFile.from_parent(parent, path=file_path)
    return None


def holds_claims(file: Path, root: Path) -> bool:
    """Whether a file is one of ours. A folder named `proofs` may be another project's, with other things in it."""
    inside = file.relative_to(root) if file.is_relative_to(root) else file
    folders = inside.parts[:-1]
    if "proofs" not in folders:
        return False
    below = inside.parts[folders.index("proofs") + 1 :]
    if file.name == "conftest.py" or any(part[0] in "._" for part in below):
        return False
    return b"jaxiom" in file.read_bytes()


class ClaimFile(pytest.File):
    """A proof file."""

    def collect(self) -> Iterable["ClaimItem"]:
        """Its claims, in the order of their definitions; a file that does not import is a collection error."""
        from jaxiom.discovery import load
        from jaxiom.errors import JaxiomError

        try:
            claims = load(self.path)
        except JaxiomError as error:
            raise self.CollectError(str(error)) from error
        for claim in claims:
            yield ClaimItem.from_parent(self, name=claim.name, claim=claim)


class NotAsDeclared(Exception):
    """A claim that did not come out as declared."""

    def __init__(self, outcome: "Outcome"):
        super().__init__(outcome.text)
        self.outcome = outcome


class ClaimItem(pytest.Item):
    """One claim as a test."""

    def __init__(self, claim: "Claim", **kwargs: Any):
        super().__init__(**kwargs)
        self.claim = claim

    def runtest(self) -> None:
        """Prove it."""
        from jaxiom.verification import prove_claim

        outcome = prove_claim(self.claim)
        if not outcome.ok:
            raise NotAsDeclared(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The claim and its verdict; a traceback only for a bug of ours."""
        from jaxiom.errors import JaxiomError

        error = excinfo.value
        if isinstance(error, NotAsDeclared):
            return report(error.outcome)
        return str(error) if isinstance(error, JaxiomError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands, and what it is called in reports."""
        return self.path, self.claim.line - 1, f"{self.claim.name}: {self.claim.title}"


def report(outcome: "Outcome") -> str:
    """A claim that did not come out as declared, in words."""
    declared = {"proved": "a theorem", "refuted": "a refutation"}[outcome.claim.expected]
    return "\n".join(
        [
            outcome.claim.title,
            f"declared: {declared}, at {outcome.claim.place}",
            f"came out: {outcome.status}",
            "",
            outcome.text,
        ]
    )
