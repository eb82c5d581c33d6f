"""AWS's signature version 4, made by ``dragoman-aws``."""

from __future__ import annotations

import os
from dataclasses import replace

from dragoman.plugin import Authorizer, Context, Target

from dragoman_http.aws import aws_connection
from dragoman_http.connection import SigV4Auth


def sigv4_authorizer(auth: SigV4Auth, target: Target, context: Context) -> Authorizer:
    """Return the authorizer of the identity, which caches and renews its credentials."""
    from dragoman_aws.identity.authorizer import authorizer
    from dragoman_aws.identity.region import choose_region

    connection = aws_connection(**auth.identity)
    region = choose_region(connection, os.environ).name
    return authorizer(replace(target, connection=connection), context, service=auth.service, region=region)
