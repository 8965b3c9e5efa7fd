"""An agent's side of a session over HTTP, with the standard library only: take work, start runs, write, end.

A thread of the run's own keeps its lease while nothing is written, and hears what people want of it.
Every write has a number, so that it can be sent again after any failure and is stored once.
"""
import http.client
import json
import os
import secrets
import threading
import time
import urllib.parse

LEASE_MILLISECONDS = 15_000
PATIENCE_SECONDS = 60
AWAY = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)
RETRIED = {408, 429, 500, 503}
INTERRUPTED = {"part_ended", "message_ended"}
STOPS = {"run_cancelled", "run_ended", "run_fenced", "budget_exceeded"}


class Refused(Exception):
    """The server said no; `code` is the protocol's."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status, self.code, self.problem = status, problem.get("code"), problem


class Stopped(Exception):
    """The run is not ours any more: it was cancelled, ended, or given to another. Nothing more can be written."""


class Server:
    """One Throughline server, as one agent. Used from one thread."""

    def __init__(self, agent, url=None, key=None):
        self.agent, self.url = agent, url or os.environ.get("THROUGHLINE_SERVER", "http://127.0.0.1:8080")
        self.key = key or os.environ.get("THROUGHLINE_KEY")
        self.address, self.connection = urllib.parse.urlsplit(self.url), None

    def another(self):
        """The same for another thread."""
        return Server(self.agent, self.url, self.key)

    def call(self, method, path, body=None, headers=None, wait=0):
        """One request, sent again until the server answers: whatever is sent here has an id or a number that makes that harmless."""
        headers = {"Throughline-Participant": f"{self.agent}; role=agent", **(headers or {})}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body, ensure_ascii=False).encode()
        until = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(1_000_000):
            try:
                status, answer = self.once(method, path, body, headers, wait)
                if status not in RETRIED:
                    break
            except AWAY:
                if time.monotonic() > until:
                    raise
            time.sleep(min(2, 0.1 * 2 ** attempt))
        if status >= 400:
            raise Refused(status, answer)
        return answer

    def once(self, method, path, body, headers, wait):
        if self.connection is None:
            kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
            self.connection = kind(self.address.hostname, self.address.port, timeout=wait + 20)
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            held = response.read()
            return response.status, json.loads(held) if held else {}
        except BaseException:
            self.connection.close()
            self.connection = None
            raise

    def take(self, wait=30, **more):
        """The next input for this agent, with those merged with it, and a run that answers them, or nothing. `more`: fields of `POST /v1/work`."""
        body = {"id": mint("w"), "agent": self.agent, "wait": wait, "lease": {"milliseconds": LEASE_MILLISECONDS}, **more}
        work = self.call("POST", "/v1/work", body, wait=wait)
        return Run(self, work["session"], work, work.get("inputs", [work["input"]])) if work else None

    def start(self, session, **more):
        """A run of our own, below another with `parent`. `more`: fields of `POST .../runs`."""
        body = {"id": mint("r"), "agent": self.agent, "lease": {"milliseconds": LEASE_MILLISECONDS}, **more}
        return Run(self, session, past_takeover(lambda: self.call("POST", f"/v1/sessions/{session}/runs", body)))

    def snapshot(self, session):
        return self.call("GET", f"/v1/sessions/{session}")


class Run:
    """A run that we hold. `with run:` ends it as completed, as failed after an exception, and not at all after `Stopped`."""

    def __init__(self, server, session, answer, inputs=()):
        self.server, self.session, self.inputs = server, session, inputs
        self.id, self.token = answer["run"]["id"], answer["lease"]["token"]
        self.path = f"/v1/sessions/{session}/runs/{self.id}"
        self.number, self.lock, self.stopped, self.over = 0, threading.Lock(), None, threading.Event()
        self.commands, self.taken = answer.get("commands", []), set()
        threading.Thread(target=self.keep, args=(server.another(),), daemon=True).start()

    @property
    def question(self):
        """What the inputs say."""
        return "\n".join(part.get("text", "") for input in self.inputs for part in input["parts"])

    def write(self, *events):
        """Stores events, all or none. The number of a write that was refused is not used up."""
        with self.lock:
            answer = past_takeover(lambda: self.send(self.server, "events", list(events), {"Write-Seq": str(self.number + 1)}))
            self.number += 1
            return answer

    def progress(self, fraction, text):
        """Says how far it is, for everybody to see beside its name."""
        self.write({"type": "run.updated", "run": {"progress": {"fraction": round(fraction, 2), "text": text}}})

    def take(self, verb):
        """The commands of one kind that people gave and that were not taken before, oldest first."""
        found = [command for command in self.commands if command["verb"] == verb and command["id"] not in self.taken]
        self.taken.update(command["id"] for command in found)
        return found

    def ask(self, request):
        """Asks people, and waits for the answer; nothing when nobody gave one. Several threads may ask at once."""
        self.write({"type": "request.opened", "request": request})
        server = self.server.another()
        while True:
            if self.stopped:
                raise Stopped(self.stopped)
            path = f"/v1/sessions/{self.session}/requests/{request['id']}?wait=20"
            held = server.call("GET", path, wait=20)["request"]
            if held["state"] != "open":
                return held.get("answer")

    def message(self, kind="text", **more):
        """Begins a message, with its first part unless `kind` is None. `more`: fields of the part."""
        return Message(self, kind, more)

    def end(self, reason="completed", **more):
        with self.lock:
            self.send(self.server, "end", {"reason": reason, **more})
        self.over.set()

    def send(self, server, leaf, body, headers=None):
        if self.stopped:
            raise Stopped(self.stopped)
        try:
            return self.heard(server.call("POST", f"{self.path}/{leaf}", body, {"Run-Lease": self.token, **(headers or {})}))
        except Refused as refusal:
            if refusal.code in STOPS:
                self.stopped = refusal.code
                self.over.set()
                raise Stopped(refusal.code) from None
            raise

    def heard(self, answer):
        """Every answer of the server says which commands wait for this run."""
        self.commands = answer.get("commands", [])
        return answer

    def keep(self, server):
        """Renews the lease until the run is over."""
        while not self.over.wait(LEASE_MILLISECONDS / 3000):
            try:
                self.send(server, "heartbeat", {})
            except (Stopped, Refused, *AWAY):
                pass  # Stopped: the run's own thread will see. Away: the next one may get through.

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if not self.over.is_set():
                self.end(**({"reason": "failed", "error": {"code": "agent_failed", "message": str(error)[:500]}} if error else {}))
        except Stopped:
            return error is None
        finally:
            self.over.set()
        return isinstance(error, Stopped)


class Message:
    """A message that grows by one part at a time. Where an operator interrupted it, what comes then is said in a new one."""

    def __init__(self, run, kind, fields):
        self.run, self.part = run, None
        self.start()
        if kind:
            self.begin(kind, **fields)

    def start(self):
        self.id = mint("m")
        self.waiting = [{"type": "message.started", "message": {"id": self.id, "role": "assistant"}}]

    def begin(self, kind, **fields):
        """Begins the next part; it is written with its first text."""
        self.close()
        self.fields = {"kind": kind, **fields}
        self.start_part()

    def start_part(self):
        self.part, self.length = mint("p"), 0
        self.waiting.append({"type": "part.started", "part": {"id": self.part, "message": self.id, **self.fields}})

    def close(self):
        """Ends the part, if one is open."""
        while self.part and not self.write({"type": "part.ended", "part": {"id": self.part, "status": "complete"}}):
            if not self.waiting:
                break  # Its end was the interruption.
            self.start()
            self.start_part()
        self.part = None

    def say(self, text):
        """Appends to the part."""
        while text and not self.write({"type": "part.appended", "part": {"id": self.part, "offset": self.length, "text": text}}):
            self.start()
            self.start_part()
        self.length += len(text.encode())

    def end(self):
        if not self.write({"type": "message.ended", "message": {"id": self.id, "status": "complete"}}):
            self.waiting = []

    def write(self, event):
        """Writes what waits and an event; false where the message was interrupted, and nothing was stored."""
        try:
            self.run.write(*self.waiting, event)
        except Refused as refusal:
            if refusal.code not in INTERRUPTED:
                raise
            return False
        self.waiting = []
        return True


def past_takeover(ask):
    """While an operator has taken over, runs and writes are refused with `baton_held`: the same is sent again until it is taken."""
    while True:
        try:
            return ask()
        except Refused as refusal:
            if refusal.code != "baton_held":
                raise
            time.sleep(0.5)


def mint(prefix):
    return f"{prefix}-{secrets.token_hex(12)}"
