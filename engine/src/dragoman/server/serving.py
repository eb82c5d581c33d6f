"""uvicorn, set up for the gateway: uvloop, httptools, bounds, a graceful end, and lines that say where it is."""

from __future__ import annotations

import errno
import gc
import logging
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import uvicorn

from dragoman.errors import SettingsError
from dragoman.server.application import Application
from dragoman.server.authentication import is_loopback
from dragoman.server.logs import log_to_stderr
from dragoman.server.protocol import BoundedProtocol
from dragoman.server.state.database import require_installed
from dragoman.settings import Settings

#: Longer than the idle time of the load balancers in front (60 s at AWS's), so that they close first.
KEEP_ALIVE_S = 75
BACKLOG = 2048
#: New objects between two looks of Python's garbage collector, and looks at the young between those at the older. An
#: answered request leaves no cycles, so that there is little to find: at the default of 700, a look for each request.
COLLECT_EVERY = (20_000, 20, 50)

#: What is imported late, and should be missed early.
_NEEDED = ("uvloop",) if sys.platform != "win32" else ()

Say = Callable[[str], None]


def serve(settings: Settings, *, no_auth: bool, say: Say, debug: bool = False) -> int:
    """Serve until a signal comes; return the exit code.

    Args:
        settings: The deployment's settings; with ``no_auth`` their stage counts as ``dev``.
        no_auth: Whether whoever sits at this machine is an administrator.
        say: Where a person reads where it is and how to get in.
        debug: Whether the engine's debug log is written.

    Raises:
        SettingsError: A part of the extra ``server`` is missing, ``no_auth`` comes with an address that others reach,
            or the address cannot be listened on.
        DragomanError: The database, the journal or another part of the settings cannot be used.
    """
    host = settings.server.host
    if no_auth:
        if not is_loopback(host):
            hint = "create a key with `dragoman keys create`, or leave --host out"
            raise SettingsError(f"--no-auth serves this machine alone, and {host} is reached by others", hint=hint)
        settings = settings.model_copy(update={"stage": "dev"})
    require_installed("server", *_NEEDED, *(["jwt"] if settings.server.issuers else []))
    application = Application(settings, no_auth=no_auth, requests_to=sys.stderr.buffer)
    log_to_stderr(application.redact, debug=debug)
    logging.getLogger("uvicorn.error").addFilter(lambda record: application.failure is None)  # we raise it instead
    listening = _listen(host, settings.server.port)
    server = _Server(_config(application, settings), application, say)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        return 130
    finally:
        listening.close()
    return 0 if server.has_started else 1


class _Server(uvicorn.Server):
    """Says where it is once it listens, or why it does not."""

    def __init__(self, config: uvicorn.Config, application: Application, say: Say) -> None:
        super().__init__(config)
        self._application = application
        self._say = say
        self.has_started = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        try:
            await super().startup(sockets)
        except SystemExit:
            if self._application.failure is None:
                raise
            raise self._application.failure from None
        if self.should_exit or sockets is None:
            return
        self.has_started = True
        _calm_collector()
        host, port = sockets[0].getsockname()[:2]
        address = f"[{host}]" if ":" in host else host
        for line in await _start_lines(self._application, f"http://{address}:{port}"):
            self._say(line)


def _calm_collector() -> None:
    """Let the garbage collector come less often, and never again for what was there at the start.

    Going through all of that stops every request for about 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


async def _start_lines(application: Application, url: str) -> list[str]:
    catalog = await application.engine.catalog()
    settings = application.settings
    what = f"stage {settings.stage}, {len(catalog.entries)} adapters from {settings.file or 'plugins alone'}"
    lines = [
        f"dragoman {version('dragoman')} listens on {url} ({what})",
        *(f"warning: {failure.where}: {failure.reason}" for failure in catalog.failures),
    ]
    if application.no_auth:
        lines.append(
            "warning: --no-auth: every program of this machine is an administrator here, in stage dev; "
            "other machines and pages of other sites are refused"
        )
    elif not settings.server.issuers and not await application.has_keys():
        lines.append("warning: nobody can get in yet: `dragoman keys create` makes a key, --no-auth needs none")
    lines.append(f"try: curl {url}/v1/models" + ("" if application.no_auth else ' -H "Authorization: Bearer $KEY"'))
    return lines


def _config(application: Application, settings: Settings) -> uvicorn.Config:
    bounds = settings.server
    protocol = type("Protocol", (BoundedProtocol,), {"write_timeout_s": bounds.write_timeout_s})
    options: dict[str, Any] = {
        "loop": "uvloop" if sys.platform != "win32" else "asyncio",
        "http": protocol,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": int(bounds.grace_s),
    }
    return uvicorn.Config(application, **options)


def _listen(host: str, port: int) -> socket.socket:
    try:
        (family, kind, proto, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.set_inheritable(True)
    except OSError as error:
        reason = error.strerror or str(error)
        is_the_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = "choose another --port" if is_the_port else "choose another --host: an address of this machine"
        raise SettingsError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from None
    return listening
