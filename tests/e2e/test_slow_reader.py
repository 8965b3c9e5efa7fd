"""A client that stops reading costs little, slows nobody down, and catches up in big steps."""
import json
import re
import selectors
import socket
import threading
import time

import pytest

from client import Api, frames, start_run
from conftest import eventually
from reducer import replay

STALLED, OTHERS = 40, 100
WRITES, EVENTS_A_WRITE = 300, 60
TEXT = "the sea is salty since rivers carry salts " * 3
ALLOWANCE = 256 * 1024


def sse_socket(port, session, receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET /v1/sessions/{session}/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       f"Accept: text/event-stream\r\n\r\n".encode())
    return connection


class Watch(threading.Thread):
    """Many readers in one thread: for each the last event seen, and how far behind the newest acknowledged write it was."""

    def __init__(self, sockets):
        super().__init__(daemon=True)
        self.selector, self.last, self.rest = selectors.DefaultSelector(), [0] * len(sockets), [b""] * len(sockets)
        self.sockets, self.going, self.written, self.worst = sockets, True, [], 0.0
        for number, connection in enumerate(sockets):
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ, number)

    def run(self):
        while self.going:
            for key, _ in self.selector.select(0.1):
                data = key.fileobj.recv(1 << 20)
                assert data, "a reader was closed"
                number = key.data
                seen = re.findall(rb"\nid: (\d+)\n", self.rest[number] + data)
                self.rest[number] = (self.rest[number] + data)[-40:]
                if seen:
                    self.last[number] = int(seen[-1])

    def slowest(self):
        return min(self.last)


def scenario(start, stalled_read, tmp):
    """Peak memory of a server with 100 readers that keep up and 40 more that read, or do not; the watch and the sockets."""
    server = start(folder=tmp)
    api = Api(server.port, "bot; role=agent")
    api.create("s")
    run = start_run(api, "s", "bot")
    run.write(*run.start_message("m", "p")).ok(200)
    others = Watch([sse_socket(server.port, "s") for _ in range(OTHERS)])
    more = [sse_socket(server.port, "s", 8192) for _ in range(STALLED)]
    reading = Watch(more) if stalled_read else None
    for watch in filter(None, (others, reading)):
        watch.start()
    eventually(lambda: others.slowest() >= 3, what="the readers' start")
    peak, lags = server.rss(), []
    for number in range(WRITES):
        tail = run.write(*(run.append("p", TEXT) for _ in range(EVENTS_A_WRITE))).ok(200).json["tail"]
        if number % 20 == 0:
            began = time.monotonic()
            eventually(lambda: others.slowest() >= tail, 10, 0.005, "all readers that read having a write")
            lags.append(time.monotonic() - began)
            peak = max(peak, server.rss())
    eventually(lambda: others.slowest() >= tail, 10, what="all readers that read having everything")
    peak = max(peak, server.rss())
    for watch in filter(None, (others, reading)):
        watch.going = False
        watch.join(5)
    return server, api, peak, lags, more


@pytest.mark.timeout(240)
def test_a_client_that_stops_reading_costs_little_and_catches_up_in_big_steps(start, tmp_path):
    first, _, control, calm, _ = scenario(start, True, tmp_path / "control")
    first.kill9()
    server, api, peak, lags, stalled = scenario(start, False, tmp_path / "stalled")
    each = (peak - control) / STALLED
    print(f"control {control >> 10} KiB, stalled {peak >> 10} KiB: {each / 1024:.0f} KiB for each that does not read")
    print(f"slowest of {OTHERS}: {max(calm) * 1000:.0f} ms without, {max(lags) * 1000:.0f} ms with them")
    assert each <= ALLOWANCE
    assert max(lags) < max(4 * max(calm), 1.0), "the others lost their pace"

    tail = api.snapshot("s")["seq"]
    reader = stalled[0]
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    reader.settimeout(20)
    got = []
    for _, kind, data in frames(body_lines(reader)):
        if kind == "retry":
            continue
        got.append(json.loads(data))
        if got[-1]["seq"] >= tail:
            break
    steps = [event["seq"] - event.get("from", event["seq"]) + 1 for event in got]
    print(f"{tail} events in {len(got)} steps, the biggest of {max(steps)}")
    assert replay(got).snapshot()["messages"] == replay(api.events("s")).snapshot()["messages"]
    assert max(steps) >= 100 and len(got) < tail / 2


def body_lines(connection):
    """The lines of an HTTP response body, chunked or not."""
    stream = connection.makefile("rb")
    chunked = False
    while (line := stream.readline()).strip():
        chunked = chunked or line.lower().startswith(b"transfer-encoding: chunked")
    rest = b""
    while True:
        if chunked:
            size = int(stream.readline() or b"0", 16)
            data = stream.read(size)
            stream.readline()
        else:
            data = stream.read1(1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line + b"\n"
