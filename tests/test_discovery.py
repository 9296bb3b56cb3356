"""Finding claims: which files, in which order, and the error of each path or file that cannot be read."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxiom.discovery import discover, load
from jaxiom.errors import BadClaim, BadInput

CLAIM = '''
@jaxiom.{kind}(A="m n"{options})
def {name}(A):
    """{title}"""
    return {lhs}, {rhs}
'''


def claim(name: str, title: str = "A title.", lhs: str = "A.T.T", rhs: str = "A", options: str = "") -> str:
    return CLAIM.format(kind="theorem", name=name, title=title, lhs=lhs, rhs=rhs, options=options)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def one(path: str, *parts: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["import jaxiom", *parts]))
        return file

    return one


def names(*paths: str | Path, keyword: str = "") -> list[str]:
    return [c.name for c in discover(paths, keyword)]


def error_of(*paths: str | Path, keyword: str = "", kind: type[BadInput] = BadInput) -> str:
    with pytest.raises(kind) as raised:
        discover(paths, keyword)
    assert type(raised.value) is kind
    return str(raised.value)


def test_claims_come_in_the_order_of_files_and_definitions(write: Write) -> None:
    write("proofs/b.py", claim("z"), claim("a"))
    write("proofs/a.py", claim("second"))
    write("proofs/deep/c.py", claim("third"))
    assert names() == ["second", "z", "a", "third"]
    assert names("proofs/b.py", "proofs") == ["z", "a", "second", "third"]
    assert names("proofs/b.py::a", "proofs/deep") == ["a", "third"]
    assert names("proofs/b.py::a", "proofs/b.py") == ["a", "z"]
    assert names(keyword="SEC") == ["second"]


def test_files_that_are_no_proofs_are_skipped(write: Write) -> None:
    write("proofs/good.py", claim("good"))
    for path in ("_helper.py", ".hidden.py", "conftest.py", "_old/a.py", ".venv/b.py"):
        write(f"proofs/{path}", "raise SystemExit(3)")
    (write("proofs/notes.txt").parent / "folder.py").mkdir()
    assert names() == ["good"]
    assert names(Path("proofs")) == ["good"]


def test_keywords_look_at_names_and_titles(write: Write) -> None:
    write("proofs/a.py", claim("stride_two", "Strides of two."), claim("padded", "The border."))
    assert names(keyword="border") == ["padded"]
    assert names(keyword="stride") == ["stride_two"]
    assert error_of(keyword="pca") == "-k: none of the 2 claims has 'pca' in its name or title"


def test_paths_that_cannot_be_used(write: Write) -> None:
    assert error_of() == f"no folder 'proofs' in {Path.cwd()}; name a file or a folder of proofs"
    assert error_of("nowhere") == "nowhere: no such file or folder"
    assert error_of("x" * 300).endswith("xxx: no such file or folder")
    assert error_of("x\0.py") == "x\0.py: no such file or folder"
    assert error_of("nowhere.py::x") == "nowhere.py: no such file or folder"
    Path("notes.txt").write_text("")
    assert error_of("notes.txt") == "notes.txt: not a Python file; proofs are in files that end in .py"
    Path("empty").mkdir()
    none = "no claims found; a claim is a function under @jaxiom.theorem or @jaxiom.refutation"
    assert error_of("empty") == f"empty: {none}"
    write("plain.py", "x = 1")
    assert error_of("plain.py") == f"plain.py: {none}"


def test_a_name_that_no_claim_has(write: Write) -> None:
    write("a.py", claim("one"), claim("two"))
    assert error_of("a.py::three", kind=BadClaim) == "a.py: no claim is named 'three'; its claims are one, two"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("x = 1\ny = 1 / 0", "bad.py:3: does not import: ZeroDivisionError: division by zero"),
        ("import nothing_like_it", "bad.py:2: does not import: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("raise SystemExit('bye')", "bad.py:2: does not import: SystemExit: bye"),
        ("def f():\n    raise KeyError\nf()", "bad.py:3: does not import: KeyError"),
        ("jaxiom.prove('a', 'b', X='n ...')", "bad.py:2: does not import: "),
        ("@jaxiom.theorem(X='n')\ndef f(X):\n    return X, X", "bad.py:2: f: no docstring; its first line is the"),
        (
            "@jaxiom.theorem\nclass C: pass",
            "bad.py:2: expected a function that returns the pair (lhs, rhs), got <class",
        ),
    ],
)
def test_files_that_do_not_import(write: Write, body: str, error: str) -> None:
    write("bad.py", body)
    before = set(sys.modules)
    assert error_of("bad.py", kind=BadClaim).startswith(error)
    assert not [m for m in set(sys.modules) - before if m.startswith("jaxiom_proofs_")]


def test_a_file_with_a_syntax_error(write: Write) -> None:
    write("bad.py", "def f(:")
    assert error_of("bad.py", kind=BadClaim) == "bad.py:2: does not import: SyntaxError: invalid syntax"


def test_a_claim_that_would_be_lost_is_an_error(write: Write) -> None:
    write("twice.py", claim("same", "First."), claim("same", "Second."))
    lost = "this claim would be lost: a later definition took its name, or it was never given one"
    assert error_of("twice.py", kind=BadClaim) == f"twice.py:3: same: {lost}"
    write("loop.py", "for k in (1, 2):", *("    " + line for line in claim("f").strip().splitlines()))
    assert error_of("loop.py", kind=BadClaim) == f"loop.py:3: f: {lost}"


FACTORY = """
def scaled(k):
    @jaxiom.theorem(A="n", title=f"Scaling by {k}.")
    def f(A):
        return k * A, A * k
    return f
"""


def test_claims_made_by_a_function_bear_the_names_given_to_them(write: Write) -> None:
    write("proofs/common.py", FACTORY)
    write("proofs/here.py", FACTORY, "two = scaled(2)", "three = scaled(3)")
    write("proofs/there.py", "from common import scaled", "four = scaled(4)")
    claims = discover(["proofs/here.py", "proofs/there.py"])
    assert [(c.name, c.title) for c in claims] == [
        ("two", "Scaling by 2."),
        ("three", "Scaling by 3."),
        ("four", "Scaling by 4."),
    ]
    assert [c.file.name for c in claims] == ["here.py", "here.py", "there.py"]


def test_an_imported_claim_belongs_to_its_own_file(write: Write) -> None:
    write("proofs/a.py", claim("one"))
    write("proofs/b.py", "from a import one", claim("two"))
    assert names() == ["one", "two"]
    assert names("proofs/b.py") == ["two"]


def test_folders_with_the_same_file_names_do_not_meet(write: Write) -> None:
    for folder in ("x", "y"):
        write(f"{folder}/shared.py", f"NAME = {folder!r}")
        write(f"{folder}/a.py", "import shared", claim("one", options=", title=shared.NAME"))
    path, modules = list(sys.path), set(sys.modules)
    assert [load(Path(f, "a.py"))[0].title for f in ("x", "y")] == ["x", "y"]
    assert sys.path == path
    assert {m for m in set(sys.modules) - modules if not m.startswith("jaxiom_proofs_")} == set()


def test_an_edited_file_is_read_anew_however_quick_the_edit(write: Write) -> None:
    for title in ("First", "Other", "Third"):  # the same length, within the same second
        file = write("a.py", claim("one", title))
        assert load(file)[0].title == title
    assert not (file.parent / "__pycache__").exists()
