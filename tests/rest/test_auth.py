"""Bearer tokens: who gets in, what belongs to whom, and what a role may do."""
import base64
import hmac
import json
import os
import time
import uuid

import httpx
import pytest
from openapi_spec_validator import validate

import projects
from conftest import SECRET
from test_contract import assert_problem, errors



def encode(part):
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(subject="ada", secret=SECRET, head=None, digest="sha256", **claims):
    """A token, made here, so that the APIs' libraries are not their own judges."""
    body = {"sub": subject, "exp": int(time.time()) + 600, **claims}
    signed = f"{encode(head or {'alg': 'HS256', 'typ': 'JWT'})}.{encode({name: value for name, value in body.items() if value is not None})}"
    return f"{signed}.{encode(hmac.new(secret.encode(), signed.encode(), digest).digest())}"


@pytest.fixture
def person(guarded):
    """Gives clients that send a person's token."""
    clients = []

    def make(subject="ada", **claims):
        clients.append(httpx.Client(
            base_url=guarded.url, timeout=30, headers={"Authorization": f"Bearer {token(subject, **claims)}"}))
        return clients[-1]
    yield make
    for client in clients:
        client.close()


def make(client, path, **fields):
    answer = client.post(path, json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_nobody_gets_in_without_a_good_token(guarded):
    now = int(time.time())
    good = token()
    head, body, signature = good.split(".")
    forged = encode({"sub": "root", "role": "admin", "exp": now + 600})
    bad = {
        "no secret of ours": token(secret="another secret that has more than 32 bytes"),
        "the empty secret": token(secret=""),
        "no algorithm": f"{encode({'alg': 'none'})}.{body}.",
        "no algorithm, in capitals": f"{encode({'alg': 'NONE'})}.{body}.",
        "no algorithm, but a signature": token(head={"alg": "none"}),
        "another algorithm": token(head={"alg": "HS512"}, digest="sha512"),
        "the name of another algorithm": token(head={"alg": "RS256"}),
        "a head that says nothing": token(head={"typ": "JWT"}),
        "a critical extension": token(head={"alg": "HS256", "crit": ["x"], "x": 1}),
        "another body": f"{head}.{forged}.{signature}",
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.x",
        "no parts": "x",
        "expired": token(exp=now - 1),
        "no end": token(exp=None),
        "an end that is no time": token(exp="soon"),
        "not yet": token(nbf=now + 600),
        "no subject": token(subject=None),
        "an empty subject": token(subject=""),
        "a subject that is too long": token(subject="x" * 256),
        "a subject that no database keeps": token(subject="a\0b"),
        "a subject that is no text": token(subject=5),
        "a role that is no text": token(role=["admin"]),
    }
    with httpx.Client(base_url=guarded.url) as client:
        for what, text in bad.items():
            answer = client.get("/folders", headers={"Authorization": f"Bearer {text}"})
            assert answer.status_code == 401, what
            assert_problem(answer, 401, "unauthenticated")
            assert 'error="invalid_token"' in answer.headers["www-authenticate"], what
        for header in ({}, {"Authorization": good}, {"Authorization": f"Basic {good}"}, {"Authorization": "Bearer"}):
            answer = client.get("/folders", headers=header)
            assert_problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == 'Bearer realm="shop"'
        assert "expired" in client.get("/folders", headers={"Authorization": f"Bearer {bad['expired']}"}).json()["detail"]
        assert client.get("/folders", headers={"Authorization": f"bearer {good}"}).status_code == 200


def test_a_stranger_is_told_nothing_and_sends_nothing(guarded):
    with httpx.Client(base_url=guarded.url) as client:
        for method, path in (("GET", "/folders"), ("POST", "/folders"), ("GET", f"/notes/{uuid.uuid4()}"), ("GET", "/notes/x"),
                             ("PATCH", f"/notes/{uuid.uuid4()}"), ("DELETE", f"/notes/{uuid.uuid4()}")):
            assert_problem(client.request(method, path), 401)
        assert_problem(client.post("/folders", content=b"x" * 200_000, headers={"Content-Type": "text/plain"}), 401)
        assert client.get("/health").status_code == 200
        assert client.options("/folders").status_code == 204
        assert_problem(client.get("/nowhere"), 404)
        assert_problem(client.put("/folders"), 405)


def test_what_a_person_creates_is_not_there_for_others(person):
    ada, grace = person("ada"), person("grace")
    answer = ada.post("/folders", json={"name": "A"})
    folder = answer.json()
    assert list(folder) == ["id", "name", "rank", "ownedBy", "createdAt", "updatedAt"] and folder["ownedBy"] == "ada"
    path = answer.headers["location"]
    for other in (grace.get(path), grace.head(path), grace.patch(path, json={"name": "B"}), grace.delete(path),
                  grace.patch(path, json={}, headers={"If-Match": '"0"'}), grace.get(path, headers={"If-None-Match": "*"})):
        assert other.status_code == 404, other.text
    missing = grace.get(f"/folders/{uuid.uuid4()}").json()
    assert grace.get(path).json() == missing and grace.delete(path).json() == missing
    assert ada.get(path).json() == folder
    mine = make(grace, "/folders", name="G")
    listed = grace.get("/folders?limit=100").json()
    assert mine in listed and {item["ownedBy"] for item in listed} == {"grace"}
    assert grace.get("/folders?ownedBy=ada").json() == []
    assert ada.delete(path).status_code == 204


def test_pages_of_one_person_hold_nothing_of_others(person):
    subject = str(uuid.uuid4())
    mine, other = person(subject), person("other")
    names = [f"n{number}" for number in range(5)]
    for name in names:
        make(mine, "/folders", name=name)
        make(other, "/folders", name=name)
    seen, path = [], "/folders?limit=2&sort=-name"
    while path:
        answer = mine.get(path)
        seen += [item["name"] for item in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert seen == names[::-1]


def test_the_owner_cannot_be_assigned(person):
    ada = person("ada")
    answer = ada.post("/folders", json={"name": "A", "ownedBy": "grace"})
    assert_problem(answer, 422)
    assert errors(answer) == {"/ownedBy": "read-only"}
    folder = make(ada, "/folders", name="A")
    for value in ("grace", None, "ada"):
        answer = ada.patch(f"/folders/{folder['id']}", json={"ownedBy": value})
        assert_problem(answer, 422)
        assert errors(answer) == {"/ownedBy": "read-only"}
    changed = ada.patch(f"/folders/{folder['id']}", json={"name": "B"}).json()
    assert changed["ownedBy"] == "ada" and changed["name"] == "B"


def test_an_item_refers_only_to_what_its_owner_may_read(person):
    ada, grace = person("ada"), person("grace")
    hers, mine = make(grace, "/folders", name="G"), make(ada, "/folders", name="A")
    answer = ada.post("/notes", json={"title": str(uuid.uuid4()), "folderId": hers["id"]})
    assert_problem(answer, 409, "conflict")
    assert errors(answer) == {"/folderId": "missing"}
    unknown = ada.post("/notes", json={"title": str(uuid.uuid4()), "folderId": str(uuid.uuid4())})
    assert unknown.json() == answer.json()
    note = make(ada, "/notes", title=str(uuid.uuid4()), folderId=mine["id"])
    path = f"/notes/{note['id']}"
    assert errors(ada.patch(path, json={"folderId": hers["id"]})) == {"/folderId": "missing"}
    assert ada.patch(path, json={"parentId": note["id"]}).status_code == 200
    assert errors(ada.patch(path, json={"parentId": make(grace, "/notes", title=str(uuid.uuid4()), folderId=hers["id"])["id"]})) == {
        "/parentId": "missing"}
    assert ada.get(path).json()["folderId"] == mine["id"]
    # An admin may bring together what belongs to different people, and then it stays so for its owner.
    admin = person("root", role="admin")
    assert admin.patch(path, json={"folderId": hers["id"]}).status_code == 200
    assert ada.patch(path, json={"title": str(uuid.uuid4())}).status_code == 200


def test_roles(person):
    ada, admin, guest = person("ada"), person("root", role="admin"), person("g", role="guest")
    folder = make(ada, "/folders", name="A")
    path = f"/folders/{folder['id']}"
    assert admin.get(path).json() == folder
    assert folder in admin.get("/folders?ownedBy=ada&limit=100&sort=-createdAt").json()
    changed = admin.patch(path, json={"name": "B"}).json()
    assert (changed["name"], changed["ownedBy"]) == ("B", "ada")
    for answer in (guest.get("/folders"), guest.get(path), guest.post("/folders", json={"name": "x"}), guest.patch(path, json={}),
                   guest.delete(path)):
        assert_problem(answer, 403, "forbidden")
    for role in ("__proto__", "constructor", ""):
        assert person("g", role=role).get("/folders").status_code == 403
    assert admin.delete(path).status_code == 204
    assert ada.get(path).status_code == 404


def test_an_idempotency_key_is_a_person_s_own(person):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = person("ada").post("/folders", json={"name": "A"}, headers=key)
    again = person("ada").post("/folders", json={"name": "A"}, headers=key)
    other = person("grace").post("/folders", json={"name": "A"}, headers=key)
    assert first.json() == again.json() and other.status_code == 201
    assert other.json()["id"] != first.json()["id"] and other.json()["ownedBy"] == "grace"


def test_it_does_not_start_without_a_secret_that_nobody_knows(guarded):
    environment = "NODE_ENV" if guarded.target == "express" else "ENVIRONMENT"
    plain = {**guarded.settings, "DATABASE_URL": "memory:", "JWT_SECRET": ""}
    bad = [{}, {environment: "production"}, {"JWT_SECRET": "x" * 31}, {environment: "development", "HOST": "0.0.0.0"},
           {"JWT_SECRET": "everybody knows this secret, so it is good for development only"}]
    for settings in bad:
        with pytest.raises(AssertionError, match="JWT_SECRET"):
            projects.API(guarded.project, guarded.target, **{**plain, **settings}).start()
    development = projects.API(guarded.project, guarded.target, **{**plain, environment: "development"})
    command = ["src/token.js", "ada"] if guarded.target == "express" else ["token", "ada"]
    text = development.run(*command).stdout.strip()
    development.start()
    try:
        headers = {"Authorization": f"Bearer {text}"}
        assert httpx.get(f"{development.url}/folders", headers=headers).status_code == 200
        assert httpx.get(f"{guarded.url}/folders", headers=headers).status_code == 401
    finally:
        development.stop()


def test_an_issuer_and_an_audience_are_heeded(guarded):
    strict = projects.API(
        guarded.project, guarded.target,
        **{**guarded.settings, "DATABASE_URL": "memory:", "JWT_ISSUER": "us", "JWT_AUDIENCE": "shop"}).start()
    try:
        for claims, status in (({}, 401), ({"iss": "us"}, 401), ({"iss": "them", "aud": "shop"}, 401), ({"iss": "us", "aud": "shop"}, 200),
                               ({"iss": "us", "aud": ["x", "shop"]}, 200), ({"iss": "us", "aud": []}, 401)):
            headers = {"Authorization": f"Bearer {token(**claims)}"}
            assert httpx.get(f"{strict.url}/folders", headers=headers).status_code == status, claims
    finally:
        strict.stop()


def test_its_documents_say_so(guarded):
    from test_documents import run_postman, run_schemathesis, validate_postman
    document = json.loads((guarded.project / "openapi.json").read_text())
    assert document["security"] == [{"bearer": []}] and document["paths"]["/health"]["get"]["security"] == []
    validate(document)
    validate_postman(guarded)
    run_postman(guarded, token())
    # The documents of all targets are the same; REST_EXAMPLES asks for more.
    options = [] if "REST_EXAMPLES" in os.environ else ["--phases", "fuzzing"]
    if options == [] or guarded.settings["DATABASE_URL"] == "memory:":
        run_schemathesis(guarded, "1", *options, token=token("schemathesis"), examples=os.environ.get("REST_EXAMPLES", "5"))


def test_seeds_belong_to_somebody(guarded, person):
    seeded = projects.API(guarded.project, guarded.target, **{**guarded.settings, "DATABASE_URL": "memory:", "SEED": "true"}).start()
    try:
        headers = {"Authorization": f"Bearer {token('ada')}"}
        assert len(httpx.get(f"{seeded.url}/notes", headers=headers).json()) == 2
        assert httpx.get(f"{seeded.url}/notes", headers={"Authorization": f"Bearer {token('grace')}"}).json() == []
    finally:
        seeded.stop()
