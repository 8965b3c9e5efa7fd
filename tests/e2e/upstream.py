r"""An OpenAI-compatible upstream that plays recordings, with the faults of real ones, and sees when its client leaves.

The model's name chooses the recording: `{"model": "chat"}` plays `recordings/chat.jsonl`; `upstream.next = ["first", "second"]` names
those of the next calls instead. A recording's lines are

    {"status": 200, "type": "text/event-stream"}     the head, first; `delay` holds it back
    {"delay": 0.03, "data": "data: {...}\n\n"}       a piece of the body, and the seconds before it
    {"gate": "middle"}                               waits until the test calls `upstream.open("middle")`
    {"end": "eof" | "reset" | "cut"}                 a proper end, a TCP reset, a close without the last chunk

`speed` divides every delay; `chop` sends the body in pieces of that many bytes, characters and frames cut anywhere.
"""
import http.server
import json
import pathlib
import select
import socket
import struct
import threading
import time

RECORDINGS = pathlib.Path(__file__).parent / "recordings"
LONGEST_WAIT = 60


def load(name):
    with open(RECORDINGS / f"{name}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def body_of(name):
    """The whole body of a recording, as bytes."""
    return "".join(step.get("data", "") for step in load(name)).encode()


def text_of(name, field="content"):
    """What the deltas of a recording say, put together."""
    text = ""
    for frame in body_of(name).decode().split("\n\n"):
        if frame.startswith("data: {"):
            for choice in json.loads(frame[6:]).get("choices", []):
                text += choice["delta"].get(field) or ""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


class Call:
    """One request that reached the upstream."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.sent = b""
        self.client_left = threading.Event()
        self.finished = threading.Event()


class ClientLeft(Exception):
    pass


class Upstream:
    def __init__(self):
        self.calls, self.next, self.speed, self.chop, self.gates = [], [], 1.0, None, {}
        self.arrived = threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda *arguments: None  # clients that go away are what these tests are about
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        for gate in self.gates.values():
            gate.set()
        self.server.shutdown()
        self.server.server_close()

    def gate(self, name):
        return self.gates.setdefault(name, threading.Event())

    def open(self, name):
        self.gate(name).set()

    def wait_for_calls(self, count, seconds=10):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.calls) >= count, seconds), \
                f"{len(self.calls)} calls reached the upstream, not {count}"
        return self.calls[count - 1]

    def handler(upstream):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                body = json.dumps({"object": "list", "data": [{"id": "chat", "object": "model"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else self.read_chunks()
                call = Call(self.path, dict(self.headers), json.loads(body))
                with upstream.arrived:
                    upstream.calls.append(call)
                    upstream.arrived.notify_all()
                try:
                    upstream.play(self, call)
                except (ClientLeft, OSError):
                    call.client_left.set()
                    self.close_connection = True
                finally:
                    call.finished.set()

            def read_chunks(self):
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

        return Handler

    def play(self, handler, call):
        head, *steps = load(self.next.pop(0) if self.next else call.body["model"])
        self.wait(handler, head.get("delay", 0))
        handler.send_response(head["status"])
        handler.send_header("Content-Type", head["type"])
        for name, value in head.get("headers", {}).items():
            handler.send_header(name, value)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        for step in steps:
            if "gate" in step:
                self.wait(handler, LONGEST_WAIT, self.gate(step["gate"]))
            elif "data" in step:
                self.wait(handler, step["delay"])
                self.send(handler, call, step["data"].encode())
            elif step["end"] == "eof":
                handler.wfile.write(b"0\r\n\r\n")
            else:
                # What has just been sent would be thrown away by a reset that follows at once.
                self.wait(handler, step.get("delay", 0) * self.speed)
                if step["end"] == "reset":
                    handler.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                handler.close_connection = True

    def send(self, handler, call, data):
        size = self.chop or len(data)
        for start in range(0, len(data), size):
            piece = data[start:start + size]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
            call.sent += piece
            if self.chop:
                time.sleep(0.0005)

    def wait(self, handler, seconds, gate=None):
        """Waits, and notices a client that goes away meanwhile."""
        until = time.monotonic() + (seconds if gate else seconds / self.speed)
        while not (gate and gate.is_set()):
            rest = until - time.monotonic()
            readable, _, _ = select.select([handler.connection], [], [], max(0, min(rest, 0.02)))
            if readable and not handler.connection.recv(1, socket.MSG_PEEK):
                raise ClientLeft
            if rest <= 0:
                return
            if readable:
                time.sleep(min(0.01, max(0, rest)))
