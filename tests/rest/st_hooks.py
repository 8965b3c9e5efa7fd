"""What a property-based tester cannot know: a key of one request is not another's, and a cursor comes from the API."""
import os
import re
import uuid

import schemathesis

if os.environ.get("REST_TOKEN"):
    @schemathesis.auth()
    class BearerToken:
        def get(self, case, context):
            return os.environ["REST_TOKEN"]

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, **kwargs):
    key = (case.headers or {}).get("Idempotency-Key")
    if key and re.fullmatch(r"[!-~]{1,255}", key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if re.fullmatch(r"[A-Za-z0-9_-]+", str((case.query or {}).get("cursor", ""))):
        del case.query["cursor"]
