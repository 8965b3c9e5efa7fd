"""The tests' own tools: the reducer and the scripted upstream are checked before anything is judged with them."""
import http.client
import json
import socket
import struct

import pytest

from client import frames
from netproxy import Proxy
from reducer import ProtocolError, State, comparable, replay, texts
from upstream import body_of, text_of

ADA, BOT = {"id": "ada", "role": "user"}, {"id": "bot", "role": "agent"}


def numbered(*events):
    return [{"seq": number, "at": 1000 + number, **event} for number, event in enumerate(events, 1)]


ANSWER = numbered(
    {"type": "session.created", "by": ADA, "session": {"id": "s", "title": None, "metadata": {}, "policies": {}, "state": "open"}},
    {"type": "input.added", "by": ADA, "input": {"id": "i", "parts": [{"kind": "text", "text": "Why?"}]}},
    {"type": "run.started", "by": BOT, "run": {"id": "r", "agent": "bot", "inputs": ["i"], "epoch": 1, "lease": {"milliseconds": 30000}}},
    {"type": "message.started", "by": BOT, "message": {"id": "m", "run": "r", "role": "assistant"}},
    {"type": "part.started", "by": BOT, "part": {"id": "p", "message": "m", "kind": "text"}},
    {"type": "part.appended", "run": "r", "part": {"id": "p", "offset": 0, "text": "Sé"}},
    {"type": "part.appended", "run": "r", "part": {"id": "p", "offset": 3, "text": "a 🌊"}},
    {"type": "part.appended", "run": "r", "part": {"id": "p", "offset": 9, "text": "!"}},
    {"type": "run.ended", "by": BOT, "run": {"id": "r", "reason": "completed", "usage": {"tokens": 3}}},
)


def test_the_reducer_replays_a_run():
    state = replay(ANSWER).snapshot()
    assert texts(state) == {"p": "Séa 🌊!"}
    assert state["inputs"][0]["state"] == "answered" and state["inputs"][0]["run"] == "r"
    assert state["runs"][0]["state"] == "completed" and state["runs"][0]["ended"] == 1009
    assert "lease" not in state["runs"][0]
    assert state["messages"][0]["status"] == state["messages"][0]["parts"][0]["status"] == "complete"


@pytest.mark.parametrize("at", range(1, len(ANSWER)))
def test_a_snapshot_and_what_follows_equal_a_whole_replay(at):
    late = State(replay(ANSWER, at).snapshot())
    for event in ANSWER[at:]:
        late.apply(event)
    assert comparable(late.snapshot()) == comparable(replay(ANSWER).snapshot())


def test_a_merged_append_stands_for_its_events():
    merged = {"type": "part.appended", "from": 6, "seq": 8, "at": 1008,
              "parts": [{"id": "p", "offset": 0, "text": "Séa 🌊!"}]}
    state = replay([*ANSWER[:5], merged, ANSWER[8]])
    assert state.snapshot() == replay(ANSWER).snapshot()


@pytest.mark.parametrize("events", [
    ANSWER[:3] + ANSWER[4:],
    ANSWER[:3] + ANSWER[2:],
    ANSWER[:6] + [{**ANSWER[6], "part": {"id": "p", "offset": 2, "text": "x"}}],
    ANSWER[:6] + [{**ANSWER[6], "part": {"id": "p", "offset": 4, "text": "x"}}],
    ANSWER[:6] + [{**ANSWER[6], "part": {"id": "other", "offset": 0, "text": "x"}}],
], ids=["gap", "duplicate", "overlap", "offset gap", "unknown part"])
def test_the_reducer_refuses(events):
    with pytest.raises(ProtocolError):
        replay(events)


def test_frames_are_split_as_the_standard_says():
    lines = b": hi\n\nretry: 50\n\nid: 7\nevent: snapshot\ndata: a\ndata: b\n\ndata:c\r\n\r\n".splitlines(True)
    assert list(frames(lines)) == [(None, "retry", "50"), ("7", "snapshot", "a\nb"), (None, "message", "c")]


def ask(upstream, model):
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": model}))
    return connection, connection.getresponse()


@pytest.mark.parametrize("chop", [None, 7])
def test_the_upstream_plays_a_recording_to_the_byte(upstream, chop):
    upstream.speed, upstream.chop = 50, chop
    _, response = ask(upstream, "chat")
    assert response.status == 200 and response.read() == body_of("chat") == upstream.calls[0].sent
    assert "salt" in text_of("chat") and b'"usage"' in body_of("chat")


def test_the_upstream_joins_characters_split_over_deltas():
    assert text_of("characters") == "👩‍👩‍👧 e\u0301 שלום 😀🌊 مرحبا 𝄞"


def test_the_upstream_answers_with_an_error(upstream):
    _, response = ask(upstream, "error-429")
    assert response.status == 429 and response.getheader("Retry-After") == "7"


def test_the_upstream_resets_in_mid_stream(upstream):
    _, response = ask(upstream, "reset")
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        response.read()


@pytest.mark.parametrize("model", ["gated", "slow-head"])
def test_the_upstream_sees_its_client_leave(upstream, model):
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        body = json.dumps({"model": model}).encode()
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        call = upstream.wait_for_calls(1)
        assert not call.client_left.wait(0.3)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert call.client_left.wait(2)


def test_a_gate_holds_the_upstream(upstream):
    _, response = ask(upstream, "gated")
    upstream.wait_for_calls(1).finished.wait(0.3)
    assert b"before" in upstream.calls[0].sent and b"after" not in upstream.calls[0].sent
    upstream.open("middle")
    assert response.read() == body_of("gated")


def test_a_cut_proxy_resets_what_is_open_and_refuses_what_is_new(upstream):
    proxy = Proxy(upstream.port)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            while connection.recv(100):
                pass
            raise AssertionError("closed without a reset")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    proxy.restore()
    socket.create_connection(("127.0.0.1", proxy.port), timeout=5).close()
    proxy.close()
