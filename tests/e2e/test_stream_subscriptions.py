"""Subscriptions of durable streams: webhooks that are signed and retried, workers that race, leases, and a server that restarts."""
import base64
import http.server
import json
import queue
import random
import threading
import time

import pytest
from client import Api
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from server import Server
from test_streams import JSON, Streams, ZERO


class Worker:
    """A webhook's other end: keeps what it is told, answers what the test says."""

    def __init__(self):
        self.calls, self.answers = queue.Queue(), []
        worker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = worker.answers.pop(0) if worker.answers else (200, {})
                worker.calls.put((time.monotonic(), body, self.headers["Webhook-Signature"]))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/wake"

    def next(self, seconds=10):
        at, body, signature = self.calls.get(timeout=seconds)
        return at, json.loads(body), body, signature

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("subscriptions")).start()
    yield server
    server.stop()
    assert not server.crashed(), server.log_tail()


@pytest.fixture
def name():
    return f"{random.randrange(1 << 40):x}"


class Subscriptions(Streams):
    def sub(self, method, id, body=None, leaf="", token=None):
        headers = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        raw = json.dumps(body).encode() if body is not None else None
        return self.call(method, f"__ds/subscriptions/{id}{leaf}", raw, headers)

    def webhook(self, id, worker, pattern, lease=1_000, **more):
        return self.sub("PUT", id, {"type": "webhook", "pattern": pattern, "webhook": {"url": worker.url},
                                    "lease_ttl_ms": lease, **more})

    def pull(self, id, wake, pattern, lease=1_000, **more):
        return self.sub("PUT", id, {"type": "pull-wake", "pattern": pattern, "wake_stream": wake,
                                    "lease_ttl_ms": lease, **more})


def acked(streams, id, path):
    return {link["path"]: link["acked_offset"] for link in streams.sub("GET", id).ok(200).json["streams"]}[path]


def eventually(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("never")


def ack(wake, path, offset, done=True):
    return {"wake_id": wake["wake_id"], "generation": wake["generation"], "done": done,
            "acks": [{"stream": path, "offset": offset}]}


def test_a_webhook_is_signed_and_settled_by_its_answer(shared, worker, name):
    streams = Subscriptions(shared.port)
    worker.answers = [(200, {"done": True})]
    made = streams.webhook(name, worker, f"{name}/*").ok(201).json
    assert streams.webhook(name, worker, f"{name}/*").status == 200
    assert streams.webhook(name, worker, f"{name}/**").json["error"]["code"] == "SUBSCRIPTION_ALREADY_EXISTS"
    keys = Api(shared.port).get(made["webhook"]["signing"]["jwks_url"].split(str(shared.port))[1]).ok(200).json["keys"]
    streams.put(f"{name}/a", b'{"n": 1}', JSON).ok(201)
    _, told, raw, signature = worker.next()
    parts = dict(part.split("=", 1) for part in signature.split(","))
    key = next(key for key in keys if key["kid"] == parts["kid"])
    decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(parts["ed25519"]), parts["t"].encode() + b"." + raw)
    stream = told["streams"][0]
    assert (stream["path"], stream["acked_offset"], stream["has_pending"]) == (f"{name}/a", ZERO, True)
    eventually(lambda: acked(streams, name, f"{name}/a") == stream["tail_offset"])
    streams.sub("DELETE", name).ok(204)
    assert streams.sub("GET", name).json["error"]["code"] == "SUBSCRIPTION_NOT_FOUND"
    streams.post(f"{name}/a", b"2", JSON).ok(204)
    with pytest.raises(queue.Empty):
        worker.next(0.5)


def test_a_worker_calls_back_and_an_old_one_is_fenced(shared, worker, name):
    streams = Subscriptions(shared.port)
    streams.webhook(name, worker, f"{name}/*").ok(201)
    streams.put(f"{name}/a", b"[1]", JSON).ok(201)
    _, first, *_ = worker.next()
    # It says nothing more: its lease runs out, and another one is woken.
    _, second, *_ = worker.next()
    assert second["generation"] == first["generation"] + 1 and second["wake_id"] != first["wake_id"]
    tail = second["streams"][0]["tail_offset"]
    old = streams.sub("POST", name, ack(first, f"{name}/a", tail), "/callback", first["callback_token"])
    assert (old.status, old.json["error"]["code"]) == (409, "FENCED")
    forged = streams.sub("POST", name, ack(second, f"{name}/a", tail), "/callback", first["callback_token"])
    assert forged.status == 409
    assert streams.sub("POST", name, ack(second, f"{name}/a", tail), "/callback", "7.x").status == 401
    beyond = streams.sub("POST", name, ack(second, f"{name}/a", ZERO[:-1] + "9"), "/callback", second["callback_token"])
    assert beyond.json["error"]["code"] == "INVALID_OFFSET"
    good = streams.sub("POST", name, ack(second, f"{name}/a", tail), "/callback", second["callback_token"]).ok(200)
    assert good.json == {"ok": True, "next_wake": False}
    streams.sub("DELETE", name).ok(204)


def test_a_failed_call_is_repeated_less_and_less_often_also_over_a_restart(tmp_path, worker, name):
    server = Server(tmp_path).start()
    streams = Subscriptions(server.port)
    worker.answers = [(500, {}), (503, {}), (200, {"done": True})]
    streams.webhook(name, worker, f"{name}/*").ok(201)
    streams.put(f"{name}/a", b"[1]", JSON).ok(201)
    one, told, *_ = worker.next()
    two, again, *_ = worker.next()
    assert 0.7 < two - one < 2 and again["wake_id"] == told["wake_id"]
    eventually(lambda: streams.sub("GET", name).json["status"] == "failed")
    time.sleep(0.1)
    server.restart()
    streams = Subscriptions(server.port)
    three, last, *_ = worker.next()
    assert 1.4 < three - two < 6 and last["wake_id"] == told["wake_id"], "the pause is kept"
    eventually(lambda: streams.sub("GET", name).json["status"] == "active")
    assert acked(streams, name, f"{name}/a") == last["streams"][0]["tail_offset"]
    server.stop()


def test_workers_race_for_a_pulled_wake(tmp_path, name):
    server = Server(tmp_path).start()
    streams = Subscriptions(server.port)
    streams.put("wake", b"[]", JSON).ok(201)
    streams.put(f"{name}/old", b"[1,2]", JSON).ok(201)
    streams.pull(name, "wake", "**", lease=600_000).ok(201)
    assert streams.sub("POST", name, {"worker": "w"}, "/claim").json["error"]["code"] == "NO_PENDING_WORK"
    streams.post(f"{name}/old", b"3", JSON).ok(204)
    eventually(lambda: len(streams.get("wake").json) == 1)
    assert streams.get("wake").json[0]["subscription_id"] == name
    won, answers = [], []

    def race(number):
        answer = Subscriptions(server.port).sub("POST", name, {"worker": f"w{number}"}, "/claim")
        answers.append(answer)
        if answer.status == 200:
            won.append(answer.json)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and all(a.status == 200 or a.json["error"]["code"] == "ALREADY_CLAIMED" for a in answers)
    wake = won[0]
    link = next(s for s in wake["streams"] if s["path"] == f"{name}/old")
    assert (link["acked_offset"], link["tail_offset"]) == (ZERO[:-1] + "2", ZERO[:-1] + "3"), "only what came later"
    streams.post(f"{name}/old", b"4", JSON).ok(204)
    # The server is killed: the claim and its token go on.
    server.restart()
    streams = Subscriptions(server.port)
    assert streams.sub("POST", name, {"worker": "late"}, "/claim").json["error"]["code"] == "ALREADY_CLAIMED"
    done = streams.sub("POST", name, ack(wake, f"{name}/old", link["tail_offset"]), "/ack", wake["token"]).ok(200)
    assert done.json == {"ok": True, "next_wake": True}
    assert streams.sub("POST", name, ack(wake, f"{name}/old", link["tail_offset"]), "/ack", wake["token"]).status == 409
    eventually(lambda: len(streams.get("wake").json) == 2)
    again = streams.sub("POST", name, {"worker": "w"}, "/claim").ok(200).json
    release = {"wake_id": again["wake_id"], "generation": again["generation"]}
    streams.sub("POST", name, release, "/release", again["token"]).ok(204)
    eventually(lambda: len(streams.get("wake").json) == 3)
    server.stop()


def test_named_streams_come_and_go(shared, worker, name):
    streams = Subscriptions(shared.port)
    made = streams.sub("PUT", name, {"type": "webhook", "streams": [f"{name}/a"], "webhook": {"url": worker.url}}).ok(201)
    assert [s["path"] for s in made.json["streams"]] == [f"{name}/a"]
    streams.sub("POST", name, {"streams": [f"{name}/b", f"{name}/c"]}, "/streams").ok(204)
    streams.sub("DELETE", name, leaf=f"/streams/{name}%2Fb").ok(204)
    streams.sub("DELETE", name, leaf=f"/streams/{name}/nothing").ok(204)
    assert [s["path"] for s in streams.sub("GET", name).json["streams"]] == [f"{name}/a", f"{name}/c"]
    streams.put(f"{name}/b", b"[1]", JSON).ok(201)
    streams.put(f"{name}/c", b"[1]", JSON).ok(201)
    _, told, *_ = worker.next()
    assert [s["path"] for s in told["streams"] if s["has_pending"]] == [f"{name}/c"]
    streams.sub("DELETE", name).ok(204)


@pytest.mark.parametrize("url", [
    "http://10.0.0.1/x", "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/x", "https://[fe80::1]/x",
    "https://[::ffff:127.0.0.1]/x", "https://localhost/x", "http://example.com/x", "ftp://example.com/x", "https://me:pw@example.com/",
    "https://192.168.1.1", "https://metadata.google.internal/", "nonsense",
])
def test_webhooks_do_not_go_into_the_servers_network(shared, name, url):
    answer = Subscriptions(shared.port).sub("PUT", name, {"type": "webhook", "pattern": "x", "webhook": {"url": url}})
    assert (answer.status, answer.json["error"]["code"]) == (400, "WEBHOOK_URL_REJECTED")


@pytest.mark.parametrize("body", [
    None, [], {}, {"type": "webhook", "pattern": "a"}, {"type": "pull-wake", "pattern": "a"}, {"type": "pull-wake", "wake_stream": "w"},
    {"type": "pull-wake", "wake_stream": "w", "pattern": "a//b"}, {"type": "pull-wake", "wake_stream": "w", "pattern": "a", "lease_ttl_ms": 5},
    {"type": "pull-wake", "wake_stream": "w", "streams": ["../x"]}, {"type": "carrier-pigeon", "pattern": "a"},
])
def test_bad_subscriptions(shared, name, body):
    answer = Subscriptions(shared.port).sub("PUT", name, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")


def test_tokens_let_workers_in_and_keys_everybody_else(tmp_path, start):
    import subprocess
    from server import BINARY
    keys = tmp_path / "keys.json"
    key = subprocess.run([BINARY, "key", "create", "test", "--keys", str(keys)], capture_output=True, text=True, check=True).stdout.split()[-1]
    server = start("--keys", str(keys), dev=False)
    plain, streams = Streams(server.port), Streams(server.port)
    auth = {**JSON, "Authorization": f"Bearer {key}"}
    assert plain.put("w", b"[]", JSON).status == 401
    streams.put("w", b"[]", auth).ok(201)
    settings = json.dumps({"type": "pull-wake", "pattern": "e/*", "wake_stream": "w"}).encode()
    assert plain.call("PUT", "__ds/subscriptions/s", settings, JSON).status == 401
    streams.call("PUT", "__ds/subscriptions/s", settings, auth).ok(201)
    streams.put("e/1", b"[1]", auth).ok(201)
    assert plain.call("POST", "__ds/subscriptions/s/claim", b'{"worker": "w"}', JSON).status == 401
    claimed = streams.call("POST", "__ds/subscriptions/s/claim", b'{"worker": "w"}', auth).ok(200).json
    body = json.dumps(ack(claimed, "e/1", ZERO[:-1] + "1")).encode()
    assert plain.call("POST", "__ds/subscriptions/s/ack", body, JSON).json["error"]["code"] == "TOKEN_INVALID"
    with_key = plain.call("POST", "__ds/subscriptions/s/ack", body, auth)
    assert with_key.json["error"]["code"] == "TOKEN_INVALID", "the server's key is no worker's token"
    plain.call("POST", "__ds/subscriptions/s/ack", body, {**JSON, "Authorization": f"Bearer {claimed['token']}"}).ok(200)
    assert plain.call("GET", "__ds/jwks.json").status == 200
    refused = streams.call("PUT", "__ds/subscriptions/h", json.dumps(
        {"type": "webhook", "pattern": "x", "webhook": {"url": "http://127.0.0.1:1/"}}).encode(), auth)
    assert refused.json["error"]["code"] == "WEBHOOK_URL_REJECTED", "http is for --dev"
