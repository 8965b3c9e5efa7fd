"""A retry with an Idempotency-Key, when much has happened since the first request."""
import json
import os
import uuid

import httpx
import pytest

import projects
from projects import throughline
from test_contract import assert_problem

# A Swift project is built twice for it: REST_REGENERATED="express hummingbird" asks for that.
REGENERATED = os.environ.get("REST_REGENERATED", "express").split()


def test_the_first_answer_stays_when_the_item_has_changed_or_gone(client):
    body = {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/users", json=body, headers=key)
    path = first.headers["location"]
    assert client.patch(path, json={"name": "Grace"}).status_code == 200
    assert client.delete(path).status_code == 204
    again = client.post("/users", json=body, headers=key)
    assert (again.status_code, again.json(), again.headers["location"]) == (201, first.json(), path)
    assert client.get(path).status_code == 404


def test_a_relation_that_is_gone_does_not_stand_in_the_way_of_the_first_answer(client, new_user):
    body = {"title": "A", "ownerId": new_user()["id"]}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/projects", json=body, headers=key)
    assert client.delete(first.headers["location"]).status_code == client.delete(f"/users/{body['ownerId']}").status_code == 204
    assert client.post("/projects", json=body, headers=key).json() == first.json()
    assert_problem(client.post("/projects", json=body), 409, "conflict")


def test_what_a_key_remembers_is_read_by_name(api, client, request):
    """The fields are others than those of the API that kept them: some are new, some are gone, and one has another type."""
    if api.settings.get("DATABASE_URL", "memory:") == "memory:":
        pytest.skip("what is in memory ends with the process, and with it the fields that it had")
    postgres = request.getfixturevalue("postgres")
    body = {"count": 7, "ratio": 0.5, "price": "2.50", "dueOn": "2026-01-31", "settings": {"a": [1]}, "class": "first"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    thing = client.post("/things", json=body, headers=key).json()

    def remember(change):
        where = f"WHERE \"key\" = '{key['Idempotency-Key']}'"
        item = json.loads(postgres.sql(api.target, f'SELECT "item" FROM "idempotency_keys" {where}'))
        change(item)
        postgres.sql(api.target, f"UPDATE \"idempotency_keys\" SET \"item\" = '{json.dumps(item)}' {where}")

    remember(lambda item: item.update(fields=dict(reversed(item["fields"].items()))))
    again = client.post("/things", json=body, headers=key)
    assert again.json() == thing and list(again.json()) == list(thing)
    client.patch(f"/things/{thing['id']}", json={"count": 8, "ratio": 1.5, "price": "3.50", "dueOn": "2026-02-28"})
    remember(lambda item: (item["fields"].pop("ratio"), item["fields"].update(price=2.5, gone=True)))
    again = client.post("/things", json=body, headers=key)
    assert again.status_code == 201 and again.headers["etag"] == '"1"'
    assert again.json() == {**thing, "ratio": 1.5, "price": "3.50"}
    # Nobody can say any more what it would have in a field that it never had.
    client.delete(f"/things/{thing['id']}")
    answer = client.post("/things", json=body, headers=key)
    assert_problem(answer, 422, "key-used")
    assert "is gone" in answer.json()["detail"]
    assert client.get(f"/things?token={thing['token'] or uuid.uuid4()}").json() == []


@pytest.mark.parametrize("target", REGENERATED)
def test_a_retry_after_the_fields_have_changed_gets_the_first_answer(workshop, postgres, target):
    fields = ["title:string", "gone:int", "words:text?", "kind:enum(a,b)=a", "size:int"]
    project = projects.make_project(workshop / f"regenerated-{target}", target, "postgres", [("note", *fields)])
    api = projects.API(project, target, DATABASE_URL=postgres.create_database(f"regenerated-{target}"))

    def start():
        if target == "hummingbird":
            projects.build_swift(project)
        api.migrate()
        api.start()

    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"title": "First", "gone": 1, "kind": "b", "size": 3}
    start()
    first = httpx.post(f"{api.url}/notes", json=body, headers=key).json()
    assert httpx.patch(f"{api.url}/notes/{first['id']}", json={"title": "Second", "words": "later", "size": 4}).status_code == 200
    api.stop()
    # One is gone, two are new, one has another name, one another type, and they stand in another order. This body would be refused now.
    throughline("generate", "resource", "note", "added:int", "kind:enum(c,b)=c", "text:text?", "title:string", "more:date?", "size:string",
                "--rename", "words:text", cwd=project)
    start()
    try:
        assert_problem(httpx.post(f"{api.url}/notes", json=body), 422, "invalid")
        again = httpx.post(f"{api.url}/notes", json=body, headers=key)
        assert again.status_code == 201 and again.headers["location"] == f"/notes/{first['id']}"
        assert again.json() == {
            "id": first["id"], "added": 0, "kind": "b", "text": "later", "title": "First", "more": None, "size": "4",
            "createdAt": first["createdAt"], "updatedAt": first["updatedAt"]}
        assert len(httpx.get(f"{api.url}/notes").json()) == 1
    finally:
        assert api.stop() == 0
