"""The parent's side of the contenders: start their processes, ask them, and see to it that they end."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.benchmark.last_lines import last_lines
from experiments.environment import ROOT
from experiments.errors import UserError

MODULE = "experiments.benchmark.contender"
LONGEST_ANSWER = 1800.0  # seconds: a compilation and a slice on a slow machine take less


class ContenderFailed(RuntimeError):
    """The process of a contender ended or fell silent; the message has the end of what it said."""


class Refused(UserError):
    """A contender refused what it was asked for, with one line."""


class Process:
    """The process of one kind of contender, of which `begin` makes fresh ones."""

    def __init__(self, kind: str, threads: int | None, folder: Path):
        self.kind = kind
        self._stderr = folder / f"{kind}.stderr"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        # Looking for GPUs while it is imported must not start the driver, which forked processes could not use then.
        environment["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
        if threads is not None:
            environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", MODULE, kind, json.dumps(threads)]
        with open(self._stderr, "wb") as stderr:
            # A session of its own: a Ctrl-C reaches the parent alone, which then ends the process with all its workers.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        self._unread = b""

    @contextmanager
    def fresh(self) -> Iterator["Process"]:
        """A process that has computed nothing yet answers inside."""
        self.ask(do="begin")
        try:
            yield self
        except Refused:  # it lives and goes on answering
            self.finish()
            raise
        self.finish()

    def wait_until_ready(self) -> None:
        """Wait for its imports, which would disturb what others measure."""
        self.ask(do="wait")

    def prepare(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make what `request` says, under a name.

        Raises:
            Refused: when the project refuses it.
            ContenderFailed: when the process ends.
        """
        return self.ask(do="prepare", name=name, request=request)

    def measure(self, name: str) -> dict[str, float]:
        """One slice of what was prepared under `name`."""
        return self.ask(do="measure", name=name)

    def finish(self) -> dict[str, Any]:
        """The most memory that the fresh process had, in bytes (`peak_bytes`: of the GPU's where it used one)."""
        return self.ask(do="finish")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._process.wait(timeout=30)
            raise self._failure() from None
        answer = json.loads(self._read_line())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["answer"]

    def close(self) -> None:
        """End the process and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # a request that was never read
                pipe.close()

    def _read_line(self) -> bytes:
        """The answer's line. A dead process is noticed even while workers of its hold the pipe open."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + LONGEST_ANSWER
        while b"\n" not in self._unread:
            ended = self._process.poll() is not None
            if select.select([descriptor], [], [], 0 if ended else 0.5)[0]:
                found = os.read(descriptor, 65536)
                if found:
                    self._unread += found
                    continue
                self._process.wait(timeout=30)
                ended = True
            if ended:
                raise self._failure()
            if time.monotonic() > deadline:
                raise ContenderFailed(f"the process of {self.kind} has not answered for {LONGEST_ANSWER:.0f} s")
        line, self._unread = self._unread.split(b"\n", 1)
        return line

    def _failure(self) -> ContenderFailed:
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = last_lines(self._stderr.read_text(encoding="utf-8", errors="replace").splitlines())
        return ContenderFailed(f"the process of {self.kind} {how}; it said last:{said}")


class Processes:
    """The processes of several kinds, started together; they and their folder are gone at the end."""

    def __init__(self, kinds: tuple[str, ...], threads: int | None):
        self._kinds, self._threads = kinds, threads

    def __enter__(self) -> "Processes":
        self.folder = Path(tempfile.mkdtemp(prefix="normlab-benchmark-"))  # of what contenders write
        self._all: dict[str, Process] = {}
        try:
            for kind in self._kinds:
                self._all[kind] = Process(kind, self._threads, self.folder)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __getitem__(self, kind: str) -> Process:
        return self._all[kind]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._all.values():
            process.close()
        shutil.rmtree(self.folder, ignore_errors=True)
