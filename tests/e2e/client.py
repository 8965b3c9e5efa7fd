"""The smallest client of the protocol that a test can steer byte by byte: one connection a thread, no retry of its own."""
import http.client
import json
import threading
import time
import urllib.parse

DOWN = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code") if self.body[:1] == b"{" else None

    def ok(self, *statuses):
        assert self.status in (statuses or (200, 201, 202, 204)), f"{self.status}: {self.body[:500]!r}"
        return self

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Api:
    """HTTP to one server, as one participant."""

    def __init__(self, port, participant=None, timeout=30):
        self.port, self.participant, self.timeout = port, participant, timeout
        self.local = threading.local()

    def call(self, method, path, body=None, headers=(), raw=None):
        headers = dict(headers)
        if self.participant:
            headers.setdefault("Throughline-Participant", self.participant)
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except BaseException:
            connection.close()
            self.local.connection = None
            raise

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def snapshot(self, session):
        return self.get(f"/v1/sessions/{session}").ok(200).json

    def events(self, session, after=0):
        """All events after one, never merged."""
        body = self.get(f"/v1/sessions/{session}/events?after={after}",
                        headers={"Accept": "application/x-ndjson"}).ok(200).body
        return [json.loads(line) for line in body.splitlines() if line.strip()]

    def create(self, session, **fields):
        return self.call("PUT", f"/v1/sessions/{session}", fields).ok(200, 201).json

    def send(self, session, text, input=None, **more):
        body = {"parts": [{"kind": "text", "text": text}], **more}
        if input:
            body["id"] = input
        return self.post(f"/v1/sessions/{session}/inputs", body)

    def command(self, session, target, id=None, wait=0, verb="cancel", text=None, **more):
        body = {"verb": verb, "target": target, **({"id": id} if id else {}), **more}
        if text is not None:
            body["parts"] = [{"kind": "text", "text": text}]
        return self.post(f"/v1/sessions/{session}/commands?wait={wait}", body)

    def stream(self, path, headers=(), timeout=None):
        """An open response to read from, line by line; `with`, or close it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout or self.timeout)
        connection.connect()
        socket = connection.sock
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        response.connection, response.socket = connection, socket
        return response

    def sse(self, session, after=0, start=None, last_event_id=None, timeout=None):
        """The events of a live stream: `(id, kind, value)`; comments are left out."""
        query = urllib.parse.urlencode({"from": start} if start else {"after": after})
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        response = self.stream(f"/v1/sessions/{session}/events?{query}", headers, timeout)
        if response.status != 200:
            raise AssertionError(f"{response.status}: {response.read()[:300]!r}")
        return SSE(response)


class SSE:
    def __init__(self, response):
        self.response, self.retry = response, None

    def __iter__(self):
        for identifier, kind, data in frames(self.response):
            if kind == "retry":
                self.retry = int(data)
            else:
                yield identifier, kind, json.loads(data) if data else None

    def close(self):
        self.response.close()
        self.response.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def frames(lines):
    """Splits an SSE body as its standard says: `(id, event, data)`; a lone `retry:` as `(None, "retry", value)`."""
    identifier, kind, data = None, "message", []
    for raw in lines:
        line = raw.rstrip(b"\r\n").decode()
        if not line:
            if data:
                yield identifier, kind, "\n".join(data)
            identifier, kind, data = None, "message", []
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name == "id":
                identifier = value
            elif name == "event":
                kind = value
            elif name == "retry":
                yield None, "retry", value


class Run:
    """An agent's side of one run: numbers its writes, keeps what it sent, may be retried after any failure."""

    def __init__(self, api, session, run, lease):
        self.api, self.session, self.id = api, session, run
        self.token, self.epoch = lease["token"], lease["epoch"]
        self.seq, self.lengths = 0, {}
        self.unanswered = None

    def path(self, leaf):
        return f"/v1/sessions/{self.session}/runs/{self.id}/{leaf}"

    def headers(self, **more):
        return {"Run-Lease": self.token, **more}

    def post(self, seq, events):
        return self.api.post(self.path("events"), events, headers=self.headers(**{"Write-Seq": str(seq)}))

    def write(self, *events):
        """One numbered write. When the connection fails, `unanswered` holds it for `retry`."""
        self.seq += 1
        self.unanswered = (self.seq, events)
        answer = self.post(self.seq, events)
        self.unanswered = None
        return answer

    def retry(self, seconds=20):
        """Sends the unanswered write again, as long as the server is away."""
        until = time.monotonic() + seconds
        while True:
            try:
                answer = self.post(*self.unanswered)
                if answer.status != 503:
                    self.unanswered = None
                    return answer
            except DOWN:
                pass
            assert time.monotonic() < until, "the server did not come back"
            time.sleep(0.1)

    def sure(self, *events):
        """A write that is retried until it is answered."""
        try:
            return self.write(*events).ok(200)
        except DOWN:
            return self.retry().ok(200)

    def start_message(self, message, part, kind="text"):
        self.lengths[part] = 0
        return [{"type": "message.started", "message": {"id": message, "role": "assistant"}},
                {"type": "part.started", "part": {"id": part, "message": message, "kind": kind}}]

    def append(self, part, text):
        offset = self.lengths[part]
        self.lengths[part] = offset + len(text.encode())
        return {"type": "part.appended", "part": {"id": part, "offset": offset, "text": text}}

    def heartbeat(self):
        return self.api.post(self.path("heartbeat"), {}, headers=self.headers())

    def end(self, reason="completed", **more):
        return self.api.post(self.path("end"), {"reason": reason, **more}, headers=self.headers())


def take_work(api, agent, id=None, wait=10, lease=None, **more):
    """Takes an input; the run to answer it, or nothing."""
    body = {"agent": agent, "wait": wait, **({"id": id} if id else {}), **more}
    if lease:
        body["lease"] = {"milliseconds": lease}
    answer = api.post("/v1/work", body).ok(200, 204)
    if answer.status == 204:
        return None
    work = answer.json
    run = Run(api, name_of(work["session"]), name_of(work["run"]), work["lease"])
    run.input = work["input"]
    run.inputs = work.get("inputs", [work["input"]])
    return run


def start_run(api, session, agent, id=None, lease=None, **more):
    body = {"agent": agent, **more, **({"id": id} if id else {})}
    if lease:
        body["lease"] = {"milliseconds": lease}
    answer = api.post(f"/v1/sessions/{session}/runs", body).ok(200, 201).json
    return Run(api, session, answer["run"]["id"], answer["lease"])


def name_of(value):
    """The id of a thing that an answer gives as its id or as itself."""
    return value["id"] if isinstance(value, dict) else value
