"""Choose how to explain a model and explain rows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.explain import device_tables, kernel, linear, permutation
from apps.engine.explain.black_box import box_of
from apps.engine.explain.ensemble import Ensemble, Link, linked
from apps.engine.explain.frame import Frame, drawn, scores
from apps.engine.explain.inside import margin_of, trees_of
from apps.engine.explain.long_leaves import MOST
from apps.engine.explain.refuse import Unreadable
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.inputs import Model

METHODS = ("auto", "tree_interventional", "tree_path", "linear", "permutation", "kernel")
SAMPLED = ("permutation", "kernel")
SPACES = ("auto", "margin", "score")
_AGREE, _ADDS_UP = 1e-4, 1e-5
_CHECKED = 256
WALKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Shapley values of rows: `base` plus a row's values is `output`, in the named space.

    `reproduced` is the score that `base` plus the values stands for, `scored` the one the model gives.
    """

    rows: Frame
    values: FloatArray
    base: float
    output: FloatArray
    scored: FloatArray
    reproduced: FloatArray
    method: str
    space: str
    errors: FloatArray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explainer:
    """A method made ready for one model and background; call it with rows.

    `again` makes the same method ready against another background.
    """

    method: str
    model: Model
    background: Frame
    run: Callable[[Frame], Explanation]
    again: Callable[[Frame], Explainer]

    @property
    def sampled(self) -> bool:
        """Whether the values are estimates, at a cost that grows with rows times background."""
        return self.method in SAMPLED

    def __call__(self, rows: Frame) -> Explanation:
        """Explain these rows."""
        return self.run(rows)


def explainer(
    model: Model, background: Frame, *, method: str = "auto", space: str = "auto", seed: int = 0
) -> Explainer:
    """Make ready to explain rows of the model against a background.

    `auto` takes the exact method that fits the model's inside, in the margin space, and the sampled one
    in the score space where the inside cannot be read. Asking for a method that does not fit raises
    `Unmeasurable` with the reason.
    """
    if not len(background):
        raise Unmeasurable("The background has no rows.", status="insufficient")
    if method in SAMPLED:
        return _sampled(model, background, space, seed, method)
    try:
        return _exact(model, background, method, space)
    except Unreadable as error:
        if method != "auto":
            raise Unmeasurable(f"The model cannot be explained by {method}: {error}.") from error
        note = f"Explained from outside by sampling, because {error}."
        return _sampled(model, background, space, seed, "permutation", (note,))


def _exact(model: Model, background: Frame, method: str, space: str) -> Explainer:
    if background.levels:
        raise Unreadable(f'"{background.names[min(background.levels)]}" holds categories')
    if method in ("auto", "linear"):
        try:
            return _linear(model, background, space)
        except Unreadable:
            if method == "linear":
                raise
    return _trees(model, background, method, space)


def _trees(model: Model, background: Frame, method: str, space: str) -> Explainer:
    ensemble = ensemble_of(model, background)
    if space == "score" and ensemble.link != "identity":
        raise Unreadable("tree values are exact for the margin; the score needs permutation")
    path = method == "tree_path"
    if path and not ensemble.has_cover:
        raise Unreadable("its format does not keep how much training data reached each node")
    shap = TreeShap(ensemble, None if path else background.matrix)
    if not path and shap.longest > MOST:
        raise Unreadable(f"a path of its trees asks {shap.longest} features, more than {MOST}")
    return _tree_explainer(model, shap, background, path)


def _tree_explainer(model: Model, shap: TreeShap, background: Frame, path: bool) -> Explainer:
    """Explain by trees already cut; path-dependent values do not depend on the background."""
    name, ensemble = "tree_path" if path else "tree_interventional", shap.ensemble

    def explain(rows: Frame) -> Explanation:
        values, margin = device_tables.explained(shap, rows.matrix)
        total, scored = shap.base + values.sum(1), scores(model, rows)
        _check("the margin", total, margin, _ADDS_UP)
        _check("the model's score", ensemble.linked(margin, rows.matrix), scored, _AGREE)
        return Explanation(
            rows=rows,
            values=values,
            base=shap.base,
            output=margin,
            scored=scored,
            reproduced=ensemble.linked(total, rows.matrix),
            method=name,
            space=_space(ensemble.link),
        )

    def again(other: Frame) -> Explainer:
        return _tree_explainer(model, shap if path else shap.against(other.matrix), other, path)

    return Explainer(name, model, background, explain, again)


def _check(what: str, found: FloatArray, expected: FloatArray, most: float) -> None:
    """Every row's explanation must give back its output: else there is none."""
    off = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    wrong = np.flatnonzero(~(off <= most))
    if len(wrong):
        row = int(wrong[0])
        raise Unmeasurable(
            f"The explanation does not add up: row {row + 1} gives {found[row]:.9g}, {what} is "
            f"{expected[row]:.9g}; {len(wrong):,} of {len(off):,} rows are off by more than {most:g}."
        )


def _space(link: Link) -> str:
    return "score" if link == "identity" else "margin"


def ensemble_of(model: Model, sample: Frame) -> Ensemble:
    """The model's trees, shown to give the model's own scores; `Unreadable` says why not."""
    few = sample.take(slice(0, _CHECKED))
    expected = scores(model, few)
    for ensemble in trees_of(model):
        placed = _placed(ensemble, list(sample.names))
        if np.allclose(placed.score(few.matrix), expected, rtol=_AGREE, atol=_AGREE):
            return placed
    raise Unreadable("its trees do not give the model's scores")


def _placed(ensemble: Ensemble, names: list[str]) -> Ensemble:
    """The trees reading the columns of `names`."""
    if ensemble.features > len(names):
        raise Unreadable(f"its trees use {ensemble.features} features, the model has {len(names)}")
    own = list(ensemble.names)
    known = len(own) == len(names) and set(own) == set(names)
    places = [names.index(n) for n in own] if known else list(range(ensemble.features))
    return ensemble.placed(places, len(names))


def _linear(model: Model, background: Frame, space: str) -> Explainer:
    margin, link = margin_of(model)
    weight, constant = linear.weights(margin, background.matrix)
    if space == "score" and link == "logistic":
        raise Unreadable("linear values are exact for the margin; the score needs permutation")
    base = constant + float((weight * background.matrix.mean(0)).sum())

    def explain(rows: Frame) -> Explanation:
        values = linear.values(weight, rows.matrix, background.matrix)
        return Explanation(
            rows=rows,
            values=values,
            base=base,
            output=margin(rows.matrix),
            scored=scores(model, rows),
            reproduced=linked(base + values.sum(1), link),
            method="linear",
            space=_space(link),
        )

    return Explainer("linear", model, background, explain, lambda other: _linear(model, other, space))


def _sampled(
    model: Model, background: Frame, space: str, seed: int, method: str, notes: tuple[str, ...] = ()
) -> Explainer:
    margin = space == "margin"
    background = background.take(drawn(len(background), WALKS, seed))
    box = box_of(model, background, margin=margin)

    def explain(rows: Frame) -> Explanation:
        run = kernel.weighted if method == "kernel" else permutation.walked
        made = run(box, rows.matrix, background.matrix, seed=seed)
        total = made.base + made.values.sum(1)
        scored = scores(model, rows)
        return Explanation(
            rows=rows,
            values=made.values,
            base=made.base,
            output=made.output,
            scored=scored,
            reproduced=linked(total, "logistic" if margin else "identity"),
            method=method,
            space="margin" if margin else "score",
            errors=made.errors if np.isfinite(made.errors).all() else None,
            notes=notes,
        )

    def again(other: Frame) -> Explainer:
        return _sampled(model, other, space, seed, method, notes)

    return Explainer(method, model, background, explain, again)
