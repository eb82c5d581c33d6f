"""Files that go with a question: images, films, documents and text."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import NoReturn

import click

from dragoman.messages import Document, Image, Text, Video, split_data_url

#: How image files begin, after which their suffix does not matter.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


def image_from(text: str) -> Image:
    """Return an image from the path of a file, an ``https:`` address that the provider fetches, or a ``data:`` URL."""
    if text.startswith(("https://", "http://")):
        return Image(url=text)
    if text.startswith("data:"):
        media_type, data = split_data_url(text, "--image")
        return Image(data=data, media_type=media_type)
    data = _read(text, "--image")
    found = _image_type(data) or mimetypes.guess_type(text)[0] or ""
    if not found.startswith("image/"):
        _refuse("--image", f"{text} is no image")
    return Image(data=data, media_type=found)


def video_from(text: str) -> Video:
    """Return a film from the path of a file, or an ``https:`` or ``s3:`` address that the provider fetches."""
    if text.startswith(("https://", "http://", "s3://")):
        return Video(url=text)
    media_type = mimetypes.guess_type(text)[0] or ""
    data = _read(text, "--video")
    if not media_type.startswith("video/"):
        _refuse("--video", f"{text} does not end as a film's name does")
    return Video(data=data, media_type=media_type)


def document_from(text: str) -> Document | Text:
    """Return a document from the path of a file; a text file becomes text under its name, which every model takes."""
    data = _read(text, "--file")
    name = Path(text).name
    media_type = mimetypes.guess_type(text)[0]
    if media_type == "application/pdf" or b"\0" in data:
        return Document(data=data, media_type=media_type or "application/octet-stream", name=name)
    try:
        return Text(f"\n\n{name}:\n{data.decode()}")
    except UnicodeDecodeError:
        return Document(data=data, media_type=media_type or "application/octet-stream", name=name)


def _image_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)


def _read(text: str, option: str) -> bytes:
    try:
        return Path(text).expanduser().read_bytes()
    except OSError as error:
        _refuse(option, f"{text} cannot be read: {error.strerror}")


def _refuse(option: str, message: str) -> NoReturn:
    raise click.BadParameter(message, param_hint=f"'{option}'")
