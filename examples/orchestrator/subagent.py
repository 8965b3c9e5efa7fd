#!/usr/bin/env python3
"""One sub-agent: it knows the session and its parent's run, and writes to the session itself.

    subagent.py SESSION PARENT-RUN NAME "what to look at" "the question"
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import model  # noqa: E402
from runs import Refused, Server  # noqa: E402

OTHERWISE = ("Seen from this side, there is more to “{question}” than meets the eye. First, somebody has to look closely. Second, what they "
             "find has to be weighed. Third, it has to be said in words that all understand. Set MODEL_URL, and a model says what it really is.")


def work(session, parent, name, view, question):
    run = Server(name).start(session, parent=parent, label=view, accepts=[])
    with run:
        message = run.message()
        instructions = f"You look at one side of a question only: {view}. Two sentences."
        said = ""
        for number, piece in enumerate(model.stream(instructions, question, OTHERWISE.format(question=question))):
            if number % 10 == 0:
                run.progress(min(number / model.MOST_TOKENS, 0.95), f"{len(said.split())} words")
            message.say(piece)
            said += piece
        message.end()


if __name__ == "__main__":
    try:
        work(*sys.argv[1:])
    except Refused as refusal:
        # The parent was stopped before we began: there is nothing to do any more.
        sys.exit(0 if refusal.code in ("run_cancelled", "run_ended", "parent_ended") else str(refusal))
