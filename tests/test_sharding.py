"""Several devices and several hosts: what is cut, and that it changes nothing but rounding."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import PartitionSpec

import jaxiom
from jaxiom.cli import main
from jaxiom.layers import conv
from jaxiom.sharding import grid, output_sizes, specs
from jaxiom.signature import Signature, read_signature

LAYER = {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}

CLAIM = '''
import jaxiom
from jaxiom.layers import conv

@jaxiom.theorem(X="n h w c", W="kh kw c f", Q="f k")
def projecting(X, W, Q):
    """Projecting the filters is projecting the output."""
    return conv(X, W @ Q, padding="SAME"), conv(X, W, padding="SAME") @ Q

@jaxiom.refutation(X="n h w c", W="kh kw c f", Q="f k")
def centring(X, W, Q):
    """Centring the filters is not."""
    return conv(X, (W - W.mean((0, 1, 2))) @ Q, padding="SAME"), conv(X, W, padding="SAME") @ Q
'''
AT = ("--at", "n=4,h=5,w=3,c=3,kh=3,kw=2,f=4,k=6")


@given(devices=st.integers(1, 24), batch=st.integers(1, 30), filters=st.integers(1, 30))
def test_the_grid_uses_as_many_devices_as_divide(devices: int, batch: int, filters: int) -> None:
    rows, columns = grid(devices, batch, filters)
    assert batch % rows == 0
    assert filters % columns == 0
    fitting = [r * c for r in range(1, devices + 1) for c in range(1, devices + 1) if not batch % r and not filters % c]
    assert rows * columns == max(product for product in fitting if product <= devices)


def read(shapes: dict[str, Any], *functions: Any) -> Signature:
    return read_signature(functions, shapes)


@pytest.mark.parametrize(
    ("function", "shapes", "sizes", "expected"),
    [
        (lambda X, W, Q: conv(X, W @ Q, padding="SAME"), LAYER, "n=2,h=5,w=6,c=3,kh=3,kw=2,f=4,k=7", ("n", "k")),
        (
            lambda X, W, Q: (conv(X, W) @ Q).transpose(3, 1, 2, 0),
            LAYER,
            "n=2,h=5,w=6,c=3,kh=3,kw=2,f=4,k=7",
            ("k", "n"),
        ),
        (lambda A, B: A @ B, {"A": "m k", "B": "k p"}, "m=3,k=3,p=3", ("m", "p")),
        (lambda A: A.sum(1), {"A": "m k"}, "m=3,k=4", ("m", "")),
        (lambda A: A.sum(), {"A": "m k"}, "m=3,k=4", ("", "")),
        (lambda A: A.ravel(), {"A": "m k"}, "m=3,k=4", ("", "")),
        (lambda A: (A, A.T), {"A": "m k"}, "m=3,k=4", ("", "")),
        (lambda A, p: A[:, : A.shape[1] + 0 * p], {"A": "m k", "p": int}, "m=3,k=4,p=1", ("m", "k")),
        (lambda A: A @ A, {"A": "n n"}, "n=3", ("", "")),
    ],
)
def test_the_sizes_of_the_output(function: Any, shapes: dict[str, Any], sizes: str, expected: tuple[str, str]) -> None:
    at = {name: int(value) for name, value in (pair.split("=") for pair in sizes.split(","))}
    assert output_sizes([function, function], read(shapes, function), at) == expected


def test_a_size_cuts_an_array_once() -> None:
    signature = read({"A": "n n", "B": "k n", "C": "n k", "D": "m"}, lambda A, B, C, D: A)
    assert specs(signature, {"n": "batch", "k": "filters"}) == {
        "A": PartitionSpec("batch", None),
        "B": PartitionSpec("filters", "batch"),
        "C": PartitionSpec("batch", "filters"),
    }


DEVICES = """
import json, sys
import jax
import jax.numpy as jnp
import jaxiom
from jax import lax
from jaxiom.layers import conv
from jaxiom.passes import Pass
from jaxiom.samples import random_inputs
from jaxiom.signature import read_signature

layer = dict(X="n h w c", W="kh kw c f", Q="f k")
at = dict(n=4, h=5, w=3, c=3, kh=3, kw=2, f=4, k=6)
dense, dense_at = dict(A="m p", B="p k"), dict(m=8, p=5, k=6)


def rhs(X, W, Q):
    return conv(X, W, 2, "SAME") @ Q


def one_entry_off(A, B):
    m, k = A.shape[0], B.shape[1]
    here = (lax.iota("int32", m) == 5)[:, None] & (lax.iota("int32", k) == 4)[None]
    return A @ B + jnp.where(here, A[:1, :1], 0)


claims = {
    "equal": (lambda X, W, Q: conv(X, W @ Q, 2, "SAME"), rhs, layer, at),
    "different": (lambda X, W, Q: conv(X, (W - W.mean((0, 1, 2))) @ Q, 2, "SAME"), rhs, layer, at),
    "one entry": (one_entry_off, lambda A, B: A @ B, dense, dense_at),
}
found = {}
for name, (lhs, right, shapes, sizes) in claims.items():
    for count in (1, 3 if name == "one entry" else 8):
        m = jaxiom.measure(lhs, right, at=sizes, devices=jax.devices()[:count], **shapes)
        exact = [m.exact, m.exact_check.primes, m.exact_check.index, m.exact_check.leaf, m.closed_form]
        figures = [m.drift.max, m.drift.rms, m.bound.max, m.verdict, m.beyond, m.entries]
        found[f"{name} {count}"] = {"exact": exact, "figures": figures, "device": m.device}
run = Pass(claims["equal"][0], rhs, read_signature([rhs], layer), at, "float32", tuple(jax.devices()))
arrays = run.place(random_inputs(run.signature, at, "float32", 0))
product, other = lambda A, B, C: (A @ B) @ C, lambda A, B, C: A @ (B @ C)
uneven = dict(shapes=dict(A="n k", B="k m", C="m p"), at=dict(n=23, k=50, m=40, p=7), exact=False)
found["memory"] = []
for count, memory in ((1, None), (4, 25000)):
    m = jaxiom.measure(product, other, devices=jax.devices()[:count], memory=memory, **uneven)
    found["memory"].append([m.batches, m.device, m.memory["measured"], m.verdict, m.entries, m.drift.max, m.bound.max])
found["pieces"] = {name: [x.sharding.shard_shape(x.shape), len(x.sharding.device_set)] for name, x in arrays.items()}
found["outputs"] = [jax.jit(run.side(i))(arrays)[0].sharding.shard_shape((4, 3, 2, 6)) for i in (0, 1)]
print(json.dumps(found))
"""


def environment(devices: int) -> dict[str, str]:
    source = str(Path(jaxiom.__file__).parents[1])
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "PYTHONPATH": source, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


def test_many_devices_change_nothing_but_rounding() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DEVICES], env=environment(8), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, status in (("equal", "equal"), ("different", "different"), ("one entry", "different")):
        one = found[f"{name} 1"]
        assert one["exact"][0] == status
        largest, rms, bound, *counts = one["figures"]
        several = found[f"{name} {3 if name == 'one entry' else 8}"]
        assert several["exact"] == one["exact"]
        assert several["figures"][3:] == counts
        assert abs(several["figures"][0] - largest) <= 2 * bound
        assert abs(several["figures"][1] - rms) <= 2 * bound
        assert several["figures"][2] == pytest.approx(bound, rel=0.1)
    assert found["one entry 3"]["exact"][2] == [5, 4]
    assert found["one entry 3"]["device"] == "3 devices (k in 3)"
    assert found["equal 8"]["device"] == "8 devices (n in 4, k in 2)"
    (whole, _, need, *figures), (batches, device, fits, *same) = found["memory"]
    assert (whole, batches, device) == (None, ["n", 20], "4 devices (n in 4)")
    assert fits <= 25000 < need
    assert same[:2] == figures[:2] == ["rounding", 23 * 7]
    assert same[2] <= same[3]
    assert same[3] == pytest.approx(figures[3], rel=1e-3)
    assert found["pieces"] == {"X": [[1, 5, 3, 3], 8], "W": [[3, 2, 3, 4], 8], "Q": [[4, 3], 8]}
    assert found["outputs"] == [[1, 3, 2, 3], [1, 3, 2, 3]]


def test_the_shell_counts_devices(tmp_path: Path) -> None:
    (tmp_path / "claims.py").write_text(CLAIM)
    command = [sys.executable, "-m", "jaxiom", "measure", "claims.py::projecting", *AT, "--devices", "all", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(4), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["device"] == "4 devices (n in 4)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "exact", "options"),
    [
        ("projecting", "equal", ["--eager"]),
        ("centring", "different", ["--batch", "2"]),
        ("centring", "different", ["--memory", "4000"]),
    ],
)
def test_two_hosts_find_what_one_does(tmp_path: Path, name: str, exact: str, options: list[str]) -> None:
    (tmp_path / "claims.py").write_text(CLAIM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "jaxiom", "measure", f"claims.py::{name}", *AT, "--json", *options]
    hosts = [
        subprocess.Popen(
            [*command, "--coordinator", coordinator, "--processes", "2", "--process", str(process)],
            cwd=tmp_path,
            env=environment(2),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in (0, 1)
    ]
    (first, errors), (second, _) = (host.communicate(timeout=120) for host in hosts)
    assert [host.returncode for host in hosts] == [0, 0], errors
    assert second == ""
    alone = subprocess.run(command, cwd=tmp_path, env=environment(1), capture_output=True, text=True, check=True)
    both, one = json.loads(first), json.loads(alone.stdout)
    assert both["device"] == ("4 devices (n in 2, k in 2)" if "--batch" in options else "4 devices (n in 4)")
    assert one["exact"] == exact
    same = ("verdict", "exact", "exact_text", "closed_form", "failure_probability", "beyond", "entries", "sizes")
    assert [both[key] for key in same] == [one[key] for key in same]
    for key in ("drift", "left"):
        assert abs(both[key]["max"] - one[key]["max"]) <= 2 * one["bound"]["max"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--devices", "0"], f"--devices: expected all, or a number from 1 to {len(jax.devices())}, got '0'"),
        (["--devices", "999"], f"--devices: expected all, or a number from 1 to {len(jax.devices())}, got '999'"),
        (["--devices", "some"], f"--devices: expected all, or a number from 1 to {len(jax.devices())}, got 'some'"),
        (["--devices", "all", "--device", "abacus"], "--device: JAX sees no 'abacus' here"),
        (["--process", "1"], "--processes and --process go with --coordinator: say where it listens"),
        (["--coordinator", "here"], "--coordinator: expected HOST:PORT, or auto, got 'here'"),
        (["--coordinator", "here:1"], "--coordinator HOST:PORT: say how many --processes there are, and which "),
        (["--coordinator", "here:1", "--processes", "2", "--process", "2"], "--process: expected a number from 0 to 1"),
    ],
)
def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: str) -> None:
    (tmp_path / "claims.py").write_text(CLAIM)
    assert main(["measure", f"{tmp_path}/claims.py::projecting", *AT, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jaxiom: {error}")


@pytest.mark.parametrize(
    ("devices", "error"),
    [
        ([], "devices: expected JAX devices or the name of a platform, got []"),
        ([0], "devices: expected JAX devices or the name of a platform, got [0]"),
        ([jax.devices()[0]] * 2, "devices: expected each device once, and all of one platform, got ["),
        ("abacus", "devices: JAX sees no 'abacus' here; it sees "),
    ],
)
def test_bad_devices(devices: Any, error: str) -> None:
    with pytest.raises(jaxiom.BadInput) as caught:
        jaxiom.measure(lambda A: A, lambda A: A, A="n", at={"n": 2}, devices=devices)
    assert str(caught.value).startswith(error)


def test_one_device_in_a_list_is_that_device() -> None:
    m = jaxiom.measure(lambda A: A + A, lambda A: 2 * A, A="n", at={"n": 2}, devices=[jax.devices()[0]])
    assert (m.device, m.exact) == (str(jax.devices()[0]), "equal")
    assert np.isfinite(m.drift.max)
