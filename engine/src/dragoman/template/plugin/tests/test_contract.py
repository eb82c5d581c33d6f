"""The contract of a provider, kept by this one."""

from __future__ import annotations

import pytest
from dragoman.testing.contract import ProviderCase, ProviderContract
from dragoman_acme.case import CASE


class TestContract(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return CASE
