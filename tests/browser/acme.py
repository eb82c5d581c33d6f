"""A third-party plugin: its provider gets a complete form without a line of the page. It does what it is asked to."""

import asyncio
import json
from enum import StrEnum
from typing import Literal

from dragoman.errors import AuthenticationError, PermissionDeniedError, RateLimitedError
from dragoman.events import Finished, Started, TextDelta, ToolCallDelta, Usage, UsageReported
from dragoman.messages import Document, ToolResult
from dragoman.plugin import (
    CheckStep,
    Connection,
    Inference,
    Permission,
    Permissions,
    Provider,
    ProviderDescription,
    Session,
    hookimpl,
)
from pydantic import BaseModel, Field

PLUGIN_API = (1, 0)
closed = []


class Tone(StrEnum):
    calm = "calm"
    lively = "lively"


class Proxy(BaseModel):
    host: str = Field(description="where the proxy is")
    port: int = Field(8080, ge=1, le=65535)


class Basic(BaseModel):
    kind: Literal["basic"] = "basic"
    user: str | None = None


class Token(BaseModel):
    kind: Literal["token"] = "token"
    scope: str | None = Field(None, description="what the token is for")


class Pass(BaseModel):
    """One gate on the way to the model."""

    gate: str = Field(description="whose gate it is")
    code: str | None = None
    hours: int = Field(1, ge=1, le=24)
    stamps: dict[str, str] = {}


class Site(BaseModel):
    share: float = Field(1, ge=0)
    languages: list[Tone] = []


class AcmeConnection(Connection):
    site: str = Field(description="which of Acme's sites answers")
    compress: bool = Field(True, description="whether bodies are compressed")
    headers: dict[str, str] = Field({}, description="go with every call")
    proxy: Proxy | None = None
    passes: list[Pass] = Field([], description="gates in the order in which they are passed")
    mirrors: dict[str, Site] = Field({}, description="sites beside it, by name")
    auth: Basic | Token = Field(Basic(), discriminator="kind")


class AcmeInference(Inference):
    volume: float | None = Field(None, ge=0, le=11, description="how loud the answer is")
    tone: Tone | None = Field(None, description="how the answer sounds")
    tags: list[str] | None = None


class Speaking(Session):
    def __init__(self, target):
        self.target = target

    async def stream(self, request):
        last = request.messages[-1]
        said = last.text
        yield Started("r", self.target.model, "u")
        if said == "fail":
            raise AuthenticationError("<img src=x onerror=alert(1)> the key was refused", status=401)
        if said == "limited":
            raise RateLimitedError("slow down", status=429, retry_after_s=7)
        if said == "wait":
            yield TextDelta("It begins")
            try:
                await asyncio.Event().wait()
            finally:
                closed.append(said)
        results = [part for part in last.parts if isinstance(part, ToolResult)]
        if request.tools and not results:
            for at, tool in enumerate(request.tools):
                yield ToolCallDelta(at, f"call-{at}", tool.name, '{"of": "<b>Paris</b>"}')
            yield UsageReported(Usage(7, 5, 12, source="provider"))
            yield Finished("tool_calls")
            return
        yield TextDelta(self.answer(request, said, results))
        yield UsageReported(Usage(7, 5, 12, source="provider"))
        yield Finished("stop")

    def answer(self, request, said, results):
        inference = request.settings.inference
        if results:
            return f"The tools said: {', '.join(result.text for result in results)}"
        if inference.response_format is not None and inference.response_format.json_schema is not None:
            return json.dumps(dict.fromkeys(inference.response_format.json_schema.schema_["properties"], "x"))
        files = [part for part in request.messages[-1].parts if isinstance(part, Document)]
        if files:
            return f"Read {files[0].name}: {len(files[0].data)} bytes of {files[0].media_type}"
        volume = getattr(inference, "volume", None)
        return f"{self.target.model} at {self.target.connection.site}, volume {volume}: {said}"


class AcmeProvider(Provider):
    def open(self, target, context):
        return Speaking(target)

    async def check(self, target, context):
        yield CheckStep.ok("identity", "calls are made as acme:assumed/north", account="1234", user="<i>north</i>")
        if target.connection.site == "guarded":
            missing = PermissionDeniedError("acme:assumed/north may not speak")
            yield CheckStep.failed("permission", missing, "allow acme:Speak for it")

    async def permissions(self, target, settings, context, purposes):
        document = {"may": list(purposes), "at": target.connection.site}
        snippets = {"acmefile": f"allow {purposes[0]} at {target.connection.site}"}
        permission = Permission(document, "acme:assumed/north", "calls as <i>north</i>")
        return Permissions([permission], ["the <b>gate</b> is not known"], snippets)


@hookimpl
def dragoman_providers():
    return [
        ProviderDescription(
            kind="acme",
            title="Acme",
            factory=f"{__name__}:AcmeProvider",
            connection=AcmeConnection,
            inference=AcmeInference,
            credentials={"key": "ACME_KEY"},
            permission_purposes=("speak", "list"),
        )
    ]
