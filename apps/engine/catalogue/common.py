"""Arguments that many checks share: one wording, one default."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg

CONFIDENCE = Arg(
    name="confidence",
    type="number",
    default=0.95,
    minimum=0.5,
    maximum=0.9999,
    help="Confidence of the intervals.",
)
PROPORTION = Arg(
    name="interval",
    type="string",
    default="wilson",
    choices=("wilson", "clopper_pearson", "jeffreys"),
    help="Method of the interval of each rate.",
)
AREA = Arg(
    name="interval",
    type="string",
    default="auto",
    choices=("auto", "delong", "logit"),
    help=(
        "DeLong's interval, plain (delong, as SAS and R's pROC print it) or on the logit scale; auto: plain "
        "where it holds what it says, else on the logit scale."
    ),
)
ATTRIBUTES = Arg(
    name="attributes",
    type="attributes",
    help="Attributes to group by; a list within the list is an intersection. Default: every protected one.",
)
REFERENCE = Arg(
    name="reference",
    type="string",
    default="highest",
    help="The group compared with: highest, largest, overall, or a group's name.",
)
MIN_GROUP_SIZE = Arg(
    name="min_group_size",
    type="integer",
    default=30,
    minimum=1,
    help="Groups with fewer rows are shown and not compared.",
)
MIN_GROUP_SHARE = Arg(
    name="min_group_share",
    type="number",
    default=0.0,
    minimum=0,
    maximum=1,
    help="Groups with a smaller share of all rows are shown and not compared.",
)
ADJUST = Arg(
    name="adjust",
    type="string",
    default="none",
    choices=("none", "holm"),
    help="With holm, intervals and p-values hold together over all comparisons.",
)
GROUPS = (ATTRIBUTES, REFERENCE, MIN_GROUP_SIZE, MIN_GROUP_SHARE, CONFIDENCE)

GROUP_CONVENTIONS = (
    "Every level is a group, (missing) too. The reference is the highest rate unless asked otherwise, the "
    "first "
    "in alphabetical order on ties. Groups under min_group_size or min_group_share are shown with their "
    "counts and not compared. The value is the worst over all attributes asked for; its interval runs over "
    "the most adverse ends of all comparisons. Figures are exact fractions of counts."
)
GROUP_EDGES = (
    "Fewer than two groups above the floors: insufficient. A compared group with denominator zero: "
    "undefined. No rows or no protected attribute: insufficient."
)
GROUP_WEIGHTS = (
    " Weights: rates are shares of weight, and intervals take Kish's effective size; floors count rows. A "
    "group without weight: undefined."
)
