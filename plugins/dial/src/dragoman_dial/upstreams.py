"""Upstreams of a DIAL model as the targets of an adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.plugin import slug

from dragoman_dial.reading import Json, Reading, at, mapping, refuse, variable
from dragoman_dial.targets import AWS_MEMBERS, Target, deployment_name, target_of

_KNOWN = ("id", "endpoint", "key", "extraData", "secretExtraData", "weight", "tier", "authType")
_OTHER: Mapping[str, str] = {
    "responsesEndpoint": "is for the Responses API, which adapters do not use",
    "interfaces": "is left out: its addresses and keys are for single APIs",
    "baseUrl": "is left out: the upstream's endpoint is read",
}
#: Member of the Bedrock adapter's extra data -> credential of our provider.
_AWS_KEYS: Mapping[str, str] = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}
#: What stands in an adapter beside its target's address.
_MEMBERS = ("provider", "model", "base_model", "connection", "credentials")


def read_upstreams(reading: Reading, model: Json, name: str, path: str) -> Json | None:
    """Return the members of an adapter that say where its calls go; ``None`` where nobody can say."""
    listed = model.get("upstreams")
    if listed is not None and not isinstance(listed, list):
        refuse(at(path, "upstreams"), "is no list")
    asked = str(model.get("overrideName") or deployment_name(_adapter(model)) or name)
    if not listed:
        return _target(reading, model, {}, asked, path)
    entries = []
    for number, given in enumerate(listed):
        place = at(path, f"upstreams.{number}")
        upstream = mapping(given, place)
        found = _target(reading, model, upstream, asked, place)
        if found is not None:
            entries.append((upstream, place, found))
    if not entries:
        return None
    if len(entries) == 1 and _weight(entries[0][0]) > 0:
        return entries[0][2]
    return _several(reading, entries)


def _adapter(model: Json) -> Any:
    """Return the adapter's address, also where a newer configuration gives it by API."""
    if model.get("endpoint"):
        return model["endpoint"]
    interfaces = model.get("interfaces")
    for name in ("openaiChatCompletions", "openaiEmbeddings"):
        entry = interfaces.get(name) if isinstance(interfaces, dict) else None
        if isinstance(entry, dict) and entry.get("base_url"):
            return entry["base_url"]
    return None


def _target(reading: Reading, model: Json, upstream: Json, asked: str, path: str) -> Json | None:
    extra = _extra(reading, upstream, path)
    target = target_of(_adapter(model), upstream.get("endpoint"), extra, asked)
    where = at(path, "endpoint")
    if target.problem is not None:
        reading.note(where, f"{target.problem}; it is left out", "write an adapter of your own for it")
        return None
    reading.note(where, f"is taken for the provider {target.provider}: {target.reason}")
    override = model.get("overrideName")
    if override and target.model != override:
        reading.note(where, f"names the deployment {target.model}, which is called; overrideName is not")
    found: Json = {"provider": target.provider, "model": target.model}
    if target.provider == "bedrock":
        if upstream.get("key") not in (None, ""):
            hint = "write an adapter of your own for it"
            reading.note(at(path, "key"), "is a key of Anthropic's own API, not AWS's; the upstream is left out", hint)
            return None
        _bedrock(reading, found, target, extra, at(path, "extraData"))
    else:
        _keyed(reading, found, target, upstream, path)
        reading.unread(extra, (), at(path, "extraData"))
    reading.unread(upstream, (*_KNOWN, *_OTHER), path)
    for name in _OTHER:
        if name in upstream:
            reading.note(at(path, name), _OTHER[name])
    return found


def _extra(reading: Reading, upstream: Json, path: str) -> Json:
    """Return the extra data; of the secret one only what becomes a secret here."""
    extra = _object(reading, upstream, "extraData", path)
    for name, value in _object(reading, upstream, "secretExtraData", path).items():
        if name in _AWS_KEYS:
            extra[name] = value
        else:
            reading.note(at(path, f"secretExtraData.{name}"), "is secret and not copied", "add what it says yourself")
    return extra


def _object(reading: Reading, upstream: Json, name: str, path: str) -> Json:
    """Return a member that is an object, or the text of one."""
    value = upstream.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            value = ...
    if isinstance(value, dict):
        return dict(value)
    if value not in (None, ""):
        reading.note(at(path, name), "is no JSON object, and is left out")
    return {}


# --- providers ---------------------------------------------------------------------------------------------------


def _keyed(reading: Reading, found: Json, target: Target, upstream: Json, path: str) -> None:
    """Add address and key of a provider that takes a key."""
    connection, key = dict(target.connection), upstream.get("key")
    is_bearer = upstream.get("authType") == "BEARER"
    field = "token" if is_bearer and target.provider == "azure-openai" else "api_key"
    if key not in (None, ""):
        proposed = variable(target.label, "token" if field == "token" else "api_key")
        found["credentials"] = {field: reading.secret(at(path, "key"), key, proposed)}
    elif target.provider == "azure-openai":
        reading.note(
            at(path, "key"),
            "is absent: DIAL's adapter then takes the machine's Azure identity",
            "set connection.auth, for example to {kind: entra_workload_identity, …}",
        )
    elif target.provider == "openai-compatible":
        connection.pop("auth", None)
    if is_bearer:
        connection.pop("auth", None)
        if target.provider == "azure-openai":
            connection["auth"] = {"kind": "bearer"}
    if target.provider == "azure-openai" and "api_version" not in connection:
        reading.note(
            at(path, "endpoint"), "names no api-version that can be read: the v1 API, which needs none, is used"
        )
    if connection:
        found["connection"] = connection


def _bedrock(reading: Reading, found: Json, target: Target, extra: Json, place: str) -> None:
    """Add region, keys and role."""
    connection: Json = dict(target.connection)
    if extra.get("region"):
        connection["region"] = extra["region"]
    if "region" not in connection:
        reading.note(at(place, "region"), "is absent: AWS_REGION or AWS_DEFAULT_REGION of the environment is read")
    if extra.get("compatible_model_id"):
        found["base_model"] = extra["compatible_model_id"]
    keys = {name: extra[name] for name in _AWS_KEYS if extra.get(name)}
    role = extra.get("aws_assume_role_arn")
    if keys:
        connection["auth"] = {"kind": "aws_keys"}
        group = tuple(str(value) for value in keys.values())
        found["credentials"] = {
            _AWS_KEYS[name]: reading.secret(at(place, name), value, variable(target.label, name), group)
            for name, value in keys.items()
        }
        if role:
            reading.note(at(place, "aws_assume_role_arn"), "is not used by DIAL where there are keys, nor here")
    elif role:
        connection["roles"] = [{"arn": role}]
    if "claude_client" in extra:
        reading.note(at(place, "claude_client"), "is left out: Claude is called through Converse")
    reading.unread(extra, AWS_MEMBERS, place)
    if connection:
        found["connection"] = connection


# --- several -----------------------------------------------------------------------------------------------------


def _several(reading: Reading, entries: Sequence[tuple[Json, str, Json]]) -> Json:
    """Return what all upstreams have in common, and for each the patch that makes it."""
    targets = [found for _, _, found in entries]
    common = _common(targets)
    lowest = min(0, *(_tier(upstream) for upstream, _, _ in entries))
    if lowest < 0:
        reading.note(entries[0][1], f"tiers begin at 0 here, so {-lowest} is added to each")
    patches: Json = {}
    for upstream, _, found in entries:
        patch = {name: value for name, value in found.items() if common.get(name) != value}
        if _weight(upstream) != 1:
            patch["weight"] = _weight(upstream)
        if tier := _tier(upstream) - lowest:
            patch["tier"] = tier
        patches[_upstream_id(upstream, found, patches)] = patch
    for upstream, path, _ in entries:
        if _weight(upstream) == 0 and upstream.get("weight") != 0:
            reading.note(at(path, "weight"), "is below zero, which disables the upstream: it is 0 here")
    return {**common, "upstreams": patches}


def _common(targets: Sequence[Json]) -> Json:
    """Return the members that are equal in all; a provider's own only where the provider is."""
    first = targets[0]
    return {
        name: first[name] for name in _MEMBERS if name in first and all(t.get(name) == first[name] for t in targets)
    }


def _upstream_id(upstream: Json, found: Json, taken: Mapping[str, Any]) -> str:
    connection = found.get("connection") or {}
    address = str(connection.get("endpoint") or connection.get("base_url") or "").partition("://")[2]
    host = address.partition("/")[0].split(".")[0]
    name = plain = slug(str(upstream.get("id") or connection.get("region") or host)) or "upstream"
    count = 1
    while name in taken:
        count += 1
        name = f"{plain}-{count}"
    return name


def _weight(upstream: Json) -> float:
    """Return the share; zero where it disables the upstream."""
    value = upstream.get("weight")
    return max(value, 0) if isinstance(value, int | float) and not isinstance(value, bool) else 1


def _tier(upstream: Json) -> int:
    value = upstream.get("tier")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
