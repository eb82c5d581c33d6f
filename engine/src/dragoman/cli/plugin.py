"""What a plugin's command imports, in one place.

A command is an entry point of the group ``dragoman.commands``, whose value is a command of click. It takes the options
that every command takes, and an :class:`Invocation`, which opens an engine.
"""

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation, Running
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import aside, error_line, note, table, write, write_json, write_line
from dragoman.cli.references import adapter_from, checked_prompt, prompt_from
from dragoman.cli.state import saved_adapters
from dragoman.documents import SUFFIXES, read_document, write_document

__all__ = [
    "SUFFIXES",
    "CommandGroup",
    "Invocation",
    "Running",
    "adapter_from",
    "aside",
    "checked_prompt",
    "error_line",
    "global_options",
    "json_option",
    "note",
    "pass_invocation",
    "prompt_from",
    "read_document",
    "saved_adapters",
    "table",
    "write",
    "write_document",
    "write_json",
    "write_line",
]
