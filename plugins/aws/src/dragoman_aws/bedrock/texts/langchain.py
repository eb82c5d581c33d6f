"""The LangChain doors for texts: langchain-aws's ``BedrockEmbeddings`` and ``BedrockRerank``.

Both read keys, regions and addresses from the environment where they make their own client; here they get one (read in
langchain-aws 1.9.1). Settings that a class writes its own way, or has no field for, are refused.
"""

from __future__ import annotations

import os
from typing import Any, NoReturn

from dragoman.errors import UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_aws.bedrock.address import endpoint_of
from dragoman_aws.bedrock.converse.settings import filled, merge
from dragoman_aws.bedrock.embed_families import EMBED_FAMILIES
from dragoman_aws.bedrock.langchain import NO_KEYS, client_for, langchain_aws
from dragoman_aws.bedrock.texts.open import agent_endpoint_of, embed_family_of, model_arn
from dragoman_aws.bedrock.texts.rerank import MAX_DOCUMENTS
from dragoman_aws.identity.region import choose_region

_MAKERS = {"titan": "amazon", "cohere": "cohere", "nova": "amazon"}


def embeddings(target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
    """Return a ``BedrockEmbeddings``; blocks while it is built.

    It says itself what texts are for, and for Nova which end is cut off.

    Raises:
        UnsupportedError: langchain-aws is not installed, or the adapter says something that the class cannot.
    """
    if target.mapping is not None:
        _refuse("the LangChain class knows its families only", "mapping", "use runtime: native")
    _refuse_arguments(settings)
    name = embed_family_of(target)
    family = EMBED_FAMILIES[name]
    if family.answer == "nova" and not ("nova" in target.model and "embed" in target.model):
        _refuse("the LangChain class knows Nova by its id alone", "model", "use runtime: native")
    inference, kwargs = settings.inference, dict(settings.model_kwargs)
    own: dict[str, Any] = {}
    for setting in ("dimensions", "input_type", "truncate", "normalize"):
        value = getattr(inference, setting)
        if value is None:
            continue
        if setting not in family.settings:
            _refuse(f"the family {name} has no place for it", f"inference.{setting}")
        if family.answer != "nova":
            merge(kwargs, filled(family.settings[setting], value))
        elif setting == "dimensions":
            own["dimensions"] = value
        else:
            _refuse("the LangChain class writes it itself", f"inference.{setting}")
    if inference.encodings is not None:
        _refuse("the LangChain class reads floats only", "inference.encodings")
    region = choose_region(target.connection, os.environ).name
    endpoint = endpoint_of(target.connection, region)
    return langchain_aws().BedrockEmbeddings(
        client=client_for("bedrock-runtime", target, endpoint, settings, context),
        model_id=target.model,
        provider=_MAKERS[family.answer],
        model_kwargs=kwargs or None,
        region_name=region,
        endpoint_url=endpoint,
        credentials_profile_name=None,
        **dict.fromkeys(NO_KEYS),
        **own,
    )


def compressor(target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
    """Return a ``BedrockRerank`` that ranks all it is given; blocks while it is built. Raises likewise."""
    if target.mapping is not None:
        _refuse("the LangChain class speaks Rerank only", "mapping", "use runtime: native")
    _refuse_arguments(settings)
    if settings.inference.max_tokens_per_document is not None:
        _refuse("Rerank does not take it", "inference.max_tokens_per_document")
    if settings.model_kwargs:
        _refuse("the LangChain class has no field for it", f"model_kwargs.{next(iter(settings.model_kwargs))}")
    region = choose_region(target.connection, os.environ).name
    endpoint = agent_endpoint_of(target.connection, region)
    return langchain_aws().BedrockRerank(
        client=client_for("bedrock-agent-runtime", target, endpoint, settings, context),
        model_arn=model_arn(target.model, region),
        top_n=MAX_DOCUMENTS,
        region_name=region,
        base_url=endpoint,
        credentials_profile_name=None,
        **dict.fromkeys(NO_KEYS),
    )


def _refuse_arguments(settings: CallSettings[Any]) -> None:
    for name in settings.endpoint_kwargs:
        _refuse("the LangChain class has no field for it", f"endpoint_kwargs.{name}")


def _refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)
