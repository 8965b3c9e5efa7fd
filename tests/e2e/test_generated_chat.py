"""The chat page of a generated API, in a real Chromium, beside the server that keeps its sessions."""
import pathlib
import shutil
import sys

import pytest
import requests
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from conftest import eventually
from server import Server
from test_browser import driver  # noqa: F401 (a fixture)

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "rest"))
import projects  # noqa: E402


@pytest.fixture
def assistant(tmp_path):
    """An Express API with conversations, and the server of their sessions, where the demonstration agent answers."""
    assert shutil.which("node") and projects.NODE_MODULES.exists(), "run scripts/setup test"
    server = Server(tmp_path, demo_agent=True).start()
    project = projects.make_project(tmp_path / "api", "express", "memory", [], name="assistant", options=["--sessions"])
    api = projects.API(project, "express", THROUGHLINE_URL=server.url).start()
    yield api, server
    assert api.stop() == 0
    server.stop()


def test_a_conversation_is_begun_kept_and_erased_on_the_page(assistant, driver):
    api, server = assistant

    def shown(kind):
        try:
            return [element.text for element in driver.find_elements(By.CSS_SELECTOR, f"#messages .{kind}")]
        except StaleElementReferenceException:
            return []

    driver.get(f"{api.url}/chat")
    driver.find_element(By.ID, "new").click()
    text = eventually(lambda: driver.find_element(By.ID, "text").is_enabled() and driver.find_element(By.ID, "text"), what="the field")
    text.send_keys("Hello from the page" + Keys.ENTER)
    eventually(lambda: any("Hello from the page" in item for item in shown("input")), what="what was said")
    eventually(lambda: any(len(item.split()) > 5 for item in shown("assistant")), 20, what="the answer")
    conversation = requests.get(f"{api.url}/conversations").json()[0]
    session = requests.get(f"{server.url}/v1/sessions/{conversation['id']}").json()
    assert session["inputs"][0]["parts"][0]["text"] == "Hello from the page"

    driver.refresh()
    eventually(lambda: driver.find_elements(By.CSS_SELECTOR, "[data-id]"), what="the list of conversations")[0].click()
    eventually(lambda: any("Hello from the page" in item for item in shown("input")), what="what was said before the reload")

    driver.find_element(By.CSS_SELECTOR, "[aria-label^=Delete]").click()
    eventually(lambda: not driver.find_elements(By.CSS_SELECTOR, "[data-id]"), what="an empty list")
    assert requests.get(f"{api.url}/conversations").json() == []
    assert requests.get(f"{server.url}/v1/sessions/{conversation['id']}").status_code == 410
    report = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not [message for message in report if "favicon" not in message], report
