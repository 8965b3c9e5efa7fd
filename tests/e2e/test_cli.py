"""The command line, as a script would use it."""
import json
import subprocess
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from client import Api, start_run, take_work
from conftest import eventually
from reducer import comparable, replay, texts
from server import BINARY, environment, free_port


def throughline(*arguments, input=None, seconds=30, **settings):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, input=input, timeout=seconds,
                          env={**environment(), **settings})


@pytest.fixture
def cli(server):
    def run(*arguments, status=0, **more):
        done = throughline("session", *arguments, "--server", server.url, **more)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout
    return run


def conversation(api, session="s"):
    api.create(session, title="The sea")
    run = start_run(api, session, "bot")
    run.write(*run.start_message("m", "p"), run.append("p", "Because 🌊")).ok(200)
    return run


@pytest.mark.parametrize("command", ["serve", "session", *(f"session {leaf}" for leaf in (
    "list", "show", "tail", "send", "stop", "steer", "interrupt", "pause", "resume", "queue", "requests", "answer", "takeover",
    "handback", "say", "export", "erase", "runs", "people", "branches", "policies", "fork", "context"))])
def test_every_command_has_help_with_examples(command):
    done = throughline(*command.split(), "--help")
    assert done.returncode == 0 and "USAGE" in done.stdout.upper()
    assert command == "session" or "throughline " + command in done.stdout
    assert command == "session" or "example" in done.stdout.lower()


def test_list_and_show(cli, api):
    conversation(api)
    assert "The sea" in cli("list") and "s" in cli("list").split()
    listed = [json.loads(line) for line in cli("list", "--json").splitlines()]
    assert [(item["id"], item["activity"]) for item in listed] == [("s", "working")]
    assert "Because 🌊" in cli("show", "s")
    assert comparable(json.loads(cli("show", "s", "--json"))) == comparable(api.snapshot("s"))


def test_send_then_stop(cli, api):
    run = conversation(api)
    cli("send", "s", "And why?", "--json")
    assert api.snapshot("s")["inputs"][0]["parts"] == [{"kind": "text", "text": "And why?"}]
    cli("stop", "s")
    snapshot = api.snapshot("s")
    assert [item["state"] for item in snapshot["runs"]] == ["cancelled"]
    assert snapshot["commands"][0]["verb"] == "cancel"
    assert run.write(run.append("p", "late")).code == "run_cancelled"


def test_runs_people_branches_and_policies(cli, api):
    run = conversation(api)
    run.write({"type": "run.updated", "run": {"label": "reading", "progress": {"fraction": 0.4, "text": "page 3 of 8"}}}).ok(200)
    below = start_run(api, "s", "helper", parent=run.id)
    assert cli("runs", "s").splitlines() == [f"{run.id}  reading (bot): at work, 40 %, page 3 of 8", f"  {below.id}  helper: at work"]
    below.end().ok(200)
    run.end().ok(200)
    assert cli("runs", "s") == "Nobody is at work.\n" and len(cli("runs", "s", "--all", "--json").splitlines()) == 2
    assert "nobody is at work" in throughline("session", "pause", "s", "--server", f"http://127.0.0.1:{api.port}").stderr

    api.post("/v1/sessions/s/presence", {"typing": True}).ok(200)
    assert "ada (test), typing" in cli("people", "s") and "ada (test), typing" in cli("show", "s")

    api.send("s", "Name a tree.", "tree").ok(201)
    assert "Waiting\n  tree  ada: Name a tree." in cli("show", "s") and cli("branches", "s") == "The conversation does not divide.\n"
    answer = take_work(api, "bot")
    answer.write(*answer.start_message("oak", "oak"), answer.append("oak", "Oak.")).ok(200)
    answer.end().ok(200)
    cli("branches", "s", "--edit", "tree", "--text", "Name a flower.")
    answer = take_work(api, "bot")
    answer.write(*answer.start_message("rose", "rose"), answer.append("rose", "Rose.")).ok(200)
    answer.end().ok(200)
    assert "Rose." in cli("show", "s") and "Oak." not in cli("show", "s")
    assert cli("branches", "s", "--follow", "tree").splitlines()[0] == "* tree  ada: Name a tree."
    assert "Oak." in cli("show", "s") and "Rose." not in cli("show", "s")
    assert "[another answer]" in cli("branches", "s", "--again", "tree")

    tail = subprocess.Popen([BINARY, "session", "tail", "s", "--from-start", "--server", f"http://127.0.0.1:{api.port}"], env=environment(),
                            stdout=subprocess.PIPE, text=True)
    told = []
    threading.Thread(target=lambda: told.extend(line.rstrip() for line in tail.stdout), daemon=True).start()
    expected = ["> ada: Name a tree.", "bot: Oak.", "bot: Rose.", "! anonymous turned to the branch of tree", "! anonymous: pause"]
    try:
        eventually(lambda: [line for line in told if line in expected] == ["! anonymous: pause", *expected[:4]], what="the tail telling of it all")
    finally:
        tail.terminate()
        tail.wait(10)

    cli("policies", "s", "--follow-up", "steer", "--orphan", "90")
    assert json.loads(cli("policies", "s", "--json")) == {"followUp": "steer", "orphan": {"then": "cancel", "after": 90_000}}
    assert cli("policies", "s", "--orphan", "continue").splitlines() == ["follow-up  steer", "orphan     continue"]
    cli("policies", "s", "--orphan", "soon", status=2)


def test_export_is_every_event(cli, api):
    conversation(api).end()
    assert [json.loads(line) for line in cli("export", "s").splitlines()] == api.events("s")
    assert comparable(json.loads(cli("export", "s", "--json"))) == comparable(api.snapshot("s"))
    assert "Because 🌊" in cli("export", "s", "--format", "markdown")


def test_erase_is_for_good(cli, api, server):
    conversation(api)
    assert throughline("session", "erase", "s", "--server", server.url, input="").returncode != 0, "nobody was asked"
    cli("erase", "s", "--yes")
    assert api.get("/v1/sessions/s").status == 410


def test_what_is_not_there_is_said_and_fails(server):
    done = throughline("session", "show", "nobody", "--server", server.url)
    assert done.returncode != 0 and done.stderr.strip() and "nobody" in done.stderr + done.stdout
    nowhere = throughline("session", "list", "--server", f"http://127.0.0.1:{free_port()}")
    assert nowhere.returncode != 0 and nowhere.stderr.strip()


def test_tail_follows_live_and_survives_a_restart(server, api):
    run = conversation(api)
    tail = subprocess.Popen([BINARY, "session", "tail", "s", "--from-start", "--json", "--server", server.url], env=environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    got = []
    threading.Thread(target=lambda: got.extend(json.loads(line) for line in tail.stdout), daemon=True).start()
    try:
        def reached():
            return bool(got) and got[-1].get("seq") == api.snapshot("s")["seq"]
        eventually(reached, what="tail being there")
        server.restart()
        run.sure(run.append("p", " rivers carry"))
        eventually(reached, 30, what="tail being there after kill -9")
        server.stop()
        server.start()
        run.sure(run.append("p", " salts."))
        eventually(reached, 30, what="tail being there after a stop")
        assert got[0]["seq"] == 1
        assert texts(replay(got).snapshot()) == {"p": "Because 🌊 rivers carry salts."}
        assert tail.poll() is None, tail.stderr.read()
    finally:
        tail.terminate()
        tail.wait(10)


def test_serve_refuses_to_start_without_dev_and_keys(tmp_path):
    done = throughline("serve", "--port", str(free_port()), "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "--dev" in done.stderr + done.stdout and "--keys" in done.stderr + done.stdout


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_dev_refuses_a_host_that_is_not_loopback(tmp_path, host):
    done = throughline("serve", "--dev", "--host", host, "--port", str(free_port()), "--data", str(tmp_path / "data"))
    assert done.returncode != 0 and "loopback" in (done.stderr + done.stdout).lower()


def test_the_environment_and_a_file_say_the_same_as_flags(tmp_path):
    """A flag wins over the environment, the environment over the file."""
    ports = [free_port() for _ in range(3)]
    file = tmp_path / "throughline.json"
    file.write_text(json.dumps({"dev": True, "port": ports[0], "data": str(tmp_path / "data"), "host": "127.0.0.1"}))
    for flags, settings, port in (
        ([], {}, ports[0]),
        ([], {"THROUGHLINE_PORT": str(ports[1])}, ports[1]),
        (["--port", str(ports[2])], {"THROUGHLINE_PORT": str(ports[1])}, ports[2]),
    ):
        process = subprocess.Popen([BINARY, "serve", *flags], env={**environment(), "THROUGHLINE_CONFIG": str(file), **settings},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def ready():
                try:
                    return Api(port).get("/ready").status == 200
                except OSError:
                    return False
            eventually(ready, what=f"port {port}")
        finally:
            process.terminate()
            process.wait(20)


def test_keys_let_in_who_has_one_and_nobody_else(start, tmp_path):
    file = tmp_path / "keys.json"
    made = throughline("key", "create", "laptop", "--keys", str(file))
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key not in file.read_text() and file.stat().st_mode & 0o077 == 0
    assert "laptop" in throughline("key", "list", "--keys", str(file)).stdout

    server = start("--keys", str(file), dev=False)
    api, right, wrong = Api(server.port), {"Authorization": f"Bearer {key}"}, {"Authorization": "Bearer tl_wrong"}
    for path in ("/v1/sessions", "/v1/sessions/s", "/v1/sessions/s/events", "/v1/models"):
        assert (api.get(path).status, api.get(path).code) == (401, "key_missing")
        assert (api.get(path, headers=wrong).status, api.get(path, headers=wrong).code) == (401, "key_invalid")
    api.call("PUT", "/v1/sessions/s", {}, headers=right).ok(201)
    event = api.get("/v1/sessions/s/events", headers=right).ok(200).json["events"][0]
    assert event["by"]["key"] == "laptop"

    address = f"ws://127.0.0.1:{server.port}/v1/connect"
    with connect(address, subprotocols=["throughline.v1", f"bearer.{key}"]) as socket:
        assert socket.subprotocol == "throughline.v1"
        socket.send(json.dumps({"id": 1, "op": "get", "session": "s"}))
        assert json.loads(socket.recv(5))["ok"]["seq"] == 1
    with connect(address, subprotocols=["throughline.v1"]) as socket:
        socket.send(json.dumps({"id": 1, "op": "auth", "key": key}))
        assert "ok" in json.loads(socket.recv(5))
    with pytest.raises((ConnectionClosed, InvalidStatus)) as refused:
        with connect(address, subprotocols=["throughline.v1", "bearer.tl_wrong"]) as socket:
            socket.send(json.dumps({"id": 1, "op": "get", "session": "s"}))
            socket.recv(5)
    assert "4401" in str(refused.value) or "401" in str(refused.value)
    listed = throughline("session", "list", "--json", "--server", server.url, THROUGHLINE_KEY=key)
    assert listed.returncode == 0 and json.loads(listed.stdout)["id"] == "s"
    assert key not in server.log_tail(10_000)

    assert throughline("key", "revoke", "laptop", "--keys", str(file)).returncode == 0
    server.terminate()
    server.start()
    assert Api(server.port).get("/v1/sessions", headers=right).code == "key_invalid"


def test_a_second_server_on_the_same_data_is_refused(server):
    done = throughline("serve", "--dev", "--port", str(free_port()), "--data", str(server.data))
    assert done.returncode != 0 and (done.stderr + done.stdout).strip()
    assert server.alive


def test_answer_and_take_over(cli, api):
    run = conversation(api)
    assert "Nothing is asked" in cli("requests", "s")
    run.write({"type": "request.opened", "request": {"id": "q", "kind": "approval", "prompt": "May I?", "arguments": [1]}},
              {"type": "request.opened", "request": {"id": "w", "kind": "choice", "prompt": "Which?", "choices": ["a", "b"]}}).ok(200)
    listed = cli("requests", "s")
    assert "May I?" in listed and "with [1]" in listed and "Which?" in listed
    cli("answer", "s", "q", "perhaps", status=2)
    cli("answer", "s", "q", "no", "--note", "not today", "--as", "bob")
    cli("answer", "s", "q", "yes", status=1)
    cli("answer", "s", "w", "c", status=1)
    assert [item["answer"]["value"] for item in map(json.loads, cli("requests", "s", "--all", "--json").splitlines())
            if item["state"] == "resolved"] == [False]
    olga = ("--as", "olga; role=operator")
    cli("takeover", "s", status=1)
    cli("takeover", "s", *olga)
    cli("takeover", "s", "--as", "otto; role=operator", status=1)
    assert run.write(*run.start_message("n", "o")).code == "baton_held"
    cli("say", "s", "I am here.", *olga)
    cli("say", "s", "Psst", "--to", "operators", *olga)
    cli("handback", "s", "All yours.", *olga)
    shown = cli("show", "s")
    assert "I am here." in shown and "Psst" not in shown and "All yours." not in shown
    assert "Psst" in cli("show", "s", *olga) and "Psst" not in cli("export", "s") and "Psst" in cli("export", "s", *olga)
