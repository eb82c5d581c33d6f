"""What a `model` addresses: ARNs and ids of everything that Bedrock can invoke."""

from __future__ import annotations

import re
from typing import NamedTuple

from dragoman.errors import DocumentError, Problem

from dragoman_aws.identity.region import partition as partition_of
from dragoman_aws.profiles import facts

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>bedrock|sagemaker):(?P<region>[a-z0-9-]*):(?P<account>\d{12}|):"
    r"(?P<kind>[a-z-]+)/(?P<id>\S+)"
)
#: Kinds of resources that calls can address. Service model of bedrock-runtime, botocore 1.44.5, and AWS's list of
#: resource types of Bedrock, read 2026-11.
KINDS = (
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "default-prompt-router",
    "prompt-router",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "prompt",
    "endpoint",
)
#: The kinds that belong to no account.
_SHARED = ("foundation-model",)


class Invokable(NamedTuple):
    """Something that can be invoked. ``region`` and ``account`` are empty where they are not known."""

    kind: str
    id: str
    region: str = ""
    account: str = ""
    partition: str = "aws"

    @property
    def arn(self) -> str:
        """Its ARN; an account that is not known becomes ``*``, which a policy may say and a call may not."""
        service = "sagemaker" if self.kind == "endpoint" else "bedrock"
        account = "" if self.kind in _SHARED else self.account or "*"
        return f"arn:{self.partition}:{service}:{self.region}:{account}:{self.kind}/{self.id}"

    @property
    def resource_id(self) -> str:
        """The id without a version; only prompts have one."""
        return self.id.partition(":")[0] if self.kind == "prompt" else self.id

    @classmethod
    def of(cls, model: str, region: str, account: str = "", *, base_model: str | None = None) -> Invokable:
        """Read an id or an ARN.

        Args:
            model: As an adapter writes it.
            region: Where an id is called.
            account: Whose id it is.
            base_model: The model behind it, where that is declared: ``xx.M`` is a profile of the model ``M`` then,
                whatever ``xx`` is.

        Raises:
            DocumentError: It is an ARN of something else.
        """
        if model.startswith("arn:"):
            return cls.from_arn(model)
        kind = "inference-profile" if facts.split_profile(model, base_model) else "foundation-model"
        return cls(kind, model, region, "" if kind in _SHARED else account, partition_of(region))

    @classmethod
    def from_arn(cls, arn: str) -> Invokable:
        """Read an ARN; raise ``DocumentError`` where it is none, or names nothing that can be invoked."""
        found = _ARN.fullmatch(arn)
        if found is None or found["kind"] not in KINDS:
            problem = Problem("model", f"{arn!r} is not the ARN of something that Bedrock invokes", _known())
            raise DocumentError("model", [problem])
        return cls(found["kind"], found["id"], found["region"], found["account"], found["partition"])


def _known() -> str:
    return f"ARNs of these are: {', '.join(KINDS)}"
