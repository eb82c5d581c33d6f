"""The values that travel from caller to provider: messages, their parts, tools.

Plain frozen dataclasses; nothing here knows a provider. ``messages_from`` accepts what callers write: a string, these
values, or dicts in the shape of OpenAI's chat API.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from dragoman.errors import MessageError

Role = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image, as bytes (with its media type) or as an address the provider fetches.

    Args:
        data: The image's bytes; exactly one of ``data`` and ``url`` is given.
        url: An ``https:`` address. A ``data:`` URL is taken apart by :func:`messages_from`.
        media_type: ``image/png`` and the like; required with ``data``.
        detail: ``low``, ``high`` or ``auto`` where the provider knows it; ``None`` leaves it to the provider.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """Spoken input, as bytes; ``format`` is ``wav`` or ``mp3``."""

    data: bytes
    format: str


@dataclass(frozen=True, slots=True)
class Video:
    """A film, as bytes (with its media type, ``video/mp4`` and the like) or as an address the provider fetches.

    Exactly one of ``data`` and ``url`` is given; ``media_type`` is required with ``data``.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file: bytes with a media type, plain ``text``, an address, or the id of a file uploaded before.

    Args:
        passages: Text in pieces, each to be cited by its own number; instead of ``text``.
        context: Words about the document that are no part of it, for the model alone.
        citations: Whether the model shall say which passages its answer rests on; ``None`` leaves it to the provider.
    """

    data: bytes | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None
    passages: tuple[str, ...] = ()
    context: str | None = None
    citations: bool | None = None

    @property
    def special(self) -> str | None:
        """The first member set that few providers have a place for; a codec without one refuses it by this name."""
        named = (("passages", self.passages), ("context", self.context), ("citations", self.citations))
        return next((name for name, value in named if value), None)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it answered.

    Args:
        text: The readable part; empty where the provider sends only a sealed one.
        signature: Proof that some providers want back with the next turn, as it came.
        redacted: The sealed part, as it came.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's own words for not answering."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. ``arguments`` is JSON text exactly as the model wrote it, so it may be invalid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a tool call: text, or parts where a provider takes images and documents here."""

    tool_call_id: str
    parts: tuple[Text | Image | Document | Video | ProviderPart, ...]
    is_error: bool = False
    name: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(p.text for p in self.parts if isinstance(p, Text))


@dataclass(frozen=True, slots=True)
class CachePoint:
    """A mark: the provider may keep everything up to here for a later call. A provider without such marks refuses it.

    ``ttl`` is how long, in the provider's words (``5m``, ``1h``); ``None`` leaves it to the provider.
    """

    ttl: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderPart:
    """A part in one provider's own words, for what these values have no word for. Any other provider refuses it.

    Args:
        provider: The provider's kind, as an adapter names it.
        value: The part as it stands in that provider's requests.
    """

    provider: str
    value: Mapping[str, Any]


Part = Text | Image | Audio | Video | Document | Reasoning | Refusal | ToolCall | ToolResult | CachePoint | ProviderPart


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a role and its parts, in order.

    Args:
        role: Who speaks. ``developer`` is a system message for providers that know no such role.
        parts: At least one part, except for an assistant that said nothing.
        name: The speaker's name, where several share a role.
        extra: Members of a provider's message that have no place of their own, as they came; never sent back
            unless a codec says so.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def text(self) -> str:
        """The text parts, joined; empty where there are none."""
        return "".join(p.text for p in self.parts if isinstance(p, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(p for p in self.parts if isinstance(p, ToolCall))

    @property
    def reasoning(self) -> str:
        """The readable reasoning, joined."""
        return "".join(p.text for p in self.parts if isinstance(p, Reasoning))

    @property
    def refusal(self) -> str:
        """The refusal's text, joined; empty where the model did not refuse."""
        return "".join(p.text for p in self.parts if isinstance(p, Refusal))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. ``parameters`` is a JSON Schema; ``None`` means that it takes none."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether and which tool must be called.

    ``mode`` is ``auto`` (the model decides), ``none`` (no call), ``required`` (some call) or ``tool`` (the one in
    ``name``). ``parallel`` says whether several calls in one answer are allowed; ``None`` leaves it to the provider.
    """

    mode: Literal["auto", "none", "required", "tool"] = "auto"
    name: str | None = None
    parallel: bool | None = None


MessageLike = Message | Mapping[str, Any]
MessagesLike = str | MessageLike | Sequence[MessageLike]
ToolLike = Tool | Mapping[str, Any]
ToolChoiceLike = ToolChoice | str | Mapping[str, Any]


# --- what callers write ------------------------------------------------------------------------------------------


def messages_from(value: MessagesLike) -> tuple[Message, ...]:
    """Return messages from a string (one user message), a message, or a sequence of messages or OpenAI-shaped dicts.

    Raises:
        MessageError: naming the message and the member that cannot be read, for example ``messages[2].content[0]``.
    """
    if isinstance(value, str):
        return (Message("user", (Text(value),)),)
    if isinstance(value, Message | Mapping):
        value = (value,)
    if not isinstance(value, Sequence):
        raise MessageError(f"messages: is {type(value).__name__}; a text or a list of messages is expected")
    messages = [_plain(m) or _message(m, i) for i, m in enumerate(value)]
    if not messages:
        raise MessageError("messages: at least one is needed")
    return tuple(messages)


def tools_from(value: Sequence[ToolLike] | None) -> tuple[Tool, ...]:
    """Return tools from values or OpenAI-shaped dicts (``{"type": "function", "function": {…}}``, or its inside)."""
    if value is None:
        return ()
    return tuple(t if isinstance(t, Tool) else _tool(t, f"tools[{i}]") for i, t in enumerate(_list(value, "tools")))


def tool_choice_from(value: ToolChoiceLike | None) -> ToolChoice | None:
    """Return a tool choice from ``auto``, ``none``, ``required``, a tool's name, or OpenAI's dict; ``None`` stays."""
    if value is None or isinstance(value, ToolChoice):
        return value
    if isinstance(value, str):
        if value in ("auto", "none", "required"):
            return ToolChoice(value)  # type: ignore[arg-type]
        return ToolChoice("tool", value) if value else _refuse("tool_choice", "is empty")
    value = _mapping(value, "tool_choice")
    name = _member(_mapping(value.get("function", value), "tool_choice.function"), "name", "tool_choice")
    return ToolChoice("tool", name)


_MESSAGE_MEMBERS = frozenset(
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "reasoning_content", "thinking_blocks",
        "is_error",
    }
)  # fmt: skip


_TEXT_ROLES = ("user", "assistant", "system", "developer")


def _plain(raw: Any) -> Message | None:
    """Return a message that is one, or that has a role and a text alone: nearly all, read in few steps."""
    if isinstance(raw, Message):
        return raw
    if type(raw) is dict and len(raw) == 2 and raw.get("role") in _TEXT_ROLES:
        role, text = raw["role"], raw.get("content")
        return Message(role, (Text(text),)) if type(text) is str else None
    return None


def _message(raw: Any, index: int) -> Message:
    path = f"messages[{index}]"
    raw = _mapping(raw, path)
    role = raw.get("role")
    if role not in ROLES:
        _refuse(f"{path}.role", f"is {role!r}; one of {', '.join(ROLES)} is expected")
    if not _MESSAGE_MEMBERS.issuperset(raw):
        _refuse(f"{path}.{min(set(raw) - _MESSAGE_MEMBERS)}", "is not a member of a message")
    content = _content(raw.get("content"), f"{path}.content")
    if role == "tool":
        call_id = _member(raw, "tool_call_id", path)
        allowed = tuple(p for p in content if isinstance(p, Text | Image | Document | Video | ProviderPart))
        if len(allowed) != len(content):
            _refuse(f"{path}.content", "a tool's result holds text, images, documents and films only")
        return Message("tool", (ToolResult(call_id, allowed, bool(raw.get("is_error")), _optional(raw, "name", path)),))
    thinking, refusal = _optional(raw, "reasoning_content", path), _optional(raw, "refusal", path)
    thought: tuple[Part, ...] = (Reasoning(thinking),) if thinking else ()
    if raw.get("thinking_blocks"):
        thought = _thinking_blocks(raw["thinking_blocks"], f"{path}.thinking_blocks")
    refused: tuple[Part, ...] = (Refusal(refusal),) if refusal else ()
    calls: tuple[Part, ...] = _tool_calls(raw["tool_calls"], path) if raw.get("tool_calls") else ()
    parts = thought + content + refused + calls
    if not parts and role != "assistant":
        _refuse(f"{path}.content", "is missing")
    return Message(role, parts, _optional(raw, "name", path))


def _thinking_blocks(raw: Any, path: str) -> tuple[Part, ...]:
    """Read signed and sealed reasoning, in the shape in which several gateways carry it (LiteLLM's docs, 2026-10)."""
    if not isinstance(raw, list | tuple):
        _refuse(path, f"is {type(raw).__name__}; a list of blocks is expected")
    return tuple(_thinking_block(_mapping(block, f"{path}[{i}]"), f"{path}[{i}]") for i, block in enumerate(raw))


def _thinking_block(block: Mapping[str, Any], path: str) -> Reasoning:
    if block.get("type") == "redacted_thinking":
        return Reasoning(redacted=_member(block, "data", path))
    if block.get("type") != "thinking":
        _refuse(f"{path}.type", f"is {block.get('type')!r}; thinking or redacted_thinking is expected")
    return Reasoning(_optional(block, "thinking", path) or "", _optional(block, "signature", path))


def _content(raw: Any, path: str) -> tuple[Part, ...]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return (Text(raw),)
    if not isinstance(raw, Sequence):
        _refuse(path, f"is {type(raw).__name__}; text or a list of parts is expected")
    return tuple(_part(p, f"{path}[{i}]") for i, p in enumerate(raw))


def _part(raw: Any, path: str) -> Part:
    if isinstance(raw, Part):
        return raw
    if isinstance(raw, str):
        return Text(raw)
    raw = _mapping(raw, path)
    kind = raw.get("type")
    read = _PARTS.get(kind) if isinstance(kind, str) else None
    if read is None:
        _refuse(f"{path}.type", f"is {raw.get('type')!r}; one of {', '.join(_PARTS)} is expected")
    return read(raw, path)


def _text_part(raw: Mapping[str, Any], path: str) -> Part:
    return Text(_member(raw, "text", path))


def _image_part(raw: Mapping[str, Any], path: str) -> Part:
    inside = raw.get("image_url")
    inside = {"url": inside} if isinstance(inside, str) else _mapping(inside, f"{path}.image_url")
    url = _member(inside, "url", f"{path}.image_url")
    if not url.startswith("data:"):
        return Image(url=url, detail=_optional(inside, "detail", path))
    media_type, data = split_data_url(url, f"{path}.image_url.url")
    return Image(data=data, media_type=media_type, detail=_optional(inside, "detail", path))


def _audio_part(raw: Mapping[str, Any], path: str) -> Part:
    inside = _mapping(raw.get("input_audio"), f"{path}.input_audio")
    return Audio(_base64(_member(inside, "data", path), f"{path}.input_audio.data"), _member(inside, "format", path))


def _video_part(raw: Mapping[str, Any], path: str) -> Part:
    inside = raw.get("video_url")
    inside = {"url": inside} if isinstance(inside, str) else _mapping(inside, f"{path}.video_url")
    url = _member(inside, "url", f"{path}.video_url")
    if not url.startswith("data:"):
        return Video(url=url)
    media_type, data = split_data_url(url, f"{path}.video_url.url")
    return Video(data=data, media_type=media_type)


def _file_part(raw: Mapping[str, Any], path: str) -> Part:
    inside = _mapping(raw.get("file"), f"{path}.file")
    said: dict[str, Any] = {
        "name": inside.get("filename"),
        "context": inside.get("context"),
        "citations": inside.get("citations"),
    }
    if "file_id" in inside:
        return Document(file_id=_member(inside, "file_id", path), **said)
    if "passages" in inside:
        return Document(passages=_texts(inside["passages"], f"{path}.file.passages"), **said)
    value = _member(inside, "file_data", f"{path}.file")
    if value.startswith(("https://", "http://", "s3://")):
        return Document(url=value, **said)
    media_type, data = split_data_url(value, f"{path}.file.file_data")
    return Document(data=data, media_type=media_type, **said)


def _texts(raw: Any, path: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(text, str) for text in raw):
        _refuse(path, "a list of texts is expected")
    return tuple(raw)


def _refusal_part(raw: Mapping[str, Any], path: str) -> Part:
    return Refusal(_member(raw, "refusal", path))


def _cache_point_part(raw: Mapping[str, Any], path: str) -> Part:
    return CachePoint(_member(raw, "ttl", path) if raw.get("ttl") is not None else None)


def _provider_part(raw: Mapping[str, Any], path: str) -> Part:
    return ProviderPart(_member(raw, "provider", path), _mapping(raw.get("value"), f"{path}.value"))


_PARTS = {
    "text": _text_part,
    "image_url": _image_part,
    "input_audio": _audio_part,
    "video_url": _video_part,
    "file": _file_part,
    "refusal": _refusal_part,
    "cache_point": _cache_point_part,
    "provider_part": _provider_part,
}


def _tool_calls(raw: Any, path: str) -> tuple[ToolCall, ...]:
    calls = _list(raw, f"{path}.tool_calls")
    return tuple(_tool_call(c, f"{path}.tool_calls[{i}]") for i, c in enumerate(calls))


def _tool_call(raw: Any, path: str) -> ToolCall:
    raw = _mapping(raw, path)
    function = _mapping(raw.get("function"), f"{path}.function")
    return ToolCall(
        _member(raw, "id", path),
        _member(function, "name", f"{path}.function"),
        _member(function, "arguments", f"{path}.function"),
    )


_TOOL_MEMBERS = {"name", "description", "parameters", "strict"}


def _tool(raw: Any, path: str) -> Tool:
    raw = _mapping(raw, path)
    if "function" in raw or raw.get("type") == "function":
        raw = _mapping(raw.get("function"), f"{path}.function")
    if unknown := sorted(set(raw) - _TOOL_MEMBERS):
        _refuse(f"{path}.{unknown[0]}", "is not a member of a function tool")
    parameters = raw.get("parameters")
    if parameters is not None:
        parameters = _mapping(parameters, f"{path}.parameters")
    strict = raw.get("strict")
    if strict is not None and not isinstance(strict, bool):
        _refuse(f"{path}.strict", "is true or false")
    return Tool(_member(raw, "name", path), _optional(raw, "description", path), parameters, strict)


def split_data_url(url: str, path: str = "url") -> tuple[str, bytes]:
    """Return media type and bytes of a base64 ``data:`` URL; ``path`` is what an error names."""
    head, comma, body = url.partition(",")
    if not head.startswith("data:") or not comma or not head.endswith(";base64"):
        _refuse(path, "is not a base64 data: URL")
    return head[len("data:") : -len(";base64")], _base64(body, path)


def _base64(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        _refuse(path, "is not base64")


def _list(raw: Any, path: str) -> Sequence[Any]:
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        _refuse(path, f"is {type(raw).__name__}; a list is expected")
    return raw


def _mapping(raw: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        _refuse(path, f"is {'missing' if raw is None else type(raw).__name__}; an object is expected")
    return raw


def _member(raw: Mapping[str, Any], name: str, path: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        _refuse(f"{path}.{name}", f"is {'missing' if value is None else type(value).__name__}; text is expected")
    return value


def _optional(raw: Mapping[str, Any], name: str, path: str) -> str | None:
    return None if raw.get(name) is None else _member(raw, name, path)


def _refuse(path: str, what: str) -> NoReturn:
    raise MessageError(f"{path}: {what}")


def texts_from(texts: str | Sequence[str], member: str) -> tuple[str, ...]:
    """Return texts as a tuple; one text counts as a list of one.

    Raises:
        MessageError: There is none, or one is no text or empty; ``member`` is what the error calls them.
    """
    given = (texts,) if isinstance(texts, str) else tuple(texts)
    if not given:
        raise MessageError(f"{member} is empty", hint="give at least one text")
    for index, text in enumerate(given):
        if not isinstance(text, str):
            raise MessageError(f"{member}[{index}] is no text but {type(text).__name__}")
        if not text:
            raise MessageError(f"{member}[{index}] is empty", hint="providers refuse an empty text; leave it out")
    return given
