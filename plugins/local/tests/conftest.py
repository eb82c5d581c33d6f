"""What the local provider's tests share: an engine, and hypothesis without a clock."""

import pytest
from dragoman import Engine, Settings
from hypothesis import settings

settings.register_profile("local", deadline=None)  # two shared cores: a slow example is no finding
settings.load_profile("local")


@pytest.fixture
async def engine():
    async with Engine(Settings(plugins={"allow": ["local"]})) as engine:
        yield engine
