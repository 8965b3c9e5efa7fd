"""A PostgreSQL server of the tests' own, on 127.0.0.1."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess


def programs():
    """The folder of initdb and pg_ctl; None if PostgreSQL is not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if found:
        return found[-1].parent
    path = shutil.which("pg_ctl")
    return pathlib.Path(path).parent if path else None


class PostgreSQL:
    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def url(self, name):
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def create(self):
        if os.getuid() == 0:  # PostgreSQL refuses to run as root.
            entry = pwd.getpwnam("postgres")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                "fsync = off\nmax_connections = 200\n")
        self.start()
        return self

    def start(self):
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def create_database(self, name):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.sql("postgres", f'CREATE DATABASE "{name}"')
        return self.url(name)

    def sql(self, name, statement):
        """The rows, with | between the columns."""
        result = subprocess.run(
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.url(name), "-c", statement], capture_output=True, text=True,
            timeout=30)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return result.stdout

    def _run(self, program, *arguments):
        command = [str(programs() / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        result = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120)
        if result.returncode != 0:
            raise AssertionError(f"{program}: {result.stderr}")
