"""Shapley values by their definition: every coalition, nothing clever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np

from apps.engine.explain.ensemble import Ensemble, Tree, goes_left

Game = Callable[[tuple[int, ...]], np.ndarray]


def shapley(game: Game, features: int) -> np.ndarray:
    """Values (n, features) of a game from coalitions to n numbers."""
    worth = {s: game(s) for k in range(features + 1) for s in combinations(range(features), k)}
    values = np.zeros((len(worth[()]), features))
    for coalition in worth:
        for j in set(range(features)) - set(coalition):
            weight = (
                factorial(len(coalition)) * factorial(features - len(coalition) - 1) / factorial(features)
            )
            values[:, j] += weight * (worth[tuple(sorted((*coalition, j)))] - worth[coalition])
    return values


def interventional(function: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, back: np.ndarray) -> Game:
    """Unknown features come from the background, all rows of it."""

    def game(known: tuple[int, ...]) -> np.ndarray:
        mixed = np.repeat(back[None], len(rows), 0)
        for j in known:
            mixed[:, :, j] = rows[:, None, j]
        return function(mixed.reshape(-1, rows.shape[1])).reshape(len(rows), len(back)).mean(1)

    return game


def path_dependent(ensemble: Ensemble, rows: np.ndarray) -> Game:
    """Unknown features go both ways, weighted by training cover."""
    values = ensemble.values(rows)

    def worth(tree: Tree, node: int, row: np.ndarray, known: tuple[int, ...]) -> float:
        if tree.left[node] < 0:
            return float(tree.value[node])
        left, right, f = int(tree.left[node]), int(tree.right[node]), int(tree.feature[node])
        if f in known:
            goes = goes_left(row[f : f + 1], float(tree.threshold[node]), int(tree.missing[node]))[0]
            return worth(tree, left if goes else right, row, known)
        assert tree.cover is not None
        parts = [tree.cover[c] * worth(tree, c, row, known) for c in (left, right)]
        return float(sum(parts) / tree.cover[node])

    return lambda known: np.array(
        [ensemble.base + sum(worth(t, 0, row, known) for t in ensemble.trees) for row in values]
    )
