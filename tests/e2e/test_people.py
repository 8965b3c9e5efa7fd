"""What agents and people do with each other: requests, takeover, who sees what, who is here."""
import hashlib
import json
import threading
import time

import pytest
from websockets.sync.client import connect

from client import Api, start_run, take_work
from conftest import eventually
from reducer import comparable, replay


@pytest.fixture
def people(server, api):
    """The same session as ada, as bob, as an operator and as an observer."""
    api.create("s")
    roles = {"ada": "user", "bob": "user", "olga": "operator", "eve": "observer"}
    return {name: Api(server.port, f"{name}; role={role}; device=d1") for name, role in roles.items()}


def again(server):
    """The same, on new connections: the server was away."""
    return Api(server.port, "ada; role=user; device=test"), {"ada": Api(server.port, "ada; role=user; device=d1")}


def ask(run, id="q", **fields):
    return run.write({"type": "request.opened", "request": {"id": id, "prompt": "May I?", **fields}}).ok(200)


def answer(api, request="q", **body):
    return api.post(f"/v1/sessions/s/requests/{request}/answer", body)


def same_for_all(api):
    """The events alone lead to the state that the server shows."""
    assert comparable(replay(api.events("s")).snapshot()) == comparable(api.snapshot("s"))


def test_an_approval_is_answered_once_whoever_is_first(api, people):
    run = start_run(api, "s", "bot")
    ask(run, kind="approval", arguments={"path": "/tmp/a"})
    digest = hashlib.sha256(b'{"path":"/tmp/a"}').hexdigest()
    assert api.snapshot("s")["requests"][0]["digest"] == digest
    assert answer(people["ada"], value=True).code == "request_changed"
    assert answer(people["ada"], value="yes", digest=digest).code == "answer_invalid"
    assert answer(people["eve"], value=True, digest=digest).code == "not_allowed"
    answers = {}
    barrier = threading.Barrier(8)

    def race(number):
        who = Api(people["ada"].port, f"p{number}; role=user")
        barrier.wait()
        answers[number] = answer(who, id="mine", value=number % 2 == 0, digest=digest)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    winners = [number for number, given in answers.items() if given.status == 200]
    assert len(winners) == 1
    for number, given in answers.items():
        shown = given.json["request"]["answer"]
        assert (shown["by"]["id"], shown["value"]) == (f"p{winners[0]}", winners[0] % 2 == 0)
        assert number in winners or (given.status, given.code) == (409, "request_resolved")
    retry = Api(people["ada"].port, f"p{winners[0]}; role=user")
    assert answer(retry, id="mine", value=winners[0] % 2 == 0, digest=digest).status == 200
    beat = run.heartbeat().ok(200).json
    assert [(item["id"], item["state"]) for item in beat["requests"]] == [("q", "resolved")]
    same_for_all(api)


def test_an_agent_waits_for_its_answer(api, people):
    run = start_run(api, "s", "bot")
    ask(run, kind="choice", choices=["red", {"id": "blue", "label": "Blue"}])
    assert api.get("/v1/sessions/s/requests/q").ok(200).json["request"]["state"] == "open"
    timer = threading.Timer(0.3, lambda: answer(people["bob"], value="blue", note="calmer"))
    timer.start()
    started = time.monotonic()
    request = Api(api.port).get("/v1/sessions/s/requests/q?wait=20").ok(200).json["request"]
    assert (request["answer"]["value"], request["answer"]["note"], request["answer"]["by"]["id"]) == ("blue", "calmer", "bob")
    assert time.monotonic() - started < 10
    assert api.get("/v1/sessions/s/requests/none").code == "request_not_found"


def test_a_form_is_checked(api, people):
    run = start_run(api, "s", "bot")
    schema = {"type": "object", "properties": {"seats": {"type": "integer", "minimum": 1}}, "required": ["seats"]}
    ask(run, kind="text", schema=schema)
    refused = answer(people["ada"], value={"seats": 0})
    assert refused.code == "answer_invalid" and "value.seats" in refused.json["detail"]
    answer(people["ada"], value={"seats": 2}).ok(200)
    same_for_all(api)


def test_a_request_ends_with_its_deadline_or_with_its_run(api, people):
    run = start_run(api, "s", "bot")
    ask(run, "late", kind="choice", choices=["go", "stay"], default="stay", deadline=1000)
    ask(run, "open", kind="text")
    eventually(lambda: next(item for item in api.snapshot("s")["requests"] if item["id"] == "late")["state"] == "expired")
    assert answer(people["ada"], "late", value="go").code == "request_expired"
    beat = run.heartbeat().ok(200).json
    assert [(item["id"], item["answer"]["value"]) for item in beat["requests"]] == [("late", "stay")]
    api.command("s", {"run": run.id}).ok(202)
    assert answer(people["ada"], "open", value="x").code == "request_withdrawn"
    same_for_all(api)


def test_open_requests_survive_a_restart_and_still_expire(server, api, people):
    run = start_run(api, "s", "bot", lease=600000)
    ask(run, "q", kind="text", deadline=3000, default="none")
    ask(run, "w", kind="text")
    server.restart()
    api, people = again(server)
    assert [item["state"] for item in api.snapshot("s")["requests"]] == ["open", "open"]
    answer(people["ada"], "w", value="hello").ok(200)
    eventually(lambda: api.snapshot("s")["requests"][0]["state"] == "expired")
    same_for_all(api)


class Socket:
    """One WebSocket, as one participant: requests in turn; what comes beside answers is kept."""

    def __init__(self, port, name, role="user", device="d1"):
        self.socket = connect(f"ws://127.0.0.1:{port}/v1/connect", subprotocols=["throughline.v1"])
        self.frames, self.number = [], 0
        self.ask("auth", **{"as": {"id": name, "role": role, "device": device}})

    def ask(self, op, **fields):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "op": op, **fields}))
        while True:
            frame = self.receive()
            if frame.get("re") == self.number:
                return frame

    def receive(self, seconds=10):
        frame = json.loads(self.socket.recv(seconds))
        if "re" not in frame:
            self.frames.append(frame)
        return frame

    def events_up_to(self, seq):
        """All events so far, once the one with this number is there."""
        while True:
            events = [event for frame in self.frames for event in frame.get("events", [])]
            if events and events[-1]["seq"] >= seq:
                return events
            self.receive()

    def close(self):
        self.socket.close()


SECRETS = {"for operators": "operators", "for agents": "agents"}


def whisper(run):
    """One message with a part for each audience, and one message that is for operators alone."""
    parts = {None: "for all", **{audience: text for text, audience in SECRETS.items()}}
    run.write({"type": "message.started", "message": {"id": "m"}}).ok(200)
    for audience, text in parts.items():
        id = audience or "everyone"
        run.lengths[id] = 0
        head = {"id": id, "message": "m", "kind": "text", **({"audience": audience} if audience else {})}
        run.write({"type": "part.started", "part": head}, run.append(id, text[:4]), run.append(id, text[4:])).ok(200)
    run.write({"type": "message.started", "message": {"id": "n", "audience": "operators"}},
              {"type": "part.started", "part": {"id": "x", "message": "n", "kind": "text"}},
              {"type": "part.appended", "part": {"id": "x", "offset": 0, "text": "for operators"}},
              {"type": "message.ended", "message": {"id": "n"}}).ok(200)
    run.end().ok(200)


def may_see(role, text):
    return text not in SECRETS or role == "operator" or (role == "agent" and SECRETS[text] == "agents")


@pytest.mark.parametrize("role", ["user", "observer", "agent", "operator"])
def test_who_may_not_see_a_part_sees_it_nowhere(server, api, role):
    api.create("s")
    live = Socket(server.port, "someone", role)
    live.ask("attach", session="s", after=0)
    sse = Api(server.port, f"someone; role={role}").stream(
        "/v1/sessions/s/events?from=tail", {"Accept": "text/event-stream", "Throughline-Participant": f"someone; role={role}"})
    whisper(start_run(api, "s", "bot"))
    reader = Api(server.port, f"someone; role={role}")
    tail = reader.snapshot("s")["seq"]
    api.post("/v1/sessions/s/fork", {"id": "copy"}).ok(201)
    late = Socket(server.port, "someone", role)
    late.ask("attach", session="s", **{"from": "snapshot"})
    read = {
        "snapshot": reader.get("/v1/sessions/s").body.decode(),
        "ndjson": reader.get("/v1/sessions/s/events", headers={"Accept": "application/x-ndjson"}).body.decode(),
        "page": reader.get("/v1/sessions/s/events").body.decode(),
        "poll": reader.get("/v1/sessions/s/events?live=long-poll&wait=1").body.decode(),
        "socket page": json.dumps(late.ask("events", session="s")),
        "socket snapshot": json.dumps(late.ask("get", session="s")),
        "live": json.dumps(live.events_up_to(tail)),
        "late": json.dumps(late.frames),
        "sse": "".join(line.decode() for line in iter_until(sse, f"id: {tail}")),
        "durable stream": reader.get("/v1/stream/sessions/s?offset=-1").body.decode(),
        "copy": reader.get("/v1/sessions/copy").body.decode(),
        "events of the copy": reader.get("/v1/sessions/copy/events").body.decode(),
        "stream of the copy": reader.get("/v1/stream/sessions/copy?offset=-1").body.decode(),
    }
    for place, text in read.items():
        for secret, audience in SECRETS.items():
            seen = secret in text or (secret[:4] in text and secret[4:] in text and f'"id":"{audience}"' in text.replace(": ", ":"))
            assert seen == may_see(role, secret), f"{place}: {secret} for {role}"
    for events in (reader.events("s"), live.events_up_to(tail)):
        assert comparable(replay(events).snapshot()) == comparable(reader.snapshot("s"))
    assert ("withheld" in read["page"]) == (role != "operator")
    context = reader.get("/v1/sessions/s/context").ok(200).body.decode()
    assert "for all" in context and "for operators" not in context, "what is for operators is for no model"
    assert ("for agents" in context) == may_see(role, "for agents")
    [socket.close() for socket in (live, late)]


def iter_until(response, start):
    for line in response:
        yield line
        if line.decode().startswith(start):
            yield response.readline()
            return


def test_a_part_of_another_audience_than_there_is_is_refused(api):
    api.create("s")
    run = start_run(api, "s", "bot")
    refused = run.write({"type": "message.started", "message": {"id": "m", "audience": "nobody"}})
    assert refused.code == "field_invalid"
    assert api.post("/v1/sessions/s/inputs", {"parts": [{"kind": "text", "text": "x", "audience": "agents"}]}).code == "field_invalid"


def here(api):
    """Who is there, as `name on device`, with what they do."""
    return {f"{item['id']} on {item.get('device')}": item for item in api.get("/v1/sessions/s/presence").ok(200).json["presence"]}


def test_who_is_here_is_seen_live_and_flickers_for_nobody(server, api):
    api.create("s")
    ada, bob = Socket(server.port, "ada", device="laptop"), Socket(server.port, "bob", device="phone")
    ada.ask("attach", session="s", presence=True)

    def told(check):
        while True:
            lists = [frame["presence"] for frame in ada.frames if "presence" in frame]
            if lists and check({item["id"]: item for item in lists[-1]}):
                return lists
            ada.receive()

    bob.ask("attach", session="s")
    told(lambda who: who.keys() == {"ada", "bob"})
    bob.ask("presence", session="s", typing=True, viewing="m1")
    told(lambda who: who["bob"].get("typing") and who["bob"]["viewing"] == "m1")
    before = len(ada.frames)
    bob.close()
    again = Socket(server.port, "bob", device="phone")
    again.ask("attach", session="s")
    again.ask("presence", session="s", typing=False)
    told(lambda who: "typing" not in who.get("bob", {"typing": 1}))
    assert all("bob" in {item["id"] for item in frame["presence"]} for frame in ada.frames[before:] if "presence" in frame)
    run = start_run(api, "s", "bot", lease=2000)
    told(lambda who: who.get("bot", {}).get("health") == "good")
    told(lambda who: who.get("bot", {}).get("health") == "late")
    run.heartbeat().ok(200)
    told(lambda who: who.get("bot", {}).get("health") == "good")
    again.close()
    told(lambda who: "bob" not in who)
    assert not any("presence" in event["type"] for event in api.events("s"))
    ada.close()


def test_presence_over_http(server, api):
    api.create("s")
    stream = Api(server.port).stream("/v1/sessions/s/events?from=tail&presence=true", {
        "Accept": "text/event-stream", "Throughline-Participant": "eve; role=observer; device=tv"})
    eventually(lambda: "eve on tv" in here(api))
    carl = Api(server.port, "carl; device=watch")
    carl.post("/v1/sessions/s/presence", {"typing": True}).ok(200)
    assert here(api)["carl on watch"]["typing"] is True
    lines = (line.decode() for line in stream)
    assert any(line == "event: presence\n" and "carl" in next(lines) for line in lines)
    assert carl.post("/v1/sessions/s/presence", {"viewing": "x" * 300}).code == "field_invalid"
    assert carl.post("/v1/sessions/none/presence", {}).code == "session_not_found"


def test_a_run_that_no_agent_has_to_hold_is_not_late(api):
    api.create("s")
    parent = start_run(api, "s", "boss", waitsForChildren=True)
    start_run(api, "s", "helper", parent=parent.id)
    parent.end().ok(200)
    assert [(item["id"], item["health"]) for item in here(api).values()] == [("boss", "good"), ("helper", "good")]
    api.send("s", "hello", agent="gone").ok(201)
    run = take_work(api, "gone", lease=1000)
    assert "gone on None" in here(api)
    eventually(lambda: {one["id"]: one["state"] for one in api.snapshot("s")["runs"]}[run.id] == "queued")
    assert "gone on None" not in here(api)


def test_read_marks_go_forwards_only_and_are_kept(server, api):
    api.create("s")
    run = start_run(api, "s", "bot")
    run.write(*run.start_message("m", "p"), run.append("p", "hello")).ok(200)
    phone = Api(server.port, "ada; device=phone")
    assert phone.post("/v1/sessions/s/read", {"seq": 3}).ok(200).json["read"] == 3
    assert phone.post("/v1/sessions/s/read", {"seq": 2}).ok(200).json["read"] == 3
    assert api.post("/v1/sessions/s/read", {"seq": 99}).ok(200).json["read"] == 5
    assert phone.post("/v1/sessions/s/read", {"seq": -1}).code == "field_invalid"

    def marks(api):
        return {mark["by"]["device"]: mark["seq"] for mark in api.snapshot("s")["reads"]}

    assert marks(api) == {"phone": 3, "test": 5}
    assert api.snapshot("s")["seq"] == 5
    server.restart()
    api, _ = again(server)
    assert marks(api) == {"phone": 3, "test": 5}
    socket = Socket(server.port, "ada", device="phone")
    socket.ask("attach", session="s", presence=True)
    socket.ask("read", session="s", seq=4)
    eventually(lambda: socket.receive() and any(
        item.get("read") == 4 for frame in socket.frames for item in frame.get("presence", [])))
    socket.close()


def command(api, verb, id=None, **more):
    return api.post("/v1/sessions/s/commands", {"verb": verb, **({"id": id} if id else {}), **more})


def say(api, text, **more):
    return api.post("/v1/sessions/s/messages", {"parts": [{"kind": "text", "text": text}], **more})


def test_an_operator_takes_over_in_mid_sentence_and_hands_back(server, api, people):
    olga = people["olga"]
    api.send("s", "Where is my order?", "i1").ok(201)
    run = take_work(api, "bot")
    run.write(*run.start_message("m", "p"), run.append("p", "Your order is lo")).ok(200)
    assert command(people["ada"], "takeover").code == "not_allowed"
    taken = command(olga, "takeover", "t1").ok(202).json["command"]
    assert (taken["state"], taken["verb"], taken["by"]["id"]) == ("applied", "takeover", "olga")
    before = api.snapshot("s")["seq"]
    command(olga, "takeover", "t1").ok(202)
    assert api.snapshot("s")["seq"] == before
    state = api.snapshot("s")
    assert state["baton"]["by"]["id"] == "olga"
    assert (state["messages"][0]["status"], state["runs"][0]["state"]) == ("interrupted", "active")
    late = run.write(*run.start_message("m2", "p2"))
    assert (late.status, late.code, late.json["baton"]["by"]["id"]) == (409, "baton_held", "olga")
    assert run.heartbeat().ok(200).json["baton"]["by"]["id"] == "olga"
    assert start_refused(api) == "baton_held"

    say(olga, "I am a person, and I look into it.", id="say1").ok(201)
    say(olga, "I am a person, and I look into it.", id="say1").ok(200)
    say(olga, "Offer a voucher.", audience="agents").ok(201)
    assert say(people["ada"], "me too").code == "not_allowed"
    people["ada"].send("s", "Thanks!", "i2").ok(201)
    people["ada"].send("s", "And a voucher?", "i3").ok(201)
    assert take_work(api, "other", wait=0) is None
    say(olga, "You are welcome.", answers=["i2"]).ok(201)
    handed = command(olga, "handback", parts=[{"kind": "text", "text": "Refund is done."}]).ok(202).json["command"]
    assert handed["state"] == "applied"

    run.seq -= 1
    run.write(*run.start_message("m2", "p2"), run.append("p2", "Here is a voucher.")).ok(200)
    run.end().ok(200)
    assert take_work(api, "bot", wait=5).input["id"] == "i3"
    state = api.snapshot("s")
    assert state["baton"] is None
    assert {item["id"]: item["state"] for item in state["inputs"]} == {"i1": "answered", "i2": "answered", "i3": "claimed"}
    assert "Refund is done." not in json.dumps(people["ada"].events("s"))
    seen = [part["text"] for message in people["ada"].snapshot("s")["messages"] for part in message["parts"]]
    assert seen == ["Your order is lo", "I am a person, and I look into it.", "You are welcome.", "Here is a voucher."]
    for_agents = [part["text"] for message in Api(server.port, "bot; role=agent").snapshot("s")["messages"] for part in message["parts"]]
    assert "Offer a voucher." in for_agents and "Refund is done." in for_agents
    context = Api(server.port, "bot; role=agent").get("/v1/sessions/s/context").ok(200).json["messages"]
    roles = {message["content"].split("\n\n")[-1]: message["role"] for message in context}
    assert (roles["Offer a voucher."], roles["Refund is done."], roles["You are welcome."]) == ("system", "system", "assistant")
    whispered = [message["content"] for message in context if message["role"] == "system"]
    assert all(text.startswith("The operator olga, to you and not to the user:") for text in whispered)
    for reader in (api, olga, Api(server.port, "bot; role=agent")):
        same_for_all(reader)


def start_refused(api):
    return api.post("/v1/sessions/s/runs", {"agent": "bot"}).code


def test_one_operator_has_the_baton_and_any_may_give_it_back(server, people):
    olga, otto = people["olga"], Api(server.port, "otto; role=operator")
    command(olga, "takeover").ok(202)
    refused = command(otto, "takeover", "late").ok(202).json
    assert (refused["command"]["state"], refused["command"]["reason"], refused["baton"]["by"]["id"]) == ("rejected", "baton_held", "olga")
    assert command(otto, "handback").ok(202).json["baton"] is None
    assert command(otto, "handback").ok(202).json["command"]["reason"] == "baton_not_held"
    assert command(otto, "takeover", "late").ok(202).json["command"]["state"] == "rejected"
    assert command(otto, "takeover", target={"run": "r"}).code == "field_invalid"
    states = {item["verb"]: item["state"] for item in otto.snapshot("s")["commands"] if item["id"] != "late"}
    assert states == {"takeover": "applied", "handback": "rejected"}
    command(otto, "takeover").ok(202)
    server.restart()
    otto = Api(server.port, "otto; role=operator")
    assert otto.snapshot("s")["baton"]["by"]["id"] == "otto"
    same_for_all(otto)


def test_an_agent_hears_of_answers_on_its_own_socket(server, api, people):
    run = start_run(api, "s", "bot", lease=600000)
    agent = Socket(server.port, "bot", "agent")

    def write(*events):
        run.seq += 1
        assert "ok" in agent.ask("write", session="s", run=run.id, lease=run.token, seq=run.seq, events=events)

    def heard():
        """The requests that the agent is told of next."""
        while True:
            told = [frame["requests"] for frame in agent.frames if "requests" in frame]
            if told:
                agent.frames.clear()
                return [(item["id"], item["state"], item.get("answer", {}).get("value")) for item in told[-1]]
            agent.receive()

    opened = [{"type": "request.opened", "request": {"id": id, "kind": "text", "prompt": "?", **more}}
              for id, more in (("q", {}), ("late", {"deadline": 1000, "default": "none"}))]
    write(*opened)
    answer(people["ada"], id="a", value="yes").ok(200)
    assert heard() == [("q", "resolved", "yes")]
    answer(people["ada"], id="a", value="yes").ok(200)
    assert heard() == [("late", "expired", "none")]
    again = Socket(server.port, "bot", "agent")
    agent, first = again, agent
    agent.ask("heartbeat", session="s", run=run.id, lease=run.token)
    assert [id for id, _, _ in heard()] == ["q", "late"]
    [socket.close() for socket in (first, again)]


def test_whispers_over_a_socket(server, api):
    api.create("s")
    olga, ada = Socket(server.port, "olga", "operator"), Socket(server.port, "ada")
    for socket in (olga, ada):
        socket.ask("attach", session="s", after=0)
    said = olga.ask("say", session="s", message={"id": "w", "audience": "operators", "parts": [{"kind": "text", "text": "psst"}]})
    tail = said["ok"]["seq"]
    assert ada.ask("say", session="s", message={"parts": [{"kind": "text", "text": "hey"}]})["error"]["code"] == "not_allowed"
    assert "psst" in json.dumps(olga.events_up_to(tail)) and "psst" not in json.dumps(ada.events_up_to(tail))
    assert [event["type"] for event in ada.events_up_to(tail)] == ["session.created", "withheld"]
    [socket.close() for socket in (olga, ada)]


def test_a_run_beyond_its_budget_ends(api):
    api.create("s")
    run = start_run(api, "s", "bot", budget={"tokens": 100, "cost": 0.5})
    assert api.snapshot("s")["runs"][0]["budget"] == {"tokens": 100, "cost": 0.5}
    beat = lambda usage: api.post(run.path("heartbeat"), {"usage": usage}, headers=run.headers())
    beat({"tokens": 100, "cost": 0.5}).ok(200)
    beat({"input_tokens": 60, "output_tokens": 40}).ok(200)
    run.write(*run.start_message("m", "p")).ok(200)
    over = beat({"prompt_tokens": 90, "completion_tokens": 11})
    assert (over.status, over.code) == (409, "budget_exceeded")
    ended = api.snapshot("s")["runs"][0]
    assert (ended["state"], ended["error"]["code"], ended["usage"]["completion_tokens"]) == ("failed", "budget_exceeded", 11)
    assert run.write(*run.start_message("n", "o")).code == "budget_exceeded"
    costly = start_run(api, "s", "bot", budget={"cost": 0.5})
    assert api.post(costly.path("heartbeat"), {"usage": {"cost": 0.51}}, headers=costly.headers()).code == "budget_exceeded"
    slow = start_run(api, "s", "bot", budget={"seconds": 1})
    eventually(lambda: slow.heartbeat().code == "budget_exceeded")
    assert api.snapshot("s")["runs"][-1]["error"]["code"] == "budget_exceeded"
    api.send("s", "Sum it up.", "i").ok(201)
    worker = take_work(api, "bot", budget={"tokens": 100})
    used = lambda tokens: {"type": "run.updated", "run": {"usage": {"tokens": tokens}}}
    worker.write(used(60)).ok(200)
    assert api.snapshot("s")["runs"][-1]["usage"] == {"tokens": 60}
    last = worker.write(*worker.start_message("w", "wp"), worker.append("wp", "All in"), used(101)).ok(200)
    assert last.json["written"] == 2
    ended = api.snapshot("s")["runs"][-1]
    assert (ended["state"], ended["error"]["code"], ended["usage"]) == ("failed", "budget_exceeded", {"tokens": 101})
    assert api.snapshot("s")["messages"][-1]["parts"][0] | {"id": "wp"} == {"id": "wp", "kind": "text", "status": "interrupted", "text": "All in"}
    assert worker.write(*worker.start_message("v", "vp")).code == "budget_exceeded"
    assert api.post("/v1/work", {"agent": "bot", "wait": 0, "budget": {"tokens": 0}}).code == "field_invalid"
    for budget in ({}, {"seconds": 0}, {"tokens": "many"}, {"dollars": 1}):
        assert api.post("/v1/sessions/s/runs", {"agent": "bot", "budget": budget}).code == "field_invalid"
    same_for_all(api)


def orphaned(api, session="s"):
    """The run that was cancelled since nobody watched, once it is."""
    run = api.snapshot(session)["runs"][-1]
    return run if run["state"] == "cancelled" else None


def test_a_run_that_nobody_watches_is_cancelled_if_the_session_says_so(server, api):
    policy = {"then": "cancel", "after": 1000}
    api.create("s", policies={"orphan": policy})
    assert api.snapshot("s")["session"]["policies"]["orphan"] == policy
    ada = Socket(server.port, "ada")
    ada.ask("attach", session="s", **{"from": "tail"})
    agent = Socket(server.port, "bot", "agent")
    run = start_run(api, "s", "bot", lease=600000)
    agent.ask("attach", session="s", **{"from": "tail"})
    agent.ask("heartbeat", session="s", run=run.id, lease=run.token)
    time.sleep(1.2)
    assert orphaned(api) is None
    ada.close()
    ended = eventually(lambda: orphaned(api))
    assert ended["error"]["code"] == "orphaned"
    while not any(frame.get("error", {}).get("code") == "run_cancelled" for frame in agent.frames):
        agent.receive()
    command = eventually(lambda: [item for item in api.snapshot("s")["commands"] if item["state"] == "applied"])[0]
    assert (command["verb"], command["target"], command["by"]["role"]) == ("cancel", {"run": run.id}, "system")
    assert run.write(*run.start_message("m", "p")).code == "run_cancelled"
    agent.close()
    same_for_all(api)
    # The time counts on while the server is away; who has gone on then is watched again in time.
    api.call("PATCH", "/v1/sessions/s", {"policies": {"orphan": {"then": "cancel", "after": 2000}}}).ok(200)
    run = start_run(api, "s", "bot", lease=600000)
    server.restart()
    api, _ = again(server)
    eventually(lambda: orphaned(api))
    api.call("PATCH", "/v1/sessions/s", {"policies": {"orphan": None}}).ok(200)
    assert "orphan" not in api.snapshot("s")["session"]["policies"]
    for bad in ({"then": "cancel"}, {"then": "cancel", "after": 10}, {"then": "stop"}, {"after": 5000}, {"then": "continue", "after": 5000}, []):
        assert api.call("PATCH", "/v1/sessions/s", {"policies": {"orphan": bad}}).code == "field_invalid"
    same_for_all(api)
