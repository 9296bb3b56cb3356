"""The devices of a command, over one host or several."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from jaxiom.errors import BadInput

Device = Annotated[str, typer.Option(help="cpu, gpu or tpu. Default: the one that JAX chooses.")]
Devices = Annotated[str, typer.Option(metavar="N", help="Cut the batch and the filters over N devices, or over all.")]
Coordinator = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Several hosts: where the first one listens; auto: as the cluster's environment says."
    ),
]
Processes = Annotated[int | None, typer.Option(metavar="N", help="How many processes, on all hosts.")]
Process = Annotated[int | None, typer.Option(metavar="I", help="Which of them this is, from 0.")]


@dataclass(frozen=True)
class Hosts:
    """What `--device`, `--devices`, `--coordinator`, `--processes` and `--process` say."""

    device: str
    devices: str
    coordinator: str
    processes: int | None
    process: int | None

    @contextmanager
    def joined(self) -> Iterator[None]:
        """With several hosts: joined, before JAX is used otherwise; the first one's stdout kept for results.

        Raises:
            BadInput: it is not known who the others are, or they do not answer.
        """
        if not self.coordinator:
            if (self.processes, self.process) != (None, None):
                raise BadInput("--processes and --process go with --coordinator: say where it listens")
            yield
            return
        join(self.coordinator, self.processes, self.process)
        with stdout_to_stderr():
            yield

    def choose(self) -> Any:
        """For `measure(devices=...)`.

        Raises:
            BadInput: no such platform, or not as many devices.
        """
        if not self.devices and not self.coordinator:
            return self.device or None
        import jax

        try:
            known = jax.devices(self.device or None)
        except RuntimeError as error:
            raise BadInput(f"--device: JAX sees no {self.device!r} here") from error
        if self.devices in ("", "all"):
            return known
        if self.coordinator:
            raise BadInput("--devices: with several hosts all of their devices are used; leave it out")
        if not self.devices.isdecimal() or not 1 <= int(self.devices) <= len(known):
            raise BadInput(f"--devices: expected all, or a number from 1 to {len(known)}, got {self.devices!r}")
        return known[: int(self.devices)]

    @property
    def speaks(self) -> bool:
        """Whether this process is the one that prints."""
        if not self.coordinator:
            return True
        import jax

        return jax.process_index() == 0


def join(coordinator: str, processes: int | None, process: int | None) -> None:
    """Join the other hosts, by name or by what the cluster's environment says."""
    import jax

    if coordinator != "auto":
        check(coordinator, processes, process)
    try:
        jax.distributed.initialize(None if coordinator == "auto" else coordinator, processes, process)
    except (ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        if coordinator == "auto":
            said = f"nothing in the environment says who the other hosts are ({said}); give HOST:PORT"
        raise BadInput(f"--coordinator {coordinator}: {said}") from error


def check(coordinator: str, processes: int | None, process: int | None) -> None:
    if not re.fullmatch(r"\[?[\w.:-]+\]?:\d+", coordinator):
        raise BadInput(f"--coordinator: expected HOST:PORT, or auto, got {coordinator!r}")
    if processes is None or process is None:
        raise BadInput("--coordinator HOST:PORT: say how many --processes there are, and which --process this one is")
    if not 0 <= process < processes:
        raise BadInput(f"--process: expected a number from 0 to {processes - 1}, got {process}")


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """What libraries write to stdout goes to stderr meanwhile: Gloo announces its connections there."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
