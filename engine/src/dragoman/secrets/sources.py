"""Where secret documents come from: a file, one environment variable, or a source that a plugin brings."""

from __future__ import annotations

import difflib
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dragoman.errors import SecretError
from dragoman.provider import SecretSource, SecretSourceDescription
from dragoman.secrets.document import NAME_PATTERN, Note, SecretDocument, read_json, read_plain_text
from dragoman.settings import Settings


def _secret_name(name: str) -> str:
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError("is not the name of an environment variable")
    return name


SecretName = Annotated[str, AfterValidator(_secret_name)]


class _SourceModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceOptions(_SourceModel):
    """What can be said of every source, beside its kind's own settings."""

    rename: dict[SecretName, str] = Field({}, description="new name -> dotted path into the source's JSON")
    text_name: SecretName | None = Field(None, description="the whole text is one value, of this name; none = JSON")
    optional: bool = Field(False, description="whether the source may be absent")

    @model_validator(mode="after")
    def _one_reading(self) -> Self:
        if self.rename and self.text_name:
            raise ValueError("rename is for JSON and text_name for plain text; keep one of them")
        return self


class FileSettings(_SourceModel):
    """Settings of the kind ``file``."""

    path: Path = Field(description="from the folder of dragoman.toml; ~ is the home directory")

    @field_validator("path")
    @classmethod
    def _from_the_settings_folder(cls, path: Path, info: ValidationInfo) -> Path:
        locate = (info.context or {}).get("locate")
        return locate(path) if locate else path

    @property
    def label(self) -> str:
        """What a person sees."""
        return str(self.path)


class FileSource:
    """Reads a file."""

    def __init__(self, settings: FileSettings) -> None:
        self._path = settings.path

    def read(self) -> str | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass  # raised below and not here: the decoder's error holds the content
        raise SecretError("is not UTF-8 text", hint="save it as UTF-8")


class EnvironmentSettings(_SourceModel):
    """Settings of the kind ``environment``."""

    variable: str = Field(min_length=1, description="the variable that holds the document")

    @property
    def label(self) -> str:
        """What a person sees."""
        return self.variable


class EnvironmentSource:
    """Reads one environment variable."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        self._variable = settings.variable

    def read(self) -> str | None:
        return os.environ.get(self._variable)


BUILT_IN: Mapping[str, SecretSourceDescription] = {
    "file": SecretSourceDescription("file", "File", FileSettings, f"{__name__}:FileSource"),
    "environment": SecretSourceDescription(
        "environment", "Environment variable", EnvironmentSettings, f"{__name__}:EnvironmentSource"
    ),
}


class ConfiguredSource:
    """One entry of ``secrets.sources``. ``label`` is what a person sees: the kind and which one."""

    def __init__(
        self, number: int, entry: Mapping[str, Any], kinds: Mapping[str, SecretSourceDescription], settings: Settings
    ) -> None:
        kind = entry["kind"]
        self.label = f"{kind} #{number}"
        self._options = SourceOptions()
        self._source: SecretSource | None = None
        self._misconfigured: str | None = None
        self._description = kinds.get(kind)
        if self._description is None:
            self._misconfigured = _unknown_kind(kind, kinds)
            return
        common = {name: value for name, value in entry.items() if name in SourceOptions.model_fields}
        own = {name: value for name, value in entry.items() if name not in common and name != "kind"}
        try:
            self._options = SourceOptions.model_validate(common)
            self._settings = self._description.settings.model_validate(own, context={"locate": settings.locate})
        except ValidationError as error:
            self._misconfigured = _explain(error, self._description.settings)
            return
        if which := getattr(self._settings, "label", None):
            self.label = f"{kind} {which}"

    def read(self) -> SecretDocument:
        """Read the source. Blocks, and never raises: what went wrong is the document's ``failure``."""
        text, failure = self._text()
        if failure is not None:
            return SecretDocument(failure=failure)
        if text is None:
            return _absent(self._options)
        if self._options.text_name:
            return read_plain_text(text, self._options.text_name)
        return read_json(text, self._options.rename)

    def _text(self) -> tuple[str | None, str | None]:
        """Return the source's text, ``None`` where it is absent; or why it cannot be read."""
        source, failure = self._build()
        if source is None:
            return None, failure
        try:
            text = source.read()
        except Exception as error:  # noqa: BLE001  (a plugin may raise anything; the other sources go on)
            return None, _failure(error)
        return text, None if text is None or isinstance(text, str) else "gave something that is not text"

    def _build(self) -> tuple[SecretSource | None, str | None]:
        if self._source is None and self._description is not None and self._misconfigured is None:
            try:
                self._source = pkgutil.resolve_name(self._description.factory)(self._settings)
            except Exception as error:  # noqa: BLE001  (as above)
                return None, f"cannot be used: {type(error).__name__}: {error}"
        return self._source, self._misconfigured


def configured_sources(
    settings: Settings, descriptions: Mapping[str, SecretSourceDescription]
) -> list[ConfiguredSource]:
    """Return the sources of the settings, in order. One that is misconfigured is kept, and says so when read."""
    kinds = {**descriptions, **BUILT_IN}
    return [ConfiguredSource(n, entry, kinds, settings) for n, entry in enumerate(settings.secrets.sources, 1)]


# --- what went wrong ---------------------------------------------------------------------------------------------


def _absent(options: SourceOptions) -> SecretDocument:
    if options.optional:
        return SecretDocument(notes=(Note(None, "is absent, which is allowed"),))
    return SecretDocument(failure="is absent; create it, or say optional = true")


def _unknown_kind(kind: str, kinds: Mapping[str, SecretSourceDescription]) -> str:
    near = difflib.get_close_matches(kind, kinds, n=1)
    if near:
        return f"there is no source of this kind (did you mean {near[0]}?)"
    return f"there is no source of this kind (there are {', '.join(sorted(kinds))}; is its plugin installed?)"


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    known = [*model.model_fields, *SourceOptions.model_fields]
    problems = []
    for finding in error.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join(str(part) for part in finding["loc"])
        said = finding["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if finding["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path, known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            said = f"is not a setting of this source ({advice})"
        elif finding["type"] == "missing":
            said = "is missing"
        problems.append(f"{path} {said}".strip())
    return "; ".join(problems)


def _failure(error: Exception) -> str:
    """Return words that hold no content: an unknown error's own text may quote what it could not read."""
    if isinstance(error, SecretError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"cannot be read: {type(error).__name__}"
