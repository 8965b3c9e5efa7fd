"""The documents that come with a project say what the API does."""
import json
import os
import pathlib
import subprocess
import sys

import jsonschema
import pytest
from openapi_spec_validator import validate

from projects import throughline

HERE = pathlib.Path(__file__).parent
EXAMPLES = os.environ.get("REST_EXAMPLES", "15")
SEEDS = os.environ.get("REST_SEEDS", "1").split()


def test_the_openapi_document_is_valid_and_complete(api):
    document = json.loads((api.project / "openapi.json").read_text())
    validate(document)
    assert document["openapi"] == "3.1.0"
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"}
    routes = {tuple(line.split()[:2]) for line in throughline("routes", cwd=api.project).stdout.splitlines()}
    assert documented == routes


@pytest.mark.parametrize("seed", SEEDS)
def test_a_property_based_tester_finds_no_disagreement(api, seed):
    run_schemathesis(api, seed)


def test_the_postman_collection_is_one_by_postman_s_own_schema(api):
    validate_postman(api)


def validate_postman(api):
    schema = json.loads((HERE / "postman-collection-2.1.0.schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    collection = json.loads((api.project / "postman_collection.json").read_text())
    assert [error.message for error in validator.iter_errors(collection)] == []
    # The schema is one that can say no.
    del collection["item"][1]["item"][0]["request"]
    assert not validator.is_valid(collection)


def test_the_postman_collection_s_own_tests_pass_again_and_again(api):
    for _ in range(2):
        run_postman(api)


def run_schemathesis(api, seed, *options, token="", examples=EXAMPLES):
    result = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "st"), "--config-file", str(HERE / "schemathesis.toml"), "run",
         str(api.project / "openapi.json"), "--url", api.url, "--max-examples", examples, "--seed", seed, "--no-color", *options],
        capture_output=True, text=True, timeout=900, cwd=api.project.parent,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "st_hooks", "REST_TOKEN": token, "PYTHONPATH": str(HERE)})
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]


def run_postman(api, token=""):
    result = subprocess.run(
        ["node", str(HERE / "run-postman.mjs"), str(api.project / "postman_collection.json"), api.url, token],
        capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 failed" in result.stdout
