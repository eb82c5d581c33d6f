"""A stop sequence never shows, wherever the pieces' borders are."""

from dragoman_local.stops import StopFilter
from hypothesis import given
from hypothesis import strategies as st

texts = st.text("ab", max_size=30)
stops = st.lists(st.text("ab", min_size=1, max_size=5), max_size=3)


def cut_by_hand(text, stops):
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


@given(st.lists(texts, max_size=10), stops)
def test_the_text_ends_at_the_stop_sequence_that_is_complete_first(pieces, stops):
    stop_filter = StopFilter(stops)
    shown = ""
    for piece in pieces:
        shown += stop_filter.feed(piece)
        assert not any(stop in shown for stop in stops)
        if stop_filter.hit:
            break
    else:
        shown += stop_filter.rest()
    assert shown == cut_by_hand("".join(pieces), stops)


@given(texts, stops)
def test_nothing_is_held_back_without_need(text, stops):
    stop_filter = StopFilter(stops)
    shown = stop_filter.feed(text)
    if not stop_filter.hit and shown != text:
        assert any(stop.startswith(text[len(shown) :]) for stop in stops)
