"""What a request says differently than it was asked, for the caller to know."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.events import Report
from dragoman.messages import Document, Image, Message, Reasoning, ToolResult

from dragoman_aws.bedrock.converse.media import document_name
from dragoman_aws.bedrock.converse.messages import SYSTEM_ROLES, documents_of, is_sent


def reports_on(messages: Sequence[Message]) -> tuple[Report, ...]:
    """Return a report for each kind of thing that the encoder leaves out, moves or renames."""
    kinds = {type(part) for message in messages for part in message.parts}
    found = [_moved_system(messages), _unsent_names(messages)]
    if Reasoning in kinds:
        found.append(_unsent_reasoning(messages))
    if Image in kinds:
        found.append(_unsent_detail(messages))
    if Document in kinds or ToolResult in kinds:
        found.append(_renamed_documents(messages))
    return tuple(report for report in found if report is not None)


def _moved_system(messages: Sequence[Message]) -> Report | None:
    spoken = False
    for index, message in enumerate(messages):
        if message.role not in SYSTEM_ROLES:
            spoken = True
        elif spoken:
            text = "a system message inside the conversation was sent before it: Converse has one place for them"
            return Report("system_moved", text, f"messages[{index}]")
    return None


def _unsent_names(messages: Sequence[Message]) -> Report | None:
    for index, message in enumerate(messages):
        if message.name is not None:
            text = "the names of speakers were not sent: Converse has no place for them"
            return Report("name_not_sent", text, f"messages[{index}].name")
    return None


def _unsent_detail(messages: Sequence[Message]) -> Report | None:
    for index, message in enumerate(messages):
        if any(isinstance(part, Image) and part.detail not in (None, "auto") for part in message.parts):
            text = "the detail of an image was not sent: Converse has no place for it"
            return Report("image_detail_not_sent", text, f"messages[{index}]")
    return None


def _unsent_reasoning(messages: Sequence[Message]) -> Report | None:
    for index, message in enumerate(messages):
        if any(isinstance(part, Reasoning) and not is_sent(part) for part in message.parts):
            text = "earlier reasoning without a signature was not sent back: Bedrock takes only its own"
            return Report("reasoning_not_sent", text, f"messages[{index}]")
    return None


def _renamed_documents(messages: Sequence[Message]) -> Report | None:
    renamed = [
        (at, name)
        for number, (at, part) in enumerate(documents_of(messages), 1)
        if part.name is not None and (name := document_name(part, number)) != part.name
    ]
    if not renamed:
        return None
    names = ", ".join(name for _, name in renamed)
    text = f"Bedrock takes fewer characters in a document's name; sent: {names}"
    return Report("document_renamed", text, renamed[0][0])
