"""The English that the model learns is plain, the same each time, and bounded."""

from dragoman_local.corpus import MAX_CHARS, english, prose

TOPICS = {
    "b": 'The "while" statement\n*********************\n\n'
    'The *while* statement is used for repeated execution as long as an expression (the\n"test") is true, zero-\n'
    "based or not.\n\n"
    "   while_stmt ::= something that is no prose although it is long enough to be a paragraph of its own.\n\n"
    "* a list item that is long enough to be a paragraph but is a list and so it is not read, not at all.\n",
    "a": "A paragraph of plain prose, long enough to be read, that ends like a sentence and comes from topic a.\n\n"
    "Too short.\n",
    "c": "A paragraph of plain prose, long enough to be read, that ends like a sentence and comes from topic a.",
}


def test_only_prose_is_read_once_and_in_order():
    assert list(prose(TOPICS)) == [
        "A paragraph of plain prose, long enough to be read, that ends like a sentence and comes from topic a.",
        "The while statement is used for repeated execution as long as an expression is true, zero-based or not.",
    ]


def test_the_order_of_the_topics_does_not_matter():
    assert list(prose(TOPICS)) == list(prose(dict(reversed(TOPICS.items()))))


def test_reading_ends():
    endless = {str(i): f"Paragraph {i} " + "of a very long reference, " * 100 + "ends." for i in range(1000)}
    assert sum(map(len, prose(endless))) <= MAX_CHARS


def test_this_python_has_enough_english():
    assert english().frequency("the") > 500
    assert english() is english()
