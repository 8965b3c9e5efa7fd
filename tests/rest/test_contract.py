"""The contract of the five endpoints, row by row."""
import re
import time
import uuid

UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def assert_problem(answer, status, code=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["type"] == "about:blank" and problem["title"] and problem["detail"]
    if code:
        assert problem["code"] == code, problem
    return problem


def errors(answer):
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


def test_a_created_item_is_answered_and_found(client):
    answer = client.post("/users", json={"name": "Ada", "email": f"{uuid.uuid4()}@example.com", "age": 36})
    user = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert list(user) == ["id", "name", "email", "age", "role", "createdAt", "updatedAt"]
    assert UUID4.match(user["id"]) and INSTANT.match(user["createdAt"]) and user["updatedAt"] == user["createdAt"]
    assert (user["name"], user["age"], user["role"]) == ("Ada", 36, "member")
    assert answer.headers["location"] == f"/users/{user['id']}"
    found = client.get(answer.headers["location"])
    assert found.status_code == 200 and found.json() == user
    assert found.headers["etag"] == answer.headers["etag"]
    assert client.get(f"/users/{user['id'].upper()}").json() == user


def test_a_field_that_was_left_out_is_null(client):
    user = client.post("/users", json={"name": "Ada", "email": f"{uuid.uuid4()}@example.com"}).json()
    assert user["age"] is None


def test_an_unknown_id_is_404_and_a_bad_one_400(client):
    for method in ("GET", "DELETE"):
        assert_problem(client.request(method, f"/users/{uuid.uuid4()}"), 404, "not-found")
        assert_problem(client.request(method, "/users/1"), 400, "bad-request")
    assert_problem(client.patch(f"/users/{uuid.uuid4()}", json={}), 404)
    assert_problem(client.patch("/users/x", json={}), 400)


def test_a_deleted_item_is_gone(client, new_user):
    user = new_user()
    answer = client.delete(f"/users/{user['id']}")
    assert answer.status_code == 204 and answer.content == b""
    assert_problem(client.get(f"/users/{user['id']}"), 404)
    assert_problem(client.delete(f"/users/{user['id']}"), 404)
    assert user["id"] not in [other["id"] for other in client.get("/users?limit=100&sort=-createdAt").json()]


def test_a_patch_changes_what_it_names_and_nothing_else(client, new_user):
    user = new_user(age=36)
    answer = client.patch(f"/users/{user['id']}", json={"name": "Grace"}, headers=MERGE_PATCH)
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == {**user, "name": "Grace", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] >= user["updatedAt"]
    assert client.get(f"/users/{user['id']}").json() == changed


def test_null_clears_an_optional_field_and_is_refused_for_another(client, new_user):
    user = new_user(age=36)
    assert client.patch(f"/users/{user['id']}", json={"age": None}, headers=MERGE_PATCH).json()["age"] is None
    answer = client.patch(f"/users/{user['id']}", json={"name": None}, headers=MERGE_PATCH)
    assert_problem(answer, 422, "invalid")
    assert errors(answer) == {"/name": "required"}


def test_an_empty_patch_changes_nothing(client, new_user):
    user = new_user()
    before = client.get(f"/users/{user['id']}")
    answer = client.patch(f"/users/{user['id']}", json={}, headers=MERGE_PATCH)
    assert answer.status_code == 200 and answer.json() == user
    assert answer.headers["etag"] == before.headers["etag"]


def test_a_patch_takes_plain_json_too_and_nothing_else(client, new_user):
    user = new_user()
    assert client.patch(f"/users/{user['id']}", json={"name": "B"}).status_code == 200
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json-patch+json"}):
        answer = client.patch(f"/users/{user['id']}", content=b"{}", headers=headers)
        assert_problem(answer, 415, "unsupported-type")
        assert answer.headers["accept-patch"] == "application/merge-patch+json, application/json"


def test_a_body_of_another_type_is_415(client):
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {}):
        answer = client.post("/users", content=b"{}", headers=headers)
        assert_problem(answer, 415, "unsupported-type")
        assert answer.headers["accept-post"] == "application/json"
    encoded = client.post("/users", content=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert_problem(encoded, 415)


def test_the_type_may_have_parameters_and_capitals(client):
    body = f'{{"name":"Ada","email":"{uuid.uuid4()}@example.com"}}'.encode()
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/users", content=body, headers=headers).status_code == 201


def test_a_body_that_is_no_json_is_400(client):
    bodies = [b"", b"{", b"{'a':1}", b"[1,]", b"01", b"nul", b'{"a":"\xff"}', b'"\\ud800"', b'{"a":1} x', b"\xef\xbb\xbf{}",
              b'{"count":1e999}', b"[" * 100 + b"]" * 100, b'"a\nb"', b'"\\x"', b"-", b"1.", b".5", b"1e", b"+1"]
    for body in bodies:
        assert_problem(client.post("/users", content=body, headers={"Content-Type": "application/json"}), 400, "bad-request")


def test_a_body_that_is_no_object_is_422(client, new_user):
    for body in (b"[]", b"1", b"null", b'"x"', b"true"):
        for answer in (
            client.post("/users", content=body, headers={"Content-Type": "application/json"}),
            client.patch(f"/users/{new_user()['id']}", content=body, headers=MERGE_PATCH),
        ):
            assert_problem(answer, 422, "invalid")
            assert errors(answer) == {"": "type"}


def test_every_bad_field_is_named_at_once(client):
    body = {"name": "", "email": 7, "age": "old", "role": "king", "nonsense": 1, "a/b~c": 1, "id": "x", "createdAt": "x"}
    answer = client.post("/users", json=body)
    assert_problem(answer, 422, "invalid")
    assert errors(answer) == {
        "/name": "length", "/email": "type", "/age": "type", "/role": "choice", "/nonsense": "unknown",
        "/a~1b~0c": "unknown", "/id": "read-only", "/createdAt": "read-only"}


def test_what_the_server_sets_cannot_be_assigned(client, new_user):
    user = new_user()
    for name in ("id", "createdAt", "updatedAt"):
        answer = client.patch(f"/users/{user['id']}", json={name: user[name]})
        assert_problem(answer, 422)
        assert errors(answer) == {f"/{name}": "read-only"}
    for name in ("version", "__proto__", "constructor"):
        answer = client.patch(f"/users/{user['id']}", content=f'{{"{name}": 1}}', headers=MERGE_PATCH)
        assert_problem(answer, 422)
        assert errors(answer) == {f"/{name}": "unknown"}
    assert client.get(f"/users/{user['id']}").json() == user


def test_a_value_that_has_to_be_unique_is_409(client, new_user):
    first, second = new_user(), new_user()
    answer = client.post("/users", json={"name": "B", "email": first["email"]})
    assert_problem(answer, 409, "conflict")
    assert errors(answer) == {"/email": "taken"}
    answer = client.patch(f"/users/{second['id']}", json={"email": first["email"]})
    assert_problem(answer, 409)
    assert errors(answer) == {"/email": "taken"}
    assert client.patch(f"/users/{first['id']}", json={"email": first["email"]}).status_code == 200


def test_etags(client, new_user):
    user = new_user()
    path = f"/users/{user['id']}"
    first = client.get(path).headers["etag"]
    assert re.fullmatch(r'"[^"]+"', first)
    for known in (first, f"W/{first}", "*", f'"x", {first}'):
        answer = client.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", first)
    assert client.get(path, headers={"If-None-Match": '"x"'}).status_code == 200

    changed = client.patch(path, json={"name": "B"}, headers={"If-Match": first})
    assert changed.status_code == 200 and changed.headers["etag"] != first
    assert client.get(path, headers={"If-None-Match": first}).status_code == 200
    for method, body in (("PATCH", {"name": "C"}), ("DELETE", None)):
        for wrong in (first, f"W/{changed.headers['etag']}", '"x"'):
            lost = client.request(method, path, json=body, headers={"If-Match": wrong})
            assert_problem(lost, 412, "changed")
            assert lost.headers["etag"] == changed.headers["etag"]
    assert client.get(path).json()["name"] == "B"
    assert client.patch(path, json={"name": "D"}, headers={"If-Match": "*"}).status_code == 200
    tag = client.get(path).headers["etag"]
    assert client.delete(path, headers={"If-Match": f'"x", {tag}'}).status_code == 204


def test_an_idempotency_key_makes_a_retry_return_the_first_answer(client):
    body = {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"}
    key = str(uuid.uuid4())
    first = client.post("/users", json=body, headers={"Idempotency-Key": f'"{key}"'})
    again = client.post("/users", json=body, headers={"Idempotency-Key": key})
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"] and again.headers["etag"] == first.headers["etag"]
    # The answer is the first one even when the item is another by now.
    client.patch(f"/users/{first.json()['id']}", json={"name": "Changed"})
    assert client.post("/users", json=body, headers={"Idempotency-Key": key}).json() == first.json()


def test_an_idempotency_key_belongs_to_its_body(client):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert client.post("/users", json={"name": "A", "email": f"{uuid.uuid4()}@x.de"}, headers=key).status_code == 201
    assert_problem(client.post("/users", json={"name": "B", "email": f"{uuid.uuid4()}@x.de"}, headers=key), 422, "key-used")


def test_an_idempotency_key_is_free_again_after_a_refusal(client, new_user):
    taken = new_user()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert_problem(client.post("/users", json={"name": "A", "email": taken["email"]}, headers=key), 409)
    assert_problem(client.post("/users", json={"name": "A"}, headers=key), 422, "invalid")
    assert client.post("/users", json={"name": "A", "email": f"{uuid.uuid4()}@x.de"}, headers=key).status_code == 201


def test_a_bad_idempotency_key_is_400(client):
    for key in ("", '""', "a b", "x" * 256):
        body = {"name": "A", "email": f"{uuid.uuid4()}@x.de"}
        assert_problem(client.post("/users", json=body, headers={"Idempotency-Key": key}), 400)


def test_other_methods_are_405_and_options_says_which_there_are(client):
    collection, item = "GET, HEAD, OPTIONS, POST", "DELETE, GET, HEAD, OPTIONS, PATCH"
    for path, allowed in (("/users", collection), (f"/users/{uuid.uuid4()}", item), ("/health", "GET, HEAD, OPTIONS")):
        for method in {"PUT", "DELETE", "PATCH", "POST", "TRACE"} - set(allowed.split(", ")):
            answer = client.request(method, path)
            assert_problem(answer, 405, "method")
            assert answer.headers["allow"] == allowed
        options = client.options(path)
        assert (options.status_code, options.headers["allow"]) == (204, allowed)
    assert client.options("/users").headers["accept-post"] == "application/json"
    assert "application/merge-patch+json" in client.options(f"/users/{uuid.uuid4()}").headers["accept-patch"]


def test_an_unknown_address_is_404(client):
    for path in ("/", "/nowhere", "/users/x/y", "/Users"):
        assert_problem(client.get(path), 404, "not-found")
    assert_problem(client.options("/nowhere"), 404)


def test_head_is_get_without_the_body(client, new_user):
    path = f"/users/{new_user()['id']}"
    for path in (path, "/users", "/health"):
        get, head = client.get(path), client.head(path)
        assert head.status_code == 200 and head.content == b""
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name), name
    missing = client.head(f"/users/{uuid.uuid4()}")
    assert missing.status_code == 404 and missing.content == b""


def test_a_body_that_is_too_large_is_413(client):
    answer = client.post("/users", json={"name": "x" * 200_000, "email": "a"})
    assert_problem(answer, 413, "too-large")

    def chunks():
        for _ in range(30):
            yield b" " * 5_000
    answer = client.post("/users", content=chunks(), headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "too-large")


def test_every_answer_has_the_id_of_its_request(client):
    given = client.get("/users", headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, "a\tb"):
        made = client.get("/nowhere", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert UUID4.match(made)
    assert client.get("/users").headers["x-content-type-options"] == "nosniff"


def test_the_request_log_has_a_line_for_every_answer(api, client):
    client.get("/users?limit=1", headers={"X-Request-Id": "logged-1"})
    until = time.monotonic() + 5
    while "logged-1" not in api.log.read_text() and time.monotonic() < until:
        time.sleep(0.01)
    lines = [line for line in api.log.read_text().splitlines() if "logged-1" in line]
    assert len(lines) == 1
    for part in ("GET", "/users", "200"):
        assert part in lines[0]
    assert "limit" not in lines[0]


def test_cors(client):
    allowed = client.get("/users", headers={"Origin": "https://shop.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "ETag" in allowed.headers["access-control-expose-headers"] and allowed.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in client.get("/users", headers={"Origin": "https://evil.example"}).headers
    preflight = client.options("/users", headers={
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    assert preflight.status_code == 204
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    refused = client.get("/nowhere", headers={"Origin": "https://shop.example"})
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


def test_health(client):
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ids_are_never_used_again(client, new_user):
    users = [new_user() for _ in range(3)]
    client.delete(f"/users/{users[2]['id']}")
    ids = {new_user()["id"] for _ in range(20)}
    assert len(ids) == 20 and not ids & {user["id"] for user in users}
