"""One suite for every generated API: REST_TARGETS names those that are tested, of `TARGETS`."""
import os
import shutil
import tempfile
import pathlib
import uuid

import httpx
import pytest

import database
import projects

# A Swift project with PostgreSQL is built once, and keeps its items in memory when it is told to. `hummingbird-plain` is one that was
# generated for memory alone; it costs a build of its own, so it is tested when it is asked for.
TARGETS = ["express-memory", "express-postgres", "hummingbird-memory", "hummingbird-postgres"]
CHOSEN = os.environ.get("REST_TARGETS", "").split() or TARGETS


@pytest.fixture(scope="session")
def workshop():
    """A folder for everything, which PostgreSQL's own user can enter, too."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="throughline-rest-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(workshop):
    if not database.programs():
        pytest.skip("PostgreSQL is not installed")
    folder = workshop / "postgres"
    folder.mkdir()
    server = database.PostgreSQL(folder).create()
    yield server
    server.stop("immediate")


@pytest.fixture(scope="session")
def swift_project(workshop):
    return projects.build_swift(projects.make_project(workshop / "hummingbird", "hummingbird", "postgres"))


@pytest.fixture(scope="session")
def plain_swift_project(workshop):
    return projects.build_swift(projects.make_project(workshop / "hummingbird-plain", "hummingbird", "memory"))


@pytest.fixture(scope="session", params=CHOSEN)
def api(request, workshop):
    """A generated API that runs, with every kind of field."""
    target, store = request.param.split("-")
    settings = {}
    if target == "hummingbird":
        project = request.getfixturevalue("plain_swift_project" if store == "plain" else "swift_project")
        settings["DATABASE_URL"] = "memory:"
    else:
        project = projects.make_project(workshop / request.param, target, store)
    if store == "postgres":
        settings["DATABASE_URL"] = request.getfixturevalue("postgres").create_database(target)
    running = projects.API(project, target, CORS_ORIGINS="https://shop.example", **settings)
    if store == "postgres":
        running.migrate()
    running.start()
    yield running
    assert running.stop() == 0, running.log.read_text()[-2000:]


@pytest.fixture
def client(api):
    with httpx.Client(base_url=api.url, timeout=30) as client:
        yield client


@pytest.fixture
def new_user(client):
    """Creates users."""
    def create(**fields):
        body = {"name": "Ada", "email": f"{uuid.uuid4()}@example.com", **fields}
        answer = client.post("/users", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()
    return create
