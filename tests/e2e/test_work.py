"""Work that loses its agents: a run is handed on, its former holder fenced, and every reader sees the same."""
import os
import signal
import subprocess
import sys
import time

import pytest

from client import Api, Run, start_run, take_work
from reducer import State, comparable, replay, texts

AGENT = """
import sys
sys.path.insert(0, {folder!r})
from client import Api, take_work
api = Api({port}, "bot; role=agent")
run = take_work(api, "bot", lease=1000, wait=20)
run.write(*run.start_message("old", "old.p")).ok(200)
run.write(run.append("old.p", "half an ans")).ok(200)
print(run.id, run.token, flush=True)
sys.stdin.readline()
answer = run.write(run.append("old.p", "wer"))
print(answer.status, answer.code, run.heartbeat().code, run.end().code, flush=True)
"""


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("never")


def state_of(api, session, run):
    return next(item["state"] for item in api.snapshot(session)["runs"] if item["id"] == run)


@pytest.fixture
def agent(server):
    """An agent in a process of its own, in the middle of an answer."""
    folder = os.path.dirname(os.path.abspath(__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT.format(folder=folder, port=server.port)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_a_stopped_agent_wakes_to_find_its_run_in_other_hands(server, api, agent):
    api.create("s")
    api.send("s", "Why is the sea salty?", input="i").ok(201)
    name, token = agent.stdout.readline().split()
    os.kill(agent.pid, signal.SIGSTOP)
    until(lambda: state_of(api, "s", name) == "queued")
    queued = api.snapshot("s")
    assert queued["runs"][0]["attempt"] == 2 and queued["inputs"][0]["state"] == "claimed"
    assert queued["messages"][0]["status"] == "interrupted"
    assert api.get("/v1/sessions").json["sessions"][0]["activity"] == "waiting"
    began = time.monotonic()
    run = take_work(Api(server.port, "bot; role=agent"), "bot", wait=20)
    assert run.id == name and run.epoch == 2 and run.token != token
    assert time.monotonic() - began < 5
    run.write(*run.start_message("new", "new.p")).ok(200)
    os.kill(agent.pid, signal.SIGCONT)
    print("go", file=agent.stdin, flush=True)
    assert agent.stdout.readline().split() == ["409", "run_fenced", "run_fenced", "run_fenced"]
    run.write(run.append("new.p", "Rivers bring it.")).ok(200)
    run.end().ok(200)
    events = api.events("s")
    snapshot = api.snapshot("s")
    assert comparable(replay(events).snapshot()) == comparable(snapshot)
    for at in range(1, len(events)):
        late = State(replay(events, at).snapshot())
        for event in events[at:]:
            late.apply(event)
        assert comparable(late.snapshot()) == comparable(snapshot), f"joined at {at}"
    assert texts(snapshot) == {"old.p": "half an ans", "new.p": "Rivers bring it."}
    assert snapshot["inputs"][0]["state"] == "answered" and "notBefore" not in snapshot["runs"][0]


def test_attempts_end_and_the_pauses_grow(server, api):
    api.create("s")
    api.send("s", "?", input="i").ok(201)
    bot = Api(server.port, "bot; role=agent")
    names = {take_work(bot, "bot", lease=1000, wait=20).id for _ in range(3)}
    assert len(names) == 1
    until(lambda: state_of(api, "s", *names) == "lost")
    events = api.events("s")
    queued = [event for event in events if event["type"] == "run.queued"]
    assert [event["run"]["attempt"] for event in queued] == [2, 3]
    assert [event["run"]["notBefore"] - event["at"] for event in queued] == [1000, 2000]
    started = [event for event in events if event["type"] == "run.started"]
    assert [event["run"]["epoch"] for event in started] == [1, 2, 3]
    for before, after in zip(queued, started[1:]):
        assert after["at"] >= before["run"]["notBefore"] - 50
    assert api.snapshot("s")["inputs"][0]["state"] == "unanswered"


def test_a_queued_run_survives_kill9_and_can_be_cancelled(server, api):
    api.create("s")
    for number in range(2):
        api.send("s", "?", input=f"i{number}", agent=f"bot{number}").ok(201)
    bot = Api(server.port, "bot; role=agent")
    runs = [take_work(bot, f"bot{number}", lease=1000, wait=20) for number in range(2)]
    until(lambda: all(state_of(api, "s", run.id) == "queued" for run in runs))
    server.restart()
    api, bot = Api(server.port, "ada"), Api(server.port, "bot; role=agent")
    assert all(state_of(api, "s", run.id) == "queued" for run in runs)
    command = api.command("s", {"input": "i0"}, wait=5).ok(202).json["command"]
    assert command["state"] == "applied"
    again = take_work(bot, "bot1", wait=20)
    assert again.id == runs[1].id and again.epoch == 2
    again.end().ok(200)
    states = {run["id"]: run["state"] for run in api.snapshot("s")["runs"]}
    assert states == {runs[0].id: "cancelled", runs[1].id: "completed"}
    assert Run(bot, "s", runs[0].id, {"token": runs[0].token, "epoch": 1}).heartbeat().code == "run_fenced"


def test_a_repeated_write_is_a_duplicate_after_the_hand_on_too(server, api):
    api.create("s")
    api.send("s", "?", input="i").ok(201)
    bot = Api(server.port, "bot; role=agent")
    first = take_work(bot, "bot", lease=1000, wait=20)
    first.write(*first.start_message("m", "p")).ok(200)
    second = take_work(bot, "bot", wait=20)
    assert second.id == first.id
    tail = api.snapshot("s")["seq"]
    assert first.post(1, first.start_message("m", "p")).ok(200).json["written"] == 1
    assert first.post(2, [{"type": "message.ended", "message": {"id": "m"}}]).code == "run_fenced"
    assert api.snapshot("s")["seq"] == tail


@pytest.mark.parametrize("body", [{"inputs": ["i"], "attempts": 1}, {"attempts": 3}], ids=["one attempt", "no input"])
def test_other_runs_are_lost_at_once(server, api, body):
    api.create("s")
    api.send("s", "?", input="i").ok(201)
    run = start_run(Api(server.port, "bot; role=agent"), "s", "bot", lease=1000, **body)
    until(lambda: state_of(api, "s", run.id) == "lost")
    assert "run.queued" not in [event["type"] for event in api.events("s")]


@pytest.mark.parametrize("attempts", [0, 11, "2", 1.5, None])
def test_attempts_out_of_bounds_are_refused(server, api, attempts):
    api.create("s")
    assert api.post("/v1/work", {"agent": "bot", "wait": 0, "attempts": attempts}).code == "field_invalid"
    assert api.post("/v1/sessions/s/runs", {"agent": "bot", "attempts": attempts}).code == "field_invalid"


def step(kind, name, **more):
    return {"type": f"step.{kind}", "step": {"id": name, **more}}


def standing(snapshot):
    return [part["text"] for message in snapshot["messages"] if not message.get("superseded") for part in message["parts"]]


def test_a_step_done_again_replaces_what_it_said_for_readers_live_and_late(server, api):
    api.create("s")
    api.send("s", "?", input="i").ok(201)
    bot = Api(server.port, "bot; role=agent")
    run = take_work(bot, "bot", lease=1000, wait=20)
    run.write(step("started", "a", label="Search"), *run.start_message("m1", "p1")).ok(200)
    run.write(run.append("p1", "Found 3."), step("ended", "a")).ok(200)
    run.write(step("started", "b"), *run.start_message("m2", "p2")).ok(200)
    run.write(run.append("p2", "The first says th")).ok(200)
    assert run.write(step("started", "b", attempt=1)).code == "step_taken"
    run.seq -= 1
    assert standing(api.snapshot("s")) == ["Found 3.", "The first says th"]
    again = take_work(bot, "bot", wait=20)
    assert again.id == run.id
    snapshot = api.snapshot("s")
    assert standing(snapshot) == ["Found 3."]
    assert snapshot["runs"][0]["steps"] == [
        {"id": "a", "attempt": 1, "label": "Search", "status": "complete"}, {"id": "b", "attempt": 1, "status": "interrupted"}]
    again.write(step("started", "b"), *again.start_message("m3", "p3")).ok(200)
    again.write(again.append("p3", "The first says that.")).ok(200)
    assert standing(api.snapshot("s")) == ["Found 3.", "The first says that."]
    again.write(step("started", "b"), *again.start_message("m4", "p4")).ok(200)
    again.write(again.append("p4", "It says this.")).ok(200)
    again.end().ok(200)
    events, snapshot = api.events("s"), api.snapshot("s")
    assert standing(snapshot) == ["Found 3.", "It says this."]
    assert comparable(replay(events).snapshot()) == comparable(snapshot)
    for at in range(1, len(events)):
        late = State(replay(events, at).snapshot())
        for event in events[at:]:
            late.apply(event)
        assert comparable(late.snapshot()) == comparable(snapshot), f"joined at {at}"


def test_a_process_adopts_the_run_of_another(server, api):
    api.create("s")
    bot = Api(server.port, "bot; role=agent")
    run = start_run(bot, "s", "bot", lease=20000)
    run.write(*run.start_message("m", "p")).ok(200)
    run.write(run.append("p", "Hal")).ok(200)
    adopt = run.path("adopt")
    answer = bot.post(adopt, {"id": "take"}, headers=run.headers()).ok(200).json
    assert answer["lease"]["epoch"] == 2 and answer["lease"]["milliseconds"] == 20000
    assert bot.post(adopt, {"id": "take"}, headers=run.headers()).ok(200).json["lease"] == answer["lease"]
    assert bot.post(adopt, {"id": "other"}, headers=run.headers()).code == "run_fenced"
    assert bot.post(adopt, {"lease": {"milliseconds": 1}}, headers=run.headers()).code == "field_invalid"
    assert bot.post(adopt, {}).code == "field_missing"
    assert run.write(run.append("p", "lo")).code == "run_fenced"
    heir = Run(bot, "s", run.id, answer["lease"])
    heir.lengths = {"p": 3}
    server.restart()
    heir.api = bot = api = Api(server.port, "bot; role=agent")
    heir.write(heir.append("p", "lo")).ok(200)
    heir.end().ok(200)
    assert texts(api.snapshot("s")) == {"p": "Hallo"}
    assert comparable(replay(api.events("s")).snapshot()) == comparable(api.snapshot("s"))
    assert bot.post(adopt, {}, headers=heir.headers()).code == "run_ended"
