"""Words as sparse vectors, for engines whose lexical search is one over sparse vectors.

Weights are BM25's share of a document (Robertson and Zaragoza, 2009); the share of the collection, inverse document
frequency, is the engine's.
"""

import re
import zlib
from collections import Counter

_WORD = re.compile(r"\w+")

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""BM25's k1 and b."""

AVERAGE_WORDS = 256
"""Length that a document is taken to have on average: the real one changes with every write."""

LONGEST_WORD = 64
"""Longer runs of letters are no words."""


def words(text: str) -> list[str]:
    """Words of a text in lower case."""
    return [word for word in _WORD.findall(text.lower()) if len(word) <= LONGEST_WORD]


def document(text: str) -> dict[int, float]:
    """A document as a sparse vector: a 32-bit number for each word, and how much the word says about it."""
    found = words(text)
    long = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(found) / AVERAGE_WORDS)
    weights: dict[int, float] = {}
    for word, count in Counter(found).items():
        number = _number(word)
        weights[number] = weights.get(number, 0.0) + count * (SATURATION + 1) / (count + long)
    return weights


def query(text: str) -> dict[int, float]:
    """A query as a sparse vector: each word once."""
    return {_number(word): 1.0 for word in words(text)}


def _number(word: str) -> int:
    return zlib.crc32(word.encode())
