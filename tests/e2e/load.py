"""A hundred agents that write over WebSocket in open loop, and what they were told: one thread, a socket each.

Frames are masked with zeros, so that they can be laid out once; of what comes, only whole text frames are looked at."""
import asyncio
import base64
import json
import os
import struct


def frame(payload):
    """A masked text frame."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x81, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, length)
    return head + b"\0\0\0\0" + payload


class Socket(asyncio.Protocol):
    """One WebSocket; `on_text` gets every text message."""

    def __init__(self, on_text):
        self.on_text, self.buffer, self.is_open, self.lost = on_text, bytearray(), False, False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            ("GET /v1/connect HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Protocol: throughline.v1\r\n\r\n").encode())

    def data_received(self, data):
        self.buffer += data
        if not self.is_open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.buffer.startswith(b"HTTP/1.1 101"):
                return self.transport.abort()
            del self.buffer[:end + 4]
            self.is_open = True
            self.ready.set_result(True)
        self.take_frames()

    def take_frames(self):
        while len(self.buffer) >= 2:
            length, start = self.buffer[1] & 0x7F, 2
            if length >= 126:
                start = 4 if length == 126 else 10
                if len(self.buffer) < start:
                    return
                length = int.from_bytes(self.buffer[2:start], "big")
            if len(self.buffer) < start + length:
                return
            kind, payload = self.buffer[0] & 0x0F, bytes(self.buffer[start:start + length])
            del self.buffer[:start + length]
            if kind == 1:
                self.on_text(json.loads(payload))
            elif kind == 9:
                self.transport.write(struct.pack("!BB", 0x8A, 0x80 | len(payload)) + b"\0\0\0\0" + payload)

    def connection_lost(self, error):
        self.lost = True
        if not self.ready.done():
            self.ready.set_result(False)

    def send(self, message):
        self.transport.write(frame(json.dumps(message, ensure_ascii=False).encode()))


async def open_socket(port, on_text):
    """A socket that is ready, or `None` when the server is not there."""
    try:
        _, socket = await asyncio.get_running_loop().create_connection(lambda: Socket(on_text), "127.0.0.1", port)
    except OSError:
        return None
    return socket if await socket.ready else None


class Agent:
    """One run in one session: a piece of text every so often, whether the ones before were acknowledged or not."""

    MOST_UNANSWERED = 200

    def __init__(self, number, session, run):
        self.number, self.session, self.run = number, session, run
        self.part = f"p{number}"
        self.written, self.acknowledged, self.offset = 0, 0, 0
        self.writes = {}
        self.socket, self.refusals = None, []

    def piece(self, seq):
        return f"{self.number}.{seq} é "

    def text(self, upto):
        """The part's text after so many writes."""
        return "".join(self.piece(seq) for seq in range(2, upto + 1))

    def events(self, seq):
        if seq == 1:
            return [{"type": "message.started", "message": {"id": "m" + self.part, "role": "assistant"}},
                    {"type": "part.started", "part": {"id": self.part, "message": "m" + self.part, "kind": "text"}}]
        text = self.piece(seq)
        event = {"type": "part.appended", "part": {"id": self.part, "offset": self.offset, "text": text}}
        self.offset += len(text.encode())
        return [event]

    def heard(self, message):
        if "written" in message:
            assert message["written"] >= self.acknowledged, "an acknowledgement went back"
            assert message["written"] <= self.written, "more was acknowledged than written"
            for seq in range(self.acknowledged + 1, message["written"] + 1):
                self.writes.pop(seq, None)
            self.acknowledged = message["written"]
        elif "error" in message and message["error"].get("code") != "stopping":
            self.refusals.append(message["error"])

    async def connect(self, port):
        """Connects, and sends again what has no answer: a retry adds nothing."""
        self.socket = await open_socket(port, self.heard)
        for seq in sorted(self.writes) if self.socket else ():
            self.socket.send(self.writes[seq])

    def write(self):
        if not self.socket or self.socket.lost or len(self.writes) >= self.MOST_UNANSWERED:
            return
        self.written += 1
        message = {"op": "write", "session": self.session, "run": self.run.id, "lease": self.run.token,
                   "seq": self.written, "events": self.events(self.written)}
        self.writes[self.written] = message
        self.socket.send(message)

    def drop(self):
        if self.socket:
            self.socket.transport.abort()
        self.socket = None


class Reader:
    """Follows sessions live and keeps what it was shown."""

    def __init__(self, sessions):
        self.sessions, self.shown, self.socket = sessions, {session: [] for session in sessions}, None

    async def connect(self, port, after):
        self.socket = await open_socket(port, self.heard)
        for number, session in enumerate(self.sessions if self.socket else ()):
            self.socket.send({"id": number, "op": "attach", "session": session, "after": after[session]})

    def heard(self, message):
        for event in message.get("events", ()):
            self.shown[message["session"]].append(event)

    def drop(self):
        if self.socket:
            self.socket.transport.abort()
        self.socket = None


async def drive(agents, seconds, rate):
    """Every agent writes `rate` times a second, each at its own moment; a tick that comes late writes what is due."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    due = [number / len(agents) / rate for number in range(len(agents))]
    while (now := loop.time() - began) < seconds:
        for number, agent in enumerate(agents):
            while due[number] <= now:
                agent.write()
                due[number] += 1 / rate
        await asyncio.sleep(0.005)
