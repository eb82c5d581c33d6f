"""``dragoman policy``: what IAM has to allow, and whom a role has to trust. No call of AWS is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from dragoman.cli.plugin import (
    Invocation,
    adapter_from,
    global_options,
    note,
    pass_invocation,
    read_document,
    write,
    write_document,
    write_json,
)

from dragoman_aws.identity.region import partition as partition_of
from dragoman_aws.permissions import (
    Grant,
    allowed,
    as_cloudformation,
    as_terraform,
    grant,
    grant_secrets,
    grants_of_adapter,
    trust_account,
    trust_role,
    trust_service_account,
)
from dragoman_aws.permissions.grants import OPEN_ACCOUNT
from dragoman_aws.permissions.rendering import PRINCIPAL
from dragoman_aws.profiles import facts
from dragoman_aws.profiles.declared import read_declaration
from dragoman_aws.uses import USES

EPILOG = """\b
Examples:
  dragoman policy my-adapter
  dragoman policy us.amazon.nova-lite-v1:0 --region us-east-1 --account 111122223333 --format terraform
  dragoman policy profiles.yaml --region us-east-1 --for manage
  dragoman policy --trust 444455556666 --external-id dragoman-7f3a
  dragoman policy my-adapter --trust 444455556666 --format cloudformation
  dragoman policy --trust-oidc https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE --account 111122223333 \\
      --namespace llm --service-account gateway
"""


@dataclass(frozen=True)
class _Wanted:
    """What the options say about every target."""

    regions: tuple[str, ...]
    account: str
    principal: str | None
    uses: tuple[Any, ...]
    streaming: bool
    base_model: str | None
    source: tuple[str, ...]
    through_profile_only: bool
    batch_role: str | None
    s3_outputs: tuple[str, ...]

    @property
    def of_any_target(self) -> dict[str, Any]:
        """What an adapter and any other target are asked with alike."""
        return {
            "region": self.regions,
            "account": self.account,
            "uses": self.uses,
            "streaming": self.streaming,
            "source": self.source,
            "through_profile_only": self.through_profile_only,
            "batch_role": self.batch_role,
        }


def _principal(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not PRINCIPAL.fullmatch(value):
        raise click.BadParameter("the ARN of a role or user is expected: arn:aws:iam::111122223333:role/Gateway")
    return value


@click.command(epilog=EPILOG)
@click.argument("targets", metavar="[NAME|FILE|ID|ARN]...", nargs=-1)
@click.option("--region", "regions", metavar="REGION", multiple=True, help="Where it is called; may be repeated.")
@click.option("--account", default="", metavar="ID", help="Whose the profiles and routers are, in 12 digits.")
@click.option("--principal", metavar="ARN", callback=_principal, help="The role or user that gets it.")
@click.option("--for", "uses", type=click.Choice(USES), multiple=True, help="What for; invoke unless it is said.")
@click.option("--no-streaming", is_flag=True, help="Answers are never streamed.")
@click.option("--base-model", metavar="ID", help="The model behind an ARN or a new profile.")
@click.option("--source", metavar="ID|ARN", multiple=True, help="What an application profile or a router stands for.")
@click.option("--through-profile-only", is_flag=True, help="The models may be reached through the profile alone.")
@click.option("--batch-role", metavar="ARN", help="With --for batch: the role that the service works with.")
@click.option(
    "--s3-output", "s3_outputs", metavar="S3", multiple=True, help="Where an asynchronous endpoint puts answers."
)
@click.option("--secret", "secrets", metavar="NAME|ARN", multiple=True, help="A secret to read; may be repeated.")
@click.option("--kms-key", metavar="ARN", help="With --secret: the key that it is encrypted with.")
@click.option("--trust", "trusted", metavar="ACCOUNT|ARN", help="A trust policy for this account, role or user.")
@click.option("--external-id", metavar="ID", help="With --trust: what the caller must bring.")
@click.option("--trust-oidc", metavar="ARN|URL", help="A trust policy for a service account of a cluster (IRSA).")
@click.option("--namespace", metavar="NAME", help="With --trust-oidc.")
@click.option("--service-account", metavar="NAME", help="With --trust-oidc.")
@click.option("--format", "form", type=click.Choice(["json", "cloudformation", "terraform"]), default="json")
@global_options
@pass_invocation
def policy(invocation: Invocation, /, **given: Any) -> None:
    """Print the least-privilege policies that adapters, profiles and routers need.

    NAME is an adapter, FILE an adapter's document or a declaration of profiles, ID a model, a profile or a default
    router. What is not known, where a profile routes to or whose it is, is told on stderr. No call of AWS is made.
    """
    trust = _trust(given) if given["trusted"] or given["trust_oidc"] else None
    if trust is not None and given["form"] == "json":
        if given["targets"] or given["secrets"]:
            raise click.UsageError("a role that trusts and may do something takes --format cloudformation or terraform")
        write_json(trust)
        return
    if trust is None and not given["targets"] and not given["secrets"]:
        raise click.UsageError("a target, --secret, --trust or --trust-oidc is expected")
    wanted = _Wanted(
        regions=given["regions"],
        account=given["account"],
        principal=given["principal"],
        uses=given["uses"] or ("invoke",),
        streaming=not given["no_streaming"],
        base_model=given["base_model"],
        source=given["source"],
        through_profile_only=given["through_profile_only"],
        batch_role=given["batch_role"],
        s3_outputs=given["s3_outputs"],
    )
    grants = invocation.run(lambda engine: _granted(engine, given["targets"], wanted))
    if given["secrets"]:
        region = wanted.regions[0] if wanted.regions else ""
        grants.append(
            grant_secrets(
                given["secrets"], wanted.principal, region=region, account=wanted.account, kms_key=given["kms_key"]
            )
        )
    _print(grants, given["form"], trust)


async def _granted(engine: Any, targets: Iterable[str], wanted: _Wanted) -> list[Grant]:
    grants: list[Grant] = []
    for text in targets:
        grants += await _grants_of(engine, text, wanted)
    return grants


async def _grants_of(engine: Any, text: str, wanted: _Wanted) -> list[Grant]:
    catalog = await engine.catalog()
    if text in catalog.entries or text in catalog.by_alias:
        return await _of_adapter(engine, text, wanted)
    if await engine.run_blocking(Path(text).is_file):
        document = await engine.run_blocking(read_document, Path(text))
        if "profiles" in document:
            return [_of_target(row.source, wanted) for row in read_declaration(document, text)]
        return await _of_adapter(engine, document, wanted)
    if text.startswith("arn:") or "." in text or text in facts.default_routers():
        return [_of_target(text, wanted)]
    return await _of_adapter(engine, await adapter_from(engine, text), wanted)


async def _of_adapter(engine: Any, adapter: str | Mapping[str, Any], wanted: _Wanted) -> list[Grant]:
    resolved = await engine.resolve(adapter)
    first, *rest = grants_of_adapter(
        resolved.target,
        resolved.settings,
        wanted.principal,
        s3_outputs=wanted.s3_outputs,
        **wanted.of_any_target,
    )
    chosen = (f"{resolved.choice}: the policy is for that one",) if resolved.choice else ()
    return [replace(first, notes=(*chosen, *first.notes)), *rest]


def _of_target(target: str, wanted: _Wanted) -> Grant:
    return grant(target, wanted.principal, base_model=wanted.base_model, **wanted.of_any_target)


# --- printing ----------------------------------------------------------------------------------------------------


def _print(every: list[Grant], form: str, trust: Mapping[str, Any] | None) -> None:
    grants, notes = allowed(every)
    if form == "cloudformation":
        write(write_document(as_cloudformation(grants, trust), ".yaml"))
    elif form == "terraform":
        write(as_terraform(grants, trust))
    elif len(grants) == 1:
        write_json(grants[0].document)
    else:
        write_json([{"principal": g.principal, "title": g.title, "policy": g.document} for g in grants])
    for told in notes:
        if form == "json" or told != OPEN_ACCOUNT:  # snippets take the account that they are applied in
            note(told)


def _trust(given: Mapping[str, Any]) -> dict[str, Any]:
    partition = partition_of(given["regions"][0]) if given["regions"] else "aws"
    if given["trust_oidc"]:
        if not given["namespace"] or not given["service_account"]:
            raise click.UsageError("--trust-oidc needs --namespace and --service-account")
        names = (given["trust_oidc"], given["namespace"], given["service_account"])
        return trust_service_account(*names, account=given["account"], partition=partition)
    if given["trusted"].startswith("arn:"):
        return trust_role(given["trusted"], external_id=given["external_id"])
    return trust_account(given["trusted"], external_id=given["external_id"], partition=partition)
