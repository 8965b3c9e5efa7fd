"""Starting, stopping, and a database that goes away."""
import threading
import time

import httpx
import pytest

import projects


def test_a_database_that_is_killed_gives_503_and_then_it_goes_on(api, client, request):
    if api.settings.get("DATABASE_URL", "memory:") == "memory:":
        pytest.skip("there is no database to kill")
    postgres = request.getfixturevalue("postgres")
    codes, stopped = [], threading.Event()

    def load():
        with httpx.Client(base_url=api.url, timeout=30) as own:
            while not stopped.is_set():
                codes.append(own.post("/things", json={"count": 1}).status_code)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        postgres.stop("immediate")
        time.sleep(0.3)
        answer = client.get("/things")
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "unavailable"
        assert client.get("/health").status_code == 503
    finally:
        postgres.start()
    until = time.monotonic() + 15
    while client.get("/health").status_code != 200:
        assert time.monotonic() < until, "it never came back"
        time.sleep(0.1)
    before = codes.count(201)
    time.sleep(0.5)
    stopped.set()
    for thread in threads:
        thread.join()
    assert set(codes) == {201, 503} and codes.count(201) > before


def test_it_does_not_start_with_bad_settings(api):
    for settings in ({"PORT": "x"}, {"BODY_LIMIT": "0"}):
        with pytest.raises(AssertionError, match=next(iter(settings))):
            projects.API(api.project, api.target, **{**api.settings, **settings}).start()
