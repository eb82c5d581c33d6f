"""What policies can be asked for; the first is a call. ``dragoman_aws.permissions`` writes them."""

from __future__ import annotations

from typing import Literal

Use = Literal["invoke", "lookup", "access", "prompt", "batch", "list", "manage"]
USES: tuple[Use, ...] = ("invoke", "lookup", "access", "prompt", "batch", "list", "manage")
#: Those of an endpoint of SageMaker.
ENDPOINT_USES: tuple[Use, ...] = ("invoke", "lookup", "list")
