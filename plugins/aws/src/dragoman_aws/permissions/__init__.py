"""Least-privilege policies for what an adapter, a profile or a router needs. No call of AWS is made.

print(grant("us.anthropic.claude-sonnet-4-20250514-v1:0", region="us-east-1", account="111122223333").document)
grant(adapter_target, "arn:aws:iam::111122223333:role/Invoke").notes
"""

from dragoman_aws.permissions.grants import Grant, allowed, grant, merged
from dragoman_aws.permissions.rendering import as_cloudformation, as_terraform
from dragoman_aws.permissions.secrets import grant_secrets
from dragoman_aws.permissions.statements import Statement
from dragoman_aws.permissions.targets import grants_of_adapter, permissions_of_adapter
from dragoman_aws.permissions.trust import trust_account, trust_role, trust_service_account

__all__ = [
    "Grant",
    "Statement",
    "allowed",
    "as_cloudformation",
    "as_terraform",
    "grant",
    "grant_secrets",
    "grants_of_adapter",
    "merged",
    "permissions_of_adapter",
    "trust_account",
    "trust_role",
    "trust_service_account",
]
