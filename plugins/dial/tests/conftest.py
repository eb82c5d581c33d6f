"""What the tests share: an importer that gets no tools, and documents in the shapes of DIAL's own documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from dragoman.adapter import Adapter
from dragoman.cli.main import main
from dragoman.plugin import Imported
from dragoman_dial.importing import import_dial

Json = dict[str, Any]

AZURE = "https://my-resource.openai.azure.com/openai/deployments/gpt4o-east/chat/completions?api-version=2024-10-21"
BEDROCK_ADAPTER = "http://ai-dial-adapter-bedrock/openai/deployments/anthropic.claude-v3/chat/completions"
OPENAI_ADAPTER = "http://ai-dial-adapter-openai/openai/deployments/gpt-4o/chat/completions"


def imported(models: Json, **sections: Any) -> Imported:
    """Import a configuration; each adapter that comes of it holds as a document."""
    found = import_dial(json.dumps({"models": models, **sections}), None)  # type: ignore[arg-type]
    for document in found.documents:
        Adapter.model_validate(document)
    return found


@pytest.fixture
def one() -> Callable[..., tuple[Json, Json]]:
    """Import one model; return its adapter, and the notes by path, without the beginning that they share."""

    def read(name: str = "m", **model: Any) -> tuple[Json, Json]:
        model = {"type": "chat", "endpoint": OPENAI_ADAPTER, "upstreams": [{"endpoint": AZURE, "key": "k"}], **model}
        found = imported({name: {n: v for n, v in model.items() if v is not ...}})
        notes = {note.path.removeprefix(f"models.{name}.") or note.path: note.message for note in found.notes}
        return (dict(found.documents[0]) if found.documents else {}), notes

    return read


class Done(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in this process."""

    def call(*arguments: str) -> Done:
        code = main(arguments)
        return Done(code, *capsys.readouterr())

    return call
