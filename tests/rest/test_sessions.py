"""Conversations, whose sessions live in a real Throughline server."""
import uuid

import httpx
import pytest

import projects
from test_auth import person, token  # noqa: F401 (a fixture)
from test_contract import assert_problem


@pytest.fixture
def sessions(session_server):
    with httpx.Client(base_url=session_server.url, headers={"Throughline-Participant": "ada; role=user"}) as client:
        yield client


def converse(client, **fields):
    answer = client.post("/conversations", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_conversation_has_a_session_until_it_is_deleted(person, sessions):
    ada = person("ada")
    conversation = converse(ada, title="Sea")
    path = f"/v1/sessions/{conversation['id']}"
    session = sessions.get(path).json()["session"]
    assert session["title"] == "Sea" and session["metadata"] == {"api": "shop", "owner": "ada"}
    assert sessions.post(f"{path}/inputs", json={"id": "i1", "parts": [{"kind": "text", "text": "hello"}]}).status_code == 201

    assert ada.patch(f"/conversations/{conversation['id']}", json={"title": "Coast"}).status_code == 200
    assert sessions.get(path).json()["session"]["title"] == "Coast"
    assert ada.patch(f"/conversations/{conversation['id']}", json={"title": None}).status_code == 200
    assert not sessions.get(path).json()["session"]["title"]

    assert ada.delete(f"/conversations/{conversation['id']}", headers={"If-Match": '"1"'}).status_code == 412
    assert sessions.get(path).status_code == 200
    assert ada.delete(f"/conversations/{conversation['id']}").status_code == 204
    assert sessions.get(path).status_code == 410
    assert_problem(ada.get(f"/conversations/{conversation['id']}"), 404)
    assert_problem(ada.delete(f"/conversations/{conversation['id']}"), 404)


def test_a_conversation_of_another_person_keeps_its_session(person, sessions):
    conversation = converse(person("ada"))
    assert_problem(person("grace").delete(f"/conversations/{conversation['id']}"), 404)
    assert_problem(person("g", role="guest").delete(f"/conversations/{conversation['id']}"), 403)
    assert sessions.get(f"/v1/sessions/{conversation['id']}").status_code == 200
    assert person("root", role="admin").delete(f"/conversations/{conversation['id']}").status_code == 204
    assert sessions.get(f"/v1/sessions/{conversation['id']}").status_code == 410


def test_a_title_of_any_length_becomes_a_session_s(person, sessions):
    for title in ("x" * 255, "\U0001f30a" * 255, "e\u0301" * 127):
        conversation = converse(person("ada"), title=title)
        kept = sessions.get(f"/v1/sessions/{conversation['id']}").json()["session"]["title"]
        assert title.startswith(kept) and len(kept.encode()) <= 512 and len(kept) >= min(len(title), 126)


def test_a_session_that_was_erased_elsewhere_holds_nothing_up(person, sessions):
    ada = person("ada")
    conversation = converse(ada)
    assert sessions.delete(f"/v1/sessions/{conversation['id']}").status_code == 204
    assert ada.delete(f"/conversations/{conversation['id']}").status_code == 204


def test_without_throughline_nothing_is_half_done(guarded, session_server, sessions):
    """The API talks to a server that is not there; then the same database to one that is."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    store = guarded.settings["DATABASE_URL"]
    if store == "memory:":
        pytest.skip("what is in memory ends with the process")
    with projects_api(guarded, THROUGHLINE_URL="http://127.0.0.1:9") as away, client_of(away) as client:
        before = client.get("/conversations?limit=100").json()
        assert_problem(client.post("/conversations", json={"title": "lost"}), 503, "unavailable")
        assert client.get("/conversations?limit=100").json() == before
        answer = client.post("/conversations", json={"title": "kept"}, headers=key)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1" and "sessions" in answer.json()["detail"]
        assert_problem(client.get("/chat/client/throughline.js"), 503)
    with client_of(guarded) as client:
        again = client.post("/conversations", json={"title": "kept"}, headers=key)
        assert again.status_code == 201
        path = f"/conversations/{again.json()['id']}"
        assert sessions.get(f"/v1/sessions/{again.json()['id']}").status_code == 200
        with projects_api(guarded, THROUGHLINE_URL="http://127.0.0.1:9") as away, client_of(away) as other:
            assert_problem(other.delete(path), 503)
        assert client.get(path).status_code == 200
        assert client.delete(path).status_code == 204


def test_a_retry_behind_a_deletion_gets_the_first_answer_and_no_session(person, sessions):
    ada, key = person("ada"), {"Idempotency-Key": str(uuid.uuid4())}
    first = ada.post("/conversations", json={"title": "Sea"}, headers=key)
    assert ada.delete(first.headers["location"]).status_code == 204
    again = ada.post("/conversations", json={"title": "Sea"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert sessions.get(f"/v1/sessions/{first.json()['id']}").status_code == 410


def test_the_page_is_for_development(guarded, session_server):
    with client_of(guarded) as client:
        page = client.get("/chat")
        assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
        assert f'content="{session_server.url}"' in page.text and "--dev" in page.text and "For production" in page.text
        script = client.get("/chat/page.js")
        assert script.status_code == 200 and "import { connect } from '/chat/client/throughline.js';" in script.text
        library = client.get("/chat/client/throughline.js")
        assert library.status_code == 200 and library.headers["content-type"].startswith("text/javascript")
        assert library.content == httpx.get(f"{session_server.url}/client/throughline.js").content
        for file in ("nothing.js", "x.css", "..%2Findex.html", "%2e%2e", "A.js"):
            assert_problem(client.get(f"/chat/client/{file}"), 404)
    with projects_api(guarded, DATABASE_URL="memory:", THROUGHLINE_KEY="k") as production, client_of(production) as client:
        for path in ("/chat", "/chat/page.js", "/chat/client/throughline.js"):
            assert_problem(client.get(path), 404)


class projects_api:
    """The same project as another process, with other settings."""

    def __init__(self, guarded, **settings):
        self.api = projects.API(guarded.project, guarded.target, **{**guarded.settings, **settings})

    def __enter__(self):
        return self.api.start()

    def __exit__(self, *error):
        self.api.stop()


def client_of(api):
    return httpx.Client(base_url=api.url, timeout=30, headers={"Authorization": f"Bearer {token()}"})
