"""Payload mappings: endpoints with JSON of their own, described as data.

A mapping says how a request becomes the endpoint's JSON and how its answer becomes ours. It is compiled once, into a
:class:`~dragoman.provider.Payload` that a plugin's codec composes with its addresses, headers and credentials; nothing
here knows a provider. ``docs/mapping.md`` describes the language.
"""

from dragoman.mapping.payload import MappedPayload, compile_payload, mapping_problems
from dragoman.mapping.presets import payload_preset, payload_preset_names, prompt_preset, prompt_presets
from dragoman.mapping.texts import compile_embed_payload, compile_rerank_payload

__all__ = [
    "MappedPayload",
    "compile_embed_payload",
    "compile_payload",
    "compile_rerank_payload",
    "mapping_problems",
    "payload_preset",
    "payload_preset_names",
    "prompt_preset",
    "prompt_presets",
]
