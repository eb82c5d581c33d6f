"""Who may change what: the one place that decides what a caller's override may do to an adapter.

Effective documents are compared, field by field, without and with the caller's change, after base, configuration and
upstreams are expanded. So it does not matter how a change is written: what it does is what counts. A field that no
rule names may be changed by nobody. A call without a caller is the embedding program's own and is not asked.
"""

from dragoman.policy.caller import Caller, Rights
from dragoman.policy.decision import Policy
from dragoman.policy.differences import Change
from dragoman.policy.shown import hidden_members, shown_document, shown_origins

__all__ = ["Caller", "Change", "Policy", "Rights", "hidden_members", "shown_document", "shown_origins"]
