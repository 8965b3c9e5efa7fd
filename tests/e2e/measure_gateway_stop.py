"""How long it takes after a stop until the gateway has closed its connection to the upstream.

    .venv-e2e/bin/python tests/e2e/measure_gateway_stop.py              against the release build
    .venv-e2e/bin/python tests/e2e/measure_gateway_stop.py --stops 20   a shorter run

An upstream that counts aloud, callers and whoever stops them are one process beside the server. For each of three moments (the upstream
has not answered at all; it has sent its head but no token; it is in mid-stream) it begins calls with a session of their own, stops them
one after the other by `POST .../commands` while the others go on, and takes the time from sending the command to the end of the
upstream's connection. Then it looks at what is stored: every run cancelled, every command applied, nothing behind an end. Prints one JSON
object; exits with 1 where something is wrong, or an upstream was closed later than after a second.
"""
import argparse
import asyncio
import json
import os
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("THROUGHLINE_BIN", str(ROOT / ".build/release/throughline"))

import server as servers  # noqa: E402
from client import Api  # noqa: E402

MOMENTS = ("before its head", "before its first token", "in mid-stream")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENCE = 20
WORST_MS = 1000


class Upstream:
    """Answers as the model's name says, and notes when each connection ended, under the name of its session."""

    def __init__(self, rate):
        self.rate, self.reached, self.closed = rate, {}, {}

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    def expect(self, name):
        loop = asyncio.get_running_loop()
        self.reached[name], self.closed[name] = loop.create_future(), loop.create_future()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "transfer-encoding: chunked" in head:
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(int(head.split("content-length:")[1].split()[0]))
        asked = json.loads(body)
        name, moment = asked["messages"][-1]["content"], asked["model"]
        talk = asyncio.create_task(self.talk(writer, MOMENTS.index(moment), name))
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        self.closed[name].set_result(time.perf_counter())
        talk.cancel()
        writer.close()

    async def talk(self, writer, moment, name):
        if moment == 0:
            return self.reached[name].set_result(True)
        writer.write(HEAD)
        number = 0
        while moment == 2:
            frame = "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
                {"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}]}) + "\n\n"
            writer.write(b"%x\r\n%s\r\n" % (len(frame), frame.encode()))
            number += 1
            if number == 3:
                self.reached[name].set_result(True)
            await asyncio.sleep(1 / self.rate)
        self.reached[name].set_result(True)


async def http(port, method, path, body=None, headers=""):
    """One request on a connection of its own; the reader after the head, and its writer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode() if body is not None else b""
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(data)}\r\n{headers}\r\n".encode() + data)
    return reader, writer


async def call(port, name, moment):
    """A caller through the gateway, who reads until the end."""
    reader, writer = await http(port, "POST", "/v1/chat/completions", {
        "model": moment, "stream": True, "messages": [{"role": "user", "content": name}]},
        f"Throughline-Session: {name}\r\nConnection: close\r\n")
    try:
        while await reader.read(65536):
            pass
    finally:
        writer.close()


async def stop(port, upstream, name):
    """Stops what runs in a session; how many seconds until the answer, and until the upstream's connection had ended."""
    reader, writer = await http(port, "GET", "/health")
    await reader.readuntil(b"\r\n\r\n")  # The connection is there before the time is taken.
    body = json.dumps({"id": f"stop-{name}", "verb": "cancel", "target": {"all": True}}).encode()
    request = f"POST /v1/sessions/{name}/commands HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n" \
              f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    began = time.perf_counter()
    writer.write(request)
    answered = asyncio.create_task(reader.read(65536))
    ended = await asyncio.wait_for(upstream.closed[name], PATIENCE) - began
    await answered
    writer.close()
    return ended


async def measure(port, upstream, moment, options):
    """The times of all stops of one moment, in groups of calls that are open at once."""
    taken, names = [], []
    for first in range(0, options.stops, options.open):
        group = [f"m{MOMENTS.index(moment)}-{number}" for number in range(first, min(first + options.open, options.stops))]
        for name in group:
            upstream.expect(name)
        callers = [asyncio.create_task(call(port, name, moment)) for name in group]
        await asyncio.wait_for(asyncio.gather(*(upstream.reached[name] for name in group)), PATIENCE)
        for name in group:
            taken.append(await stop(port, upstream, name))
            await asyncio.sleep(options.pause)
        await asyncio.wait_for(asyncio.gather(*callers), PATIENCE)
        names += group
    return taken, names


def check(port, names):
    """What is wrong in what is stored."""
    api, wrong = Api(port), []
    for name in names:
        snapshot = api.snapshot(name)
        if [run["state"] for run in snapshot["runs"]] != ["cancelled"]:
            wrong.append(f"{name}: {[run['state'] for run in snapshot['runs']]}")
        wrong += [f"{name}: the command is {command['state']}" for command in snapshot["commands"] if command["state"] != "applied"]
        types = [event["type"] for event in api.events(name)]
        if "part.appended" in types[types.index("run.ended"):]:
            wrong.append(f"{name}: something is said behind the end")
    return wrong


async def rounds(options):
    upstream = Upstream(options.rate)
    upstream_port = await upstream.start()
    found, wrong = {}, []
    with tempfile.TemporaryDirectory() as folder:
        server = servers.Server(pathlib.Path(folder), "--upstream", f"http://127.0.0.1:{upstream_port}/v1").start()
        try:
            for moment in MOMENTS:
                taken, names = await measure(server.port, upstream, moment, options)
                found[moment] = figures(sorted(taken))
                wrong += too_late(moment, found[moment])
                wrong += await asyncio.to_thread(check, server.port, names)
        finally:
            await asyncio.to_thread(server.stop)
    return found, wrong


def figures(taken):
    place = lambda share: round(taken[min(len(taken) - 1, int(share * len(taken)))] * 1000, 2)  # noqa: E731
    return {"p50_ms": place(0.5), "p90_ms": place(0.9), "p99_ms": place(0.99), "worst_ms": place(1)}


def too_late(moment, found):
    """What took longer than it may."""
    if found["worst_ms"] > WORST_MS:
        yield f"{moment}: an upstream was closed after {found['worst_ms']} ms"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stops", type=int, default=100, help="at each of the three moments")
    options.add_argument("--open", type=int, default=20, help="calls that are open at once")
    options.add_argument("--rate", type=float, default=30, help="tokens a second of each call")
    options.add_argument("--pause", type=float, default=0.05, help="seconds between two stops")
    options = options.parse_args()
    found, wrong = asyncio.run(rounds(options))
    print(json.dumps({"stops": options.stops, "open": options.open, "rate": options.rate, **found, "wrong": wrong[:10]}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
