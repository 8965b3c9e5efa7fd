"""Starts, kills and measures the real server."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

import psutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("THROUGHLINE_BIN") or str(ROOT / ".build/debug/throughline")
START_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment():
    """This process's environment without any setting of a server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("THROUGHLINE_")}


class Server:
    def __init__(self, folder, *flags, port=None, dev=True, demo_agent=False):
        self.port, self.data = port or free_port(), folder / "data"
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.flags = [*(["--dev"] if dev else []), *([] if demo_agent else ["--no-demo-agent"]), *flags]
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data), *self.flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment())
        self.wait_until_ready()
        return self

    def wait_until_ready(self, seconds=START_SECONDS):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"the server left with {self.process.returncode}:\n{self.log_tail()}")
            try:
                with urllib.request.urlopen(self.url + "/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the server was not ready after {seconds} s:\n{self.log_tail()}")

    def kill9(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, seconds=20):
        """Asks the server to stop; its exit status."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(seconds)

    def restart(self):
        self.kill9()
        return self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill9()
                raise AssertionError(f"the server did not stop when asked:\n{self.log_tail()}") from None

    @property
    def alive(self):
        return self.process.poll() is None

    def rss(self):
        """Resident memory in bytes."""
        return psutil.Process(self.process.pid).memory_info().rss

    def descriptors(self):
        return psutil.Process(self.process.pid).num_fds()

    def log_tail(self, lines=40):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def crashed(self):
        """What the log says of a crash, if one happened."""
        found = re.search(r"Fatal error.*|\*\*\* (Signal|Program crashed).*|Crash.*Thread", self.log_tail(10_000))
        return found and found[0]
