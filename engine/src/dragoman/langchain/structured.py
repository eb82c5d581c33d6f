"""Structured output: a schema becomes a tool or a response format, and the answer becomes what the schema describes."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function as convert_function
from langchain_core.utils.pydantic import is_basemodel_subclass

Method = Literal["function_calling", "json_schema", "json_mode"]
Schema = Mapping[str, Any] | type


def structured(
    model: Any,
    schema: Schema | None,
    method: Method,
    *,
    include_raw: bool,
    strict: bool | None,
    arguments: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """Return a runnable that answers with an instance of a pydantic class, or a dict for every other schema.

    Raises:
        ValueError: The method is not known, needs a schema that is not there, or knows no ``strict``.
    """
    if method not in _METHODS:
        raise ValueError(f"method is {method!r}; one of {', '.join(_METHODS)} is expected")
    if schema is None and method != "json_mode":
        raise ValueError(f"method {method} needs a schema")
    if strict is not None and method == "json_mode":
        raise ValueError("method json_mode knows no strict: nothing but the prompt tells it the schema")
    told = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    beside = {**arguments, "ls_structured_output_format": told}
    bound, parse = _METHODS[method](model, schema, strict, beside)
    parser: Runnable[Any, Any] = RunnableLambda(_unless_refused) | parse
    if not include_raw:
        answer: Runnable[LanguageModelInput, Any] = bound | parser
        return answer
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")


# --- one function for each method: the model with its arguments bound, and the parser -------------------------------


def _by_function(model: Any, schema: Any, strict: bool | None, beside: dict[str, Any]) -> tuple[Any, Any]:
    name = convert_function(schema)["name"]
    bound = model.bind_tools([schema], tool_choice=name, strict=strict, **beside)
    if _is_pydantic(schema):
        return bound, PydanticToolsParser(tools=[schema], first_tool_only=True)
    return bound, JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _by_schema(model: Any, schema: Any, strict: bool | None, beside: dict[str, Any]) -> tuple[Any, Any]:
    function = convert_function(schema, strict=strict)
    described: dict[str, Any] = {"name": function["name"], "schema": function["parameters"]}
    if function.get("description"):
        described["description"] = function["description"]
    if strict is not None:
        described["strict"] = strict
    return model.bind(response_format={"type": "json_schema", "json_schema": described}, **beside), _json(schema)


def _by_mode(model: Any, schema: Any, strict: bool | None, beside: dict[str, Any]) -> tuple[Any, Any]:
    return model.bind(response_format={"type": "json_object"}, **beside), _json(schema)


_METHODS = {"function_calling": _by_function, "json_schema": _by_schema, "json_mode": _by_mode}


def _json(schema: Any) -> Any:
    return PydanticOutputParser(pydantic_object=schema) if _is_pydantic(schema) else JsonOutputParser()


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _unless_refused(message: AIMessage) -> AIMessage:
    if refusal := message.additional_kwargs.get("refusal"):
        raise OutputParserException(f"the model refused: {refusal}", llm_output=refusal)
    return message
