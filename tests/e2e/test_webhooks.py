"""Agents that are woken: signed calls, tried again, also after a restart, one at a time."""
import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest

from client import Api, take_work

SECRET = "sixteen characters and more"


class Receiver:
    """A real agent's endpoint: keeps what it got, answers as it is told."""

    def __init__(self):
        self.calls, self.statuses, self.delay, self.at_once, self.most = [], [], 0, 0, 0
        outer, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                with lock:
                    outer.at_once += 1
                    outer.most = max(outer.most, outer.at_once)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((time.monotonic(), self.headers["Throughline-Signature"], body))
                time.sleep(outer.delay)
                status = outer.statuses.pop(0) if outer.statuses else 204
                with lock:
                    outer.at_once -= 1
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count, seconds=15):
        until = time.monotonic() + seconds
        while len(self.calls) < count:
            assert time.monotonic() < until, f"{len(self.calls)} of {count} calls came"
            time.sleep(0.02)
        return [json.loads(body) for _, _, body in self.calls]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def waking(start, receiver, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    return start("--webhook", f"bot=http://127.0.0.1:{receiver.port}/wake", "--webhook-secret-file", str(secret))


def verified(signature, body):
    fields = dict(field.split("=") for field in signature.split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields["v1"]) and abs(int(fields["t"]) / 1000 - time.time()) < 60


def test_an_agent_is_woken_takes_the_work_and_is_left_alone(waking, receiver):
    api = Api(waking.port, "ada")
    api.create("s")
    api.send("s", "for another", input="x", agent="other").ok(201)
    api.send("s", "hello", input="i", agent="bot").ok(201)
    assert receiver.wait(1) == [{"agent": "bot", "session": "s", "input": "i"}]
    _, signature, body = receiver.calls[0]
    assert verified(signature, body)
    run = take_work(Api(waking.port, "bot; role=agent"), "bot", wait=0)
    assert run.input["id"] == "i"
    run.end().ok(200)
    time.sleep(1)
    assert len(receiver.calls) == 1
    api.send("s", "to whoever", input="j").ok(201)
    assert receiver.wait(2)[1]["input"] == "j"


def test_an_agent_that_polls_is_not_called(waking, receiver):
    api, bot = Api(waking.port, "ada"), Api(waking.port, "bot; role=agent")
    api.create("s")
    for number in range(5):
        taken = []
        poll = threading.Thread(target=lambda: taken.append(take_work(bot, "bot", wait=10)))
        poll.start()
        time.sleep(0.1)
        api.send("s", "hello", input=f"i{number}").ok(201)
        poll.join()
        taken[0].end().ok(200)
    time.sleep(0.5)
    assert receiver.calls == []


def test_calls_that_fail_are_tried_again_and_redirects_are_not_followed(waking, receiver):
    api = Api(waking.port, "ada")
    receiver.statuses = [500, 302, 404]
    api.create("s")
    api.send("s", "hello", input="i", agent="bot").ok(201)
    calls = receiver.wait(4)
    assert calls == [calls[0]] * 4
    times = [at for at, _, _ in receiver.calls]
    pauses = [after - before for before, after in zip(times, times[1:])]
    assert all(pause > expected * 0.9 for pause, expected in zip(pauses, (1, 2, 4))), pauses
    metrics = api.get("/metrics").body.decode()
    assert "throughline_webhooks_failed_total 3" in metrics and "throughline_webhooks_heard_total 1" in metrics


def test_what_still_waits_is_announced_after_a_restart(waking, receiver):
    api = Api(waking.port, "ada")
    api.create("s")
    api.send("s", "hello", input="i", agent="bot").ok(201)
    receiver.wait(1)
    waking.restart()
    assert receiver.wait(2)[1] == {"agent": "bot", "session": "s", "input": "i"}


def test_a_run_that_lost_its_agent_wakes_another(waking, receiver):
    api, bot = Api(waking.port, "ada"), Api(waking.port, "bot; role=agent")
    api.create("s")
    api.send("s", "hello", input="i", agent="bot").ok(201)
    run = take_work(bot, "bot", lease=1000)
    calls = receiver.wait(1)
    assert calls[-1] == {"agent": "bot", "session": "s", "input": "i", "run": run.id}
    assert take_work(bot, "bot", wait=0).epoch == 2


def test_an_agent_gets_one_call_at_a_time(waking, receiver):
    api = Api(waking.port, "ada")
    receiver.delay = 0.2
    for number in range(6):
        api.create(f"s{number}")
        api.send(f"s{number}", "hello", input="i", agent="bot").ok(201)
    calls = receiver.wait(6)
    assert sorted(call["session"] for call in calls) == [f"s{number}" for number in range(6)]
    assert receiver.most == 1


@pytest.mark.parametrize("flags, words", [
    (["--webhook", "bot=http://127.0.0.1:1/"], "needs a secret"),
    (["--webhook", "bot"], "AGENT=URL"),
    (["--webhook", "bot=file:///etc/passwd"], "AGENT=URL"),
    (["--webhook", "bot=http://127.0.0.1:1/", "--webhook", "bot=http://127.0.0.1:2/"], "once for an agent"),
])
def test_a_wrong_configuration_is_refused(tmp_path, flags, words):
    from server import Server
    server = Server(tmp_path, *flags)
    with pytest.raises(AssertionError, match="left with"):
        server.start()
    assert words in server.log_tail()
