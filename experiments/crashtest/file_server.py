"""A small HTTP server on this machine, whose connections can be slow and break."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """An HTTP server on this machine. `files`: path -> content; `requests`: (path, Range header) as they came.

    ranges: whether byte ranges are honoured; speed: bytes a second, None: as fast as they go; cut: path -> bytes after
    which the connection breaks, once.
    """

    def __init__(self, files: dict[str, bytes], *, ranges: bool = True, speed: float | None = None):
        self.files, self.ranges, self.speed = files, ranges, speed
        self.cut: dict[str, int] = {}
        self.requests: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request for a file."""
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
        with suppress(ConnectionError):  # of a client that is killed
            self._send(handler, content[begin:end])

    def _send(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        size = len(content) if self.speed is None else max(1, int(self.speed / 50))
        for first in range(0, len(content), max(1, size)):
            handler.wfile.write(content[first : first + size])
            if self.speed is not None:
                time.sleep(size / self.speed)


@contextmanager
def serving(files: dict[str, bytes], *, ranges: bool = True, speed: float | None = None) -> Iterator[FileServer]:
    """A server that runs inside, see FileServer."""
    served = FileServer(files, ranges=ranges, speed=speed)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()
