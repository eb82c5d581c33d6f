"""A deployment as Kubernetes manifests: pure functions from what is asked for to objects, and their YAML.

Shapes are those of the API's stable groups (``v1``, ``apps/v1``); ``preStop.sleep`` is the newest of them and needs
Kubernetes 1.30.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

CONFIG_FOLDER = "/etc/dragoman"
SETTINGS_FILE = "dragoman.toml"
STATE_FOLDER = "/var/lib/dragoman"
#: A user that is nobody's, in the image and on the node.
USER_ID = 10001
#: Seconds between the order to stop and the stop, in which endpoints learn that the pod is leaving.
LEAVING_S = 5
#: Seconds beside the server's own grace in which it writes down what it has.
FLUSHING_S = 10
#: The variable, and the name of the secret, by which the pod learns its database's address.
DATABASE_VARIABLE = "DATABASE_URL"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
MAX_CONFIG_MAP_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeyOfSecret:
    """One key of a Kubernetes Secret."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run in the cluster.

    Args:
        name: Of the deployment, the service, the service account and the config map.
        namespace: ``None`` leaves it to whoever applies the manifests.
        image, replicas, port, stage: As in the options of ``dragoman export kubernetes``.
        role_arn: Role that the pods call AWS with; ``None`` = whatever the nodes have.
        files: The configuration: path within its folder -> text; :data:`SETTINGS_FILE` is one of them.
        secret: Name of the Kubernetes Secret that holds the values of ``variables`` and ``secret_files``.
        variables: Names of secrets that become environment variables.
        secret_files: Paths within the configuration's folder that are read from the Secret, by their last part.
        database: Where the database's URL is; ``None``: the settings name one, or it is SQLite on a volume.
        storage: Size of that volume; ``None``: what is written need not outlive the pod.
        grace_s: ``server.grace_s``.
        cpu, memory: What a pod asks for; more memory than that it does not get.
        settings: Further settings, by variable.
    """

    name: str
    namespace: str | None
    image: str
    replicas: int
    port: int
    stage: str
    role_arn: str | None
    files: Mapping[str, str]
    secret: str
    variables: tuple[str, ...]
    secret_files: tuple[str, ...]
    database: KeyOfSecret | None
    storage: str | None
    grace_s: float
    cpu: str
    memory: str
    settings: Mapping[str, str]


def manifests(wanted: Wanted) -> list[Json]:
    """Return the objects, those that others refer to first."""
    volume = [_volume_claim(wanted)] if wanted.storage else []
    return [_service_account(wanted), _config_map(wanted), *volume, _deployment(wanted), _service(wanted)]


# --- the objects -------------------------------------------------------------------------------------------------


def _service_account(wanted: Wanted) -> Json:
    account = _object("v1", "ServiceAccount", wanted)
    if wanted.role_arn:
        account["metadata"]["annotations"] = {ROLE_ANNOTATION: wanted.role_arn}
    return {**account, "automountServiceAccountToken": False}  # nothing here calls the cluster's API


def _config_map(wanted: Wanted) -> Json:
    keys = _keys(wanted.files)
    return {**_object("v1", "ConfigMap", wanted), "data": {keys[path]: text for path, text in wanted.files.items()}}


def _volume_claim(wanted: Wanted) -> Json:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": wanted.storage}}}
    return {**_object("v1", "PersistentVolumeClaim", wanted), "spec": spec}


def _service(wanted: Wanted) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    return {**_object("v1", "Service", wanted), "spec": {"selector": _labels(wanted), "ports": ports}}


def _deployment(wanted: Wanted) -> Json:
    # Two pods cannot share a volume's SQLite file; a pod that is there already goes before the next one comes.
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    # Adapters are read again while it runs; what the settings say needs another pod.
    settings_digest = hashlib.sha256(wanted.files[SETTINGS_FILE].encode()).hexdigest()
    annotations = {"checksum/settings": settings_digest[:16]}
    return {
        **_object("apps/v1", "Deployment", wanted),
        "spec": {
            "replicas": wanted.replicas,
            "selector": {"matchLabels": _labels(wanted)},
            "strategy": {"type": "Recreate"} if wanted.storage else rolling,
            "template": {
                "metadata": {"labels": _labels(wanted), "annotations": annotations},
                "spec": _pod(wanted),
            },
        },
    }


def _pod(wanted: Wanted) -> Json:
    return {
        "serviceAccountName": wanted.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # they would set DRAGOMAN_PORT and the like
        "terminationGracePeriodSeconds": LEAVING_S + math.ceil(wanted.grace_s) + FLUSHING_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted)],
        "volumes": [
            {"name": "config", "projected": {"sources": _config_sources(wanted)}},
            _state_volume(wanted),
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _container(wanted: Wanted) -> Json:
    return {
        "name": "dragoman",
        "image": wanted.image,
        "command": ["dragoman"],
        "args": ["serve", "--host", "0.0.0.0", "--port", str(wanted.port)],  # noqa: S104  (a pod of its own)
        "env": _variables(wanted),
        "ports": [{"name": "http", "containerPort": wanted.port, "protocol": "TCP"}],
        "startupProbe": {**_probe("/ready"), "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**_probe("/ready"), "periodSeconds": 5},
        "livenessProbe": {**_probe("/health"), "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVING_S}}},
        "resources": {
            "requests": {"cpu": wanted.cpu, "memory": wanted.memory},
            "limits": {"memory": wanted.memory},  # none for the processor: it would only slow answers down
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "state", "mountPath": STATE_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  (inside the pod)
        ],
    }


# --- their parts -------------------------------------------------------------------------------------------------


def _object(version: str, kind: str, wanted: Wanted) -> Json:
    metadata: Json = {"name": wanted.name}
    if wanted.namespace:
        metadata["namespace"] = wanted.namespace
    return {"apiVersion": version, "kind": kind, "metadata": {**metadata, "labels": _labels(wanted)}}


def _labels(wanted: Wanted) -> Json:
    return {"app.kubernetes.io/name": "dragoman", "app.kubernetes.io/instance": wanted.name}


def _probe(path: str) -> Json:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 3}


def _variables(wanted: Wanted) -> list[Json]:
    plain = {
        "DRAGOMAN_CONFIG": CONFIG_FOLDER,
        "DRAGOMAN_STAGE": wanted.stage,
        "DRAGOMAN_STORE__DIRECTORY": STATE_FOLDER,
        **wanted.settings,
    }
    variables: list[Json] = [{"name": name, "value": value} for name, value in plain.items()]
    if wanted.database:
        variables.append({"name": "DRAGOMAN_STORE__URL_SECRET", "value": DATABASE_VARIABLE})
        variables.append(_from_secret(DATABASE_VARIABLE, wanted.database, optional=False))
    # One adapter's missing key must not keep the others from answering.
    return variables + [_from_secret(n, KeyOfSecret(wanted.secret, n), optional=True) for n in wanted.variables]


def _from_secret(variable: str, place: KeyOfSecret, *, optional: bool) -> Json:
    reference: Json = {"name": place.secret, "key": place.key}
    return {"name": variable, "valueFrom": {"secretKeyRef": {**reference, "optional": True} if optional else reference}}


def _config_sources(wanted: Wanted) -> list[Json]:
    """Return what lies in the configuration's folder: the files, and beside them those that hold secrets."""
    items = [{"key": key, "path": path} for path, key in _keys(wanted.files).items()]
    sources: list[Json] = [{"configMap": {"name": wanted.name, "items": items}}]
    if wanted.secret_files:
        secret_items = [{"key": path.rpartition("/")[2], "path": path} for path in wanted.secret_files]
        sources.append({"secret": {"name": wanted.secret, "items": secret_items, "optional": True}})
    return sources


def _state_volume(wanted: Wanted) -> Json:
    if wanted.storage:
        return {"name": "state", "persistentVolumeClaim": {"claimName": wanted.name}}
    return {"name": "state", "emptyDir": {}}


def _keys(paths: Iterable[str]) -> dict[str, str]:
    """Return the key of each file in the config map, which knows no folders."""
    keys: dict[str, str] = {}
    for path in paths:
        key = plain = re.sub(r"[^-._a-zA-Z0-9]", "_", path.replace("/", "__"))
        count = 1
        while key in keys.values():
            count += 1
            key = f"{plain}-{count}"
        keys[path] = key
    return keys


# --- YAML --------------------------------------------------------------------------------------------------------

#: Texts that need no quotes in any version of YAML: kubectl reads 1.1, where ``no`` is false and ``1_000`` a number.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[a-zA-Z/][a-zA-Z0-9/._-]*", re.IGNORECASE)
#: Texts of several lines that can stand as they are: nothing invisible at their ends, no control characters.
_BLOCK = re.compile(r"(?=\S)[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*\n")


def manifests_text(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return objects as one YAML text, its strings in quotes wherever some reader could take them for else."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    for number, value in enumerate(objects):
        written.write("---\n" if number else "")
        yaml.dump(_quoted(value), written)
    return written.getvalue()


def _quoted(value: Any) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, Mapping):
        return {_quoted(name): _quoted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        return value
    if _BLOCK.fullmatch(value) and not re.search(r" \n|\n\n\Z", value):
        return LiteralScalarString(value)
    return DoubleQuotedScalarString(value)
