"""Catalogue entries of the family `explainability`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check

_METHOD = Arg(
    name="method",
    type="string",
    default="auto",
    choices=("auto", "tree_interventional", "tree_path", "linear", "permutation"),
    help="auto: exact where the model's inside can be read, else sampled permutation walks.",
)
_SPACE = Arg(
    name="space",
    type="string",
    default="auto",
    choices=("auto", "margin", "score"),
    help="What is explained: the margin (log-odds) or the score; auto is the margin for exact methods.",
)
_BACKGROUND = Arg(
    name="background",
    type="string",
    default="reference",
    choices=("reference", "measured"),
    help="The data set that unknown features are drawn from; the measured one where there is no reference.",
)
_ROWS = Arg(
    name="rows",
    type="integer",
    minimum=1,
    help="At most so many rows are explained; 10,000 for exact values, 1,000 for sampled ones by default.",
)
_BACKGROUND_ROWS = Arg(
    name="background_rows",
    type="integer",
    default=1000,
    minimum=1,
    help="At most so many background rows; sampled values use at most 100 of them.",
)
_CONFIDENCE = Arg(
    name="confidence", type="number", default=0.95, minimum=0.5, maximum=0.9999, help="Of the intervals."
)
_DRAWS = Arg(name="draws", type="integer", default=1000, minimum=100, maximum=100000, help="Resamples.")
SHAP = (_METHOD, _SPACE, _BACKGROUND, _ROWS, _BACKGROUND_ROWS)
_NEEDS = ("model?", "features?", "reference_features?", "seed")
_CONVENTIONS = (
    "Interventional Shapley values against a background by default; path-dependent values (training cover) "
    "on request. Trees and linear models are explained exactly in the margin; other models by permutation "
    "walks in the score. Rows are sorted by their values before any draw, so the file's order has no effect. "
    "Missing values follow the model's own rule. A model whose read inside does not give its own scores is "
    "explained from outside."
)
_REFERENCES = (
    "Lundberg, Lee (2017), A unified approach to interpreting model predictions, NeurIPS 30",
    "Lundberg et al. (2020), From local explanations to global understanding, Nature Machine Intelligence 2",
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="explainability.global_importance",
        function="explainability:global_importance",
        title="Share of the foremost feature",
        unit="share",
        range="(0, 1]",
        direction="lower",
        needs=_NEEDS,
        definition=(
            "The mean over rows of each feature's absolute Shapley value, over the sum of these means; the "
            "value is the largest share."
        ),
        conventions=_CONVENTIONS,
        edge_cases="No model to run, or no feature moves the score: undefined. No rows: insufficient.",
        interval="Percentile bootstrap over rows, for the feature that is foremost in the sample.",
        cost=(
            "trees: about a second per 20,000 rows and 200 trees; black boxes: 200 × features scores per row"
        ),
        references=_REFERENCES,
        purpose="Shows what the score rests on, and whether it hangs on one feature.",
        mechanism="Explains a sample of rows and averages the size of each feature's contribution.",
        signs_of_high_risk=(
            "One feature carries most of the score; the sign of a relation contradicts what is known of the "
            "subject; a feature that must not matter ranks high."
        ),
        strengths="Additive, on the score's own scale, comparable between models; exact for trees.",
        limitations=(
            "Correlated features share or swap importance; interventional values mix rows that may not "
            "occur; importance is not cause."
        ),
        args=(*SHAP, _CONFIDENCE, _DRAWS),
        sentence="The foremost feature carries {value} of all contributions.",
    ),
    Check(
        id="explainability.additivity",
        function="explainability:additivity",
        title="Largest error of the explanations",
        unit="relative error",
        range="[0, inf)",
        direction="lower",
        needs=_NEEDS,
        definition=(
            "The largest over rows of |base + sum of contributions - output| / max(1, |output|), for the "
            "output in the explained space and for the model's own score."
        ),
        conventions=_CONVENTIONS,
        edge_cases="No model to run: undefined. No rows: insufficient.",
        interval="none: a largest value over the rows explained",
        cost="as explainability.global_importance",
        references=(*_REFERENCES, "Shapley (1953), A value for n-person games"),
        purpose="Proves that the explanations belong to this model: they add up to its score.",
        mechanism="Adds up each row's contributions and compares with the model's own output.",
        signs_of_high_risk="More than 1e-4: the explained function is not the one that scores.",
        strengths="Needs no labels; a wrong reading of a model file shows at once.",
        limitations=(
            "Adding up is necessary, not sufficient: it does not show that each contribution is right."
        ),
        args=SHAP,
        sentence="Contributions miss the model's output by {value} at worst.",
    ),
)
