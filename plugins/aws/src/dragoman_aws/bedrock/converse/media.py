"""Images, documents, sound and films as Converse's blocks.

Formats, sources and limits: service model of bedrock-runtime, botocore 1.44.5 (2026-11).
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NoReturn

from dragoman.errors import UnsupportedError
from dragoman.messages import Audio, Document, Image, Video

Wire = dict[str, Any]

IMAGE_FORMATS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
DOCUMENT_FORMATS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
AUDIO_FORMATS = frozenset(
    {
        *("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm"),
        "webm",
    }
)
VIDEO_FORMATS: Mapping[str, str] = {
    "video/x-matroska": "mkv",
    "video/matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_SUFFIXES: Mapping[str, str] = {
    **{f".{name}": name for name in (*IMAGE_FORMATS.values(), *DOCUMENT_FORMATS.values())},
    **{f".{name}": name for name in VIDEO_FORMATS.values() if name != "three_gp"},
    ".mpg": "mpeg",
    ".3gp": "three_gp",
    ".jpg": "jpeg",
    ".htm": "html",
    ".markdown": "md",
}
MAX_NAME_CHARS = 200


def image_block(part: Image, at: str) -> Wire:
    """Return an ``image`` block; raise ``UnsupportedError`` for an address that Bedrock cannot read."""
    source = {"bytes": _encoded(part.data)} if part.data is not None else _s3(part.url, at, "an image")
    return {"image": {"format": _format(part.media_type, part.url, IMAGE_FORMATS, at), "source": source}}


def audio_block(part: Audio, at: str) -> Wire:
    """Return an ``audio`` block."""
    if part.format not in AUDIO_FORMATS:
        _refuse(f"Bedrock takes no sound in the format {part.format}", at)
    return {"audio": {"format": part.format, "source": {"bytes": _encoded(part.data)}}}


def video_block(part: Video, at: str) -> Wire:
    """Return a ``video`` block; raise ``UnsupportedError`` for an address that Bedrock cannot read."""
    source = {"bytes": _encoded(part.data)} if part.data is not None else _s3(part.url, at, "a film")
    return {"video": {"format": _format(part.media_type, part.url, VIDEO_FORMATS, at), "source": source}}


def document_block(part: Document, name: str, at: str) -> Wire:
    """Return a ``document`` block under a name from :func:`document_name`."""
    if part.text is not None:
        source: Wire = {"text": part.text}
    elif part.passages:
        source = {"content": [{"text": passage} for passage in part.passages]}
    elif part.data is not None:
        source = {"bytes": _encoded(part.data)}
    elif part.url is not None:
        source = _s3(part.url, at, "a document")
    else:
        _refuse("Bedrock knows no uploaded files", at, "send the document's bytes, or its s3:// address")
    kind = part.media_type or ("text/plain" if part.text is not None or part.passages else None)
    written = _format(kind, part.url or part.name, DOCUMENT_FORMATS, at)
    block: Wire = {"format": written, "name": name, "source": source}
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return {"document": block}


def document_name(part: Document, number: int) -> str:
    """Return a name that Bedrock takes, always the same for the same document in the same place.

    Letters, digits, single blanks, hyphens, underscores, brackets and parentheses are kept; a known file ending goes;
    anything else becomes a hyphen. A document without a name is ``document-N``, by its place in the request.
    """
    given = part.name or (PurePosixPath(part.url).name if part.url else "")
    path = PurePosixPath(given)
    if path.suffix.lower() in _SUFFIXES:
        given = given[: -len(path.suffix)]
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode()
    plain = re.sub(r"\s+", " ", plain)
    plain = re.sub(r"[^A-Za-z0-9 ()\[\]_-]+", "-", plain).strip(" -")
    return plain[:MAX_NAME_CHARS].rstrip() or f"document-{number}"


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()


def _s3(url: str | None, at: str, what: str) -> Wire:
    if url is None or not url.startswith("s3://"):
        _refuse(f"Bedrock reads {what} as bytes or from S3, not from a web address", at, "fetch it first")
    return {"s3Location": {"uri": url}}


def _format(media_type: str | None, name: str | None, formats: Mapping[str, str], at: str) -> str:
    if media_type is not None:
        found = formats.get(media_type.partition(";")[0].strip().lower())
    else:
        found = _SUFFIXES.get(PurePosixPath(name or "").suffix.lower())
    if found is None or found not in formats.values():
        what = f"Bedrock takes no {media_type} here" if media_type else "needs a media_type"
        _refuse(what, at, f"one of {', '.join(formats)}")
    return found


def _refuse(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=at, hint=hint)
