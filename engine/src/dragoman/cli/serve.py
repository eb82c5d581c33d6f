"""``dragoman serve``: the gateway."""

from __future__ import annotations

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, pass_invocation
from dragoman.cli.output import note

EPILOG = """\b
Examples:
  dragoman serve --no-auth
  dragoman serve --host 0.0.0.0 --port 8080
  curl http://127.0.0.1:8080/v1/chat/completions -H "Authorization: Bearer $KEY" \\
    -H "Content-Type: application/json" \\
    -d '{"model": "local", "messages": [{"role": "user", "content": "Hello"}]}'

OpenAI's clients take http://127.0.0.1:8080/v1 as their base URL and an adapter's name as model; clients that call
deployments take http://127.0.0.1:8080 as endpoint and an adapter's name as deployment. Ctrl-C or SIGTERM stops it:
answers that have begun go on for server.grace_s seconds. Requests are logged to stderr, one JSON object a line, without
bodies.
"""


@click.command(epilog=EPILOG)
@click.option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 = every one. [default: server.host]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 = any that is free. [default: server.port]"
)
@click.option(
    "--no-auth", is_flag=True, help="Let every program of this machine in as administrator, in stage dev; no other."
)
@global_options
@pass_invocation
def serve(invocation: Invocation, /, host: str | None, port: int | None, no_auth: bool) -> None:
    """Serve every adapter to OpenAI's clients.

    One door to all of them, with keys, roles, a policy for what callers may change, and a ledger. Callers present a
    key (`dragoman keys create`) or a token of an issuer that the settings name.
    """
    try:
        from dragoman.server.serving import serve as run
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'dragoman[server]'") from None
    settings = invocation.settings(server={"host": host, "port": port})
    code = run(settings, no_auth=no_auth, say=note, debug=invocation.debug)
    click.get_current_context().exit(code)
