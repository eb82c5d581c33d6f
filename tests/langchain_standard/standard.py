"""What both kinds of LangChain's standard tests are told about the face and one provider."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from dragoman import Engine, Settings, SyncEngine
from dragoman.langchain import ChatDragoman
from dragoman.testing.upstream import Upstream
from langchain_core.messages import AIMessage

from .providers import ROWS, Row

NOWHERE = "http://127.0.0.1:9"

#: Tests of the suite that make no sense for the face, whatever the provider.
SKIPS = {
    "test_init_from_env": "the face reads no environment: secrets are the engine's, by name",
    "test_stream_time": "it measures the replay of a recording; here upstreams on loopback answer, in no promised time",
    "test_serdes": "with allowed_objects='all' langchain-core 1.8 loads the classes of its own list alone, whoever else"
    " asks; engine/tests/langchain/test_chat.py reads the same JSON back with allowed_objects=[ChatDragoman]",
}


class Face:
    """The face, on one provider."""

    row: ClassVar[Row]
    url: ClassVar[str] = NOWHERE
    engine: ClassVar[SyncEngine | None] = None

    @property
    def chat_model_class(self) -> type[ChatDragoman]:
        return ChatDragoman

    @property
    def chat_model_params(self) -> dict[str, Any]:
        given = {"adapter": self.row.document(self.url)}
        return given if self.engine is None else {**given, "engine": self.engine}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """LangChain's, without a key: the face takes the names of secrets, never their values."""
        return {"temperature": 0, "max_tokens": 100, "timeout": 60, "stop": [], "max_retries": 2}

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": self.row.method}

    @property
    def model_override_value(self) -> str:
        return "m-2"

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": list(self.row.details), "stream": list(self.row.details)}

    @pytest.fixture(autouse=True)
    def _secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in self.row.secrets:
            monkeypatch.setenv(name, "a-secret-of-the-tests")

    # --- how a figure of usage comes about: every answer has them all ---------------------------------------------

    def _answered(self, *, stream: bool) -> AIMessage:
        model = ChatDragoman(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        first, *rest = model.stream("Hello")
        message = first.__add__(rest)
        assert isinstance(message, AIMessage)
        return message

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._answered(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._answered(stream=stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._answered(stream=stream)


class ServedFace(Face):
    """The face, on one provider with an upstream that answers."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _upstream(cls) -> Iterator[None]:
        """Serve the provider's upstream to the tests of a class, all by one engine."""
        with contextlib.ExitStack() as stack:
            if cls.row.answer is not None:
                upstream = stack.enter_context(Upstream())
                upstream.answer(cls.row.answer)
                cls.url = upstream.url
            cls.engine = stack.enter_context(SyncEngine(Engine(Settings())))
            yield


def for_each_provider(suite: type, kind: str, face: type[Face]) -> dict[str, type]:
    """Return a test class for each row: ``TestOpenAIUnit`` and so on."""
    classes = {}
    for row in ROWS:
        name = f"Test{row.name}{kind}"
        abilities = {ability: property(lambda _, value=value: value) for ability, value in row.abilities.items()}
        classes[name] = type(
            name, (face, suite), {"row": row, "skips": {**SKIPS, **row.skips}, **abilities, "__module__": __name__}
        )
    return classes
