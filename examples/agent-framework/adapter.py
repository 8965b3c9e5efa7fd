#!/usr/bin/env python3
"""Puts a Pydantic AI agent into sessions, as it is: what it says and calls is written to the session, a steer reaches it at its
next request to the model, and a tool that needs approval asks the people in the session. `agent.py` has the agent.
"""
import asyncio
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pydantic_ai import (  # noqa: E402
    DeferredToolResults, EnqueuedMessagesEvent, FunctionToolResultEvent, ModelRequest, ModelResponse, PartDeltaEvent, PartEndEvent,
    PartStartEvent, SystemPromptPart, TextPart, TextPartDelta, ThinkingPart, ThinkingPartDelta, ToolApproved, ToolCallPart, ToolCallPartDelta,
    ToolDenied, UserPromptPart)
from pydantic_ai.capabilities import HandleDeferredToolCalls  # noqa: E402

from agent import agent  # noqa: E402
from runs import Refused, Server, Stopped, mint  # noqa: E402

NAME = "travel"
APPROVAL_MILLISECONDS = 600_000
CONTEXT_TOKENS = 4000
KINDS = {TextPart: "text", ThinkingPart: "reasoning", ToolCallPart: "tool-call"}


class Answer:
    """One run of the agent, as one message of the session."""

    def __init__(self, agent, run):
        self.agent, self.run, self.message = agent, run, run.message(kind=None)
        self.offered, self.calls = {}, {}

    async def give(self):
        """Lets the agent answer the input; ends early when the run is not ours any more."""
        history, question = self.conversation()
        work = asyncio.create_task(self.agent.run(
            question, message_history=history, event_stream_handler=self.follow,
            capabilities=[HandleDeferredToolCalls(self.ask)]))
        while not work.done():
            await asyncio.wait({work}, timeout=0.2)
            if self.run.stopped:
                work.cancel()
                raise Stopped(self.run.stopped)
        usage = work.result().usage
        await asyncio.to_thread(self.message.end)
        await asyncio.to_thread(self.run.end, usage={"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens})

    def conversation(self):
        """What was said before, as the framework keeps it: the words, without the tools of earlier runs. And what people said last:
        the inputs, and the steers that were taken in before another process lost the run."""
        path = f"/v1/sessions/{self.run.session}/context?branch={self.run.inputs[0]['id']}&tokens={CONTEXT_TOKENS}"
        context = self.run.server.call("GET", path)
        made = {"user": lambda text: ModelRequest([UserPromptPart(text)]), "assistant": lambda text: ModelResponse([TextPart(text)]),
                "system": lambda text: ModelRequest([SystemPromptPart(text)])}
        said = context["messages"]
        last = len(said)
        while last > 0 and said[last - 1]["role"] == "user":
            last -= 1
        history = [made[message["role"]](message["content"]) for message in said[:last]
                   if message["role"] in made and isinstance(message.get("content"), str) and message["content"]]
        return history, "\n\n".join(message["content"] for message in said[last:]) or self.run.question

    # What the agent does is written to the session.

    async def follow(self, context, events):
        self.steer(context)
        async for event in events:
            await asyncio.to_thread(self.show, event)
            self.steer(context)

    def show(self, event):
        match event:
            case PartStartEvent(part=TextPart() | ThinkingPart() | ToolCallPart() as part):
                self.begin(part)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text) | ThinkingPartDelta(content_delta=str(text)) | ToolCallPartDelta(args_delta=str(text))):
                self.message.say(text)
            case PartEndEvent(part=TextPart() | ThinkingPart() | ToolCallPart()):
                self.message.close()
            case FunctionToolResultEvent(part=part):
                self.message.begin("tool-result", call=part.tool_call_id)
                self.message.say(part.model_response_str() if hasattr(part, "model_response_str") else str(part.content))
                self.message.close()
            case EnqueuedMessagesEvent(enqueue_id=enqueued) if enqueued in self.offered:
                self.applied(self.offered.pop(enqueued))

    def begin(self, part):
        if not isinstance(part, ToolCallPart):
            self.message.begin(KINDS[type(part)])
            return self.message.say(part.content)
        self.message.begin("tool-call", name=part.tool_name, call=part.tool_call_id)
        self.calls[part.tool_call_id] = self.message
        self.message.say(part.args or "" if isinstance(part.args, str | None) else part.args_as_json_str())

    # What people want of it.

    def steer(self, context):
        """Gives the framework what people said meanwhile; it puts that before its next request to the model."""
        for command in self.run.take("steer"):
            self.offered[context.enqueue("\n".join(part["text"] for part in command["parts"]))] = command

    def applied(self, command):
        try:
            self.run.write({"type": "command.applied", "command": {"id": command["id"]}})
        except Refused as refusal:
            if refusal.code != "command_ended":  # it has expired, and says so itself
                raise

    async def ask(self, context, requests):
        """Asks people for each call that needs approval, all at once."""
        answers = await asyncio.gather(*(asyncio.to_thread(self.approve, call) for call in requests.approvals))
        return DeferredToolResults(approvals={call.tool_call_id: answer for call, answer in zip(requests.approvals, answers)})

    def approve(self, call):
        arguments = json.dumps(call.args_as_dict(), ensure_ascii=False, separators=(",", ":"))
        answer = self.run.ask({
            "id": mint("q"), "kind": "approval", "prompt": f"May {NAME} call {call.tool_name}?", "tool": call.tool_name,
            "arguments": json.loads(arguments), "deadline": APPROVAL_MILLISECONDS, "default": False})
        # What was approved is exactly what will be done, or it is not done.
        digest = hashlib.sha256(arguments.encode()).hexdigest()
        if answer and answer["value"] is True and answer.get("digest") == digest:
            return ToolApproved()
        return ToolDenied(f"The person said no. {answer.get('note') or ''}".strip() if answer else "Nobody answered.")


def main():
    server = Server(NAME)
    print(f"{NAME}: taking work from {server.url}", flush=True)
    while True:
        run = server.take(wait=30, accepts=["steer"])
        if run:
            print(f"{NAME}: answering {run.inputs[0]['id']} in {run.session}", flush=True)
            with run:
                asyncio.run(Answer(agent, run).give())


if __name__ == "__main__":
    main()
