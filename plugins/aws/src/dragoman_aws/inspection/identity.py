"""Who AWS says is calling."""

from __future__ import annotations

from dragoman.errors import DragomanError
from dragoman.plugin import CheckStep, Target

from dragoman_aws.identity.connection import BedrockApiKeyAuth
from dragoman_aws.inspection.asking import Regions, not_asked


async def identity_step(target: Target, regions: Regions) -> CheckStep:
    """Return who calls, in AWS's words. Every identity may ask that; where STS is out of reach, calls may still work.

    Taking on the adapter's roles is part of obtaining credentials, which was done before.
    """
    if isinstance(target.connection.auth, BedrockApiKeyAuth):
        return CheckStep.skipped("identity", "a Bedrock API key cannot ask whose it is")
    account = regions.account()
    try:
        answer = await account.call("get_caller_identity", service="sts")
    except DragomanError as error:
        return not_asked("identity", "who calls", error)
    arn = str(answer["Arn"])
    return CheckStep.ok("identity", f"AWS knows the caller as {arn}", arn=arn, account=answer["Account"])
