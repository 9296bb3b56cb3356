"""The shell: what is printed, the exit codes, the one line of each bad input."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jaxiom
from jaxiom.cli import insisting, main
from jaxiom.files import check_writable, write_whole
from jaxiom.verification import reduced

MATRICES = '''
import jaxiom

@jaxiom.theorem(A="m k", B="k n")
def transposes(A, B):
    """The transpose of a product is the product of the transposes."""
    return (A @ B).T, B.T @ A.T

@jaxiom.refutation(A="n n", given="n >= 2")
def symmetric(A):
    """Not every matrix is symmetric."""
    return A, A.T
'''

WRONG = '''
import jaxiom

@jaxiom.theorem(A="n n", B="n n")
def commutes(A, B):
    """The product of matrices commutes."""
    return A @ B, B @ A
'''

UNSUPPORTED = '''
import jax
import jaxiom

@jaxiom.theorem(A="m n")
def running_product(A):
    """The last running product is the product."""
    return jax.lax.cumprod(A)[-1], A.prod(0)
'''


class Shell:
    """Runs the command in this process, in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path):
        self.capsys, self.folder = capsys, folder

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = self.capsys.readouterr()
        return code, out, err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys, tmp_path)


def bad(shell: Shell, *arguments: str) -> str:
    """The text of a run that ends with bad input: one line on stderr, nothing on stdout."""
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("jaxiom: ")
    assert err.count("\n") == 1
    return err.removeprefix("jaxiom: ").rstrip("\n")


def test_a_line_a_claim_then_a_summary(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MATRICES)
    code, out, err = shell("prove")
    assert (code, err) == (0, "")
    first, second, last = out.splitlines()
    title = "The transpose of a product is the product of the transposes."
    assert re.fullmatch(rf"✓ {re.escape(title)}  +\d+\.\d\d s  m, k, n >= 1", first)
    assert re.fullmatch(r"✗ Not every matrix is symmetric\. {32} +\d+\.\d\d s  differs at n=2; lhs - rhs = .+", second)
    assert re.fullmatch(r"2 claims in \d+\.\d\d s: 1 proved, 1 refuted; every one as declared", last)


def test_a_false_theorem_ends_with_one(shell: Shell) -> None:
    shell.write("wrong.py", WRONG)
    shell.write("proofs/matrices.py", MATRICES)
    code, out, err = shell("prove", "wrong.py", "proofs")
    assert (code, err) == (1, "")
    assert "✗ The product of matrices commutes." in out
    assert "NOT AS DECLARED (a theorem); differs at n=2; lhs - rhs = " in out
    assert out.splitlines()[-1].endswith("1 proved, 2 refuted; 1 not as declared: wrong.py::commutes")


def test_a_true_refutation_ends_with_one(shell: Shell) -> None:
    shell.write("wrong.py", MATRICES.replace("A, A.T", "A + A.T, A.T + A"))
    code, out, _ = shell("prove", "wrong.py::symmetric")
    assert code == 1
    assert re.search(r"✓ Not every matrix is symmetric\. .* NOT AS DECLARED \(a refutation\); n >= 1; n >= 2", out)


def test_an_unsupported_claim_is_a_question_mark_and_ends_with_one(shell: Shell) -> None:
    shell.write("proofs/products.py", UNSUPPORTED)
    shell.write("proofs/zero.py", MATRICES)
    code, out, _ = shell("prove")
    assert code == 1
    assert out.startswith("? The last running product is the product.")
    assert "NOT AS DECLARED (a theorem); unsupported: cumprod at " in out
    assert f"{shell.folder}/proofs/products.py:8" in out
    assert "1 proved, 1 refuted, 1 unsupported; 1 not as declared: proofs/products.py::running_product" in out
    (record,) = json.loads(shell("prove", "--json", "-k", "running")[1])
    assert (record["status"], record["as_declared"], record["sizes"]) == ("unsupported", False, None)
    assert record["reason"].startswith("cumprod at ")


def test_json(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MATRICES)
    code, out, err = shell("prove", "--json")
    assert (code, err) == (0, "")
    proved, refuted = json.loads(out)
    assert proved["seconds"] > 0
    assert {k: v for k, v in proved.items() if k not in ("seconds", "notes")} == {
        "claim": "transposes",
        "file": "proofs/matrices.py",
        "line": 4,
        "title": "The transpose of a product is the product of the transposes.",
        "declared": "proved",
        "status": "proved",
        "as_declared": True,
        "sizes": "m, k, n >= 1",
        "difference": "0",
        "witness": None,
        "reason": None,
    }
    assert (refuted["declared"], refuted["status"]) == ("refuted", "refuted")
    assert refuted["witness"]["sizes"] == {"n": 2}
    assert refuted["witness"]["lhs"] != refuted["witness"]["rhs"]
    assert len(refuted["witness"]["index"]) == 2
    assert "A" in refuted["difference"]


def test_selecting(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MATRICES)
    assert shell("prove", "proofs/matrices.py::transposes")[1].count("\n") == 2
    assert shell("prove", "-k", "SYMMETRIC")[1].startswith("✗ Not every matrix is symmetric.")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["prove", "nowhere"], "nowhere: no such file or folder"),
        (["prove", "notes.txt"], "notes.txt: not a Python file; proofs are in files that end in .py"),
        (
            ["prove", "plain.py"],
            "plain.py: no claims found; a claim is a function under @jaxiom.theorem or @jaxiom.refutation",
        ),
        (["prove", "broken.py"], "broken.py:2: does not import: ZeroDivisionError: division by zero"),
        (["prove", "right.py::gone"], "right.py: no claim is named 'gone'; its claims are transposes, symmetric"),
        (["prove", "right.py", "-k", "pca"], "-k: none of the 2 claims has 'pca' in its name or title"),
        (["prove", "--unknown"], "No such option: --unknown; see jaxiom --help"),
        (["frobnicate"], "No such command 'frobnicate'; see jaxiom --help"),
        (["prove", "-k"], "Option '-k' requires an argument; see jaxiom --help"),
        (
            ["verify", "right.py", "--report", "no/such/folder.html"],
            "no/such/folder.html: cannot be written: there is no folder 'no/such'",
        ),
        (["verify", "right.py", "--report", "."], ".: is a folder; name a file to write"),
        (["verify", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_bad_arguments(shell: Shell, arguments: list[str], error: str) -> None:
    shell.write("notes.txt", "")
    shell.write("plain.py", "")
    shell.write("broken.py", "import jaxiom\n1 / 0")
    shell.write("right.py", MATRICES)
    assert bad(shell, *arguments) == error


def test_no_folder_of_proofs(shell: Shell) -> None:
    assert bad(shell, "prove") == f"no folder 'proofs' in {shell.folder}; name a file or a folder of proofs"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            'B="k n"',
            'B="k n',
            "bad.py:4: does not import: SyntaxError: unterminated string literal (detected at line 4)",
        ),
        ('B="k n"', 'B="k ..."', "bad.py:4: transposes: B: 'k ...': '...' has no fixed rank or size; name every axis"),
        (
            'B="k n"',
            'B="k n", given="q >= 2"',
            "bad.py:4: transposes: given: 'q >= 2' names q, which no shape has; the sizes are m, k, n",
        ),
        (
            'B="k n"',
            'B="k n", given="k < n, n < k"',
            "bad.py:4: transposes: given: no size satisfies 'k < n, n < k' with the shapes 'm k', 'k n'",
        ),
        (
            'B="k n"',
            'B="k n", at={"m": 3, "k": 2}',
            "bad.py:4: transposes: at: the sizes of this claim are m, k, n; n missing",
        ),
        (
            "return (A @ B).T, B.T @ A.T",
            "return A @ B",
            "bad.py:4: transposes: the function returns one DynamicJaxprTracer (m, n); expected the pair (lhs, rhs)",
        ),
        ("return (A @ B).T", "print(A.nothing)", "bad.py:4: transposes: lhs: the function does not run on the shapes "),
        (
            "(A @ B).T, B.T @ A.T",
            "{}['gone']",
            "bad.py:4: transposes: lhs: the function does not run on the shapes [m, k], [k, n]: KeyError: 'gone' (",
        ),
        ('B="k n"', 'B="p n"', "bad.py:4: transposes: lhs: the function does not run on the shapes [m, k], [p, n]: "),
        ("(A @ B).T,", "A @ B,", "bad.py:4: transposes: "),
        (
            '    """The transpose of a product is the product of the transposes."""\n',
            "",
            "bad.py:4: transposes: no doc",
        ),
    ],
)
def test_bad_proof_files(shell: Shell, old: str, new: str, error: str) -> None:
    assert old in MATRICES
    shell.write("bad.py", MATRICES.replace(old, new, 1))
    assert bad(shell, "prove", "bad.py").startswith(error)


def test_bad_input_is_told_before_anything_is_proved(shell: Shell) -> None:
    shell.write("bad.py", MATRICES.replace('given="n >= 2"', 'given="n < 1"'))
    assert bad(shell, "prove", "--json", "bad.py").startswith("bad.py:9: symmetric: given: no size satisfies")


def test_verify_writes_the_report_whole(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MATRICES)
    code, out, err = shell("verify", "--small", "--report", "out.html")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].endswith("every one as declared")
    assert sorted(p.name for p in shell.folder.iterdir()) in (["out.html", "proofs"], ["proofs"])


MEASURED = MATRICES.replace('B="k n"', 'B="k n", at={"m": 30, "k": 20, "n": 10}')


def test_verify_measures_what_has_real_sizes(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MEASURED)
    code, out, _ = shell("verify", "--report", "out.html")
    assert code == 0
    *_, title, sentence = out.splitlines()
    assert title == "The transpose of a product is the product of the transposes."
    assert sentence.startswith("  rounding: ")
    code, out, _ = shell("verify", "--small", "--json", "--report", "out.html")
    measured, other = json.loads(out)
    assert measured["measurement"]["sizes"] == {"m": 8, "k": 8, "n": 8}
    assert measured["measurement"]["verdict"] == "rounding"
    assert other["measurement"] is None


def test_reduced_sizes_stay_inside_given() -> None:
    def claim(**at: int) -> jaxiom.Claim:
        return jaxiom.theorem(title="t", X="h k", given="h >= k + 10", at=at)(lambda X: (X, X))

    assert reduced(claim(h=100, k=40)) == {"h": 64, "k": 40}
    assert reduced(claim(h=14, k=3)) == {"h": 14, "k": 3}


def test_measuring_one_claim(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MEASURED)
    code, out, err = shell("measure", "proofs/matrices.py::transposes")
    assert (code, err) == (0, "")
    assert "m=30, k=20, n=10; float32, precision default, " in out
    code, out, err = shell("measure", "proofs/matrices.py::symmetric", "--at", "n=3", "--dtype", "float64", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["sizes"] == {"n": 3}
    assert json.loads(out)["verdict"] == "algebra"


def test_a_long_difference_is_cut_on_a_line_and_whole_in_json(shell: Shell) -> None:
    long = " + ".join(f"{i} * A[:, {i}:{i + 1}]" for i in range(2, 90))
    shell.write("proofs/long.py", MATRICES.replace('A="n n"', 'A="n 90"').replace("A, A.T", f"A[:, :1], {long}"))
    code, out, _ = shell("prove")
    assert code == 0
    found = re.search(r"lhs - rhs = (.+)… \((.+) characters; --json has all\)", out)
    assert found is not None
    code, out, _ = shell("prove", "--json")
    difference = json.loads(out)[1]["difference"]
    assert (len(found[1]), len(difference)) == (400, int(found[2].replace(",", "")))
    assert difference.startswith(found[1])


def test_measure_in_batches_and_sweeps(shell: Shell) -> None:
    shell.write("proofs/matrices.py", MEASURED.replace("(A @ B).T, B.T @ A.T", "A @ B, (B.T @ A.T).T"))
    code, out, _ = shell(
        "measure", "proofs/matrices.py::transposes", "--batch", "13", "--keep", "kept", "--certainty", "20", "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert found["failure_probability"] <= 2.0**-20
    assert list(Path("kept").iterdir()) == []
    code, out, _ = shell(
        "measure", "proofs/matrices.py::transposes", "--sweep", "k=2:6:4", "--dtype", "float32,float16"
    )
    assert code == 0
    assert "k=6, float16, default: rounding" in out
    code, out, _ = shell("measure", "proofs/matrices.py::transposes", "--no-bound")
    assert (code, "bound: not computed" in out) == (0, True)
    assert Path("sweep/sweep.svg").exists()
    code, out, err = shell("measure", "proofs/matrices.py::transposes", "--sweep", "q=1", "--out", "no/where")
    assert code == 2
    assert "no/where: cannot be made: No such file or directory" in err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "proofs/matrices.py: holds 2 claims; choose one: ::transposes, ::symmetric"),
        (["--at", "n=8,h"], "--at: 'h' is not a size with its number, once; write for example --at n=8,h=14"),
        (["--at", "n=8,n=9"], "--at: 'n=9' is not a size with its number, once; write for example --at n=8,h=14"),
        (["--at", "n=1.5"], "--at: 'n=1.5' is not a size with its number, once; write for example --at n=8,h=14"),
        (["::transposes", "--at", "q=3"], "at: the sizes of this claim are m, k, n; unknown: q"),
        (["::transposes", "--at", "n=0"], "at: m=30, k=20, n=0 is outside what the claim is given: m, k, n >= 1"),
        (["::symmetric"], "at: no sizes to measure at; give at=dict(n=...) or inputs=; in a shell, --at n=8"),
        (["::transposes", "--dtype", "int8"], "dtype: expected one of "),
        (["::transposes", "--seed", "x"], "Invalid value for '--seed': "),
        (["::gone"], "proofs/matrices.py: no claim is named 'gone'; its claims are transposes, symmetric"),
    ],
)
def test_measuring_with_bad_input(shell: Shell, arguments: list[str], error: str) -> None:
    shell.write("proofs/matrices.py", MEASURED)
    name = arguments[0] if arguments and arguments[0].startswith("::") else ""
    rest = arguments[1:] if name else arguments
    assert error in bad(shell, "measure", f"proofs/matrices.py{name}", *rest)


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version") == (0, f"jaxiom {jaxiom.__version__}\n", "")
    code, out, err = shell("--help")
    assert (code, err) == (0, "")
    assert "Exit code 0: every claim came out as declared; 1: one did not; 2: bad input." in out
    assert shell()[0] == 2


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`python -m jaxiom` in a process of its own, piped."""
    source = str(Path(jaxiom.__file__).parents[1])

    def one(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jaxiom", *arguments]
        full = {**os.environ, "PYTHONPATH": source, **env}
        return subprocess.run(command, cwd=tmp_path, env=full, capture_output=True, text=True, encoding="utf-8")

    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs" / "matrices.py").write_text(MATRICES)
    return one


def test_piped_output_is_results_and_nothing_else(run: Run) -> None:
    done = run("prove", FORCE_COLOR="", TERM="xterm-256color")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x9b]", done.stdout)
    assert len(done.stdout.splitlines()) == 3


def test_a_terminal_that_cannot_show_the_marks(run: Run) -> None:
    done = run("prove", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("? The transpose of a product")


def test_bad_input_in_a_process_of_its_own(run: Run) -> None:
    done = run("prove", "nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "jaxiom: nowhere: no such file or folder\n")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from jaxiom.cli import main; main(['--help']); "
        "print({'jax', 'numpy', 'sympy', 'islpy', 'sklearn'} & set(sys.modules), file=sys.stderr)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(jaxiom.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def as_on_a_terminal(folder: Path, *arguments: str, columns: int = 60, first: str = "") -> tuple[int, str]:
    """The exit code and the screen of a run on a pseudo-terminal."""
    pty = pytest.importorskip("pty")
    source = str(Path(jaxiom.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": source, "TERM": "xterm", "COLUMNS": str(columns), "PYTHONUTF8": "1"}
    leader, follower = pty.openpty()
    code = f"import sys; from jaxiom import terminal, cli\n{first}\nsys.exit(cli.main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=folder, env=env, stdout=follower, stderr=follower
    )
    os.close(follower)
    screen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        screen += chunk
    os.close(leader)
    return process.wait(), screen.decode()


def plain(screen: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "").splitlines()


def test_lines_are_cut_to_the_width_of_a_terminal(run: Run, tmp_path: Path) -> None:
    code, screen = as_on_a_terminal(tmp_path, "prove")
    assert code == 0, screen
    lines = [line for line in plain(screen) if line[:1] in ("✓", "✗")]
    assert len(lines) == 2
    assert all(len(line) <= 60 and line.endswith("…") for line in lines)
    assert "\x1b[32m✓" in screen


def test_progress_is_shown_where_work_is_long_and_leaves_no_trace(run: Run, tmp_path: Path) -> None:
    code, screen = as_on_a_terminal(tmp_path, "prove", columns=200, first="terminal.PATIENCE = 0.01")
    assert code == 0, screen
    assert "0/2" in screen
    assert any(line.endswith("m, k, n >= 1") for line in plain(screen))
    quick = as_on_a_terminal(tmp_path, "prove", columns=200, first="terminal.PATIENCE = 60")[1]
    assert "0/2" not in quick
    assert [line[:30] for line in plain(quick)] == [
        "✓ The transpose of a product i",
        "✗ Not every matrix is symmetri",
        plain(quick)[-1][:30],
    ]


def test_an_interrupt_ends_with_130(tmp_path: Path, run: Run) -> None:
    endless = MATRICES.replace(
        "return (A @ B).T", "print('started', flush=True); __import__('time').sleep(60); return A"
    )
    (tmp_path / "proofs" / "matrices.py").write_text(endless)
    env = {**os.environ, "PYTHONPATH": str(Path(jaxiom.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "jaxiom", "prove"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"jaxiom: stopped\n")


def test_files_are_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    write_whole(file, "first ✓")
    write_whole(file, "second ✗")
    assert file.read_text(encoding="utf-8") == "second ✗"
    assert [p.name for p in tmp_path.iterdir()] == ["out.html"]
    other = tmp_path / "plain"
    other.write_text("")
    assert file.stat().st_mode == other.stat().st_mode
    for path in (tmp_path, tmp_path / "no" / "x.html"):
        with pytest.raises(jaxiom.BadInput):
            check_writable(path)
    with pytest.raises(jaxiom.BadInput, match="cannot be written"):
        write_whole(tmp_path / ("x" * 300), "too long a name")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.html", "plain"]


def test_records_hold_what_json_can_write(shell: Shell) -> None:
    from jaxiom.discovery import discover
    from jaxiom.verification import prove_claims

    shell.write("proofs/matrices.py", MATRICES)
    records: list[dict[str, Any]] = [o.record() for o in prove_claims(discover())]
    assert json.loads(json.dumps(records)) == records


@pytest.mark.parametrize("name", ["claims.py", "README.md", "report"])
def test_a_report_is_not_written_over_what_is_no_report(shell: Shell, name: str) -> None:
    file = shell.write(name, MATRICES)
    shell.write("proofs/matrices.py", MATRICES)
    error = bad(shell, "verify", "--small", "--report", name)
    assert error == f"report: expected a file that ends in .html, got {name!r}; it is written over"
    assert file.read_text() == MATRICES


SWEEP = ("measure", "right.py::transposes", "--at", "m=2,k=2,n=2", "--sweep", "k=1:2:1", "--out")


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ("right.py", "right.py: is a file; name a folder"),
        ("no/where", "no/where: cannot be made: No such file or directory"),
    ],
)
def test_a_folder_that_cannot_be_made(shell: Shell, out: str, error: str) -> None:
    shell.write("right.py", MATRICES)
    assert bad(shell, *SWEEP, out).endswith(error)


def test_a_sweep_that_fails_leaves_no_folder(shell: Shell) -> None:
    shell.write("right.py", MATRICES)
    bad(shell, *SWEEP, "out", "--dtype", "float33")
    assert not (shell.folder / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_is_told(shell: Shell, options: list[str]) -> None:
    shell.write("right.py", MATRICES)
    command = [sys.executable, "-m", "jaxiom", "prove", *options, "right.py"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=shell.folder, check=False)
    assert done.returncode == 2
    assert done.stderr == "jaxiom: the results cannot be written: No space left on device\n"


def test_an_interrupt_that_is_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxiom.cli.AGAIN", 0.05)

    def work() -> None:
        with insisting():
            with contextlib.suppress(KeyboardInterrupt):  # as a callback of XLA's does
                signal.raise_signal(signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_for_figures_is_a_sweeps(shell: Shell) -> None:
    shell.write("right.py", MATRICES)
    error = bad(shell, "measure", "right.py::transposes", "--at", "m=2,k=2,n=2", "--out", "figures")
    assert error.startswith("--out: table and figures are a sweep's")
