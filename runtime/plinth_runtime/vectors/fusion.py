"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from collections.abc import Sequence

from plinth_runtime.vectors.records import Hit

K = 60
"""Their constant: how little the first ranks stand out."""


def fuse(arms: Sequence[Sequence[Hit]], weights: Sequence[float], limit: int) -> list[Hit]:
    """The best of several rankings by the sum of `weight / (K + rank)`; ties by id, so that the order is stable."""
    scores: dict[str, float] = {}
    found: dict[str, Hit] = {}
    for hits, weight in zip(arms, weights, strict=True):
        for rank, hit in enumerate(hits, start=1):
            scores[hit.id] = scores.get(hit.id, 0.0) + weight / (K + rank)
            found.setdefault(hit.id, hit)
    best = sorted(scores, key=lambda key: (-scores[key], key))[:limit]
    return [Hit(key, scores[key], found[key].content, found[key].metadata) for key in best]
