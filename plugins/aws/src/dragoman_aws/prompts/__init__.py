"""Bedrock's prompt management: prompts of a deployment written into an account, and read from one.

    account = await Account.of(engine, "my-adapter")
    planned = await plan(engine, ManagedPrompts(account), await engine.prompts.get("summary"))
    await push(ManagedPrompts(account), planned)
    found = await read_prompt(engine, ManagedPrompts(account), "summary-plain")

The service keeps one variant in a prompt, so that each variant of ours is a prompt there: ``summary-plain``. Nothing is
asked of AWS before the first call; importing this package loads no botocore.
"""

from dragoman_aws.prompts.importing import ImportedPrompt, read_prompt
from dragoman_aws.prompts.managed import ManagedPrompt, ManagedPrompts
from dragoman_aws.prompts.pushing import Plan, Pushed, Step, plan, push

__all__ = [
    "ImportedPrompt",
    "ManagedPrompt",
    "ManagedPrompts",
    "Plan",
    "Pushed",
    "Step",
    "plan",
    "push",
    "read_prompt",
]
