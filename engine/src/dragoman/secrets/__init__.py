"""Where credentials come from. A secret document is a JSON object whose names are those of environment variables."""

from dragoman.secrets.snapshot import SecretListing, SecretProblem, Snapshot
from dragoman.secrets.sources import SourceOptions
from dragoman.secrets.store import SecretStore

__all__ = ["SecretListing", "SecretProblem", "SecretStore", "Snapshot", "SourceOptions"]
