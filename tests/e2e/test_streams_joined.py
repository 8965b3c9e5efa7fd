"""Several durable streams on one connection of server-sent events."""
import base64
import http.client
import json
import random
import socket
import threading
import time

import pytest
from client import Api, frames
from server import Server
from test_streams import JSON, TEXT, ZERO, Streams, streams  # noqa: F401, the fixture, on this module's server


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("joined")).start()
    yield server
    server.stop()
    assert not server.crashed(), server.log_tail()


@pytest.fixture
def writer(shared):
    return Streams(shared.port)


@pytest.fixture
def path():
    return f"j/{random.randrange(1 << 40):x}"


class Joined:
    """What a reader knows of several streams after each event."""

    def __init__(self, streams, *paths, offset="-1", last_event_id=None, more=""):
        query = "&".join(f"stream={path}" for path in paths) + (f"&offset={offset}" if offset is not None else "")
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        connection = http.client.HTTPConnection("127.0.0.1", streams.port, timeout=30)
        if streams.routed:
            connection.request("GET", "/health")
            connection.getresponse().read()
        connection.request("GET", f"/v1/stream?live=sse&{query}{more}", headers=headers)
        self.answer, self.connection = connection.getresponse(), connection
        self.status = self.answer.status
        self.events = frames(self.answer)
        self.id, self.data, self.ends, self.gone = None, {}, {}, {}

    def step(self):
        event = next(self.events, None)
        if event is None:
            return None
        self.id, kind, text = event
        value = json.loads(text)
        stream = value.pop("stream")
        if kind == "data":
            self.data.setdefault(stream, []).append(value.get("data"))
        elif kind == "control":
            self.ends[stream] = value
        else:
            assert kind == "gone"
            self.gone[stream] = value
        return kind, stream, value

    def until(self, done):
        while not done(self):
            self.step()
        return self

    def rest(self):
        while self.step():
            pass
        return self

    def close(self):
        self.connection.close()

    def messages(self, path):
        return [message for batch in self.data.get(path, []) for message in batch]


def test_each_stream_has_its_place(streams, writer, path):
    a, b, c = (f"{path}/{name}" for name in "abc")
    writer.put(a, b"[1,2]", JSON).ok(201)
    writer.put(b, "größe\r\n\r\nevent: x".encode(), TEXT).ok(201)
    writer.put(c, bytes(range(256)), {"Content-Type": "image/png", "Stream-Closed": "true"}).ok(201)
    reader = Joined(streams, a, b, c).until(lambda reader: len(reader.ends) == 3)
    assert reader.status == 200 and reader.answer.getheader("Content-Type") == "text/event-stream"
    assert reader.messages(a) == [1, 2]
    assert reader.data[b] == ["größe\r\n\r\nevent: x"], "in JSON even the ends of lines stay"
    assert base64.b64decode(reader.data[c][0]) == bytes(range(256))
    assert reader.ends[a] == {"streamNextOffset": ZERO[:-1] + "2", "upToDate": True}
    assert reader.ends[c]["streamClosed"] is True
    writer.post(a, b'{"x":\n\n"y"}', JSON).ok(204)
    writer.post(b, b"more", TEXT).ok(204)
    reader.until(lambda reader: len(reader.data[b]) == 2 and len(reader.messages(a)) == 3)
    assert (reader.messages(a)[2], reader.data[b][1]) == ({"x": "y"}, "more")
    reader.close()
    assert "joined-sse-v1" in writer.call("HEAD", a).headers["Stream-Extensions"]


def test_a_reader_comes_back(streams, writer, path):
    paths = [f"{path}/{number}" for number in range(5)]
    got = {each: [] for each in paths}
    for each in paths:
        writer.put(each, b"[0]", JSON).ok(201)
    reader = Joined(streams, *paths)

    def step():
        kind, stream, value = reader.step()
        got[stream] += value.get("data", [])
        return kind

    for number in range(1, 40):
        writer.post(paths[number * 7 % 5], b"%d" % number, JSON).ok(204)
        if number % 3 == 0:
            # It is cut behind any event of data, and goes on from there.
            while step() != "data":
                pass
            reader.close()
            reader = Joined(streams, *paths, offset="now", last_event_id=reader.id)
    while sum(map(len, got.values())) < 5 + 39:
        step()
    for each in paths:
        assert got[each] == writer.get(each).json, "none is missing, none there twice"
    reader.close()


def test_places_and_offsets(streams, writer, path):
    a, b = path + "/a", path + "/b"
    writer.put(a, b"[1,2,3]", JSON).ok(201)
    writer.put(b, b"[4,5,6]", JSON).ok(201)
    one = Joined(streams, a, b, offset=f"{ZERO}&offset=now", more="&until=now").rest()
    assert (one.messages(a), one.messages(b)) == ([1, 2, 3], [])
    two = Joined(streams, a, b, offset=None, more="&last=1&until=now").rest()
    assert (two.messages(a), two.messages(b)) == ([3], [6])
    assert set(two.ends) == {a, b}


def test_the_connection_is_kept_after_the_last_event(writer, path):
    writer.put(path, b"[1]", JSON).ok(201)
    for _ in range(2):
        got = writer.get(path, "-1", live="sse", until="now")
        assert b"data:[1]" in got.body
    assert writer.get(path).json == [1], "nothing was left over on the connection"


@pytest.mark.parametrize("query, code", [
    ("stream={a}&offset=-1", "field_invalid"),
    ("live=long-poll&stream={a}&offset=-1", "field_invalid"),
    ("live=sse&stream={a}", "field_missing"),
    ("live=sse&stream={a}&stream={a}&offset=-1", "field_invalid"),
    ("live=sse&stream={a}&stream={b}&offset=-1&offset=-1&offset=-1", "field_invalid"),
    ("live=sse&stream={a}&offset=x", "offset_invalid"),
    ("live=sse&stream={a}&offset=-1&last=1", "field_invalid"),
    ("live=sse&stream=../x&offset=-1", "id_invalid"),
    ("live=sse&stream={a}&stream={a}/none&offset=-1", "stream_not_found"),
    ("live=sse&offset=-1&" + "&".join(f"stream=s{number}" for number in range(101)), "field_invalid"),
])
def test_what_is_refused(streams, writer, path, query, code):
    a, b = path + "/a", path + "/b"
    for each in (a, b):
        writer.put(each, b"x", TEXT).ok(201)
    answer = streams.api.get("/v1/stream?" + query.format(a=a, b=b))
    assert answer.code == code, answer
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert streams.api.call("DELETE", f"/v1/stream?stream={a}").status == 405


def test_one_goes_and_the_others_go_on(streams, writer, path):
    a, b = path + "/a", path + "/b"
    missing = streams.api.get(f"/v1/stream?live=sse&stream={a}&offset=-1")
    assert (missing.status, missing.code) == (404, "stream_not_found") and a in missing.json["detail"]
    for each in (a, b):
        writer.put(each, b"[1]", JSON).ok(201)
    reader = Joined(streams, a, b).until(lambda reader: len(reader.ends) == 2)
    writer.call("DELETE", a).ok(204)
    reader.until(lambda reader: a in reader.gone)
    assert reader.gone[a]["code"] == "stream_not_found"
    writer.post(b, b"2", JSON).ok(204)
    reader.until(lambda reader: reader.messages(b) == [1, 2])
    id = reader.id
    reader.close()
    # Its path is used again: who was told of the end of the old one is not given the new one.
    writer.put(a, b"[7,8,9]", JSON).ok(201)
    reader = Joined(writer, a, b, last_event_id=id)
    writer.post(b, b"3", JSON).ok(204)
    reader.until(lambda reader: reader.messages(b) == [3])
    assert a not in reader.data and a not in reader.gone
    # The other one goes while nobody looks, and that is told to who comes back.
    reader.close()
    writer.call("DELETE", b).ok(204)
    reader = Joined(writer, a, b, last_event_id=reader.id).rest()
    assert list(reader.gone) == [b] and not reader.data, "and then it ends"


def test_it_ends_when_all_are_closed(streams, writer, path):
    a, b = path + "/a", path + "/b"
    for each in (a, b):
        writer.put(each, b"x", TEXT).ok(201)
    reader = Joined(streams, a, b).until(lambda reader: len(reader.ends) == 2)
    writer.post(a, b"y", {**TEXT, "Stream-Closed": "true"}).ok(204)
    reader.until(lambda reader: reader.ends[a].get("streamClosed"))
    writer.post(b, b"z", TEXT).ok(204)
    writer.post(b, b"", {**TEXT, "Stream-Closed": "true"}).ok(204)
    reader.rest()
    assert (reader.data[a], reader.data[b]) == (["x", "y"], ["x", "z"])


def test_sessions_are_among_them(streams, shared, writer, path):
    api, session = Api(shared.port, "ada; role=user"), path.replace("/", ".")
    api.create(session)
    writer.put(path, b"[]", JSON).ok(201)
    reader = Joined(streams, path, f"sessions/{session}", offset="now").until(lambda reader: len(reader.ends) == 2)
    api.send(session, "hello", "i1")
    reader.until(lambda reader: f"sessions/{session}" in reader.data)
    assert reader.messages(f"sessions/{session}")[0]["type"] == "input.added"
    reader.close()


def test_a_slow_reader_gets_all_of_it_and_holds_nobody_up(streams, writer, shared, path):
    """One stream is larger than all buffers: the others are not behind it, and what waits for a reader is bounded."""
    large, small = path + "/large", path + "/small"
    writer.put(large, None, TEXT).ok(201)
    writer.put(small, b"[0]", JSON).ok(201)
    piece = b"x" * (1 << 20)
    for _ in range(24):
        writer.post(large, piece, TEXT).ok(204)
    before = shared.rss()
    stuck = []
    for _ in range(8):
        held = socket.create_connection(("127.0.0.1", shared.port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.sendall(f"GET /v1/stream?live=sse&stream={large}&stream={small}&offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        stuck.append(held)
    reader = Joined(streams, large, small)
    reader.until(lambda reader: small in reader.data)
    assert len("".join(reader.data.get(large, []))) < 4 << 20, "the small one had its turn soon"
    got = threading.Thread(target=lambda: [writer.post(small, b"%d" % number, JSON).ok(204) for number in range(1, 6)])
    got.start()
    reader.until(lambda reader: sum(map(len, reader.data.get(large, []))) == 24 << 20 and len(reader.messages(small)) == 6)
    got.join()
    assert reader.messages(small) == list(range(6))
    reader.close()
    assert shared.rss() - before < 150 << 20, "what waits for those that do not read is bounded"
    for held in stuck:
        held.close()
