"""Calls from the page: streaming, stop, comparison, bulk runs, terms, errors, and text that stays text."""

import json

import pytest
from playwright.sync_api import expect

from .steps import ask, complete, send


def test_an_answer_comes_with_its_figures_and_raw_events(tab):
    page = tab.open("try/acme-voice")
    send(page, "Hello")
    log = page.get_by_role("log")
    expect(log).to_contain_text("voice-1 at north, volume 4.0: Hello")
    for figure in ("first token", "tokens/s", "7 in, 5 out", "cost 0.0170 USD", "finish stop"):
        expect(log).to_contain_text(figure)
    page.get_by_text("Raw events").click()
    expect(log.locator("pre")).to_contain_text("chat.completion.chunk")


def test_stop_in_mid_stream_ends_the_call_at_the_provider_too(tab, acme):
    page = tab.open("try/acme-voice")
    before = len(acme.closed)
    send(page, "wait")
    expect(page.get_by_role("log")).to_contain_text("It begins")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("log")).to_contain_text("stopped by you")
    send(page, "again")  # the gateway has seen the first one go by the time it answers the second
    expect(page.get_by_role("log")).to_contain_text("again")
    page.wait_for_function("document.querySelectorAll('.figures').length === 2")
    assert len(acme.closed) == before + 1


def test_an_error_stands_where_it_happened_and_says_what_to_do(new_tab, gateway):
    page = new_tab(gateway, refusals=True).open("try/acme-voice")
    send(page, "fail")
    error = page.get_by_role("log").get_by_role("alert")
    expect(error).to_contain_text("the key was refused")
    expect(error).to_contain_text("Check the adapter's credentials")


def test_tools_that_are_no_json_are_told_before_anything_is_sent(tab):
    page = tab.open("try/acme-voice")
    page.get_by_text("System prompt, tools").click()
    page.get_by_label("Tools (JSON)").fill("[\n{]")
    send(page, "Hello")
    expect(page.get_by_role("alert")).to_contain_text("tools: line 2, column 2")
    assert not any("chat/completions" in url for url in tab.asked)


def test_images_go_along(tab, tmp_path):
    picture = tmp_path / "dot.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
        )
    )
    page = tab.open("try/acme-voice")
    page.get_by_text("System prompt, tools").click()
    page.get_by_label("Images and files").set_input_files(picture)
    with page.expect_request("**/v1/chat/completions") as sent:
        send(page, "What is it?")
    parts = json.loads(sent.value.post_data)["messages"][-1]["content"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")
    page.locator(".figures").wait_for()


def test_a_pdf_goes_along_as_it_is(tab, tmp_path):
    file = tmp_path / "terms <b>1.pdf"
    file.write_bytes(b"%PDF-1.4 small")
    page = tab.open("try/acme-voice")
    page.get_by_text("System prompt, tools").click()
    page.get_by_label("Images and files").set_input_files(file)
    send(page, "Read it")
    expect(page.get_by_role("log")).to_contain_text("Read terms <b>1.pdf: 14 bytes of application/pdf")


def test_tool_calls_are_answered_and_the_model_goes_on(tab):
    page = tab.open("try/acme-voice")
    page.get_by_text("System prompt, tools").click()
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("weather", "tide")]
    page.get_by_label("Tools (JSON)").fill(json.dumps(tools))
    send(page, "How is it there?")
    log = page.get_by_role("log")
    expect(log).to_contain_text('weather({"of": "<b>Paris</b>"})')
    page.get_by_label("Result of weather").fill("<i>sunny</i>")
    page.get_by_label("Result of tide").fill("low")
    with page.expect_request("**/v1/chat/completions") as sent:
        page.get_by_role("button", name="Send results").click()
    messages = json.loads(sent.value.post_data)["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool"]
    assert [m["tool_call_id"] for m in messages[2:]] == [c["id"] for c in messages[1]["tool_calls"]]
    expect(log).to_contain_text("The tools said: low")
    assert log.locator("b:not(.figures b), i").count() == 0


@pytest.mark.parametrize("written", ["a schema alone", "a response format"])
def test_an_answer_follows_a_schema(tab, written):
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "river": {"type": "string"}}}
    whole = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    page = tab.open("try/acme-voice")
    page.get_by_text("System prompt, tools").click()
    box = page.get_by_label("Structured output (JSON)")
    box.fill(json.dumps(schema if written == "a schema alone" else whole))
    with page.expect_request("**/v1/chat/completions") as sent:
        send(page, "Where?")
    assert json.loads(sent.value.post_data)["response_format"] == whole
    expect(page.get_by_role("log")).to_contain_text('{"city": "x", "river": "x"}')


def test_four_adapters_are_compared(tab):
    page = tab.open("compare")
    for name in ("local-precise", "local-creative", "local", "acme-voice"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_role("checkbox", name="gpt", exact=True).click()
    expect(page.get_by_text("4 are compared at most")).to_be_visible()
    page.get_by_role("button", name="Ask all").click()
    expect(page.locator("[data-lane] .figures")).to_have_count(4)
    expect(page.locator('[data-lane="acme-voice"]')).to_contain_text("0.0170 USD")


def test_a_bulk_run_tells_progress_failures_and_statistics(new_tab, gateway):
    page = new_tab(gateway, refusals=True, accept_downloads=True).open("compare")
    for name in ("local", "local-creative"):
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    page.get_by_role("checkbox", name="acme-voice", exact=True).check()
    page.get_by_role("tab", name="Bulk run").click()
    page.get_by_label("Questions").fill("=1+1\nfail\ntwo")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("3 of 3 answered, 1 failed")).to_be_visible()
    expect(page.locator("#statistics")).to_contain_text("acme-voice")
    with page.expect_download() as found:
        page.get_by_role("button", name="Download JSON").click()
    rows = json.loads(found.value.path().read_text())
    assert [(r["question"], bool(r["error"])) for r in rows] == [("=1+1", False), ("fail", True), ("two", False)]
    with page.expect_download() as found:
        page.get_by_role("button", name="Download CSV").click()
    assert '"\'=1+1"' in found.value.path().read_text()  # no spreadsheet runs it as a formula


def test_terms_are_accepted_before_the_first_use_and_recorded(tab, gateway):
    page = tab.open("try/acme-terms")
    send(page, "Hello")
    expect(page.get_by_role("dialog")).to_contain_text("Be <b>kind</b> to it.")
    page.get_by_role("dialog").get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("dialog").get_by_role("button", name="Accept").click()
    expect(page.get_by_role("log")).to_contain_text("voice-2 at south")
    assert ("notice.accept", "adapter acme-terms") in {(e.action, e.subject) for e in gateway.audited()}


def test_terms_for_every_door_are_accepted_before_a_draft_is_tried_too(new_tab, gateway):
    tab = new_tab(gateway, refusals=True)
    page = tab.open("edit/acme-strict")
    complete(page)
    ask(page, "Hello")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("<img src=x onerror=alert(1)> Be quiet.")
    dialog.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    page.get_by_role("button", name="Send", exact=True).click()
    dialog.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("log")).to_contain_text("voice-3 at south")
    page = tab.open("try/acme-strict")  # the same words are accepted once
    send(page, "Again")
    expect(page.get_by_role("log")).to_contain_text("voice-3 at south, volume None: Again")


def test_the_gateways_own_terms_come_first(new_tab, serve):
    served = serve(no_auth=True, stage="dev", server={"notice": {"text": "For tests.", "required": True}})
    page = new_tab(served, refusals=True).open("try/acme-voice")
    send(page, "Hello")
    expect(page.get_by_role("dialog")).to_contain_text("Before you use this gateway")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("log")).to_contain_text("voice-1 at north")
    assert ("notice.accept", "this gateway") in {(e.action, e.subject) for e in served.audited()}


def test_the_mapping_helper_proposes_and_shows_what_is_read(tab):
    page = tab.open("mapping")
    page.get_by_role("button", name="Propose a mapping").click()
    expect(page.locator("#extracted")).to_have_text("An interpreter.")
    page.get_by_label("What it answered").fill('{\n"a": }')
    page.get_by_role("button", name="Propose a mapping").click()
    expect(page.get_by_text("line 2, column 6")).to_be_visible()
