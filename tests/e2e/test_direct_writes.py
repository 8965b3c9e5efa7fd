"""An agent's writes over HTTP are answered on the connection's loop, and must be answered as the router answers them."""
import http.client
import json
import socket

import pytest

from client import start_run

STARTED = [{"type": "message.started", "message": {"id": "{m}"}},
           {"type": "part.started", "part": {"id": "{p}", "message": "{m}", "kind": "text"}}]
WRITES = {
    "a write": (STARTED, {}),
    "its number": (STARTED, {"Write-Seq": "1"}),
    "a gap": (STARTED, {"Write-Seq": "7"}),
    "number zero": (STARTED, {"Write-Seq": "0"}),
    "no lease": (STARTED, {"Run-Lease": None}),
    "another lease": (STARTED, {"Run-Lease": "l-nobody"}),
    "no JSON": (b"[", {}),
    "no events": (b"7", {}),
    "an unknown event": ([{"type": "part.invented"}], {}),
    "a form": (STARTED, {"Content-Type": "text/plain"}),
    "an observer": (STARTED, {"Throughline-Participant": "eve; role=observer"}),
    "no participant": (STARTED, {"Throughline-Participant": "eve; role"}),
    "too large": (b"[" + b" " * (2 << 20) + b"]", {}),
    "another page": (STARTED, {"Origin": "https://elsewhere.example"}),
}


def filled(body, name):
    if isinstance(body, bytes):
        return body
    return json.dumps(body).replace("{m}", f"m-{name}").replace("{p}", f"p-{name}").encode()


def headers_of(run, changes):
    headers = {"Content-Type": "application/json", "Run-Lease": run.token, **changes}
    return {name: value for name, value in headers.items() if value is not None}


def ask(connection, path, body, headers):
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    kept = {name: answer.getheader(name) for name in ("content-type", "cache-control", "retry-after")}
    text = answer.read()
    return answer.status, kept, text


@pytest.mark.parametrize("body, changes", WRITES.values(), ids=WRITES)
def test_both_ways_answer_the_same(server, api, body, changes):
    seen = []
    for way in ("direct", "routed"):
        session = f"s-{way}"
        api.create(session)
        run = start_run(api, session, "bot", id="r")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        if way == "routed":
            connection.request("GET", "/health")
            connection.getresponse().read()
        path = f"/v1/sessions/{session}/runs/r/events"
        try:
            status, kept, text = ask(connection, path, filled(body, "x"), headers_of(run, changes))
        except (BrokenPipeError, ConnectionResetError):
            status, kept, text = "closed", {}, b""
        seen.append((status, kept, text.decode().replace(session, "s")))
    assert seen[0] == seen[1]


def test_a_session_that_is_not_there(server, api):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    status, kept, text = ask(connection, "/v1/sessions/none/runs/r/events", b"[]",
                             {"Content-Type": "application/json", "Run-Lease": "l"})
    assert (status, json.loads(text)["code"]) == (404, "session_not_found")


def test_a_connection_goes_over_to_the_router_and_stays(server, api):
    api.create("s")
    run = start_run(api, "s", "bot", id="r")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    path = "/v1/sessions/s/runs/r/events"
    for number in range(1, 7):
        if number % 3 == 0:
            connection.request("GET", "/health")
            assert connection.getresponse().read() == b'{"status":"ok"}'
        status, _, text = ask(connection, path, filled(STARTED, number), headers_of(run, {"Write-Seq": str(number)}))
        assert (status, json.loads(text)["written"]) == (200, number)


def test_what_is_pipelined_is_answered_in_order(server, api):
    """Writes, a request for the router in the middle, and writes again, all in one packet."""
    api.create("s")
    run = start_run(api, "s", "bot", id="r")
    packet = b""
    for number in range(1, 9):
        body = filled(STARTED, number)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers_of(run, {"Write-Seq": str(number)}).items())
        packet += (f"POST /v1/sessions/s/runs/r/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        if number == 4:
            packet += b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        plain.sendall(packet)
        answers = plain.makefile("rb")
        seen = []
        for _ in range(9):
            assert answers.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := answers.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            seen.append(json.loads(answers.read(length)))
    assert [answer.get("written", answer.get("status")) for answer in seen] == [1, 2, 3, 4, "ok", 5, 6, 7, 8]


def test_who_says_no_more_gets_the_last_answer(server, api):
    api.create("s")
    run = start_run(api, "s", "bot", id="r")
    body = filled(STARTED, 1)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers_of(run, {}).items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        plain.sendall((f"POST /v1/sessions/s/runs/r/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
                       f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        plain.shutdown(socket.SHUT_WR)
        answer = plain.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")
