"""Many clients at once."""
import asyncio
import uuid

import httpx


def together(api, count, work):
    """The results of `work(client, number)` for every number, all at the same time."""
    async def run():
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(base_url=api.url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(work(client, number) for number in range(count)))
    return asyncio.run(run())


def test_fifty_writers_with_if_match_lose_no_update(api, client):
    thing = client.post("/things", json={"count": 0}).json()
    path = f"/things/{thing['id']}"

    async def add_one(client, _):
        for attempt in range(400):
            current = await client.get(path)
            answer = await client.patch(path, json={"count": current.json()["count"] + 1}, headers={"If-Match": current.headers["etag"]})
            if answer.status_code == 200:
                return attempt
            assert answer.status_code == 412, answer.text
        raise AssertionError("never got its turn")

    together(api, 50, add_one)
    assert client.get(path).json()["count"] == 50


def test_fifty_patches_of_different_fields_lose_nothing(api, client):
    thing = client.post("/things", json={"count": 0, "settings": {}}).json()
    path = f"/things/{thing['id']}"

    async def add_key(client, number):
        answer = await client.patch(path, json={"settings": {f"key{number}": number}})
        assert answer.status_code == 200, answer.text

    together(api, 50, add_key)
    assert client.get(path).json()["settings"] == {f"key{number}": number for number in range(50)}


def test_one_key_from_fifty_clients_creates_one_item(api, client):
    key, mark = {"Idempotency-Key": str(uuid.uuid4())}, str(uuid.uuid4())

    async def create(client, _):
        return await client.post("/things", json={"count": 1, "token": mark}, headers=key)

    answers = together(api, 50, create)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(client.get(f"/things?token={mark}").json()) == 1


def test_fifty_items_with_one_unique_value_become_one(api, client):
    email = f"{uuid.uuid4()}@example.com"

    async def create(client, number):
        return await client.post("/users", json={"name": f"n{number}", "email": email})

    codes = sorted(answer.status_code for answer in together(api, 50, create))
    assert codes == [201] + [409] * 49
