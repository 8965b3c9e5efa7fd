"""The tutorial, done step by step: its commands run, and print what it says."""
import collections
import os
import pathlib
import re
import socket
import subprocess

import pytest

import projects
from dev import Dev

TUTORIAL = pathlib.Path(__file__).resolve().parents[2] / "docs/tutorial-rest-api.md"
TARGETS = ("express", "hummingbird")
# The first build of a Swift project compiles all that it is built on.
WAIT_SECONDS = 1800


def blocks(target):
    """The fenced blocks for a target: language, what they are for, text. `sh` is run, `diff` applied; what follows is printed then."""
    for words, text in re.findall(r"^```(\S[^\n]*)\n(.*?)^```$", TUTORIAL.read_text(), re.M | re.S):
        language, *marks = words.split()
        if not set(TARGETS) & set(marks) or target in marks:
            yield language, [mark for mark in marks if mark not in TARGETS], text


class Shell:
    """A shell that keeps its folder and its variables from block to block."""
    END = "the-block-ended"

    def __init__(self, folder, settings):
        self.process = subprocess.Popen(
            ["bash"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **settings})

    def run(self, commands):
        script = commands.replace("'", "'\\''")
        self.process.stdin.write(f"eval 'set -e; {script}' < /dev/null; echo; echo {self.END}\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.strip() == self.END:
                return said
            said += line
        raise AssertionError(f"it failed:\n{commands}\n{said}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def assert_says(expected, said):
    """Every line that is expected is there; `…` stands for anything."""
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part) for part in line.strip().split("…"))
        assert re.search(f"^\\s*{pattern}\\s*$", said, re.M), f"no line ‘{line}’ in:\n{said}"


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("target", [target for target in TARGETS if target in os.environ.get("REST_TARGETS", "express hummingbird")])
def test_the_tutorial_can_be_done(target, tmp_path, postgres):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"PORT": str(port), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SWIFTPM_BUILD_DIR": str(projects.SWIFT_BUILD)}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/throughline").symlink_to(projects.BINARY)
    work = projects.swift_place() if target == "hummingbird" else tmp_path
    project = work / "shop"
    postgres.sql("postgres", 'DROP DATABASE IF EXISTS "shop" WITH (FORCE)')
    # Where the tutorial's places are here, and what stands in for a package registry.
    stands_in = {
        "127.0.0.1:3000": f"127.0.0.1:{port}", "127.0.0.1 -U": f"127.0.0.1 -p {postgres.port} -U",
        "cp .env.example .env": f"sed s/:5432/:{postgres.port}/ .env.example > .env",
        "npm install": f"ln -sfn {projects.NODE_MODULES} node_modules",
    }
    # What is changed between two looks at the first terminal is one change to dev, however long it takes here. The API goes on.
    shell, dev, seen, said = Shell(work, settings), None, collections.Counter(), ""
    try:
        for language, marks, text in blocks(target):
            for place, here in stands_in.items():
                text = text.replace(place, here)
            if "docker" in marks:
                continue
            if "server" in marks and language == "sh":
                assert text == "throughline dev\n"
                dev = Dev(project, tmp_path / "dev.log", wait_seconds=WAIT_SECONDS, **settings)
            elif "server" in marks:
                seen[text] += 1
                dev.proceed()
                dev.wait(text.strip(), seen[text])
                dev.pause()
            elif language == "sh":
                said = shell.run(text)
            elif language == "diff":
                subprocess.run(["git", "apply", "--unidiff-zero", "-"], cwd=project, input=text, text=True, check=True)
            else:
                assert_says(text, said)
        dev.proceed()
        assert dev.stop() == 0
    finally:
        shell.stop()
        if dev:
            dev.proceed()
            dev.stop()
