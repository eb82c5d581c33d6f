"""Texts of the formats that JSON Schema names: dates, addresses, and the like."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

#: Examples, and whether a text of the prompt is of the format.
Format = tuple[tuple[str, ...], Callable[[str], bool]]


def _shaped(shape: str, parse: Callable[[str], object] = str) -> Callable[[str], bool]:
    def well_formed(text: str) -> bool:
        if not re.fullmatch(shape, text):
            return False
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return well_formed


_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)"
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?"
_IS_URI = _shaped(rf"[a-z]{{2,20}}://{_HOST}(?:[:/?#][!-~]*)?", urlsplit)
_URIS = ("https://example.com/", "https://example.org/page")

#: What ``format`` may say.
FORMATS: dict[str, Format] = {
    "date": (("2025-01-31", "2024-02-29", "2026-07-04"), _shaped(_DATE, date.fromisoformat)),
    "date-time": (
        ("2025-01-31T12:00:00Z", "2024-02-29T08:30:00+01:00"),
        _shaped(f"{_DATE}T{_TIME}", datetime.fromisoformat),
    ),
    "time": (("12:00:00Z", "08:30:00+01:00"), _shaped(_TIME, time.fromisoformat)),
    "duration": (("PT1H", "P1D"), _shaped(r"P\d+[DWMY]|PT\d+[HMS]")),
    "email": (("ada@example.com", "grace@example.org"), _shaped(rf"[\w.+-]+@{_HOST}")),
    "hostname": (("example.com", "www.example.org"), _shaped(_HOST)),
    "uri": (_URIS, _IS_URI),
    "url": (_URIS, _IS_URI),
    "uuid": (
        ("123e4567-e89b-42d3-a456-426614174000", "9b2f0c1e-5a3d-4c6b-8e7f-0a1b2c3d4e5f"),
        _shaped("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    ),
    "ipv4": (("192.0.2.1", "198.51.100.7"), _shaped(r"[\d.]+", IPv4Address)),
    "ipv6": (("2001:db8::1", "2001:db8::2"), _shaped(r"[\da-fA-F:.]+", IPv6Address)),
}

#: Where a schema names no format, or one that is not known here, which the standard allows.
ANY_FORMAT: Format = ((), lambda text: True)
