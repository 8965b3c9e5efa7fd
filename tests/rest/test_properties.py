"""Whatever is described, the project passes its own tests, its migrations go up and down, and its documents are true.

A small description by chance for each target, in Swift with conversations; REST_PROPERTIES="1 2 3" names others by their seeds, REST_PROPERTY_RESOURCES how
many resources, REST_PROPERTY_TARGETS the targets, and REST_PROPERTY_OPTIONS with what they are made.
"""
import os
import subprocess

import pytest

import projects
import random_projects
from conftest import SECRET
from projects import throughline
from test_auth import token
from test_documents import run_postman, run_schemathesis, validate_postman

SEEDS = [int(seed) for seed in os.environ.get("REST_PROPERTIES", "3").split()]
TARGETS = os.environ.get("REST_PROPERTY_TARGETS", "express hummingbird").split()
# So that a Swift project with sessions is built, too; one with tokens would take minutes more.
OPTIONS = {"hummingbird": os.environ.get("REST_PROPERTY_OPTIONS", "--sessions").split(), "express": os.environ.get("REST_PROPERTY_OPTIONS", "").split()}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_any_description_makes_a_project_that_works(workshop, postgres, session_server, seed, target):
    folder = workshop / f"chance-{target}-{seed}"
    folder.mkdir()
    count = int(os.environ.get("REST_PROPERTY_RESOURCES", "3"))
    project, commands = random_projects.describe(seed, folder, target, "postgres", count, OPTIONS[target])
    assert commands
    assert "agree" in throughline("check", cwd=project).stdout
    if target == "express":
        (project / "node_modules").symlink_to(projects.NODE_MODULES)
    else:
        projects.build_swift(project, "--build-tests")
    name = f"chance-{target}-{seed}"
    api = projects.API(
        project, target, DATABASE_URL=postgres.create_database(name), THROUGHLINE_URL=session_server.url, JWT_SECRET=SECRET)
    for _ in range(2):
        api.migrate()
        while "There is nothing" not in api.migrate("down").stdout:
            pass
    assert postgres.sql(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == "migrations\n"
    api.migrate()
    if target == "express":
        api.settings["TEST_DATABASE_URL"] = api.settings["DATABASE_URL"]
        tests = sorted(str(path) for path in (project / "test").glob("*.test.js"))
        result = api.run("--test", "--test-concurrency=1", *tests, timeout=300, check=False)
        assert "# fail 0" in result.stdout and "on postgres" in result.stdout, (commands, result.stdout[-6000:])
    else:
        projects.run_swift_tests(project, "chance", api.settings["DATABASE_URL"])
    api.settings["SEED"] = "true"
    api.start()
    try:
        validate_postman(api)
        bearer = token("ada") if "jwt" in OPTIONS[target] else ""
        run_postman(api, bearer)
        if "REST_EXAMPLES" in os.environ:
            run_schemathesis(api, str(seed), token=bearer)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise AssertionError(f"{commands}\n{error}\n{api.log.read_text()[-2000:]}") from None
    finally:
        api.stop()
