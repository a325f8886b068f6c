"""The limit of any answer here: a bare uvicorn application that sends one prepared answer, and does nothing else.

`ANSWER` names a JSON file with the `headers` and the `body` of an answer of the service that it is compared with.
"""

import json
import os
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send


def prepared(answer: dict[str, Any]) -> Any:
    """An application that sends `answer` to every request."""
    headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    body = {"type": "http.response.body", "body": answer["body"].encode()}

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start)
        await send(body)

    return application


if __name__ == "__main__":
    content = json.loads(Path(os.environ["ANSWER"]).read_text(encoding="utf-8"))
    uvicorn.run(
        prepared(content),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )
