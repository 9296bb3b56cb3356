"""Trained arrays on disk: .npy, .npz by name, .safetensors by name. Nothing in a file is ever executed."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from jaxiom.errors import BadInput
from jaxiom.files import check_writable, write_whole

FORMATS = (".npy", ".npz", ".safetensors")
WRITTEN = (".npz", ".safetensors")
MOST_NAMES = 20
NUMPY_KINDS = "biuf"
NPY_MAGIC = b"\x93NUMPY"
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    SyntaxError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    TokenError,
)
"""What NumPy's and zipfile's readers raise on bytes that are not theirs (a header is tokenised in NumPy's own way)."""


@dataclass(frozen=True)
class Source:
    """A file of weights, and the name of an array in it ("" where it was not given)."""

    path: Path
    name: str

    @classmethod
    def read(cls, text: str) -> "Source":
        """As the shell writes it.

        >>> Source.read("model.npz::conv1").name
        'conv1'
        """
        path, _, name = text.partition("::")
        return cls(Path(path), name)

    def load(self) -> np.ndarray:
        """The array.

        Raises:
            BadInput: no such file, another format, a truncated or damaged one, an unknown name, pickled objects.
        """
        if not os.path.isfile(self.path):
            raise BadInput(f"{self.path}: no such file")
        reader = READERS.get(self.path.suffix)
        if reader is None:
            raise BadInput(f"{self.path}: expected a file that ends in {', '.join(FORMATS)}")
        try:
            return reader(self)
        except BadInput:
            raise
        except PermissionError as error:
            raise BadInput(f"{self.path}: cannot be read: {error.strerror}") from error
        except MemoryError as error:
            raise BadInput(f"{self.path}: the array does not fit in memory") from error
        except DAMAGE as error:
            said = (str(error).splitlines() or ["no data"])[0]
            raise BadInput(f"{self}: truncated or damaged: {said}") from error

    def __str__(self) -> str:
        return f"{self.path}::{self.name}" if self.name else str(self.path)

    def choose(self, shapes: Mapping[str, Any]) -> str:
        """The name asked for, or the only one there is."""
        if self.name in shapes:
            return self.name
        if not self.name and len(shapes) == 1:
            return next(iter(shapes))
        held = [f"{name} {tuple(shape)}" for name, shape in shapes.items()]
        more = f" and {len(held) - MOST_NAMES} more" if len(held) > MOST_NAMES else ""
        told = f"{self.path}: it holds {', '.join(held[:MOST_NAMES]) or 'no arrays'}{more}"
        raise BadInput(f"{told}; there is no {self.name!r}" if self.name else f"{told}; choose one: {self.path}::NAME")


def read_npy(source: Source) -> np.ndarray:
    if source.name:
        raise BadInput(f"{source}: a .npy file holds one array, without a name; leave ::{source.name} out")
    with open(source.path, "rb") as file:
        return read_array(file, str(source))


def read_npz(source: Source) -> np.ndarray:
    with zipfile.ZipFile(source.path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        if source.name in members or (not source.name and len(members) == 1):
            name = source.choose(members)
        else:
            name = source.choose({name: shape_of(archive, member) for name, member in members.items()})
        with archive.open(members[name]) as file:
            return read_array(file, f"{source.path}::{name}")


def shape_of(archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    """From the header alone."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return header(file)[0]


def read_array(file: Any, name: str) -> np.ndarray:
    """One .npy stream. Its first bytes are looked at before NumPy is: what is no .npy might be a pickle."""
    start = file.read(len(NPY_MAGIC))
    if start != NPY_MAGIC:
        if not start or NPY_MAGIC.startswith(start):
            raise BadInput(f"{name}: truncated or damaged: {len(start)} bytes")
        raise BadInput(f"{name}: not an array in NumPy's format (a pickle is never read); save it with numpy.save")
    file.seek(0)
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise BadInput(
                f"{name}: holds Python objects, which are never unpickled; save an array of numbers"
            ) from error
        raise
    if array.dtype.kind == "V":
        raise BadInput(
            f"{name}: holds {array.dtype.str}, not numbers (NumPy's format forgets bfloat16); save it as float32 or "
            "in a .safetensors file"
        )
    return array


def read_safetensors(source: Source) -> np.ndarray:
    library, failure = safetensors()
    try:
        with library.safe_open(source.path, framework="numpy") as archive:
            name = source.choose({key: archive.get_slice(key).get_shape() for key in archive.keys()})  # noqa: SIM118
            return archive.get_tensor(name)
    except failure as error:
        raise BadInput(f"{source.path}: truncated or damaged: {error}") from error
    except (TypeError, AttributeError) as error:  # a dtype that NumPy does not know
        raise BadInput(f"{source}: holds a dtype that cannot be read: {error}; save it as float32") from error


def safetensors() -> tuple[Any, type[Exception]]:
    """The library and its exception; an extra."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise BadInput(".safetensors files need an extra: pip install 'jaxiom[safetensors]'") from error
    return safetensors, safetensors.SafetensorError


READERS: Mapping[str, Callable[[Source], np.ndarray]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".safetensors": read_safetensors,
}


def check_target(path: Path, sources: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """Raise unless weights can be written there without touching what they were read from.

    Raises:
        BadInput: another format, one of the inputs, a file that exists and is not to be overwritten, no folder.
    """
    if path.suffix not in WRITTEN:
        raise BadInput(f"{path}: expected a file that ends in {' or '.join(WRITTEN)}")
    if path.exists() and any(source.exists() and path.samefile(source) for source in sources):
        raise BadInput(f"{path}: is the input, which is never written over; name another file")
    check_writable(path)
    if path.exists() and not overwrite:
        raise BadInput(f"{path}: exists already; name another file, or say overwrite=True (in a shell, --overwrite)")
    if path.suffix == ".safetensors":
        safetensors()


def write(path: Path, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
    """Write arrays by name, whole or not at all; `notes` become the metadata of a .safetensors file.

    Raises:
        BadInput: it cannot be written, or the format cannot hold the dtype.
    """
    if path.suffix == ".safetensors":
        library, _ = safetensors()
        held = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_whole(path, library.numpy.save(held, metadata=dict(notes)))
        return
    odd = next((name for name, array in arrays.items() if array.dtype.kind not in NUMPY_KINDS), None)
    if odd is not None:
        raise BadInput(f"{path}: NumPy's format forgets {arrays[odd].dtype}; write a .safetensors file")
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_whole(path, stream.getvalue())
