"""LangChain's standard unit tests, for the face on each provider."""

import pytest

pytest.importorskip("langchain_tests", reason="langchain-tests is not installed")

from langchain_tests.unit_tests import ChatModelUnitTests

from .standard import Face, for_each_provider

globals().update(for_each_provider(ChatModelUnitTests, "Unit", Face))
del ChatModelUnitTests
