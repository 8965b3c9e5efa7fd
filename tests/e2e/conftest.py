"""What the end-to-end tests share: the real server on a free port, a scripted upstream, clients."""
import os
import pathlib
import random
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from client import Api  # noqa: E402
from server import BINARY, Server  # noqa: E402
from upstream import Upstream  # noqa: E402


def pytest_collection_modifyitems(items):
    """Without a built server its tests fail at once, and say what to do, instead of one by one after a wait."""
    if not os.access(BINARY, os.X_OK):
        for item in items:
            if "start" in item.fixturenames or "throughline" in item.fixturenames:
                item.add_marker(pytest.mark.usefixtures("no_binary"))


@pytest.fixture
def no_binary():
    pytest.fail(f"{BINARY} is not there: run `swift build` first, or name another with THROUGHLINE_BIN", pytrace=False)


@pytest.fixture
def start(tmp_path, request):
    """`start("--flag", ...)` gives a running server, stopped after the test and looked at for crashes."""
    servers = []

    def start(*flags, **options):
        folder = options.pop("folder", tmp_path / f"server{len(servers)}")
        folder.mkdir(exist_ok=True, parents=True)
        servers.append(Server(folder, *flags, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        try:
            server.stop()
        finally:
            assert not server.crashed(), f"{server.crashed()}\n{server.log_tail()}"


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def api(server):
    return Api(server.port, "ada; role=user; device=test")


@pytest.fixture
def upstream():
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def seeded(request):
    """Chance that can be had again: the seed is printed with a failure, and `E2E_SEED` sets it."""
    seed = int(os.environ.get("E2E_SEED") or time.time_ns() % 1_000_000)
    print(f"E2E_SEED={seed}")
    return random.Random(seed)


def eventually(check, seconds=15, every=0.05, what="it"):
    """The first true value of `check()`."""
    until = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < until, f"{what} did not come true within {seconds} s"
        time.sleep(every)
