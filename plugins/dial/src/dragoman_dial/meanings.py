"""What the members of a DIAL model mean in an adapter: tables, and what is said where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from dragoman_dial.reading import Json, Reading, at, mapping, plain_number

PER_MILLION = Decimal(1_000_000)

#: Rate of DIAL, per token -> price here, per million tokens. In both an absent cache rate is the one of other input.
RATES: Mapping[str, str] = {
    "prompt": "input_per_million",
    "completion": "output_per_million",
    "cacheRead": "cached_input_per_million",
    "cacheWrite": "cache_write_input_per_million",
}

#: Feature -> what an adapter declares.
CAPABILITIES: Mapping[str, str] = {
    "toolsSupported": "tools",
    "systemPromptSupported": "system",
    "responseFormatJsonSchemaSupported": "structured_output",
    "reasoningSupported": "reasoning",
}
#: Feature -> the setting that is left out, and reported, where the feature is false.
SETTINGS: Mapping[str, str] = {
    "seedSupported": "inference.seed",
    "customTemperatureSupported": "inference.temperature",
    "temperatureSupported": "inference.temperature",
    "stopSupported": "inference.stop_sequences",
}
#: Start of a type of attachments -> what an adapter declares.
ATTACHMENTS: Mapping[str, str] = {
    "image/": "images",
    "application/pdf": "documents",
    "audio/": "audio",
    "video/": "video",
}
_URLS = ("rateEndpoint", "tokenizeEndpoint", "truncatePromptEndpoint", "configurationEndpoint")
_TOKEN_FIELDS = ("maxTokensSupported", "maxCompletionTokensSupported")

#: Limit -> constraint. The third one, of the answer, is a rule.
CONSTRAINTS: Mapping[str, str] = {"maxPromptTokens": "max_input_tokens", "maxTotalTokens": "max_total_tokens"}
ANSWER_LIMIT = "maxCompletionTokens"

_SECRET_NAME = re.compile(
    r"(api|access|secret|private|subscription|functions)[_-]?key|(^|[_-])(key|token|secret|password|credentials?"
    r"|authorization|auth|cookie|signature)$",
    re.IGNORECASE,
)
_NOT_SECRET = frozenset({"prompt_cache_key"})

Take = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


#: Member of a chat's body -> our setting, and how its value is written there.
DEFAULTS: Mapping[str, tuple[str, Take]] = {
    **{
        name: (name, _as_it_is)
        for name in ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty")
    },
    "response_format": ("response_format", _as_it_is),
    "max_completion_tokens": ("max_tokens", _as_it_is),
    "stop": ("stop_sequences", lambda value: [value] if isinstance(value, str) else value),
    "reasoning_effort": ("reasoning", lambda value: {"effort": value}),
    "dimensions": ("dimensions", _as_it_is),
}
#: Members that the engine or the caller decides.
_DECIDED: Mapping[str, str] = {
    "stream": "is the caller's to say",
    "stream_options": "is not needed: usage is always asked for",
    "encoding_format": "is not needed: vectors come as numbers",
    "n": "is left out: one answer is given for each request",
    "max_prompt_tokens": "is left out: history is not cut; limits.maxPromptTokens refuses too long an input",
}


def sounds_secret(name: str) -> bool:
    """Return whether a header or member of that name may hold a secret."""
    return name not in _NOT_SECRET and _SECRET_NAME.search(name) is not None


def _may_hold_secret(name: str, value: Any) -> bool:
    if sounds_secret(name):
        return True
    if isinstance(value, dict):
        return any(_may_hold_secret(str(inner), below) for inner, below in value.items())
    return isinstance(value, list) and any(_may_hold_secret("", inner) for inner in value)


# --- defaults ----------------------------------------------------------------------------------------------------


def read_defaults(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    """Take what DIAL adds to requests that lack it: that is what an adapter's own settings are."""
    inference: Json = {}
    kwargs: Json = {}
    place = at(path, "defaults")
    for name, value in mapping(model.get("defaults"), place).items():
        here = at(place, name)
        if value is None:
            continue
        if name in DEFAULTS:
            setting, take = DEFAULTS[name]
            inference[setting] = take(value)
        elif name in _DECIDED:
            reading.note(here, _DECIDED[name])
        elif name == "custom_fields":
            _read_custom_fields(reading, value, adapter, inference, here)
        elif _may_hold_secret(name, value):
            reading.note(here, "may hold a secret and is not copied", "write it as model_kwargs if it holds none")
        else:
            kwargs[name] = value
            reading.note(here, "goes into model_kwargs: callers cannot set it as they do in DIAL")
    if inference:
        adapter["inference"] = inference
    if kwargs:
        adapter["model_kwargs"] = kwargs
    _read_headers(reading, model, adapter, path)


def _read_custom_fields(reading: Reading, value: Any, adapter: Json, inference: Json, path: str) -> None:
    """Take the Bedrock adapter's own configuration, as far as our provider knows the same."""
    fields = mapping(value, path)
    configuration = mapping(fields.get("configuration"), at(path, "configuration"))
    reading.unread(fields, ("configuration",), path)
    place = at(path, "configuration")
    known: tuple[str, ...] = ()
    if adapter.get("provider") == "bedrock":
        known = ("guardrailConfig", "performanceConfig")
        guardrail = mapping(configuration.get("guardrailConfig"), at(place, "guardrailConfig"))
        names = {
            "guardrailIdentifier": "identifier",
            "guardrailVersion": "version",
            "streamProcessingMode": "stream_processing_mode",
            "trace": "trace",
        }
        if guardrail:
            taken = {ours: guardrail[theirs] for theirs, ours in names.items() if theirs in guardrail}
            adapter["connection"] = {**(adapter.get("connection") or {}), "guardrail": taken}
        reading.unread(guardrail, names, at(place, "guardrailConfig"))
        performance = mapping(configuration.get("performanceConfig"), at(place, "performanceConfig"))
        if "latency" in performance:
            inference["performance_latency"] = performance["latency"]
        reading.unread(performance, ("latency",), at(place, "performanceConfig"))
    reading.unread(configuration, known, place)


def _read_headers(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    place = at(path, "defaultHeaders")
    headers: dict[str, str] = {}
    for name, value in mapping(model.get("defaultHeaders"), place).items():
        if sounds_secret(name):
            reading.note(at(place, name), "may hold a secret and is not copied")
        elif adapter.get("provider") not in ("openai", "azure-openai", "openai-compatible"):
            reading.note(at(place, name), "is for DIAL's adapter, which is not called any more")
        else:
            headers[name] = str(value)
    if headers:
        reading.note(place, "went to DIAL's adapter, and go to the provider here")
        adapter["endpoint_kwargs"] = {"headers": headers}


# --- features ----------------------------------------------------------------------------------------------------


def read_capabilities(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    """Take what the model is said to be able to do; what is not said stays undeclared."""
    place = at(path, "features")
    features = mapping(model.get("features"), place)
    capabilities: Json = {}
    forbidden: list[str] = []
    for name, value in features.items():
        here = at(place, name)
        if name in _URLS:
            reading.note(here, "is an address of DIAL's adapter, which is not called any more")
        elif name in CAPABILITIES and isinstance(value, bool):
            capabilities[CAPABILITIES[name]] = value
        elif name in SETTINGS and isinstance(value, bool):
            forbidden += [] if value else [SETTINGS[name]]
        elif name == "reasoningEfforts" and isinstance(value, list):
            if value:
                capabilities["reasoning"] = True
                reading.note(here, "is left out: an effort that the model does not take is refused by the provider")
        elif name not in _TOKEN_FIELDS:
            reading.note(here, "has no place in an adapter, and is left out")
    forbidden += _token_field(reading, features, adapter, place)
    capabilities |= _attachments(reading, model, path)
    if capabilities:
        adapter["capabilities"] = capabilities
    for setting in dict.fromkeys(forbidden):
        adapter.setdefault("rules", []).append({"forbid": setting, "drop": True})


def _token_field(reading: Reading, features: Json, adapter: Json, path: str) -> list[str]:
    """Say by which member the answer's length is asked for; return the setting where there is none."""
    old, new = (features.get(name) for name in _TOKEN_FIELDS)
    if old is not False:
        return []
    if new is not True:
        return ["inference.max_tokens"]
    if adapter.get("provider") == "openai-compatible":
        adapter["connection"] = {**(adapter.get("connection") or {}), "max_tokens_field": "max_completion_tokens"}
    elif adapter.get("provider") not in ("openai", "azure-openai"):
        reading.note(at(path, _TOKEN_FIELDS[1]), "is left out: the provider has one name for it")
    return []


def _attachments(reading: Reading, model: Json, path: str) -> Json:
    types = model.get("inputAttachmentTypes")
    if types is None:
        return {}
    if not isinstance(types, list):
        reading.note(at(path, "inputAttachmentTypes"), "is no list, and is left out")
        return {}
    known = {name: any(_fits(str(t), start) for t in types) for start, name in ATTACHMENTS.items()}
    for number, given in enumerate(types):
        if str(given) != "*/*" and not any(_fits(str(given), start) for start in ATTACHMENTS):
            reading.note(at(path, f"inputAttachmentTypes.{number}"), f"{given} has no word in an adapter; left out")
    return {"images": known["images"]} | {name: True for name, is_known in known.items() if is_known}


def _fits(given: str, start: str) -> bool:
    return given == "*/*" or given.startswith(start)


# --- limits and prices -------------------------------------------------------------------------------------------


def read_limits(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    """Take the published limits, which act here."""
    place = at(path, "limits")
    limits = mapping(model.get("limits"), place)
    numbers: dict[str, int] = {}
    for name, value in limits.items():
        if name in (*CONSTRAINTS, ANSWER_LIMIT):
            if (number := plain_number(value)) is None:
                reading.note(at(place, name), "is no whole number above zero, and is left out")
            else:
                numbers[name] = number
    reading.unread(limits, (*CONSTRAINTS, ANSWER_LIMIT), place)
    if constraints := {ours: numbers[theirs] for theirs, ours in CONSTRAINTS.items() if theirs in numbers}:
        adapter["constraints"] = constraints
        reading.note(place, "are only published by DIAL; here a longer input is refused")
    if (longest := numbers.get(ANSWER_LIMIT)) is None or adapter.get("operation", "chat") != "chat":
        return
    asked = (adapter.get("inference") or {}).get("max_tokens")
    if isinstance(asked, int) and asked > longest:
        reading.note(at(place, ANSWER_LIMIT), "is less than defaults.max_tokens asks for, and is left out")
        return
    adapter.setdefault("rules", []).append({"range": "inference.max_tokens", "minimum": 1, "maximum": longest})


def read_pricing(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    """Take prices per token, as decimals."""
    place = at(path, "pricing")
    pricing = mapping(model.get("pricing"), place)
    unit = pricing.get("unit", "token")
    if not pricing or unit == "none":
        return
    if unit != "token":
        reading.note(at(place, "unit"), f"is {unit}: prices here are per token, so they are left out")
        return
    taken: Json = {}
    for theirs, ours in RATES.items():
        if pricing.get(theirs) is None:
            continue
        amount = _decimal(pricing[theirs])
        if amount is None:
            reading.note(at(place, theirs), "is no decimal amount, and is left out", "prices here have no conditions")
        else:
            taken[ours] = plain_decimal(amount * PER_MILLION)
    reading.unread(pricing, ("unit", *RATES), place)
    if taken:
        adapter["pricing"] = {"currency": "USD", **taken, "source": "AI DIAL configuration"}


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < PER_MILLION else None


def plain_decimal(amount: Decimal) -> str:
    """Return an amount without exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
