"""Where the words come from: an OpenAI-compatible model when `MODEL_URL` names one, else sentences of our own."""
import json
import os
import time
import urllib.request

MOST_TOKENS = 120


def stream(instructions, question, otherwise):
    """Pieces of an answer as they come; without a model, the words of `otherwise`."""
    base = os.environ.get("MODEL_URL")
    return ask(base, instructions, question) if base else recite(otherwise)


def ask(base, instructions, question):
    body = {"model": os.environ.get("MODEL", "default"), "stream": True, "max_tokens": MOST_TOKENS, "messages": [
        {"role": "system", "content": instructions}, {"role": "user", "content": question}]}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('MODEL_KEY', 'none')}"}
    request = urllib.request.Request(f"{base}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as lines:
        for line in lines:
            if line.startswith(b"data: [DONE]"):
                return
            if line.startswith(b"data: {"):
                frame = json.loads(line[6:])
                if "error" in frame:
                    raise OSError(f"the model failed: {frame['error']}")
                for choice in frame.get("choices", []):
                    yield choice["delta"].get("content") or ""
                    if choice.get("finish_reason") == "length":
                        yield " …"
    raise OSError("the model's answer was cut short")  # No end is no good end: the run fails, and what was said is shown as cut off.


def recite(text):
    pause = float(os.environ.get("PACE", "0.1"))
    for word in text.split(" "):
        time.sleep(pause)
        yield word + " "
