"""Readers that drop, resume, lag and join late, on every transport at once, while agents write: all end with the same state."""
import asyncio
import json
import random
import threading
import time

import aiohttp
import pytest
import websockets

from client import Api, start_run, take_work
from reducer import State, comparable, replay, texts

WORDS = ["sea ", "🌊", "👩‍👩‍👧", "e\u0301", "n\u0303", "שלום ", "مرحبا ", "𝄞𝄢", "🏳️‍🌈", "漢字", "\\n\"", "\n", "ß", "क्षि ", "🇪🇺", "\u202eabc\u202c"]
SECONDS = 6


class Writer(threading.Thread):
    """An agent that answers inputs and starts runs of its own, in small pieces that cut graphemes apart."""

    def __init__(self, port, session, name, seed):
        super().__init__(daemon=True)
        self.api, self.session, self.chance = Api(port, f"{name}; role=agent"), session, random.Random(seed)
        self.agent, self.error, self.said = name, None, {}

    def run(self):
        try:
            until, number = time.monotonic() + SECONDS, 0
            while time.monotonic() < until:
                number += 1
                self.answer(f"{self.agent}-{number}")
        except BaseException as error:
            self.error = error

    def answer(self, name):
        chance, said = self.chance, ""
        self.api.send(self.session, "?", input=f"in-{name}", agent=self.agent).ok(201)
        run = take_work(self.api, self.agent, wait=5)
        run.write(*run.start_message(f"m-{name}", f"p-{name}", chance.choice(["text", "reasoning"]))).ok(200)
        for _ in range(chance.randrange(5, 40)):
            events = []
            for _ in range(chance.choice([1, 1, 1, 3, 20])):
                word = chance.choice(WORDS)
                cut = chance.randrange(len(word) + 1)
                for piece in filter(None, (word[:cut], word[cut:])):
                    events.append(run.append(f"p-{name}", piece))
                said += word
            run.write(*events).ok(200)
            if chance.random() < 0.3:
                time.sleep(chance.random() * 0.05)
        self.said[f"p-{name}"] = said
        if chance.random() < 0.2:
            self.api.command(self.session, {"run": run.id}).ok(202)
        else:
            run.end(chance.choice(["completed", "failed"])).ok(200)


class Reader:
    """Keeps a state by one transport through random drops, and stops when it holds event `goal()`."""

    def __init__(self, port, session, chance, snapshots):
        self.base, self.session = f"http://127.0.0.1:{port}/v1/sessions/{session}", session
        self.socket = f"ws://127.0.0.1:{port}/v1/connect"
        self.chance, self.snapshots, self.state = chance, snapshots, State()
        self.connections, self.merged, self.goal = 0, 0, None
        self.slow = chance.random() < 0.3

    async def read(self):
        await asyncio.sleep(self.chance.random() * SECONDS * 0.7)
        async with aiohttp.ClientSession() as self.http:
            while not self.done:
                self.connections += 1
                fresh = self.chance.random() < 0.15 or self.connections == 1 and self.chance.random() < 0.5
                await self.connect(fresh, time.monotonic() + self.chance.random() * 1.5)

    @property
    def done(self):
        return self.goal is not None and self.state.seq >= self.goal

    async def take(self, events):
        for event in events:
            self.merged += "from" in event
            self.state.apply(event)
        if self.slow and not self.goal:
            await asyncio.sleep(self.chance.random() * 0.2)

    def start_from(self, snapshot):
        self.snapshots.append(snapshot)
        self.state = State(snapshot)


class SSEReader(Reader):
    async def connect(self, fresh, until):
        query = "?from=snapshot" if fresh else f"?after={self.state.seq}"
        headers = {"Accept": "text/event-stream"}
        if not fresh and self.chance.random() < 0.5:
            query, headers["Last-Event-ID"] = "?after=0", str(self.state.seq)
        async with self.http.get(self.base + "/events" + query, headers=headers) as response:
            assert response.status == 200, await response.text()
            kind, identifier = "message", None
            while not self.done and time.monotonic() < until:
                try:
                    line = (await asyncio.wait_for(response.content.readline(), 0.3)).decode().rstrip("\n")
                except TimeoutError:
                    continue
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("id: "):
                    identifier = int(line[4:])
                elif line.startswith("data: "):
                    value = json.loads(line[6:])
                    if kind == "snapshot":
                        assert identifier is None
                        self.start_from(value)
                    else:
                        assert identifier == value["seq"]
                        await self.take([value])
                elif not line:
                    kind, identifier = "message", None


class PollReader(Reader):
    async def connect(self, fresh, until):
        if fresh:
            async with self.http.get(self.base) as response:
                self.start_from(await response.json())
        while not self.done and time.monotonic() < until:
            wait = 1 if self.goal is None else 0
            limit = self.chance.choice([1, 7, 500])
            query = f"/events?after={self.state.seq}&live=long-poll&wait={wait}&limit={limit}"
            async with self.http.get(self.base + query) as response:
                assert response.status == 200, await response.text()
                page = await response.json()
                assert len(page["events"]) <= limit and all("from" not in event for event in page["events"])
                await self.take(page["events"])


class LinesReader(Reader):
    async def connect(self, fresh, until):
        query = f"/events?after={self.state.seq}&live=stream"
        async with self.http.get(self.base + query, headers={"Accept": "application/x-ndjson"}) as response:
            assert response.status == 200, await response.text()
            while not self.done and time.monotonic() < until:
                try:
                    line = await asyncio.wait_for(response.content.readline(), 0.3)
                except TimeoutError:
                    continue
                if line.strip():
                    await self.take([json.loads(line)])


class SocketReader(Reader):
    async def connect(self, fresh, until):
        async with websockets.connect(self.socket, subprotocols=["throughline.v1"], max_size=None) as socket:
            start = {"from": "snapshot"} if fresh else {"after": self.state.seq}
            await socket.send(json.dumps({"id": 1, "op": "attach", "session": self.session, **start}))
            while not self.done and time.monotonic() < until:
                try:
                    frame = json.loads(await asyncio.wait_for(socket.recv(), 0.3))
                except TimeoutError:
                    continue
                if "snapshot" in frame:
                    self.start_from(frame["snapshot"])
                elif "events" in frame:
                    await self.take(frame["events"])
                else:
                    assert "ok" in frame, frame
            if self.chance.random() < 0.5:
                socket.transport.abort()


async def read_all(readers, writers, tail):
    async def finish():
        while any(writer.is_alive() for writer in writers):
            await asyncio.sleep(0.1)
        for reader in readers:
            reader.goal = await asyncio.to_thread(tail)

    await asyncio.wait_for(asyncio.gather(finish(), *(reader.read() for reader in readers)), SECONDS + 60)


@pytest.mark.parametrize("round", range(3))
def test_every_reader_ends_with_the_same_state_whatever_happened_to_it(server, api, seeded, round):
    session, snapshots = f"s{round}", []
    api.create(session)
    writers = [Writer(server.port, session, f"agent{number}", seeded.random()) for number in range(3)]
    readers = [kind(server.port, session, random.Random(seeded.random()), snapshots)
               for kind in (SSEReader, PollReader, LinesReader, SocketReader) for _ in range(5)]
    for writer in writers:
        writer.start()
    asyncio.run(read_all(readers, writers, lambda: api.snapshot(session)["seq"]))
    assert not [writer.error for writer in writers if writer.error]

    final, events = comparable(api.snapshot(session)), api.events(session)
    assert [event["seq"] for event in events] == list(range(1, final["seq"] + 1))
    assert comparable(replay(events).snapshot()) == final
    for reader in readers:
        assert comparable(reader.state.snapshot()) == final, type(reader).__name__
    for snapshot in snapshots:
        assert comparable(replay(events, snapshot["seq"]).snapshot()) == comparable(snapshot)
    for writer in writers:
        for part, said in writer.said.items():
            assert texts(final)[part] == said
    assert len(snapshots) > 3 and sum(reader.connections for reader in readers) > 2 * len(readers)


def test_a_text_frame_cut_inside_a_character_comes_out_whole(server, api):
    """WebSocket fragments and HTTP chunks may end inside a character; the text may not."""
    from websockets.sync.client import connect
    text = "👩‍👩‍👧 e\u0301 שלום 𝄞"
    api.create("cut")
    run = start_run(api, "cut", "bot")
    run.write(*run.start_message("m", "p")).ok(200)
    with connect(f"ws://127.0.0.1:{server.port}/v1/connect", subprotocols=["throughline.v1"]) as socket:
        frame = json.dumps({"op": "write", "session": "cut", "run": run.id, "lease": run.token, "seq": 2,
                            "events": [run.append("p", text)]}, ensure_ascii=False).encode()
        socket.send((frame[at:at + 3] for at in range(0, len(frame), 3)), text=True)
        answer = json.loads(socket.recv(10))
        assert answer.get("written") == 2, answer
    lines = b"".join(json.dumps(run.append("p", text), ensure_ascii=False).encode() + b"\n" for _ in range(3))
    api.post(run.path("events"), raw=(lines[at:at + 5] for at in range(0, len(lines), 5)), headers=run.headers(
        **{"Write-Seq": "3", "Content-Type": "application/x-ndjson"})).ok(200)
    assert texts(api.snapshot("cut"))["p"] == text * 4
