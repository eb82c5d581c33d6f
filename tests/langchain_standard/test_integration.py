"""LangChain's standard integration tests, for the face on each provider."""

import pytest

pytest.importorskip("langchain_tests", reason="langchain-tests is not installed")

from langchain_tests.integration_tests import ChatModelIntegrationTests

from .standard import ServedFace, for_each_provider

globals().update(for_each_provider(ChatModelIntegrationTests, "Integration", ServedFace))
del ChatModelIntegrationTests
