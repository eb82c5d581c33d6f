"""Which region a call goes to, and why."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import NamedTuple

from dragoman.errors import DocumentError, Problem

from dragoman_aws.identity.connection import REGION_PATTERN, AwsConnection

logger = logging.getLogger("dragoman.aws")

#: Where a region is looked for when the adapter names none, in order.
_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_LEGACY_VARIABLE = "DEFAULT_REGION"

#: Start of a region's name -> the end of its services' host names; all others have the usual one. The longest start
#: counts. botocore's partitions.json, 1.44.5.
_DNS_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
#: Start of a region's name -> its partition; all others are in ``aws``.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
}


class RegionChoice(NamedTuple):
    """A region's name, and where it was written, for a person."""

    name: str
    origin: str


def choose_region(connection: AwsConnection, environment: Mapping[str, str]) -> RegionChoice:
    """Return the connection's region, else the environment's; raise ``DocumentError`` where neither names one.

    A variable that is set to nothing counts as not set. The legacy one is taken with a warning in the log.
    """
    if connection.region:
        return RegionChoice(connection.region, "connection.region")
    for variable in (*_VARIABLES, _LEGACY_VARIABLE):
        if name := environment.get(variable):
            return _from_environment(variable, name)
    raise _wrong("is missing")


def _from_environment(variable: str, name: str) -> RegionChoice:
    origin = f"environment {variable}"
    if not re.fullmatch(REGION_PATTERN, name):
        raise _wrong(f"comes from the {origin}, whose value is not the name of a region")
    if variable == _LEGACY_VARIABLE:
        logger.warning("the region %s comes from %s, which no other AWS tool reads; set AWS_REGION", name, variable)
    return RegionChoice(name, origin)


def _wrong(what: str) -> DocumentError:
    problem = Problem("connection.region", what, "set it, or AWS_REGION in the environment")
    return DocumentError("connection", [problem])


def partition(region: str) -> str:
    """Return the partition that begins a region's ARNs, ``aws`` in most."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def dns_suffix(region: str) -> str:
    """Return the end of host names in a region's partition, ``amazonaws.com`` in most."""
    return next((suffix for start, suffix in _DNS_SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
