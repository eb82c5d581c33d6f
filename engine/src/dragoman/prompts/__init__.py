"""Prompts: named documents with variables, in up to three variants, each with its own adapter, model and settings.

The template language is one form, ``{{ name }}``: it is replaced by a value, and the value is not read again. So
whoever gives a value can write neither a variable nor anything else of a template.
"""

from dragoman.prompts.document import (
    MAX_RENDERED_CHARS,
    MAX_VARIANTS,
    Prompt,
    PromptMessage,
    Rendered,
    Variant,
    VersionLike,
    as_version,
    prompt_from,
    render,
)
from dragoman.prompts.library import PROMPT, PROMPT_VERSION, PromptList, Prompts, Published, VersionList
from dragoman.prompts.version import Version
from dragoman.templates import Values

__all__ = [
    "MAX_RENDERED_CHARS", "MAX_VARIANTS", "PROMPT", "PROMPT_VERSION", "Prompt", "PromptList", "PromptMessage",
    "Prompts", "Published", "Rendered", "Values", "Variant", "Version", "VersionLike", "VersionList", "as_version",
    "prompt_from", "render",
]  # fmt: skip
