"""Finding claims in files, as pytest finds tests."""

import contextlib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from jaxiom.claims import MADE, Claim, last_line_in, shown, summary
from jaxiom.errors import BadClaim, BadInput

DEFAULT_FOLDER = "proofs"


@dataclass(frozen=True)
class Target:
    """One argument of the shell: a file or folder, and the name of one claim in it ("" for all)."""

    path: Path
    name: str

    @classmethod
    def read(cls, text: str) -> "Target":
        path, _, name = text.partition("::")
        return cls(Path(path), name)

    def files(self) -> list[Path]:
        """The proof files: the file itself, or those of a folder and its subfolders, in order.

        Raises:
            BadInput: the path is neither a folder nor a Python file.
        """
        if os.path.isdir(self.path):  # unlike Path.is_dir, no exception for a name that no system has
            files = [p for p in sorted(self.path.rglob("*.py")) if p.is_file()]
            return [p for p in files if is_proof_file(p.relative_to(self.path))]
        if not os.path.exists(self.path):
            raise BadInput(f"{self.path}: no such file or folder")
        if self.path.suffix != ".py" or not self.path.is_file():
            raise BadInput(f"{self.path}: not a Python file; proofs are in files that end in .py")
        return [self.path]


def is_proof_file(path: Path) -> bool:
    """Whether a file inside a folder of proofs is read: hidden ones, `_*` and conftest.py are not."""
    return path.suffix == ".py" and path.name != "conftest.py" and not any(p[0] in "._" for p in path.parts)


def discover(paths: Sequence[str | Path] = (), keyword: str = "") -> list[Claim]:
    """The claims in files and folders, in the order of the paths, the files and their definitions.

    Args:
        paths: files, folders, or `file::name` for one claim; none: the folder `proofs` of the current directory.
        keyword: keep the claims whose name or title contains it, in whatever case.

    Raises:
        BadInput: a path that is no file or folder, or nothing found.
        BadClaim: a file that does not import, a name that no claim has, a claim that would be lost.
    """
    targets = [Target.read(str(p)) for p in paths] or [default_target()]
    found: dict[tuple[Path, str], Claim] = {}
    loaded: dict[Path, list[Claim]] = {}
    for target in targets:
        here = []
        for file in dict.fromkeys(p.resolve() for p in target.files()):
            if file not in loaded:
                loaded[file] = load(file)
            here += loaded[file]
        found.update({(c.file, c.name): c for c in select(here, target)})
    return containing(list(found.values()), keyword)


def default_target() -> Target:
    if not Path(DEFAULT_FOLDER).is_dir():
        raise BadInput(f"no folder {DEFAULT_FOLDER!r} in {Path.cwd()}; name a file or a folder of proofs")
    return Target(Path(DEFAULT_FOLDER), "")


def select(claims: list[Claim], target: Target) -> list[Claim]:
    """Those that a target names."""
    if not claims:
        raise BadInput(
            f"{target.path}: no claims found; a claim is a function under @jaxiom.theorem or @jaxiom.refutation"
        )
    chosen = [c for c in claims if c.name == target.name] if target.name else claims
    if not chosen:
        raise BadClaim(
            f"{target.path}: no claim is named {target.name!r}; its claims are {', '.join(c.name for c in claims)}"
        )
    return chosen


def containing(claims: list[Claim], keyword: str) -> list[Claim]:
    """Those whose name or title contains a keyword."""
    wanted = keyword.casefold()
    chosen = [c for c in claims if wanted in c.name.casefold() or wanted in c.title.casefold()]
    if not chosen:
        raise BadInput(f"-k: none of the {len(claims)} claims has {keyword!r} in its name or title")
    return chosen


def load(file: Path) -> list[Claim]:
    """The claims that one file makes, in the order of their definitions.

    The file may import its siblings, at the top; a claim that it imports belongs to the file that makes it.

    Raises:
        BadClaim: the file does not import, or makes a claim that none of its names holds in the end.
    """
    file = file.resolve()
    made: list[Claim] = []
    token = MADE.set(made)
    try:
        with siblings(file.parent):
            module = import_file(file)
            claims = [
                replace(claim, name=name, file=file, line=claim.line if claim.file == file else 1)
                for name, claim in held(module).items()
                if belongs(claim, file)
            ]
    finally:
        MADE.reset(token)
    bound = {id(claim) for claim in held(module).values()}
    for claim in made:
        if claim.file == file and id(claim) not in bound:
            raise BadClaim(
                f"{claim.place}: this claim would be lost: a later definition took its name, or it was never given one"
            )
    return claims


def held(module: ModuleType) -> dict[str, Claim]:
    """The claims that a module's names hold, each under its first name."""
    first: dict[int, tuple[str, Claim]] = {}
    for name, value in vars(module).items():
        if isinstance(value, Claim):
            first.setdefault(id(value), (name, value))
    return dict(first.values())


def belongs(claim: Claim, file: Path) -> bool:
    """Whether a claim was made for this file: by its own code, or by a function called there, not imported whole."""
    if claim.file == file:
        return True
    maker = sys.modules.get(claim.function.__module__)
    return maker is None or not any(value is claim for value in vars(maker).values())


class FreshLoader(SourceFileLoader):
    """Compiles the source at each import: a stored bytecode is looked up by the second, and an edit may be quicker."""

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError(path)


def import_file(file: Path) -> ModuleType:
    """Import a file under a module name that only this path has."""
    name = f"jaxiom_proofs_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    loader = FreshLoader(name, str(file))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's file raises, told in one line
        del sys.modules[name]
        told = unimportable(file, error)
        if told is error:
            raise
        raise told from error
    return module


def unimportable(file: Path, error: BaseException) -> BadClaim:
    """The error that says where and why a file does not import."""
    if isinstance(error, SyntaxError) and error.filename:
        place, lineno = shown(Path(error.filename)), error.lineno
        return BadClaim(f"{place}:{lineno}: does not import: SyntaxError: {error.msg}")
    line = last_line_in(error, str(file))
    place = shown(file) + ("" if line is None else f":{line}")
    if isinstance(error, BadClaim):
        named = str(error).startswith(shown(file))
        return error if named else BadClaim(f"{place}: {error}")
    return BadClaim(f"{place}: does not import: {summary(error)}")


@contextlib.contextmanager
def siblings(folder: Path) -> Iterator[None]:
    """Let a file import the other files of its folder, and forget them after: another folder may have the same names.

    Only plain files are forgotten (`folder/name.py` imported as `name`): a package beside the proofs, or a virtual
    environment inside the folder, stays as it is.
    """
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) == str(folder / f"{name}.py"):
                del sys.modules[name]
