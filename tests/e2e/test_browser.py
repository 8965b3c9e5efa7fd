"""Two tabs of a real Chromium, each behind a network of its own that can be cut, and a server that is killed."""
import re
import shutil
import threading
import time
import urllib.parse

import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from client import DOWN, Api, start_run, take_work
from conftest import eventually
from netproxy import Proxy
from reducer import texts

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1100,800"]


class Storyteller(threading.Thread):
    """An agent that answers with numbered words, one after the other, and goes on when the server comes back."""

    def __init__(self, port, words=600, every=0.05):
        super().__init__(daemon=True)
        self.api, self.words, self.every = Api(port, "bot; role=agent", timeout=5), words, every
        self.over, self.error, self.outcome = threading.Event(), None, None
        self.silent, self.finish = threading.Event(), threading.Event()
        self.acknowledged = ""

    def run(self):
        try:
            while not self.over.is_set():
                try:
                    run = take_work(self.api, "bot", wait=1, lease=5000)
                except DOWN:
                    time.sleep(0.2)
                    continue
                if run:
                    self.answer(run)
                    return
        except BaseException as error:
            self.error = error

    def answer(self, run):
        self.held = run
        run.sure(*run.start_message("answer", "text"))
        for number in range(self.words):
            if self.finish.is_set() or self.silent.is_set():
                break
            word = f"word{number} " if number % 30 else f"\n\nPart **{number}** 🌊 שלום: word{number} "
            try:
                answer = run.write(run.append("text", word))
            except DOWN:
                answer = run.retry(30)
            if answer.status != 200:
                self.outcome = answer.code
                return
            self.acknowledged += word
            time.sleep(self.every)
        if not self.silent.is_set():
            run.end().ok(200)
            self.outcome = "completed"


class Tab:
    """One window of the browser, by its own port."""

    def __init__(self, driver, port, session, first, who=""):
        self.driver, self.url = driver, f"http://127.0.0.1:{port}/?session={session}{who and '&as=' + urllib.parse.quote(who)}"
        if not first:
            driver.switch_to.new_window("window")
        self.window = driver.current_window_handle
        driver.get(self.url)

    def here(self):
        if self.driver.current_window_handle != self.window:
            self.driver.switch_to.window(self.window)
        return self.driver

    def reload(self):
        self.here().refresh()

    def js(self, script):
        return self.here().execute_script(script)

    def find(self, testid, more=""):
        return self.here().find_elements(By.CSS_SELECTOR, f'[data-testid="{testid}"]{more}')

    def one(self, testid):
        return eventually(lambda: self.find(testid), what=f"{testid} on the page")[0]

    def state(self):
        try:
            return self.js("return window.throughline && throughline.session && "
                           "JSON.parse(JSON.stringify(throughline.session.state))") or None
        except JavascriptException:
            return None

    def counts(self):
        return self.js("return {...throughline.session.counts}")

    def text(self):
        """The answer as this tab's client holds it."""
        state = self.state()
        return "".join(texts(state).values()) if state and state.get("messages") else ""

    def shown(self):
        """The answer as a person sees it."""
        try:
            return " ".join(element.get_property("textContent")
                            for element in self.find("message", '[data-role="assistant"]'))
        except StaleElementReferenceException:
            return ""

    def statuses(self):
        return [element.get_attribute("data-status") for element in self.find("message", '[data-role="assistant"]')]

    def send(self, text):
        composer = self.one("composer")
        composer.click()
        composer.send_keys(text + Keys.ENTER)

    def stop(self):
        button = eventually(lambda: [one for one in self.find("stop") if one.is_displayed()], what="the stop button")[0]
        button.click()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    assert CHROMIUM and DRIVER, "chromium and chromedriver are missing: run scripts/setup test"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def proxies(server):
    proxies = [Proxy(server.port), Proxy(server.port)]
    yield proxies
    for proxy in proxies:
        try:
            proxy.close()
        except OSError:
            pass


@pytest.fixture
def tabs(driver, proxies, api):
    api.create("talk", title="A talk")
    start = driver.current_window_handle
    tabs = [Tab(driver, proxy.port, "talk", first=not number) for number, proxy in enumerate(proxies)]
    for tab in tabs:
        eventually(lambda tab=tab: tab.state(), 20, what="the page's client")
    yield tabs
    report = driver.get_log("browser")
    tabs[1].here().close()
    driver.switch_to.window(start)
    driver.get("about:blank")
    failures = [entry["message"] for entry in report if entry["level"] == "SEVERE" and "ERR_" not in entry["message"]
                and "WebSocket connection" not in entry["message"] and "Failed to load resource" not in entry["message"]]
    assert not failures, failures


@pytest.fixture
def teller(server):
    tellers = []

    def tell(**options):
        tellers.append(Storyteller(server.port, **options))
        tellers[-1].start()
        return tellers[-1]

    yield tell
    for teller in tellers:
        teller.over.set()
        teller.finish.set()
        teller.join(10)
        assert not teller.error, teller.error


def words_in(text):
    return [int(number) for number in re.findall(r"word(\d+)", text)]


def ask(tabs):
    tabs[0].send("Tell me about the sea.")
    for tab in tabs:
        eventually(lambda tab=tab: len(words_in(tab.text())) > 10, 20, what="the answer streaming in a tab")


def check_equal(tabs, api, seconds=20):
    """Both tabs and the server hold the same, to the last byte; on the page nothing is missing and nothing is there twice."""
    def settled():
        held = api.snapshot("talk")
        return all((state := tab.state()) and state["seq"] == held["seq"] for tab in tabs) and held
    snapshot = eventually(settled, seconds, 0.1, "both tabs being at the server's last event")
    for tab in tabs:
        state = tab.state()
        assert texts(state) == texts(snapshot)
        for items in ("messages", "runs", "inputs", "commands"):
            assert [(item["id"], item.get("state", item.get("status"))) for item in state[items]] == \
                [(item["id"], item.get("state", item.get("status"))) for item in snapshot[items]]
        assert tab.counts() == {"gaps": 0, "duplicates": 0}
        held = words_in("".join(texts(snapshot).values()))
        eventually(lambda tab=tab: words_in(tab.shown()) == held, 10, what="every word on the page, once and in order")
        for testid, name in (("message", "data-message-id"), ("input", "data-input-id")):
            ids = [element.get_attribute(name) for element in tab.find(testid)]
            ids = [one for one in ids if one]
            assert len(ids) == len(set(ids)), f"twice on the page: {ids}"
    assert held == list(range(len(held)))
    assert tabs[0].shown() == tabs[1].shown()
    return snapshot


def test_two_tabs_show_the_same_answer_while_it_streams(tabs, api, teller):
    agent = teller(words=250, every=0.04)
    ask(tabs)
    lengths = []
    for _ in range(5):
        first, second = tabs[0].text(), tabs[1].text()
        assert second.startswith(first), "the tabs disagree"
        lengths.append(len(first))
        time.sleep(0.3)
    assert lengths == sorted(set(lengths)), "the answer does not stream"
    agent.join(40)
    snapshot = check_equal(tabs, api)
    assert snapshot["runs"][0]["state"] == "completed" and snapshot["inputs"][0]["state"] == "answered"
    assert [tab.statuses() for tab in tabs] == [["complete"], ["complete"]]


def test_a_reload_a_cut_network_and_a_stop_from_the_other_tab(tabs, api, teller, proxies):
    agent = teller(words=2000, every=0.04)
    ask(tabs)

    tabs[0].reload()
    eventually(lambda: len(words_in(tabs[0].text())) > 10, 20, what="the answer after the reload")
    before = len(words_in(tabs[0].text()))
    eventually(lambda: len(words_in(tabs[0].text())) > before + 10, what="the answer going on after the reload")

    online = tabs[0].one("status").get_attribute("data-state")
    proxies[0].cut()
    cut_at = time.monotonic()
    eventually(lambda: tabs[0].one("status").get_attribute("data-state") != online, 8, what="the page saying that it is cut off")
    held = len(words_in(tabs[0].text()))
    while time.monotonic() < cut_at + 10:
        time.sleep(0.5)
        assert len(words_in(tabs[0].text())) <= held, "the network was not cut"
    assert len(words_in(tabs[1].text())) > held + 50, "the other tab has to go on"
    proxies[0].restore()
    eventually(lambda: len(words_in(tabs[0].text())) > held + 50, 20, what="the answer after the cut")

    tabs[1].stop()
    for tab in tabs:
        eventually(lambda tab=tab: tab.statuses() == ["cancelled"], what="the stop being seen")
    snapshot = check_equal(tabs, api)
    assert snapshot["runs"][0]["state"] == "cancelled"
    assert snapshot["commands"][0]["verb"] == "cancel"
    agent.join(10)
    assert agent.outcome == "run_cancelled"
    assert not any(one.is_displayed() for tab in tabs for one in tab.find("stop")), "a stop button with nothing to stop"
    seq = snapshot["seq"]
    time.sleep(1)
    assert [event for event in api.events("talk", seq) if event["type"] != "command.applied"] == []


@pytest.mark.parametrize("lives", [True, False], ids=["its agent lives", "its agent is gone"])
def test_kill9_in_mid_answer_and_the_pages_recover_by_themselves(server, tabs, teller, lives):
    agent = teller(words=150 if lives else 2000, every=0.05)
    ask(tabs)
    if not lives:
        agent.silent.set()
        agent.join(10)
    acknowledged = agent.acknowledged
    server.kill9()
    time.sleep(1)
    server.start()
    api = Api(server.port)
    held = "".join(texts(api.snapshot("talk")).values())
    assert held.startswith(acknowledged), "acknowledged text is lost"
    agent.join(60)
    expected = "completed" if lives else "queued"  # for another agent of that name
    eventually(lambda: api.snapshot("talk")["runs"][0]["state"] == expected, 60, 0.2, f"the run being {expected}")
    snapshot = check_equal(tabs, api, 40)
    assert "".join(texts(snapshot).values()).startswith(agent.acknowledged)
    status = "complete" if lives else "interrupted"
    for tab in tabs:
        eventually(lambda tab=tab: tab.statuses() == [status], what=f"the page showing {status}")
        assert [element.get_attribute("data-state") for element in tab.find("input")] == \
            ["answered" if lives else "claimed"]


def test_what_is_sent_while_the_network_is_gone_arrives_once(tabs, api, proxies):
    proxies[0].cut()
    time.sleep(0.5)
    tabs[0].send("Are you there?")
    time.sleep(1)
    assert api.snapshot("talk")["inputs"] == []
    proxies[0].restore()
    eventually(lambda: len(api.snapshot("talk")["inputs"]) == 1, 30, what="the message arriving")
    time.sleep(1)
    assert [input["parts"][0]["text"] for input in api.snapshot("talk")["inputs"]] == ["Are you there?"]
    eventually(lambda: len(tabs[0].find("input")) == 1 and len(tabs[1].find("input")) == 1, what="it being shown once")


def test_the_page_treats_content_as_untrusted(tabs, api):
    run = start_run(api, "talk", "bot")
    evil = ('<img src=x onerror="window.owned=1"><script>window.owned=1</script> [a](javascript:window.owned=1) '
            '![b](http://127.0.0.1:9/x.png) <svg onload=window.owned=1> **bold**')
    run.write(*run.start_message("m", "p"), run.append("p", evil)).ok(200)
    run.end()
    eventually(lambda: "bold" in tabs[0].shown(), what="the answer")
    assert tabs[0].js("return window.owned") is None
    assert tabs[0].js('return document.querySelectorAll(\'[data-testid="message"] :is(img, script, svg[onload], '
                      'a[href^="javascript"])\').length') == 0
    assert tabs[0].js('return document.querySelector(\'[data-testid="message"] strong\').textContent') == "bold"


def test_the_demonstration_answers_a_new_chat_at_once(driver, start):
    server = start(demo_agent=True)
    tab = Tab(driver, server.port, "", first=True)
    driver.get(server.url)
    tab.send("Hello!")
    eventually(lambda: tab.state() and tab.state()["runs"] and tab.state()["runs"][0]["state"] == "completed", 90, 0.2,
               "the demonstration's answer")
    kinds = {part["kind"] for message in tab.state()["messages"] for part in message["parts"]}
    assert {"text", "reasoning", "tool-call"} <= kinds
    assert "session=" in driver.current_url
    eventually(lambda: tab.find("session-item"), what="the chat in the list")
    assert tab.statuses()[-1] == "complete"
