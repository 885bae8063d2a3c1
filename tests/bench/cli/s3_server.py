"""An S3-compatible server on loopback, which counts requests."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.session import get_session
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

BUCKET = "lab"
ACCOUNT = "123456789012"  # that of moto, whatever the keys are
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server:
    """A running server: its address, and the method and path of each request."""

    def __init__(self, url: str, requests: list[str]) -> None:
        self.url, self.requests = url, requests

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process finds it."""
        return KEYS | {"FSSPEC_S3_ENDPOINT_URL": self.url}

    def client(self) -> Any:  # noqa: ANN401 (botocore's own)
        """A client that asks it."""
        return get_session().create_client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name=KEYS["AWS_DEFAULT_REGION"],
        )

    def put(self, key: str, text: str) -> None:
        """Store an object without a request."""
        get_backend("s3")[ACCOUNT]["aws"].put_object(BUCKET, key, text.encode())


class AtOnce(ThreadedWSGIServer):
    """A server that ends without waiting for its connections: clients keep them open for as long as they run."""

    daemon_threads = True
    block_on_close = False


@contextmanager
def serving() -> Iterator[Server]:
    """A server with one bucket."""
    requests: list[str] = []
    get_backend("s3").reset()  # which all servers of this process share
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else each request is a line
    application: Application = DomainDispatcherApplication(create_backend_app)

    def counted(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        return application(environ, start)

    server = AtOnce("127.0.0.1", 0, counted)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found = Server(f"http://127.0.0.1:{server.server_port}", requests)
    try:
        found.client().create_bucket(Bucket=BUCKET)
        requests.clear()
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
