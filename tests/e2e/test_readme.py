"""The README's own commands, and those of other pages, run as they stand (but for the port)."""
import re
import subprocess
import sys

from client import Api, take_work
from conftest import eventually
from reducer import texts
from server import ROOT

TESTED = re.compile(r"<!-- tested -->\n```(\w+)\n(.*?)```", re.S)


def blocks(language, server, page="README.md"):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [code for kind, code in TESTED.findall(text) if kind == language]
    assert found, f"{page} has no tested {language}"
    return [code.replace("http://127.0.0.1:8080", server.url) for code in found]


def run(script):
    done = subprocess.run(["bash", "-euc", script.replace("curl ", "curl --no-progress-meter --fail-with-body ")],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_steps_with_curl(start):
    server = start(demo_agent=True)
    outputs = [run(script) for script in blocks("sh", server)]
    assert "part.appended" in outputs[0], "nobody answered"
    snapshot = Api(server.port).snapshot("sea")
    assert snapshot["inputs"][0]["id"] == "q1" and snapshot["commands"][0]["verb"] == "cancel"


def test_durable_streams_with_curl(server):
    outputs = [run(script) for script in blocks("sh", server, "docs/durable-streams.md")]
    assert 'event: data' in outputs[0] and 'HTTP/1.1 204' in outputs[0]
    assert any('"wake_id"' in output for output in outputs)


def test_the_agent_in_python(server, tmp_path, api):
    script = tmp_path / "agent.py"
    script.write_text(blocks("python", server)[0])
    assert len(script.read_text().splitlines()) <= 35
    api.create("talk")
    for question in ("Why is the sea salty? 🌊", "And the lake?"):
        api.send("talk", question, agent="echo", followUp="merge").ok(201)
    lost = take_work(api, "echo", lease=1000)  # The agent before it got so far.
    lost.write(*lost.start_message(f"m-{lost.id}", f"p-{lost.id}")).ok(200)
    lost.write(*lost.start_message(f"m-{lost.id}-1", f"p-{lost.id}-1")).ok(200)
    agent = subprocess.Popen([sys.executable, str(script)])
    try:
        eventually(lambda: {one["state"] for one in api.snapshot("talk")["inputs"]} == {"answered"}, what="the agent's answer")
        assert list(texts(api.snapshot("talk")).values())[-1] == "You asked: Why is the sea salty? 🌊 And the lake?"
        assert api.snapshot("talk")["runs"][0]["accepts"] == []
    finally:
        agent.kill()
        agent.wait()
