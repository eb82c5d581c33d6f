"""Real answers of Bedrock, recorded by others, against langchain-aws and against our own encoder.

The recordings are no part of this project: they are read from ``DRAGOMAN_RECORDINGS``, by default
``../shared/recordings`` beside the repository, and the tests skip where they are absent.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from dragoman.errors import InvalidRequestError
from dragoman.messages import (
    CachePoint,
    Document,
    Image,
    Message,
    ProviderPart,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)
from dragoman.testing.upstream import Reply, Upstream
from dragoman_aws.bedrock.converse.media import DOCUMENT_FORMATS, IMAGE_FORMATS, VIDEO_FORMATS

HERE = Path(os.environ.get("DRAGOMAN_RECORDINGS") or Path(__file__).parents[4] / "../shared/recordings")
FILES = ("bedrock-converse", "bedrock-converse-stream")

Recording = dict[str, Any]


def read(name: str) -> Iterator[Recording]:
    with gzip.open(HERE / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def recordings(*names: str) -> list[Any]:
    absent = [name for name in names if not (HERE / f"{name}.jsonl.gz").is_file()]
    if absent:
        skip = pytest.mark.skip(reason=f"recordings absent: {', '.join(absent)}; set DRAGOMAN_RECORDINGS")
        return [pytest.param(None, marks=skip, id="absent")]
    return [pytest.param(line, id=line["id"]) for name in names for line in read(name)]


def reply_of(recording: Recording) -> Reply:
    headers = {"x-amzn-requestid": "r-1"}
    if recording["status"] != 200:  # the recorder kept no header that names the type; AWS always sends one
        headers["x-amzn-errortype"] = "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    if recording["response_b64"] is None:
        return Reply.json(recording["response"], recording["status"], **headers)
    raw = base64.b64decode(recording["response_b64"])
    return Reply((raw,), 200, {"content-type": "application/vnd.amazon.eventstream", **headers})


# --- equal to what langchain-aws makes of the same bytes ---------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def their_clients(served) -> list[Any]:
    """Clients of boto3 for loopback: 50 ms each to make."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")
    config = Config(retries={"max_attempts": 0}, auth_scheme_preference="sigv4")
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    return [session.client(name, endpoint_url=served.url, config=config) for name in ("bedrock-runtime", "bedrock")]


@pytest.fixture
def theirs_for(their_clients) -> Callable[[str], Any]:
    from langchain_aws import ChatBedrockConverse

    runtime, control = their_clients
    # The base model is the same for all: for Nova it would read the text as markup.
    return lambda model: ChatBedrockConverse(
        model=model, client=runtime, bedrock_client=control, region_name="us-east-1", disable_streaming=False,
        provider="anthropic", base_model_id="anthropic.claude-3-haiku-20240307-v1:0",
    )  # fmt: skip


#: langchain-aws asks the caller to run again what Bedrock ran itself, and glues that call to the next one.
NOT_THEIRS = {"bedrock-converse-stream-75ccbd058d": [("tooluse_ptgCcZ0uQu-UUMz0abqoWw", "final_result")]}


@pytest.mark.parametrize("recording", recordings(*FILES))
async def test_is_read_as_langchain_aws_reads_it(engine, served, theirs_for, document, recording):
    served.answer(reply_of(recording))
    ours_at = document(served.url, model=recording["model"])
    theirs_at = theirs_for(recording["model"])
    if recording["status"] != 200:
        await both_fail(engine, ours_at, theirs_at, recording)
        return
    if recording["operation"].endswith("-stream"):
        stream = engine.stream(ours_at, "hi")
        assert [event async for event in stream]
        ours, theirs = stream.response, None
        for piece in await engine.run_blocking(lambda: list(theirs_at.stream("hi"))):
            theirs = piece if theirs is None else theirs + piece
    else:
        ours = await engine.chat(ours_at, "hi")
        theirs = await engine.run_blocking(theirs_at.invoke, "hi")
    assert ours.text == theirs.text
    if recording["id"] in NOT_THEIRS:
        assert [(c.id, c.name) for c in ours.tool_calls] == NOT_THEIRS[recording["id"]]
    else:
        assert calls_of(ours) == their_calls(theirs)
    assert ours.provider_finish_reason == theirs.response_metadata["stopReason"]
    assert (
        ours.finish_reason
        == {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}[ours.provider_finish_reason]
    )
    assert figures(ours) == their_figures(theirs)
    assert reasoning_of(ours) == their_reasoning(theirs)
    assert ours.request_id == "r-1"
    metrics = theirs.response_metadata["metrics"]["latencyMs"]
    assert ours.extra["metrics"]["latencyMs"] == (metrics[0] if isinstance(metrics, list) else metrics)


def calls_of(response: Any) -> list[tuple[Any, ...]]:
    return [(c.id, c.name, json.loads(c.arguments)) for c in response.tool_calls]


def their_calls(message: Any) -> list[tuple[Any, ...]]:
    """Return their calls without those that Bedrock ran itself: langchain-aws asks the caller to run them again."""
    served = {
        block["id"] if "id" in block else block["toolUseId"]
        for block in (message.content if isinstance(message.content, list) else ())
        if isinstance(block, dict) and block.get("type") == "server_tool_use"
    }
    return [(c["id"], c["name"], c["args"]) for c in message.tool_calls if c["id"] not in served]


def figures(response: Any) -> tuple[int | None, ...]:
    usage = response.usage
    assert usage.source == "provider"
    return (
        usage.input_tokens, usage.output_tokens, usage.total_tokens,
        usage.cached_input_tokens or 0, usage.cache_write_input_tokens or 0,
    )  # fmt: skip


def their_figures(message: Any) -> tuple[int, ...]:
    usage = message.usage_metadata
    detail = usage["input_token_details"]
    written = detail["cache_creation"] + detail.get("ephemeral_5m_input_tokens", 0)
    return usage["input_tokens"], usage["output_tokens"], usage["total_tokens"], detail["cache_read"], written


def reasoning_of(response: Any) -> str:
    return response.reasoning


def their_reasoning(message: Any) -> str:
    return "".join(
        block["reasoning_content"].get("text", "")
        for block in (message.content if isinstance(message.content, list) else ())
        if isinstance(block, dict) and block.get("type") == "reasoning_content"
    )


async def both_fail(engine: Any, ours_at: Any, theirs_at: Any, recording: Recording) -> None:
    with pytest.raises(InvalidRequestError) as ours:
        await engine.chat(ours_at, "hi")
    with pytest.raises(ClientError) as theirs:
        await engine.run_blocking(theirs_at.invoke, "hi")
    assert ours.value.status == theirs.value.response["ResponseMetadata"]["HTTPStatusCode"] == recording["status"]
    assert ours.value.provider_code == theirs.value.response["Error"]["Code"]
    assert " ".join(recording["response"]["message"].split()) in ours.value.message


# --- the recorded request, rebuilt -------------------------------------------------------------------------------

#: Requests that were recorded with something that Bedrock's own model does not hold, and what it is.
OTHERWISE = {"bedrock-converse-77786c30d6": "it names a film's format video/mp4; Bedrock's name is mp4"}


@pytest.mark.parametrize("recording", recordings(*FILES))
def test_the_request_is_written_as_it_was_recorded(speak, recording):
    if reason := OTHERWISE.get(recording["id"]):
        pytest.skip(reason)
    wire = wire_for(speak, recording)
    assert wire.url.endswith(recording["path"])
    assert comparable(json.loads(wire.body)) == comparable(recording["request"])


INFERENCE = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop_sequences",
}


def wire_for(speak: Any, recording: Recording) -> Any:
    asked = recording["request"]
    settings = {INFERENCE[name]: value for name, value in asked.get("inferenceConfig", {}).items()}
    connection = {}
    if guardrail := asked.get("guardrailConfig"):
        names = {"guardrailIdentifier": "identifier", "guardrailVersion": "version", "trace": "trace"}
        connection["guardrail"] = {names[name]: value for name, value in guardrail.items()}
    if performance := asked.get("performanceConfig"):
        settings["performance_latency"] = performance["latency"]
    if output := asked.get("outputConfig"):
        schema = dict(output["textFormat"]["structure"]["jsonSchema"])
        schema["schema"] = json.loads(schema["schema"])
        settings["response_format"] = {"type": "json_schema", "json_schema": schema}
    system = [part_of(block) for block in asked.get("system", ())]
    messages = [Message("system", tuple(system))] if system else []
    for message in asked["messages"]:
        messages += messages_of(message)
    return speak(recording["model"], **connection).wire(
        messages,
        **settings,
        **tools_of(asked.get("toolConfig", {})),
        model_kwargs=asked.get("additionalModelRequestFields", {}),
        stream=recording["operation"].endswith("-stream"),
    )


def messages_of(message: Any) -> list[Message]:
    """Return one message, or those that it was made of: what tools answered, and what the user said then."""
    made: list[Message] = []
    for block in message["content"]:
        role = "tool" if "toolResult" in block and message["role"] == "user" else message["role"]
        if made and "cachePoint" in block:
            role = made[-1].role
        part = part_of(block)
        if made and made[-1].role == role:
            made[-1] = Message(role, (*made[-1].parts, part))
        else:
            made.append(Message(role, (part,)))
    return made


MEDIA_TYPES = {
    name: kind for kind, name in {**IMAGE_FORMATS, **DOCUMENT_FORMATS, **VIDEO_FORMATS}.items() if kind != "image/jpg"
}


def part_of(block: Any) -> Any:
    ((kind, inside),) = block.items()
    if kind not in PARTS or inside_is_served(inside):
        return ProviderPart("bedrock", block)
    return PARTS[kind](inside)


def inside_is_served(inside: Any) -> bool:
    """Whether a tool's call or result is of those that Bedrock runs itself."""
    return "toolUseId" in inside and "type" in inside


def source_of(inside: Any) -> dict[str, Any]:
    source = inside["source"]
    if "bytes" in source:
        return {"data": base64.b64decode(source["bytes"])}
    if "content" in source:
        return {"passages": tuple(piece["text"] for piece in source["content"])}
    return {"url": source["s3Location"]["uri"]} if "s3Location" in source else {"text": source["text"]}


def document_of(inside: Any) -> Document:
    return Document(
        **source_of(inside),
        media_type=MEDIA_TYPES[inside["format"]],
        name=inside["name"],
        context=inside.get("context"),
        citations=inside.get("citations", {}).get("enabled"),
    )


PARTS: dict[str, Callable[[Any], Any]] = {
    "text": Text,
    "image": lambda i: Image(**source_of(i), media_type=MEDIA_TYPES[i["format"]]),
    "video": lambda i: Video(**source_of(i), media_type=MEDIA_TYPES[i["format"]]),
    "document": document_of,
    "cachePoint": lambda i: CachePoint(i.get("ttl")),
    "json": lambda i: Text(json.dumps(i)),
    "toolUse": lambda i: ToolCall(i["toolUseId"], i["name"], json.dumps(i["input"])),
    "toolResult": lambda i: ToolResult(
        i["toolUseId"], tuple(part_of(b) for b in i["content"]), i.get("status") == "error"
    ),
    "reasoningContent": lambda i: Reasoning(
        i.get("reasoningText", {}).get("text", ""),
        i.get("reasoningText", {}).get("signature"),
        i.get("redactedContent"),
    ),
}


def tools_of(config: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"tools": []}
    for tool in config.get("tools", ()):
        if spec := tool.get("toolSpec"):
            schema = spec["inputSchema"]["json"]
            said["tools"].append(Tool(spec["name"], spec.get("description"), schema, spec.get("strict")))
        elif "cachePoint" in tool:
            said["cache_points"] = ["tools"]
        else:
            said.setdefault("system_tools", []).append(tool["systemTool"]["name"])
    if choice := config.get("toolChoice"):
        ((mode, inside),) = choice.items()
        said["tool_choice"] = ToolChoice({"any": "required"}.get(mode, mode), inside.get("name"))
    return said


def comparable(body: Any) -> Any:
    """Return the body without what says nothing, and with JSON as values: what differs then matters."""
    body = {name: value for name, value in body.items() if value not in ({}, [])}
    if "outputConfig" in body:
        schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        schema["schema"] = json.loads(schema["schema"])
    for message in body["messages"]:
        for block in message["content"]:
            if (result := block.get("toolResult")) and "type" not in result:
                if result.get("status") == "success":
                    del result["status"]  # what is assumed without it
                result["content"] = [as_json(piece) for piece in result["content"]]
    return body


def as_json(piece: Any) -> Any:
    """Return a text that is a JSON object as we send it."""
    if str(piece.get("text", "")).startswith("{"):
        return {"json": json.loads(piece["text"])}
    return piece
