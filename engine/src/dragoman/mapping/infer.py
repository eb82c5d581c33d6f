"""Propose a mapping from one sample request and the answer to it.

A shipped preset is recognised first, by the shapes of both. Else the parts are found by the names that endpoints give
them; where the names do not decide, the proposal says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from dragoman.adapter import SETTING_NAMES, Inference, PayloadMapping, Prompt, plain_setting
from dragoman.errors import DocumentError, Problem, ProviderError
from dragoman.mapping.answer import answer_of
from dragoman.mapping.paths import expression_of
from dragoman.mapping.payload import mapping_problems
from dragoman.mapping.presets import PayloadPreset, payload_preset, payload_preset_names, prompt_presets
from dragoman.mapping.prompt import CONTENT, SYSTEM
from dragoman.mapping.resemblance import Resemblance, resemblance
from dragoman.mapping.rules import RuleCompiler
from dragoman.messages import ROLES

#: The likeliest first.
PROMPT_NAMES = ("prompt", "inputs", "input", "textinputs", "inputtext", "text", "question", "query", "instruction")
ANSWER_NAMES = (
    "generatedtext", "outputtext", "completion", "generation", "answer", "content", "text", "output", "response",
    "result", "prediction",
)  # fmt: skip
SYSTEM_NAMES = frozenset({"system", "systemprompt", "preamble"})
FINISH_NAMES = frozenset({"finishreason", "stopreason", "completionreason", "stoppingreason"})
TOKEN_NAMES: Mapping[str, frozenset[str]] = {
    "tokens_in": frozenset(
        {"prompttokens", "inputtokens", "prompttokencount", "inputtokencount", "inputtexttokencount", "inputlength"}
    ),
    "tokens_out": frozenset(
        {"completiontokens", "outputtokens", "generatedtokens", "generationtokencount", "outputtokencount"}
    ),
}  # fmt: skip
ROLE_WORDS: Mapping[str, str] = {
    "human": "user", "ai": "assistant", "bot": "assistant", "chatbot": "assistant", "model": "assistant",
}  # fmt: skip
FINISH_WORDS: Mapping[str, frozenset[str]] = {
    "stop": frozenset({"stop", "eostoken", "eos", "endturn", "finish", "finished", "complete", "endoftext", "done"}),
    "length": frozenset({"length", "maxtokens", "maxlength"}),
    "stop_sequence": frozenset({"stopsequence", "stopcriteriamet"}),
    "tool_calls": frozenset({"toolcalls", "tooluse", "toolcall"}),
    "content_filter": frozenset({"contentfilter", "contentfiltered"}),
}


class Finding(NamedTuple):
    """One thing that was found, or not: ``path`` is in the sample; ``is_certain`` is false for a guess."""

    path: str
    message: str
    is_certain: bool = True


@dataclass(slots=True)
class Proposal:
    """What a sample suggests. No text of the sample is in it, but for settings and members that are kept.

    Args:
        mapping: The document's ``mapping``.
        prompt: The document's ``prompt``; ``None`` where the request holds messages, or no family's markers.
        inference: The settings that the sample gives a value.
        model_kwargs: The sample's other members, where the mapping does not write them itself.
        findings: How it came about, in order.
    """

    mapping: dict[str, Any]
    prompt: dict[str, Any] | None = None
    inference: dict[str, Any] = field(default_factory=dict)
    model_kwargs: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_certain(self) -> bool:
        """Whether nothing had to be guessed."""
        return all(finding.is_certain for finding in self.findings)


def infer_mapping(request: Any, response: Any) -> Proposal:
    """Propose a mapping.

    Args:
        request: A request's JSON that the endpoint takes.
        response: The JSON that it answered with.

    Raises:
        DocumentError: No prompt or messages are found in the request, or no text in the answer.
    """
    return _recognised(request, response) or _composed(request, response)


# --- a shipped preset --------------------------------------------------------------------------------------------


def _recognised(request: Any, response: Any) -> Proposal | None:
    fits = [
        (preset, found)
        for preset in map(payload_preset, payload_preset_names())
        if preset.operation == "chat"
        and (found := resemblance(preset.mapping["request"], request)) is not None
        and len(found.strange) <= 1
        and _decodes(preset.mapping, response)
    ]
    if not fits:
        return None
    best = max(found.score for _, found in fits)
    alike = [(preset, found) for preset, found in fits if found.score == best]
    alike.sort(key=lambda fit: (fit[0].prompt is not None, len(fit[0].name)))  # the plainest first
    (preset, found), *others = alike
    proposal = Proposal({"preset": preset.name}, inference=_valid(found.settings), model_kwargs=dict(found.extras))
    proposal.findings += _preset_findings(preset, found, [other.name for other, _ in others])
    if found.prompt is not None:
        proposal.prompt = _prompt_of(found.prompt, preset.prompt, proposal.findings)
    return proposal


def _valid(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings whose values ours can be; a sample may hold others, as text for example."""
    valid = {}
    for name, value in settings.items():
        with contextlib.suppress(ValidationError):
            Inference.model_validate({name: value})
            valid[name] = value
    return valid


def _preset_findings(preset: PayloadPreset, found: Resemblance, others: list[str]) -> Iterator[Finding]:
    yield Finding("", f"request and answer have the shape of preset {preset.name}: {preset.title}", not others)
    if others:
        yield Finding("", f"they fit {', '.join(others)} as well: streams, prompt and settings may differ", False)
    for path in found.strange:
        yield Finding(f"request{path}", "the preset does not write it", False)
    for name in found.extras:
        yield Finding(f"request…{name}", "goes into model_kwargs")


def _decodes(mapping: Mapping[str, Any], response: Any) -> bool:
    rules = RuleCompiler({}, {}).rules(PayloadMapping.model_validate(mapping).response, "mapping.response")
    try:
        return bool(answer_of(response, rules).message.parts)
    except ProviderError:
        return False


def _prompt_of(text: str, usual: str | None, findings: list[Finding]) -> dict[str, Any] | None:
    """Return the prompt whose markers the text holds; ``None`` where it is the ``usual`` one, or none at all."""
    bare = text.replace("<s>", "")
    markers = {
        name: marker
        for name, preset in prompt_presets().items()
        if len(marker := _marker(preset.prompt["user"], CONTENT)) > 1 and marker in bare
    }
    if not markers:
        findings.append(Finding("request", "the prompt holds no family's role markers: it is written as plain text"))
        return None if usual is None else {"preset": "plain"}
    longest = max(len(marker) for marker in markers.values())
    names = sorted(name for name, marker in markers.items() if len(marker) == longest)
    opening = {name: _marker(prompt_presets()[name].prompt.get("user_with_system", ""), SYSTEM) for name in names}
    names = [name for name in names if len(opening[name]) > longest and opening[name] in bare] or names
    findings.append(Finding("request", f"the prompt has the role markers of {' or '.join(names)}", len(names) == 1))
    return None if usual in names else {"preset": names[0]}


def _marker(template: str, placeholder: str) -> str:
    return template.partition(placeholder)[0].replace("<s>", "").strip()


# --- put together ------------------------------------------------------------------------------------------------

Keys = tuple[str | int, ...]


def _composed(request: Any, response: Any) -> Proposal:
    findings: list[Finding] = []
    conversation = _find_messages(request) or _find_prompt(request, findings)
    writer = _Writer(conversation, findings)
    skeleton = writer.write(request, ())
    proposal = Proposal({"request": skeleton, "framing": "json"}, findings=findings)
    proposal.inference = _valid(writer.settings)
    if isinstance(value_at(request, conversation), str):
        proposal.prompt = _prompt_of(value_at(request, conversation), None, findings)
    proposal.mapping["response"] = _response(response, proposal)
    prompt = Prompt.model_validate(proposal.prompt) if proposal.prompt else None
    if problems := mapping_problems(PayloadMapping.model_validate(proposal.mapping), prompt, "chat"):
        raise DocumentError("the proposed mapping", problems)
    return proposal


def plain_name(key: str | int) -> str:
    """Return a member's name as the tables above write it."""
    return plain_setting(key)


def leaves(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield every scalar with the keys that lead to it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, (*keys, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*keys, index))
    else:
        yield keys, value


def value_at(value: Any, keys: Keys) -> Any:
    """Return what the keys lead to."""
    for key in keys:
        value = value[key]
    return value


def _find_messages(value: Any, keys: Keys = ()) -> Keys | None:
    """Return the keys of the first list of objects that each have a role."""
    if isinstance(value, list):
        if value and all(isinstance(element, Mapping) and "role" in element for element in value):
            return keys
        inside: Any = enumerate(value)
    elif isinstance(value, Mapping):
        inside = value.items()
    else:
        return None
    return next((found for key, inner in inside if (found := _find_messages(inner, (*keys, key))) is not None), None)


def _find_prompt(request: Any, findings: list[Finding]) -> Keys:
    texts = [(keys, text) for keys, text in leaves(request) if isinstance(text, str) and text]
    if not texts:
        hint = "give a request with a prompt, or with messages that each have a role"
        raise DocumentError("the sample request", [Problem("", "holds no text", hint)])
    return _likeliest(texts, PROMPT_NAMES, "request", "the prompt", findings)


def _likeliest(
    texts: list[tuple[Keys, str]], names: tuple[str, ...], sample: str, what: str, findings: list[Finding]
) -> Keys:
    """Return the keys of the text with the likeliest name, else of the longest; say how sure that is."""

    def rank(keys: Keys) -> int:
        found = [names.index(name) for key in keys if (name := plain_name(key)) in names]
        return min(found, default=len(names))

    best = min(rank(keys) for keys, _ in texts)
    alike = [(keys, text) for keys, text in texts if rank(keys) == best]
    chosen = max(alike, key=lambda found: len(found[1]))[0]
    is_certain = best < len(names) and len(alike) == 1
    place = f"{sample}.{expression_of(chosen)}"
    why = "by its name" if is_certain else f"a guess: the longest of {len(alike)} texts that it could be"
    findings.append(Finding(place, f"is {what} ({why})", is_certain))
    return chosen


class _Writer:
    """Writes a sample request as a skeleton."""

    def __init__(self, conversation: Keys, findings: list[Finding]) -> None:
        self._conversation = conversation
        self._findings = findings
        self.settings: dict[str, Any] = {}

    def write(self, value: Any, keys: Keys) -> Any:
        """Return what stands for a part of the sample."""
        if keys == self._conversation:
            return {"$": "prompt"} if isinstance(value, str) else self._messages(value, keys)
        if keys == self._conversation[: len(keys)]:
            if isinstance(value, list):
                return [self.write(inner, (*keys, index)) for index, inner in enumerate(value)]
            return {name: self.write(inner, (*keys, name)) for name, inner in value.items()}
        if isinstance(value, Mapping):
            return self._object(value, keys)
        return self._leaf(value, keys)

    def _object(self, value: Mapping[str, Any], keys: Keys) -> Any:
        before = len(self.settings)
        written = {name: self.write(inner, (*keys, name)) for name, inner in value.items()}
        if len(self.settings) > before and all(not isinstance(key, int) for key in keys):
            self._note(keys, "holds settings, so model_kwargs go there")
            written["$spread"] = "model_kwargs"
        return written

    def _leaf(self, value: Any, keys: Keys) -> Any:
        name = plain_name(keys[-1]) if keys else ""
        if name == "stream" and isinstance(value, bool):
            self._note(keys, "says whether a stream is wanted; how one looks, a whole answer does not tell", sure=False)
            return {"$": "stream"}
        if name in SYSTEM_NAMES and isinstance(value, str):
            self._note(keys, "is the system message")
            return {"$": "system"}
        for setting, names in SETTING_NAMES.items():
            is_ours = setting in Inference.model_fields and setting not in self.settings
            if name in names and is_ours and not isinstance(value, bool | str):
                self._note(keys, f"is inference.{setting}")
                self.settings[setting] = value
                return {"$": f"params.{setting}"}
        self._note(keys, "is kept as it is")
        return value

    def _messages(self, messages: list[Any], keys: Keys) -> Any:
        self._note(keys, "are the messages")
        sample = messages[-1]
        roles = sorted({str(message["role"]) for message in messages})
        written: dict[str, Any] = {"role": {"$": "role"}}
        if own := {ROLE_WORDS.get(role.lower(), ""): role for role in roles if role not in ROLES}:
            self._note(keys, f"have roles of their own: {', '.join(own.values())}; complete the map", sure=False)
            written["role"]["map"] = {ours: theirs for ours, theirs in own.items() if ours}
        name = next((n for n in sample if n != "role" and isinstance(sample[n], str | list)), "content")
        written[name] = {"$": "content"} if isinstance(sample.get(name), str) else self._blocks(sample.get(name))
        return {"$each": "messages", "do": written}

    def _blocks(self, blocks: Any) -> Any:
        block = next((b for b in blocks or () if isinstance(b, Mapping) and isinstance(b.get("text"), str)), {})
        return {"$each": "blocks", "do": {"$switch": "type", "cases": {"text": {**block, "text": {"$": "text"}}}}}

    def _note(self, keys: Keys, message: str, *, sure: bool = True) -> None:
        self._findings.append(Finding(f"request.{expression_of(keys)}", message, sure))


def _response(response: Any, proposal: Proposal) -> dict[str, Any]:
    found = list(leaves(response))
    rules: dict[str, Any] = {}
    for keys, value in found:
        name = plain_name(keys[-1]) if keys else ""
        if name in FINISH_NAMES and isinstance(value, str):
            rules.setdefault("finish", expression_of(keys))
            proposal.mapping["finish_map"] = _finish_map(value, keys, proposal.findings)
        for rule, names in TOKEN_NAMES.items():
            if name in names and isinstance(value, int):
                rules.setdefault(rule, expression_of(keys))
                proposal.findings.append(Finding(f"response.{expression_of(keys)}", f"is {rule}"))
    texts = [(k, v) for k, v in found if isinstance(v, str) and v and plain_name(k[-1] if k else "") not in _NO_ANSWER]
    if not texts:
        raise DocumentError("the sample answer", [Problem("", "holds no text", "give an answer that is not empty")])
    text = _likeliest(texts, ANSWER_NAMES, "response", "the answer's text", proposal.findings)
    return {"text": expression_of(text), **rules}


_NO_ANSWER = FINISH_NAMES | {"role", "id", "model", "object", "type", "created", "name"}


def _finish_map(word: str, keys: Keys, findings: list[Finding]) -> dict[str, str]:
    reason = next((reason for reason, words in FINISH_WORDS.items() if plain_name(word) in words), None)
    place = f"response.{expression_of(keys)}"
    if reason is None:
        findings.append(Finding(place, "is the finish reason; what its word means must be said in finish_map", False))
        return {}
    findings.append(
        Finding(place, f"is the finish reason; {word!r} means {reason}, its other words are not known", False)
    )
    return {word: reason}
