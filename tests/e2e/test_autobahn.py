"""The public WebSocket cases of the Autobahn suite, against the server's own channel and framing with an echo behind them.

The cases need a server that sends messages back, which `/v1/connect` is not: `throughline-echo` (Tests/Support/WebSocketEcho)
is the same pipeline with another consumer. Unlike the server it takes binary messages, and messages of 16 MiB.
"""
import asyncio
import pathlib
import signal
import subprocess

import kosoku
import pytest

from server import BINARY

ECHO = pathlib.Path(BINARY).with_name("throughline-echo")
FINE = {"OK", "INFORMATIONAL"}

# Allowed, though not the strictest reading of RFC 6455, with the reason.
EXPLAINED = {
    "6.4.1": "text is checked when the message is whole, not fragment by fragment",
    "6.4.2": "the same",
    "6.4.3": "the same, within one frame",
    "6.4.4": "the same",
}


@pytest.fixture(scope="module")
def echo():
    process = subprocess.Popen([ECHO], stdout=subprocess.PIPE, text=True)
    try:
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        assert process.poll() is None, "the echo server crashed"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def run(echo, cases, concurrency=2):
    try:
        return asyncio.run(kosoku.run_fuzzingclient(echo, cases, concurrency=concurrency))
    except kosoku.FailureError as failure:
        return failure.results


def verdict(result):
    return {result.behavior.value, result.behavior_close.value}


def wrong(results):
    return [
        f"{result.case_id}: {result.behavior.value}, close {result.behavior_close.value}: {result.result} {result.result_close}"
        for result in results
        if not verdict(result) <= FINE and not (verdict(result) <= FINE | {"NON-STRICT"} and result.case_id in EXPLAINED)
    ]


@pytest.mark.parametrize("sections, least", [
    (["1.*", "2.*", "3.*", "4.*", "5.*"], 50),
    (["6.*"], 140),
    (["7.*", "10.*"], 35),
    (["9.*"], 54),
], ids=["framing, pings, fragments", "UTF-8", "closing", "large messages"])
@pytest.mark.timeout(180)
def test_every_case_passes(echo, sections, least):
    results = run(echo, sections)
    assert len(results) >= least, "cases are missing"
    assert not wrong(results), "\n".join(wrong(results))


def test_what_is_explained_is_still_so(echo):
    strict = [result.case_id for result in run(echo, list(EXPLAINED)) if verdict(result) <= FINE]
    assert not strict, f"these pass now, strictly: {strict}"


@pytest.mark.parametrize("case", ["12.1.1", "13.1.1"])
def test_compression_is_not_offered(echo, case):
    """The one extension of the suite, permessage-deflate, is not negotiated: clients send plain frames."""
    [result] = run(echo, [case])
    assert result.behavior.value == "UNIMPLEMENTED"
    assert "sec-websocket-extensions" not in result.http_response.lower()
