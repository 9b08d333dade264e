"""Catalogue entries of the family `explainability`."""

from __future__ import annotations

from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.engine.catalogue.takes import EXPLAINED, NEIGHBOURS, SAMPLED

_METHOD = Arg(
    name="method",
    type="string",
    default="auto",
    choices=("auto", "tree_interventional", "tree_path", "linear", "permutation", "kernel"),
    help=(
        "auto: exact where the model's inside can be read, else sampled permutation walks; kernel: least "
        "squares over coalitions, exact with few features."
    ),
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
    help=(
        "At most so many rows are explained; by default 10,000 for exact values, 1,000 for sampled ones and "
        "fewer beyond 50 features."
    ),
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
_ADVERSE_ROWS = Arg(
    name="rows",
    type="integer",
    default=1000,
    minimum=1,
    help="At most so many adverse decisions; fewer where more than 50 features are seen from outside.",
)
SHAP = (_METHOD, _SPACE, _BACKGROUND, _ROWS, _BACKGROUND_ROWS)
_NEEDS = ("model?", "features?", "reference_features?", "seed")
_WEIGHTED = ("model?", "features?", "reference_features?", "weight?", "seed")
_DECISIONS = ("model?", "features?", "selected", "reference_features?", "weight?", "seed")
_WEIGHTS = " Weights are those of the rows explained; the background is taken as it is."
_CONVENTIONS = (
    "Interventional Shapley values against a background by default; path-dependent values (training cover) "
    "on request. Trees and linear models are explained exactly in the margin, to 1e-5 of it or not at all; "
    "of several classes, the positive class's margin. Other models by permutation "
    "walks in the score. Rows are sorted by their values before any draw, so the file's order has no effect. "
    "Missing values follow the model's own rule. A model whose read inside does not give its own scores is "
    "explained from outside, by its scores alone; where the model is a network and a GPU is there, on it, "
    "which moves contributions by less than 1e-4 of the largest."
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
        needs=_WEIGHTED,
        definition=(
            "The mean over rows of each feature's absolute Shapley value, over the sum of these means; "
            "the value is the largest share."
        ),
        conventions=_CONVENTIONS + _WEIGHTS,
        edge_cases="No model to run, or no feature moves the score: undefined. No rows: insufficient.",
        interval=(
            "Percentile bootstrap over rows, for the feature that is foremost in the sample; widened where "
            "needed so that it holds the value."
        ),
        cost=(
            "trees: about a second per 20,000 rows and 200 trees; black boxes: 200 × features scores per row"
        ),
        takes=EXPLAINED,
        references=_REFERENCES,
        purpose="Shows what the score rests on, and whether it hangs on one feature.",
        mechanism="Explains a sample of rows and averages the size of each feature's contribution.",
        signs_of_high_risk=(
            "One feature carries most of the score; the sign of a relation contradicts what is known of "
            "the subject; a feature that must not matter ranks high."
        ),
        strengths="Additive, on the score's own scale, comparable between models; exact for trees.",
        limitations=(
            "Correlated features share or swap importance; interventional values mix rows that may not "
            "occur; importance is not cause. Trees with a link are explained exactly in the margin only: a "
            "score's Shapley values are no sum over trees, so the score is sampled; forests and models "
            "without a link are exact in the score."
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
        takes=EXPLAINED,
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
    Check(
        id="explainability.local",
        function="explainability_reasons:local",
        title="Score of one decision, explained",
        unit="score",
        range="the score's",
        direction="none",
        needs=_NEEDS,
        definition="The model's score of one row, with base and each feature's Shapley value.",
        conventions=_CONVENTIONS,
        edge_cases="No model to run: undefined. A row that the file does not have is an error.",
        interval="none: one row",
        cost="negligible for exact methods; 200 × features scores for black boxes",
        takes=EXPLAINED,
        references=_REFERENCES,
        purpose="Answers why one person got this score.",
        mechanism="Splits the distance of the row's output from the background's mean over the features.",
        signs_of_high_risk="The largest contributions are of features that should not matter.",
        strengths="Adds up exactly; the same method as the global importance.",
        limitations="The row is named by its place in the file; contributions depend on the background.",
        args=(
            Arg(
                name="row", type="integer", default=0, minimum=0, help="The row's number in the file, from 0."
            ),
            _METHOD,
            _SPACE,
            _BACKGROUND,
            _BACKGROUND_ROWS,
        ),
        sentence="The score of this row is {value}.",
    ),
    Check(
        id="explainability.reason_codes",
        function="explainability_reasons:reason_codes",
        title="Adverse decisions whose reasons can be given",
        unit="share of adverse decisions",
        range="[0, 1]",
        direction="higher",
        needs=_DECISIONS,
        definition=(
            "The share of adverse decisions with at least one feature that hurt, and whose reasons (at "
            "most four, the most hurtful first) are all permitted."
        ),
        conventions=(
            "Adverse: not favourable. Which side of the score hurts is read from the mean scores of both "
            "decisions. Baseline average: the background; near_cutoff: the favourable rows nearest to the"
            " cut-off. Only features that hurt are reasons. Contributions equal to 1e-9 relative are "
            "ties, broken by name and counted. FCRA: a count of inquiries that hurts is added as one "
            "more. With weights the share is that of the weight."
        ),
        edge_cases=(
            "No adverse or no favourable decision: insufficient. No model to run, a score that is missing or "
            "infinite, or the same mean score for both decisions: undefined."
        ),
        interval="Wilson, over the adverse decisions explained; with weights on Kish's effective size",
        cost="as explainability.global_importance, for at most 1,000 adverse decisions",
        takes=EXPLAINED,
        references=(
            "12 CFR 1002.9(b)(2) and official interpretation (Regulation B)",
            "15 U.S.C. 1681g(f)(1)(C) and 1681m(a)(2) (FCRA)",
            "CFPB Circular 2022-03, Adverse action notification requirements",
        ),
        purpose="Shows that every refusal can be given its true, specific, permitted reasons.",
        mechanism="Explains adverse decisions against a baseline and orders the features that hurt.",
        signs_of_high_risk="Decisions without a reason, or whose true reason may not be named.",
        strengths="Reasons come from the model that decided, not from a stand-in; ties are recorded.",
        limitations="Features are not yet sentences for people; correlated features share a reason.",
        args=(
            Arg(
                name="baseline",
                type="string",
                default="average",
                choices=("average", "near_cutoff"),
                help="Against whom a feature hurts: everybody, or those just approved.",
            ),
            Arg(name="most", type="integer", default=4, minimum=1, maximum=20, help="Reasons per decision."),
            Arg(name="permitted", type="strings", help="Features that may be named; all by default."),
            Arg(name="inquiries", type="string", help="The feature that counts inquiries (FCRA)."),
            Arg(
                name="near",
                type="integer",
                default=200,
                minimum=1,
                help="Favourable rows nearest to the cut-off that make the near_cutoff baseline.",
            ),
            _METHOD,
            _SPACE,
            _ADVERSE_ROWS,
            _BACKGROUND_ROWS,
            _CONFIDENCE,
        ),
        sentence="{value} of adverse decisions have reasons that can be given.",
    ),
    Check(
        id="explainability.reason_code_stability",
        function="explainability_reasons:reason_code_stability",
        title="Stability of reasons",
        unit="overlap",
        range="[0, 1]",
        direction="higher",
        needs=_DECISIONS,
        definition=(
            "The mean over adverse decisions and resamples of the background of |A ∩ B| / |A ∪ B|, A and "
            "B the reasons under the whole and the resampled background."
        ),
        conventions=(
            "Reasons as explainability.reason_codes with the average baseline; decisions are weighted where "
            "there are weights."
        ),
        edge_cases="As explainability.reason_codes.",
        interval="Percentiles over the resamples",
        cost="draws × the cost of explaining at most 500 rows",
        takes=EXPLAINED,
        references=("Jaccard (1912), The distribution of the flora in the alpine zone",),
        purpose="Shows that a person's reasons do not depend on which background rows were drawn.",
        mechanism="Draws the background again and compares the sets of reasons.",
        signs_of_high_risk="Well below 0.9: other reasons would be sent for the same decision.",
        strengths="Direct: counts changed reasons, not changed numbers.",
        limitations="Covers the choice of the background, not of the model or the method.",
        args=(
            Arg(name="most", type="integer", default=4, minimum=1, maximum=20, help="Reasons per decision."),
            _METHOD,
            _SPACE,
            Arg(name="rows", type="integer", default=500, minimum=1, help="Adverse decisions explained."),
            _BACKGROUND_ROWS,
            Arg(name="draws", type="integer", default=20, minimum=2, maximum=1000, help="Resamples."),
            _CONFIDENCE,
        ),
        sentence="Reasons overlap by {value} when the background is drawn again.",
    ),
    Check(
        id="explainability.importance_stability",
        function="explainability_influence:importance_stability",
        title="Stability of importance",
        unit="rank correlation",
        range="[-1, 1]",
        direction="higher",
        needs=_WEIGHTED,
        definition=(
            "Spearman's correlation of feature importances: the mean over resamples of rows against all "
            "rows, or, with previous, against the earlier version's importances."
        ),
        conventions=(
            "Ties take their mean rank. A feature that one version lacks has importance 0 in it." + _WEIGHTS
        ),
        edge_cases=(
            "One feature, or all importances equal: undefined. More than one resample in a hundred without "
            "an order: no interval."
        ),
        interval="Percentiles over resamples, widened where needed so that they hold the value",
        cost="as explainability.global_importance",
        takes=EXPLAINED,
        references=("Spearman (1904), The proof and measurement of association between two things",),
        purpose=(
            "Shows whether the ranking of features is a finding or an accident, and what a new version moved."
        ),
        mechanism="Resamples rows and compares the order of features.",
        signs_of_high_risk="Below 0.8 over resamples; a drop against the previous version without a reason.",
        strengths="Free of the score's scale; names the features that moved.",
        limitations="Weighs the order of negligible features like that of the foremost.",
        args=(
            Arg(name="previous", type="object", help="Importance by feature of an earlier version."),
            Arg(
                name="sample",
                type="integer",
                default=1000,
                minimum=10,
                help="Rows in each resample, at most.",
            ),
            Arg(name="top", type="integer", default=5, minimum=1, help="Foremost features also compared."),
            *SHAP,
            Arg(name="draws", type="integer", default=200, minimum=20, maximum=10000, help="Resamples."),
            _CONFIDENCE,
        ),
        sentence="The ranking of features correlates by {value}.",
    ),
    Check(
        id="explainability.protected_influence",
        function="explainability_influence:protected_influence",
        title="Attribution on protected features and proxies",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=("model?", "features?", "protected", "reference_features?", "weight?", "seed"),
        definition=(
            "The share of mean |SHAP| on features that are protected attributes, declared proxies, or "
            "associated with a protected attribute by at least the bound."
        ),
        conventions=(
            "Association: the correlation ratio for numbers, Cramér's V for categories, over all rows. "
            "Missing is a group of the attribute. Weights are those of the rows explained; associations "
            "take none."
        ),
        edge_cases="No protected attribute, or no feature moves the score: undefined.",
        interval="Percentile bootstrap over rows, widened where needed so that it holds the value",
        cost="as explainability.global_importance",
        takes=EXPLAINED,
        references=(
            "Cramér (1946), Mathematical Methods of Statistics",
            "Pearson (1905), On the general theory of skew correlation and non-linear regression",
        ),
        purpose="Shows how much of the score rests on who a person is, directly or through a stand-in.",
        mechanism="Adds up the importance of protected features and of those associated with them.",
        signs_of_high_risk="Any share on a protected attribute itself; a large share on strong proxies.",
        strengths="Catches proxies that nobody declared.",
        limitations="Looks at one feature at a time; several weak proxies together may still tell.",
        args=(
            Arg(
                name="proxies",
                type="strings",
                default=[],
                help="Features declared to stand for an attribute.",
            ),
            Arg(
                name="association",
                type="number",
                default=0.5,
                minimum=0,
                maximum=1,
                help="From which association on a feature counts as a proxy.",
            ),
            *SHAP,
            _DRAWS,
            _CONFIDENCE,
        ),
        sentence="{value} of all contributions are of protected features or proxies.",
    ),
    Check(
        id="explainability.partial_dependence",
        function="explainability_shape:partial_dependence",
        title="Range of the partial dependence",
        unit="score",
        range="[0, inf)",
        direction="none",
        needs=("model?", "features?", "seed"),
        definition="Maximum less minimum of the mean score while one feature runs over its quantiles.",
        conventions="Points are quantiles of the distinct values, or every level of a category.",
        edge_cases="A feature without any value: insufficient. One value alone, or no model: undefined.",
        interval="Normal, of each point of the curve over rows; none for the range",
        cost="points × rows scores",
        takes=SAMPLED,
        references=("Friedman (2001), Greedy function approximation, Annals of Statistics 29",),
        purpose="Draws how the score answers to one feature.",
        mechanism="Sets the feature to each point in every row and averages the scores.",
        signs_of_high_risk="Jumps, turns or plateaus that the subject does not know.",
        strengths="On the score's scale; easy to read.",
        limitations=(
            "Mixes rows that may not occur; averages can hide opposite effects (see rows_10, rows_90)."
        ),
        args=(
            Arg(name="feature", type="string", default=REQUIRED, help="The feature that is moved."),
            Arg(
                name="grid", type="integer", default=20, minimum=2, maximum=1000, help="Points of the curve."
            ),
            Arg(name="rows", type="integer", default=1000, minimum=1, help="At most so many rows."),
            _CONFIDENCE,
        ),
        sentence="The mean score moves by {value} over the feature's range.",
    ),
    Check(
        id="explainability.interaction",
        function="explainability_shape:interaction",
        title="Strongest pairwise interaction",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=("model?", "features?", "seed"),
        definition=(
            "H squared: the largest over pairs of the share of the variance of their joint partial "
            "dependence that the sum of the single ones leaves. Shapley: the largest share of a pair's "
            "interaction values, |phi_jk + phi_kj| on average, in the sum of all single and pair effects."
        ),
        conventions=(
            "H squared by default: partial dependence at the rows themselves, centred; the five foremost "
            "features unless named. Shapley interaction values are exact, path-dependent and in the margin."
        ),
        edge_cases=(
            "Fewer than two features that move the score: undefined. Shapley values of a model that is no "
            "tree ensemble, or without training cover: undefined, with the reason."
        ),
        interval="none",
        cost="H squared: (features + pairs) × rows² scores; Shapley: 2 × features sweeps of the trees",
        takes=EXPLAINED,
        references=(
            "Friedman, Popescu (2008), Predictive learning via rule ensembles",
            "Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree ensembles",
        ),
        purpose="Shows where features act together, so that single contributions do not tell all.",
        mechanism=(
            "Compares joint with single partial dependence, or what one feature changes in another's value."
        ),
        signs_of_high_risk="A strong interaction with a protected feature or one of low quality.",
        strengths="Works for any model; between 0 and 1.",
        limitations="Noisy for weak pairs and few rows; correlated features mix in.",
        args=(
            Arg(name="among", type="strings", help="Features to pair; the five foremost by default."),
            Arg(
                name="kind",
                type="string",
                default="h_squared",
                choices=("h_squared", "shapley"),
                help="H squared for any model, or exact Shapley interaction values of a tree ensemble.",
            ),
            Arg(
                name="rows",
                type="integer",
                default=100,
                minimum=2,
                maximum=2000,
                help="At most so many rows.",
            ),
        ),
        sentence="The strongest pair has an interaction of {value}.",
    ),
    Check(
        id="explainability.surrogate_fidelity",
        function="explainability_shape:surrogate_fidelity",
        title="Fidelity of a small tree",
        unit="R squared",
        range="(-inf, 1]",
        direction="higher",
        needs=("score", "features", "seed"),
        definition="Cross-validated R squared of one small regression tree that predicts the score.",
        conventions=(
            "Categories become one column per level; missing values are the tree's own third way. Weights "
            "play no part: it is about the model's rules."
        ),
        edge_cases="Constant score: undefined. Fewer rows than folds: insufficient.",
        interval="Normal, over the folds",
        cost="folds + 1 fits of a small tree",
        takes=NEIGHBOURS,
        references=(
            "Craven, Shavlik (1996), Extracting tree-structured representations of trained networks",
        ),
        purpose=(
            "Offers rules that a person can read where nothing else can look inside, and says how true "
            "they are."
        ),
        mechanism="Fits a tree of limited depth to the model's scores and tests it on rows it has not seen.",
        signs_of_high_risk="Low fidelity where the rules are shown as the explanation.",
        strengths="Needs scores alone, so it works for vendor models without an artifact.",
        limitations="Says nothing true where fidelity is low; rules of correlated features are arbitrary.",
        args=(
            Arg(name="depth", type="integer", default=4, minimum=1, maximum=12, help="Depth of the tree."),
            Arg(name="folds", type="integer", default=5, minimum=2, maximum=20, help="Parts."),
            Arg(name="rows", type="integer", default=20000, minimum=10, help="At most so many rows."),
        ),
        sentence="A small tree reproduces {value} of the score's variance.",
    ),
)
