"""The engine's own commands, as a table: enough for ``--help`` without importing any of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class TableEntry(NamedTuple):
    """Where a command is (``module:attribute``), and its line in the list of commands."""

    target: str
    short_help: str


TABLE: Mapping[str, TableEntry] = MappingProxyType(
    {
        "adapters": TableEntry("dragoman.cli.adapters:adapters", "List, show, check and compare adapters."),
        "agents": TableEntry("dragoman.cli.agents:agents", "List, show and run agents with tools."),
        "chat": TableEntry("dragoman.cli.chat:chat", "Ask a model, once or in a conversation."),
        "config": TableEntry("dragoman.cli.config:config", "Show every setting and where its value comes from."),
        "database": TableEntry("dragoman.cli.database:database", "Show, migrate and prune the gateway's database."),
        "doctor": TableEntry("dragoman.cli.doctor:doctor", "Check adapters step by step, up to a call of one token."),
        "embed": TableEntry("dragoman.cli.embed:embed", "Turn texts into vectors."),
        "export": TableEntry("dragoman.cli.export:export", "Write this deployment for other systems."),
        "inference": TableEntry("dragoman.cli.inference:inference", "List, show and apply inference configurations."),
        "keys": TableEntry("dragoman.cli.keys:keys", "Make, list and revoke keys of the gateway."),
        "models": TableEntry("dragoman.cli.models:models", "List the models that can be called, read live."),
        "plugins": TableEntry("dragoman.cli.plugins:plugins", "Show the plugins that loaded and those that failed."),
        "prompts": TableEntry("dragoman.cli.prompts:prompts", "List, show, render, run, compare and publish prompts."),
        "rerank": TableEntry("dragoman.cli.rerank:rerank", "Put documents in order by their relevance to a query."),
        "serve": TableEntry("dragoman.cli.serve:serve", "Serve every adapter to OpenAI's clients."),
        "secrets": TableEntry("dragoman.cli.secrets:secrets", "Show which secrets are present, never a value."),
        "usage": TableEntry("dragoman.cli.usage:usage", "Show what was used and what it cost."),
    }
)

EXPORTS: Mapping[str, TableEntry] = MappingProxyType(
    {
        "kubernetes": TableEntry("dragoman.cli.kubernetes:kubernetes", "Print the manifests that run this deployment."),
    }
)

#: Groups that take commands of plugins, with ours: an entry point named ``export.acme`` is ``dragoman export acme``.
#: The root's is named by the empty text.
OPEN_GROUPS: Mapping[str, Mapping[str, TableEntry]] = MappingProxyType({"": TABLE, "export": EXPORTS})
