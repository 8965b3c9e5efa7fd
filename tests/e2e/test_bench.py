"""The bench measures, and its load client finds what is wrong with answers."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from netproxy import Proxy
from server import BINARY, environment

LOAD = str(pathlib.Path(BINARY).parent / "throughline-load")
FIGURES = {"W1", "W3 p50", "W3 p99", "F2"}
FINDINGS = ["repeated", "unsent", "wrong_tail", "refused", "unanswered", "missing", "altered"]


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_one_short_round_beside_redis(tmp_path):
    file = tmp_path / "results.json"
    done = subprocess.run(
        [BINARY, "bench", "--only", "W1,W3,F2", "--rounds", "1", "--seconds", "1", "--json", file,
         "--picture", tmp_path / "results.svg", "--folder", tmp_path],
        capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["id"]: row for row in json.loads(file.read_text())["rows"]}
    assert set(rows) == FIGURES
    for row in rows.values():
        assert row["ours"] > 0 and row["peer"] > 0 and row["limit"] > 0
        assert row["ratio"] == pytest.approx(row["ours"] / row["peer"])
        assert row["oursProcessor"] > 0 and row["peerProcessor"] > 0
        assert row["oursRounds"] and row["peerRounds"]
        assert row["verifiedEvents"] > 0 and row["problems"] == []
        assert row["met"] in ("aim", "must", "missed")
        assert row["id"] in done.stdout
    assert (tmp_path / "results.svg").read_text().startswith("<svg")
    assert not list(tmp_path.glob("throughline-bench-*")), "the bench left its folders behind"


def load(port, scenario, *options):
    """The report of a short run, and the exit status."""
    done = subprocess.run(
        [LOAD, scenario, "--target", "ws", "--port", str(port), "--seconds", "0.5", "--warm-up", "0", "--connections", "1",
         *options],
        capture_output=True, text=True, timeout=60)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


ONE = ("--sessions", "1", "--pipeline", "1")


class Tamper:
    """Changes acknowledgements, or what is read back, on their way to the load client."""

    def __init__(self, kind):
        self.alter, self.acknowledgements = getattr(self, kind), 0

    def honest(self, data):
        return data

    def repeat(self, data):
        return data * 2 if is_acknowledgement(data) else data

    def invent(self, data):
        return re.sub(rb'"written":\d', b'"written":9', data) if is_acknowledgement(data) else data

    def mistake_the_tail(self, data):
        return re.sub(rb'"tail":\d', b'"tail":9', data) if is_acknowledgement(data) else data

    def lose(self, data):
        self.acknowledgements += is_acknowledgement(data)
        return b"" if self.acknowledgements > 20 and is_acknowledgement(data) else data

    def change_a_letter(self, data):
        return data.replace(b"vwxyz", b"vwxyZ")

    def leave_out(self, data):
        return data.replace(b'"part.appended"', b'"part.omitted!"', 1)


def is_acknowledgement(data):
    return b'"written":' in data and b'"re":' not in data


@pytest.mark.parametrize("kind, finding", [
    ("honest", None), ("repeat", "repeated"), ("invent", "unsent"), ("mistake_the_tail", "wrong_tail"),
    ("lose", "unanswered"), ("change_a_letter", "altered"), ("leave_out", "missing")])
def test_the_load_client_finds_what_is_wrong(server, kind, finding):
    proxy = Proxy(server.port, Tamper(kind).alter)
    try:
        report, status = load(proxy.port, "append", *ONE)
    finally:
        proxy.close()
    wrong = {name for name in FINDINGS if report[name]}
    if finding is None:
        assert not wrong and status == 0 and report["ok"], report
        assert report["verified_events"] > 10
    else:
        assert finding in wrong and status == 1 and not report["ok"], report


@pytest.mark.parametrize("number, instead, finding", [
    (b"N=000000000003", b"N=000000000002", "repeated"), (b"N=000000000003", b"N=000000000005", "missing")])
def test_a_reader_of_the_load_client_finds_what_came_twice_or_not(server, number, instead, finding):
    proxy = Proxy(server.port, lambda data: data.replace(number, instead))
    try:
        report, status = load(proxy.port, "fanout", "--readers", "3", "--rate", "50")
    finally:
        proxy.close()
    assert report[finding] > 0 and status == 1, report


def test_the_bench_says_what_it_needs(tmp_path):
    done = subprocess.run(
        [BINARY, "bench", "--only", "W1", "--rounds", "1", "--seconds", "1", "--redis", tmp_path / "nothing",
         "--folder", tmp_path],
        capture_output=True, text=True, timeout=120, env={**environment(), "PATH": os.defpath})
    assert done.returncode == 1 and "make bench" in done.stderr, done.stderr
    wrong = subprocess.run([BINARY, "bench", "--only", "W9"], capture_output=True, text=True, timeout=30)
    assert wrong.returncode == 2 and "W9" in wrong.stderr, wrong.stderr
