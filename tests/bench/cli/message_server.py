"""A server on this machine that takes messages, and answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Any


@dataclass(frozen=True)
class Answer:
    """What the server answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Any = None


HANG_UP = Answer(status=0)  # the connection is closed without an answer


@dataclass
class Server:
    """What arrived, and what is answered: first the scripted answers, then that of `route`."""

    address: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    route: Callable[[Request], Answer] = lambda _: Answer()

    def take(self, request: Request) -> Answer:
        """Keep a request, and say what is answered."""
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else self.route(request)


@dataclass
class GitHub:
    """The part of GitHub's API that lists, opens and comments on the issues of one repository."""

    token: str
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[str]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What the API answers, and what it then has."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Answer(401)
        path = request.path.removeprefix("/repos/ada/networks/issues")
        if request.method == "GET" and not path:
            return Answer(content=self._listed(request.query))
        if request.method == "POST" and not path:
            self.issues.append({"number": len(self.issues) + 1, "state": "open", **request.content})
            return Answer(201, content=self.issues[-1])
        number = int(path.split("/")[1])
        self.comments.setdefault(number, []).append(request.content["body"])
        return Answer(201, content={})

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        found = [item for item in self.issues if item["state"] == query["state"] and query["labels"] in item["labels"]]
        page, size = int(query["page"]), int(query["per_page"])
        return found[::-1][(page - 1) * size : page * size]


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs as long as the context lasts."""
    state = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(state)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        state.address = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


def _handler(state: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            content = json.loads(body) if body else None
            found = state.take(Request(self.command, parts.path, query, dict(self.headers), content))
            if found == HANG_UP:
                self.close_connection = True
                return
            text = json.dumps(found.content).encode()
            self.send_response(found.status)
            for name, value in {**found.headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the standard library)
            """Nothing: requests are not news."""

    return Handler
