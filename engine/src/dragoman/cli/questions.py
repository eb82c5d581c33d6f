"""From the options of ``chat`` to a question: messages, tools, attachments."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import click

from dragoman.cli.attachments import document_from, image_from, video_from
from dragoman.cli.output import is_terminal
from dragoman.cli.piped import piped_text, read_stdin
from dragoman.messages import Message, Part, Text, Tool, messages_from, tools_from

#: Where a file is expected, this names standard input.
STDIN = "-"


@dataclass(slots=True)
class Question:
    """What is sent: the messages so far, and the parts that go with the next one."""

    messages: list[Message] = field(default_factory=list)
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    attachments: tuple[Part, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether there is nothing to answer yet, so that a person must be asked."""
        return all(message.role in ("system", "developer") for message in self.messages)

    def ask(self, text: str) -> None:
        """Add what a person says, with the attachments that wait."""
        spoken: tuple[Part, ...] = (Text(text),) if text else ()
        self.messages.append(Message("user", (*spoken, *self.attachments)))
        self.attachments = ()


def question_from(
    prompt: str | None,
    *,
    system: str | None,
    messages_file: str | None,
    tools_file: str | None,
    tool_choice: str | None,
    images: Sequence[str],
    videos: Sequence[str],
    files: Sequence[str],
    stdin: bool | None,
    needed: bool,
) -> Question:
    """Return the question that a command line asks; it is open where only a conversation can fill it.

    ``needed`` says whether something must be asked, so that it is worth waiting for standard input; the other
    arguments are those of the command.

    Raises:
        click.ClickException: A file cannot be read, or there is nothing to ask.
        MessageError: The messages or tools cannot be read.
    """
    readers = [prompt, messages_file, tools_file].count(STDIN)
    if readers > 1 or (readers and stdin is not None):
        raise click.BadParameter("standard input is read once, and for one thing", param_hint="'-'")
    question = Question(
        messages=[Message("system", (Text(system),))] if system else [],
        tools=tools_from(_list_from(tools_file, "--tools", "tools")) if tools_file else (),
        tool_choice=tool_choice,
        attachments=(*map(image_from, images), *map(video_from, videos), *map(document_from, files)),
    )
    if messages_file:
        question.messages += messages_from(_list_from(messages_file, "--messages", "messages"))
    if STDIN in (messages_file, tools_file):
        stdin = False
    text = _spoken(prompt, stdin, needed=needed and not messages_file)
    if text or (question.attachments and (prompt is not None or not is_terminal(sys.stdin))):
        question.ask(text)
    elif prompt is not None:
        raise click.BadParameter("there is no text in it", param_hint="'PROMPT'")
    return question


def _spoken(prompt: str | None, stdin: bool | None, *, needed: bool) -> str:
    """Join the prompt and what is piped in, in this order."""
    if prompt == STDIN:
        prompt, stdin = None, True
    piped = piped_text(stdin, needed=needed and not prompt)
    text = "\n\n".join(piece for piece in (prompt, piped) if piece and piece.strip())
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise click.BadParameter("it is not valid text in the locale's encoding", param_hint="'PROMPT'")
    return text


def _list_from(file: str, option: str, member: str) -> Sequence[Any]:
    """Read a JSON list, an object that holds it as a member, or one item."""
    text = read_stdin() if file == STDIN else _read(file, option)
    try:
        value = json.loads(text)
    except ValueError as error:
        _refuse(option, f"{file} is not JSON: {error}")
    if isinstance(value, dict):
        value = value.get(member, [value])
    if not isinstance(value, list):
        _refuse(option, f"{file} holds no list of {member}")
    return value


def _read(file: str, option: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        _refuse(option, f"{file} is not UTF-8 text")
    except OSError as error:
        _refuse(option, f"{file} cannot be read: {error.strerror}")


def _refuse(option: str, message: str) -> NoReturn:
    raise click.BadParameter(message, param_hint=f"'{option}'")
