"""The Durable Streams protocol, from its specification: what each request answers, live reads, crashes, sessions as streams."""
import base64
import contextlib
import http.client
import json
import os
import random
import threading
import time
from urllib.parse import quote

import pytest
from client import Api, frames
from server import Server

ZERO = "0000000000000000_0000000000000000"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
SEEDS = int(os.environ.get("STREAM_KILLS", "12"))


class Streams:
    """Requests on streams over one connection, which the server serves by the short way, or by its router."""

    def __init__(self, port, routed=False):
        self.api = Api(port)
        self.port, self.routed = port, routed
        if routed:
            # From then on the connection is Hummingbird's.
            self.api.get("/health").ok(200)

    def call(self, method, path, body=None, headers=(), query=""):
        return self.api.call(method, f"/v1/stream/{path}{query}", raw=body, headers=headers)

    def put(self, path, body=None, headers=TEXT):
        return self.call("PUT", path, body, headers)

    def post(self, path, body=None, headers=TEXT, **more):
        return self.call("POST", path, body, {**headers, **{k.replace("_", "-"): v for k, v in more.items()}})

    def get(self, path, offset=None, headers=(), **query):
        parts = {**({"offset": offset} if offset is not None else {}), **query}
        return self.call("GET", path, headers=headers, query="?" + "&".join(f"{k}={v}" for k, v in parts.items()))

    def all(self, path):
        """The whole content, step by step."""
        content, offset = b"", "-1"
        while True:
            answer = self.get(path, offset).ok(200)
            content += answer.body
            offset = answer.headers["Stream-Next-Offset"]
            if answer.headers.get("Stream-Up-To-Date"):
                return content

    @contextlib.contextmanager
    def sse(self, path, offset="-1", **headers):
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        response = self.api.stream(f"/v1/stream/{path}?offset={offset}&live=sse", named)
        assert response.status == 200, response.read()
        try:
            yield response
        finally:
            response.connection.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("streams"), "--stream-long-poll", "1").start()
    yield server
    server.stop()
    assert not server.crashed(), server.log_tail()


@pytest.fixture(params=["direct", "routed"])
def streams(shared, request):
    return Streams(shared.port, routed=request.param == "routed")


@pytest.fixture
def path():
    return f"t/{random.randrange(1 << 40):x}"


def test_a_stream_from_its_creation_to_its_deletion(streams, path, shared):
    made = streams.put(path, b"one").ok(201)
    assert made.headers["Location"] == f"http://127.0.0.1:{shared.port}/v1/stream/{path}"
    assert made.headers["Content-Type"] == "text/plain"
    assert made.headers["X-Content-Type-Options"] == "nosniff"
    assert streams.put(path).ok(200).headers["Stream-Next-Offset"] == made.headers["Stream-Next-Offset"]
    assert streams.put(path, headers=JSON).status == 409
    added = streams.post(path, b" two").ok(204)
    assert added.headers["Stream-Next-Offset"] > made.headers["Stream-Next-Offset"]
    read = streams.get(path).ok(200)
    assert read.body == b"one two"
    assert read.headers["Stream-Up-To-Date"] == "true" and "Stream-Closed" not in read.headers
    assert streams.get(path, made.headers["Stream-Next-Offset"]).body == b" two"
    assert streams.get(path, headers={"If-None-Match": read.headers["ETag"]}).status == 304
    closed = streams.post(path, b"", Stream_Closed="true").ok(204)
    assert closed.headers["Stream-Closed"] == "true"
    assert streams.get(path, headers={"If-None-Match": read.headers["ETag"]}).status == 200, "it is closed now"
    refused = streams.post(path, b"three")
    assert (refused.status, refused.code, refused.headers["Stream-Closed"]) == (409, "stream_closed", "true")
    head = streams.call("HEAD", path).ok(200)
    assert head.body == b"" and head.headers["Cache-Control"] == "no-store" and head.headers["Stream-Closed"] == "true"
    assert streams.call("DELETE", path).ok(204).body == b""
    assert streams.get(path).code == "stream_not_found"
    assert streams.put(path, b"[1]", JSON).status == 201, "its path is free again"
    assert streams.get(path).body == b"[1]"


def test_json_messages(streams, path):
    streams.put(path, b"[]", JSON).ok(201)
    for body in (b'{"a": 1}', b"[2, [3, 4]]", b"[[5]]", b' "\xe2\x82\xac" '):
        streams.post(path, body, JSON).ok(204)
    assert streams.get(path).json == [{"a": 1}, 2, [3, 4], [5], "€"]
    assert streams.get(path, ZERO[:-1] + "2").json == [[3, 4], [5], "€"]
    assert streams.get(path, "now").json == []
    for body in (b"[]", b"{", b"1 2", b"\xff"):
        assert streams.post(path, body, JSON).status == 400, body
    assert len(streams.get(path).json) == 5


@pytest.mark.parametrize("method, query, more, status, code", [
    ("PUT", "", {"Stream-TTL": "01"}, 400, "header_invalid"),
    ("PUT", "", {"Stream-TTL": "-1"}, 400, "header_invalid"),
    ("PUT", "", {"Stream-TTL": "10", "Stream-Expires-At": "2100-01-01T00:00:00Z"}, 400, "header_invalid"),
    ("PUT", "", {"Stream-Expires-At": "tomorrow"}, 400, "header_invalid"),
    ("PUT", "", {"Content-Type": "nonsense"}, 400, "header_invalid"),
    ("PUT", "", {"Stream-Forked-From": "/v1/stream/nowhere"}, 404, "stream_not_found"),
    ("PUT", "", {"Stream-Fork-Offset": ZERO}, 400, "header_invalid"),
    ("POST", "", {"Producer-Id": "p"}, 400, "producer_invalid"),
    ("POST", "", {"Producer-Id": "p", "Producer-Epoch": "0", "Producer-Seq": "9007199254740992"}, 400, "producer_invalid"),
    ("POST", "", {"Producer-Id": "p", "Producer-Epoch": "0", "Producer-Seq": "1"}, 409, "producer_gap"),
    ("POST", "", {"Content-Type": "application/json"}, 409, "content_type_mismatch"),
    ("POST", "", {"If-Match": '"' + ZERO[:-1] + '9"'}, 412, "tail_changed"),
    ("POST", "", {"If-Match": "x"}, 400, "header_invalid"),
    ("GET", "?offset=1", {}, 400, "offset_invalid"),
    ("GET", "?offset=", {}, 400, "offset_invalid"),
    ("GET", "?offset=-1&offset=-1", {}, 400, "field_invalid"),
    ("GET", "?offset=" + ZERO[:-1] + "7", {}, 400, "offset_invalid"),
    ("GET", "?live=sse", {}, 400, "field_missing"),
    ("GET", "?offset=-1&live=carrier-pigeon", {}, 400, "field_invalid"),
])
def test_what_is_refused(streams, path, method, query, more, status, code):
    if method != "PUT":
        streams.put(path, b"x").ok(201)
    body = None if method == "GET" else b"y"
    answer = streams.call(method, path, body, {**TEXT, **more}, query)
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if method != "PUT":
        assert streams.get(path).body == b"x", "nothing was stored"


@pytest.mark.parametrize("bad", ["a//b", "../x", "a/..", "%00", "a/%0A", "x" * 1_025])
def test_paths_that_are_none(streams, bad):
    assert streams.put(bad, b"x").status == 400


def test_paths_are_decoded_and_no_prefix_of_others(streams, path):
    streams.put(path + "/caf%C3%A9", b"1").ok(201)
    assert streams.get(path + "/caf%c3%a9").body == b"1"
    assert streams.get(path).status == 404


def test_a_body_that_is_too_large(streams, path):
    streams.put(path, b"x").ok(201)
    try:
        answer = streams.post(path, b"y" * (9 << 20))
        assert (answer.status, answer.code) == (413, "too_large")
    except ConnectionError:
        pass  # it was cut while the rest was still being sent
    assert Streams(streams.port).get(path).body == b"x"


def test_chunked_bodies(shared, path):
    streams = Streams(shared.port)
    streams.put(path).ok(201)
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=10)
    connection.request("POST", f"/v1/stream/{path}", iter([b"a" * 1_000, b"b" * 70_000, b"c"]), TEXT, encode_chunked=True)
    assert connection.getresponse().status == 204
    assert streams.get(path).body == b"a" * 1_000 + b"b" * 70_000 + b"c"


def producer(sequence, epoch=0, id="p"):
    return {"Producer-Id": id, "Producer-Epoch": str(epoch), "Producer-Seq": str(sequence)}


def test_producers(streams, path):
    streams.put(path).ok(201)
    first = streams.post(path, b"0", {**TEXT, **producer(0)}).ok(200)
    assert (first.headers["Producer-Epoch"], first.headers["Producer-Seq"]) == ("0", "0")
    streams.post(path, b"1", {**TEXT, **producer(1)}).ok(200)
    again = streams.post(path, b"0", {**TEXT, **producer(0)}).ok(204)
    assert again.headers["Producer-Seq"] == "1", "the highest that was taken"
    gap = streams.post(path, b"3", {**TEXT, **producer(3)})
    assert (gap.status, gap.headers["Producer-Expected-Seq"], gap.headers["Producer-Received-Seq"]) == (409, "2", "3")
    streams.post(path, b"2", {**TEXT, **producer(0, epoch=1)}).ok(200)
    old = streams.post(path, b"x", {**TEXT, **producer(2)})
    assert (old.status, old.code, old.headers["Producer-Epoch"]) == (403, "producer_fenced", "1")
    assert streams.get(path).body == b"012"
    end = {**TEXT, **producer(1, epoch=1), "Stream-Closed": "true"}
    streams.post(path, b"3", end).ok(200)
    assert streams.post(path, b"3", end).ok(204).headers["Stream-Closed"] == "true"
    assert streams.post(path, b"4", {**TEXT, **producer(2, epoch=1)}).status == 409
    assert streams.get(path).body == b"0123"


def test_order_and_conditions(streams, path):
    tail = streams.put(path, b"a").ok(201).headers["Stream-Next-Offset"]
    assert streams.post(path, b"b", If_Match=f'"{tail}"').status == 204
    assert streams.post(path, b"c", If_Match=f'"{tail}"').status == 412
    assert streams.post(path, b"c", Stream_Seq="09").status == 204
    assert streams.post(path, b"d", Stream_Seq="09").code == "sequence_regressed"
    assert streams.post(path, b"d", Stream_Seq="1").status == 204
    assert streams.get(path).body == b"abcd"


def test_forks(streams, path):
    streams.put(path, b'[1,2,3]', JSON).ok(201)
    half = {**JSON, "Stream-Forked-From": f"/v1/stream/{path}", "Stream-Fork-Offset": ZERO, "Stream-Fork-Sub-Offset": "2"}
    fork = path + "/fork"
    streams.put(fork, b"[9]", half).ok(201)
    streams.put(fork, None, half).ok(200)
    streams.post(path, b"4", JSON).ok(204)
    assert streams.get(fork).json == [1, 2, 9]
    assert streams.get(path).json == [1, 2, 3, 4]
    streams.call("DELETE", path).ok(204)
    for method in ("GET", "POST", "HEAD", "DELETE"):
        assert streams.call(method, path, b"1" if method == "POST" else None, JSON).status == 410
    assert streams.put(path, b"[]", JSON).status == 409, "its path is kept"
    assert streams.get(fork).json == [1, 2, 9]
    streams.call("DELETE", fork).ok(204)
    assert streams.put(path, b"[]", JSON).status == 201


def test_a_fork_may_cut_a_message(streams, path):
    streams.put(path, "größe".encode()).ok(201)
    cut = {**TEXT, "Stream-Forked-From": f"/v1/stream/{path}", "Stream-Fork-Offset": ZERO, "Stream-Fork-Sub-Offset": "4"}
    streams.put(path + "/f", None, cut).ok(201)
    streams.post(path + "/f", b"w").ok(204)
    assert streams.get(path + "/f").body == "größe".encode()[:4] + b"w"


def test_time_to_live(streams, path):
    streams.put(path, b"x", {**TEXT, "Stream-TTL": "1"}).ok(201)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    streams.put(path + "/b", b"x", {**TEXT, "Stream-Expires-At": soon}).ok(201)
    assert streams.call("HEAD", path).headers["Stream-TTL"] == "1"
    for _ in range(3):
        time.sleep(0.6)
        streams.get(path).ok(200)
    time.sleep(1.2)
    assert streams.get(path).status == 404
    assert streams.get(path + "/b").status == 404
    streams.put(path, b"[1]", JSON).ok(201)
    assert streams.get(path).json == [1]


def test_long_poll(streams, path, shared):
    streams.put(path, b"a").ok(201)
    there = streams.get(path, "-1", live="long-poll").ok(200)
    assert there.body == b"a" and there.headers["Stream-Cursor"].isdigit()
    tail = there.headers["Stream-Next-Offset"]
    writer = threading.Timer(0.2, lambda: Streams(shared.port).post(path, b"b").ok(204))
    writer.start()
    news = streams.get(path, tail, live="long-poll", timeout=20).ok(200)
    writer.join()
    assert news.body == b"b"
    nothing = streams.get(path, "now", live="long-poll", cursor=news.headers["Stream-Cursor"])
    assert nothing.status == 204 and nothing.headers["Stream-Up-To-Date"] == "true"
    assert int(nothing.headers["Stream-Cursor"]) > int(news.headers["Stream-Cursor"]), "caches must not loop"
    closer = threading.Timer(0.2, lambda: Streams(shared.port).post(path, b"", Stream_Closed="true").ok(204))
    closer.start()
    end = streams.get(path, "now", live="long-poll", timeout=20)
    closer.join()
    assert end.status == 204 and end.headers["Stream-Closed"] == "true"


def test_server_sent_events(streams, path, shared):
    streams.put(path, b"[1]", JSON).ok(201)
    writer = Streams(shared.port)
    with streams.sse(path) as response:
        events = frames(response)
        identifier, kind, data = next(events)
        assert (kind, json.loads(data)) == ("data", [1])
        assert (identifier, json.loads(next(events)[2])["upToDate"]) == (ZERO[:-1] + "1", True)
        writer.post(path, b'{"a":\n\n"b"}', JSON).ok(204)
        identifier, kind, data = next(events)
        assert (kind, json.loads(data)) == ("data", [{"a": "b"}])
        next(events)
    # A browser's EventSource comes back with the last id.
    writer.post(path, b"3", {**JSON, "Stream-Closed": "true"}).ok(204)
    with streams.sse(path, Last_Event_ID=identifier) as response:
        rest = list(frames(response))
    assert [json.loads(data) for _, kind, data in rest if kind == "data"] == [[3]]
    assert json.loads(rest[-1][2])["streamClosed"] is True


def test_text_cannot_begin_an_event(streams, path):
    text = " a\r\n\r\nevent: control\rdata: {}\n\n  b\n"
    streams.put(path, text.encode(), {**TEXT, "Stream-Closed": "true"}).ok(201)
    with streams.sse(path) as response:
        events = list(frames(response))
    assert [kind for _, kind, _ in events] == ["data", "control"]
    assert events[0][2] == text.replace("\r\n", "\n").replace("\r", "\n")


def test_binary_comes_in_base64(streams, path):
    content = bytes(range(256))
    streams.put(path, content, {"Content-Type": "image/png", "Stream-Closed": "true"}).ok(201)
    with streams.sse(path) as response:
        assert response.getheader("Stream-SSE-Data-Encoding") == "base64"
        assert base64.b64decode(next(frames(response))[2]) == content
    assert streams.get(path).body == content


def test_a_large_stream_comes_in_pieces(streams, path):
    streams.put(path).ok(201)
    pieces = [bytes([65 + n % 26]) * 300_000 for n in range(12)]
    for piece in pieces:
        streams.post(path, piece).ok(204)
    first = streams.get(path).ok(200)
    assert "Stream-Up-To-Date" not in first.headers and len(first.body) < 2 << 20
    assert streams.all(path) == b"".join(pieces)


def test_the_last_ones_and_an_end(streams, path):
    streams.put(path, b"[1,2,3,4]", JSON).ok(201)
    assert streams.get(path, last=2).json == [3, 4]
    assert streams.get(path, last=9).json == [1, 2, 3, 4]
    assert streams.get(path, "-1", last=2).code == "field_invalid"
    assert "last-v1" in streams.call("HEAD", path).headers["Stream-Extensions"]
    response = streams.api.stream(f"/v1/stream/{path}?last=3&live=sse&until=now")
    assert [json.loads(data) for _, kind, data in frames(response) if kind == "data"] == [[2, 3, 4]], "and it ends"


def test_streams_are_listed(shared, path):
    streams = Streams(shared.port)
    for number in range(5):
        streams.put(f"{path}/{number}", b"x", TEXT).ok(201)
    streams.call("DELETE", f"{path}/3").ok(204)
    page = streams.api.get(f"/v1/stream?prefix={path}/&limit=3").ok(200).json
    assert [entry["stream_id"] for entry in page["streams"]] == [f"{path}/{n}" for n in (0, 1, 2)]
    rest = streams.api.get(f"/v1/stream?prefix={path}/&limit=3&after={page['next_cursor']}").ok(200).json
    assert [entry["stream_id"] for entry in rest["streams"]] == [f"{path}/4"] and not rest["has_more"]
    assert rest["streams"][0]["tail_offset"] == ZERO[:-1] + "1"
    assert streams.api.get("/v1/stream?limit=0").code == "field_invalid"
    names = sorted(f"{path}/{name}" for name in ("é", "z", "a/b", "a", "a0", "Z", "10", "2", "0", "1", "2/1", "4"))
    for name in sorted(names, key=hash):
        streams.put(quote(name), b"x", TEXT)
    seen, after = [], ""
    while True:
        page = streams.api.get(f"/v1/stream?prefix={path}/&limit=4{after}").ok(200).json
        seen += [entry["stream_id"] for entry in page["streams"]]
        if not page["has_more"]:
            break
        after = f"&after={quote(page['next_cursor'])}"
    assert seen == sorted(names, key=str.encode)


def test_a_session_is_a_stream(shared, path):
    api, streams = Api(shared.port, "ada; role=user"), Streams(shared.port)
    session = path.replace("/", ".")
    api.create(session)
    tail = streams.call("HEAD", f"sessions/{session}").ok(200).headers["Stream-Next-Offset"]
    writer = threading.Timer(0.2, lambda: api.send(session, "hello", "i1"))
    writer.start()
    news = streams.get(f"sessions/{session}", tail, live="long-poll", timeout=20).ok(200)
    writer.join()
    assert [event["type"] for event in news.json] == ["input.added"]
    whole = streams.get(f"sessions/{session}").json
    assert whole == api.events(session)
    with streams.sse(f"sessions/{session}", offset=tail) as response:
        assert json.loads(next(frames(response))[2]) == news.json
    for method in ("PUT", "POST", "DELETE"):
        assert streams.call(method, f"sessions/{session}", b"[]" if method != "DELETE" else None, JSON).code == "stream_read_only"
    assert streams.get("sessions/nobody").code == "session_not_found"


def begin_with_history(chance, streams, path):
    """A stream for the test of kills, and what it begins with: empty, or a fork, or a fork of a fork, some of whose sources were deleted."""
    if chance.random() < 0.5:
        streams.put(path).ok(201)
        return b"", []
    content, sources = b"", []
    for depth in range(chance.randint(1, 3)):
        source = f"{path}/source{depth}"
        more = {"Stream-Forked-From": f"/v1/stream/{sources[-1]}"} if sources else {}
        streams.put(source, None, {**TEXT, **more}).ok(201)
        streams.post(source, b"s%d;" % depth, {**TEXT, **producer(0), "Stream-Seq": "9"}).ok(200)
        content += b"s%d;" % depth
        sources.append(source)
    cut = chance.randint(0, len(sources))
    # A cut within a message, in a half of them.
    beyond = 2 if cut < len(sources) and chance.random() < 0.5 else 0
    fork = {**TEXT, "Stream-Forked-From": f"/v1/stream/{sources[-1]}", "Stream-Fork-Offset": f"{ZERO[:-1]}{cut}"}
    if beyond:
        fork["Stream-Fork-Sub-Offset"] = str(beyond)
    streams.put(path, None, fork).ok(201)
    streams.post(sources[-1], b"later;").ok(204)
    if chance.random() < 0.5:
        streams.call("DELETE", sources[-1]).ok(204)
        return content[:cut * 3 + beyond], []
    return content[:cut * 3 + beyond], [(sources[-1], content + b"later;")]


def test_a_retry_after_kill_9_is_recognised(tmp_path):
    """The server is killed right after an answer, or while one is on its way; nothing is there twice, on streams and on forks of forks."""
    server = Server(tmp_path).start()
    for seed in range(SEEDS):
        chance = random.Random(seed)
        streams, path = Streams(server.port), f"k/{seed}"
        expected, sources = begin_with_history(chance, streams, path)
        number = 0
        for _ in range(chance.randint(0, 4)):
            streams.post(path, b"%d;" % number, {**TEXT, **producer(number), "Stream-Seq": f"{number:04}"}).ok(200)
            expected += b"%d;" % number
            number += 1
        closes = chance.random() < 0.3
        last = {**TEXT, **producer(number), "Stream-Seq": f"{number:04}", **({"Stream-Closed": "true"} if closes else {})}
        if chance.random() < 0.5:
            streams.post(path, b"%d;" % number, last).ok(200)
            server.kill9()
            answered = True
        else:
            killer = threading.Timer(chance.random() * 0.004, server.kill9)
            killer.start()
            try:
                answered = streams.post(path, b"%d;" % number, last).status == 200
            except OSError:
                answered = False
            killer.join()
        server.start()
        streams = Streams(server.port)
        again = streams.post(path, b"%d;" % number, last)
        assert again.status in ((204,) if answered else (200, 204)), f"seed {seed}: {again}"
        assert again.headers.get("Stream-Closed") == ("true" if closes else None), f"seed {seed}"
        expected += b"%d;" % number
        assert streams.get(path).body == expected, f"seed {seed}"
        gap = streams.post(path, b"x", {**TEXT, **producer(number + 2)})
        assert gap.status == 409, f"seed {seed}: a gap"
        if not closes:
            assert gap.headers["Producer-Expected-Seq"] == str(number + 1), f"seed {seed}"
            streams.post(path, b"e", {**TEXT, **producer(0, epoch=1)}).ok(200)
            assert streams.post(path, b"x", {**TEXT, **producer(number + 1)}).status == 403, f"seed {seed}: an older life"
            assert streams.post(path, b"x", {**TEXT, "Stream-Seq": "000"}).code == "sequence_regressed", f"seed {seed}"
            expected += b"e"
        for source, content in sources:
            assert streams.get(source).body == content, f"seed {seed}: the source has changed"
        assert streams.get(path).body == expected, f"seed {seed}"
    server.stop()


def keeping(**limits):
    return {**JSON, **{f"Stream-Retention-{name}": str(limit) for name, limit in limits.items()}}


def offset(number):
    return f"{ZERO[:17]}{number:016}"


def earliest(streams, path):
    return streams.call("HEAD", path).ok(200).headers["Stream-Earliest-Offset"]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.05)


def test_what_is_over_is_let_go(streams, path, shared):
    made = streams.put(path, b"[]", keeping(Count=100)).ok(201)
    assert made.headers["Stream-Retention-Count"] == "100" and "retention-v1" in made.headers["Stream-Extensions"]
    assert streams.put(path, None, keeping(Count=100)).status == 200
    for other in (JSON, keeping(Count=99), keeping(Count=100, Age=60), keeping(Bytes=100)):
        assert streams.put(path, None, other).code == "stream_exists"
    head = streams.call("HEAD", path).headers
    assert head["Stream-Earliest-Offset"] == ZERO and head["Stream-Retention-Count"] == "100"
    streams.post(path, json.dumps(list(range(250))).encode(), {**JSON, **producer(0), "Stream-Seq": "5"}).ok(200)
    # Far over: nobody waits for the next look.
    wait_until(lambda: earliest(streams, path) == offset(150))
    assert streams.get(path).json == list(range(150, 250))
    assert streams.get(path, offset(200)).json == list(range(200, 250))
    assert streams.get(path, last=3).json == [247, 248, 249]
    assert streams.get(path, last=1_000).json == list(range(150, 250))
    for query in ({}, {"live": "long-poll"}, {"live": "sse"}):
        for old in (0, 149):
            gone = streams.get(path, offset(old), **query)
            assert (gone.status, gone.code, gone.headers["Stream-Earliest-Offset"]) == (410, "offset_gone", offset(150))
            assert gone.headers["X-Content-Type-Options"] == "nosniff"
    gone = streams.get(path, "-1", {"Last-Event-ID": offset(3)}, live="sse")
    assert (gone.status, gone.code) == (410, "offset_gone")
    with streams.sse(path) as response:
        assert json.loads(next(frames(response))[2]) == list(range(150, 250))
    # Writers notice nothing.
    assert streams.post(path, b"[1]", {**JSON, **producer(0)}).status == 204, "a retry"
    assert streams.post(path, b"[1]", {**JSON, "Stream-Seq": "4"}).code == "sequence_regressed"
    assert streams.post(path, b"[250]", {**JSON, "If-Match": f'"{offset(250)}"'}).status == 204
    assert streams.get(path, offset(250)).json == [250]


@pytest.mark.parametrize("headers", [
    {"Stream-Retention-Count": "0"}, {"Stream-Retention-Age": "-1"}, {"Stream-Retention-Bytes": "01"},
    {"Stream-Retention-Count": "1e3"}, {"Stream-Retention-Age": "9" * 15}, {"Stream-Retention-Messages": "1"},
])
def test_a_retention_that_is_none(streams, path, headers):
    assert streams.put(path, b"x", {**TEXT, **headers}).code == "header_invalid"


def test_by_age_and_bytes_and_in_forks(shared, path):
    streams = Streams(shared.port)
    old, large, fork = path + "/old", path + "/large", path + "/fork"
    streams.put(old, b'["a"]', {**keeping(Age=1), "Stream-Closed": "true"}).ok(201)
    streams.put(large, b"[]", keeping(Bytes=1_000)).ok(201)
    streams.post(large, json.dumps([n % 10 for n in range(2_000)]).encode(), JSON).ok(204)
    tag = streams.get(large, offset(1_500)).ok(200).headers["ETag"]
    streams.put(fork, b'["own"]', {**JSON, "Stream-Forked-From": f"/v1/stream/{large}", "Stream-Fork-Offset": offset(1_200)}).ok(201)
    # Neither is far over, so this is the look every five seconds.
    wait_until(lambda: earliest(streams, large) == offset(1_000))
    assert streams.get(large).json == [n % 10 for n in range(1_000, 2_000)]
    assert streams.get(large, offset(1_500), {"If-None-Match": tag}).status == 304, "what is there is as it was"
    # A fork reads what its source still has, and keeps all of its own.
    assert earliest(streams, fork) == offset(1_000)
    assert streams.get(fork).json == [n % 10 for n in range(1_000, 1_200)] + ["own"]
    assert streams.get(fork, offset(999)).code == "offset_gone"
    late = {**JSON, "Stream-Forked-From": f"/v1/stream/{large}", "Stream-Fork-Offset": offset(900)}
    assert streams.put(path + "/late", None, late).code == "offset_gone"
    wait_until(lambda: earliest(streams, old) == offset(1))
    end = streams.get(old).ok(200)
    assert end.json == [] and end.headers["Stream-Closed"] == "true" and end.headers["Stream-Next-Offset"] == offset(1)
    assert streams.get(old, ZERO).status == 410


def test_a_reader_that_falls_behind_is_told(shared, path):
    streams, writer = Streams(shared.port), Streams(shared.port)
    streams.put(path, b"[]", keeping(Count=8)).ok(201)
    with streams.sse(path) as response:
        # It reads nothing, until its socket takes no more and what comes next is let go.
        for number in range(60):
            writer.post(path, json.dumps([f"{number}" + "x" * 100_000] * 10).encode(), JSON).ok(204)
        wait_until(lambda: earliest(writer, path) >= offset(500))
        events = list(frames(response))
    assert events[-1][1] == "error" and json.loads(events[-1][2])["code"] == "offset_gone"
    seen = [text for _, kind, data in events if kind == "data" for text in json.loads(data)]
    assert [text[:2].strip("x") for text in seen] == [str(n // 10) for n in range(len(seen))], "without a gap up to there"


def test_what_was_let_go_stays_so_after_kill_9(tmp_path):
    """Killed at any time: what is kept is there, what was gone stays gone, and producers are recognised."""
    server = Server(tmp_path).start()
    for seed in range(max(3, SEEDS // 4)):
        chance = random.Random(seed)
        streams, path = Streams(server.port), f"r/{seed}"
        streams.put(path, b"[]", keeping(Count=50)).ok(201)
        number = 0
        for request in range(chance.randint(3, 8)):
            body = list(range(number, number + chance.randint(70, 200)))
            streams.post(path, json.dumps(body).encode(), {**JSON, **producer(request)}).ok(200)
            number += len(body)
        last = {**JSON, **producer(request)}
        if chance.random() < 0.7:
            wait_until(lambda: earliest(streams, path) > offset(number - 130))
        before = earliest(streams, path)
        server.kill9()
        server.start()
        streams = Streams(server.port)
        after = earliest(streams, path)
        assert before <= after <= offset(number - 50), f"seed {seed}"
        assert streams.get(path).json == list(range(int(after[17:]), number)), f"seed {seed}"
        assert streams.post(path, b"[0]", last).status == 204, f"seed {seed}: a retry"
        assert streams.post(path, b"[0]", {**JSON, **producer(request + 2)}).code == "producer_gap", f"seed {seed}"
        assert streams.get(path, offset(int(before[17:]) - 1)).code == "offset_gone" if before > ZERO else True
    server.stop()


COMPACTED = {**JSON, "Stream-Compaction-Key": "type,key"}


def test_a_compaction_key_is_of_the_configuration(streams, path):
    made = streams.put(path, b"[]", COMPACTED).ok(201)
    assert made.headers["Stream-Compaction-Key"] == "type,key" and "compaction-v1" in made.headers["Stream-Extensions"]
    assert streams.put(path, None, {**JSON, "Stream-Compaction-Key": " type , key"}).status == 200
    for other in (JSON, {**COMPACTED, "Stream-Compaction-Key": "key,type"}, {**COMPACTED, "Stream-Retention-Age": "9"}):
        assert streams.put(path, None, other).code == "stream_exists"
    assert streams.call("HEAD", path).headers["Stream-Compaction-Key"] == "type,key"
    for bad in ({**TEXT, "Stream-Compaction-Key": "key"}, {**COMPACTED, "Stream-Retention-Count": "9"},
                *({**JSON, "Stream-Compaction-Key": names} for names in (",", "a,a", "a,b,c,d,e", "x" * 65))):
        assert streams.put(path + "/bad", None, bad).code == "header_invalid", bad
    streams.put(path + "/text", b"x", TEXT).ok(201)
    fork = {"Stream-Forked-From": f"/v1/stream/{path}/text", "Stream-Compaction-Key": "key"}
    assert streams.put(path + "/bad", None, fork).code == "header_invalid"


def test_only_the_newest_of_each_key_is_kept(tmp_path):
    server = Server(tmp_path).start()
    streams, rng = Streams(server.port), random.Random(4)
    streams.put("c", b"[]", COMPACTED).ok(201)
    everything = [{"type": "user", "key": rng.randrange(20), "n": n} if n % 50 else {"n": n} for n in range(300)]
    for request in range(3):
        body = json.dumps(everything[request * 100:request * 100 + 100]).encode()
        streams.post("c", body, {**JSON, **producer(request), "Stream-Seq": f"{request}"}).ok(200)
    assert streams.get("c").json == everything, "nothing was moved from the log"
    newest = {message["key"]: message for message in everything if "key" in message}
    kept = [message for message in everything if newest.get(message.get("key")) in (message, None)]
    server.kill9()
    server.start()
    streams = Streams(server.port)
    wait_until(lambda: streams.get("c").json == kept)

    def check():
        for begin in (0, 1, 150, 299):
            expected = [message for message in kept if message["n"] >= begin]
            assert streams.get("c", offset(begin)).json == expected
            with streams.sse("c", offset=offset(begin)) as response:
                assert json.loads(next(frames(response))[2]) == expected
        end = streams.get("c", last=300).ok(200)
        assert end.json == kept and end.headers["Stream-Next-Offset"] == offset(300)
        assert streams.post("c", b"[1]", {**JSON, **producer(2)}).status == 204, "a retry"
        assert streams.post("c", b"[1]", {**JSON, **producer(4)}).code == "producer_gap"
        assert streams.post("c", b"[1]", {**JSON, "Stream-Seq": "2"}).code == "sequence_regressed"

    check()
    fork = {**JSON, "Stream-Forked-From": "/v1/stream/c"}
    assert streams.put("early", None, {**fork, "Stream-Fork-Offset": offset(150)}).code == "offset_gone"
    streams.put("late", b'["own"]', fork).ok(201)
    later = {**JSON, "Stream-Forked-From": "/v1/stream/late"}
    assert streams.put("later", None, {**later, "Stream-Fork-Offset": offset(150)}).code == "offset_gone"
    assert streams.get("late").json == kept + ["own"]
    server.kill9()
    server.start()
    streams = Streams(server.port)
    check()
    assert streams.get("late").json == kept + ["own"]
    server.stop()


def test_the_public_python_client(shared, path):
    from durable_streams import DurableStream, stream

    url = f"http://127.0.0.1:{shared.port}/v1/stream/{path}"
    handle = DurableStream.create(url, content_type="application/json")
    for number in range(5):
        handle.append({"n": number})
    with stream(url, live=False) as response:
        assert response.read_json() == [{"n": number} for number in range(5)]
        offset = response.offset
    got = []

    def follow():
        with stream(url, offset=offset, live="sse") as response:
            for item in response.iter_json():
                got.append(item)
                if len(got) == 3:
                    return

    reader = threading.Thread(target=follow)
    reader.start()
    for number in range(5, 8):
        handle.append({"n": number})
    reader.join(20)
    assert got == [{"n": number} for number in range(5, 8)]
    assert handle.head().exists
    handle.delete()
    handle.close()
