"""The merged document checked against its provider, and made ready to be called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from dragoman.adapter import Adapter, InferenceSettings, PayloadMapping, check_document, digest, problems_of
from dragoman.errors import DocumentError, PluginError, Problem
from dragoman.events import Report
from dragoman.langchain_driver import LESS_IS_PROMISED
from dragoman.merge import Merged, Path, dotted, leaves
from dragoman.plugins import Plugins
from dragoman.provider import CallSettings, ProviderDescription, Shown, Target
from dragoman.resolve.callers import refused_to_callers

#: The members of a document that decide where its calls go.
TARGET_MEMBERS = (
    "provider", "model", "base_model", "operation", "connection", "credentials", "mapping", "prompt", "runtime",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resolved:
    """An adapter, ready to be called.

    Args:
        adapter: The effective document as a model.
        document: The effective document in its JSON form: no ``null``, no ``base``, no ``upstreams``.
        origins: For each leaf of the document, where its value comes from; the path is dotted.
        digest: The document's fingerprint.
        description: The provider's description.
        target: What a session is opened for; ``target_key`` is the fingerprint of it.
        settings: What goes with each call.
        untrusted: The dotted paths in ``connection`` whose values an API caller gave; with any, the addresses of
            this target are checked before they are called.
        upstream: The id of the upstream taken; ``None`` where the document names none.
        reports: What the caller should know: the upstream taken, settings left out by a rule.
    """

    adapter: Adapter
    document: dict[str, Any]
    origins: dict[str, str]
    digest: str
    description: ProviderDescription
    target: Target
    target_key: str
    settings: CallSettings[Any]
    upstream: str | None
    reports: tuple[Report, ...]
    untrusted: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether the deployment alone decides where calls go."""
        return not self.untrusted

    @property
    def name(self) -> str | None:
        """The adapter's name; ``None`` for a document that has none."""
        return self.adapter.name

    @property
    def choice(self) -> str | None:
        """Which of several upstreams was taken, in words: what is said of this adapter is said of that one."""
        return next((report.message for report in self.reports if report.code == "upstream"), None)

    @property
    def notes(self) -> tuple[Report, ...]:
        """The reports, and what holds for every call and is therefore said with the adapter, not with each answer."""
        return (*self.reports, LESS_IS_PROMISED) if self.adapter.runtime == "langchain" else self.reports


def finish(
    plugins: Plugins,
    subject: str,
    merged: Merged,
    untrusted: Sequence[Path],
    *,
    upstream: str | None,
    reports: Iterable[Report],
) -> Resolved:
    """Hold a merged document to its provider.

    Raises:
        DocumentError: It does not hold; every problem with its path.
    """
    adapter = check_document(merged.document, subject)
    description = _described(plugins, subject, adapter)
    if not description.native and adapter.runtime != "langchain" and "runtime" not in merged.document:
        merged.document["runtime"] = "langchain"
        merged.origins["runtime",] = f"provider {description.kind}"
        adapter = check_document(merged.document, subject)
    problems: list[Problem] = []
    if shown := _shown_defaults(description, merged):
        adapter = adapter.model_copy(update={"connection": shown})
    connection = _check_section(description.connection, merged.document.get("connection"), "connection", problems)
    settings_model = description.settings_model(adapter.operation or "chat")
    inference = _check_section(settings_model, merged.document.get("inference"), "inference", problems)
    problems += _unknown_inference(settings_model, inference)
    credentials = _credentials(description, adapter, problems)
    problems += _refused_members(description, adapter)
    problems += refused_to_callers(connection, untrusted, native=description.native and adapter.runtime != "langchain")
    if adapter.mapping is not None and description.mapping:
        problems += _mapping_problems(adapter.mapping, adapter)
    if problems:
        raise DocumentError(subject, problems)
    return Resolved(
        adapter=adapter,
        document=merged.document,
        origins={dotted(path): origin for path, origin in merged.origins.items()},
        digest=digest(merged.document),
        description=description,
        target=Target(
            provider=description.kind,
            model=adapter.model or "",
            connection=connection,
            credentials=credentials,
            operation=adapter.operation or "chat",
            mapping=adapter.mapping,
            prompt=adapter.prompt,
            base_model=adapter.base_model,
        ),
        target_key=digest(
            {m: merged.document[m] for m in TARGET_MEMBERS if m in merged.document}
            | ({"untrusted": True} if untrusted else {})
        ),
        settings=CallSettings(
            inference=inference,
            model_kwargs=adapter.model_kwargs or {},
            endpoint_kwargs=adapter.endpoint_kwargs or {},
            limits=adapter.bounds,
        ),
        upstream=upstream,
        reports=tuple(reports),
        untrusted=tuple(map(dotted, untrusted)),
    )


def _shown_defaults(description: ProviderDescription, merged: Merged) -> dict[str, Any] | None:
    """Write into the document the defaults that the connection model wants seen; return the connection then."""
    connection = merged.document.get("connection")
    absent = {
        name: field.get_default(call_default_factory=True)
        for name, field in description.connection.model_fields.items()
        if any(isinstance(mark, Shown) for mark in field.metadata) and name not in (connection or {})
    }
    given = {n: v.model_dump(mode="json", exclude_none=True) for n, v in absent.items() if isinstance(v, BaseModel)}
    if not given:
        return None
    merged.document["connection"] = shown = {**(connection or {}), **given}
    merged.origins.pop(("connection",), None)  # an empty object was a leaf
    for path in leaves(given, ("connection",)):
        merged.origins[path] = f"default of provider {description.kind}"
    return shown


def _described(plugins: Plugins, subject: str, adapter: Adapter) -> ProviderDescription:
    needed = {"provider": adapter.provider, "model": adapter.model}
    if missing := [Problem(m, "is missing", "set it here or in a base") for m, value in needed.items() if not value]:
        raise DocumentError(subject, missing)
    try:
        return plugins.provider(adapter.provider or "")
    except PluginError as error:
        raise DocumentError(subject, [Problem("provider", error.message, error.hint)]) from None


def _check_section(model: type[BaseModel], value: Any, path: str, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value or {})
    except ValidationError as error:
        problems += problems_of(error, value or {}, path)
        return model.model_construct()


def _unknown_inference(model: type[InferenceSettings], inference: InferenceSettings) -> list[Problem]:
    known = ", ".join(sorted(set(model.model_fields) - {"configuration"}))
    return [
        Problem(
            f"inference.{name}",
            "is not an inference setting of this provider",
            f"it takes {known}; others go into model_kwargs",
        )
        for name in inference.model_extra or {}
    ]


def _credentials(description: ProviderDescription, adapter: Adapter, problems: list[Problem]) -> dict[str, str]:
    named = {k: v for k, v in (adapter.credentials or {}).items() if v is not None}
    for name in named:
        if name not in description.credentials and not description.any_credentials:
            known = ", ".join(description.credentials) or "none"
            problems.append(Problem(f"credentials.{name}", "is not a credential of this provider", f"it takes {known}"))
    defaults = {field: name for field, name in description.credentials.items() if name is not None}
    return {**defaults, **named}


def _mapping_problems(mapping: PayloadMapping, adapter: Adapter) -> list[Problem]:
    from dragoman.mapping import mapping_problems  # most deployments have none

    return mapping_problems(mapping, adapter.prompt, adapter.operation or "chat")


def _refused_members(description: ProviderDescription, adapter: Adapter) -> list[Problem]:
    problems = []
    if adapter.operation and adapter.operation not in description.operations:
        offered = ", ".join(description.operations)
        problems.append(
            Problem("operation", f"{description.kind} does not offer {adapter.operation}", f"it offers {offered}")
        )
    if not description.mapping:
        means_nothing = f"means nothing to {description.kind}, which has a codec of its own"
        problems += [Problem(m, means_nothing) for m in ("mapping", "prompt") if getattr(adapter, m) is not None]
    if adapter.runtime != "langchain" and not description.native:
        problems.append(Problem("runtime", f"{description.kind} is a LangChain class only", "leave it out"))
    if adapter.runtime == "langchain" and adapter.operation not in (None, "chat"):
        problems.append(Problem("runtime", f"langchain drives chat models, not {adapter.operation}", "remove it"))
    return problems
