"""One conversation, controlled from everywhere: two agents at once, two tabs, a phone, an operator, in a real Chromium."""
import threading
import time

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from client import Api, take_work
from conftest import eventually
from netproxy import Proxy
from reducer import texts
from test_browser import Tab, driver  # noqa: F401  `driver` is a fixture

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


class Teller(threading.Thread):
    """An agent that counts aloud, asks when it is told to, and waits while a person answers in its place."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.api, self.name_ = Api(port, f"{name}; role=agent", timeout=10), name
        self.finish, self.question, self.outcome, self.error = threading.Event(), None, None, None
        self.messages = self.words = 0

    def run(self):
        try:
            held = take_work(self.api, self.name_, wait=20, lease=5000)
            self.begin(held)
            while not self.finish.is_set() and self.say(held, f"{self.name_}{self.words} "):
                time.sleep(0.04)
            if not self.outcome:
                held.end().ok(200)
                self.outcome = "completed"
        except BaseException as error:
            self.error = error

    def begin(self, held):
        self.messages += 1
        self.part = f"{self.name_}-part-{self.messages}"
        return self.write(held, *held.start_message(f"{self.name_}-{self.messages}", self.part))

    def say(self, held, text):
        asked, self.question = self.question, None
        events = [{"type": "request.opened", "request": asked}] if asked else []
        answer = self.write(held, *events, held.append(self.part, text))
        if answer.status == 200:
            self.words += 1
            return True
        if answer.code in ("baton_held", "part_ended", "message_ended"):
            held.lengths[self.part] -= len(text.encode())
            return self.wait_for_the_baton(held)
        self.outcome = answer.code
        return False

    def write(self, held, *events):
        """A refused write does not use its number up."""
        answer = held.write(*events)
        if answer.status != 200:
            held.seq -= 1
        return answer

    def wait_for_the_baton(self, held):
        """What it was saying was ended; it goes on in a message of its own when it may."""
        while not self.finish.is_set():
            if self.begin(held).status == 200:
                return True
            self.messages -= 1
            held.heartbeat().ok(200)
            time.sleep(0.1)
        return False


class Window(Tab):
    """A tab, by what it shows of agents, questions and people."""

    def each(self, testid, what):
        """Something of every element of a kind, at one moment: the page may draw them anew at any time."""
        return self.js(f'return [...document.querySelectorAll(\'[data-testid="{testid}"]\')].map((one) => one.{what})')

    def row(self, agent):
        return [row for row in self.find("run-row") if row.find_element(By.CLASS_NAME, "run-name").text == agent][0]

    def press(self, testid, inside=None):
        def pressed():
            """False where there is none, or the page has drawn it anew in that moment."""
            try:
                found = (inside or self.here()).find_elements(By.CSS_SELECTOR, f'[data-testid="{testid}"]')
                shown = [one for one in found if one.is_displayed()]
                if shown:
                    shown[0].click()
                return bool(shown)
            except StaleElementReferenceException:
                return False

        eventually(pressed, what=f"the button {testid}")

    def words(self, agent):
        return self.text().count(agent)

    def whole_text(self):
        """Everything that this window shows as said by agents and operators."""
        return self.js('return [...document.querySelectorAll(\'[data-testid="message"]\')].map((one) => one.innerText).join("\\n")')

    def said(self):
        """The words of the answers that are shown."""
        return self.js('return [...document.querySelectorAll(\'[data-role="assistant"] [data-testid="part-text"]\')].map((one) => one.textContent).join("")')

    def choose(self, label):
        Select(self.one("manner")).select_by_visible_text(label)


@pytest.fixture
def proxy(server):
    proxy = Proxy(server.port)
    yield proxy
    try:
        proxy.close()
    except OSError:
        pass


@pytest.fixture
def windows(driver, server, proxy, api):  # noqa: F811
    """Ada's laptop, behind a network that can be cut; Bob; and Ada's phone."""
    api.create("talk", title="A talk")
    start = driver.current_window_handle
    laptop = Window(driver, proxy.port, "talk", True, "ada; device=laptop")
    bob = Window(driver, server.port, "talk", False, "bob; device=desk")
    phone = Window(driver, server.port, "talk", False, "ada; device=phone")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    windows = [laptop, bob, phone]
    for window in windows:
        eventually(lambda window=window: window.state(), 20, what="the page's client")
    yield windows
    report = driver.get_log("browser")
    for handle in driver.window_handles:
        if handle != start:
            driver.switch_to.window(handle)
            driver.close()
    driver.switch_to.window(start)
    driver.get("about:blank")
    failures = [entry["message"] for entry in report if entry["level"] == "SEVERE" and "ERR_" not in entry["message"]
                and "WebSocket connection" not in entry["message"] and "Failed to load resource" not in entry["message"]]
    assert not failures, failures


@pytest.fixture
def tellers(server):
    tellers = {name: Teller(server.port, name) for name in ("north", "south")}
    for teller in tellers.values():
        teller.start()
    yield tellers
    for teller in tellers.values():
        teller.finish.set()
        teller.join(15)
        assert not teller.error, teller.error


def test_two_agents_two_tabs_a_phone_and_an_operator(driver, server, api, windows, proxy, tellers):  # noqa: F811
    laptop, bob, phone = windows
    for name in tellers:
        api.send("talk", f"Count, {name}.", name, agent=name).ok(201)
    for window in windows:
        eventually(lambda window=window: window.words("north") > 5 and window.words("south") > 5, 20, what="both agents answering")
        assert len(window.find("run-row")) == 2
    writers = [event["run"] for event in api.events("talk") if event["type"] == "part.appended"]
    assert sum(one != two for one, two in zip(writers, writers[1:])) > 5, "they do not answer at the same time"

    a_network_is_cut_and_recovers(laptop, bob, proxy)
    a_stop_from_the_phone_ends_one_of_them(windows, api, tellers)
    an_approval_has_one_winner(bob, phone, laptop, api, tellers["south"])
    an_operator_takes_over_and_hands_back(driver, server, windows, api, tellers["south"])

    tellers["south"].finish.set()
    tellers["south"].join(15)
    everybody_holds_the_same(windows, api)


def a_network_is_cut_and_recovers(laptop, bob, proxy):
    proxy.cut()
    eventually(lambda: laptop.one("status").get_attribute("data-state") != "open", 10, what="the page saying that it is cut off")
    held, others = laptop.words("south"), bob.words("south")
    eventually(lambda: bob.words("south") > others + 20, what="the other tab going on")
    assert laptop.words("south") <= held + 1, "the network was not cut"
    proxy.restore()
    eventually(lambda: laptop.words("south") > held + 20, 25, what="the laptop catching up")
    assert laptop.counts() == {"gaps": 0, "duplicates": 0}


def a_stop_from_the_phone_ends_one_of_them(windows, api, tellers):
    laptop, _, phone = windows
    assert phone.js("return innerWidth") == PHONE["width"]
    assert phone.js("return document.documentElement.scrollWidth <= innerWidth"), "the phone's page is wider than the phone"
    phone.press("run-stop", phone.row("north"))
    for window in windows:
        eventually(lambda window=window: window.each("run-row", "querySelector('.run-name').textContent") == ["south"],
                   what="only the other being at work")
    tellers["north"].join(10)
    assert tellers["north"].outcome == "run_cancelled"
    before = laptop.words("south")
    eventually(lambda: laptop.words("south") > before + 10, what="the other going on")
    states = {run["agent"]: run["state"] for run in api.snapshot("talk")["runs"]}
    assert states == {"north": "cancelled", "south": "active"}


def an_approval_has_one_winner(bob, phone, laptop, api, teller):
    teller.question = {"id": "ask", "kind": "approval", "prompt": "May I count higher?", "arguments": {"to": 1000}}
    count = """const ask = throughline.client.request.bind(throughline.client);
        window.answers = 0;
        throughline.client.request = (op, ...rest) => { if (op === 'answer') window.answers++; return ask(op, ...rest); };"""
    for window in (bob, phone, laptop):
        eventually(lambda window=window: window.find("request", '[data-state="open"]'), what="the question")
        assert "May I count higher?" in window.each("request", "textContent")[0]
    moment = time.time() * 1000 + 1500
    for window, choice in ((bob, "approve"), (phone, "refuse")):
        window.js(f"""{count} setTimeout(() => document.querySelector('[data-testid="{choice}"]').click(), {moment} - Date.now());""")
    for window in (bob, phone, laptop):
        eventually(lambda window=window: window.each("request", "dataset.state") == ["resolved"],
                   what="the question being over")
    assert [window.js("return window.answers") for window in (bob, phone)] == [1, 1], "they did not both answer"
    resolved = [event for event in api.events("talk") if event["type"] == "request.resolved"]
    assert len(resolved) == 1, "not exactly one answer won"
    winner, value = resolved[0]["by"], resolved[0]["request"]["answer"]["value"]
    assert (winner["id"], value) in (("bob", True), ("ada", False))
    words = f"{winner['id']} ({winner['device']}) answered: {'Yes' if value else 'No'}"
    for window in (bob, phone, laptop):
        assert words in window.each("request", "textContent")[0]
    loser = phone if winner["id"] == "bob" else bob
    eventually(lambda: words in loser.here().find_element(By.ID, "notice").text, what="the second being told who was first")


def an_operator_takes_over_and_hands_back(driver, server, windows, api, teller):  # noqa: F811
    laptop, bob, phone = windows
    olga = Window(driver, server.port, "talk", False, "olga; role=operator; device=desk")
    eventually(lambda: olga.state() and olga.words("south") > 20, 20, what="the operator's page")
    assert olga.words("north") == api_words(api, "north"), "the operator does not see what was said before"
    assert "Count, north." in olga.js("return document.getElementById('items').innerText")
    assert bob.here().find_elements(By.CSS_SELECTOR, '[data-testid="takeover"]:not([hidden])') == []
    for window in (laptop, phone):
        eventually(lambda window=window: "4 devices" in window.one("people").get_attribute("aria-label") or
                   "3 people" in window.one("people").get_attribute("aria-label"), what="the operator being seen")

    olga.press("takeover")
    for window in (laptop, bob, phone):
        eventually(lambda window=window: "olga answers now" in window.one("baton").text, what="all seeing who answers")
    held = api_words(api, "south")
    olga.choose("Whisper to agents")
    olga.send("Be brief from now on.")
    olga.choose("Say to everyone")
    olga.send("I am a person, and I look into it.")
    for window in (laptop, bob, phone):
        eventually(lambda window=window: "I am a person" in window.whole_text(), what="the operator's words")
        assert "Be brief" not in window.whole_text(), "a whisper to agents is seen by users"
        assert "Be brief" not in window.js("return JSON.stringify(throughline.session.state)")
    eventually(lambda: "Be brief" in olga.whole_text(), what="the whisper for the operator")
    phone.send("Thank you, Olga!")
    eventually(lambda: "Thank you, Olga!" in olga.js("return document.getElementById('items').innerText"), what="what the user says")
    olga.send("You are welcome.")
    eventually(lambda: phone.find("input", '[data-state="answered"]'), what="the input being answered by a person")
    assert api_words(api, "south") == held, "the agent went on while a person answered"

    olga.press("handback")
    note = eventually(lambda: olga.here().find_elements(By.CSS_SELECTOR, "dialog textarea"), what="the note")[0]
    note.send_keys("Go on counting." + Keys.ENTER)
    for window in (laptop, bob, phone):
        eventually(lambda window=window: not window.one("baton").is_displayed(), what="the baton being back")
        eventually(lambda window=window: window.words("south") > held + 10, what="the agent going on")
        assert "Go on counting" not in window.whole_text()
        assert window.each("command", "textContent") == ["olga, a person, took over ", "olga handed back to the agents "]
    assert teller.messages >= 2
    eventually(lambda: "Go on counting" in olga.whole_text() + olga.js("return document.getElementById('items').innerText"), what="the note for the operator")


def api_words(api, agent):
    return "".join(texts(api.snapshot("talk")).values()).count(agent)


def everybody_holds_the_same(windows, api):
    snapshot = eventually(lambda: all(window.state()["seq"] == api.snapshot("talk")["seq"] for window in windows) and api.snapshot("talk"),
                          20, what="all being at the last event")
    for window in windows:
        state = window.state()
        assert texts(state) == texts(snapshot)
        assert [(run["id"], run["state"]) for run in state["runs"]] == [(run["id"], run["state"]) for run in snapshot["runs"]]
        assert window.counts() == {"gaps": 0, "duplicates": 0}
        eventually(lambda window=window: not window.here().find_element(By.ID, "jump").is_displayed(), what="the page being at its end still")
    for agent in ("north", "south"):
        said = " ".join(texts(snapshot).values()).split()
        numbers = [int(word.removeprefix(agent)) for word in said if word.startswith(agent)]
        assert numbers == list(range(len(numbers))), f"{agent} is not whole"


def shown_inputs(window):
    return window.each("input", "dataset.inputId")


def item(window, input):
    return eventually(lambda: window.find("input", f'[data-input-id="{input}"]'), what=f"{input} on the page")[0]


def rewrite(window, text):
    """Fills in the dialog that is open."""
    field = eventually(lambda: window.here().find_elements(By.CSS_SELECTOR, "dialog textarea"), what="the dialog")[0]
    field.clear()
    field.send_keys(text + Keys.ENTER)


def test_the_queue_is_edited_and_reordered_from_every_device(windows, api):
    laptop, bob, phone = windows
    for name in ("one", "two", "three"):
        api.send("talk", f"Do {name}.", name).ok(201)
    eventually(lambda: shown_inputs(laptop) == ["one", "two", "three"], what="the queue")
    laptop.press("sooner", item(laptop, "three"))
    for window in windows:
        eventually(lambda window=window: shown_inputs(window) == ["one", "three", "two"], what="the new order everywhere")
    assert laptop.js("return document.activeElement.dataset.testid") == "sooner", "the keyboard's place was lost"
    phone.press("later", item(phone, "one"))
    phone.press("withdraw", item(phone, "two"))
    bob.press("edit", item(bob, "three"))
    rewrite(bob, "Do three, with care.")
    for window in windows:
        eventually(lambda window=window: any("Do three, with care." in text for text in window.each("input", "textContent")), what="the edit everywhere")
        eventually(lambda window=window: "withdrawn" in window.each("input", "dataset.state"), what="it being withdrawn")
    snapshot = api.snapshot("talk")
    assert snapshot["queue"] == ["three", "one"]
    assert take_work(api, "bot", wait=5).input["id"] == "three"


def test_an_agent_is_paused_goes_on_and_is_told_more(windows, api):
    laptop, bob, phone = windows
    api.send("talk", "Work.", "work").ok(201)
    run = take_work(api, "bot", wait=5)
    run.write(*run.start_message("m", "p"), run.append("p", "I work. ")).ok(200)
    asked = []

    def command(verb):
        heard = [one for one in run.heartbeat().ok(200).json.get("commands", []) if one["verb"] == verb and one["id"] not in asked]
        asked.extend(one["id"] for one in heard)
        return heard and heard[0]["id"]

    for press, verb, state in (("run-pause", "pause", "paused"), ("run-resume", "resume", "active")):
        phone.press(press, phone.row("bot"))
        id = eventually(lambda verb=verb: command(verb), what=f"the agent hearing of the {verb}")
        run.write({"type": "command.applied", "command": {"id": id}}).ok(200)
        for window in windows:
            eventually(lambda window=window, state=state: window.each("run-row", "dataset.state") == [state], what=f"it being {state}")

    bob.choose("Tell it now")
    bob.send("And be quick.")
    eventually(lambda: laptop.find("input", '[data-state="steering"]'), what="the word being offered")
    id = eventually(lambda: command("steer"), what="the agent hearing it")
    run.write({"type": "command.applied", "command": {"id": id}}, run.append("p", "I am quick.")).ok(200)
    run.end().ok(200)
    for window in windows:
        eventually(lambda window=window: window.each("input", "dataset.state") == ["answered", "answered"],
                   what="both being answered")
        assert not window.one("runs").is_displayed()


def test_an_edit_and_another_answer_stand_beside_the_first(windows, api):
    laptop, _, phone = windows

    def answer(text):
        run = take_work(api, "bot", wait=5)
        run.write(*run.start_message(f"m-{run.id}", f"p-{run.id}"), run.append(f"p-{run.id}", text)).ok(200)
        run.end().ok(200)
        for window in (laptop, phone):
            eventually(lambda window=window: window.said() == text, what=f"only “{text}” being shown")

    def place(window):
        return window.each("branch", "textContent")

    api.send("talk", "Name a tree.", "tree").ok(201)
    answer("Oak.")
    laptop.press("edit", item(laptop, "tree"))
    rewrite(laptop, "Name a flower.")
    answer("Rose.")
    assert place(phone) == ["2 of 2"]
    phone.press("regenerate")
    answer("Tulip.")
    eventually(lambda: place(laptop) == ["3 of 3"], what="three beside each other")
    laptop.press("sibling-before")
    eventually(lambda: phone.said() == "Rose.", what="the one before, on the other device too")
    phone.press("sibling-before")
    for window in (laptop, phone):
        eventually(lambda window=window: window.said() == "Oak." and place(window) == ["1 of 3"], what="the first")
    assert [part["text"] for message in api.snapshot("talk")["messages"] for part in message["parts"]] == ["Oak.", "Rose.", "Tulip."]
    a_chat_is_forked_and_has_policies_of_its_own(laptop, phone, api)


def a_chat_is_forked_and_has_policies_of_its_own(laptop, phone, api):
    laptop.press("fork")
    fork = eventually(lambda: (info := laptop.state()["session"]) and info.get("forkedFrom") and info, what="the fork")
    assert fork["forkedFrom"]["session"] == "talk" and fork["title"] == "A talk (fork)"
    eventually(lambda: laptop.said() == "Oak.", what="the same answer in the fork")
    assert [message["parts"][0]["text"] for message in api.snapshot(fork["id"])["messages"]] == ["Oak."], "more than what was said until then"

    phone.press("settings")
    Select(phone.one("follow-up")).select_by_value("steer")
    eventually(lambda: api.snapshot("talk")["session"]["policies"].get("followUp") == "steer", what="the policy")
    assert api.snapshot(fork["id"])["session"]["policies"]["followUp"] == "queue"
    assert phone.js("return document.documentElement.scrollWidth <= innerWidth"), "the phone's page is wider than the phone"
