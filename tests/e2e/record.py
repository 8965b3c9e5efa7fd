"""Records a stream of a real OpenAI-compatible server, frame by frame with its timing, as a script for `upstream.py`.

    python tests/e2e/record.py http://127.0.0.1:18080/v1 tests/e2e/recordings/chat.jsonl "Why is the sea salty?" --tokens 120

The first line of a recording says where it is from; each further line is one piece of the body with the seconds before it.
"""
import argparse
import http.client
import json
import re
import time
import urllib.parse


def without_folders(frame):
    """The frame with the model's file name in place of its path on the recording machine."""
    return re.sub(r'"model":"[^"]*/([^"/]+)"', r'"model":"\1"', frame)


def record(base, prompt, tokens, seed, endless):
    url = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=120)
    body = {
        "model": "recorded",
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": tokens,
        "ignore_eos": endless,
        "seed": seed,
        "temperature": 0.7,
    }
    connection.request(
        "POST", url.path + "/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    yield {"status": response.status, "type": response.getheader("Content-Type"), "prompt": prompt,
           "source": response.getheader("Server")}
    before, frame = time.monotonic(), b""
    while line := response.readline():
        frame += line
        if line.strip():
            continue
        now = time.monotonic()
        yield {"delay": round(now - before, 4), "data": without_folders(frame.decode())}
        before, frame = now, b""
    if frame:
        yield {"delay": 0, "data": frame.decode()}
    yield {"end": "eof"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("base")
    arguments.add_argument("file")
    arguments.add_argument("prompt")
    arguments.add_argument("--tokens", type=int, default=120)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--endless", action="store_true", help="go on to the last token (llama.cpp's ignore_eos)")
    options = arguments.parse_args()
    with open(options.file, "w", encoding="utf-8") as out:
        for line in record(options.base, options.prompt, options.tokens, options.seed, options.endless):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
