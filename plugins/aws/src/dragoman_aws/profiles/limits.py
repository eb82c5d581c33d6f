"""What Bedrock takes as names, descriptions and tags, checked before a call. Service model of botocore 1.44.8."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dragoman.errors import DocumentError, Problem

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 200
MOST_TAGS = 200
LONGEST_TAG_KEY = 128
LONGEST_TAG_VALUE = 256
#: Tags of this start are AWS's own; they are neither set nor removed.
AWS_TAGS = "aws:"

_NAME = re.compile(r"([0-9a-zA-Z][ _-]?)+")
_DESCRIPTION = re.compile(r"([0-9a-zA-Z:.][ _-]?)+")
_TAG = re.compile(r"[a-zA-Z0-9\s._:/=+@-]*")
_SEPARATORS = "letters and digits, with single blanks, _ or - after them"


def check(subject: str, name: str, description: str | None, tags: Mapping[str, str] | None) -> None:
    """Raise ``DocumentError`` with all that Bedrock would not take.

    Args:
        subject: What is checked, for the message.
        name: Of a profile or a router.
        description: ``None`` = none.
        tags: ``None`` = none.
    """
    problems = [*_name_problems(name), *_description_problems(description), *_tag_problems(tags or {})]
    if problems:
        raise DocumentError(subject, problems)


def _name_problems(name: str) -> list[Problem]:
    if not 1 <= len(name) <= LONGEST_NAME:
        return [Problem("name", f"has {len(name)} characters", f"1 to {LONGEST_NAME} are allowed")]
    return [] if _NAME.fullmatch(name) else [Problem("name", "has characters that are not allowed", _SEPARATORS)]


def _description_problems(description: str | None) -> list[Problem]:
    if description is None:
        return []
    if not 1 <= len(description) <= LONGEST_DESCRIPTION:
        found = f"has {len(description)} characters"
        return [Problem("description", found, f"1 to {LONGEST_DESCRIPTION} are allowed; leave it out for none")]
    if _DESCRIPTION.fullmatch(description):
        return []
    allowed = _SEPARATORS.replace("digits", "digits, : and .")
    return [Problem("description", "has characters that are not allowed", allowed)]


def _tag_problems(tags: Mapping[str, str]) -> list[Problem]:
    problems = []
    if len(tags) > MOST_TAGS:
        problems.append(Problem("tags", f"are {len(tags)}", f"at most {MOST_TAGS} are allowed"))
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_TAG_KEY or not _TAG.fullmatch(key):
            problems.append(Problem(f"tags.{key}", "is not a tag's key", _tag_rule(1, LONGEST_TAG_KEY)))
        elif key.startswith(AWS_TAGS):
            problems.append(Problem(f"tags.{key}", f"begins with {AWS_TAGS}, which is kept for AWS", "rename it"))
        if len(value) > LONGEST_TAG_VALUE or not _TAG.fullmatch(value):
            problems.append(Problem(f"tags.{key}", "has a value that is not allowed", _tag_rule(0, LONGEST_TAG_VALUE)))
    return problems


def _tag_rule(least: int, most: int) -> str:
    return f"{least} to {most} letters, digits, blanks and . _ : / = + @ -"
