"""Live control over the wire: policies, the queue, commands to agents, the tree of runs. Every state is held against the model."""
import json
import threading

import pytest
from websockets.sync.client import connect

from client import Api, start_run, take_work
from conftest import eventually
from reducer import comparable, replay, texts


@pytest.fixture(autouse=True)
def the_model_agrees(server):
    """Whatever the test did: the snapshot is what the events say."""
    yield
    reader = Api(server.port)
    for session in reader.get("/v1/sessions").ok(200).json["sessions"]:
        snapshot, events = reader.snapshot(session["id"]), reader.events(session["id"])
        assert comparable(replay(events).snapshot()) == comparable(snapshot)


def acknowledge(command, verb="applied"):
    return {"type": f"command.{verb}", "command": {"id": command}}


def input_state(api, name, session="s"):
    return next(item["state"] for item in api.snapshot(session)["inputs"] if item["id"] == name)


def busy(api, policy="queue", **more):
    api.create("s", policies={"followUp": policy})
    api.send("s", "first", input="first").ok(201)
    return take_work(api, "bot", **more)


def test_a_policy_is_set_shown_and_refused_where_it_is_none(api):
    assert api.create("s")["session"]["policies"] == {"followUp": "queue"}
    answer = api.call("PATCH", "/v1/sessions/s", {"policies": {"followUp": "merge"}}).ok(200).json
    assert answer["session"]["policies"] == {"followUp": "merge"}
    assert api.call("PUT", "/v1/sessions/s", {"policies": {"followUp": "latest"}}).code == "session_exists"
    for policies in ({"followUp": "later"}, {"mood": "queue"}, "queue"):
        assert api.call("PATCH", "/v1/sessions/s", {"policies": policies}).code == "field_invalid"


def test_merged_inputs_come_together(api):
    run = busy(api, "merge")
    for name in ("a", "b"):
        api.send("s", name, input=name).ok(201)
    run.end().ok(200)
    run = take_work(api, "bot")
    assert [item["id"] for item in run.inputs] == ["a", "b"]
    run.end().ok(200)
    assert [item["state"] for item in api.snapshot("s")["inputs"]] == ["answered"] * 3


def test_interrupt_stops_and_is_next_and_the_agent_learns(api):
    run = busy(api)
    api.send("s", "waits", input="waits").ok(201)
    api.send("s", "now", input="now", followUp="interrupt").ok(201)
    assert run.heartbeat().code == "run_cancelled"
    assert take_work(api, "bot").input["id"] == "now"
    assert api.snapshot("s")["queue"] == ["waits"]


def test_reject_names_the_run_and_stores_nothing(api):
    run = busy(api, "reject")
    answer = api.send("s", "no", input="no")
    assert (answer.status, answer.code, answer.json["run"]) == (409, "run_active", run.id)
    run.end().ok(200)
    api.send("s", "yes", input="no").ok(201)


def test_latest_and_concurrent(api):
    busy(api)
    api.send("s", "a", input="a").ok(201)
    api.send("s", "b", input="b", followUp="latest").ok(201)
    superseded = next(item for item in api.snapshot("s")["inputs"] if item["id"] == "a")
    assert (superseded["state"], superseded["reason"]) == ("withdrawn", "superseded")
    api.send("s", "c", input="c", followUp="concurrent").ok(201)
    assert take_work(api, "bot").input["id"] == "c"
    assert take_work(api, "bot", wait=0) is None


def test_the_queue_is_reordered_from_another_device(api, server):
    busy(api)
    for name in ("a", "b", "c"):
        api.send("s", name, input=name).ok(201)
    phone = Api(server.port, "bob; device=phone")
    phone.call("PATCH", "/v1/sessions/s/inputs/c", {"before": "a"}).ok(200)
    phone.call("PATCH", "/v1/sessions/s/inputs/a", {"before": None, "parts": [{"kind": "text", "text": "A"}]}).ok(200)
    assert api.snapshot("s")["queue"] == ["c", "b", "a"]
    assert phone.call("PATCH", "/v1/sessions/s/inputs/a", {"before": "first"}).code == "input_not_queued"
    assert phone.call("PATCH", "/v1/sessions/s/inputs/a", {"before": "nobody"}).code == "input_not_found"
    assert phone.call("PATCH", "/v1/sessions/s/inputs/a", {}).code == "field_missing"


def test_an_http_agent_learns_of_a_steer_and_takes_it_in(api):
    run = busy(api)
    command = api.command("s", {"run": run.id}, id="c1", verb="steer", text="shorter").ok(202).json["command"]
    assert (command["state"], command["run"]) == ("accepted", run.id)
    waiting = run.heartbeat().ok(200).json["commands"]
    assert [(item["id"], item["verb"], item["parts"][0]["text"]) for item in waiting] == [("c1", "steer", "shorter")]
    answer = run.write(*run.start_message("m", "p"), run.append("p", "Hi")).ok(200).json
    assert [item["id"] for item in answer["commands"]] == ["c1"]
    answer = run.write(run.append("p", " there")).ok(200).json
    assert [item["id"] for item in answer["commands"]] == ["c1"], "an append by the short way tells it too"
    assert "commands" not in run.write(acknowledge("c1"), run.append("p", ".")).ok(200).json
    assert api.snapshot("s")["commands"][0]["outcome"] == "consumed"
    assert run.write(acknowledge("c1")).code == "command_ended"
    run.seq -= 1  # The refused write was not taken.
    assert run.write(acknowledge("c2")).code == "command_not_found"


def test_a_steer_that_comes_too_late_is_an_input(api):
    run = busy(api)
    run.end().ok(200)
    command = api.command("s", {"run": run.id}, id="c1", verb="steer", text="and?", otherwise="input").json["command"]
    assert (command["state"], command["reason"], command["input"]) == ("rejected", "run_ended", "c1")
    again = api.command("s", {"run": run.id}, id="c1", verb="steer", text="and?", otherwise="input").json["command"]
    assert again == command
    assert take_work(api, "bot").input["parts"] == [{"kind": "text", "text": "and?"}]


def test_an_input_that_steers(api):
    run = busy(api, "steer")
    api.send("s", "more", input="more").ok(201)
    assert input_state(api, "more") == "steering"
    waiting = run.heartbeat().json["commands"]
    assert (waiting[0]["input"], waiting[0]["parts"][0]["text"]) == ("more", "more")
    api.send("s", "too late", input="late").ok(201)
    run.write(acknowledge(waiting[0]["id"])).ok(200)
    run.end().ok(200)
    assert input_state(api, "more") == "answered"
    assert take_work(api, "bot").input["id"] == "late"


def test_wait_answers_when_the_agent_has_acted(api, server):
    run = busy(api)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        Api(server.port).command("s", {"all": True}, id="p", verb="pause", wait=10).json["command"]))
    asking.start()
    eventually(lambda: run.heartbeat().json.get("commands"))
    run.write(acknowledge("p")).ok(200)
    asking.join(10)
    assert answers[0]["state"] == "applied"
    assert api.snapshot("s")["runs"][0]["waiting"] == "paused"
    assert run.write(*run.start_message("m", "p")).code == "run_paused"
    api.send("s", "now", input="now", followUp="concurrent").ok(201)
    assert take_work(api, "bot", wait=0) is None
    api.command("s", {"all": True}, id="r", verb="resume").ok(202)
    run.seq -= 1  # The refused write was not taken.
    run.write(acknowledge("r"), *run.start_message("m", "p")).ok(200)
    assert take_work(api, "bot").input["id"] == "now"


def test_an_interrupt_cuts_the_output_and_not_the_run(api):
    run = busy(api)
    run.write(*run.start_message("m", "p"), run.append("p", "On and on")).ok(200)
    api.command("s", {"all": True}, id="c", verb="interrupt").ok(202)
    assert run.write(run.append("p", " and on")).code == "part_ended"
    run.seq -= 1
    run.write(acknowledge("c"), *run.start_message("m2", "p2"), run.append("p2", "Yes?")).ok(200)
    run.end().ok(200)
    snapshot = api.snapshot("s")
    assert [message["status"] for message in snapshot["messages"]] == ["interrupted", "complete"]
    assert texts(snapshot) == {"p": "On and on", "p2": "Yes?"}


def test_what_is_not_understood_is_rejected(api):
    run = busy(api, accepts=["steer"])
    command = api.command("s", {"run": run.id}, verb="pause").ok(202).json["command"]
    assert (command["state"], command["reason"]) == ("rejected", "not_supported")
    start_run(api, "s", "bot")
    command = api.command("s", {"agent": "bot"}, verb="steer", text="x").ok(202).json["command"]
    assert command["reason"] == "several_active"


@pytest.mark.parametrize("body, code", [
    ({"verb": "steer", "target": {"all": True}}, "field_missing"),
    ({"verb": "pause", "target": {"all": True}, "parts": [{"kind": "text", "text": "x"}]}, "field_invalid"),
    ({"verb": "interrupt", "target": {"all": True}, "otherwise": "input"}, "field_invalid"),
    ({"verb": "steer", "target": {"all": True}, "parts": [{"kind": "text", "text": "x"}], "otherwise": "shout"}, "field_invalid"),
    ({"verb": "dance", "target": {"all": True}}, "verb_unsupported"),
    ({"verb": "steer", "target": {"run": "nobody"}, "parts": [{"kind": "text", "text": "x"}]}, "run_not_found"),
])
def test_a_wrong_command_is_refused(api, body, code):
    api.create("s")
    assert api.post("/v1/sessions/s/commands", body).code == code
    assert api.snapshot("s")["commands"] == []


def test_a_stop_before_its_input(api):
    api.create("s")
    assert api.command("s", {"input": "i"}, id="c").ok(202).json["command"]["state"] == "accepted"
    assert api.send("s", "hello", input="i").ok(201).json["input"]["state"] == "withdrawn"
    assert api.snapshot("s")["commands"][0]["state"] == "applied"
    assert take_work(api, "bot", wait=0) is None


def test_a_tree_of_runs(api):
    api.create("s")
    top = start_run(api, "s", "boss", id="top", waitsForChildren=True)
    child = start_run(api, "s", "sub", id="child", parent="top", label="reading")
    child.write({"type": "run.updated", "run": {"progress": {"fraction": 0.25, "text": "page 2"}}}).ok(200)
    assert api.post("/v1/sessions/s/runs", {"agent": "sub", "parent": "nobody"}).code == "run_not_found"
    assert top.end().ok(200).json["run"]["state"] == "waiting"
    assert top.end().ok(200).json["run"]["state"] == "waiting", "a retry"
    assert top.heartbeat().code == "run_ended"
    child.end().ok(200)
    snapshot = api.snapshot("s")
    assert [(run["id"], run["state"]) for run in snapshot["runs"]] == [("top", "completed"), ("child", "completed")]
    assert snapshot["runs"][1]["progress"] == {"fraction": 0.25, "text": "page 2"}
    for progress in ({"fraction": 1.5}, {"fraction": "half"}, {"mood": 1}, 1):
        late = start_run(api, "s", "sub")
        assert late.write({"type": "run.updated", "run": {"progress": progress}}).code == "field_invalid"


def test_a_socket_is_told_of_commands_and_told_again_on_another(api, server):
    run = busy(api)
    beat = {"op": "heartbeat", "session": "s", "run": run.id, "lease": run.token}

    def told(socket):
        while True:
            frame = json.loads(socket.recv(timeout=10))
            if "commands" in frame and "re" not in frame:
                return frame["run"], [item["id"] for item in frame["commands"]]

    address = f"ws://127.0.0.1:{server.port}/v1/connect"
    with connect(address, subprotocols=["throughline.v1"]) as socket:
        socket.send(json.dumps({"id": 1, **beat}))
        socket.recv(timeout=10)
        api.command("s", {"all": True}, id="c1", verb="steer", text="x").ok(202)
        assert told(socket) == (run.id, ["c1"])
    with connect(address, subprotocols=["throughline.v1"]) as socket:
        socket.send(json.dumps({"op": "write", "session": "s", "run": run.id, "lease": run.token, "seq": 1,
                                "events": run.start_message("m", "p")}))
        assert told(socket) == (run.id, ["c1"])
        api.send("s", "and this", input="more", followUp="steer").ok(201)
        assert len(told(socket)[1]) == 2


def test_commands_and_the_queue_survive_a_kill(api, server):
    run = busy(api)
    for name in ("a", "b"):
        api.send("s", name, input=name).ok(201)
    api.call("PATCH", "/v1/sessions/s/inputs/b", {"before": "a"}).ok(200)
    api.command("s", {"all": True}, id="c1", verb="steer", text="x").ok(202)
    api.command("s", {"input": "never"}, id="c2").ok(202)
    before = api.snapshot("s")
    server.kill9()
    server.start()
    api = run.api = Api(server.port, "ada; role=user; device=test")
    assert comparable(api.snapshot("s")) == comparable(before)
    assert run.heartbeat().ok(200).json["commands"][0]["id"] == "c1"
    assert api.send("s", "?", input="never").ok(201).json["input"]["state"] == "withdrawn"
