"""Reading and writing weights: every bad file is one clear error, nothing is executed, nothing half-written."""

import pickle
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom import weights
from jaxiom.errors import BadInput
from jaxiom.weights import Source, check_target

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


class Bomb:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("one.npy", KERNEL)
    np.savez("some.npz", conv=KERNEL, bias=np.ones(4))
    np.savez_compressed("packed.npz", conv=KERNEL)
    safetensors.numpy.save_file({"conv": KERNEL, "half": KERNEL.astype(ml_dtypes.bfloat16)}, "some.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    "source", ["one.npy", "some.npz::conv", "packed.npz", "packed.npz::conv", "some.safetensors::conv"]
)
def test_what_was_saved_is_read(folder: Path, source: str) -> None:
    found = Source.read(source).load()
    assert found.dtype == np.float32
    assert np.array_equal(found, KERNEL)


def test_bfloat16_is_read_from_safetensors(folder: Path) -> None:
    found = Source.read("some.safetensors::half").load()
    assert found.dtype == ml_dtypes.bfloat16
    assert np.array_equal(found.astype(np.float32), KERNEL)


def error(source: str) -> str:
    with pytest.raises(BadInput) as caught:
        Source.read(source).load()
    return str(caught.value)


def test_each_bad_file_has_its_text(folder: Path) -> None:
    trace = folder / "trace"
    np.save("objects.npy", np.array([Bomb(trace)], dtype=object), allow_pickle=True)
    np.savez("objects.npz", allow_pickle=True, layer=np.array([Bomb(trace)], dtype=object))
    Path("pickle.npy").write_bytes(pickle.dumps(Bomb(trace)))
    Path("empty.npy").write_bytes(b"")
    Path("short.npy").write_bytes(Path("one.npy").read_bytes()[:-1])
    Path("text.npz").write_text("not a zip")
    Path("short.npz").write_bytes(Path("some.npz").read_bytes()[:-30])
    Path("short.safetensors").write_bytes(Path("some.safetensors").read_bytes()[:-1])
    Path("none.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    Path("weights.pt").write_bytes(b"")
    np.save("half.npy", KERNEL.astype(ml_dtypes.bfloat16))
    many: dict[str, Any] = {f"layer{i}": np.ones(1) for i in range(30)}
    np.savez("many.npz", **many)
    holds = "some.npz: it holds conv (2, 3, 4), bias (4,); "
    assert error("gone.npy") == "gone.npy: no such file"
    assert error(".") == ".: no such file"
    assert error("weights.pt") == "weights.pt: expected a file that ends in .npy, .npz, .safetensors"
    assert error("some.npz") == f"{holds}choose one: some.npz::NAME"
    assert error("some.npz::conv2") == f"{holds}there is no 'conv2'"
    assert error("some.safetensors::conv2").endswith("it holds conv (2, 3, 4), half (2, 3, 4); there is no 'conv2'")
    assert "layer19 (1,) and 10 more; there is no 'x'" in error("many.npz::x")
    assert error("none.npz") == "none.npz: it holds no arrays; choose one: none.npz::NAME"
    assert error("one.npy::conv").startswith("one.npy::conv: a .npy file holds one array, without a name; leave ::conv")
    unpickled = "holds Python objects, which are never unpickled; save an array of numbers"
    assert error("objects.npy") == f"objects.npy: {unpickled}"
    assert error("objects.npz::layer") == f"objects.npz::layer: {unpickled}"
    assert error("pickle.npy").startswith("pickle.npy: not an array in NumPy's format (a pickle is never read)")
    assert error("empty.npy") == "empty.npy: truncated or damaged: 0 bytes"
    assert error("short.npy").startswith("short.npy: truncated or damaged: ")
    assert error("text.npz") == "text.npz: truncated or damaged: File is not a zip file"
    assert error("short.npz").startswith("short.npz: truncated or damaged: ")
    assert error("short.safetensors").startswith("short.safetensors: truncated or damaged: ")
    assert error("half.npy").startswith(
        "half.npy: holds |V2, not numbers (NumPy's format forgets bfloat16); save it as"
    )
    assert not trace.exists()


def test_an_array_too_large_for_memory(folder: Path) -> None:
    whole = Path("one.npy").read_bytes()
    Path("large.npy").write_bytes(whole.replace(b"(2, 3, 4), }            ", b"(99999999, 99999999), } "[:24]))
    assert Path("large.npy").read_bytes() != whole
    assert error("large.npy") == "large.npy: the array does not fit in memory"


def test_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    needs = ".safetensors files need an extra: pip install 'jaxiom[safetensors]'"
    assert error("some.safetensors::conv") == needs
    with pytest.raises(BadInput, match="need an extra"):
        check_target(Path("out.safetensors"))


def array_or_text(file: Path) -> np.ndarray | str:
    try:
        return Source(file, "").load()
    except BadInput as caught:
        return str(caught)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_told_or_harmless(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is cut off or flipped: an array comes out, or one error; never another exception."""
    folder = tmp_path_factory.mktemp("damaged")
    suffix = data.draw(st.sampled_from(weights.FORMATS))
    file = folder / f"w{suffix}"
    if suffix == ".npy":
        np.save(file, KERNEL)
    elif suffix == ".npz":
        np.savez_compressed(file, conv=KERNEL)
    else:
        safetensors.numpy.save_file({"conv": KERNEL}, file)
    whole = bytearray(file.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[at] ^= data.draw(st.integers(1, 255))
    kept = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    file.write_bytes(kept)
    found = array_or_text(file)
    assert isinstance(found, np.ndarray) or found.startswith(str(file))


def test_targets(folder: Path) -> None:
    link = Path("link.npz")
    link.symlink_to("some.npz")
    hard = Path("hard.npz")
    hard.hardlink_to("some.npz")
    for target in (Path("some.npz"), link, hard, Path("../") / folder.name / "some.npz"):
        with pytest.raises(BadInput, match="is the input, which is never written over; name another file"):
            check_target(target, [Path("some.npz")], overwrite=True)
    for target, text in (
        (
            "packed.npz",
            "packed.npz: exists already; name another file, or say overwrite=True (in a shell, --overwrite)",
        ),
        ("out.npy", "out.npy: expected a file that ends in .npz or .safetensors"),
        ("no/out.npz", "no/out.npz: cannot be written: there is no folder 'no'"),
    ):
        with pytest.raises(BadInput) as caught:
            check_target(Path(target), [Path("some.npz")])
        assert str(caught.value) == text
    check_target(Path("packed.npz"), [Path("some.npz")], overwrite=True)
    check_target(Path("new.npz"), [Path("some.npz"), Path("gone.npz")])


@pytest.mark.parametrize("name", ["out.npz", "out.safetensors"])
def test_what_is_written_is_read_again(folder: Path, name: str) -> None:
    weights.write(Path(name), {"kernel": KERNEL.T, "bias": np.ones(2)}, {"rank": "3"})
    assert np.array_equal(Source.read(f"{name}::kernel").load(), KERNEL.T)
    assert Source.read(f"{name}::bias").load().dtype == np.float64


def test_nothing_half_written(folder: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())
    with pytest.raises(BadInput, match="NumPy's format forgets bfloat16; write a .safetensors file"):
        weights.write(Path("out.npz"), {"kernel": KERNEL.astype(ml_dtypes.bfloat16)}, {})
    with pytest.raises(BadInput, match="cannot be written: File name too long"):
        weights.write(Path("x" * 300 + ".npz"), {"kernel": KERNEL}, {})
    assert sorted(p.name for p in folder.iterdir()) == before


def test_encrypted_archives_are_refused(folder: Path) -> None:
    whole = bytearray(Path("some.npz").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(signature) + flags] |= 1
    Path("secret.npz").write_bytes(bytes(whole))
    assert error("secret.npz::conv").startswith("secret.npz::conv: truncated or damaged: ")
