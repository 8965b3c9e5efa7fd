"""kill -9 under everything that people and agents do over HTTP: what was acknowledged, refused or shown before is still true.

Appends over WebSocket, many and fast, are in test_kill9_load.py."""
import json
import os
import random
import threading
import time

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from client import DOWN, Api, Run, start_run, take_work
from reducer import comparable, replay, texts

RUNS = int(os.environ.get("KILL9_RUNS", 30))
AWAY = (*DOWN, WebSocketException, EOFError)


class Worker(threading.Thread):
    """Does `step` again and again until the server goes away; what it was told is kept for the check afterwards."""

    def __init__(self, load, name, seed):
        super().__init__(daemon=True)
        self.load, self.called, self.chance, self.error = load, name, random.Random(seed), None
        self.api = Api(load.port, f"{name}; role={self.role}", timeout=10)

    role = "user"

    def run(self):
        try:
            self.prepare()
            while not self.load.over:
                self.step()
        except AWAY:
            pass
        except BaseException as error:
            if not isinstance(error, AssertionError) or "503" not in str(error):
                self.error = error

    def prepare(self):
        pass


class Poster(Worker):
    """Posts inputs with ids; sends some twice, edits and withdraws some, and is refused now and then."""

    def prepare(self):
        self.added, self.withdrawn, self.refused, self.tried, self.number = {}, set(), set(), None, 0

    def step(self):
        self.number += 1
        name, text = f"{self.called}-{self.number}", f"text {self.number} 🌊"
        agent = self.chance.choice(self.load.agents)
        self.tried = (name, text, agent)
        answer = self.api.send(self.load.session, text, name, agent=agent).ok(201).json
        self.added[name], self.tried = (answer["seq"], text), None
        if self.chance.random() < 0.3:
            again = self.api.send(self.load.session, text, name, agent=agent).ok(200).json
            assert again["seq"] >= answer["seq"]
        if self.chance.random() < 0.3:
            gone = self.api.call("DELETE", f"/v1/sessions/{self.load.session}/inputs/{name}")
            if gone.status == 200:
                self.withdrawn.add(name)
            elif gone.status != 503:
                assert gone.code == "input_not_queued", gone
                self.refused.add(name)

    def check(self, events, snapshot, api):
        inputs = {input["id"]: input for input in snapshot["inputs"]}
        adds = [event for event in events if event["type"] == "input.added"]
        order = [event["input"]["id"] for event in adds if event["input"]["id"].startswith(self.called + "-")]
        assert order == sorted(set(order), key=lambda name: int(name.rsplit("-", 1)[1])), "order or a duplicate"
        assert set(self.added) <= set(order), "an acknowledged input is lost"
        for name, (seq, text) in self.added.items():
            assert inputs[name]["parts"][0]["text"] == text and inputs[name]["seq"] <= seq
        for name in self.withdrawn:
            assert inputs[name]["state"] == "withdrawn", inputs[name]
        for name in self.refused:
            assert inputs[name]["state"] != "queued", "a refusal turned out untrue"
        if self.tried:
            name, text, agent = self.tried
            api.send(self.load.session, text, name, agent=agent).ok(200 if name in inputs else 201)
            api.send(self.load.session, text, name, agent=agent).ok(200)


class Answerer(Worker):
    """Takes work with ids and writes numbered writes over HTTP; some are sent twice, some with a gap."""

    role = "agent"

    def prepare(self):
        self.runs, self.number, self.work = [], 0, None

    def step(self):
        self.number += 1
        self.work = f"{self.called}-work-{self.number}"
        self.api.send(self.load.session, "?", f"in-{self.called}-{self.number}", agent=self.called).ok(201)
        run = take_work(self.api, self.called, self.work, wait=5)
        if not run:
            return
        run.work, run.acknowledged, run.ended, run.text, run.part = self.work, 0, None, "", f"p-{self.called}-{self.number}"
        run.pieces = []
        self.runs.append(run)
        self.say(run, *run.start_message("m" + run.part, run.part))
        for _ in range(self.chance.randrange(3, 15)):
            piece = f"{run.seq}é🌊 "
            run.pieces.append((run.seq + 1, piece))
            self.say(run, run.append(run.part, piece))
            if self.chance.random() < 0.1:
                assert run.post(run.seq + 5, []).code in ("write_gap", "stopping", None)
        run.ended = "asked"
        run.end().ok(200)
        run.ended = "answered"

    def say(self, run, *events):
        run.write(*events).ok(200)
        run.acknowledged, run.sent = run.seq, events
        if self.chance.random() < 0.2:
            again = run.post(run.seq, events).ok(200).json
            assert again["written"] == run.seq

    def check(self, events, snapshot, api):
        states, held = {run["id"]: run["state"] for run in snapshot["runs"]}, texts(snapshot)
        for run in self.runs:
            run.api = api
            sure = "".join(piece for seq, piece in run.pieces if seq <= run.acknowledged)
            perhaps = "".join(piece for _, piece in run.pieces)
            text = held.get(run.part, "")
            assert text.startswith(sure), f"acknowledged text is lost: {text!r} has not all of {sure!r}"
            assert perhaps.startswith(text), f"{text!r} is not what was written: {perhaps!r}"
            if run.ended == "answered":
                assert states[run.id] == "completed"
            if not run.ended:
                self.finish(run, perhaps, api)
        for run in self.runs[-5:]:
            again = take_work(api, self.called, run.work, wait=0)
            assert again and (again.id, again.token, again.epoch) == (run.id, run.token, run.epoch), "work id forgotten"
        if self.work and self.work not in [run.work for run in self.runs]:
            twice = [take_work(api, self.called, self.work, wait=0) for _ in range(2)]
            if twice[0]:
                assert twice[1] and (twice[0].id, twice[0].token) == (twice[1].id, twice[1].token), "work taken twice"
                twice[0].end().ok(200)

    def finish(self, run, perhaps, api):
        """The writer comes back: its unanswered write is taken once, its answered ones are recognised."""
        if run.unanswered:
            run.retry().ok(200)
        if run.acknowledged:
            before = api.snapshot(self.load.session)["seq"]
            assert run.post(run.acknowledged, run.sent).ok(200).json["written"] >= run.acknowledged
            assert api.snapshot(self.load.session)["seq"] == before, "a duplicate added something"
        gap = run.post(run.seq + 2, [{"type": "message.started", "message": {"id": "never", "role": "assistant"}}])
        assert (gap.code, gap.json["expected"]) == ("write_gap", run.seq + 1), gap
        assert texts(api.snapshot(self.load.session))[run.part] == perhaps
        run.end().ok(200)


class Watcher(Worker):
    """Reads live, takes snapshots, cancels now and then: everything it was shown has to stay true."""

    role = "operator"

    def prepare(self):
        self.shown, self.snapshots, self.cancelled = [], [], {}
        self.reader = threading.Thread(target=self.follow, daemon=True)
        self.reader.start()

    def follow(self):
        try:
            with self.api.sse(self.load.session) as live:
                for _, _, event in live:
                    self.shown.append(event)
        except (*AWAY, AssertionError):
            pass

    def step(self):
        self.snapshots.append(self.api.snapshot(self.load.session))
        if self.chance.random() < 0.3:
            victim = start_run(self.api, self.load.session, "victim")
            id = f"{self.called}-{len(self.cancelled)}"
            answer = self.api.command(self.load.session, {"run": victim.id}, id).ok(202).json
            self.cancelled[id] = (victim.id, answer["command"]["state"])
        time.sleep(0.03)

    def check(self, events, snapshot, api):
        by_seq = {event["seq"]: event for event in events}
        for event in self.shown:
            if "from" in event:
                assert event["seq"] in by_seq, "an event that was shown is gone"
            else:
                assert by_seq.get(event["seq"]) == event, "an event that was shown is gone or changed"
        if self.shown:
            seq = self.shown[-1]["seq"]
            assert replay(self.shown).snapshot()["messages"] == replay(events, seq).snapshot()["messages"]
        for one in self.snapshots[-3:]:
            assert comparable(replay(events, one["seq"]).snapshot()) == comparable(one), "a snapshot turned out untrue"
        states = {run["id"]: run["state"] for run in snapshot["runs"]}
        commands = {command["id"]: command["state"] for command in snapshot["commands"]}
        myself = Api(api.port, self.api.participant)
        for id, (run, state) in self.cancelled.items():
            assert states[run] == "cancelled", "an accepted cancel was forgotten"
            assert commands[id] in ({"applied"} if state == "applied" else {"accepted", "applied"})
            again = myself.command(self.load.session, {"run": run}, id).ok(202).json["command"]
            assert again["id"] == id
            assert api.command(self.load.session, {"run": run}, id).code == "id_taken", "somebody else's id was answered"
        assert sum(command in self.cancelled for command in commands) == len(self.cancelled)


class Load:
    def __init__(self, port, number, seed):
        self.port, self.session, self.over = port, f"s{number}", False
        self.agents = [f"bot{number}", f"cat{number}"]
        self.workers = [kind(self, f"{name}{number}", f"{seed}-{number}-{name}") for name, kind in (
            ("ada", Poster), ("bob", Poster), ("bot", Answerer), ("cat", Answerer), ("eve", Watcher))]

    def start(self):
        for worker in self.workers:
            worker.start()

    def join(self):
        self.over = True
        for worker in self.workers:
            worker.join(15)
            assert not worker.is_alive(), f"{worker.called} hangs"
            if worker.error:
                raise worker.error


def check_erased(api, erased):
    for session in erased:
        assert api.get(f"/v1/sessions/{session}").status == 410, "an erased session came back"


@pytest.mark.timeout(600)
def test_kills_under_load_lose_nothing_and_repeat_nothing(server, seeded):
    seed, began, events_seen, erased = seeded.randrange(1_000_000), time.monotonic(), 0, set()
    print(f"seed {seed}, {RUNS} runs")
    for number in range(RUNS):
        Api(server.port).create(f"s{number}")
        load = Load(server.port, number, seed)
        load.start()
        time.sleep(0.05 + random.Random(f"{seed}-{number}").random() * 0.8)
        server.kill9()
        load.join()
        server.start()
        api = Api(server.port)
        events, snapshot = api.events(load.session), api.snapshot(load.session)
        try:
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "a gap or a duplicate"
            upto = comparable(replay(events, snapshot["seq"]).snapshot())
            assert upto == comparable(snapshot)
            for worker in load.workers:
                worker.check(events, snapshot, api)
            check_erased(api, list(erased)[-5:])
        except BaseException:
            print(f"in run {number} of seed {seed}")
            raise
        events_seen += len(events)
        if number % 10 == 9:
            old = f"s{number - 5}"
            api.call("DELETE", f"/v1/sessions/{old}").ok(204)
            erased.add(old)
    print(f"{RUNS} kills, {events_seen} events, {time.monotonic() - began:.0f} s")
    assert events_seen > 20 * RUNS


def test_kill9_leaves_every_lease_alive_and_a_silent_agent_lost(start):
    server = start()
    api = Api(server.port, "bot; role=agent")
    api.create("s")
    lively, silent = (start_run(api, "s", "bot", lease=3000) for _ in range(2))
    for number, run in enumerate((lively, silent)):
        run.write(*run.start_message(f"m{number}", f"p{number}")).ok(200)
        run.write(run.append(f"p{number}", "half")).ok(200)
    server.restart()
    api = lively.api = Api(server.port, "bot; role=agent")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        lively.heartbeat().ok(200)
        time.sleep(0.5)
    snapshot = api.snapshot("s")
    assert {run["id"]: run["state"] for run in snapshot["runs"]} == {lively.id: "active", silent.id: "lost"}
    assert [message["status"] for message in snapshot["messages"]] == ["streaming", "interrupted"]
    lively.write(lively.append("p0", " done")).ok(200)
    lively.end().ok(200)
    late = Run(api, "s", silent.id, {"token": silent.token, "epoch": silent.epoch})
    assert late.post(3, [{"type": "part.appended", "part": {"id": "p1", "offset": 4, "text": "!"}}]).code in \
        ("run_ended", "run_fenced")
    assert texts(api.snapshot("s")) == {"p0": "half done", "p1": "half"}


def test_a_graceful_stop_tells_readers_to_come_back_and_answers_writers(start):
    server = start()
    api = Api(server.port, "bot; role=agent")
    api.create("s")
    run = start_run(api, "s", "bot")
    run.write(*run.start_message("m", "p")).ok(200)
    live, got = api.sse("s"), []
    reader = threading.Thread(target=lambda: got.extend(live), daemon=True)
    reader.start()
    with connect(f"ws://127.0.0.1:{server.port}/v1/connect", subprotocols=["throughline.v1"]) as socket:
        socket.send(json.dumps({"id": 1, "op": "attach", "session": "s", "after": 0}))
        assert json.loads(socket.recv(5))["re"] == 1
        assert server.terminate() == 0
        with pytest.raises(WebSocketException):
            while True:
                socket.recv(5)
        assert socket.close_code in (1001, 1012)
    reader.join(5)
    assert not reader.is_alive() and live.retry is not None
    server.start()
    with Api(server.port).sse("s", last_event_id=got[-1][0]) as live:
        run.api = Api(server.port)
        run.write(run.append("p", "on it goes")).ok(200)
        assert next(iter(live))[2]["seq"] == got[-1][2]["seq"] + 1
