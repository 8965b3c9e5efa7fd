"""Pages, cursors, sorting and filters."""
import random
import re
import uuid

import pytest

from test_contract import assert_problem


def pages(client, path):
    """The items of all pages, and how many pages there were."""
    items, count = [], 0
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        items += answer.json()
        count += 1
        link = re.fullmatch(r'<(/[^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert bool(link) == ("link" in answer.headers)
        path = link and link.group(1)
    return items, count


@pytest.fixture(scope="module")
def folder_names(api):
    """Twenty-five folders, made once for this module, with names that sort in a way that is easy to get wrong."""
    import httpx
    with httpx.Client(base_url=api.url) as client:
        for folder in pages(client, "/folders?limit=100")[0]:
            client.delete(f"/folders/{folder['id']}")
        names = ["b", "B", "a", "ä", "z", "Z", "😀", "\ufffd", "e\u0301", "é"] + [f"n{index % 5}" for index in range(15)]
        random.Random(1).shuffle(names)
        for name in names:
            assert client.post("/folders", json={"name": name}).status_code == 201
        yield names


def test_a_list_goes_page_by_page_without_a_gap(client, folder_names):
    items, count = pages(client, "/folders?limit=4")
    assert count == 7 and sorted(item["name"] for item in items) == sorted(folder_names)
    # In the order in which they were made; of one millisecond's, by their ids.
    assert items == sorted(items, key=lambda item: (item["createdAt"], item["id"]))
    assert len({item["id"] for item in items}) == 25
    everything, count = pages(client, "/folders?limit=25")
    assert count == 1 and everything == items
    assert len(client.get("/folders").json()) == 20


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_names_are_sorted_by_their_code_points(client, folder_names, limit):
    expected = sorted(folder_names, key=lambda name: name.encode())
    assert [item["name"] for item in pages(client, f"/folders?limit={limit}&sort=name")[0]] == expected
    descending, _ = pages(client, f"/folders?limit={limit}&sort=-name")
    assert [item["name"] for item in descending] == expected[::-1]
    assert [item["id"] for item in descending] == [item["id"] for item in pages(client, "/folders?sort=name")[0]][::-1]


def test_a_list_that_changes_is_gone_through_without_a_gap(client, folder_names):
    first = client.get("/folders?limit=10&sort=createdAt")
    before, _ = pages(client, "/folders?limit=100")
    extra = client.post("/folders", json={"name": "late"}).json()
    client.delete(f"/folders/{extra['id']}")
    late = client.post("/folders", json={"name": "later"}).json()
    rest, _ = pages(client, re.search("<(.+)>", first.headers["link"]).group(1))
    seen = [item["id"] for item in first.json() + rest]
    assert seen == [item["id"] for item in before] + [late["id"]]
    client.delete(f"/folders/{late['id']}")


def test_filters(client, folder_names):
    assert {item["name"] for item in pages(client, "/folders?name=n1&limit=2")[0]} == {"n1"}
    assert len(pages(client, "/folders?name=n1&limit=2")[0]) == 3
    assert len(pages(client, "/folders?name%5Beq%5D=n1")[0]) == 3
    assert [item["name"] for item in client.get("/folders", params={"name": "e\u0301"}).json()] == ["e\u0301"]
    assert client.get("/folders", params={"name": "' OR 1=1 --"}).json() == []


def test_filters_of_every_kind(client):
    owner = str(uuid.uuid4())
    values = [
        {"count": 1, "ratio": 0.5, "price": "9.5", "dueOn": "2026-01-01", "startsAt": "2026-01-01T00:00:00Z", "isDone": True},
        {"count": 2, "ratio": 10.0, "price": "10.50", "dueOn": "2026-02-01", "startsAt": "2026-01-01T00:00:01Z", "isDone": False},
        {"count": 30, "ratio": None, "price": None, "dueOn": None, "startsAt": None, "isDone": False},
    ]
    ids = [client.post("/things", json={**value, "token": owner, "limit": value["count"]}).json()["id"] for value in values]

    def found(**filters):
        answer = client.get("/things", params={"token": owner, **{name.replace("__", "[") + ("]" if "__" in name else ""): value for name, value in filters.items()}})
        assert answer.status_code == 200, answer.text
        return [ids.index(item["id"]) for item in answer.json()]

    assert found() == [0, 1, 2]
    assert found(count=2) == [1] and found(count__gt=1) == [1, 2] and found(count__gte="2", count__lt="30") == [1]
    assert found(ratio__lte="0.5") == [0] and found(ratio__gt="-1e3") == [0, 1]
    assert found(price="9.50") == [0] and found(price__gt="9.5") == [1] and found(price__lt="100") == [0, 1]
    assert found(dueOn__lt="2026-02-01") == [0] and found(startsAt__gte="2026-01-01T01:00:01+01:00") == [1]
    assert found(isDone="true") == [0] and found(isDone="false") == [1, 2]
    assert found(limit__eq="30") == [2] and found(limit__gt="1") == [1, 2]
    assert found(createdAt__gt="2000-01-01T00:00:00Z") == [0, 1, 2]
    for order, expected in (("ratio", [0, 1, 2]), ("-ratio", [1, 0, 2]), ("price", [0, 1, 2]), ("-price", [1, 0, 2]),
                            ("-count", [2, 1, 0]), ("-dueOn", [1, 0, 2]), ("-startsAt", [1, 0, 2])):
        for limit in (1, 2, 100):
            items, _ = pages(client, f"/things?token={owner}&sort={order}&limit={limit}")
            assert [ids.index(item["id"]) for item in items] == expected, (order, limit)


def test_nulls_come_last_and_keep_their_place_between_pages(client):
    mark = str(uuid.uuid4())
    for ratio in (None, 1, None, 1, 2, None):
        client.post("/things", json={"count": 1, "ratio": ratio, "token": mark})
    for order, expected in (("ratio", [1, 1, 2]), ("-ratio", [2, 1, 1])):
        for limit in (1, 2, 3, 4, 10):
            items, _ = pages(client, f"/things?token={mark}&sort={order}&limit={limit}")
            assert [item["ratio"] for item in items] == expected + [None] * 3
            assert len({item["id"] for item in items}) == 6


@pytest.mark.parametrize("query", [
    "limit=0", "limit=101", "limit=x", "limit=", "limit=1&limit=2", "limit=1.0", "limit=-1", "limit=%31%30%30%30",
    "sort=nothing", "sort=", "sort=--name", "sort=version", "sort=name,email", "sort=constructor",
    "cursor=x", "cursor=", "cursor=e30", "cursor=W10", "cursor=WyJuYW1lIiwiYSIsImIiXQ",
    "nothing=1", "name[gt]=a", "age[foo]=1", "age=x", "age=1.5", "age=", "role=king", "id[gt]=1", "name[]=a", "__proto__=1",
    "name=a&name=b", "age[gte]=1&age[gte]=2", "createdAt=yesterday", "age=0x10", "age=1e999", "name=%00", "email=",
])
def test_a_bad_parameter_is_400(client, query):
    problem = assert_problem(client.get(f"/users?{query}"), 400, "bad-request")
    assert problem["errors"][0]["parameter"]


def test_what_cannot_be_compared_can_be_neither_sorted_nor_filtered(client):
    for query in ("sort=notes", "notes=x", "sort=settings", "settings=1"):
        assert_problem(client.get(f"/things?{query}"), 400)


def test_a_cursor_of_another_order_is_refused(client, folder_names):
    link = client.get("/folders?limit=1&sort=name").headers["link"]
    cursor = re.search(r"cursor=([^&>]+)", link).group(1)
    assert_problem(client.get(f"/folders?sort=-name&cursor={cursor}"), 400)
    assert_problem(client.get(f"/folders?cursor={cursor}"), 400)
    assert client.get(f"/folders?sort=name&cursor={cursor}").status_code == 200


def test_the_link_keeps_the_other_parameters(client, folder_names):
    link = client.get("/folders", params={"limit": 1, "sort": "name", "createdAt[gt]": "2000-01-01T00:00:00+01:00"}).headers["link"]
    target = re.search("<(.+)>", link).group(1)
    for part in ("limit=1", "sort=name", "2000-01-01T00%3A00%3A00%2B01%3A00"):
        assert part in target
    assert client.get(target).status_code == 200
