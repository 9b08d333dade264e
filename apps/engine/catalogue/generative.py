"""Catalogue entries of `generative`: evaluation results of systems that write, judged case by case."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS

CHECKS: tuple[Check, ...] = (
    Check(
        id="generative.pass_rate",
        function="generative:pass_rate",
        title="Share of judged answers that pass",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("columns", "count?"),
        definition="Judged answers that pass / judged answers, over all cases, repeats and judges.",
        conventions=(
            "A row is one answer to one case in one repeat, judged by one judge. A row without an outcome, "
            "case, repeat, judge or prompt is no evidence: nothing is measured. Where a bound is named and "
            "some repeats lie below it and some do not, chance decides: that is insufficient, whatever the "
            "mean. Results are handed in: nobody asked the system while measuring."
        ),
        edge_cases=(
            "No rows, one case, a case in fewer repeats than asked for, missing values, or repeats on both "
            "sides of the bound: insufficient. A case asked with more than one prompt: undefined. A column "
            "that the file lacks: refused by name."
        ),
        interval=(
            "Wilson at the effective size of a sample clustered by case: repeats of one case are no new cases"
        ),
        cost="one pass over the rows",
        takes=COUNTS,
        references=(
            "Miller (2024), Adding error bars to evals, arXiv:2411.00640",
            "Kish (1965), Survey Sampling, Wiley, chapter 5",
            "Wilson (1927), JASA 22, 209-212",
        ),
        purpose="One number for how often a system that writes does what its cases ask for.",
        mechanism="Counts passes; repeats show how much of it is chance, judges how far they agree.",
        signs_of_high_risk="Repeats far apart; judges that disagree; a floor that only some repeats reach.",
        strengths="Tells case noise and run noise apart; exact counts; judges and prompts stand beside it.",
        limitations="As good as its cases and its judges; says nothing of what no case asks.",
        args=(
            Arg(name="passed", type="string", default="passed", help="Column of the outcome."),
            Arg(
                name="passing",
                type="strings",
                default=("1", "true", "yes", "pass", "passed"),
                help="Values of that column that mean a pass, in any case of letters.",
            ),
            Arg(name="case", type="string", default="case_id", help="Column that names the case."),
            Arg(name="repeat", type="string", default="repeat", help="Column that names the repeat."),
            Arg(name="judge", type="string", default="judge_id", help="Column that names the judge."),
            Arg(name="prompt", type="string", default="prompt_digest", help="Column of the prompt's digest."),
            Arg(
                name="min_repeats",
                type="integer",
                default=3,
                minimum=1,
                help="Repeats in which every case must have been tried.",
            ),
            Arg(
                name="bound",
                type="number",
                minimum=0,
                maximum=1,
                help="The floor of the gate: insufficient where repeats lie on both sides of it.",
            ),
            CONFIDENCE,
        ),
        sentence="{value} of the judged answers pass.",
    ),
)
