"""What the real file system does to the real server: full and freed again, read-only, and taken already."""
import os
import shutil
import subprocess
import threading
import time

import pytest

from client import DOWN, Api, start_run
from conftest import eventually
from reducer import texts
from server import BINARY, Server, environment


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 260 MB: two spare segments and the one being written fit, and little more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=260m,mode=0700", "tmpfs", str(folder)],
                             capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this machine does not let us mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Takes all the room there is."""
    path = folder / "ballast"
    with open(path, "ab") as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    os.write(ballast.fileno(), b"\0" * size)
            except OSError:
                pass
    return path


def write_until_full(api, size):
    """Says a lot in sessions that nobody looks at, until the disk has no room for a piece of that size."""
    for number in range(400):
        try:
            if number % 8 == 0:
                session = f"ballast-{size}-{number}"
                api.create(session)
                run = start_run(api, session, "bot", lease=600_000)
            part = f"p{number}"
            run.write(*run.start_message(f"m{number}", part), *(run.append(part, "x" * size) for _ in range(3))).ok(200)
        except AssertionError as refusal:
            assert "storage_full" in str(refusal), refusal
            return
    pytest.fail(f"the disk never became full with pieces of {size}")


def test_a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself(start, small_disk):
    server = start(folder=small_disk)
    api = Api(server.port, "bot; role=agent")
    api.create("sea")
    run = start_run(api, "sea", "bot", lease=600_000)
    run.write(*run.start_message("m", "p")).ok(200)
    shown = []

    def follow():
        try:
            with Api(server.port, "eve; role=observer").sse("sea") as live:
                for _, _, event in live:
                    shown.append(event)
        except DOWN:
            pass

    threading.Thread(target=follow, daemon=True).start()
    eventually(lambda: len(list((server.data / "log").glob("segment-*.log"))) == 3, what="the spare segments")
    ballast = fill(small_disk)
    said, refused = [], None
    for size in (250_000, 20_000, 500):
        write_until_full(Api(server.port, "bot; role=agent"), size)
    while not refused:
        assert len(said) < 1000, "the disk never became full"
        piece = run.append("p", f"{len(said)} ")
        answer = run.write(piece)
        if answer.status == 200:
            said.append(f"{len(said)} ")
        else:
            refused = answer
    assert (refused.status, refused.code) == (507, "storage_full"), refused
    assert server.alive
    # Reads go on, and nothing of the refused write is there.
    assert texts(api.snapshot("sea"))["p"] == "".join(said)
    assert api.get("/health").status == api.get("/ready").status == 200
    tail = api.snapshot("sea")["seq"]
    assert api.send("sea", "are you there?", "i1").code == "storage_full"
    assert api.call("PUT", "/v1/sessions/other", {}).code == "storage_full"
    assert api.get("/v1/sessions/other").status == 404
    assert api.snapshot("sea")["seq"] == tail

    ballast.unlink()
    eventually(lambda: api.send("sea", "are you there?", "i1").status in (200, 201), seconds=20, what="a write after room was made")
    # The refused write, again with its number: it is taken once.
    for _ in range(2):
        run.post(run.seq, [piece]).ok(200)
    said.append(f"{len(said)} ")
    run.write(run.append("p", "end")).ok(200)
    assert texts(api.snapshot("sea"))["p"] == "".join(said) + "end"
    tail = api.snapshot("sea")["seq"]
    eventually(lambda: shown and shown[-1]["seq"] >= tail, what="the live reader")
    server.restart()
    assert texts(Api(server.port).snapshot("sea"))["p"] == "".join(said) + "end"


def test_a_start_on_a_full_disk_says_so(small_disk):
    ballast = fill(small_disk)
    done = serve(small_disk / "data")
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Make room" in done.stderr, done.stderr
    ballast.unlink()


def serve(folder):
    return subprocess.run([BINARY, "serve", "--dev", "--port", "0", "--data", str(folder)], capture_output=True, text=True,
                          timeout=20, env=environment())


def test_a_read_only_folder_is_refused_and_can_be_verified(start, tmp_path):
    server = start()
    Api(server.port).create("sea")
    server.terminate()
    mount = tmp_path / "read-only"
    mount.mkdir()
    bound = subprocess.run(["mount", "--bind", str(server.data), str(mount)], capture_output=True, text=True)
    if bound.returncode:
        pytest.skip(f"this machine does not let us mount: {bound.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(mount)], check=True)
        done = serve(mount)
        assert done.returncode == 1 and "Read-only file system" in done.stderr and str(mount) in done.stderr, done.stderr
        assert "make it writable" in done.stderr
        done = subprocess.run([BINARY, "data", "verify", str(mount)], capture_output=True, text=True, env=environment())
        assert done.returncode == 0 and "No damage: 1 stream is whole" in done.stdout, done.stderr
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_second_server_on_the_same_folder_is_refused_and_told_who_has_it(server):
    done = serve(server.data)
    assert done.returncode == 1
    assert f"process {server.process.pid}" in done.stderr and str(server.data) in done.stderr, done.stderr
    assert Api(server.port).get("/ready").status == 200
    # It goes with its process, however that ends.
    server.kill9()
    server.start()
