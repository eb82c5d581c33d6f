"""The texts of a command: from its arguments, a file, or standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from dragoman.cli.output import is_terminal, note
from dragoman.cli.piped import read_stdin

#: Where a file is expected, this names standard input.
STDIN = "-"

LAYOUTS = ("lines", "json", "jsonl")


def input_options(command: Any) -> Any:
    """Add the options that say where texts come from."""
    layout = click.option(
        "--input-format",
        type=click.Choice(LAYOUTS),
        help="One text a line, a JSON list, or one JSON value a line; else by the file's suffix.",
    )
    file = click.option("--input", "input_file", metavar="FILE|-", help="Read texts from a file, or what is piped in.")
    return file(layout(command))


def given_texts(arguments: Sequence[str], file: str | None, layout: str | None, argument: str) -> list[str]:
    """Return the texts of the arguments, then those of the file; what is piped in where there are neither.

    Args:
        arguments: What the command line itself says.
        file: The file, or ``-`` for standard input; ``None`` where none is named.
        layout: One of :data:`LAYOUTS`; ``None`` goes by the file's suffix.
        argument: What the command calls its arguments.

    Raises:
        click.ClickException: The file cannot be read, or there is no text.
    """
    if file is None and not arguments:
        if is_terminal(sys.stdin):
            raise click.MissingParameter("Or use --input.", param_hint=f"'{argument}'", param_type="argument")
        file = STDIN
    if file is None and layout is not None:
        raise click.BadParameter("it goes with --input, or with what is piped in", param_hint="'--input-format'")
    texts = [*arguments, *(_read(file, layout) if file is not None else ())]
    if not texts:
        raise click.BadParameter("there is no text in it", param_hint=f"'{argument}'")
    if any("\ud800" <= character <= "\udfff" for text in arguments for character in text):
        raise click.BadParameter("it is not valid text in the locale's encoding", param_hint=f"'{argument}'")
    return texts


def _read(file: str, layout: str | None) -> list[str]:
    suffix = Path(file).suffix.lower().removeprefix(".")
    layout = layout or (suffix if suffix in LAYOUTS else "lines")
    return _LAYOUTS[layout](read_stdin() if file == STDIN else _text_of(file), file)


def _text_of(file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        _refuse(f"{file} is not UTF-8 text")
    except OSError as error:
        _refuse(f"{file} cannot be read: {error.strerror}")


def _from_lines(text: str, file: str) -> list[str]:
    lines = text.splitlines()
    texts = [line for line in lines if line.strip()]
    if blank := len(lines) - len(texts):
        note(f"{blank} blank line{'s' * (blank > 1)} left out")
    return texts


def _from_json(text: str, file: str) -> list[str]:
    value = _value(text, file)
    if not isinstance(value, list):
        _refuse(f"{file} holds no JSON list")
    return [_one(item, f"{file}, item {index}") for index, item in enumerate(value)]


def _from_jsonl(text: str, file: str) -> list[str]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_one(_value(line, f"{file}, line {number}"), f"{file}, line {number}") for number, line in lines]


_LAYOUTS: Mapping[str, Callable[[str, str], list[str]]] = {
    "lines": _from_lines,
    "json": _from_json,
    "jsonl": _from_jsonl,
}


def _value(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        _refuse(f"{where} is not JSON: {error}")


def _one(item: Any, where: str) -> str:
    """Return a text, or the ``text`` of an object, which is what ``embed --jsonl`` writes."""
    text = item.get("text") if isinstance(item, Mapping) else item
    if not isinstance(text, str):
        _refuse(f"{where}: a text, or an object with a text, is expected")
    return text


def _refuse(message: str) -> NoReturn:
    raise click.BadParameter(message, param_hint="'--input'")
