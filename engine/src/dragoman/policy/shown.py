"""What a caller sees of an effective document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.gateway_settings import RoleName

#: What callers who are no administrators see: nothing that says where calls go, or as whom.
SHOWN_MEMBERS = (
    "version", "name", "aliases", "title", "operation", "provider", "base_model", "inference", "model_kwargs",
    "mapping", "prompt", "constraints", "capabilities", "rules", "pricing", "limits", "notice", "tags",
    "runtime",
)  # fmt: skip


def shown_document(document: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    """Return what a role may see of an effective document.

    Model (an endpoint's name or an ARN may stand there), connection, credentials and call arguments are shown to
    administrators only.
    """
    if role == "admin":
        return dict(document)
    return {name: document[name] for name in SHOWN_MEMBERS if name in document}


def hidden_members(document: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    """Return the members of a document that :func:`shown_document` leaves out for a role."""
    return {} if role == "admin" else {name: value for name, value in document.items() if name not in SHOWN_MEMBERS}


def shown_origins(origins: Mapping[str, str], role: RoleName) -> dict[str, str]:
    """Return the origins that a role may see, of the same members as :func:`shown_document`."""
    if role == "admin":
        return dict(origins)
    return {path: origin for path, origin in origins.items() if path.split(".")[0] in SHOWN_MEMBERS}
