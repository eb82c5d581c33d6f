"""A chat model of a LangChain class, built from an adapter: which member becomes which argument.

LangChain has conventions for its constructors and no rule. So a class is asked for its own fields: what an adapter
says goes into the first field of a row that the class has, and what finds none is refused.
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, get_args

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from dragoman.adapter import Inference
from dragoman.errors import PluginError, UnsupportedError
from dragoman.provider import CallSettings, Target
from dragoman.secret import Secret

#: Inference setting -> the names that classes have for it, the likeliest first: langchain-core's standard parameters
#: and what integration packages call them instead (November 2026). A setting that is not here is no argument of a class
#: by any convention.
INFERENCE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "max_tokens": (
        "max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "max_new_tokens",
        "num_predict",
    ),
    "stop_sequences": ("stop", "stop_sequences"),
    "seed": ("seed", "random_seed"),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "reasoning.effort": ("reasoning_effort",),
    "reasoning.budget_tokens": ("thinking_budget",),
}  # fmt: skip
MODEL_FIELDS = ("model", "model_name", "model_id")
TIMEOUT_FIELDS = ("timeout", "request_timeout", "default_request_timeout")
RETRIES_FIELDS = ("max_retries",)

#: Name of a class's field -> where an adapter says it.
_SAID_IN: Mapping[str, str] = {
    **{name: f"inference.{path}" for path, names in INFERENCE_FIELDS.items() for name in names},
    **dict.fromkeys(MODEL_FIELDS, "model"),
    **dict.fromkeys(TIMEOUT_FIELDS, "limits.timeout_s"),
    **dict.fromkeys(RETRIES_FIELDS, "limits.max_attempts"),
    "model_kwargs": "model_kwargs",
}

#: Members of ``model_kwargs`` that classes hand to their SDK's call, where they reach past the class's own fields.
_PAST_THE_FIELDS = frozenset({"extra_body", "extra_headers", "extra_query"})

#: Fields of every class that the engine stands in for, or that hold no data.
_ENGINES_OWN = frozenset(
    {"name", "cache", "verbose", "callbacks", "tags", "metadata", "custom_get_token_ids", "rate_limiter"}
)


def construct(
    named: str,
    target: Target,
    settings: CallSettings,
    arguments: Mapping[str, Any],
    secret: Callable[[str], Secret],
) -> Any:
    """Return the model; see :meth:`dragoman.provider.LangChainContext.chat_model`. Blocks."""
    fields = _Fields(_imported(named))
    fields.place("model", MODEL_FIELDS, target.model)
    for path, value in _inference_of(settings.inference):
        fields.place(f"inference.{path}", INFERENCE_FIELDS.get(path, ()), value)
    if settings.model_kwargs:
        fields.pass_on(settings.model_kwargs)
    if settings.endpoint_kwargs:
        fields.refuse("endpoint_kwargs", "say it in connection.arguments, as the class calls it")
    for field, name in target.credentials.items():
        fields.place(f"credentials.{field}", (field,), secret(name).reveal(), near=True)
    for name, value in arguments.items():
        fields.argue(name, value)
    fields.default(RETRIES_FIELDS, 0)
    if settings.limits.timeout_s is not None:
        fields.default(TIMEOUT_FIELDS, math.ceil(settings.limits.timeout_s))  # some take whole seconds only
    return fields.kind(**fields.arguments)


def own_clients(model: Any) -> list[Any]:
    """Return the HTTP clients that a model holds as fields: it made them, and it closes none.

    SDKs' clients are not among them: their classes share connections between models, which are not ours to close.
    """
    values = (getattr(model, name, None) for name in type(model).model_fields)
    return [value for value in values if type(value).__module__.partition(".")[0] in _HTTP_PACKAGES]


_HTTP_PACKAGES = ("httpx", "httpx2")


def _imported(named: str) -> type[BaseModel]:
    from langchain_core.language_models import BaseChatModel

    module, _, name = named.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        hint = f"install the package that has {module}"
        raise UnsupportedError(f"the LangChain class {named} cannot be imported: {error}", hint=hint) from None
    if not (isinstance(kind, type) and issubclass(kind, BaseChatModel)):
        raise PluginError(f"{named} is no LangChain chat model")
    return kind


def _inference_of(inference: Inference) -> Iterator[tuple[str, Any]]:
    """Yield what is set, with its path."""
    for name in type(inference).model_fields:
        value = getattr(inference, name)
        if value is None or name == "configuration":
            continue
        if name == "reasoning":
            yield from ((f"reasoning.{n}", v) for n, v in value.model_dump(exclude_none=True).items())
        else:
            yield name, value


class _Fields:
    """The fields of a class, and the arguments that were found for them."""

    def __init__(self, kind: type[BaseModel]) -> None:
        self.kind = kind
        self.arguments: dict[str, Any] = {}
        self._subject = f"the LangChain class {kind.__name__}"
        self._fields = {
            name: _argument(own, field) for own, field in kind.model_fields.items() for name in _names(own, field)
        }
        self._taken_by: dict[str, str] = {}

    def place(self, path: str, names: Sequence[str], value: Any, *, near: bool = False) -> None:
        """Put a value into the first of these fields that there is."""
        found = next((name for name in names if name in self._fields), None)
        if found is None:
            self.refuse(path, self._advice(names[0]) if near else None)
        self._put(path, found, value)

    def pass_on(self, model_kwargs: Mapping[str, Any]) -> None:
        """Put in ``model_kwargs``, which hold none of the class's own fields: they would win over the adapter's."""
        for name in model_kwargs:
            path = f"model_kwargs.{name}"
            if name in _SAID_IN and name != "model_kwargs":
                self.refuse(path, f"say it in {_SAID_IN[name]}", has_it=True)
            if name in self._fields or name in _PAST_THE_FIELDS:
                self.refuse(path, "say it in connection.arguments, where the class has a field for it", has_it=True)
        self.place("model_kwargs", ("model_kwargs",), dict(model_kwargs))

    def argue(self, name: str, value: Any) -> None:
        """Put an argument into the field of its name."""
        path = f"connection.arguments.{name}"
        if name in _ENGINES_OWN:
            self.refuse(path, "the engine stands in for it", has_it=True)
        if name not in self._fields:
            self.refuse(path, self._advice(name))
        own, field = self._field(name)
        if _is_secret(field):
            self.refuse(path, "a secret is named under credentials, never written into a document", has_it=True)
        if said_in := next((_SAID_IN[n] for n in sorted(_names(own, field)) if n in _SAID_IN), None):
            self.refuse(path, f"say it in {said_in}", has_it=True)
        self._put(path, name, value)

    def default(self, names: Sequence[str], value: Any) -> None:
        """Put a value into the first of these fields that there is and that nothing was said about."""
        found = next((name for name in names if name in self._fields), None)
        if found is not None:
            self.arguments.setdefault(self._fields[found], value)

    def refuse(self, path: str, hint: str | None, *, has_it: bool = False) -> NoReturn:
        what = "does not take it from an adapter" if has_it else "has no field for it"
        raise UnsupportedError(f"{self._subject} {what}", path=path, hint=hint or "remove it with null")

    def _put(self, path: str, name: str, value: Any) -> None:
        argument = self._fields[name]
        if earlier := self._taken_by.get(argument):
            raise UnsupportedError(f"says the same as {earlier}", path=path, hint="say it once")
        self._taken_by[argument] = path
        self.arguments[argument] = value

    def _field(self, name: str) -> tuple[str, FieldInfo]:
        return next((own, field) for own, field in self.kind.model_fields.items() if name in _names(own, field))

    def _advice(self, name: str) -> str:
        near = difflib.get_close_matches(name, set(self._fields) - _ENGINES_OWN, n=1)
        return f"did you mean {near[0]}?" if near else "the class's documentation lists its arguments"


def _names(own: str, field: FieldInfo) -> set[str]:
    return {own, _argument(own, field)}


def _argument(own: str, field: FieldInfo) -> str:
    """Return the name by which the constructor takes a field in any case: its alias, where it has one."""
    alias = field.validation_alias or field.alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else own


def _is_secret(field: FieldInfo) -> bool:
    kinds = (field.annotation, *get_args(field.annotation))
    return any(kind in (SecretStr, SecretBytes) for kind in kinds)
