"""``dragoman bedrock``: profiles, routers and prompts of an account, and access to models."""

from __future__ import annotations

import click
from dragoman.cli.plugin import CommandGroup, global_options

from dragoman_aws.commands.access import access
from dragoman_aws.commands.profiles import profiles
from dragoman_aws.commands.prompts import prompts
from dragoman_aws.commands.routers import routers

EPILOG = """\b
Examples:
  dragoman bedrock profiles list
  dragoman bedrock profiles create team-a --from us.anthropic.claude-sonnet-4-20250514-v1:0 --tag team=a
  dragoman bedrock routers list
  dragoman bedrock prompts push summary
  dragoman bedrock access my-model
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def bedrock() -> None:
    """Inference profiles, prompt routers and managed prompts of Amazon Bedrock."""


bedrock.add_command(access)
bedrock.add_command(profiles)
bedrock.add_command(prompts)
bedrock.add_command(routers)
