"""Branches, forks and contexts over the wire."""
import json

import pytest

from client import Api, start_run, take_work
from reducer import comparable, replay, texts


def answer(api, port, text, expected=None, attempts=None):
    run = take_work(Api(port, "bot; role=agent"), "bot")
    assert expected is None or run.input["id"] == expected
    name = run.input["id"]
    run.write(*run.start_message(f"m.{name}", f"p.{name}")).ok(200)
    run.write(run.append(f"p.{name}", text)).ok(200)
    run.end().ok(200)
    return run


def check(api, session):
    assert comparable(replay(api.events(session)).snapshot()) == comparable(api.snapshot(session))


def context(api, session, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return api.get(f"/v1/sessions/{session}/context?{text}").ok(200).json


def said(found):
    return [f"{message['role']}: {message['content']}" for message in found["messages"]]


def test_an_edit_a_new_answer_and_a_switch(server, api):
    api.create("s")
    for name in ("a", "b"):
        api.send("s", f"ask {name}", input=name).ok(201)
        answer(api, server.port, f"told {name}", name)
    edit = api.send("s", "ask b better", input="b2", replaces="b").ok(201).json["input"]
    assert edit["replaces"] == "b" and "after" not in edit
    assert api.send("s", "ask b better", input="b2", replaces="b").status == 200
    answer(api, server.port, "told b better", "b2")
    new = api.post("/v1/sessions/s/inputs/b2/regenerate", {"id": "b3"}).ok(201).json["input"]
    assert new["replaces"] == "b2" and new["regenerates"] and new["parts"] == edit["parts"]
    assert api.post("/v1/sessions/s/inputs/b2/regenerate", {"id": "b3"}).status == 200
    answer(api, server.port, "told b again", "b3")
    check(api, "s")
    assert api.snapshot("s")["branches"] == [{"siblings": ["b", "b2", "b3"], "selected": "b3"}]
    assert said(context(api, "s")) == ["user: ask a", "assistant: told a", "user: ask b better", "assistant: told b again"]
    assert said(context(api, "s", branch="b"))[2:] == ["user: ask b", "assistant: told b"]
    assert api.post("/v1/sessions/s/branch", {"input": "b"}).ok(200).json["input"]["id"] == "b"
    tail = api.snapshot("s")["seq"]
    api.post("/v1/sessions/s/branch", {"input": "b"}).ok(200)
    assert api.snapshot("s")["seq"] == tail
    after = api.send("s", "ask c", input="c").ok(201).json["input"]
    assert after["after"] == "b"
    answer(api, server.port, "told c", "c")
    assert said(context(api, "s")) == ["user: ask a", "assistant: told a", "user: ask b", "assistant: told b",
                                       "user: ask c", "assistant: told c"]
    check(api, "s")


@pytest.mark.parametrize("call, code", [
    (lambda api: api.send("s", "x", replaces="q"), "input_queued"),
    (lambda api: api.send("s", "x", replaces="nobody"), "input_not_found"),
    (lambda api: api.send("s", "x", replaces="?"), "id_invalid"),
    (lambda api: api.post("/v1/sessions/s/inputs/q/regenerate", {}), "input_queued"),
    (lambda api: api.post("/v1/sessions/s/inputs/nobody/regenerate", {}), "input_not_found"),
    (lambda api: api.post("/v1/sessions/s/branch", {"input": "nobody"}), "input_not_found"),
    (lambda api: api.post("/v1/sessions/s/branch", {}), "field_missing"),
    (lambda api: api.post("/v1/sessions/s/branch", {"input": "w"}), "branch_invalid"),
    (lambda api: api.get("/v1/sessions/s/context?branch=nobody"), "input_not_found"),
    (lambda api: api.get("/v1/sessions/s/context?tokens=0"), "field_invalid"),
    (lambda api: api.get("/v1/sessions/s/context?format=telegram"), "format_unavailable"),
    (lambda api: api.get("/v1/sessions/none/context"), "session_not_found"),
    (lambda api: api.post("/v1/sessions/s/fork", {"at": 1000}), "cursor_ahead"),
    (lambda api: api.post("/v1/sessions/s/fork", {"at": 0}), "field_invalid"),
    (lambda api: api.post("/v1/sessions/s/fork", {"id": "s"}), "session_exists"),
    (lambda api: api.post("/v1/sessions/none/fork", {}), "session_not_found"),
])
def test_refusals(server, api, call, code):
    api.create("s")
    api.send("s", "q", input="q", agent="nobody").ok(201)
    api.send("s", "w", input="w", agent="nobody").ok(201)
    api.call("DELETE", "/v1/sessions/s/inputs/w").ok(200)
    assert call(api).code == code


def test_a_context_closes_calls_and_keeps_to_its_budget(server, api):
    api.create("s")
    api.send("s", "How warm is it?", input="i").ok(201)
    run = take_work(Api(server.port, "bot; role=agent"), "bot")
    run.write(*run.start_message("m", "t"), run.append("t", "Let me look."),
              {"type": "part.started", "part": {"id": "c", "message": "m", "kind": "tool-call", "name": "warmth", "call": "call_1"}},
              {"type": "part.appended", "part": {"id": "c", "offset": 0, "text": '{"where":"Bern"}'}}).ok(200)
    found = context(api, "s")
    assert found["messages"][1]["tool_calls"][0]["function"] == {"name": "warmth", "arguments": '{"where":"Bern"}'}
    assert found["messages"][2]["role"] == "tool" and "error" in json.loads(found["messages"][2]["content"])
    assert found["dropped"] == 0 and found["tokens"] > 20 and found["seq"] == api.snapshot("s")["seq"]
    small = context(api, "s", tokens=10)
    assert said(small) == ["user: How warm is it?"] and small["dropped"] == 2


def test_a_fork_begins_where_the_original_was(server, api):
    api.create("s", title="First", metadata={"a": 1})
    api.send("s", "ask", input="i").ok(201)
    answer(api, server.port, "told", "i")
    at = api.snapshot("s")["seq"]
    api.send("s", "more", input="j").ok(201)
    bot = Api(server.port, "bot; role=agent")
    run = take_work(bot, "bot")
    run.write(*run.start_message("m", "p"), run.append("p", "hal")).ok(200)
    api.send("s", "waits", input="k").ok(201)
    then = api.post("/v1/sessions/s/fork", {"id": "then", "at": at, "title": "Before"}).ok(201).json
    assert then["session"]["forkedFrom"] == {"session": "s", "seq": at} and then["session"]["title"] == "Before"
    assert api.post("/v1/sessions/s/fork", {"id": "then", "at": at}).status == 200
    assert api.post("/v1/sessions/s/fork", {"id": "then", "at": at - 1}).code == "session_exists"
    now = api.post("/v1/sessions/s/fork", {"id": "now"}).ok(201).json
    assert now["session"]["metadata"] == {"a": 1} and now["session"]["title"] == "First"
    for session in ("then", "now"):
        check(api, session)
    snapshot = api.snapshot("now")
    assert texts(snapshot) == {"p.i": "told", "p": "hal"}
    assert {run["state"] for run in snapshot["runs"]} == {"completed", "failed"}
    assert [item["state"] for item in snapshot["inputs"]] == ["answered", "unanswered", "withdrawn"]
    assert [item["id"] for item in api.snapshot("then")["inputs"]] == ["i"]
    run.write(run.append("p", "lo")).ok(200)
    assert bot.post(f"/v1/sessions/now/runs/{run.id}/heartbeat", {}, headers=run.headers()).code in ("run_fenced", "run_ended")
    api.send("then", "another way", input="j").ok(201)
    other = start_run(bot, "then", "bot", inputs=["j"])
    other.write(*other.start_message("x", "xp"), other.append("xp", "!")).ok(200)
    other.end().ok(200)
    server.restart()
    api = Api(server.port, "ada")
    for session in ("s", "then", "now"):
        check(api, session)
    assert texts(api.snapshot("then")) == {"p.i": "told", "xp": "!"}
    api.call("DELETE", "/v1/sessions/s").ok(204)
    assert texts(api.snapshot("then")) == {"p.i": "told", "xp": "!"}


def test_the_command_line_forks_and_shows_a_context(server, api):
    import subprocess
    from server import BINARY
    api.create("s")
    api.send("s", "ask", input="i").ok(201)
    answer(api, server.port, "told", "i")

    def call(*words):
        done = subprocess.run([BINARY, "session", *words, "--server", server.url], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout.strip(), done.stderr
    assert call("fork", "s", "--to", "copy", "--at", "3")[:2] == (0, "copy")
    assert api.snapshot("copy")["session"]["forkedFrom"] == {"session": "s", "seq": 3}
    status, out, _ = call("context", "s", "--tokens", "1000", "--branch", "i")
    assert status == 0 and said(json.loads(out)) == ["user: ask", "assistant: told"]
    status, _, error = call("context", "s", "--branch", "nobody")
    assert status != 0 and "input_not_found" in error
