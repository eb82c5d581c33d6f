"""The deployment's settings: default < ``dragoman.toml`` < ``DRAGOMAN_*`` environment < flag; the later wins.

:meth:`Settings.load` reads them and knows where each value came from. ``Settings(...)`` itself reads nothing: neither
a file nor the environment.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableValueError

from dragoman.errors import SettingsError
from dragoman.gateway_settings import PolicySettings, ServerSettings, Stage

PREFIX = "DRAGOMAN_"
FILE_NAME = "dragoman.toml"
#: Where the file is looked for when nobody names one; the first that exists is read.
SEARCHED_FILES = (Path(FILE_NAME), Path("config", FILE_NAME))
#: Names with our prefix that are no settings: the file's own place, and two for developers.
OTHER_VARIABLES = frozenset({"DRAGOMAN_CONFIG", "DRAGOMAN_DEBUG", "DRAGOMAN_RECORDINGS"})

#: Variables that decide what a process loads, runs, trusts or talks to. A secret never sets them.
_CONTROLLING_NAMES = frozenset(
    {
        *("PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_ENV", "TMPDIR", "GCONV_PATH"),
        *("CLASSPATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS", "NODE_PATH"),
        *("PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT"),
        *("SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
    }
)
_CONTROLLING_PATTERN = re.compile(r"(LD_|DYLD_|PYTHON|MALLOC_|GLIBC_|BASH_FUNC_|GIT_|DRAGOMAN_).*|.*_PROXY")
_PASSWORD_IN_URL = re.compile(r"\A[^/?#@]*:[^/?#]*@|[?&]password=")
_VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLASS_PATH_PATTERN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginSettings(_Group):
    """Which installed plugins are loaded."""

    allow: list[str] | None = Field(None, description="only these, by entry-point name; none = all that are installed")
    block: list[str] = Field([], description="never these; wins over allow")


class LangChainSettings(_Group):
    """Which LangChain classes adapters may name."""

    classes: dict[str, str] = Field(
        {},
        description="name -> module:Class; what `class` in the connection of an adapter with provider langchain says",
    )

    @field_validator("classes")
    @classmethod
    def _every_class_is_a_path(cls, classes: dict[str, str]) -> dict[str, str]:
        for name, path in classes.items():
            if not _CLASS_PATH_PATTERN.fullmatch(path):
                raise ValueError(f"{name} is no module:Class, for example package.module:ChatModel")
        return classes


class SecretSettings(_Group):
    """Where secrets come from, before the process environment."""

    sources: list[dict[str, Any]] = Field(
        [], description="in order, the first that has a name wins; each a table with its kind and that kind's settings"
    )
    ttl_s: float = Field(
        300, ge=0, allow_inf_nan=False, description="seconds after which the sources are read again; 0 = at every use"
    )
    export_environment: list[str] = Field(
        [], description="names that are also written to the process environment when a source brings them"
    )

    @field_validator("sources")
    @classmethod
    def _every_source_has_a_kind(cls, sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for number, source in enumerate(sources, 1):
            if not isinstance(source.get("kind"), str):
                raise ValueError(f'entry {number} has no kind, for example kind = "file"')
        return sources

    @field_validator("export_environment")
    @classmethod
    def _only_harmless_variables(cls, names: list[str]) -> list[str]:
        for number, name in enumerate(names, 1):
            if not _VARIABLE_PATTERN.fullmatch(name):
                raise ValueError(f"entry {number} is not the name of an environment variable")
            if name.upper() in _CONTROLLING_NAMES or _CONTROLLING_PATTERN.fullmatch(name.upper()):
                raise ValueError(f"{name} controls how programs run and is never taken from a secret")
        return names


class StoreSettings(_Group):
    """Where the gateway keeps what it saves and books."""

    url: str | None = Field(
        None, description="sqlite:///path or postgresql://user@host/name, without a password; none = SQLite, below"
    )
    url_secret: str | None = Field(
        None, description="name of the secret that holds the whole URL; for one with a password, instead of url"
    )
    directory: Path = Field(
        Path("state"), description="folder of dragoman.db and of the ledger's journals; from the file's folder"
    )
    migrate: bool = Field(
        True, description="whether the gateway brings the database's tables up to date when it starts"
    )
    pool_size: int = Field(5, ge=1, le=100, description="connections to the database that one process keeps at most")
    ledger_interval_s: float = Field(
        0.5, gt=0, le=60, description="seconds between two moves of booked calls from the journal into the database"
    )
    ledger_sync: Literal["off", "batch", "always"] = Field(
        "batch",
        description="when a booked call is forced to the disk, which only a power failure asks for: off, with each "
        "move, or always before the answer ends",
    )
    ledger_days: int | None = Field(
        None, ge=1, le=36500, description="days that a booked call is kept, today not counted; none = for ever"
    )
    audit_days: int | None = Field(
        None, ge=1, le=36500, description="days that an entry of the audit log is kept; none = for ever"
    )

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.split("+")[0] not in ("sqlite", "postgresql", "postgres"):
            raise ValueError("names no database that is supported; write sqlite:///path or postgresql://user@host/name")
        if _PASSWORD_IN_URL.search(rest):
            raise ValueError("holds a password; put the whole URL into a secret and name that with url_secret")
        return url


class AllowedHost(NamedTuple):
    """One entry of ``network.allowed_hosts``: a name or a range of addresses, and a port; ``None`` = every port."""

    host: str
    network: str | None
    port: int | None

    @classmethod
    def of(cls, entry: str) -> Self:
        """Read an entry: a name, an address or a range such as ``10.1.0.0/16``; a port may follow after a colon.

        Raises:
            ValueError: It is none of these.
        """
        found = _ALLOWED_PATTERN.fullmatch(entry) or _BARE_IPV6_PATTERN.fullmatch(entry)
        members = found.groupdict() if found else {}
        host, port = members.get("address") or members.get("host") or "", members.get("port")
        try:
            if not host or (port and not 0 < int(port) < 65536):
                raise ValueError("it is a name, an address or a range, without a scheme and a path")
            if "/" in host or ":" in host or host.replace(".", "").isdigit():
                return cls(host, str(ip_network(host)), int(port) if port else None)
        except ValueError as error:
            raise ValueError(f"{entry!r} is no host: {error}") from None
        return cls(host.rstrip(".").lower(), None, int(port) if port else None)


_ALLOWED_PATTERN = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+(?:/\d{1,3})?)\]|(?P<host>[A-Za-z0-9._-]+(?:/\d{1,2})?))(?::(?P<port>\d{1,5}))?"
)
_BARE_IPV6_PATTERN = re.compile(r"(?P<address>[0-9A-Fa-f.]*(?::[0-9A-Fa-f.]*){2,}(?:/\d{1,3})?)")


class NetworkSettings(_Group):
    """Where calls may go whose address an API caller had a hand in."""

    allowed_hosts: list[str] = Field(
        [],
        description="beside the public internet: names (llm.internal), addresses and ranges (10.1.0.0/16), each with "
        "or without a port (llm.internal:8000); addresses that the deployment itself names need no entry",
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _every_entry_is_a_host(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            AllowedHost.of(entry)
        return entries


class TelemetrySettings(_Group):
    """Spans and metrics of the gateway's calls, through OpenTelemetry; ``OTEL_*`` variables say where they go."""

    enabled: bool = Field(False, description="whether calls have spans and metrics; needs the extra `telemetry`")
    propagate_to: list[str] = Field(
        [], description="hosts that are sent a call's traceparent, such as llm.internal:8000; none = no provider is"
    )

    @field_validator("propagate_to")
    @classmethod
    def _every_entry_is_a_host(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            AllowedHost.of(entry)
        return entries


class SettingOrigin(NamedTuple):
    """One setting: its dotted name, its value in JSON form, and where the value came from.

    ``origin`` is ``default``, ``file <path>``, ``environment <variable>`` or ``flag``.
    """

    name: str
    value: Any
    origin: str


class Settings(BaseSettings):
    """The settings of one deployment. Values are fixed once loaded, and never hold a secret."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # a variable that is set to nothing counts as not set
    )

    default_adapter: str | None = Field(None, description="the adapter of a call that names none; none = it must")
    stage: Stage = Field("prod", description="decides, with the role, what callers may change")
    adapters_directory: Path = Field(Path("adapters"), description="adapter documents; from the file's folder")
    inference_directory: Path = Field(
        Path("inference"), description="named inference configurations; from the file's folder"
    )
    prompts_directory: Path = Field(Path("prompts"), description="prompt documents; from the file's folder")
    agents_directory: Path = Field(Path("agents"), description="agent documents; from the file's folder")
    connections: dict[str, dict[str, Any]] = Field(
        {}, description="by provider: what the `connection` of all its adapters starts from; an adapter's members win"
    )
    reload_interval_s: float = Field(
        1, ge=0, le=3600, description="seconds between two looks of the gateway at these files; 0 = it reads them once"
    )
    plugins: PluginSettings = Field(PluginSettings(), description="which installed plugins are loaded")
    secrets: SecretSettings = Field(SecretSettings(), description="where secrets come from")
    langchain: LangChainSettings = Field(LangChainSettings(), description="which LangChain classes adapters may name")
    network: NetworkSettings = Field(NetworkSettings(), description="where calls may go that API callers address")
    policy: PolicySettings = Field(PolicySettings(), description="what callers may change")
    server: ServerSettings = Field(ServerSettings(), description="what `dragoman serve` listens on and bears")
    telemetry: TelemetrySettings = Field(TelemetrySettings(), description="spans and metrics through OpenTelemetry")
    store: StoreSettings = Field(StoreSettings(), description="where the gateway keeps what it saves and books")

    _file: Path | None = PrivateAttr(None)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _unknown_environment: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the constructor read nothing by itself; :meth:`load` reads each source once, and keeps it apart."""
        return (init_settings,)

    @classmethod
    def load(cls, config: str | Path | None = None, **flags: Any) -> Self:
        """Read the settings.

        Args:
            config: The file, or the folder that holds it. ``None``: what ``DRAGOMAN_CONFIG`` names, else the first of
                :data:`SEARCHED_FILES` that exists, else no file.
            flags: Settings by name, a group as a mapping; ``None`` means that the flag was not given.

        Raises:
            SettingsError: a named file is missing or cannot be read, or a setting is unknown or wrong; names where
                it was written, the setting, and the nearest right name.
        """
        file = _find(config)
        environment = _known_variables(cls)
        layers = [
            *([_file_layer(cls, file)] if file else []),
            *_environment_layers(cls, environment),
            _Layer("flag", _given(flags)),
        ]
        merged: dict[str, Any] = {}
        for layer in layers:
            merged = _merge(merged, layer.values)
        try:
            settings = cls(**merged)
        except ValidationError as error:
            raise SettingsError(_explain(cls, error, layers)) from None
        settings._file = file
        settings._origins = {name: _origin(layers, name.split(".")) for name in _leaves(cls)}
        settings._unknown_environment = tuple(_unknown_variables(environment, settings.secrets.sources))
        return settings

    def model_post_init(self, context: Any, /) -> None:
        """Take what the constructor was given for flags."""
        super().model_post_init(context)
        given = self.model_dump(exclude_unset=True)
        self._origins = {name: "flag" for name in _leaves(type(self)) if _holds(given, name.split("."))}

    @property
    def file(self) -> Path | None:
        """The file that was read, absolute; ``None`` where there was none."""
        return self._file

    @property
    def root(self) -> Path | None:
        """The file's folder, where relative paths start; ``None`` without a file."""
        return self._file.parent if self._file else None

    @property
    def unknown_environment(self) -> list[str]:
        """``DRAGOMAN_*`` variables that are no settings, sorted: misspelt perhaps, reported and otherwise ignored."""
        return list(self._unknown_environment)

    @property
    def adapters_folder(self) -> Path | None:
        """The folder of adapter documents, absolute; ``None`` where there is neither a file nor an explicit value."""
        return self._folder("adapters_directory")

    @property
    def inference_folder(self) -> Path | None:
        """The folder of inference configurations, absolute; ``None`` as in :attr:`adapters_folder`."""
        return self._folder("inference_directory")

    @property
    def prompts_folder(self) -> Path | None:
        """The folder of prompts, absolute; ``None`` as in :attr:`adapters_folder`."""
        return self._folder("prompts_directory")

    @property
    def agents_folder(self) -> Path | None:
        """The folder of agents, absolute; ``None`` as in :attr:`adapters_folder`."""
        return self._folder("agents_directory")

    def locate(self, path: Path) -> Path:
        """Return the path made absolute: from the file's folder, without a file from the working directory."""
        return (self.root or Path.cwd()) / path.expanduser()

    def origins(self) -> list[SettingOrigin]:
        """Return every setting with its value and where it came from, in the order of the model."""
        shown = self.model_dump(mode="json")
        return [
            SettingOrigin(name, _value(shown, name.split(".")), self._origins.get(name, "default"))
            for name in _leaves(type(self))
        ]

    def _folder(self, name: str) -> Path | None:
        # The default folders belong to a file; whoever runs without one should not pick up what lies around.
        if self.root is None and name not in self.model_fields_set:
            return None
        return self.locate(getattr(self, name))


# --- the layers --------------------------------------------------------------------------------------------------


class _Layer(NamedTuple):
    """What one file, one variable or the flags say; ``origin`` as in :class:`SettingOrigin`."""

    origin: str
    values: dict[str, Any]


def _find(config: str | Path | None) -> Path | None:
    if config is not None:
        return _named_file(Path(config), "the configuration")
    if variable := os.environ.get("DRAGOMAN_CONFIG"):
        return _named_file(Path(variable), "DRAGOMAN_CONFIG")
    return next((path.absolute() for path in SEARCHED_FILES if path.is_file()), None)


def _named_file(path: Path, named_by: str) -> Path:
    # Not resolved: where a file is a link into a versioned folder, its neighbours lie beside the link.
    path = path.expanduser().absolute()
    if path.is_dir():
        path /= FILE_NAME
    if not path.is_file():
        raise SettingsError(f"{named_by} names {path}, which is not a file", hint="check the path")
    return path


def _file_layer(model: type[BaseSettings], file: Path) -> _Layer:
    try:
        return _Layer(f"file {file}", TomlConfigSettingsSource(model, file)())
    except OSError as error:
        raise SettingsError(f"file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"file {file} is not UTF-8 text", hint="save it as UTF-8") from None
    except ValueError as error:
        raise SettingsError(f"file {file} is not TOML: {error}") from None


def _known_variables(model: type[BaseSettings]) -> dict[str, bool]:
    """Return the variables with our prefix that are set to something -> whether a setting has that name."""
    known = {_variable(name) for name in (*_groups(model), *_leaves(model))}
    present = {name.upper() for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value}
    return {name: name in known for name in present}


def _environment_layers(model: type[BaseSettings], variables: Mapping[str, bool]) -> Iterator[_Layer]:
    source = EnvSettingsSource(model)
    everything = dict(source.env_vars)
    # One variable at a time, so that each is answerable for its own value; a group before its members.
    for variable in sorted(name for name, known in variables.items() if known):
        source.env_vars = {variable.lower(): everything[variable.lower()]}
        try:
            yield _Layer(f"environment {variable}", source())
        except UnreadableValueError:
            raise SettingsError(
                f"environment {variable} is not JSON", hint='write for example ["one", "two"]'
            ) from None


def _unknown_variables(variables: Mapping[str, bool], sources: Iterable[Mapping[str, Any]]) -> list[str]:
    named = {str(source.get("variable")).upper() for source in sources}
    return sorted(name for name, known in variables.items() if not known and name not in OTHER_VARIABLES | named)


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: _given(value) if isinstance(value, Mapping) else value for name, value in flags.items()}
    return {name: value for name, value in given.items() if value is not None}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _origin(layers: list[_Layer], path: list[str]) -> str:
    return next((layer.origin for layer in reversed(layers) if _holds(layer.values, path)), "default")


def _holds(values: Any, path: list[str]) -> bool:
    for part in path:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True


def _value(values: Any, path: list[str]) -> Any:
    for part in path:
        values = values[part]
    return values


# --- names -------------------------------------------------------------------------------------------------------


def _groups(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _leaves(model: type[BaseModel]) -> list[str]:
    """Return the dotted name of every setting, in the order of the model."""
    groups = _groups(model)
    names: list[str] = []
    for name in model.model_fields:
        names += [f"{name}.{member}" for member in _leaves(groups[name])] if name in groups else [name]
    return names


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "__")


# --- what went wrong ---------------------------------------------------------------------------------------------


def _explain(model: type[BaseSettings], error: ValidationError, layers: list[_Layer]) -> str:
    problems = []
    for finding in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in finding["loc"]]
        name = ".".join(path)
        if finding["type"] == "extra_forbidden":
            what = f"is not a setting ({_advice(model, name)})"
        else:
            what = finding["msg"].removeprefix("Value error, ").removeprefix("Input ")
        problems.append(f"{_origin(layers, path)}: {name} {what}")
    return "; ".join(problems)


def _advice(model: type[BaseSettings], name: str) -> str:
    name = name.replace("-", "_").lower()
    known = [*_leaves(model), *_groups(model)]
    # A setting that was written at the wrong level is found by its own name alone.
    same_name = [candidate for candidate in known if candidate.rpartition(".")[2] == name.rpartition(".")[2]]
    near = same_name or difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else "`dragoman config` lists every setting"
