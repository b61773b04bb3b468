"""Character error, and how CTC's answers are read."""

from __future__ import annotations


def _table(truth: list[str], heard: list[str]) -> list[list[int]]:
    rows = [list(range(len(heard) + 1))]
    for i, t in enumerate(truth, 1):
        row = [i]
        for j, h in enumerate(heard, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (t != h)))
        rows.append(row)
    return rows


def edits(truth: list[str], heard: list[str]) -> int:
    """The least number of substitutions, deletions and insertions that make heard of truth."""
    return _table(truth, heard)[-1][-1]


def matched(truth: list[str], heard: list[str]) -> list[tuple[int, int]]:
    """Which token of truth is which of heard, for those that were heard rightly."""
    rows, out = _table(truth, heard), []
    i, j = len(truth), len(heard)
    while i and j:
        if rows[i][j] == rows[i - 1][j - 1] + (truth[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if truth[i] == heard[j]:
                out.append((i, j))
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return out[::-1]


def greedy(best: list[int]) -> tuple[list[int], list[int]]:
    """Reads the best token of every step as CTC means it. Returns tokens and the step each begins at."""
    ids, at, last = [], [], 0
    for step, token in enumerate(best):
        if token and token != last:
            ids.append(token)
            at.append(step)
        last = token
    return ids, at
