"""The pytest plugin in projects of its own: claims as tests, readable failures, other files left alone."""

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

INSTALLED = any(e.value == "jaxiom.pytest_plugin" for e in entry_points(group="pytest11"))

PROOFS = '''
import jaxiom

@jaxiom.theorem(A="m k", B="k n")
def transposes(A, B):
    """The transpose of a product."""
    return (A @ B).T, B.T @ A.T

@jaxiom.refutation(A="n n")
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

@jaxiom.refutation(A="m n")
def differs(A):
    """Transposing twice changes something."""
    return A.T.T, A

@jaxiom.theorem(A="m n", B="p q")
def unfit(A, B):
    """Shapes that do not fit."""
    return A @ B, A @ B
'''

OTHER = "raise RuntimeError('another project, imported')"


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    plugin = () if INSTALLED else ("-p", "jaxiom.pytest_plugin")
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *arguments)


def write(pytester: pytest.Pytester, **files: str) -> None:
    for name, text in files.items():
        path = pytester.path / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_claims_are_tests(pytester: pytest.Pytester) -> None:
    write(pytester, proofs__matrices=PROOFS, proofs__deep__more=PROOFS, test_own="def test_own(): pass")
    result = run(pytester, "-v")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*proofs/matrices.py::transposes PASSED*", "*proofs/matrices.py::symmetric PASSED*"])


def test_one_claim_can_be_chosen(pytester: pytest.Pytester) -> None:
    write(pytester, proofs__matrices=PROOFS)
    run(pytester, "proofs/matrices.py::symmetric").assert_outcomes(passed=1)
    run(pytester, "-k", "transposes").assert_outcomes(passed=1, deselected=1)


def test_failures_are_verdicts_and_no_tracebacks(pytester: pytest.Pytester) -> None:
    write(pytester, proofs__wrong=WRONG)
    result = run(pytester)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ commutes: The product of matrices commutes. _*",
            "The product of matrices commutes.",
            "declared: a theorem, at proofs/wrong.py:4: commutes",
            "came out: refuted",
            "refuted for n >= 1",
            "lhs - rhs = *",
            "witness: n=2: at *",
            "Transposing twice changes something.",
            "declared: a refutation, at proofs/wrong.py:9: differs",
            "came out: proved",
            "*_ unfit: Shapes that do not fit. _*",
            "proofs/wrong.py:14: unfit: lhs: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_proof_file_that_does_not_import_is_one_clear_error(pytester: pytest.Pytester) -> None:
    write(pytester, proofs__bad="import jaxiom\nx = 1 / 0")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["proofs/bad.py:2: does not import: ZeroDivisionError: division by zero"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_other_files_are_left_alone(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        proofs__merkle=OTHER,  # another project's folder of this name: it does not mention jaxiom
        proofs___helper=OTHER + "  # jaxiom",
        proofs__conftest="",
        src__module=OTHER + "  # jaxiom",
        test_own="import sys\ndef test_own(): assert not {'islpy', 'jaxiom.claims'} & set(sys.modules)",
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    code = "import sys, jaxiom.pytest_plugin; print([m for m in sys.modules if m.startswith(('jax', 'numpy'))])"
    path = pytester.makepyfile(probe=code)
    assert pytester.runpython(path).outlines == ["['jaxiom', 'jaxiom.pytest_plugin']"]


def test_beside_doctest_modules(pytester: pytest.Pytester) -> None:
    write(pytester, proofs__one__matrices=PROOFS, proofs__two__claims=PROOFS, matrices="x = 1")
    result = run(pytester, "--doctest-modules", "-W", "error", "proofs")
    result.assert_outcomes(passed=4)


def test_assert_proved_in_a_test_suite(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        test_own="""
import jaxiom

def test_right():
    jaxiom.assert_proved(lambda A: A.T.T, lambda A: A, A="m n")

def test_wrong():
    jaxiom.assert_proved(lambda A: A.T, lambda A: A, A="n n")
""",
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*AssertionError: refuted for n >= 1", "test_own.py:8: AssertionError"])
