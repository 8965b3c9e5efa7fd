"""Relations between items, and what a deletion does to them."""
import uuid

from test_contract import assert_problem, errors


def project_of(client, user):
    answer = client.post("/projects", json={"title": "T", "ownerId": user["id"]})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_relation_to_nothing_is_409(client, new_user):
    answer = client.post("/projects", json={"title": "T", "ownerId": str(uuid.uuid4())})
    assert_problem(answer, 409, "conflict")
    assert errors(answer) == {"/ownerId": "missing"}
    project = project_of(client, new_user())
    answer = client.patch(f"/projects/{project['id']}", json={"ownerId": str(uuid.uuid4())})
    assert_problem(answer, 409)
    assert client.get(f"/projects/{project['id']}").json() == project


def test_what_others_refer_to_cannot_be_deleted(client, new_user):
    user = new_user()
    project = project_of(client, user)
    assert_problem(client.delete(f"/users/{user['id']}"), 409, "conflict")
    assert client.get(f"/users/{user['id']}").json() == user
    assert client.delete(f"/projects/{project['id']}").status_code == 204
    assert client.delete(f"/users/{user['id']}").status_code == 204


def test_a_deletion_takes_what_depends_on_it_along(client, new_user):
    project = project_of(client, new_user())
    comments = [client.post("/comments", json={"body": "b", "projectId": project["id"]}).json() for _ in range(3)]
    assert client.delete(f"/projects/{project['id']}").status_code == 204
    for comment in comments:
        assert_problem(client.get(f"/comments/{comment['id']}"), 404)


def test_a_deletion_clears_what_refers_to_it_and_gives_it_a_new_etag(client, new_user):
    author, owner = new_user(), new_user()
    created = client.post("/comments", json={"body": "b", "projectId": project_of(client, owner)["id"], "authorId": author["id"]})
    comment = created.json()
    assert client.delete(f"/users/{author['id']}").status_code == 204
    after = client.get(f"/comments/{comment['id']}")
    assert after.json()["authorId"] is None
    assert after.headers["etag"] != created.headers["etag"]


def test_an_item_may_refer_to_its_own_kind(client):
    parent = client.post("/folders", json={"name": "parent"}).json()
    child = client.post("/folders", json={"name": "child", "parentId": parent["id"]}).json()
    own = client.patch(f"/folders/{parent['id']}", json={"parentId": parent["id"]})
    assert own.status_code == 200
    assert [item["id"] for item in client.get(f"/folders?parentId={parent['id']}&sort=name").json()] == [child["id"], parent["id"]]
    assert client.delete(f"/folders/{parent['id']}").status_code == 204
    assert client.get(f"/folders/{child['id']}").json()["parentId"] is None
    client.delete(f"/folders/{child['id']}")
