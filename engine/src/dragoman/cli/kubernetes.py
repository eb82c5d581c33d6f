"""``dragoman export kubernetes``: this deployment as manifests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import note, write, write_json
from dragoman.errors import DragomanError, SettingsError

if TYPE_CHECKING:
    from dragoman.cli.manifests import KeyOfSecret, Wanted
    from dragoman.engine import Engine
    from dragoman.settings import Settings

EPILOG = """\b
Examples:
  dragoman export kubernetes --image registry.example.com/dragoman:1 > dragoman.yaml
  dragoman export kubernetes --namespace llm \\
    --role-arn arn:aws:iam::111122223333:role/Dragoman \\
    --database-secret dragoman-database --replicas 3 | kubectl apply -f -

\b
The values of secrets stay where they are; the note at the end names those that the cluster must have:
  kubectl create secret generic dragoman-secrets --from-file=MODEL_API_KEY=./key
  kubectl create secret generic dragoman-database --from-file=url=./url

--role-arn is IRSA of Amazon EKS: pods call AWS as that role, without any key. Its trust policy must name the service
account. Adapters that assume a role of another account begin from it.
"""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)
_ROLE_ARN = re.compile(r"arn:[a-z0-9-]+:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?")
#: What can be an environment variable; where somebody wrote a key in place of its name, the key must not be shown.
_VARIABLE = re.compile(r"(?!.*[A-Za-z0-9]{24})[A-Za-z_][A-Za-z0-9_]*")


def _like(pattern: re.Pattern[str], what: str) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def check(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not pattern.fullmatch(value):
            raise click.BadParameter(f"{what} is expected")
        return value

    return check


def _database_secret(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    name, colon, key = value.partition(":")
    if not _NAME.fullmatch(name) or (colon and not _KEY.fullmatch(key)):
        raise click.BadParameter("NAME or NAME:KEY of a Kubernetes Secret is expected")
    return value


_label = _like(_LABEL, "a name of lower case letters, digits and hyphens")
_quantity = _like(_QUANTITY, "a quantity such as 250m, 512Mi or 1Gi")


@click.command(epilog=EPILOG)
@click.option("--name", default="dragoman", show_default=True, callback=_label, help="Name of every object.")
@click.option("--namespace", metavar="NAME", callback=_label, help="Their namespace. [default: that of kubectl]")
@click.option(
    "--image",
    callback=_like(_IMAGE, "the name of an image, such as registry.example.com/dragoman:1"),
    help="The image, with dragoman[server] and the plugins in it. [default: dragoman and its version]",
)
@click.option(
    "--role-arn",
    metavar="ARN",
    callback=_like(_ROLE_ARN, "the ARN of a role, such as arn:aws:iam::111122223333:role/Dragoman,"),
    help="The AWS role that the pods call with.",
)
@click.option(
    "--replicas", type=click.IntRange(1), help="How many pods. [default: 2 with a database that they share, else 1]"
)
@click.option(
    "--secret",
    metavar="NAME",
    callback=_like(_NAME, "the name of a Kubernetes Secret"),
    help="Kubernetes Secret with a key for each secret that adapters name. [default: NAME-secrets]",
)
@click.option(
    "--database-secret",
    metavar="NAME[:KEY]",
    callback=_database_secret,
    help="Kubernetes Secret with the URL of a PostgreSQL database, under `url` or KEY. Without it, and without store.* "
    "in dragoman.toml, SQLite on a volume serves one pod.",
)
@click.option("--storage", default="1Gi", show_default=True, callback=_quantity, help="Size of SQLite's volume.")
@click.option("--cpu", default="250m", show_default=True, callback=_quantity, help="Processor that a pod asks for.")
@click.option("--memory", default="512Mi", show_default=True, callback=_quantity, help="Memory of a pod, at most.")
@json_option
@global_options
@pass_invocation
def kubernetes(invocation: Invocation, /, *, as_json: bool, **options: Any) -> None:
    """Print the manifests that run this deployment.

    A Deployment of `dragoman serve`, a Service, a ServiceAccount and a ConfigMap of the configuration's files, as YAML.
    Where --stage does not say otherwise, the stage in the cluster is prod.
    """
    from dragoman.cli.manifests import manifests, manifests_text

    wanted, notes = invocation.run(lambda engine: _wanted(engine, options, invocation.stage))
    objects = manifests(wanted)
    if as_json:
        write_json({"apiVersion": "v1", "kind": "List", "items": objects})
    else:
        write(manifests_text(objects))
    for told in notes:
        note(told)


@dataclass(slots=True)
class _Found:
    """What the deployment needs in the cluster, and what should be told of it."""

    files: dict[str, str] = field(default_factory=dict)
    secret_files: list[str] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    distributions: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


async def _wanted(engine: Engine, options: Mapping[str, Any], stage: str | None) -> tuple[Wanted, list[str]]:
    from dragoman.cli.manifests import Wanted

    found, settings = _Found(), engine.settings
    await engine.run_blocking(_find_files, settings, found)
    await _find_secrets(engine, found)
    database, shares = _database(settings, options["database_secret"])
    replicas = options["replicas"] or (2 if shares else 1)
    if replicas > 1 and not shares:
        hint = "name one with --database-secret, or leave --replicas out"
        raise SettingsError("several pods need a database that they share", hint=hint)
    secret = options["secret"] or f"{options['name']}-secrets"
    _tell(settings, found, options, secret, stage)
    wanted = Wanted(
        **{name: options[name] for name in ("name", "namespace", "role_arn", "cpu", "memory")},
        image=options["image"] or _default_image(),
        replicas=replicas,
        port=settings.server.port or 8080,
        stage=stage or "prod",
        files=found.files,
        secret=secret,
        variables=tuple(sorted(found.variables)),
        secret_files=tuple(found.secret_files),
        database=database,
        storage=None if shares else options["storage"],
        grace_s=settings.server.grace_s,
        settings=found.settings,
    )
    return wanted, found.notes


def _default_image() -> str:
    from importlib.metadata import version

    return f"dragoman:{version('dragoman')}"


def _database(settings: Settings, named: str | None) -> tuple[KeyOfSecret | None, bool]:
    """Return where the database's URL is, if that is asked for, and whether pods share the database."""
    from dragoman.cli.manifests import KeyOfSecret

    store = settings.store
    if named is not None:
        if store.url or store.url_secret:
            hint = "keep one of them"
            raise SettingsError("the settings name a database already, and so does --database-secret", hint=hint)
        name, _, key = named.partition(":")
        return KeyOfSecret(name, key or "url"), True
    if store.url and store.url.startswith("sqlite"):
        hint = "leave store.url out for SQLite on a volume, or set it to PostgreSQL's"
        raise SettingsError("store.url names a file of this machine", hint=hint)
    return None, bool(store.url or store.url_secret)


# --- files -------------------------------------------------------------------------------------------------------


def _find_files(settings: Settings, found: _Found) -> None:
    from dragoman.cli.manifests import MAX_CONFIG_MAP_BYTES, SETTINGS_FILE

    if settings.file is None or settings.root is None:
        raise SettingsError("there is no dragoman.toml to export", hint="create one, or name one with --config")
    found.files[SETTINGS_FILE] = _text(settings.file)
    for setting, folder in (
        ("adapters_directory", settings.adapters_folder),
        ("inference_directory", settings.inference_folder),
        ("prompts_directory", settings.prompts_folder),
        ("agents_directory", settings.agents_folder),
    ):
        if folder is not None and folder.is_dir():
            found.files.update(_documents(settings.root, setting, folder, found))
    size = sum(len(text.encode()) for text in found.files.values())
    if size > MAX_CONFIG_MAP_BYTES - 64 * 1024:
        hint = "put config/ into the image instead"
        raise DragomanError(f"the configuration has {size} bytes, and a ConfigMap takes 1 MiB", hint=hint)


def _documents(root: Path, setting: str, folder: Path, found: _Found) -> Iterator[tuple[str, str]]:
    from dragoman.documents import SUFFIXES
    from dragoman.settings import PREFIX

    try:
        place = folder.relative_to(root).as_posix()
    except ValueError:  # elsewhere on this machine
        place = setting.removesuffix("_directory")
        found.settings[PREFIX + setting.upper()] = place
    prefix = "" if place == "." else f"{place}/"
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield f"{prefix}{path.name}", _text(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DragomanError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DragomanError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from None


# --- secrets -----------------------------------------------------------------------------------------------------


async def _find_secrets(engine: Engine, found: _Found) -> None:
    catalog = await engine.catalog()
    found.notes += [f"{failure.where}: {failure.reason}" for failure in catalog.failures]
    owners = {d.kind: plugin.distribution for plugin in engine.plugins.loaded for d in plugin.providers}
    for name, entry in catalog.entries.items():
        named = {secret for layer in entry.layers for secret in _named_secrets(layer.document)}
        try:
            resolved = await engine.resolve(name)
        except DragomanError as error:
            found.notes.append(f"the adapter {name} cannot be called: {error}")
        else:
            named.update(resolved.target.credentials.values())
            found.distributions.add(owners.get(resolved.target.provider, ""))
        for secret in named:
            _take_variable(found, secret, f"the adapter {name}")
    agents = (await engine.agents.list()).agents
    for agent in agents:
        for _, secret in agent.secrets():
            _take_variable(found, secret, f"the agent {agent.name}")
    if agents:
        found.notes.append("agents need dragoman[agents] in the image, and the packages that offer their tools")
    _find_sources(engine.settings, found)
    if url_secret := engine.settings.store.url_secret:
        _take_variable(found, url_secret, "store.url_secret")


def _named_secrets(document: Mapping[str, Any]) -> Iterator[str]:
    parts = [document, *(document.get("upstreams") or {}).values()]
    for part in parts:
        yield from filter(None, ((part or {}).get("credentials") or {}).values())


def _take_variable(found: _Found, secret: str, asked_by: str) -> None:
    if _VARIABLE.fullmatch(secret):
        found.variables.add(secret)
    else:
        found.notes.append(f"{asked_by} names a secret that cannot be an environment variable; bring it in a document")


def _find_sources(settings: Settings, found: _Found) -> None:
    """Let the documents with secrets come from the cluster's Secret: variables as such, files as files."""
    for number, source in enumerate(settings.secrets.sources, 1):
        if source["kind"] == "environment" and isinstance(source.get("variable"), str):
            _take_variable(found, source["variable"], f"entry {number} of secrets.sources")
        if source["kind"] != "file" or not isinstance(source.get("path"), str) or settings.root is None:
            continue
        path = settings.locate(Path(source["path"]))
        if path.is_relative_to(settings.root) and _KEY.fullmatch(path.name) and ".." not in path.parts:
            found.secret_files.append(path.relative_to(settings.root).as_posix())
        else:
            found.notes.append(f"entry {number} of secrets.sources is a file that the manifests do not bring")


# --- what to tell ------------------------------------------------------------------------------------------------


def _tell(settings: Settings, found: _Found, options: Mapping[str, Any], secret: str, stage: str | None) -> None:
    if stage is None and settings.stage != "prod":
        found.notes.append(f"the stage in the cluster is prod, not {settings.stage} as here; --stage sets it")
    for origin in settings.origins():
        if origin.origin.startswith("environment ") and origin.name != "stage":
            found.notes.append(f"{origin.name} comes from the {origin.origin} of this machine, and is not exported")
    if options["image"] is None:
        needed = ", ".join(["dragoman[server]", *sorted(found.distributions - {"", "dragoman"})])
        found.notes.append(f"the image {_default_image()} is yours to build, with {needed}; --image names another")
    keys = [*sorted(found.variables), *(path.rpartition("/")[2] for path in found.secret_files)]
    if keys:
        found.notes.append(f"the Kubernetes Secret {secret} may hold these keys; what it lacks is absent: {_all(keys)}")
    if options["database_secret"] is not None:
        found.notes.append(f"the Kubernetes Secret {options['database_secret'].partition(':')[0]} must hold the URL")


def _all(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))
