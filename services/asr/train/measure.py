"""Character error: substitutions, deletions and insertions over the characters that should have been heard."""

from __future__ import annotations


def edits(truth: list[str], heard: list[str]) -> int:
    """The least number of changes that make heard of truth."""
    row = list(range(len(heard) + 1))
    for i, t in enumerate(truth, 1):
        before, row[0] = row[0], i
        for j, h in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (t != h))
    return row[-1]


def greedy(best: list[int]) -> tuple[list[int], list[int]]:
    """Reads the best token of every step as CTC means it. Returns tokens and the step each begins at."""
    ids, at, last = [], [], 0
    for step, token in enumerate(best):
        if token and token != last:
            ids.append(token)
            at.append(step)
        last = token
    return ids, at
