"""`jaxiom audit`: what the shell prints and writes, and the one line of each bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from jaxiom.cli import main
from jaxiom.pca import compress

RNG = np.random.default_rng(0)
KERNEL = (RNG.normal(size=(3, 3, 4, 6)) * 2.0 ** -np.arange(6) + 0.2).astype(np.float32)
BIAS = RNG.normal(size=6).astype(np.float32)
IMAGES = RNG.normal(size=(2, 5, 6, 4)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("model.npz", conv=KERNEL, bias=BIAS, zeros=np.zeros((3, 3)), zero_bias=np.zeros(6))
    np.save("torch.npy", KERNEL.transpose(3, 2, 0, 1))
    np.save("images.npy", IMAGES)
    safetensors.numpy.save_file({"conv.weight": KERNEL}, "model.safetensors")
    return tmp_path


def test_what_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "model.npz::conv", "--rank", "3", "--center", "--images", "images.npy"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = str(compress(KERNEL, 3, center=True).report)
    assert out.startswith(f"model.npz::conv\n{report}\n\nproved for all sizes: projecting the kernel")
    lines = out.removeprefix(f"model.npz::conv\n{report}\n\n").splitlines()
    assert sum(line.startswith("proved for all sizes: ") for line in lines) == 5
    assert lines[5] == "on the given images 2×5×6×4, VALID:"
    assert lines[6].startswith("error of the approximation: ")
    assert lines[7].startswith("unrepaired, centring would be off by ")
    assert lines[8].startswith("beside it, rounding: ")
    assert lines[9].startswith("modulo primes: equal here, failure probability <= 2^-6")
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("source", "output", "arguments"),
    [
        ("model.npz::conv", "small.safetensors", {}),
        ("model.safetensors::conv.weight", "small.npz", {"center": True, "repair": "bias"}),
        ("torch.npy", "small.npz", {"center": True, "layout": "OIHW"}),
    ],
)
def test_what_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], source: str, output: str, arguments: dict[str, str | bool]
) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    options = [f"--{k}" if v is True else f"--{k}={v}" for k, v in arguments.items()]
    settings = ["--rank", "3", "--bias", "model.npz::bias", "--padding", "SAME", "--stride", "2"]
    assert main(["audit", source, *settings, *options, "-o", output, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["rank"], record["output"], record["audit"]["as_claimed"]) == (3, output, True)
    found = safetensors.numpy.load_file(output) if output.endswith("s") else dict(np.load(output))
    kernel = KERNEL.transpose(3, 2, 0, 1) if "layout" in arguments else KERNEL
    layer = compress(
        kernel,
        3,
        bias=BIAS,
        center="center" in arguments,
        repair=str(arguments.get("repair", "filter")),
        layout="OIHW" if "layout" in arguments else None,
    )
    assert set(found) == {"kernel", "unprojection", "bias"}
    for name, array in found.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, getattr(layer, name))
    after = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != output}
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["gone.npz"], "gone.npz: no such file"),
        (["model.npz"], "model.npz: it holds conv (3, 3, 4, 6), bias (6,), zeros (3, 3), zero_bias (6,); choose one: "),
        (
            ["model.npz::con"],
            "model.npz: it holds conv (3, 3, 4, 6), bias (6,), zeros (3, 3), zero_bias (6,); there is",
        ),
        (["model.npz::zeros"], "kernel: all zeros; there is nothing to find out from it"),
        (
            ["torch.npy", "--layout", "NCHW"],
            "layout: expected HWIO or OIHW for a kernel of shape (6, 4, 3, 3), got 'NC",
        ),
        (["model.npz::conv", "--rank", "7"], "rank: expected a whole number from 1 to min(taps, filters) = 6, or a "),
        (["model.npz::conv", "--rank", "x"], "--rank: expected a whole number, or a share of the variance as 0.99, go"),
        (["model.npz::conv", "--repair", "x"], "repair: expected filter or bias, got 'x'"),
        (["model.npz::conv", "--stride", "0"], "stride: expected a whole number of at least 1, got 0"),
        (["model.npz::conv", "--bias", "images.npy"], "bias: shape (2, 5, 6, 4); expected (6,), one entry a filter"),
        (["model.npz::conv", "--images", "torch.npy"], "images: shape (6, 4, 3, 3); expected (n, h, w, c) with c = 4 "),
        (
            ["model.npz::conv", "-o", "model.npz"],
            "model.npz: is the input, which is never written over; name another f",
        ),
        (["model.npz::conv", "-o", "model.npz", "--overwrite"], "model.npz: is the input, which is never written over"),
        (
            ["torch.npy", "--bias", "model.npz::bias", "-o", "model.npz", "--overwrite"],
            "model.npz: is the input, which",
        ),
        (
            ["model.npz::conv", "-o", "model.safetensors"],
            "model.safetensors: exists already; name another file, or say ",
        ),
        (["model.npz::conv", "-o", "out.pt"], "out.pt: expected a file that ends in .npz or .safetensors"),
        (["model.npz::conv", "-o", "no/out.npz"], "no/out.npz: cannot be written: there is no folder 'no'"),
        (["model.npz::conv", "-o", "images.npy/out.npz"], "images.npy/out.npz: cannot be written: there is no folder"),
    ],
)
def test_bad_input(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: str) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert main(["audit", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jaxiom: {error}")
    assert err.count("\n") == 1
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_overwriting_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out.npz").write_bytes(b"old")
    assert main(["audit", "model.npz::conv", "--bias", "model.npz::zero_bias", "-o", "out.npz", "--overwrite"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("written: out.npz: kernel (3, 3, 4, ")
    assert set(np.load("out.npz")) == {"kernel", "unprojection", "bias"}


def test_a_repair_without_centring_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "model.npz::conv", "--repair", "bias"]) == 2
    assert capsys.readouterr().err.startswith("jaxiom: --repair: without --center there is nothing to repair")
