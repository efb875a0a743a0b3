"""Small datasets in the layouts of the official releases, written without the code under test."""

import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np


def python2_pickle(value) -> bytes:
    """A protocol 2 pickle as Python 2 and NumPy 1 wrote it: byte strings, and the old name of NumPy's module."""
    return b"\x80\x02" + _emit(value) + b"."


def _emit(value) -> bytes:
    if value is None:
        return b"N"
    if value is False:
        return b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str | bytes):
        raw = value.encode("latin1") if isinstance(value, str) else value
        return b"T" + struct.pack("<i", len(raw)) + raw
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_emit, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_emit, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_emit(k) + _emit(v) for k, v in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.uint8
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _emit((0,)) + _emit("b") + b"tR"
    dtype = b"cnumpy\ndtype\n" + _emit(("u1", 0, 1)) + b"R" + _emit((3, "|", None, None, None, -1, -1, 0)) + b"b"
    return empty + b"(" + _emit(1) + _emit(value.shape) + dtype + _emit(False) + _emit(value.tobytes()) + b"tb"


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def cifar10_arrays(per_file: int = 6) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    sizes = {"train": 5 * per_file, "test": per_file}
    arrays = {}
    for split, size in sizes.items():
        arrays[f"{split}_images"] = generator.integers(256, size=(size, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(size) % 10).astype(np.uint8)
    return arrays


def digests_of(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    return {key: sha256(array) for key, array in arrays.items()}


def cifar10_files(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The batch files: rows of a red, a green and a blue plane."""
    files = {}
    rows = {split: arrays[f"{split}_images"].transpose(0, 3, 1, 2).reshape(-1, 3072) for split in ("train", "test")}
    parts = [(f"data_batch_{i + 1}", "train", i) for i in range(5)] + [("test_batch", "test", 0)]
    size = len(arrays["test_images"])
    for name, split, number in parts:
        part = slice(number * size, (number + 1) * size)
        files[name] = python2_pickle(
            {
                "batch_label": f"part {number}",
                "labels": arrays[f"{split}_labels"][part].tolist(),
                "data": np.ascontiguousarray(rows[split][part]),
            }
        )
    return files


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


def tar_bytes(files: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def cifar10_archive(arrays: dict[str, np.ndarray]) -> bytes:
    return tar_bytes({f"cifar-10-batches-py/{name}": raw for name, raw in cifar10_files(arrays).items()})


class FileServer:
    """An HTTP server on this machine. `files`: path -> content; `requests`: (path, Range header) as they came.

    ranges: whether byte ranges are honoured; cut: path -> bytes after which the connection breaks, once.
    """

    def __init__(self, files: dict[str, bytes], *, ranges: bool = True):
        self.files, self.ranges = files, ranges
        self.cut: dict[str, int] = {}
        self.requests: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, wanted = handler.path, handler.headers.get("Range")
        self.requests.append((path, wanted))
        if path not in self.files:
            handler.send_error(404)
            return
        content, begin = self.files[path], 0
        if wanted and self.ranges:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(content):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(content)}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) - begin))
        handler.end_headers()
        end = begin + self.cut.pop(path) if path in self.cut else len(content)
        handler.wfile.write(content[begin:end])


@contextmanager
def serving(files: dict[str, bytes], *, ranges: bool = True) -> Iterator[FileServer]:
    served = FileServer(files, ranges=ranges)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()
