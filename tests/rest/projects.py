"""Makes projects with the builder, starts them, and stops them."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("THROUGHLINE_BIN") or str(ROOT / ".build/debug/throughline")
# The server of sessions; the builder alone is enough for all other tests.
SERVER = os.environ.get("THROUGHLINE_SERVER") or BINARY
NODE_MODULES = pathlib.Path(os.environ.get("REST_NODE_MODULES") or ROOT / ".build-node/node_modules")
# Generated Swift projects are built in one place, so that their dependencies are compiled once.
SWIFT_BUILD = pathlib.Path(os.environ.get("REST_SWIFT_BUILD") or ROOT / ".build-rest")
# They stand at one place, too, while they are built: SwiftPM compiles dependencies anew for another.
SWIFT_PLACE = SWIFT_BUILD.with_name(SWIFT_BUILD.name + "-project")
START_SECONDS = 30

# A Swift project with PostgreSQL is built once, and keeps its items in memory when it is told to. `hummingbird-plain` is one that was
# generated for memory alone; it costs a build of its own, so it is tested when it is asked for.
TARGETS = os.environ.get("REST_TARGETS", "").split() or [
    "express-memory", "express-postgres", "hummingbird-memory", "hummingbird-postgres"]
# Projects with tokens and sessions. In Swift they need jwt-kit, whose BoringSSL takes minutes to compile, so they are tested when they are asked
# for: REST_GUARDED="hummingbird-memory hummingbird-postgres".
GUARDED_TARGETS = os.environ.get("REST_GUARDED", "").split() or ["express-memory", "express-postgres"]

# Every type, every kind of relation, and names that SQL, JavaScript and Swift keep for themselves.
RESOURCES = [
    ("user", "name:string", "email:string:unique", "age:int?", "role:enum(admin,member)=member"),
    ("project", "title:string", "owner:users", "status:enum(open,in-progress,done)=open", "order:int?:index", "select:string?"),
    ("comment", "body:text", "project:projects:cascade", "author:users?:setnull"),
    ("folder", "name:string", "parent:folders?:setnull"),
    ("thing", "count:int", "ratio:double?", "price:decimal?", "isDone:bool=false", "dueOn:date?", "startsAt:datetime?",
     "token:uuid?", "settings:json?", "notes:text?", "class:string?", "limit:int?", "größe:string?"),
]


def throughline(*arguments, cwd, check=True, **options):
    """Runs the builder; what it says is in the result."""
    result = subprocess.run([BINARY, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"throughline {' '.join(arguments)} left with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result


def make_project(folder, target, database, resources=RESOURCES, name="shop", options=()):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
    throughline("new", name, "--target", target, "--database", database, *options, cwd=folder)
    for resource in resources:
        throughline("generate", "resource", *resource, cwd=folder / name)
    if target == "express":
        (folder / name / "node_modules").symlink_to(NODE_MODULES)
    return folder / name


def swift_place():
    """An empty folder, where a Swift project `shop` is put to be built."""
    if SWIFT_PLACE.is_symlink():
        SWIFT_PLACE.unlink()
    SWIFT_PLACE.mkdir(exist_ok=True)
    if (SWIFT_PLACE / "shop").is_symlink():
        (SWIFT_PLACE / "shop").unlink()
    shutil.rmtree(SWIFT_PLACE / "shop", ignore_errors=True)
    return SWIFT_PLACE


def build_swift(project, *options):
    """Builds a generated Swift project, and puts its program into it."""
    place = swift_place() / "shop"
    place.symlink_to(project)
    command = os.environ.get("REST_SWIFT", "swift").split()
    result = subprocess.run(
        [*command, "build", *(options or ["--product", "App"]), "--package-path", str(place), "--scratch-path", str(SWIFT_BUILD)],
        capture_output=True, text=True, timeout=1800)
    warnings = [line for line in result.stdout.splitlines() if "warning:" in line and re.search("/(Sources/(App|REST)|Tests)/", line)]
    assert result.returncode == 0 and not warnings, f"{warnings}\n{result.stdout[-6000:]}{result.stderr[-2000:]}"
    # One that runs stays as it is.
    shutil.copy(SWIFT_BUILD / "debug/App", project / "App.new")
    (project / "App.new").replace(project / "App")
    return project


def run_swift_tests(project, name, database):
    """Runs the tests of a Swift project that was built with them, on PostgreSQL, too."""
    result = subprocess.run(
        [str(SWIFT_BUILD / f"debug/{name}PackageTests.xctest"), "--testing-library", "swift-testing"], capture_output=True, text=True, cwd=project,
        timeout=300, env={**os.environ, "TEST_DATABASE_URL": database})
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert "with 2 test cases passed" in result.stdout + result.stderr


class SessionServer:
    """`throughline serve --dev`, which keeps the sessions of conversations."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder / "sessions.log", "ab") as log:
            self.process = subprocess.Popen(
                [SERVER, "serve", "--dev", "--port", str(self.port), "--data", str(self.folder / "sessions")],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.url + "/ready", timeout=2):
                    return self
            except OSError:
                assert time.monotonic() < until and self.process.poll() is None, (self.folder / "sessions.log").read_text()
                time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


class API:
    """A generated API as a process."""

    def __init__(self, project, target, **settings):
        self.project, self.target = project, target
        self.settings = {"PORT": "0", **settings}
        self.log = project.parent / f"{project.name}.log"
        self.process = self.url = None

    def command(self, *arguments):
        if self.target == "express":
            return ["node", *(arguments or ["src/server.js"])]
        return [str(self.project / "App"), *arguments]

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.project, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.settings})
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            text = self.log.read_text()
            if listening := re.search(r"listens on (http://127\.0\.0\.1:\d+)", text):
                self.url = listening.group(1)
                return self
            if self.process.poll() is not None:
                raise AssertionError(f"the API left with {self.process.returncode}:\n{text}")
            time.sleep(0.02)
        raise AssertionError(f"the API was not ready after {START_SECONDS} s:\n{self.log.read_text()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def run(self, *arguments, check=True, timeout=60):
        """Runs another program of the project: its migrations, its seeds."""
        result = subprocess.run(
            self.command(*arguments), cwd=self.project, capture_output=True, text=True, timeout=timeout,
            env={**os.environ, **self.settings})
        if check and result.returncode != 0:
            raise AssertionError(f"{arguments} left with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def migrate(self, way="up", check=True):
        return self.run(*(["src/migrate.js", way] if self.target == "express" else ["migrate", way]), check=check)
