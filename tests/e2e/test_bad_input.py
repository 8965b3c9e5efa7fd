"""Bad input gets a clear error with a stable code; the server stays up and keeps nothing of it."""
import json
import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from client import Api, start_run
from conftest import eventually
from server import Server

SESSION, INPUTS, COMMANDS = "/v1/sessions/s", "/v1/sessions/s/inputs", "/v1/sessions/s/commands"
MEBIBYTE = 1 << 20


def text(value):
    return {"parts": [{"kind": "text", "text": value}]}


def deep(levels):
    return b'{"metadata":{"a":' + b"[" * levels + b"]" * levels + b"}}"


HTTP = [
    ("malformed JSON", "POST", INPUTS, b'{"parts": [', {}, 400, "json_invalid"),
    ("no JSON at all", "POST", INPUTS, b"hello", {}, 400, "json_invalid"),
    ("empty body", "POST", INPUTS, b"", {}, 400, "field_missing"),
    ("an array for an object", "POST", INPUTS, b"[]", {}, 400, None),
    ("trailing bytes", "POST", INPUTS, b'{"parts":[]} x', {}, 400, "json_invalid"),
    ("not a number", "PUT", SESSION, b'{"metadata":{"a":NaN}}', {}, 400, "json_invalid"),
    ("too deep", "PUT", SESSION, deep(70), {}, 400, "json_too_deep"),
    ("far too deep", "PUT", SESSION, deep(200_000), {}, 400, "json_too_deep"),
    ("bad UTF-8", "POST", INPUTS, b'{"parts":[{"kind":"text","text":"\xff\xfe"}]}', {}, 400, "utf8_invalid"),
    ("cut UTF-8", "POST", INPUTS, b'{"parts":[{"kind":"text","text":"\xf0\x9f\x8c"}]}', {}, 400, "utf8_invalid"),
    ("overlong UTF-8", "POST", INPUTS, b'{"parts":[{"kind":"text","text":"\xc0\xaf"}]}', {}, 400, "utf8_invalid"),
    ("a surrogate in UTF-8", "POST", INPUTS, b'{"parts":[{"kind":"text","text":"\xed\xa0\x80"}]}', {}, 400, "utf8_invalid"),
    ("a lone high surrogate", "POST", INPUTS, rb'{"parts":[{"kind":"text","text":"\ud800"}]}', {}, 400, "surrogate_lone"),
    ("a lone low surrogate", "POST", INPUTS, rb'{"parts":[{"kind":"text","text":"x\udc00"}]}', {}, 400, "surrogate_lone"),
    ("surrogates the wrong way", "POST", INPUTS, rb'{"parts":[{"kind":"text","text":"\udc00\ud800"}]}', {}, 400, "surrogate_lone"),
    ("a missing field", "POST", INPUTS, {}, {}, 400, "field_missing"),
    ("a field of another type", "POST", INPUTS, {"parts": "text"}, {}, 400, "field_invalid"),
    ("an unknown kind", "POST", INPUTS, {"parts": [{"kind": "smell", "text": "x"}]}, {}, 400, "field_invalid"),
    ("too many parts", "POST", INPUTS, {"parts": [{"kind": "text", "text": "x"}] * 33}, {}, (400, 413), None),
    ("an illegal input id", "POST", INPUTS, {"id": "a b", **text("x")}, {}, 400, "id_invalid"),
    ("an id too long", "POST", INPUTS, {"id": "a" * 129, **text("x")}, {}, 400, "id_invalid"),
    ("an empty id", "POST", INPUTS, {"id": "", **text("x")}, {}, 400, "id_invalid"),
    ("an illegal session id", "PUT", "/v1/sessions/a%20b", {}, {}, 400, "id_invalid"),
    ("a session id that climbs", "PUT", "/v1/sessions/..%2f..%2fetc", {}, {}, 400, "id_invalid"),
    ("a session id too long", "PUT", "/v1/sessions/" + "a" * 129, {}, {}, 400, "id_invalid"),
    ("an oversized body", "POST", INPUTS, json.dumps(text("x" * MEBIBYTE)).encode(), {}, 413, "too_large"),
    ("oversized text", "POST", INPUTS, text("x" * (257 << 10)), {}, 413, "too_large"),
    ("an oversized title", "PUT", "/v1/sessions/t", {"title": "x" * 513}, {}, (400, 413), None),
    ("oversized metadata", "PUT", "/v1/sessions/t", {"metadata": {"a": "x" * (17 << 10)}}, {}, (400, 413), None),
    ("an unknown route", "GET", "/v1/nothing", None, {}, 404, "route_not_found"),
    ("an unknown session", "GET", "/v1/sessions/nobody", None, {}, 404, "session_not_found"),
    ("an unknown input", "DELETE", INPUTS + "/nobody", None, {}, 404, "input_not_found"),
    ("an unknown method", "PATCH", "/v1/work", {}, {}, 405, "method_not_allowed"),
    ("another media type", "POST", INPUTS, b"<xml/>", {"Content-Type": "application/xml"}, 415, "media_type_unsupported"),
    ("a format nobody speaks", "GET", SESSION + "/events", None, {"Accept": "image/png"}, 406, "format_unavailable"),
    ("a plain request for a socket", "GET", "/v1/connect", None, {}, 426, "upgrade_required"),
    ("a cursor past the tail", "GET", SESSION + "/events?after=999999", None, {}, 409, "cursor_ahead"),
    ("a cursor that is no number", "GET", SESSION + "/events?after=x", None, {}, 400, None),
    ("a negative cursor", "GET", SESSION + "/events?after=-1", None, {}, 400, None),
    ("a huge cursor", "GET", SESSION + "/events?after=99999999999999999999999", None, {}, 400, None),
    ("a cursor with a sign", "GET", SESSION + "/events?after=%2B1", None, {}, 400, "cursor_invalid"),
    ("a limit with a sign", "GET", SESSION + "/events?limit=+5", None, {}, 400, "field_invalid"),
    ("a limit with an escaped sign", "GET", SESSION + "/events?limit=%2B5", None, {}, 400, "field_invalid"),
    ("a limit of nothing", "GET", SESSION + "/events?limit=", None, {}, 400, "field_invalid"),
    ("a broken Last-Event-ID", "GET", SESSION + "/events", None, {"Accept": "text/event-stream", "Last-Event-ID": "x"}, 400, None),
    ("a broken list cursor", "GET", "/v1/sessions?cursor=%00%ff", None, {}, 400, "cursor_invalid"),
    ("an unknown verb", "POST", COMMANDS, {"verb": "explode", "target": {"all": True}}, {}, 400, "verb_unsupported"),
    ("an unknown target", "POST", COMMANDS, {"verb": "cancel", "target": {"run": "nobody"}}, {}, 404, "run_not_found"),
    ("a target of nothing", "POST", COMMANDS, {"verb": "cancel", "target": {}}, {}, 400, None),
    ("the server's own role", "POST", INPUTS, text("x"), {"Throughline-Participant": "x; role=system"}, 403, "role_refused"),
    ("an observer who writes", "POST", INPUTS, text("x"), {"Throughline-Participant": "x; role=observer"}, 403, None),
    ("a broken participant", "POST", INPUTS, text("x"), {"Throughline-Participant": "a b; role="}, 400, None),
    ("another host's name", "GET", SESSION, None, {"Host": "evil.example"}, 403, "host_refused"),
    ("another origin", "POST", INPUTS, text("x"), {"Origin": "http://evil.example"}, 403, "origin_refused"),
    ("an audience", "POST", INPUTS, {"parts": [{"kind": "text", "text": "x", "audience": "operators"}]}, {}, 400, None),
    ("a lease too short", "POST", SESSION + "/runs", {"agent": "bot", "lease": {"milliseconds": 1}}, {}, 400, "field_invalid"),
    ("a parent that is not there", "POST", SESSION + "/runs", {"agent": "bot", "parent": "nobody"}, {}, 404, "run_not_found"),
]

START = {"type": "message.started", "message": {"id": "m2", "role": "assistant"}}


def append(offset, value="x", part="p"):
    return {"type": "part.appended", "part": {"id": part, "offset": offset, "text": value}}


WRITES = [
    ("a gap in Write-Seq", "5", [append(4)], 409, "write_gap", {"expected": 2}),
    ("an offset past the end", "2", [append(9)], 409, "offset_gap", {"length": 4}),
    ("an offset that conflicts", "2", [append(2, "other")], 409, "offset_conflict", {"length": 4}),
    ("an offset inside a character", "2", [append(1, "x")], 409, "offset_conflict", {}),
    ("a negative offset", "2", [append(-1)], 400, None, {}),
    ("an unknown part", "2", [append(0, part="nobody")], 404, "part_not_found", {}),
    ("a part id that is taken", "2", [{"type": "part.started", "part": {"id": "p", "message": "m", "kind": "text"}}], 409, "id_taken", {}),
    ("a part of no message", "2", [{"type": "part.started", "part": {"id": "p2", "message": "nobody", "kind": "text"}}], 404, "message_not_found", {}),
    ("an event of the server's own", "2", [{"type": "run.ended", "run": {"id": "r", "reason": "completed"}}], 400, None, {}),
    ("an unknown event", "2", [{"type": "tea.made"}], 400, None, {}),
    ("an event without a type", "2", [{}], 400, None, {}),
    ("too many events", "2", [START] * 1001, (400, 413), None, {}),
    ("a good event beside a bad one", "2", [START, append(9)], 409, "offset_gap", {}),
    ("a sequence that is no number", "x", [append(4)], 400, "header_invalid", {}),
    ("a sequence with a sign", "+2", [append(4)], 400, "header_invalid", {}),
    ("a sequence of zero", "0", [append(4)], 400, "header_invalid", {}),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One server for the whole table, so that what bad input leaves behind would add up."""
    server = Server(tmp_path_factory.mktemp("bad")).start()
    yield server
    server.stop()
    assert not server.crashed(), server.log_tail()


@pytest.fixture
def api(place):
    api = Api(place.port)
    api.create("s")
    return api


@pytest.fixture
def run(api):
    run = start_run(api, "s", "bot")
    parts = run.start_message("m-" + run.id, "p-" + run.id)
    run.write(*parts, run.append("p-" + run.id, "é12")).ok(200)
    yield run
    run.end()


def refused(answer, status, code):
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
    assert answer.headers["Content-Type"].startswith("application/problem+json"), dict(answer.headers)
    problem = answer.json
    assert problem["status"] == answer.status and problem["title"] and problem["detail"], problem
    assert problem["type"] == "urn:throughline:error:" + problem["code"]
    assert code is None or problem["code"] == code, problem
    return problem


@pytest.mark.parametrize("method, path, body, headers, status, code", [case[1:] for case in HTTP], ids=[case[0] for case in HTTP])
def test_http(api, method, path, body, headers, status, code):
    before = api.snapshot("s")["seq"]
    more = {"raw": body} if isinstance(body, bytes) else {"body": body}
    refused(api.call(method, path, headers=headers, **more), status, code)
    assert api.snapshot("s")["seq"] == before


def named(events, run):
    """The events of the table with the ids of this run."""
    text = json.dumps(events).replace('"id": "p"', f'"id": "p-{run.id}"').replace('"message": "m"', f'"message": "m-{run.id}"')
    return json.loads(text)


@pytest.mark.parametrize("seq, events, status, code, more", [case[1:] for case in WRITES], ids=[case[0] for case in WRITES])
def test_writes(api, run, seq, events, status, code, more):
    before = api.snapshot("s")["seq"]
    problem = refused(run.post(seq, named(events, run)), status, code)
    assert problem | more == problem
    assert api.snapshot("s")["seq"] == before
    run.write(run.append("p-" + run.id, " and on")).ok(200)


def test_a_wrong_lease_is_fenced(api, run):
    answer = api.post(run.path("events"), [append(0)], headers={"Run-Lease": "wrong", "Write-Seq": "2"})
    assert answer.status in (400, 403, 409) and answer.code, answer
    assert api.post(run.path("events"), [append(0)], headers={"Write-Seq": "2"}).status in (400, 403, 409)


def socket_to(place, **more):
    return connect(f"ws://127.0.0.1:{place.port}/v1/connect", subprotocols=["throughline.v1"], **more)


SOCKET = [
    ("an unknown operation", {"id": 1, "op": "explode"}, "operation_unknown"),
    ("no operation", {"id": 1}, None),
    ("an unknown session", {"id": 1, "op": "attach", "session": "nobody", "after": 0}, "session_not_found"),
    ("an illegal session id", {"id": 1, "op": "create", "session": "a b"}, "id_invalid"),
    ("a cursor past the tail", {"id": 1, "op": "attach", "session": "s", "after": 1 << 40}, "cursor_ahead"),
    ("the server's own role", {"id": 1, "op": "input", "session": "s", "as": {"id": "x", "role": "system"}, "input": text("x")}, "role_refused"),
    ("a missing field", {"id": 1, "op": "input", "session": "s", "input": {}}, "field_missing"),
    ("an unknown verb", {"id": 1, "op": "command", "session": "s", "command": {"verb": "explode", "target": {"all": True}}}, "verb_unsupported"),
]


@pytest.mark.parametrize("frame, code", [case[1:] for case in SOCKET], ids=[case[0] for case in SOCKET])
def test_websocket_requests(api, place, frame, code):
    with socket_to(place) as socket:
        socket.send(json.dumps(frame))
        answer = json.loads(socket.recv(5))
        assert answer["re"] == 1 and answer["error"]["code"], answer
        assert code is None or answer["error"]["code"] == code
        socket.send(json.dumps({"id": 2, "op": "ping"}))
        assert json.loads(socket.recv(5)) == {"re": 2, "ok": {}}


def test_websocket_writes_are_refused_by_name(api, place, run):
    with socket_to(place) as socket:
        socket.send(json.dumps({"op": "write", "session": "s", "run": run.id, "lease": run.token, "seq": 9, "events": [START]}))
        frame = json.loads(socket.recv(5))
        assert (frame["session"], frame["run"], frame["error"]["code"]) == ("s", run.id, "write_gap"), frame
        assert frame["error"]["expected"] == 2


@pytest.mark.parametrize("frame, codes", [
    ("not JSON", {1008, 4400}), (b"\x00\x01", {1003, 1008, 4400}), ("[" * 100_000, {1008, 4400}),
    ("x" * (MEBIBYTE + 1), {1009})], ids=["not JSON", "binary", "too deep", "too big"])
def test_websocket_frames_that_break_the_protocol_close_it(place, frame, codes):
    with socket_to(place, max_size=None) as socket:
        with pytest.raises(ConnectionClosed):
            socket.send(frame)
            while True:
                socket.recv(5)
        assert socket.close_code in codes


def test_websocket_text_that_is_not_utf8_closes_it(place):
    with socket_to(place) as socket:
        with pytest.raises(ConnectionClosed):
            socket.send([b'{"id": 1, "op": "\xff"}'], text=True)
            socket.recv(5)
        assert socket.close_code in (1007, 1008, 4400)


def test_a_socket_without_the_subprotocol_is_turned_away(place):
    with pytest.raises(Exception) as failure:
        with connect(f"ws://127.0.0.1:{place.port}/v1/connect") as socket:
            socket.recv(5)
    assert "400" in str(failure.value) or getattr(failure.value, "rcvd", None) and failure.value.rcvd.code in (1008, 4400) \
        or "426" in str(failure.value), failure.value


LOITERERS = {
    "a head that never ends": (b"GET /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-A: b\r\n"),
    "a head without a line": (b"GET /v1", b"a"),
    "a body that trickles": (b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                             b"Content-Length: 100000\r\n\r\n{", b" "),
    "a body of tiny chunks": (b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a silent connection": (b"", b""),
}
LONGEST_LOITER = 75


def loiter(port, first, more, ended):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        connection.sendall(first)
        connection.settimeout(1)
        while time.monotonic() - began < LONGEST_LOITER:
            try:
                if more:
                    connection.sendall(more)
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return
        ended.append(time.monotonic() - began)


def test_slow_loris_is_closed(place):
    ended = {name: [] for name in LOITERERS}
    threads = [threading.Thread(target=loiter, args=(place.port, *pieces, ended[name])) for name, pieces in LOITERERS.items()]
    for thread in threads:
        thread.start()
    assert Api(place.port).get("/health").status == 200
    for thread in threads:
        thread.join()
    assert not [name for name, seconds in ended.items() if not seconds], "still open: " + str(ended)
    print(ended)


def test_a_head_and_a_target_too_long_are_refused(place):
    for head in (b"X-Long: " + b"a" * 200_000, b""):
        target = b"/v1/" + (b"a" * 200_000 if not head else b"sessions")
        with socket.create_connection(("127.0.0.1", place.port)) as connection:
            connection.settimeout(10)
            try:
                connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n\r\n")
                answer = connection.recv(4096)
            except ConnectionResetError:
                answer = b""
            assert answer == b"" or answer.split()[1][:1] == b"4", answer[:200]


def everything_bad(port):
    api = Api(port)
    for _, method, path, body, headers, _, _ in HTTP:
        more = {"raw": body} if isinstance(body, bytes) else {"body": body}
        try:
            api.call(method, path, headers=headers, **more)
        except OSError:
            pass
    for _, frame, _ in SOCKET:
        with connect(f"ws://127.0.0.1:{port}/v1/connect", subprotocols=["throughline.v1"]) as socket:
            socket.send(json.dumps(frame))
            socket.recv(5)
    with connect(f"ws://127.0.0.1:{port}/v1/connect", subprotocols=["throughline.v1"]) as socket:
        socket.send("not JSON")


def test_bad_input_leaves_nothing_behind(api, place):
    for _ in range(3):
        everything_bad(place.port)
    time.sleep(1)
    memory, descriptors = place.rss(), place.descriptors()
    for _ in range(10):
        everything_bad(place.port)
    eventually(lambda: place.descriptors() <= descriptors + 3, 10, what="the same count of open files")
    assert place.rss() - memory < 16 * MEBIBYTE
    assert place.alive and api.get("/ready").status == 200
