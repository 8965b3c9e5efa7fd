"""The protocol's model: events in, the state of the session out. Everything in a snapshot comes from the events alone.

`State().apply(event)` for each event in order; `state.snapshot()` has the shape of `GET /v1/sessions/{id}`. It is strict:
a gap, a duplicate, an append at a wrong offset or an event about something unknown raises `ProtocolError`.
"""
import copy

ENDED_INPUT = {"completed": "answered", "failed": "unanswered", "lost": "unanswered", "cancelled": "cancelled"}
ENDED_CONTENT = {"completed": "complete", "failed": "interrupted", "lost": "interrupted", "cancelled": "cancelled"}


class ProtocolError(AssertionError):
    pass


class State:
    def __init__(self, snapshot=None):
        self.seq, self.session = 0, {}
        self.inputs, self.runs, self.messages, self.commands, self.requests = {}, {}, {}, {}, {}
        self.parts, self.queue, self.branches, self.baton = {}, [], [], None
        if snapshot:
            self.load(snapshot)

    def load(self, snapshot):
        snapshot = copy.deepcopy(snapshot)
        self.seq, self.session, self.queue = snapshot["seq"], snapshot["session"], snapshot["queue"]
        self.baton = snapshot.get("baton")
        for name in ("inputs", "runs", "messages", "requests", "commands"):
            getattr(self, name).update((item["id"], item) for item in snapshot[name])
        self.branches = snapshot.get("branches", [])
        for message in self.messages.values():
            for part in message["parts"]:
                part["text"] = part["text"].encode()
                self.parts[part["id"]] = part

    def snapshot(self):
        state = {"seq": self.seq, "session": self.session, "queue": self.queue, "baton": self.baton}
        for name in ("inputs", "runs", "messages", "requests", "commands"):
            state[name] = list(getattr(self, name).values())
        if self.branches:
            state["branches"] = self.branches
        state = copy.deepcopy(state)
        for message in state["messages"]:
            for part in message["parts"]:
                part["text"] = part["text"].decode()
        return state

    def apply(self, event):
        first = event.get("from", event["seq"])
        if first != self.seq + 1 or event["seq"] < first:
            raise ProtocolError(f"event {first}..{event['seq']} after {self.seq}")
        self.seq = event["seq"]
        getattr(self, "on_" + event["type"].replace(".", "_"))(event)

    # One method per type of event.

    def on_withheld(self, event):
        """Not for this reader."""

    def on_session_created(self, event):
        self.session = {**event["session"], "created": event["at"], "updated": event["at"]}

    def on_session_updated(self, event):
        self.session.update(event["session"], updated=event["at"])

    on_session_closed = on_session_updated

    def on_input_added(self, event):
        item = {key: value for key, value in event["input"].items() if key != "before"}
        self.add(self.inputs, event, item, state="queued")
        self.enqueue(item["id"], event["input"].get("before"))
        name, replaced = event["input"]["id"], event["input"].get("replaces")
        if not replaced:
            return
        if self.find(self.inputs, replaced)["state"] == "queued":
            raise ProtocolError(f"input {name} replaces {replaced}, which is queued")
        branch = self.branch_of(replaced)
        if not branch:
            branch = {"siblings": [replaced]}
            self.branches.append(branch)
        branch["siblings"].append(name)
        branch["selected"] = name

    def branch_of(self, name):
        return next((branch for branch in self.branches if name in branch["siblings"]), None)

    def on_branch_switched(self, event):
        name = event["branch"]["input"]
        branch = self.branch_of(name)
        if not branch or branch["selected"] == name or self.inputs[name]["state"] == "withdrawn":
            raise ProtocolError(f"a switch to {name}")
        branch["selected"] = name

    def on_input_updated(self, event):
        change = event["input"]
        if change["id"] not in self.queue:
            raise ProtocolError(f"input {change['id']} was changed and is not queued")
        if "parts" in change:
            self.find(self.inputs, change["id"])["parts"] = change["parts"]
        if "before" in change:
            self.queue.remove(change["id"])
            self.enqueue(change["id"], change["before"])

    def on_input_withdrawn(self, event):
        change = event["input"]
        self.queue.remove(change["id"])
        self.find(self.inputs, change["id"]).update(
            state="withdrawn", **({"reason": change["reason"]} if "reason" in change else {}))
        name = change["id"]
        branch = self.branch_of(name)
        if branch and branch["selected"] == name:
            left = [other for other in branch["siblings"] if self.inputs[other]["state"] != "withdrawn"]
            branch["selected"] = left[-1] if left else name

    def enqueue(self, name, before=None):
        self.queue.insert(self.queue.index(before) if before in self.queue else len(self.queue), name)

    def on_run_started(self, event):
        run = {key: value for key, value in event["run"].items() if key != "lease"}
        run.setdefault("inputs", [])
        if run["id"] in self.runs:
            return self.taken_on(self.runs[run["id"]], run)
        self.add(self.runs, event, run, with_by=False, state="active")
        for name in run["inputs"]:
            self.find(self.inputs, name).update(state="claimed", run=run["id"])
            self.queue.remove(name)

    def on_run_updated(self, event):
        run = self.active(event)
        run.update({key: event["run"][key] for key in ("label", "progress", "usage") if key in event["run"]})

    def on_run_waiting(self, event):
        self.active(event).update(state="waiting", waiting=event["run"]["reason"])

    def on_run_resumed(self, event):
        run = self.active(event)
        run["state"] = "active"
        run.pop("waiting", None)

    def active(self, event, *states):
        run = self.find(self.runs, event["run"]["id"])
        if run["state"] not in (states or ("active", "waiting")):
            raise ProtocolError(f"{event['type']} of run {run['id']}, which is {run['state']}")
        return run

    def taken_on(self, run, again):
        if run["state"] != "queued" or again["epoch"] != run["epoch"] + 1 or again["inputs"] != run["inputs"]:
            raise ProtocolError(f"run {run['id']} started again, which is {run['state']}")
        done = {step["id"] for step in run.get("steps", []) if step["status"] == "complete"}
        self.supersede(run["id"], lambda step: step not in done)
        run.pop("accepts", None)
        run.update(again, state="active")
        del run["notBefore"]

    def on_run_queued(self, event):
        run = self.active(event)
        if not run["inputs"] or run.get("waiting") == "paused":
            raise ProtocolError(f"run {run['id']} queued, which has no inputs or is paused")
        run.pop("waiting", None)
        if event["run"]["attempt"] != run.get("attempt", 1) + 1 or event["run"]["attempt"] > run["attempts"]:
            raise ProtocolError(f"run {run['id']} queued for attempt {event['run']['attempt']}")
        for message in self.messages.values():
            if message.get("run") == run["id"] and message["status"] == "streaming":
                raise ProtocolError(f"run {run['id']} queued with {message['id']} open")
        run.update({key: event["run"][key] for key in ("attempt", "notBefore")}, state="queued")

    def on_run_adopted(self, event):
        run = self.active(event)
        if event["run"]["epoch"] != run["epoch"] + 1:
            raise ProtocolError(f"run {run['id']} adopted, which is {run['state']} in epoch {run['epoch']}")
        run["epoch"] = event["run"]["epoch"]

    def on_run_ended(self, event):
        reason = event["run"]["reason"]
        run = self.active(event, "active", "waiting", "queued")
        run.pop("waiting", None)
        run.pop("notBefore", None)
        run.update({key: event["run"][key] for key in ("usage", "error") if key in event["run"]})
        run.update(state=reason, ended=event["at"])
        for name in run["inputs"]:
            self.find(self.inputs, name)["state"] = ENDED_INPUT[reason]
        for message in self.messages.values():
            if message.get("run") == run["id"]:
                self.end_message(message, ENDED_CONTENT[reason])

    def on_step_started(self, event):
        step = event["step"]
        run = self.find(self.runs, step["run"])
        steps = {known["id"]: known for known in run.setdefault("steps", [])}
        again = {key: value for key, value in step.items() if key != "run"}
        if step["id"] in steps:
            if step["attempt"] <= steps[step["id"]]["attempt"]:
                raise ProtocolError(f"step {step['id']} of {run['id']} started again as attempt {step['attempt']}")
            steps[step["id"]].update(again, status="streaming")
            self.supersede(run["id"], lambda name: name == step["id"])
        else:
            run["steps"].append({**again, "status": "streaming"})

    def on_step_ended(self, event):
        run = self.find(self.runs, event["step"]["run"])
        for step in run.get("steps", []):
            if step["id"] == event["step"]["id"]:
                step["status"] = event["step"]["status"]

    def supersede(self, run, matches):
        for message in self.messages.values():
            if message.get("run") == run and matches(message.get("step")):
                if message["status"] == "streaming":
                    raise ProtocolError(f"message {message['id']} is superseded while it is open")
                message["superseded"] = True

    def on_message_started(self, event):
        self.add(self.messages, event, event["message"], status="streaming", parts=[])

    def on_message_ended(self, event):
        self.end_message(self.find(self.messages, event["message"]["id"]), event["message"]["status"])

    def end_message(self, message, status):
        for item in (*message["parts"], message):
            if item["status"] == "streaming":
                item["status"] = status

    def on_part_started(self, event):
        part = {key: value for key, value in event["part"].items() if key != "message"}
        if part["id"] in self.parts:
            raise ProtocolError(f"part {part['id']} started twice")
        self.parts[part["id"]] = {**part, "status": "streaming", "text": b""}
        self.find(self.messages, event["part"]["message"])["parts"].append(self.parts[part["id"]])

    def on_part_appended(self, event):
        for piece in event.get("parts") or [event["part"]]:
            part = self.find(self.parts, piece["id"])
            if piece["offset"] != len(part["text"]):
                raise ProtocolError(f"append to {part['id']} at {piece['offset']}, which holds {len(part['text'])}")
            if part["status"] != "streaming":
                raise ProtocolError(f"append to {part['id']}, which is {part['status']}")
            part["text"] += piece["text"].encode()

    def on_part_ended(self, event):
        self.find(self.parts, event["part"]["id"])["status"] = event["part"]["status"]

    def on_command_requested(self, event):
        self.add(self.commands, event, event["command"], state="requested")

    def on_command_accepted(self, event):
        command = self.find(self.commands, event["command"]["id"])
        state = event["type"].removeprefix("command.")
        if command["state"] != {"accepted": "requested", "rejected": "requested"}.get(state, "accepted"):
            raise ProtocolError(f"command {command['id']} is {command['state']} and became {state}")
        source = self.inputs.get(command.get("input"))
        command.update(event["command"])
        if state != "deferred":
            command["state"] = state
        if source:
            self.follow(source, command, state)

    on_command_rejected = on_command_deferred = on_command_applied = on_command_expired = on_command_accepted

    def follow(self, source, command, state):
        """A steer that was sent as an input takes it along."""
        if state == "accepted":
            self.queue.remove(source["id"])
            source.update(state="steering", run=command["run"])
        elif state == "applied":
            source["state"] = "claimed"
            self.find(self.runs, command["run"])["inputs"].append(source["id"])
        elif state == "expired":
            source["state"] = "queued"
            source.pop("run")
            self.enqueue(source["id"])

    def on_input_answered(self, event):
        self.queue.remove(event["input"]["id"])
        self.find(self.inputs, event["input"]["id"])["state"] = "answered"

    def on_baton_taken(self, event):
        if self.baton and self.baton["by"]["id"] != event["by"]["id"]:
            raise ProtocolError(f"the baton of {self.baton['by']['id']} was taken")
        self.baton = {"by": event["by"], "seq": event["seq"], "at": event["at"], "limit": event["baton"]["limit"]}

    def on_baton_returned(self, event):
        if not self.baton:
            raise ProtocolError("the baton was returned and nobody had it")
        self.baton = None

    def on_request_opened(self, event):
        request = event["request"]
        if request["id"] not in self.requests:
            return self.add(self.requests, event, request, state="open")
        known = self.requests[request["id"]]
        if known["state"] != "open":
            raise ProtocolError(f"request {request['id']} opened after its end")
        kept = {key: known[key] for key in ("seq", "at", "by", "state")}
        self.requests[request["id"]] = {**copy.deepcopy(request), **kept}

    def on_request_resolved(self, event):
        request = self.find(self.requests, event["request"]["id"])
        if request["state"] != "open":
            raise ProtocolError(f"request {request['id']} ended twice")
        request["state"] = event["type"].removeprefix("request.")
        if "answer" in event["request"]:
            request["answer"] = {**event["request"]["answer"], "by": event["by"], "at": event["at"]}
        if "reason" in event["request"]:
            request["reason"] = event["request"]["reason"]

    on_request_expired = on_request_withdrawn = on_request_resolved

    def add(self, items, event, item, with_by=True, **more):
        if item["id"] in items:
            raise ProtocolError(f"{event['type']} twice for {item['id']}")
        by = {"by": event["by"]} if with_by else {}
        items[item["id"]] = {**copy.deepcopy(item), "seq": event["seq"], "at": event["at"], **by, **more}

    def find(self, items, name):
        if name not in items:
            raise ProtocolError(f"an event about {name}, which no event has made")
        return items[name]


def replay(events, upto=None):
    state = State()
    for event in events:
        if upto is None or event["seq"] <= upto:
            state.apply(event)
    return state


def comparable(snapshot):
    """A snapshot without what events do not fix: absent and null are the same, `updated` is a listing's affair, `reads` are notes."""
    def clean(value):
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items() if item is not None}
        return [clean(item) for item in value] if isinstance(value, list) else value

    snapshot = clean(snapshot)
    snapshot["session"].pop("updated", None)
    snapshot.pop("reads", None)
    return snapshot


def texts(snapshot):
    return {part["id"]: part["text"] for message in snapshot["messages"] for part in message["parts"]}
