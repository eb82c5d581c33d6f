"""What stands in the place of a Bedrock model: cross-region and application profiles, and prompt routers.

    account = await Account.of(engine, "my-adapter")
    profile = CrossRegionInferenceProfile.from_config("us", "anthropic.claude-sonnet-4-20250514-v1:0")
    made = await ApplicationProfiles(account).create("team-a", profile.id, tags={"team": "a"})

Nothing is asked of AWS before the first call; importing this package loads no botocore.
"""

from dragoman_aws.profiles.account import Account
from dragoman_aws.profiles.application import ApplicationProfile, ApplicationProfiles
from dragoman_aws.profiles.cross_region import CrossRegionInferenceProfile, discover
from dragoman_aws.profiles.declared import DeclaredProfile, Plan, Step
from dragoman_aws.profiles.importing import imported_from_arn, imported_from_attributes, imported_from_template
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.profiles.routers import PromptRouter, PromptRouters

__all__ = [
    "Account",
    "ApplicationProfile",
    "ApplicationProfiles",
    "CrossRegionInferenceProfile",
    "DeclaredProfile",
    "Invokable",
    "Plan",
    "PromptRouter",
    "PromptRouters",
    "Step",
    "discover",
    "imported_from_arn",
    "imported_from_attributes",
    "imported_from_template",
]
