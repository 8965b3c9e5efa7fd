"""Two hundred kill -9 while a hundred agents write fifty events a second each over WebSocket, all on one data folder."""
import asyncio
import os
import time

import pytest

from client import Api, start_run
from load import Agent, Reader, drive
from reducer import texts

KILLS = int(os.environ.get("KILL9_LOAD_RUNS", 200))
AGENTS = 100
RATE = 50
# After so many kills the runs end and new sessions begin, so that a start stays as short as the state is small.
ROUND = 25


class Fleet:
    """A hundred agents, each in a session of its own; what has been looked at so far is `verified`."""

    def __init__(self, server, name):
        self.server, self.api = server, Api(server.port, "fleet; role=agent")
        self.agents = []
        for number in range(AGENTS):
            session = f"{name}-{number}"
            self.api.create(session)
            self.agents.append(Agent(number, session, start_run(self.api, session, "bot", lease=600_000)))
        self.readers = [Reader([agent.session for agent in self.agents[start::4]]) for start in range(4)]
        self.verified = {agent.session: 0 for agent in self.agents}
        self.lengths = {agent.session: 0 for agent in self.agents}
        self.heads = {agent.session: 0 for agent in self.agents}

    async def load_and_kill(self, seconds):
        """Connects everybody, lets them write, kills the server in the middle, and drops what is left of the sockets."""
        await asyncio.gather(*(agent.connect(self.server.port) for agent in self.agents),
                             *(reader.connect(self.server.port, self.verified) for reader in self.readers))
        assert all(agent.socket for agent in self.agents), "an agent could not connect"
        await drive(self.agents, seconds, RATE)
        self.server.kill9()
        # What had left the server before is still on its way.
        await asyncio.sleep(0.02)
        for one in (*self.agents, *self.readers):
            one.drop()

    def verify(self):
        """What was acknowledged is there, once and in order, and so is every event that a reader was shown."""
        shown = {session: events for reader in self.readers for session, events in reader.shown.items()}
        found = 0
        for agent in self.agents:
            assert not agent.refusals, agent.refusals
            events = self.api.events(agent.session, self.verified[agent.session])
            first = self.verified[agent.session] + 1
            assert [event["seq"] for event in events] == list(range(first, first + len(events))), "a gap or a duplicate"
            self.check_shown(shown[agent.session], {event["seq"]: event for event in events})
            self.check_writes(agent, events)
            self.verified[agent.session] += len(events)
            found += len(events)
        for reader in self.readers:
            reader.shown = {session: [] for session in reader.sessions}
        return found

    def check_shown(self, shown, by_seq):
        for event in shown:
            if event["type"] == "part.appended" and "from" in event:
                assert event["seq"] in by_seq, "a merged event that was shown is gone"
            else:
                assert by_seq.get(event["seq"]) == event, "an event that was shown is gone or changed"

    def check_writes(self, agent, events):
        for event in events:
            if event["type"] in ("message.started", "part.started"):
                self.heads[agent.session] = 1
            elif event["type"] == "part.appended":
                seq = self.heads[agent.session] + 1
                assert event["part"]["text"] == agent.piece(seq), "a write is lost, or there twice"
                assert event["part"]["offset"] == self.lengths[agent.session], "an offset is wrong"
                self.lengths[agent.session] += len(event["part"]["text"].encode())
                self.heads[agent.session] = seq
        stored = self.heads[agent.session]
        assert agent.acknowledged <= stored <= agent.written, \
            f"{agent.acknowledged} were acknowledged, {agent.written} written, {stored} are there"

    async def finish(self):
        """Everybody's last words, answered; then every text is whole."""
        await asyncio.gather(*(agent.connect(self.server.port) for agent in self.agents))
        until = time.monotonic() + 20
        while any(agent.writes for agent in self.agents):
            assert time.monotonic() < until, "writes were not answered"
            await asyncio.sleep(0.02)
        for agent in self.agents:
            agent.drop()
            assert texts(self.api.snapshot(agent.session))[agent.part] == agent.text(agent.written)
            again = start_run(self.api, agent.session, "bot", agent.run.id)
            assert (again.token, again.epoch) == (agent.run.token, agent.run.epoch), "run id forgotten"
            agent.run.api = self.api
            agent.run.end().ok(200)


@pytest.mark.timeout(900)
def test_two_hundred_kills_under_a_hundred_agents(server, seeded):
    began, found, downtime, acknowledged, fleet = time.monotonic(), 0, 0, 0, None
    for number in range(KILLS):
        if number % ROUND == 0:
            fleet = Fleet(server, f"r{number // ROUND}")
        asyncio.run(fleet.load_and_kill(0.1 + seeded.random() * 0.4))
        stopped = time.monotonic()
        server.start()
        downtime += time.monotonic() - stopped
        fleet.api = Api(server.port, "fleet; role=agent")
        try:
            found += fleet.verify()
            if number % ROUND == ROUND - 1 or number == KILLS - 1:
                acknowledged += sum(agent.written for agent in fleet.agents)
                asyncio.run(fleet.finish())
        except BaseException:
            print(f"in kill {number}")
            raise
    seconds = time.monotonic() - began
    print(f"{KILLS} kills in {seconds:.0f} s, {found} events, {acknowledged} writes, {downtime / KILLS * 1000:.0f} ms a start")
    assert found > 50 * KILLS
