"""A connection's certificates as the engine's transport takes them."""

from __future__ import annotations

from dragoman.plugin import Tls

from dragoman_http.connection import TlsFiles


def tls_of(files: TlsFiles | None, path: str) -> Tls | None:
    """Return the files; ``path`` is the section's in the document, for errors."""
    if files is None:
        return None
    return Tls(files.ca_file, files.client_certificate_file, files.client_key_file, path)
