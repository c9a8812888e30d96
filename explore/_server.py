"""The page, served to this machine alone, and a small JSON interface that only the page can ask.

Another site's script that guesses the port gets nothing: the Host and the Origin must be this server's own, and a
question carries a token that stands in the page.
"""

from __future__ import annotations

import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from ..dynamics.simulation import SimulationError
from ._answers import ANSWERS, answer

PAGE = "page.html"
MOST_BYTES = 2**24  # of a question
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def page() -> str:
    """The built page, which loads nothing.

    >>> page().startswith("<!doctype html>")
    True
    """
    return resources.files("hopfield.explore").joinpath(PAGE).read_text(encoding="utf-8")


class Server(ThreadingHTTPServer):
    """The page on 127.0.0.1, with what is stored.

    Parameters
    ----------
    model : dict or None
        ``patterns`` (lists of numbers), ``shape`` of an image (rows, columns) or None, ``names``. None: the page
        stores points and digits of its own.
    port : int
        0 for one that is free.

    >>> with Server(None) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    daemon_threads = True

    def __init__(self, model: dict[str, Any] | None, port: int = 0):
        self.model = model
        self.token = secrets.token_urlsafe(24)
        self.busy = threading.Lock()  # one question at a time: each may use all cores
        super().__init__(("127.0.0.1", port), _Handler)
        self.hosts = {f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"}
        self.page = page().replace('<html lang="en">', f'<html lang="en" data-served="{self.token}">', 1).encode()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        if not self._from_here():
            return
        path = self.path.split("?")[0]
        if path == "/":
            self._send(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        elif path == "/api/model":
            if self._from_the_page():
                self._json(HTTPStatus.OK, self.server.model)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing at {path[:80]!r}: the page is at /.")

    def do_POST(self) -> None:
        if not self._from_here() or not self._from_the_page():
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "A question says its length, and is one piece.")
        if int(length) > MOST_BYTES:
            return self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A question has at most {MOST_BYTES} bytes, this one {length}."
            )
        if self.headers.get_content_type() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A question is application/json.")
        verb = self.path.removeprefix("/api/")
        if self.path != f"/api/{verb}" or verb not in ANSWERS:
            return self._refuse(HTTPStatus.NOT_FOUND, f"There is no question {verb[:80]!r}: {', '.join(ANSWERS)}.")
        try:
            body = json.loads(self.rfile.read(int(length)))
            with self.server.busy:
                found = answer(verb, body)
        except (ValueError, TypeError, RecursionError, MemoryError, NotImplementedError, SimulationError) as error:
            return self._json(HTTPStatus.BAD_REQUEST, {"error": " ".join(str(error).split()) or type(error).__name__})
        self._json(HTTPStatus.OK, found)

    def _from_here(self) -> bool:
        """Whether the request names this server, as a page of another site cannot (DNS rebinding)."""
        origin = self.headers.get("Origin")
        own = {f"http://{host}" for host in self.server.hosts}
        if self.headers.get("Host") in self.server.hosts and (origin is None or origin in own):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, f"This server answers {self.server.url} alone.")
        return False

    def _from_the_page(self) -> bool:
        if secrets.compare_digest(self.headers.get("X-Hopfield-Token", "").encode(), self.server.token.encode()):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "A question carries the token of the page.")
        return False

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what follows in the stream was not read
        self._json(status, {"error": why})

    def _json(self, status: HTTPStatus, found: Any) -> None:
        self._send(status, json.dumps(found, allow_nan=False).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the terminal shows the address, and errors go to the page."""
