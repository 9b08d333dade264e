"""Stratified two-by-two tables against the printouts of textbooks and statistical systems."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.measures.fairness.stratified import Stratified
from tests.engine.published.printed import printed

ID = "fairness.conditional_adverse_impact"


def strata(*tables: tuple[int, int, int, int]) -> Stratified:
    """Tables given row by row."""
    return Stratified(np.array(tables).reshape(-1, 2, 2))


@printed(ID, source="Agresti (1990), Categorical data analysis, pages 231-237: penicillin and rabbits",
         what="corrected CMH 3.929, p = 0.047",
         seen="the tables, in R's example of mantelhaen.test; 3.9286 and 0.04747, in its output")  # fmt: skip
def test_penicillin_and_rabbits():
    found = strata((0, 6, 0, 5), (3, 3, 0, 6), (6, 0, 2, 4), (5, 1, 6, 0), (2, 0, 5, 0))
    statistic, p = found.cmh(correction=True)
    assert (round(statistic, 3), round(p, 3)) == (3.929, 0.047)


@printed(ID, source="Bickel, Hammel, O'Connell (1975), Science 187, 398-404; R's "
         "mantelhaen.test(UCBAdmissions)",
         what="corrected CMH 1.4269, p = 0.2323, common odds ratio 0.9046968",
         seen="all three, in a vignette of R's vcdExtra")  # fmt: skip
def test_berkeley():
    found = strata(
        (512, 313, 89, 19), (353, 207, 17, 8), (120, 205, 202, 391),
        (138, 279, 131, 244), (53, 138, 94, 299), (22, 351, 24, 317),
    )  # fmt: skip
    statistic, p = found.cmh(correction=True)
    assert (round(statistic, 4), round(p, 4)) == (1.4269, 0.2323)
    assert round(found.odds_ratio(), 7) == 0.9046968


CHINA = (
    (126, 100, 35, 61), (908, 688, 497, 807), (913, 747, 336, 598), (235, 172, 58, 121),
    (402, 308, 121, 215), (182, 156, 72, 98), (60, 99, 11, 43), (104, 89, 21, 36),
)  # fmt: skip


@printed(ID, source="Liu (1992), International Journal of Epidemiology 21, 197-201: smoking and lung cancer "
         "in eight Chinese cities; PROC FREQ's printout",
         what="CMH 280.138, common odds ratio 2.174, Breslow-Day 5.200 on 7 df, p = 0.636",
         seen="tables, CMH and odds ratio, in a public test; all, in statsmodels' printout")  # fmt: skip
def test_smoking_in_eight_chinese_cities():
    found = strata(*CHINA)
    assert found.cmh()[0] == pytest.approx(280.138, abs=5e-4)
    assert round(found.odds_ratio(), 3) == 2.174
    statistic, df, p = found.breslow_day()
    assert (df, round(p, 3)) == (7, 0.636)
    assert statistic == pytest.approx(5.200, abs=1.5e-3)  # printed without Tarone's correction


@printed(ID, source="R's DescTools::BreslowDayTest, two worked examples: tetracycline and teeth, smoking and "
         "cervical cancer by partners",
         what="Breslow-Day 0.57493, p = 0.4483; 4.2069, p = 0.04026",
         seen="in DescTools' documentation, when the test was written; not found a second time")  # fmt: skip
@pytest.mark.parametrize(
    ("tables", "statistic", "p"),
    [
        (((30, 25, 12, 17), (4, 6, 68, 94)), 0.57493, 0.4483),
        (((12, 21, 25, 118), (96, 148, 92, 150)), 4.2069, 0.04026),
    ],
)
def test_breslow_day_of_two_strata(tables, statistic, p):
    found = strata(*tables).breslow_day()
    assert found[1] == 1
    assert found[0] == pytest.approx(statistic, rel=2e-4)
    assert found[2] == pytest.approx(p, rel=2e-3)


@printed(ID, source="Breslow, Day (1980), Statistical methods in cancer research I, chapter 4: oesophageal "
         "cancer and alcohol in Ille-et-Vilaine, six ages",
         what="common odds ratio 5.158, corrected CMH 83.22, homogeneity 9.32 on 5 df")  # fmt: skip
def test_oesophageal_cancer():
    found = strata(
        (1, 9, 0, 106), (4, 26, 5, 164), (25, 29, 21, 138), (42, 27, 34, 139), (19, 18, 36, 88), (5, 0, 8, 31)
    )
    assert round(found.odds_ratio(), 3) == 5.158
    assert found.cmh(correction=True)[0] == pytest.approx(83.22, abs=6e-3)
    statistic, df, _ = found.breslow_day()
    assert (df, round(statistic, 1)) == (5, 9.3)
