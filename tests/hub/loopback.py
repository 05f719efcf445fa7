"""A Hub on the loopback interface: a server for tests, its log of requests, and faults on demand."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from huggingface_hub import HfApi

from .loopback_routes import Request, Response, answer
from .loopback_store import Blob, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator


class Logged(NamedTuple):
    """A request that came."""

    method: str
    path: str


@dataclass
class Fault:
    """Which requests fail, counted from 1, and how: see `LoopbackHub.fail`."""

    first: int
    last: float
    status: int | None
    after: bool
    seen: int = 0

    def strikes(self) -> bool:
        self.seen += 1
        return self.first <= self.seen <= self.last


class LoopbackHub:
    """A Hub; `serve` runs it.

    Attributes:
        endpoint: Its address.
        token: The one token that it knows.
        namespace: The user of that token.
        lfs: Whether weights are uploaded by LFS; clients then need HF_HUB_DISABLE_XET=1.
        repos: Its repositories by id, to be looked at and changed behind the clients' backs.
        objects: Contents uploaded by LFS, by digest.
        requests: All that came since `forget`.
    """

    token = "hf_loopback"
    namespace = "reader"

    def __init__(self) -> None:
        self.lfs = False
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[Logged] = []
        self._fault: Fault | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serve(self) -> Iterator[LoopbackHub]:
        # The short interval is what shutting down waits for.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    @property
    def api(self) -> HfApi:
        """The real client, for use in this process."""
        return HfApi(endpoint=self.endpoint, token=self.token)

    def repo_id(self, name: str) -> str:
        """The id of a repository in the user's namespace; it is not created."""
        return f"{self.namespace}/{name}"

    def put(self, repo_id: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Commits files of any name behind the clients' backs, and gives the commit's id."""
        repo = self.repos.setdefault(repo_id, Repo())
        return repo.commit(branch, {path: Blob(content) for path, content in files.items()}).oid

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """All that a revision holds."""
        return {path: blob.content for path, blob in self.repos[repo_id].resolve(revision).files.items()}

    def head(self, repo_id: str, revision: str = "main") -> str:
        """The commit that a revision is now."""
        return self.repos[repo_id].resolve(revision).oid

    def count(self, method: str | None = None, part: str = "") -> int:
        """How many requests came, of a method and with a text in their path."""
        return sum(method in (None, request.method) and part in request.path for request in self.requests)

    def forget(self) -> None:
        """Empties the log of requests."""
        self.requests.clear()

    def fail(self, at: int = 1, *, status: int | None = 501, after: bool = False, times: float = 1) -> None:
        """Lets requests fail.

        The clients repeat most of those that are cut or fail with 408, 429, 500, 502, 503 or 504, and wait
        longer each time; they repeat none that fails with 501.

        Args:
            at: The first, counted from 1 and from this call on.
            status: The answer; None cuts the connection.
            after: Whether a failing request takes effect before.
            times: How many fail; infinity: all until `heal`.
        """
        self._fault = Fault(at, at + times - 1, status, after)

    def heal(self) -> None:
        """Ends the faults."""
        self._fault = None

    def handle(self, request: Request) -> Response | None:
        """Answers a request; None cuts the connection."""
        with self._lock:
            self.requests.append(Logged(request.method, request.path))
            fault = self._fault if self._fault and self._fault.strikes() else None
        response = None if fault and not fault.after else answer(request)
        return response if fault is None else fault.status and Response({}, fault.status)


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    # Else every answer waits for the receipt of its headers.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url, known = urlsplit(self.path), self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        query, body = parse_qs(url.query), self._body()
        response = self.hub.handle(
            Request(self.hub, self.command, url.path, query, self.headers, body, known)
        )
        if response is None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(response.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(response.content))}
        for name, value in (headers | response.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.content)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: `hub.requests` is the log."""
