"""The gateway, with the official `openai` client and recorded streams of real models."""
import http.client
import json
import signal
import subprocess
import sys
import textwrap
import threading

import openai
import pytest

from client import Api, frames
from conftest import eventually
from reducer import texts
from upstream import body_of, text_of

QUESTION = [{"role": "user", "content": "Why is the sea salty?"}]


@pytest.fixture
def server(start, upstream):
    upstream.speed = 5
    return start("--upstream", upstream.base)


@pytest.fixture
def ai(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=30)


def stream(ai, model="chat", session=None, input=None, messages=QUESTION, **more):
    headers = {**({"Throughline-Session": session} if session else {}), **({"Throughline-Input": input} if input else {})}
    return ai.chat.completions.create(model=model, messages=messages, stream=True, extra_headers=headers, **more)


def said(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def raw(server, body, headers=(), path="/v1/chat/completions"):
    """The response as bytes on the wire would have it, read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **dict(headers)})
    return connection.getresponse()


def ask(model, stream=True):
    return {"model": model, "messages": QUESTION, "stream": stream}


def data_of(body):
    return [data for _, _, data in frames(body.splitlines(True))]


def only_run(api, session):
    snapshot = api.snapshot(session)
    assert len(snapshot["runs"]) == 1, snapshot["runs"]
    return snapshot["runs"][0]


def ended_run(api, session, seconds=15):
    return eventually(lambda: (run := only_run(api, session))["state"] != "active" and run, seconds, what="the run's end")


def answer_of(snapshot, kind="text"):
    return "".join(part["text"] for message in snapshot["messages"] if message["role"] == "assistant"
                   for part in message["parts"] if part["kind"] == kind)


# Without a session


def test_the_openai_client_streams_through_with_a_changed_base_url_only(ai, api, upstream):
    assert said(stream(ai, stream_options={"include_usage": True})) == text_of("chat")
    assert upstream.calls[0].body["stream_options"] == {"include_usage": True}
    assert api.get("/v1/sessions").json["sessions"] == []


@pytest.mark.parametrize("model", ["chat", "tool-calls", "reasoning", "characters", "truncated", "error-mid-stream"])
def test_the_pass_through_is_strict_to_the_byte(server, upstream, model):
    upstream.chop = 11
    response = raw(server, ask(model))
    assert response.getheader("Content-Type").startswith("text/event-stream")
    assert response.read() == body_of(model)


@pytest.mark.parametrize("model, status", [("error-429", 429), ("error-500", 500), ("completion", 200)])
def test_the_pass_through_keeps_status_and_body(server, model, status):
    response = raw(server, ask(model, stream=False))
    assert (response.status, response.read()) == (status, body_of(model))
    if status == 429:
        assert response.getheader("Retry-After") == "7"


def test_closing_a_pass_through_closes_the_upstream(ai, upstream):
    chunks = stream(ai, "gated")
    next(iter(chunks))
    chunks.close()
    assert upstream.calls[0].client_left.wait(10)


def test_a_pass_through_never_ends_well_when_its_upstream_was_reset(server):
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        raw(server, ask("reset")).read()


def test_models_are_the_upstreams(ai):
    assert [model.id for model in ai.models.list()] == ["chat"]


def test_without_an_upstream_the_gateway_says_so(start):
    answer = raw(start(), ask("chat"))
    assert answer.status == 503 and json.loads(answer.read())["code"] == "upstream_missing"


# With a session


def test_a_session_keeps_what_streamed_through(ai, api):
    assert said(stream(ai, session="s1", stream_options={"include_usage": True})) == text_of("chat")
    snapshot = api.snapshot("s1")
    assert answer_of(snapshot) == text_of("chat")
    assert [run["state"] for run in snapshot["runs"]] == ["completed"]
    assert snapshot["runs"][0]["usage"]["completion_tokens"] > 0
    assert [(input["state"], input["parts"][0]["text"]) for input in snapshot["inputs"]] == \
        [("answered", QUESTION[0]["content"])]


def test_the_caller_gets_the_upstreams_frames_with_ids(server, api):
    response = raw(server, ask("chat"), {"Throughline-Session": "s1"})
    assert response.getheader("Throughline-Session") == "s1"
    run = response.getheader("Throughline-Run")
    got = list(frames(response.read().splitlines(True)))
    assert [data for _, _, data in got] == data_of(body_of("chat"))
    assert run == only_run(api, "s1")["id"]
    places = [tuple(map(int, identifier.split("."))) for identifier, _, _ in got]
    assert places == sorted(set(places))


def test_tool_calls_become_parts(ai, api):
    calls = {}
    for chunk in stream(ai, "tool-calls", "s1"):
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            calls[call.index] = calls.get(call.index, "") + (call.function.arguments or "")
    parts = [part for message in api.snapshot("s1")["messages"] for part in message["parts"] if part["kind"] == "tool-call"]
    assert [(part["name"], part["call"], part["status"]) for part in parts] == \
        [("weather", "call_a", "complete"), ("tide", "call_b", "complete")]
    assert [part["text"] for part in parts] == [calls[0], calls[1]]
    assert json.loads(parts[0]["text"]) == {"city": "Zürich 🏔️"}


def test_reasoning_is_a_part_of_its_own(ai, api):
    assert said(stream(ai, "reasoning", "s1")) == "Salt."
    snapshot = api.snapshot("s1")
    assert answer_of(snapshot, "reasoning") == text_of("reasoning", "reasoning_content")
    assert answer_of(snapshot) == "Salt."


def test_characters_split_over_pieces_come_out_whole(ai, api, upstream):
    upstream.chop = 3
    for _ in stream(ai, "characters", "s1"):
        pass
    assert answer_of(api.snapshot("s1")) == text_of("characters")
    assert "\ufffd" not in json.dumps(api.events("s1"), ensure_ascii=False)


def test_an_answer_without_streaming_is_kept_too(ai, api):
    answer = ai.chat.completions.create(
        model="completion", messages=QUESTION, extra_headers={"Throughline-Session": "s1"})
    expected = json.loads(body_of("completion"))["choices"][0]["message"]["content"]
    assert answer.choices[0].message.content == expected == answer_of(api.snapshot("s1"))
    assert only_run(api, "s1")["state"] == "completed"


def test_earlier_messages_seed_an_empty_session_once(ai, api):
    history = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"},
               {"role": "assistant", "content": "Hello."}]
    said(stream(ai, session="s1", messages=[*history, *QUESTION]))
    first = api.snapshot("s1")
    everything = [part["text"] for message in first["messages"] for part in message["parts"]]
    assert everything[:3] == ["Be short.", "Hi", "Hello."]
    assert [input["parts"][0]["text"] for input in first["inputs"]] == [QUESTION[0]["content"]]
    said(stream(ai, session="s1", messages=[
        *history, *QUESTION, {"role": "assistant", "content": text_of("chat")}, {"role": "user", "content": "And why?"}]))
    second = api.snapshot("s1")
    assert [input["parts"][0]["text"] for input in second["inputs"]] == [QUESTION[0]["content"], "And why?"]
    assert len(second["messages"]) == len(first["messages"]) + 1


@pytest.mark.parametrize("model, status", [("error-429", 429), ("error-500", 500)])
def test_an_error_before_the_stream_ends_the_run_as_failed(ai, api, model, status):
    with pytest.raises(openai.APIStatusError) as refused:
        said(stream(ai, model, "s1"))
    assert refused.value.status_code in (status, 502)
    snapshot = api.snapshot("s1")
    assert snapshot["runs"][0]["state"] == "failed" and snapshot["runs"][0]["error"]["code"]
    assert snapshot["inputs"][0]["state"] == "unanswered"


@pytest.mark.parametrize("model", ["error-mid-stream", "truncated", "reset"])
def test_a_stream_cut_short_is_never_shown_as_complete(ai, api, model):
    got = ""
    with pytest.raises(openai.APIError) as failure:
        for chunk in stream(ai, model, "s1"):
            got += chunk.choices[0].delta.content or ""
    assert got == "Half an answer"
    assert model == "error-mid-stream" or failure.value.code == "upstream_truncated"
    snapshot = api.snapshot("s1")
    assert snapshot["runs"][0]["state"] == "failed" and snapshot["runs"][0]["error"]["code"]
    assert answer_of(snapshot) == "Half an answer"
    assert {part["status"] for message in snapshot["messages"] for part in message["parts"]} == {"interrupted"}
    assert snapshot["inputs"][0]["state"] == "unanswered"


@pytest.mark.parametrize("model", ["slow-head", "slow-first", "gated"])
def test_a_cancel_closes_the_upstream_before_the_first_token_too(server, api, upstream, model):
    upstream.speed = 1
    caller = threading.Thread(target=lambda: ends.append(raw(server, ask(model), {"Throughline-Session": "s1"}).read()))
    ends = []
    caller.start()
    call = upstream.wait_for_calls(1)
    if model == "gated":
        eventually(lambda: answer_of(api.snapshot("s1")), what="the first text")
    answer = api.command("s1", {"run": only_run(api, "s1")["id"]}, wait=5).ok(202).json["command"]
    assert answer["state"] in ("accepted", "applied")
    assert call.client_left.wait(10), "the upstream was not closed"
    caller.join(10)
    assert b"run_cancelled" in ends[0]
    snapshot = api.snapshot("s1")
    assert snapshot["runs"][0]["state"] == "cancelled" and snapshot["inputs"][0]["state"] == "cancelled"
    assert "streaming" not in json.dumps(snapshot["messages"])


def test_a_session_may_have_runs_stopped_whose_caller_has_gone(server, api, upstream):
    api.create("s1", policies={"orphan": {"then": "cancel", "after": 1000}})
    response = raw(server, ask("gated"), {"Throughline-Session": "s1"})
    call = upstream.wait_for_calls(1)
    eventually(lambda: answer_of(api.snapshot("s1")), what="the first text")
    assert not call.client_left.wait(1.5), "a caller who reads is somebody who watches"
    assert [item["id"] for item in api.get("/v1/sessions/s1/presence").json["presence"]][:1] == ["anonymous"]
    response.close()
    assert call.client_left.wait(10), "the upstream was not closed"
    run = ended_run(api, "s1")
    assert (run["state"], run["error"]["code"]) == ("cancelled", "orphaned")


def test_the_same_input_attaches_without_a_second_call(server, ai, api, upstream):
    answers = []
    first = threading.Thread(target=lambda: answers.append(said(stream(ai, "gated", "s1", "i1"))))
    first.start()
    upstream.wait_for_calls(1)
    second = threading.Thread(target=lambda: answers.append(said(stream(ai, "gated", "s1", "i1"))))
    second.start()
    assert not upstream.calls[0].finished.wait(0.5)
    upstream.open("middle")
    first.join(15)
    second.join(15)
    answers.append(said(stream(ai, "gated", "s1", "i1")))
    assert answers == [text_of("gated")] * 3
    assert len(upstream.calls) == 1
    assert only_run(api, "s1")["state"] == "completed"


CALLER = textwrap.dedent("""
    import sys, openai
    url, model, session = sys.argv[1:]
    ai = openai.OpenAI(base_url=url + "/v1", api_key="unused", max_retries=0)
    for chunk in ai.chat.completions.create(model=model, stream=True, messages=[{"role": "user", "content": "Why?"}],
                                            extra_headers={"Throughline-Session": session}):
        if chunk.choices and chunk.choices[0].delta.content:
            print(chunk.choices[0].delta.content, end="", flush=True)
""")

READER = textwrap.dedent("""
    import json, sys, urllib.request
    url, session, run, last = sys.argv[1:]
    request = urllib.request.Request(f"{url}/v1/sessions/{session}/runs/{run}/stream?format=openai")
    if last:
        request.add_header("Last-Event-ID", last)
    for line in urllib.request.urlopen(request, timeout=30):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
""")


def second_process(server, run, last=""):
    done = subprocess.run([sys.executable, "-c", READER, server.url, "s1", run, last],
                          capture_output=True, timeout=40, check=True)
    return done.stdout.decode()


def test_the_caller_is_killed_and_a_second_process_reads_the_whole_answer(server, api, upstream):
    caller = subprocess.Popen([sys.executable, "-c", CALLER, server.url, "gated", "s1"], stdout=subprocess.PIPE)
    assert caller.stdout.read(len("before ")) == b"before "
    caller.send_signal(signal.SIGKILL)
    caller.wait(10)
    assert not upstream.calls[0].client_left.wait(1), "the caller's end reached the upstream"
    upstream.open("middle")
    run = ended_run(api, "s1")
    assert run["state"] == "completed"
    assert answer_of(api.snapshot("s1")) == text_of("gated") == second_process(server, run["id"])
    assert len(upstream.calls) == 1


def test_the_callers_own_format_resumes_at_every_frame(server, api):
    got = list(frames(raw(server, ask("chat"), {"Throughline-Session": "s1"}).read().splitlines(True)))
    run = only_run(api, "s1")["id"]
    for number in range(0, len(got), 5):
        answer = api.get(f"/v1/sessions/s1/runs/{run}/stream?format=openai", headers={"Last-Event-ID": got[number][0]})
        assert list(frames(answer.ok(200).body.splitlines(True))) == got[number + 1:]
    assert second_process(server, run, got[3][0]) == text_of("chat")[len(said_in(got[:4])):]


def said_in(got):
    return "".join(choice["delta"].get("content") or "" for _, _, data in got if data != "[DONE]"
                   for choice in json.loads(data)["choices"])


def test_the_resumable_stream_follows_a_live_run_over_a_lost_connection(server, api, upstream):
    response = raw(server, ask("gated"), {"Throughline-Session": "s1"})
    run, before = response.getheader("Throughline-Run"), []
    for frame in frames(response):
        before.append(frame)
        if "before" in frame[2]:
            break
    response.close()
    resumed = api.stream(f"/v1/sessions/s1/runs/{run}/stream?format=openai", {"Last-Event-ID": before[-1][0]})
    upstream.open("middle")
    after = list(frames(resumed))
    assert [data for _, _, data in before + after] == data_of(body_of("gated"))


def test_a_gateway_run_is_live_on_every_surface(ai, api, upstream):
    caller = threading.Thread(target=lambda: said(stream(ai, "gated", "s1")))
    caller.start()
    upstream.wait_for_calls(1)
    eventually(lambda: answer_of(api.snapshot("s1")) == "before ", what="the first half in the snapshot")
    with api.sse("s1", start="tail") as live:
        upstream.open("middle")
        for _, _, event in live:
            if event["type"] == "run.ended":
                break
    caller.join(10)
    assert list(texts(api.snapshot("s1")).values()) == [text_of("gated")]


def test_the_callers_key_goes_upstream_only_without_a_configured_one(start, upstream, monkeypatch):
    server = start("--upstream", upstream.base)
    raw(server, ask("completion", stream=False), {"Authorization": "Bearer the-callers"}).read()
    assert upstream.calls[0].headers.get("Authorization") == "Bearer the-callers"
