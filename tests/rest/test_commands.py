"""What runs a project: dev, migrate, seed, doctor, and the requests of its requests.http."""
import json
import os
import re
import subprocess
import uuid

import httpx
import pytest

import projects
from dev import Dev
from projects import throughline

@pytest.fixture
def dev(tmp_path):
    started = []

    def start(project, *arguments, **settings):
        started.append(Dev(project, tmp_path / f"dev-{len(started)}.log", *arguments, **settings))
        return started[-1]
    yield start
    for each in started:
        each.stop()


@pytest.fixture
def project(tmp_path):
    return projects.make_project(tmp_path, "express", "memory", [("user", "name:string")])


def test_dev_starts_the_api_again_when_a_file_changes(project, dev):
    running = dev(project)
    assert httpx.get(running.url() + "/health").json() == {"status": "ok"}
    controller = project / "src/controllers/health.js"
    good = controller.read_text()
    controller.write_text(good.replace("'ok'", "'fine'"))
    assert httpx.get(running.url(2) + "/health").json() == {"status": "fine"}
    # What Node.js cannot read leaves the API of before.
    controller.write_text(good.replace("{ status", "{{ status"))
    running.wait("the API of before goes on")
    assert "health.js:" in running.log.read_text()
    assert httpx.get(running.url(2) + "/health").json() == {"status": "fine"}
    controller.write_text(good)
    assert httpx.get(running.url(3) + "/health").json() == {"status": "ok"}
    # An API that leaves is waited for.
    server = project / "src/server.js"
    text = server.read_text()
    server.write_text("throw new Error('not today');\n" + text)
    running.wait("the API left with 1")
    server.write_text(text)
    url = running.url(4)
    assert httpx.get(url + "/health").status_code == 200
    assert running.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/health")


def test_dev_finishes_what_the_api_has_begun(project, dev):
    controller = project / "src/controllers/health.js"
    controller.write_text(controller.read_text().replace(
        "await database.check();", "console.log('begun');\n      await new Promise((done) => setTimeout(done, 300));"))
    running = dev(project)
    url = running.url()
    client = subprocess.Popen(["curl", "-s", url + "/health"], stdout=subprocess.PIPE)
    running.wait("begun")
    assert running.stop() == 0
    assert json.loads(client.communicate()[0]) == {"status": "ok"}


def test_dev_has_a_port_and_seeds(project, dev):
    running = dev(project, "--seed")
    assert [user["name"] for user in httpx.get(running.url() + "/users").json()] == ["Ada", "Grace"]
    taken = running.url().rsplit(":", 1)[1]
    other = dev(project, "--port", taken)
    other.wait("EADDRINUSE")
    other.wait("the API left with 1")


def test_the_api_and_dev_wait_for_migrations(tmp_path, postgres, dev):
    project = projects.make_project(tmp_path, "express", "postgres", [("user", "name:string")])
    url = postgres.create_database("waiting")
    api = projects.API(project, "express", DATABASE_URL=url)
    with pytest.raises(AssertionError, match="left with 3:\n.*0001_.* 0002_create_users .*throughline migrate up"):
        api.start()
    # As its owner would do it: from a folder below, and with the settings in a file.
    (project / ".env").write_text(f"# mine\nDATABASE_URL='{url}' # here\n")
    below = project / "src"
    refused = throughline("seed", cwd=below, check=False)
    assert refused.returncode == 1 and "users" in refused.stderr
    running = dev(project)
    running.wait("it starts when they have run")
    assert throughline("migrate", "status", cwd=below).stdout.count("pending") == 2
    assert "up    0002_create_users" in throughline("migrate", "up", cwd=below).stdout
    assert httpx.get(running.url() + "/users").json() == []
    for _ in range(2):
        throughline("seed", cwd=below)
    assert len(httpx.get(running.url() + "/users").json()) == 2
    assert running.stop() == 0
    assert "down  0002_create_users" in throughline("migrate", "down", cwd=below).stdout
    assert "pending  0002_create_users" in throughline("migrate", "status", cwd=below).stdout
    assert throughline("migrate", "sideways", cwd=below, check=False).returncode == 2


@pytest.mark.parametrize("place", [None, "built", "/absolute"])
def test_a_swift_program_is_run_from_where_swift_builds_it(tmp_path, place):
    """With something in the place of Swift, which takes long."""
    project = projects.make_project(tmp_path, "hummingbird", "postgres", [("user", "name:string")])
    place = place and place.replace("/absolute", f"{tmp_path}/elsewhere")
    swift = tmp_path / "bin/swift"
    swift.parent.mkdir()
    swift.write_text("#!/bin/sh\n[ $1 = build ] || exit 9\nto=${SWIFTPM_BUILD_DIR:-.build}/debug\nmkdir -p $to\n"
                     "printf '#!/bin/sh\\necho it runs \"$@\" in $(pwd)\\n' > $to/App\nchmod +x $to/App\n")
    swift.chmod(0o755)
    settings = {**os.environ, "PATH": f"{swift.parent}:{os.environ['PATH']}", "SWIFTPM_BUILD_DIR": place}
    if place is None:
        del settings["SWIFTPM_BUILD_DIR"]
    for folder in (project, project / "Sources"):
        assert f"it runs migrate status in {project}\n" in throughline("migrate", "status", cwd=folder, env=settings).stdout


def test_what_is_in_memory_has_no_migrations(project):
    for command, hint in ((["migrate", "up"], "--database postgres"), (["seed"], "dev --seed")):
        result = throughline(*command, cwd=project, check=False)
        assert result.returncode == 1 and hint in result.stderr


def test_a_project_moves_from_memory_to_postgres(project, postgres):
    throughline("generate", "project", "--database", "postgres", cwd=project)
    (project / ".env").write_text(f"DATABASE_URL={postgres.create_database('moved')}\n")
    assert "0002_create_users" in throughline("migrate", "up", cwd=project).stdout
    assert "agree" in throughline("check", cwd=project).stdout
    throughline("undo", cwd=project)
    assert not (project / "src/migrate.js").exists()


def test_doctor_says_what_to_do(tmp_path, postgres):
    outside = throughline("doctor", cwd=tmp_path)
    assert "ok    node" in outside.stdout and "ok    swift" in outside.stdout
    project = projects.make_project(tmp_path, "express", "postgres", [("user", "name:string")])
    url = postgres.create_database("doctor")

    def findings(expected, **settings):
        result = throughline("doctor", cwd=project, check=False, env={**os.environ, **settings})
        assert result.returncode == expected, result.stdout + result.stderr
        return result.stdout

    assert "DATABASE_URL is not set" in findings(1) and "cp .env.example .env" in findings(1)
    assert "Nobody answers at 127.0.0.1:1" in findings(1, DATABASE_URL="postgres://u@127.0.0.1:1/x")
    assert "no address of PostgreSQL" in findings(1, DATABASE_URL="mysql://u@127.0.0.1:1/x")
    nowhere = findings(1, DATABASE_URL=url + "-not")
    assert "does not exist" in nowhere and "createdb doctor-not" in nowhere
    assert "2 of its migrations have not run" in findings(1, DATABASE_URL=url)
    throughline("migrate", "up", cwd=project, env={**os.environ, "DATABASE_URL": url})
    assert "Nothing is in the way" in findings(0, DATABASE_URL=url)
    assert "listens on 127.0.0.1:" in findings(0, DATABASE_URL=url, PORT=str(postgres.port))
    assert "PORT is ‘x’" in findings(1, DATABASE_URL=url, PORT="x")
    assert "in memory" not in findings(0, DATABASE_URL="memory:")
    (project / "openapi.json").write_text("{}")
    assert "openapi.json" in findings(1, DATABASE_URL=url)
    # Without its tools.
    (project / "node_modules").unlink()
    assert "npm install" in findings(1, DATABASE_URL=url)
    assert "There is no node." in findings(1, DATABASE_URL=url, PATH="/nowhere")


def requests_of(text):
    """The requests of a `.http` file: name, method, address, headers, body."""
    for block in re.split(r"^###.*\n", text, flags=re.M)[1:]:
        head, _, body = block.strip("\n").partition("\n\n")
        lines = head.splitlines()
        name = lines.pop(0).removeprefix("# @name ") if lines[0].startswith("#") else None
        method, address = lines[0].split(" ")
        yield name, method, address, dict(line.split(": ", 1) for line in lines[1:]), body


def test_every_request_of_the_http_file_is_answered(api, client):
    text = (api.project / "requests.http").read_text()
    answers = {}

    def fill(text):
        def value(match):
            name = match.group(1)
            if name == "baseUrl":
                return api.url
            if name == "$guid":
                return str(uuid.uuid4())
            request, _, part, key = name.split(".", 3)
            return answers[request].headers[key] if part == "headers" else answers[request].json()[key.removeprefix("$.")]
        return re.sub(r"\{\{([^{}]+)\}\}", value, text)

    verbs = []
    for name, method, address, headers, body in requests_of(text):
        answer = client.request(
            method, fill(address), headers={key: fill(value) for key, value in headers.items()}, content=fill(body) or None)
        assert answer.is_success, f"{method} {address}: {answer.text}"
        answers[name] = answer
        verbs.append(method)
    assert verbs.count("POST") == verbs.count("DELETE") == verbs.count("PATCH") == len(projects.RESOURCES)
