"""The programs in `examples`, as they stand, against the real server."""
import os
import subprocess
import sys

import pytest

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


def ask_the_orchestrator(api, example, pace):
    api.create("talk")
    example("orchestrator/orchestrator.py", PACE=pace)
    api.send("talk", "Should cities plant more trees?", agent="orchestrator").ok(201)
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
