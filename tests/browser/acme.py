"""A third-party plugin: its provider gets a complete form without a line of the page. It does what it is asked to."""

import asyncio
from enum import StrEnum
from typing import Literal

from dragoman.errors import AuthenticationError
from dragoman.events import Finished, Started, TextDelta, Usage, UsageReported
from dragoman.plugin import Connection, Inference, Provider, ProviderDescription, Session, hookimpl
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


class AcmeConnection(Connection):
    site: str = Field(description="which of Acme's sites answers")
    compress: bool = Field(True, description="whether bodies are compressed")
    headers: dict[str, str] = Field({}, description="go with every call")
    proxy: Proxy | None = None
    auth: Basic | Token = Field(Basic(), discriminator="kind")


class AcmeInference(Inference):
    volume: float | None = Field(None, ge=0, le=11, description="how loud the answer is")
    tone: Tone | None = Field(None, description="how the answer sounds")
    tags: list[str] | None = None


class Speaking(Session):
    def __init__(self, target):
        self.target = target

    async def stream(self, request):
        said = request.messages[-1].text
        yield Started("r", self.target.model, "u")
        if said == "fail":
            raise AuthenticationError("<img src=x onerror=alert(1)> the key was refused", status=401)
        if said == "wait":
            yield TextDelta("It begins")
            try:
                await asyncio.Event().wait()
            finally:
                closed.append(said)
        volume = getattr(request.settings.inference, "volume", None)
        yield TextDelta(f"{self.target.model} at {self.target.connection.site}, volume {volume}: {said}")
        yield UsageReported(Usage(7, 5, 12, source="provider"))
        yield Finished("stop")


class AcmeProvider(Provider):
    def open(self, target, context):
        return Speaking(target)


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
        )
    ]
