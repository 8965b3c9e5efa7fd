"""The programs in `examples`, as they stand, against the real server."""
import os
import subprocess
import sys
import time

import pytest

from client import Api
from conftest import eventually
from server import ROOT


@pytest.fixture
def example(server):
    """`example("folder/file.py", NAME="value")` runs one until the end of the test."""
    programs = []

    def run(path, **environment):
        program = subprocess.Popen([sys.executable, str(ROOT / "examples" / path)], env={
            **os.environ, "THROUGHLINE_SERVER": server.url, **environment})
        programs.append(program)
        return program

    yield run
    for program in programs:
        program.kill()
        program.wait()


def runs_by_agent(api):
    return {run["agent"]: run for run in api.snapshot("talk")["runs"]}


def ask_the_orchestrator(api, example, pace, *more):
    api.create("talk")
    for question in ("Should cities plant more trees?", *more):
        api.send("talk", question, agent="orchestrator", followUp="merge").ok(201)
    example("orchestrator/orchestrator.py", PACE=pace)
    eventually(lambda: len(runs_by_agent(api)) == 4, 30, what="the orchestrator and three sub-agents")
    return runs_by_agent(api)


def test_three_sub_agents_write_in_parallel_and_one_is_stopped_alone(api, example):
    runs = ask_the_orchestrator(api, example, "0.2")
    parent = runs["orchestrator"]["id"]
    assert {agent: run.get("parent") for agent, run in runs.items()} == \
        {"orchestrator": None, "facts": parent, "doubts": parent, "uses": parent}
    api.command("talk", {"run": runs["doubts"]["id"]}).ok(202)
    eventually(lambda: runs_by_agent(api)["orchestrator"]["state"] != "active", 60, what="the end")
    assert {agent: run["state"] for agent, run in runs_by_agent(api).items()} == \
        {"orchestrator": "completed", "facts": "completed", "doubts": "cancelled", "uses": "completed"}
    assert runs_by_agent(api)["facts"]["progress"]["fraction"] > 0.3
    messages = {message["by"]["id"]: message for message in api.snapshot("talk")["messages"]}
    assert "2 of 3 have answered" in messages["orchestrator"]["parts"][0]["text"]
    writers = [event["run"] for event in api.events("talk") if event["type"] == "part.appended"]
    assert sum(one != two for one, two in zip(writers, writers[1:])) > 10, "they did not write at the same time"


def test_a_stop_of_the_orchestrator_stops_all_and_it_takes_the_next_input(api, example):
    runs = ask_the_orchestrator(api, example, "0.3")
    api.command("talk", {"run": runs["orchestrator"]["id"]}, wait=5).ok(202)
    snapshot = api.snapshot("talk")
    assert {run["state"] for run in snapshot["runs"]} == {"cancelled"}
    seq = snapshot["seq"]
    api.send("talk", "And parks?", "again", agent="orchestrator").ok(201)
    eventually(lambda: len(api.snapshot("talk")["runs"]) == 8, 30, what="the orchestrator taking the next input")
    stopped = {run["id"] for run in runs.values()}
    late = [event for event in api.events("talk", seq) if event["type"] == "part.appended" and event["run"] in stopped]
    assert not late


def test_merged_inputs_are_answered_together_and_a_takeover_is_waited_for(server, api, example):
    ask_the_orchestrator(api, example, "0.05", "And parks?")

    def said(agent):
        return [message for message in api.snapshot("talk")["messages"] if message["by"]["id"] == agent]

    eventually(lambda: said("facts"), 30, what="the first words of a sub-agent")
    olga = Api(server.port, "olga; role=operator")
    olga.command("talk", {"all": True}, verb="takeover").ok(202)
    seq = api.snapshot("talk")["seq"]
    time.sleep(0.7)
    assert not [event for event in api.events("talk", seq) if event["type"] == "part.appended"]
    olga.command("talk", {"all": True}, verb="handback").ok(202)
    eventually(lambda: runs_by_agent(api)["orchestrator"]["state"] != "active", 60, what="the end")
    assert {run["state"] for run in runs_by_agent(api).values()} == {"completed"}
    assert {one["state"] for one in api.snapshot("talk")["inputs"]} == {"answered"}
    assert [message["status"] for message in said("facts")] == ["interrupted", "complete"]
    text = "".join(part["text"] for message in said("facts") for part in message["parts"])
    assert text.startswith("Seen from this side, there is more to “Should cities plant more trees?\nAnd parks?” than")
    assert text.endswith("and a model says what it really is. ")
    assert "3 of 3 have answered" in said("orchestrator")[-1]["parts"][0]["text"]


def travel(api, example, upstream):
    upstream.next = ["train-find", "train-buy", "train-done"]
    api.create("talk")
    example("agent-framework/adapter.py", MODEL_URL=upstream.base, MODEL="chat")
    api.send("talk", "A train from Bern to Zürich, please.", agent="travel").ok(201)
    upstream.wait_for_calls(1, 60)


def the_request(api):
    return eventually(lambda: api.snapshot("talk")["requests"], 30, what="the approval")[0]


def test_an_agent_of_a_framework_is_steered_and_asks_for_approval(api, example, upstream):
    travel(api, example, upstream)
    eventually(lambda: api.snapshot("talk")["messages"], 30, what="the agent's first words")
    steer = api.post("/v1/sessions/talk/commands", {
        "verb": "steer", "target": {"agent": "travel"}, "parts": [{"kind": "text", "text": "The cheap one."}]}).ok(202).json["command"]
    assert steer["state"] == "accepted"
    upstream.open("steered")
    request = the_request(api)
    assert (request["kind"], request["arguments"]) == ("approval", {"train": "IC 2371 → Zürich", "price": 49})
    assert {"role": "user", "content": "The cheap one."} in upstream.calls[1].body["messages"]
    assert [one["state"] for one in api.snapshot("talk")["commands"] if one["id"] == steer["id"]] == ["applied"]
    api.post(f"/v1/sessions/talk/requests/{request['id']}/answer", {"value": True, "digest": request["digest"]}).ok(200)
    eventually(lambda: api.snapshot("talk")["runs"][0]["state"] == "completed", 30, what="the end")
    parts = api.snapshot("talk")["messages"][0]["parts"]
    assert [part["kind"] for part in parts] == ["text", "tool-call", "tool-result", "tool-call", "tool-result", "text"]
    assert "Ticket for IC 2371 → Zürich bought" in parts[4]["text"] and parts[5]["text"] == "You have a ticket for the IC 2371."
    assert "Ticket for IC 2371" in upstream.calls[2].body["messages"][-1]["content"]


def test_what_is_refused_is_not_done_and_a_stop_ends_the_agent(api, example, upstream):
    upstream.open("steered")
    travel(api, example, upstream)
    request = the_request(api)
    api.post(f"/v1/sessions/talk/requests/{request['id']}/answer", {"value": False, "digest": request["digest"], "note": "Too dear."}).ok(200)
    upstream.wait_for_calls(3, 30)
    assert "no. Too dear." in upstream.calls[2].body["messages"][-1]["content"]
    eventually(lambda: api.snapshot("talk")["runs"][0]["state"] == "completed", 30, what="the end")

    upstream.next = ["train-find", "train-buy"]
    api.send("talk", "Another one, please.", agent="travel").ok(201)
    eventually(lambda: len(api.snapshot("talk")["requests"]) == 2, 30, what="the second approval")
    api.command("talk", {"agent": "travel"}).ok(202)
    snapshot = api.snapshot("talk")
    assert (snapshot["runs"][1]["state"], snapshot["requests"][1]["state"]) == ("cancelled", "withdrawn")
    upstream.next = ["chat"]
    api.send("talk", "Are you still there?", agent="travel").ok(201)
    eventually(lambda: len(api.snapshot("talk")["runs"]) == 3, 30, what="the agent taking the next input")
    eventually(lambda: len(upstream.calls) == 6, 30, what="its question to the model")
    roles = [(message["role"], message["content"]) for message in upstream.calls[5].body["messages"] if message["role"] == "user"]
    assert [text for _, text in roles] == ["A train from Bern to Zürich, please.", "Another one, please.", "Are you still there?"]
