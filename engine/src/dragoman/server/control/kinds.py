"""The kinds of documents that can be saved at run time; one row each."""

from dragoman.server.control import adapters, agents, inference, prompts

KINDS = (adapters.KIND, inference.KIND, prompts.KIND, agents.KIND)
