"""Takes the pictures of the page that the documentation shows, with a real server and a real Chromium.

    .venv-e2e/bin/python tests/e2e/pictures.py               all of them, into docs/images/live
    .venv-e2e/bin/python tests/e2e/pictures.py queue merge   some of them

Each scene is played with scripted agents, and shot at its two or three moments, side by side, each under a sentence that says what is
seen. Take them again when the page has changed, and look at them: only a person can tell whether a stranger would understand.
"""
import base64
import html
import pathlib
import struct
import sys
import tempfile
import time
import zlib

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

import server as servers
from client import Api, start_run, take_work
from conftest import eventually
from test_browser import CHROMIUM, DRIVER, FLAGS
from test_control_browser import Window, item, rewrite

FOLDER = servers.ROOT / "docs/images/live"
WIDTH, HEIGHT, SCALE = 400, 620, 1
COLOURS = 200
SCENES = {}

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 0; width: max-content; display: flex; gap: 18px; background: #fff; font: 14px/1.35 system-ui, sans-serif; color: #1d1f23; }}
figure {{ margin: 0; display: flex; flex-direction: column; justify-content: flex-end; gap: 6px; }}
figcaption {{ flex: 1; }} b {{ color: #0b7566; }} img {{ width: 100%; display: block; border: 1px solid #cfccc5; border-radius: 10px; box-sizing: border-box; }}
</style><body>{figures}</body>"""


def scene(height=HEIGHT, title="A weekend in Zürich"):
    """Keeps a function that plays a scene, under its name, with the height of its windows and the title of its chat."""
    def keep(play):
        SCENES[play.__name__] = (play, height, title)
        return play
    return keep


class Stage:
    """One session of one scene, the people at their windows, and the moments that were shot."""

    def __init__(self, driver, port, session, height, title):
        self.driver, self.port, self.session, self.height = driver, port, session, height
        self.frames, self.windows = [], []
        self.api, self.agents = Api(port, "ada; role=user; device=phone"), Api(port, "planner; role=agent")
        self.api.create(session, title=title)

    def window(self, who="ada; device=phone", width=WIDTH, scheme="light"):
        window = Window(self.driver, self.port, self.session, not self.windows, who)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": self.height, "deviceScaleFactor": SCALE, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.driver.refresh()
        eventually(lambda: window.state() and window.find("status", '[data-state="open"]'), 20, what="the page's client")
        self.windows.append(window)
        return window

    def ask(self, text, id, **more):
        self.api.send(self.session, text, id, **more).ok(201)

    def answer(self, text, agent="planner", **more):
        """An agent takes what waits, and begins to answer it."""
        run = take_work(self.agents, agent, wait=5, lease=600_000, **more)
        return self.begin(run, text)

    def begin(self, run, text):
        part = f"p-{run.id}-{time.monotonic_ns()}"
        run.write(*run.start_message(f"m{part}", part), run.append(part, text)).ok(200)
        run.part = part
        return run

    def say(self, run, text):
        run.write(run.append(run.part, text)).ok(200)

    def command(self, run, verb):
        """Waits for a command and carries it out."""
        found = eventually(lambda: [one for one in run.heartbeat().ok(200).json.get("commands", []) if one["verb"] == verb], what=verb)
        run.write({"type": "command.applied", "command": {"id": found[-1]["id"]}}).ok(200)

    def mean(self, window, label):
        """Chooses how the next message is meant, once there is a choice."""
        eventually(lambda: label in window.js("return document.getElementById('manner').textContent"), what="the choice")
        window.choose(label)

    def shoot(self, window, caption, wait=None):
        """Keeps what a window shows once everything is there, without a cursor."""
        eventually(lambda: (window.state() or {}).get("seq") == self.api.snapshot(self.session)["seq"], what="the window being up to date")
        if wait:
            eventually(wait, what=f"the moment of “{caption}”")
        window.js("document.activeElement.matches('textarea, input') && document.activeElement.blur()")
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": self.height // 2})
        time.sleep(0.4)
        self.frames.append((caption, window.js("return innerWidth"), window.here().get_screenshot_as_base64()))

    def compose(self):
        """The moments side by side, as one PNG."""
        figures = "".join(
            f'<figure style="width: {width}px">{f"<figcaption><b>{number}</b> {html.escape(caption)}</figcaption>" if caption else ""}'
            f'<img src="data:image/png;base64,{data}" alt=""></figure>' for number, (caption, width, data) in enumerate(self.frames, 1))
        self.driver.switch_to.window(self.windows[0].window)
        page = PAGE.format(figures=figures)
        self.driver.get("data:text/html;base64," + base64.b64encode(page.encode()).decode())
        box = self.driver.execute_script("const {width, height} = document.body.getBoundingClientRect(); return {width, height}")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}})
        return small(base64.b64decode(shot["data"]))

    def close(self):
        """Leaves nothing behind that an agent of the next scene would take."""
        self.api.call("DELETE", f"/v1/sessions/{self.session}").ok(204)
        for window in self.windows[1:]:
            self.driver.switch_to.window(window.window)
            self.driver.close()
        self.driver.switch_to.window(self.windows[0].window)


def small(png):
    """The same picture with a palette: pages have few colours, and the edges of letters bear a rounded one."""
    width, height, rows = pixels(png)
    count = {}
    for row in rows:
        for at in range(0, len(row), 3):
            colour = row[at:at + 3]
            count[colour] = count.get(colour, 0) + 1
    palette = sorted(count, key=count.get, reverse=True)[:COLOURS]
    places = {colour: place for place, colour in enumerate(palette)}
    for colour in count:
        if colour not in places:
            near = min(palette, key=lambda other: sum((a - b) ** 2 for a, b in zip(colour, other)))
            places[colour] = places[near]
    body = b"".join(b"\0" + bytes(places[row[at:at + 3]] for at in range(0, len(row), 3)) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixels(png):
    """Width, height and the rows of a PNG with three bytes a pixel, as a browser makes them."""
    width, height = struct.unpack(">II", png[16:24])
    depth, colour = png[24], png[25]
    assert depth == 8 and colour in (2, 6), "not a PNG of a browser"
    bytes_a_pixel, at, packed = (3 if colour == 2 else 4), 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I", png[at:at + 4])[0], png[at + 4:at + 8]
        packed += png[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    raw, above, rows = zlib.decompress(packed), bytes(width * bytes_a_pixel), []
    stride = width * bytes_a_pixel + 1
    for number in range(height):
        line = raw[number * stride:(number + 1) * stride]
        above = unfiltered(line[0], bytearray(line[1:]), above, bytes_a_pixel)
        rows.append(bytes(above) if bytes_a_pixel == 3 else b"".join(above[at:at + 3] for at in range(0, len(above), 4)))
    return width, height, rows


def unfiltered(kind, line, above, step):
    """One row of a PNG as it was before its filter (PNG, section 9)."""
    for at in range(len(line)):
        left, up = (line[at - step] if at >= step else 0), above[at]
        corner = above[at - step] if at >= step else 0
        if kind == 1:
            line[at] = line[at] + left & 255
        elif kind == 2:
            line[at] = line[at] + up & 255
        elif kind == 3:
            line[at] = line[at] + (left + up) // 2 & 255
        elif kind == 4:
            guess = left + up - corner
            line[at] = line[at] + min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2] & 255
    return line


FIRST = "Plan a weekend in Zürich."
PLAN = "**Saturday:** the old town in the morning, then a boat on the lake. "
TABLE = "| harbour | high water | range |\n|---|---|---|\n| Saint-Malo | 05:12, 17:38 | 11.4 m |\n| Brest | 03:20, 15:46 | 6.1 m |\n\nSpring tides are highest, since "
SUNDAY = "**Sunday:** up the Uetliberg, and down on foot."


# The page as a whole


@scene(height=800, title="Show me a table about tides")
def chat(stage):
    laptop, phone = stage.window("ada; device=laptop", 1180), stage.window("ada; device=phone", 360, "dark")
    stage.ask("Show me a table about tides", "a")
    run = stage.answer("Tides follow the moon, and a little the sun.")
    call, result = f"call-{run.id}", f"result-{run.id}"
    for part, kind, text, more in ((call, "tool-call", '{"harbour":"Saint-Malo"}', {"name": "tide_table"}), (result, "tool-result", '{"high":["05:12","17:38"]}', {})):
        run.lengths[part] = 0
        run.write({"type": "part.started", "part": {"id": part, "message": f"m{run.part}", "kind": kind, "call": call, **more}},
                  run.append(part, text), {"type": "part.ended", "part": {"id": part, "status": "complete"}}).ok(200)
    part = f"rest-{run.id}"
    run.lengths[part] = 0
    run.write({"type": "part.started", "part": {"id": part, "message": f"m{run.part}", "kind": "text"}}, run.append(part, TABLE)).ok(200)
    stage.shoot(laptop, "")
    stage.shoot(phone, "")


@scene(height=940, title="Trees in the city")
def control(stage):
    ada, bob, olga = stage.window("ada; device=laptop", 1180), stage.window("bob; device=desk"), stage.window("olga; role=operator; device=desk")
    stage.ask("Should cities plant more trees?", "a", agent="orchestrator")
    orchestrator = start_run(stage.agents, stage.session, "orchestrator", inputs=["a"], lease=600_000, waitsForChildren=True)
    known = start_run(stage.agents, stage.session, "facts", parent=orchestrator.id, label="What is known", lease=600_000)
    against = start_run(stage.agents, stage.session, "doubts", parent=orchestrator.id, label="What speaks against it", lease=600_000)
    orchestrator.end().ok(200)
    stage.begin(known, "Trees cool streets by two to four degrees, and hold back rain. ")
    known.write({"type": "run.updated", "run": {"progress": {"fraction": 0.4, "text": "page 3 of 8"}}}).ok(200)
    ada.press("run-pause", ada.row("What speaks against it"))
    stage.command(against, "pause")
    for text, id, who in (("And translate it into Spanish.", "b", bob), ("Then write a letter to the mayor.", "c", ada)):
        who.js(f"throughline.session.send({text!r}, {{ agent: 'orchestrator', id: {id!r} }})")
        eventually(lambda id=id: id in stage.api.snapshot(stage.session)["queue"], what=text)
    known.write({"type": "request.opened", "request": {
        "id": "q", "kind": "approval", "prompt": "May I buy the cost report for 40 euros?", "arguments": {"item": "Street trees 2026", "price": 40},
        "deadline": 600_000}}).ok(200)
    bob.js("throughline.session.typing()")
    olga.here()
    stage.shoot(ada, "", lambda: ada.find("request", '[data-state="open"]') and ada.find("input", '[data-state="queued"]'))


# What a new message does while an agent is at work


@scene()
def queue(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.ask("And what if it rains?", "b")
    stage.ask("Which train do I take?", "c")
    stage.shoot(ada, "Two more messages wait, in order. Each can be edited, moved, taken back.", lambda: len(ada.find("input", '[data-state="queued"]')) == 2)
    stage.say(run, SUNDAY)
    run.end().ok(200)
    stage.answer("Then the Kunsthaus: ")
    stage.shoot(ada, "The first answer is done: the next in line is being answered.")


@scene()
def merge(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.ask("We are four.", "b", followUp="merge")
    stage.ask("One of us cannot walk far.", "c", followUp="merge")
    stage.shoot(ada, "Two quick messages wait for the answer to end.")
    run.end().ok(200)
    run = stage.answer("For four, and without long walks: take the cable car, ")
    stage.shoot(ada, "One answer to both of them.")


@scene()
def latest(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.ask("Then only museums on Sunday.", "b", followUp="latest")
    stage.shoot(ada, "A message waits.")
    stage.ask("No: only parks.", "c", followUp="latest")
    stage.shoot(ada, "A newer one came: the older is withdrawn, and never answered.")
    run.end().ok(200)


@scene()
def interrupt(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    stage.answer(PLAN)
    stage.mean(ada, "Stop, and this instead")
    ada.one("composer").send_keys("Sorry: in Geneva, not in Zürich.")
    stage.shoot(ada, "The answer goes astray: the next message is to stop it.")
    ada.one("composer").send_keys(Keys.ENTER)
    eventually(lambda: len(stage.api.snapshot(stage.session)["inputs"]) == 2, what="the second message")
    stage.answer("**Saturday:** the lake of Geneva, ")
    stage.shoot(ada, "The answer ended at that moment, and the new message is being answered.")


@scene()
def steer(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.mean(ada, "Tell it now")
    ada.send("We are with two children.")
    stage.shoot(ada, "The words are offered to the agent, which goes on meanwhile.", lambda: ada.find("input", '[data-state="steering"]'))
    stage.command(run, "steer")
    stage.begin(run, "With children, then: on Sunday the zoo instead of the hike. ")
    stage.shoot(ada, "The agent has taken them in, and goes on with them in mind.")


@scene()
def reject(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    stage.answer(PLAN)
    stage.mean(ada, "Only if nobody is at work")
    ada.one("composer").send_keys("Make it three days.")
    stage.shoot(ada, "“Only if nobody is at work”, while somebody is.")
    ada.one("composer").send_keys(Keys.ENTER)
    stage.shoot(ada, "Refused at once. Nothing is stored: try again later, or discard.", lambda: ada.find("input", '[data-state="failed"]'))


@scene()
def concurrent(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.ask("Meanwhile: what is the weather there?", "b", followUp="concurrent")
    other = stage.answer("It is dry, ")
    for one, text in ((run, "plans the weekend"), (other, "looks at the weather")):
        one.write({"type": "run.updated", "run": {"progress": {"text": text}}}).ok(200)
    stage.shoot(ada, "Two answers grow at the same time; each agent has its own stop.", lambda: len(ada.find("run-row")) == 2)
    stage.say(other, "and 21 °C.")
    other.end().ok(200)
    stage.say(run, SUNDAY)
    stage.shoot(ada, "The second is done, the first goes on.", lambda: len(ada.find("run-row")) == 1)


# Commands, people, branches


@scene()
def pause(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    stage.ask("And what if it rains?", "b")
    ada.press("run-pause", ada.row("planner"))
    eventually(lambda: "pausing" in ada.each("run-row", "textContent")[0], what="the pause on its way")
    stage.shoot(ada, "A pause is asked for. The agent comes to a good place to stop.")
    stage.command(run, "pause")
    stage.shoot(ada, "It has stopped, and what waits is held too, until somebody presses ▷.",
                lambda: ada.each("run-row", "dataset.state") == ["paused"])


@scene(height=720)
def approval(stage):
    ada, bob = stage.window(), stage.window("bob; device=laptop")
    stage.ask("Book the hotel.", "a")
    run = stage.answer("The Limmatblick has a room. ")
    run.write({"type": "request.opened", "request": {
        "id": "q", "kind": "approval", "prompt": "Book the Limmatblick for two nights?", "arguments": {"hotel": "Limmatblick", "nights": 2, "price": 412},
        "deadline": 600_000, "default": False}}).ok(200)
    for window in (ada, bob):
        eventually(lambda window=window: window.find("request", '[data-state="open"]'), what="the question")
    stage.shoot(ada, "Ada’s phone: the agent asks. Bob’s laptop shows the same.")
    ada.js("const real = throughline.client.request.bind(throughline.client); "
                    "throughline.client.request = (op, ...rest) => op === 'answer' ? new Promise((resume) => { window.go = resume; }).then(() => real(op, ...rest)) : real(op, ...rest)")
    ada.press("refuse")
    bob.press("approve")
    eventually(lambda: stage.api.snapshot(stage.session)["requests"][0]["state"] == "resolved", what="Bob's answer")
    ada.js("window.go()")
    stage.shoot(ada, "Both answer at once. Bob’s yes came first: Ada’s phone says so.", lambda: "answered" in ada.js("return document.getElementById('notice').textContent"))
    stage.shoot(bob, "Bob’s laptop.")


@scene(height=720, title="My hotel bill")
def takeover(stage):
    ada, olga = stage.window(), stage.window("olga; role=operator; device=desk")
    operator = Api(stage.port, "olga; role=operator; device=desk")
    stage.ask("I was charged twice for the hotel.", "a")
    run = stage.answer("I am sorry to hear that. Have you tried to ")
    path = f"/v1/sessions/{stage.session}"
    operator.post(f"{path}/commands", {"verb": "takeover"}).ok(202)
    for text, audience in (("The second one is a deposit, and wrong.", "agents"), ("Olga here. I have sent the second 412 € back to you.", "everyone")):
        operator.post(f"{path}/messages", {"parts": [{"kind": "text", "text": text}], "audience": audience}).ok(201)
    eventually(lambda: ada.one("baton").is_displayed(), what="the bar")
    stage.shoot(ada, "Ada: Olga, a person, answers now. What the agent was saying ended.")
    stage.shoot(olga, "Olga: the whole history, a whisper that only agents and operators see, and the way back.")
    operator.post(f"{path}/commands", {"verb": "handback"}).ok(202)
    stage.begin(run, "Is there anything else that I can do? ")
    stage.shoot(ada, "Handed back: the agent goes on.")


@scene()
def branches(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN + SUNDAY)
    run.end().ok(200)
    stage.shoot(ada, "An answer. ✎ edits the message, “Another answer” asks again.", lambda: ada.find("edit"))
    ada.press("edit", item(ada, "a"))
    rewrite(ada, "Plan a weekend in Geneva.")
    eventually(lambda: len(stage.api.snapshot(stage.session)["inputs"]) == 2, what="the edit")
    run = stage.answer("**Saturday:** the fountain, and a boat on the lake of Geneva.")
    run.end().ok(200)
    stage.shoot(ada, "The edit stands beside the original: ‹ leads back, for everybody.", lambda: ada.each("branch", "textContent") == ["2 of 2"])


@scene()
def fork(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN + SUNDAY)
    run.end().ok(200)
    stage.shoot(ada, "“Fork from here” at an answer.", lambda: [one for one in ada.find("fork") if one.is_displayed()])
    ada.press("fork")
    eventually(lambda: (ada.state() or {}).get("session", {}).get("forkedFrom"), what="the new chat")
    stage.session = ada.state()["session"]["id"]
    ada.press("settings")
    stage.shoot(ada, "A chat of its own with the same beginning. The original is left alone.", lambda: ada.one("forked-from").is_displayed())


@scene()
def orphan(stage):
    ada = stage.window()
    stage.ask(FIRST, "a")
    run = stage.answer(PLAN)
    ada.press("settings")
    Select(ada.one("orphan")).select_by_visible_text("Agents stop after 1 minute")
    path = f"/v1/sessions/{stage.session}"
    eventually(lambda: stage.api.snapshot(stage.session)["session"]["policies"].get("orphan"), what="the policy")
    stage.shoot(ada, "What holds for the chat: agents stop when nobody has watched for a minute.")
    ada.here().get("about:blank")
    stage.api.call("PATCH", path, {"policies": {"orphan": {"then": "cancel", "after": 1000}}}).ok(200)  # A minute is long.
    eventually(lambda: run.heartbeat().code == "run_cancelled", what="the run being stopped")
    ada.here().get(ada.url)
    eventually(lambda: ada.state() and ada.find("status", '[data-state="open"]'), 20, what="the page's client")
    stage.shoot(ada, "Ada closed the page and comes back later.", lambda: ada.each("message", "dataset.end") == ["stopped"])


def browser(folder):
    assert CHROMIUM and DRIVER, "chromium and chromedriver are missing: run scripts/setup test"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={folder}/profile"]:
        options.add_argument(flag)
    return webdriver.Chrome(options, Service(DRIVER))


def main():
    names = sys.argv[1:] or list(SCENES)
    if unknown := [name for name in names if name not in SCENES]:
        sys.exit(f"There is no picture {', '.join(unknown)}. There are: {', '.join(SCENES)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = servers.Server(pathlib.Path(folder)).start()
        driver = browser(folder)
        try:
            for name in names:
                play, *how = SCENES[name]
                stage = Stage(driver, server.port, name, *how)
                play(stage)
                picture = stage.compose()
                stage.close()
                (FOLDER / f"{name}.png").write_bytes(picture)
                print(f"{name}.png: {len(picture):,} bytes", flush=True)
        finally:
            driver.quit()
            server.stop()


if __name__ == "__main__":
    main()
