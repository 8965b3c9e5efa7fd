"""Every type of field: what it takes, how it answers, and what it refuses."""
import pytest


def create(client, **fields):
    return client.post("/things", json={"count": 1, **fields})


GOOD = [
    ("count", 0, 0), ("count", -5, -5), ("count", 2**53 - 1, 2**53 - 1), ("count", 1e2, 100), ("count", 1.0, 1),
    ("ratio", 0.1, 0.1), ("ratio", 3, 3), ("ratio", -1e-7, -1e-7), ("ratio", 1.5e300, 1.5e300),
    ("price", "12.50", "12.50"), ("price", "-0.000001", "-0.000001"), ("price", "0", "0"), ("price", "-0.00", "0.00"),
    ("price", "999999999999.999999", "999999999999.999999"),
    ("isDone", True, True), ("isDone", False, False),
    ("dueOn", "2024-02-29", "2024-02-29"), ("dueOn", "0001-01-01", "0001-01-01"), ("dueOn", "9999-12-31", "9999-12-31"),
    ("startsAt", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
    ("startsAt", "2026-01-31T12:00:00.5+02:00", "2026-01-31T10:00:00.500Z"),
    ("startsAt", "2026-01-31t12:00:00.123456z", "2026-01-31T12:00:00.123Z"),
    ("startsAt", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ("startsAt", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ("startsAt", "1883-11-18T12:00:00-05:30", "1883-11-18T17:30:00.000Z"),
    ("token", "0B6E8AE2-1E34-4C1E-9C0A-1B7E4B1F2A11", "0b6e8ae2-1e34-4c1e-9c0a-1b7e4b1f2a11"),
    ("settings", {"a": [1, {"b": None}], "é": "ü"}, {"a": [1, {"b": None}], "é": "ü"}),
    ("settings", [], []), ("settings", "text", "text"), ("settings", 0, 0), ("settings", False, False), ("settings", {}, {}),
    ("settings", {"__proto__": 1, "constructor": 2}, {"__proto__": 1, "constructor": 2}),
    ("notes", "", ""), ("notes", "x" * 10_000, "x" * 10_000), ("notes", "\u007f\u2028\r\n\t\"\\/", "\u007f\u2028\r\n\t\"\\/"),
    ("class", "😀" * 255, "😀" * 255), ("class", "e\u0301", "e\u0301"), ("class", "'; DROP TABLE things; --", "'; DROP TABLE things; --"),
    ("größe", "ß", "ß"), ("limit", 3, 3),
]

BAD = [
    ("count", 1.5, "type"), ("count", "1", "type"), ("count", True, "type"), ("count", 2**53, "range"), ("count", -(2**53), "range"),
    ("count", 1e300, "range"), ("count", None, "required"),
    ("ratio", "1", "type"), ("ratio", True, "type"), ("ratio", [1], "type"),
    ("price", 12.5, "type"), ("price", "1e2", "format"), ("price", "01", "format"), ("price", "1.", "format"),
    ("price", "1234567890123", "format"), ("price", "0.1234567", "format"), ("price", "", "format"), ("price", "+1", "format"),
    ("price", "1\n", "format"), ("price", "١", "format"),
    ("isDone", "true", "type"), ("isDone", 1, "type"), ("isDone", None, "required"),
    ("dueOn", "2026-02-29", "format"), ("dueOn", "2026-1-1", "format"), ("dueOn", "0000-01-01", "format"),
    ("dueOn", "2026-01-31T00:00:00Z", "format"), ("dueOn", 1, "type"), ("dueOn", "2026-13-01", "format"), ("dueOn", "2026-01-00", "format"),
    ("dueOn", "2026-01-31\n", "format"),
    ("startsAt", "2026-01-31", "format"), ("startsAt", "2026-01-31T12:00:00", "format"), ("startsAt", "2026-01-31T24:00:00Z", "format"),
    ("startsAt", "2026-01-31T12:60:00Z", "format"), ("startsAt", "2026-01-31 12:00:00Z", "format"),
    ("startsAt", "2026-02-30T12:00:00Z", "format"), ("startsAt", "0001-01-01T00:00:00+01:00", "format"),
    ("startsAt", "9999-12-31T23:59:59-01:00", "format"), ("startsAt", "2026-01-31T12:00:00.Z", "format"), ("startsAt", 5, "type"),
    ("token", "x", "format"), ("token", "0b6e8ae21e344c1e9c0a1b7e4b1f2a11", "format"), ("token", 1, "type"),
    ("settings", {"a": "\u0000"}, "format"), ("settings", {"\u0000": 1}, "format"),
    ("notes", "x" * 10_001, "length"), ("notes", "a\u0000b", "format"), ("notes", 1, "type"),
    ("class", "", "length"), ("class", "x" * 256, "length"), ("class", {}, "type"),
]


@pytest.mark.parametrize("name, sent, kept", GOOD, ids=[f"{name}={str(sent)[:24]}" for name, sent, _ in GOOD])
def test_a_good_value_is_kept(client, name, sent, kept):
    answer = create(client, **{name: sent})
    assert answer.status_code == 201, answer.text
    thing = answer.json()
    assert thing[name] == kept and type(thing[name]) is type(kept) or isinstance(kept, float)
    assert client.get(f"/things/{thing['id']}").json() == thing


@pytest.mark.parametrize("name, sent, code", BAD, ids=[f"{name}={str(sent)[:24]!r}" for name, sent, _ in BAD])
def test_a_bad_value_is_refused(client, name, sent, code):
    answer = create(client, **{name: sent})
    assert answer.status_code == 422, answer.text
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(f"/{name}", code)]


# RFC 7396, appendix A, where both are values of a JSON field.
MERGES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}), ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}), ({"a": ["b"]}, {"a": "c"}, {"a": "c"}), ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}), ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]), ({"a": "b"}, ["c"], ["c"]), ({"a": "foo"}, "bar", "bar"), ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}), ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize("original, patch, result", MERGES)
def test_a_json_field_is_merged(client, original, patch, result):
    thing = create(client, settings=original).json()
    answer = client.patch(f"/things/{thing['id']}", json={"settings": patch}, headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status_code == 200 and answer.json()["settings"] == result
    assert client.get(f"/things/{thing['id']}").json()["settings"] == result


def test_null_clears_every_optional_field(client):
    filled = {"ratio": 1.5, "price": "1", "dueOn": "2026-01-01", "startsAt": "2026-01-01T00:00:00Z", "settings": {"a": 1},
              "token": "0b6e8ae2-1e34-4c1e-9c0a-1b7e4b1f2a11", "notes": "n", "class": "c", "limit": 1, "größe": "g"}
    thing = create(client, **filled).json()
    cleared = client.patch(f"/things/{thing['id']}", json=dict.fromkeys(filled)).json()
    assert all(cleared[name] is None for name in filled)
    assert client.get(f"/things/{thing['id']}").json() == cleared


def test_names_that_sql_keeps_for_itself_can_be_changed(client, new_user):
    project = client.post("/projects", json={"title": "T", "ownerId": new_user()["id"], "order": 1, "select": "x"}).json()
    changed = client.patch(f"/projects/{project['id']}", json={"order": 2, "select": None}).json()
    assert (changed["order"], changed["select"]) == (2, None)
    assert [item["id"] for item in client.get("/projects?order=2&sort=-order").json()] == [project["id"]]
    client.delete(f"/projects/{project['id']}")
