"""`throughline data`: verify, repair, backup, restore, against the files and the process of the real server."""
import json
import subprocess
import threading

import pytest

from client import Api, start_run
from reducer import texts
from server import BINARY, environment


def data(*arguments, status=0, stdin=subprocess.DEVNULL, **more):
    done = subprocess.run([BINARY, "data", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=environment(), stdin=stdin, **more)
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Fatal error" not in done.stderr
    return done


def say(api, session, pieces, size=300):
    """A run that says so many pieces in a session of its own."""
    api.create(session)
    run = start_run(api, session, "bot")
    run.write(*run.start_message("m", "p")).ok(200)
    for number in range(pieces):
        run.write(run.append("p", f"{session}-{number} " + "x" * size)).ok(200)
    run.end().ok(200)


@pytest.fixture
def stopped(start):
    """A server that has said something in three sessions and was killed, so that all of it is still in the log."""
    server = start()
    api = Api(server.port, "bot; role=agent")
    for session in ("sea", "river", "lake"):
        say(api, session, 10)
    server.kill9()
    return server


def flip(path, marker, by=4):
    """Changes one bit behind a marker."""
    content = bytearray(path.read_bytes())
    place = content.index(marker) + by
    content[place] ^= 1
    path.write_bytes(content)
    return place


def segment(server):
    return next(path for path in sorted((server.data / "log").iterdir()) if path.read_bytes()[:8] == b"TLCOMMIT")


def test_verify_says_that_all_is_well_and_changes_nothing(stopped):
    files = {path: path.read_bytes() for path in stopped.data.rglob("*") if path.is_file()}
    said = data("verify", stopped.data)
    assert said.stdout.startswith("No damage: 3 streams are whole"), said.stdout
    report = json.loads(data("verify", stopped.data, "--json").stdout)
    assert report["clean"] is True and report["streams"] == 3 and report["findings"] == []
    assert {path: path.read_bytes() for path in stopped.data.rglob("*") if path.is_file()} == files


def test_damage_is_named_repaired_and_confined(stopped):
    place = flip(segment(stopped), b"river-4 ")
    said = data("verify", stopped.data, status=1)
    assert "sessions/river" in said.stdout and "data repair" in said.stderr
    finding = json.loads(data("verify", stopped.data, "--json", status=1).stdout)["findings"][0]
    assert finding["stream"] == "sessions/river" and finding["file"].startswith("log/segment-")
    assert finding["offset"] <= place < finding["offset"] + 1000

    assert "--yes" in data("repair", stopped.data, status=2).stderr
    said = data("repair", stopped.data, "--yes").stdout
    assert "Quarantined: sessions/river" in said and "damaged-" in said
    copies = next(stopped.data.glob("damaged-*"))
    assert b"lake-9 " in next((copies / "log").iterdir()).read_bytes()
    assert "There is nothing to repair." in data("repair", stopped.data, "--yes").stdout

    stopped.start()
    api = Api(stopped.port, "ada; role=user")
    for session in ("sea", "lake"):
        assert texts(api.snapshot(session))["p"].count(session) == 10
        api.send(session, "still here?").ok(201)
    assert api.get("/v1/sessions/river").code == "storage_failed"
    api.call("DELETE", "/v1/sessions/river").ok(204)
    assert api.get("/v1/sessions/river").code == "session_erased"


def test_a_server_that_cannot_start_says_what_to_do(stopped):
    (stopped.data / "archive.sqlite").unlink()
    with pytest.raises(AssertionError) as failure:
        stopped.start()
    assert "archive.sqlite is missing" in str(failure.value) and "data repair" in str(failure.value)
    assert segment(stopped).exists()


def test_verify_and_repair_refuse_what_is_in_use_and_what_is_no_data(server, tmp_path):
    for arguments in (("verify",), ("repair", "--yes")):
        said = data(arguments[0], server.data, *arguments[1:], status=2).stderr
        assert f"process {server.process.pid}" in said and "Stop it first" in said
    assert "is not the data folder" in data("verify", tmp_path / "nothing", status=2).stderr
    assert not (tmp_path / "nothing").exists()


def test_a_backup_of_a_running_server_is_restored_elsewhere(server, start, tmp_path):
    api = Api(server.port, "bot; role=agent")
    say(api, "sea", 50)
    run = start_run(api, "live", "bot", id="r1") if api.create("live") else None
    run.write(*run.start_message("m", "p")).ok(200)
    over, acknowledged = threading.Event(), [0]

    def write():
        while not over.is_set():
            run.write(run.append("p", f"{acknowledged[0]} ")).ok(200)
            acknowledged[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while acknowledged[0] < 20:
            assert writer.is_alive()
        before = acknowledged[0]
        said = data("backup", "--to", tmp_path / "b", "--server", server.url).stdout
        assert "2 streams" in said and "verified" in said
        # Writers go on.
        after = acknowledged[0]
        while acknowledged[0] < after + 5:
            assert writer.is_alive()
    finally:
        over.set()
        writer.join()
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0

    said = data("restore", tmp_path / "b", "--to", tmp_path / "restored" / "data", status=1).stderr
    assert "not restored" in said
    (tmp_path / "restored").mkdir()
    said = data("restore", tmp_path / "b", "--to", tmp_path / "restored" / "data").stdout
    assert "No damage: 2 streams are whole" in said
    assert "is not empty" in data("restore", tmp_path / "b", "--to", tmp_path / "restored" / "data", status=1).stderr

    other = start(folder=tmp_path / "restored")
    restored = Api(other.port, "bot; role=agent")
    assert restored.snapshot("sea") == api.snapshot("sea")
    words = texts(restored.snapshot("live"))["p"].split()
    assert words == [str(number) for number in range(len(words))]
    assert len(words) >= before, "what was acknowledged before the backup is missing in it"
    # The agent goes on there: its lease and the number of its last write came along.
    moved = start_run(restored, "live", "bot", id="r1")
    assert moved.token == run.token
    moved.seq, moved.lengths = len(words) + 1, {"p": len("".join(word + " " for word in words))}
    moved.write(moved.append("p", "moved")).ok(200)


def test_a_backup_to_standard_output_and_of_a_stopped_server(server, tmp_path):
    say(Api(server.port, "bot; role=agent"), "sea", 5)
    done = subprocess.run([BINARY, "data", "backup", "--to", "-", "--server", server.url], capture_output=True,
                          timeout=60, env=environment())
    assert done.returncode == 0 and done.stdout.startswith(b"TLBACKUP")
    (tmp_path / "piped").write_bytes(done.stdout)
    data("restore", tmp_path / "piped", "--to", tmp_path / "one")
    server.terminate()
    data("backup", "--to", tmp_path, "--data", server.data)
    backup = next(tmp_path.glob("throughline-*.backup"))
    data("restore", backup, "--to", tmp_path / "two", "--same-identity")
    assert (tmp_path / "two" / "identity").read_bytes() == (server.data / "identity").read_bytes()
    assert (tmp_path / "one" / "identity").read_bytes() != (server.data / "identity").read_bytes()


def test_a_backup_needs_a_key_and_more_than_an_observer(server, api):
    assert Api(server.port, "eve; role=observer").post("/v1/admin/backup").code == "not_allowed"
    assert api.get("/v1/admin/backup").status == 405


def test_a_damaged_backup_is_refused(stopped, tmp_path):
    data("backup", "--to", tmp_path / "b", "--data", stopped.data)
    flip(tmp_path / "b", b"lake-3 ")
    said = data("restore", tmp_path / "b", "--to", tmp_path / "new", status=1).stderr
    assert "the backup is damaged" in said
