"""Everything that a contributor or CI runs; `nox --list` shows this table of contents.

Bare `nox` checks all that a change can break, in about ten minutes on two cores. Every session gets an
environment of its own. What follows `--` goes to the tool, for example `nox -s tests -- -k retry`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.sessions = ["lint", "types", "floors", "plugins", "tests", "browser", "build"]

ENGINE = Path("engine")
ENGINE_WITH_ALL = "./engine[agents,langchain,postgresql,server,telemetry,testing]"
# The tests start hundreds of processes: each would compile all that it imports, were that forbidden to be kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
PLUGINS = {path.parent.name: path.parent for path in sorted(Path("plugins").glob("*/pyproject.toml"))}
SOURCES = [str(folder / "src") for folder in (ENGINE, *PLUGINS.values())]
TOOLS = nox.project.load_toml("pyproject.toml")

#: Tests on every core, and one more while the others wait for servers and processes. Those of one file stay together,
#: since they share what they started, until somebody has nothing left to do and takes some from the others.
SIDE_BY_SIDE = [f"--numprocesses={(os.cpu_count() or 1) + 1}", "--dist=worksteal"]

#: Plugin -> the file that lists what its session has left to `tests` in this run of nox: what it had to skip, alone.
LEFT: dict[str, Path] = {}

#: The modules of the engine that a plugin may import; ARCHITECTURE.md says the same.
#: `cli.plugin` is for the commands that a plugin brings.
PUBLIC = (
    *("plugin", "errors", "messages", "events", "secret", "adapter", "provider", "hookspecs", "testing"),
    "cli.plugin",
)

#: The newcomer's first question, asked of what `build` has built.
FIRST_COMMAND = ["chat", "Tell me about iterators"]


# --- what bare `nox` runs ----------------------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff; `ruff check --fix` and `ruff format` mend most of it."""
    session.install(*_tools("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy in strict mode: the engine, every plugin, and the template for new plugins."""
    template = _new_plugin(session, "acme", _scratch(session))
    session.install(*_tools("types"), ENGINE_WITH_ALL, *_plugins_with_langchain())
    sources = [*SOURCES, str(template / "src")]
    session.run("mypy", *sources, *session.posargs, env={"MYPYPATH": os.pathsep.join(sources)})


@nox.session
def floors(session: nox.Session) -> None:
    """Check who imports whom: the engine's floors, no cycles, and plugins on the public contract alone."""
    session.install(*_tools("floors"), "pytest", "pytest-asyncio", "./engine[server]", *map(_path, PLUGINS.values()))
    session.run("lint-imports", "--no-logo")
    scratch = _scratch(session)
    for name, folder in PLUGINS.items():
        contracts = scratch / f"{name}.ini"
        package = next(path.name for path in (folder / "src").iterdir() if (path / "__init__.py").exists())
        contracts.write_text(_contracts_of_plugin(package), encoding="utf-8")
        session.run("lint-imports", "--no-logo", "--config", str(contracts))
    session.run("pytest", "-q", "tests/test_floors.py")


@nox.session
@nox.parametrize("name", list(PLUGINS), ids=list(PLUGINS))
def plugins(session: nox.Session, name: str) -> None:
    """Run one plugin's tests with nothing but the engine and that plugin, without its LangChain door."""
    folder, left = PLUGINS[name], _scratch(session) / "left.txt"
    session.install("pytest-xdist", "./engine[testing]", *_with_siblings(folder), *_test_needs(folder))
    session.run("pytest", str(folder), f"--left={left}", *SIDE_BY_SIDE, *session.posargs)
    if not session.posargs:
        LEFT[name] = left


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, with all plugins and their LangChain doors installed; of `plugins`, run before, what they left.

    The page and the floors have sessions of their own.
    """
    tools = [*_tools("test"), *_tools("langchain"), *_test_needs(*PLUGINS.values())]
    session.install(*tools, ENGINE_WITH_ALL, *_plugins_with_langchain())
    folders = [f"@{LEFT[name]}" if name in LEFT else str(folder) for name, folder in PLUGINS.items()]
    asked = session.posargs or ["--ignore=tests/test_floors.py", "tests", "engine/tests", *folders]
    session.run("pytest", "--ignore=tests/browser", *SIDE_BY_SIDE, *asked)


@nox.session
def browser(session: nox.Session) -> None:
    """Drive the page Dev Settings in Debian's Chromium; skipped where there is none.

    A session of its own: the browser's driver keeps an event loop running for as long as it is open.
    """
    session.install(*_tools("test"), "./engine[server,testing]", *map(_path, PLUGINS.values()))
    session.run("pytest", "tests/browser", *SIDE_BY_SIDE, "--dist=loadfile", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist, and wheel from the sdist; install the wheels alone in a fresh environment; run a first command."""
    session.install("uv")
    scratch = _scratch(session)
    for folder in (ENGINE, *PLUGINS.values()):
        session.run("uv", "build", "--quiet", "--out-dir", str(scratch / "dist"), _path(folder))
    session.run("uv", "venv", "--quiet", str(scratch / "fresh"))
    programs = scratch / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    wheels = sorted(str(path) for path in (scratch / "dist").glob("*.whl"))
    session.run("uv", "pip", "install", "--quiet", "--python", str(programs / "python"), *wheels)
    shutil.copytree("config", scratch / "deployment" / "config")
    with session.chdir(scratch / "deployment"):
        for arguments in (FIRST_COMMAND, ["plugins"], ["adapters", "list"]):
            session.run(str(programs / "dragoman"), *arguments, external=True)


# --- what is asked for by name -----------------------------------------------------------------------------------


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that the distributions say they support. Needs uv."""
    if session.venv_backend != "uv":
        session.error("only uv can resolve to the oldest versions: python -m pip install uv")
    session.install("--resolution=lowest-direct", "./engine[postgresql,server]", *map(_path, PLUGINS.values()))
    session.install(*_tools("test"), *_test_needs(*PLUGINS.values()))
    session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run the code blocks of README.md, ARCHITECTURE.md and docs/; `tests` does it too."""
    session.install(*_tools("test"), *_tools("langchain"), ENGINE_WITH_ALL, *map(_path, PLUGINS.values()))
    session.run("pytest", "tests/test_docs.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure CPU per call and per stream beside the peers, each in an environment of its own; bench/RESULTS.md."""
    session.install("uv")
    session.run("python", "bench/run.py", *session.posargs)


@nox.session
def bench_gateway(session: nox.Session) -> None:
    """Measure the gateway beside LiteLLM's proxy and a bare forwarder; writes bench/RESULTS-gateway.md."""
    session.install("uv")
    session.run("python", "bench/gateway.py", *session.posargs)


@nox.session
def acceptance(session: nox.Session) -> None:
    """Let clients that others wrote use `dragoman serve`, each in an environment of its own. JavaScript needs npm."""
    session.install("pytest", "pytest-asyncio", "uv", "./engine[server,testing]", "./plugins/local", "./plugins/openai")
    session.run("pytest", "tests/acceptance", *session.posargs, env={"RUN_ACCEPTANCE": "1"})


@nox.session
def load(session: nox.Session) -> None:
    """Lean on the gateway: slow clients in numbers, connections dropped, kill -9; nothing may grow or be lost."""
    session.install("aiohttp", "pytest", "pytest-asyncio", "./engine[server,testing]", "./plugins/openai")
    session.run("pytest", "tests/load", *session.posargs, env={"RUN_LOAD": "1"})


@nox.session
def llamacpp(session: nox.Session) -> None:
    """Talk to a real llama.cpp server with a tiny model that the test makes itself. Building it takes minutes."""
    session.install(*_tools("test"), "./engine[testing]", "./plugins/openai", "-r", "tests/llamacpp/requirements.txt")
    session.run("pytest", "tests/llamacpp", *session.posargs)


@nox.session
def aimock(session: nox.Session) -> None:
    """Talk to aimock, an emulator of providers by others, as a second opinion. Needs Node and npm."""
    session.install(*_tools("test"), "./engine[testing]", *map(_path, PLUGINS.values()))
    npm = ["npm", "install", "--prefix", "tests/aimock", "--no-package-lock", "--no-fund", "--no-audit"]
    session.run(*npm, external=True)
    session.run("pytest", "tests/aimock", *session.posargs)


@nox.session
def new_plugin(session: nox.Session) -> None:
    """Create plugins/NAME from the engine's template: `nox -s new_plugin -- NAME`. It passes its tests as it is."""
    if len(session.posargs) != 1:
        session.error("name the plugin: nox -s new_plugin -- NAME")
    folder = _new_plugin(session, session.posargs[0], Path("plugins"))
    (folder / "ruff.toml").unlink()  # the repository's own settings hold
    session.log(f'{folder} is there; `nox -s "plugins({folder.name})"` runs its tests')


# --- how -----------------------------------------------------------------------------------------------------------


def _path(folder: Path) -> str:
    return f"./{folder.as_posix()}"


def _with_siblings(folder: Path) -> list[str]:
    """Return a plugin's path, after those of the plugins of this repository that it builds on."""
    needs = " ".join(nox.project.load_toml(folder / "pyproject.toml")["project"]["dependencies"])
    siblings = [path for name, path in PLUGINS.items() if f"dragoman-{name}>" in needs]
    return [*map(_path, siblings), _path(folder)]


def _tools(group: str) -> list[str]:
    return nox.project.dependency_groups(TOOLS, group)


def _test_needs(*folders: Path) -> list[str]:
    """Return what the tests of these plugins need beside the plugins: their dependency group `test`."""
    projects = [nox.project.load_toml(folder / "pyproject.toml") for folder in folders]
    return [need for project in projects for need in nox.project.dependency_groups(project, "test")]


def _plugins_with_langchain() -> list[str]:
    return [f"{_path(folder)}[langchain]" if _has_langchain(folder) else _path(folder) for folder in PLUGINS.values()]


def _has_langchain(folder: Path) -> bool:
    project = nox.project.load_toml(folder / "pyproject.toml")["project"]
    return "langchain" in project.get("optional-dependencies", {})


def _new_plugin(session: nox.Session, name: str, into: Path) -> Path:
    """Create a plugin from the engine's template, which needs no installation."""
    command = [sys.executable, "-m", "dragoman.template", name, str(into)]
    session.run(*command, external=True, env={"PYTHONPATH": str(ENGINE / "src")})
    return into / name


def _scratch(session: nox.Session) -> Path:
    """Return an empty folder for this run of the session."""
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _contracts_of_plugin(package: str) -> str:
    """Return import-linter's contracts of one plugin. Written here, so that a new plugin is one folder and no more."""
    public = "\n    ".join(
        f"{importer} -> dragoman.{module}" for importer in (package, f"{package}.**") for module in PUBLIC
    )
    return f"""\
[importlinter]
root_packages =
    dragoman
    {package}
exclude_type_checking_imports = True

[importlinter:contract:public]
name = {package} imports only the engine's public contract
type = forbidden
source_modules = {package}
forbidden_modules = dragoman
allow_indirect_imports = true
ignore_imports =
    {public}
unmatched_ignore_imports_alerting = none

[importlinter:contract:cycles]
name = {package} has no import cycles
type = acyclic_siblings
ancestors = {package}
"""
