"""The floor: a forwarder of Starlette and aiohttp that checks one key, reads the body, and passes the answer on.

python gateway_bare.py prepare UPSTREAM FOLDER PORT    prints how it is started
python gateway_bare.py serve UPSTREAM PORT             serves
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

KEY = "sk-bare"


def serve(upstream: str, port: int) -> None:
    import aiohttp
    import orjson
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            app.state.session = session
            yield

    async def forward(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response(b"{}", 401)
        body = await request.body()
        asked = orjson.loads(body)
        headers = {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"}
        reply = await request.app.state.session.post(f"{upstream}/v1/chat/completions", data=body, headers=headers)
        if asked.get("stream"):
            return StreamingResponse(passed_on(reply), reply.status, media_type="text/event-stream")
        return Response(await reply.read(), reply.status, media_type="application/json")

    async def passed_on(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        async with reply:
            async for piece in reply.content.iter_any():
                yield piece

    async def health(_: Request) -> Response:
        return Response(b"{}")

    routes = [Route("/v1/chat/completions", forward, methods=["POST"]), Route("/health", health)]
    uvicorn.run(
        Starlette(routes=routes, lifespan=lifespan),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        command = [sys.executable, __file__, "serve", sys.argv[2], sys.argv[4]]
        names = ("starlette", "uvicorn", "uvloop", "httptools", "aiohttp", "orjson")
        versions = {name: version(name) for name in names}
        print(json.dumps({"command": command, "key": KEY, "model": "gpt-4o-mini", "health": "/health",
                          "versions": versions}))  # fmt: skip
    else:
        serve(sys.argv[2], int(sys.argv[3]))
