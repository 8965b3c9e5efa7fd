"""One suite for every generated API: REST_TARGETS names those that are tested, of `projects.TARGETS`."""
import shutil
import tempfile
import pathlib
import uuid

import httpx
import pytest

import database
import projects


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


@pytest.fixture(scope="session", params=projects.TARGETS)
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


# With tokens and sessions, in one project, so that there is one build more.
GUARDED = [("folder", "name:string", "rank:int?"), ("note", "title:string:unique", "folder:folders:cascade", "parent:notes?:setnull")]
SECRET = "a secret of the tests that has more than 32 bytes"


@pytest.fixture(scope="session")
def session_server(workshop):
    server = projects.SessionServer(workshop).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def guarded_swift_project(workshop):
    return projects.build_swift(projects.make_project(
        workshop / "guarded-hummingbird", "hummingbird", "postgres", GUARDED, options=["--auth", "jwt", "--sessions"]))


@pytest.fixture(scope="session", params=projects.GUARDED_TARGETS)
def guarded(request, workshop, session_server):
    """A generated API that wants tokens, and has conversations."""
    target, store = request.param.split("-")
    settings = {"JWT_SECRET": SECRET, "DATABASE_URL": "memory:", "THROUGHLINE_URL": session_server.url}
    if target == "hummingbird":
        project = request.getfixturevalue("guarded_swift_project")
    else:
        project = workshop / "guarded-express" / "shop"
        if not project.exists():
            projects.make_project(project.parent, target, "postgres", GUARDED, options=["--auth", "jwt", "--sessions"])
    if store == "postgres":
        settings["DATABASE_URL"] = request.getfixturevalue("postgres").create_database(f"guarded-{target}")
    running = projects.API(project, target, **settings)
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
