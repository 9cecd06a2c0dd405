from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.load.generator import REVISION_HEADER, LoadPlan
from tests.load.process import LoadProcess

BODY = b'{"choices": [{"message": {"content": "yes"}}]}'


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header(REVISION_HEADER, "0123456789")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_load_in_its_own_process_is_followed_and_stopped(url: str) -> None:
    with LoadProcess(LoadPlan(url=url, rate_per_second=50.0), interval_seconds=0.05) as load:
        progress = load.wait_for(lambda line: line.get("sent", 0) >= 10, 10)
        assert progress["by_revision"]["0123456789"]["counts"]["ok"] > 0
        report = load.stop()
    assert report.counts.ok == report.sent >= 10
    assert report.cpu_seconds > 0


def test_a_load_that_can_not_start_says_so() -> None:
    with (
        LoadProcess(LoadPlan(url="http://127.0.0.1:9", pool_size=1, max_requests=1)) as load,
        pytest.raises(TimeoutError, match="in vain"),
    ):
        load.wait_for(lambda line: line.get("counts", {}).get("ok", 0) > 0, 10)
