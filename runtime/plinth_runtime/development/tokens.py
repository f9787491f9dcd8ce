"""A simple tokenisation, so that usage can be predicted by hand.

A token is a run of letters, digits and underscores, or any other single visible character, together with the
white space before it; white space at the end is a token of its own. Joined, the tokens give the text again.
"""

import re

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


def split(text: str) -> list[str]:
    """Return the text's tokens."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return len(split(text))
