"""How messages become one prompt: a family's role markers as data, and one rule for each special case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from dragoman.adapter import Prompt
from dragoman.errors import Problem, UnsupportedError
from dragoman.messages import Message, Part, Reasoning, Refusal, Text

CONTENT, SYSTEM = "{content}", "{system}"
#: Between texts that are written as one: consecutive messages of a role, and several system messages.
BLANK_LINE = "\n\n"
#: Who speaks, by our role; a developer's message is a system message to families that know no such role.
SPEAKERS = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class _Turn(NamedTuple):
    """A message as the prompt needs it: ``system``, ``user`` or ``assistant``, its text, and its path."""

    role: str
    text: str
    at: str


class PromptWriter:
    """Writes messages with one set of markers.

    A last message of the assistant is left open, so that the model goes on with it. Markers inside a caller's own
    text are written as they are: no family knows a way to escape them.

    Args:
        prompt: A section that stands for itself: its preset is already merged in, and :func:`prompt_problems` found
            nothing.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._start = prompt.start or ""
        self._end = prompt.end or ""
        self._strip = bool(prompt.strip)
        self._alternate = bool(prompt.alternate)
        templates = {"system": prompt.system, "user": prompt.user, "assistant": prompt.assistant}
        self._markers = {role: text.split(CONTENT, 1) for role, text in templates.items() if text is not None}
        self._opening = _split_opening(prompt.user_with_system)

    def write(self, messages: Sequence[Message], first: int = 0) -> str:
        """Return the prompt of the messages from position ``first`` on.

        Raises:
            UnsupportedError: A message, or a part of one, cannot be written with these markers; the path names it.
        """
        turns = list(self._turns(messages, first))
        pieces = [self._start]
        if self._opening is not None and turns and turns[0].role == "system":
            pieces += _first_user(self._opening, turns)
            turns = turns[2:]
        for turn in turns:
            before, after = self._marker(turn)
            pieces += [before, turn.text, after]
        if turns and turns[-1].role == "assistant":
            pieces.pop()
        else:
            pieces.append(self._end)
        return "".join(pieces)

    def _turns(self, messages: Sequence[Message], first: int) -> Iterator[_Turn]:
        """Yield one turn for each message, or for each run of messages that is written as one."""
        held: _Turn | None = None
        for index, message in enumerate(messages[first:], first):
            at = f"messages[{index}]"
            role, text = _speaker(message, at), text_of(message.parts, at)
            turn = _Turn(role, text.strip() if self._strip else text, at)
            if held is not None and held.role == turn.role and self._joins(turn.role):
                held = held._replace(text=held.text + BLANK_LINE + turn.text)
                continue
            if held is not None:
                yield held
            held = turn
        if held is not None:
            yield held

    def _joins(self, role: str) -> bool:
        return self._alternate or (role == "system" and self._opening is not None)

    def _marker(self, turn: _Turn) -> list[str]:
        marker = self._markers.get(turn.role)
        if marker is None:
            place = " after the conversation began" if turn.role == "system" and self._opening else ""
            _refuse(f"the prompt has no way to write a message of role {turn.role}{place}", turn.at, _CHOOSE)
        return marker


def _split_opening(template: str | None) -> tuple[str, str, str] | None:
    if template is None:
        return None
    before, _, rest = template.partition(SYSTEM)
    between, _, after = rest.partition(CONTENT)
    return before, between, after


def _first_user(opening: tuple[str, str, str], turns: list[_Turn]) -> list[str]:
    system, *rest = turns
    if not rest or rest[0].role != "user":
        _refuse("the system message goes into the user message after it, and there is none", system.at)
    before, between, after = opening
    return [before, system.text, between, rest[0].text, after]


def _speaker(message: Message, at: str) -> str:
    role = SPEAKERS.get(message.role)
    if role is None:
        _refuse(f"a text prompt cannot hold a message of role {message.role}", at)
    return role


def text_of(parts: Sequence[Part], at: str) -> str:
    """Return the text of a message's parts, a refusal being what the model said; reasoning is left out.

    Raises:
        UnsupportedError: There is anything that is no text.
    """
    if len(parts) == 1 and isinstance(only := parts[0], Text):
        return only.text
    texts = []
    for index, part in enumerate(parts):
        if isinstance(part, Text | Refusal):
            texts.append(part.text)
        elif not isinstance(part, Reasoning):
            _refuse(f"this mapping sends text, and has no place for {type(part).__name__}", f"{at}.content[{index}]")
    return "".join(texts)


_CHOOSE = "set prompt.preset to the model's family, or write its markers out"


def _refuse(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=at, hint=hint)


def prompt_problems(prompt: Prompt) -> list[Problem]:
    """Return what is wrong with a section whose preset is merged in."""
    problems = [
        Problem(f"prompt.{role}", f"must hold {CONTENT} once, where the message's text goes")
        for role in ("system", "user", "assistant")
        if (template := getattr(prompt, role)) is not None and template.count(CONTENT) != 1
    ]
    opening = prompt.user_with_system
    if opening is not None and (
        opening.count(SYSTEM) != 1 or opening.count(CONTENT) != 1 or opening.index(SYSTEM) > opening.index(CONTENT)
    ):
        problems.append(Problem("prompt.user_with_system", f"must hold {SYSTEM} once, and after it {CONTENT} once"))
    if prompt.user is None:
        problems.append(Problem("prompt.user", "is missing", f"write how a user message looks, with {CONTENT}"))
    return problems
