"""`throughline dev`, as somebody runs it in a terminal of its own."""
import os
import re
import signal
import subprocess
import time

import projects


class Dev:
    def __init__(self, project, log, *arguments, wait_seconds=20, **settings):
        self.log, self.wait_seconds = log, wait_seconds
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [projects.BINARY, "dev", *arguments], cwd=project, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                env={**os.environ, "PORT": "0", **settings})

    def wait(self, text, count=1):
        """Until it has said this so often."""
        until = time.monotonic() + self.wait_seconds
        while (said := self.log.read_text()).count(text) < count:
            assert time.monotonic() < until and self.process.poll() is None, f"no ‘{text}’ in:\n{said[-6000:]}"
            time.sleep(0.02)

    def url(self, start=1):
        """Where the API listens that was started as the first, the second, ..."""
        self.wait("listens on ", start)
        return re.findall(r"listens on (http://\S+)", self.log.read_text())[start - 1]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def proceed(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(self.wait_seconds)
