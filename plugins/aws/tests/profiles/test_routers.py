"""Default routers of the shipped facts, and custom ones in an account of the emulator."""

from __future__ import annotations

import pytest
from dragoman import Engine
from dragoman.errors import DocumentError, ModelNotFoundError
from dragoman_aws.profiles import PromptRouter

from ..cloud import REGION  # noqa: TID252
from .conftest import MODELS_ACCOUNT

LITE, PRO = "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"


@pytest.mark.parametrize(
    ("region", "models"),
    [
        ("us-east-1", ("us.meta.llama3-1-8b-instruct-v1:0", "us.meta.llama3-1-70b-instruct-v1:0")),
        ("sa-east-1", ("meta.llama3-1-8b-instruct-v1:0", "meta.llama3-1-70b-instruct-v1:0")),
        ("eu-west-1", ("meta.llama3-1-8b-instruct-v1:0", "meta.llama3-1-70b-instruct-v1:0")),
    ],
)
def test_a_default_router_knows_the_models_behind_it(region, models):
    router = PromptRouter.default("meta.llama:1", region, "111122223333")
    assert router.arn == f"arn:aws:bedrock:{region}:111122223333:default-prompt-router/meta.llama:1"
    assert router.models == models


def test_a_default_router_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(DocumentError, match=r"there are: anthropic\.claude:1, meta\.llama:1"):
        PromptRouter.default("acme:1", "us-east-1")


async def test_a_custom_router_is_created_shown_called_and_deleted(routers, engine: Engine):
    made = await routers.create("nova", [LITE, f"us.{PRO}"], fallback=LITE, quality_difference_percent=25)
    assert made.arn == f"arn:aws:bedrock:{REGION}:{MODELS_ACCOUNT}:prompt-router/nova"
    assert made.models == (
        f"arn:aws:bedrock:{REGION}::foundation-model/{LITE}",
        f"arn:aws:bedrock:{REGION}:{MODELS_ACCOUNT}:inference-profile/us.{PRO}",
    )
    assert (made.fallback, made.quality_difference_percent) == (made.models[0], 25)
    assert (await engine.resolve({"name": "routed", **made.as_adapter()})).target.model == made.arn
    assert (await routers.get("nova")).arn == made.arn
    assert "nova" in [router.name for router in await routers.list("custom")]
    assert "nova" not in [router.name for router in await routers.list("default")]
    await routers.delete("nova")
    with pytest.raises(ModelNotFoundError, match="there is no prompt router 'nova'"):
        await routers.get("nova")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"models": [LITE]}, "models: are 1"),
        ({"models": [LITE, LITE]}, "models: are 1"),
        ({"fallback": "amazon.nova-micro-v1:0"}, "fallback: is none of the models"),
        ({"quality_difference_percent": 12}, "0 to 100 in steps of 5"),
        ({"quality_difference_percent": 105}, "0 to 100 in steps of 5"),
        ({"name": "a?"}, "name"),
    ],
)
async def test_what_the_service_would_not_take_is_refused_before(routers, given, problem):
    settings = {"name": "r", "models": [LITE, PRO], "fallback": LITE, "quality_difference_percent": 5, **given}
    with pytest.raises(DocumentError, match=problem):
        await routers.create(**settings)
    assert "r" not in [router.name for router in await routers.list()]
