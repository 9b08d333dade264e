"""What these laws found and is not mended yet: check, case, and the sentence that should stand there.

Every entry is a strict expected failure: one that is mended fails here until its line goes.
"""

from __future__ import annotations

from collections.abc import Mapping

CLASS = "A number from one class of labels must say so in a note."
KNOWN: Mapping[tuple[str, str], str] = {
    ("performance.precision", "one class is said"): CLASS,
    ("performance.accuracy", "one class is said"): CLASS,
    ("performance.recall", "one class is said"): CLASS,
    ("performance.specificity", "one class is said"): CLASS,
    ("performance.negative_predictive_value", "one class is said"): CLASS,
    ("performance.f_beta", "one class is said"): CLASS,
    ("performance.log_loss", "one class is said"): CLASS,
    ("calibration.ece", "one class is said"): CLASS,
    ("fairness.predictive_parity_ratio", "one class is said"): CLASS,
    ("fairness.error_rate_ratio", "one class is said"): CLASS,
    ("fairness.less_discriminatory_alternative", "one class is said"): CLASS,
    ("calibration.hosmer_lemeshow", "one row"): "One row is no test of calibration.",
    ("calibration.spiegelhalter", "one row"): "One row is no test of calibration.",
    ("calibration.reliability_curve", "one row"): "One row is no curve.",
    ("fairness.generalized_entropy", "one row"): "One person has no inequality.",
    ("explainability.partial_dependence", "one row"): "A feature with one value has no curve.",
    ("explainability.partial_dependence", "all rows equal"): "A feature with one value has no curve.",
    ("fairness.representation", "no attribute known"): "An attribute missing for everybody has no groups.",
    ("fairness.representation", "one group"): "One group's share of itself is no representation.",
    ("fairness.auc_gap", "constant score"): "A constant score ranks nobody.",
    ("fairness.less_discriminatory_alternative", "constant score"): "A constant score has no cut.",
    (
        "robustness.perturbation_flip_rate",
        "features all missing",
    ): "Where nothing was disturbed, nothing turns.",
    ("robustness.missing_input", "features all missing"): "Where nothing was there, nothing can be blanked.",
    ("fairness.representation", "no attribute known, answered"): "Measured means that there is a value.",
    ("fairness.consistency", "huge features, answered"): "A spread that overflows must not warn.",
    (
        "robustness.perturbation_flip_rate",
        "huge features, answered",
    ): "A spread that overflows must not warn.",
    ("explainability.protected_influence", "huge features, answered"): "A mean that overflows must not warn.",
    ("robustness.implementation_equivalence", "one score missing"): "A row without a score is said.",
}
