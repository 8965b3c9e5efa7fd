"""A finished answer leaves its connection open for the next request, or says that it closes: else a `POST` is lost in between."""
import http.client

import pytest
from websockets.sync.client import connect

from client import start_run
from conftest import eventually

FINISHED = {
    "a page": ("GET", "/v1/sessions/s/events", None, {}),
    "lines": ("GET", "/v1/sessions/s/events", None, {"Accept": "application/x-ndjson"}),
    "a long-poll": ("GET", "/v1/sessions/s/events?after=1&live=long-poll&wait=0", None, {}),
    "no work": ("POST", "/v1/work", b'{"agent": "nobody", "wait": 0}', {"Content-Type": "application/json"}),
    "a command": ("POST", "/v1/sessions/s/commands?wait=1", b'{"verb": "cancel", "target": {"all": true}}',
                  {"Content-Type": "application/json"}),
    "a refusal": ("POST", "/v1/sessions/s/inputs", b"{}", {"Content-Type": "application/json"}),
    "no route": ("GET", "/nothing", None, {}),
    "the metrics": ("GET", "/metrics", None, {}),
}


@pytest.mark.parametrize("method, path, body, headers", FINISHED.values(), ids=FINISHED)
def test_the_connection_serves_the_next_request(server, api, method, path, body, headers):
    api.create("s")
    start_run(api, "s", "bot")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        closes = answer.getheader("Connection", "").lower() == "close"
        connection.request("GET", "/health")
        assert connection.getresponse().read() is not None
        assert connection.sock is first or closes, "closed without a word"


def test_a_websocket_that_is_cut_is_gone_at_once(server, api):
    """Without a close frame, too: its reader would otherwise stay until the next ping."""
    api.create("cut")
    with connect(f"ws://127.0.0.1:{server.port}/v1/connect", subprotocols=["throughline.v1"]) as socket:
        socket.send('{"id": 1, "op": "attach", "session": "cut"}')
        socket.recv(timeout=10)
        assert readers(api) == 1
        socket.socket.shutdown(2)
        eventually(lambda: readers(api) == 0, seconds=5, what="the reader's end")


def readers(api):
    lines = api.get("/metrics").ok(200).body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("throughline_readers "))
