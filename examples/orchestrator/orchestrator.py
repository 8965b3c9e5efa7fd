#!/usr/bin/env python3
"""An orchestrator: it takes an input, has three sub-agents work on it at once, and sums up what they said.

It relays nothing. Each sub-agent is a process of its own that starts a run below the orchestrator's and writes to the session.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import model  # noqa: E402
from runs import Server  # noqa: E402

VIEWS = {"facts": "what is known", "doubts": "what speaks against it", "uses": "what one can do with it"}


def answer(server, run):
    with run:
        message = run.message()
        message.say(f"Three of us look into it: {', '.join(VIEWS.values())}.\n\n")
        helpers = [subprocess.Popen([sys.executable, str(HERE / "subagent.py"), run.session, run.id, name, view, run.question])
                   for name, view in VIEWS.items()]
        for helper in helpers:
            helper.wait()
        said = what_was_said(server.snapshot(run.session), run.id)
        message.say(f"{len(said)} of {len(VIEWS)} have answered. ")
        otherwise = "Taken together: it depends, and the three sides above say on what."
        for piece in model.stream("Sum up in two sentences what is said here.", "\n\n".join(said.values()), otherwise):
            message.say(piece)
        message.end()


def what_was_said(snapshot, parent):
    """The texts of the runs below `parent` that were completed, by label; one that was stopped alone is left out."""
    below = {run["id"]: run.get("label", run["agent"]) for run in snapshot["runs"]
             if run.get("parent") == parent and run["state"] == "completed"}
    said = {}
    for message in snapshot["messages"]:
        if label := below.get(message.get("run")):
            said[label] = said.get(label, "") + "".join(part["text"] for part in message["parts"])
    return said


def main():
    server = Server("orchestrator")
    print(f"orchestrator: taking work from {server.url}", flush=True)
    while True:
        if run := server.take(wait=30, accepts=[]):
            print(f"orchestrator: answering {run.inputs[0]['id']} in {run.session}", flush=True)
            answer(server, run)


if __name__ == "__main__":
    main()
