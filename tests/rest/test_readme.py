"""The README of a generated project, followed to the letter."""
import os
import re
import socket
import subprocess
import time

import httpx
import pytest

import projects
from conftest import GUARDED

# A Swift project is built for it: REST_READMES="express hummingbird" asks for that.
TARGETS = os.environ.get("REST_READMES", "express").split()
KINDS = {
    "tokens": ("memory", ["--auth", "jwt"]), "sessions": ("memory", ["--sessions"]), "both": ("postgres", ["--auth", "jwt", "--sessions"]),
}
# What keeps running, in a terminal of its own.
SERVERS = ("npm run dev", "swift run App")


def blocks(project):
    return re.findall(r"^```sh\n(.*?)^```$", (project / "README.md").read_text(), re.M | re.S)


def test_the_requests_of_the_readme_are_answered_as_they_stand(api):
    lines = [line.replace("http://127.0.0.1:3000", api.url) for block in blocks(api.project) if "curl" in block for line in block.splitlines()]
    script = "\n".join(line.replace("curl ", "curl -sS --fail-with-body ") for line in lines)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert len(lines) >= 2 * len(projects.RESOURCES)


class Terminals:
    """Where the lines of a README are typed: one shell for what ends, and one for each server."""

    def __init__(self, project, settings):
        self.project, self.servers = project, []
        self.log = project.parent / "servers.log"
        self.environment = {**os.environ, **settings}
        self.shell = self.start("bash", stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, *command, **streams):
        return subprocess.Popen(command, cwd=self.project, env=self.environment, stderr=subprocess.STDOUT, text=True, **streams)

    def type(self, line):
        """What the line says; it has to do what it is there for."""
        self.shell.stdin.write(f"{line}\necho; echo \"it left with $?\"\n")
        self.shell.stdin.flush()
        said = ""
        while not (last := self.shell.stdout.readline()).startswith("it left with "):
            assert last or self.shell.poll() is None, said
            said += last
        assert last.strip() == "it left with 0", f"{line}\n{said}"
        return said

    def serve(self, line, url):
        with open(self.log, "ab") as log:
            self.servers.append(self.start("bash", "-c", "exec " + line, stdout=log, stdin=subprocess.DEVNULL, start_new_session=True))
        until = time.monotonic() + projects.START_SECONDS * (40 if line.startswith("swift") else 1)
        while True:
            try:
                return httpx.get(url + "/health").raise_for_status()
            except httpx.HTTPError:
                assert time.monotonic() < until and self.servers[-1].poll() is None, self.log.read_text()
                time.sleep(0.05)

    def close(self):
        for server in self.servers:
            if server.poll() is None:
                os.killpg(server.pid, 15)
            server.wait(20)
        self.shell.stdin.close()
        self.shell.wait(10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_readme_of_a_project_can_be_followed(workshop, postgres, session_server, target, kind):
    database, options = KINDS[kind]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    folder = projects.swift_place() if target == "hummingbird" else workshop / f"readme-{kind}"
    project = projects.make_project(folder, target, database, GUARDED, options=options)
    if target == "express":
        (project / "node_modules").unlink()
    postgres.create_database("shop")
    # What stands in for a package registry, for Docker, and for the places that the README names.
    stands_in = {
        "npm install": f"ln -s {projects.NODE_MODULES} node_modules", "docker compose up -d database": "true",
        "cp .env.example .env": f"sed s/:5432/:{postgres.port}/ .env.example > .env", "http://127.0.0.1:3000": url,
        "curl ": "curl -sS --fail-with-body ",
    }
    terminals = Terminals(project, {
        "PORT": url.rsplit(":", 1)[1], "THROUGHLINE_URL": session_server.url, "SWIFTPM_BUILD_DIR": str(projects.SWIFT_BUILD)})
    try:
        typed, said = [], ""
        for line in "".join(blocks(project)).splitlines():
            typed.append(line)
            for place, here in stands_in.items():
                line = line.replace(place, here)
            if line in SERVERS:
                terminals.serve(line, url)
            elif line != "throughline serve --dev":
                said += terminals.type(line)
        assert sum("curl" in line for line in typed) >= 2 * len(GUARDED) and len(set(SERVERS) & set(typed)) == 1
        assert ("throughline serve --dev" in typed) == ("--sessions" in options)
        if "--sessions" in options:
            assert typed[0] == "throughline serve --dev" and f"{url}/chat" in (project / "README.md").read_text().replace("http://127.0.0.1:3000", url)
            assert "chat" in httpx.get(f"{url}/chat").raise_for_status().text
            conversation = re.search(r'"id":"([^"]+)","title":"Title 3"', said).group(1)
            client = {"Throughline-Participant": "ada; role=user"}
            assert httpx.get(f"{session_server.url}/v1/sessions/{conversation}", headers=client).status_code == 200
    finally:
        terminals.close()
