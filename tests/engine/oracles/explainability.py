"""Independent implementations of the explainability family: Shapley's own formula over all coalitions."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import factorial

import numpy as np
from scipy import stats

from tests.engine.laws.specimens import MODELLED, World
from tests.engine.oracles.register import Case, Floats, Pairs, oracle

BY = "Shapley's formula over all 8 coalitions and the whole background, run in XGBoost"
FEW = 40
# The trees hold 32-bit floats and XGBoost sums them in 32 bits.
NEAR = 5e-6


@cache
def explained(case: Case) -> tuple[Floats, Floats, float]:
    """Contributions of the first rows, their margins, and the base."""
    return shapley(case, case.matrix()[:FEW], case.matrix(reference=True))


def shapley(case: Case, rows: Floats, background: Floats) -> tuple[Floats, Floats, float]:
    """φ_j = Σ over S without j of |S|! (p - |S| - 1)! / p! (v(S + j) - v(S)), each v a mean of margins."""
    p = rows.shape[1]
    value = {}
    for size in range(p + 1):
        for s in combinations(range(p), size):
            mixed = np.repeat(background[None], len(rows), 0)
            for j in s:
                mixed[:, :, j] = rows[:, None, j]
            value[s] = case.output(mixed.reshape(-1, p), margin=True).reshape(len(rows), -1).mean(axis=1)
    phi = np.zeros_like(rows)
    for j in range(p):
        for s in value:
            if j not in s:
                weight = factorial(len(s)) * factorial(p - len(s) - 1) / factorial(p)
                phi[:, j] += weight * (value[tuple(sorted((*s, j)))] - value[s])
    return phi, value[tuple(range(p))], float(value[()][0])


def small(case: Case) -> Case:
    """The first rows of the case, the same background."""
    table = {name: values[:FEW] for name, values in case.world.table.items()}
    world: World = case.world.but(table=table)
    return Case(case.name, world)


@oracle("explainability.local", by=BY, within=NEAR)
def _(case: Case) -> Pairs:
    phi, margin, base = explained(case)
    for row in (0, 7, 21):
        found = small(case).check("explainability.local", row=row, space="margin")
        given = {r["feature"]: r["contribution"] for r in found.tables["attributions"]}
        yield from ((given[name], phi[row, j]) for j, name in enumerate(MODELLED))
        yield found.parameters["base"], base
        yield found.parameters["output"], margin[row]
        yield found.value, float(case.output(case.matrix()[row : row + 1])[0])


@oracle("explainability.global_importance", by=BY, within=NEAR)
def _(case: Case) -> Pairs:
    size = np.abs(explained(case)[0]).mean(axis=0)
    found = small(case).check("explainability.global_importance", space="margin")
    given = {r["feature"]: r["mean_abs"] for r in found.tables["attributions"]}
    yield from ((given[name], size[j]) for j, name in enumerate(MODELLED))
    yield found.value, size.max() / size.sum()


@oracle(
    "explainability.additivity",
    by="base and contributions of `local` summed against XGBoost's margin",
    within=NEAR,
)
def _(case: Case) -> Pairs:
    found = small(case).check("explainability.additivity", space="margin")
    yield found.value, 0.0
    local = small(case).check("explainability.local", row=3, space="margin")
    total = local.parameters["base"] + sum(r["contribution"] for r in local.tables["attributions"])
    yield total, float(case.output(case.matrix()[3:4], margin=True)[0])


@oracle("explainability.protected_influence", by=f"{BY}; proxies named by hand", within=NEAR)
def _(case: Case) -> Pairs:
    size = np.abs(explained(case)[0]).mean(axis=0)
    found = small(case).check(
        "explainability.protected_influence", space="margin", proxies=["debt"], association=1.0
    )
    yield found.value, size[MODELLED.index("debt")] / size.sum()
    found = small(case).check("explainability.protected_influence", space="margin", association=1.0)
    income = case.numbers("income")[:FEW]
    sex = case.texts("sex")[:FEW]
    between = sum((sex == s).sum() * (income[sex == s].mean() - income.mean()) ** 2 for s in np.unique(sex))
    race = case.texts("race")[:FEW]
    among = sum((race == s).sum() * (income[race == s].mean() - income.mean()) ** 2 for s in np.unique(race))
    row = next(r for r in found.tables["features"] if r["feature"] == "income")
    yield row["association"], float(np.sqrt(max(between, among) / ((income - income.mean()) ** 2).sum()))


@oracle("explainability.importance_stability", by=f"{BY}; scipy `spearmanr`", within=NEAR)
def _(case: Case) -> Pairs:
    size = np.abs(explained(case)[0]).mean(axis=0)
    previous = {"income": 0.2, "debt": 0.5, "age": 0.1}
    found = small(case).check("explainability.importance_stability", space="margin", previous=previous)
    yield found.value, stats.spearmanr(size, [previous[n] for n in MODELLED]).statistic


def reasons(case: Case, phi: Floats, most: int) -> list[list[str]]:
    """What hurts each refused person most, by hand: positive margins where the refused score higher."""
    output = case.output(case.matrix()[:FEW])
    refused = ~case.selected[:FEW]
    sign = 1 if output[refused].mean() > output[~refused].mean() else -1
    found = []
    for row in (sign * phi)[refused]:
        order = sorted(range(len(row)), key=lambda j: -row[j])
        found.append([MODELLED[j] for j in order if row[j] > 1e-9][:most])
    return found


@oracle("explainability.reason_codes", by=f"{BY}; the hurtful ones sorted by hand", within=NEAR)
def _(case: Case) -> Pairs:
    given = reasons(case, explained(case)[0], 2)
    found = small(case).check("explainability.reason_codes", space="margin", most=2)
    yield found.value, float(np.mean([bool(g) for g in given]))
    shares = {r["feature"]: r["share"] for r in found.tables["reasons"]}
    yield from ((shares.get(n, 0.0), float(np.mean([n in g for g in given]))) for n in MODELLED)
    allowed = small(case).check(
        "explainability.reason_codes", space="margin", most=2, permitted=["debt", "age"]
    )
    yield allowed.value, float(np.mean([bool(g) and "income" not in g for g in given]))


@oracle(
    "explainability.reason_code_stability", within=0.1, every=False,
    by=f"{BY}, the background drawn again 12 times by another generator",
)  # fmt: skip
def _(case: Case) -> Pairs:
    own = reasons(case, explained(case)[0], 1)
    background = case.matrix(reference=True)
    source = np.random.default_rng(0)
    overlaps = []
    for _ in range(12):
        again = background[source.integers(0, len(background), len(background))]
        other = reasons(case, shapley(case, case.matrix()[:FEW], again)[0], 1)
        overlaps += [float(a == b) for a, b in zip(own, other, strict=True)]
    found = small(case).check("explainability.reason_code_stability", space="margin", most=1, draws=12)
    yield found.value, float(np.mean(overlaps))


@oracle(
    "explainability.partial_dependence", by="XGBoost run on each grid point, feature set by hand", within=NEAR
)
def _(case: Case) -> Pairs:
    rows = case.matrix()
    found = case.check("explainability.partial_dependence", feature="debt")
    means = []
    for row in found.tables["curve"]:
        moved = rows.copy()
        moved[:, MODELLED.index("debt")] = row["value"]
        means.append(case.output(moved).mean())
        yield row["mean"], means[-1]
    yield found.value, max(means) - min(means)
    yield len(means), len(set(case.world.table["debt"]))


@oracle(
    "explainability.interaction",
    by="Friedman's H² with loops over rows, run in XGBoost",
    within=1e-4,
    every=False,
)
def _(case: Case) -> Pairs:
    rows = case.matrix()[:20]

    def dependence(columns: tuple[int, ...]) -> Floats:
        found = np.empty(len(rows))
        for i in range(len(rows)):
            mixed = rows.copy()
            mixed[:, columns] = rows[i, columns]
            found[i] = case.output(mixed).mean()
        return found - found.mean()

    strengths = []
    for j, k in combinations(range(3), 2):
        joint = dependence((j, k))
        rest = joint - dependence((j,)) - dependence((k,))
        strengths.append(float((rest**2).sum() / (joint**2).sum()))
    table = {name: values[:20] for name, values in case.world.table.items()}
    found = Case(case.name, case.world.but(table=table)).check("explainability.interaction", rows=20)
    yield found.value, max(strengths)


@oracle(
    "explainability.surrogate_fidelity", within=0.08, every=False,
    by="scikit-learn `cross_val_predict` of a tree over other folds",
)  # fmt: skip
def _(case: Case) -> Pairs:
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeRegressor

    from apps.engine.columns import Columns

    source = np.random.default_rng(3)
    x = source.normal(size=(2000, 3))
    score = np.where(x[:, 0] > 0, 0.8, 0.2) + 0.1 * x[:, 1] * (x[:, 2] > 0)
    wanted = []
    for seed in range(3):
        folds = KFold(5, shuffle=True, random_state=seed)
        made = cross_val_predict(DecisionTreeRegressor(max_depth=4, random_state=0), x, score, cv=folds)
        wanted.append(r2_score(score, made))
    features = Columns.of(**{name: x[:, j] for j, name in enumerate(MODELLED)})
    yield (
        case.check("explainability.surrogate_fidelity", score=score, features=features).value,
        np.mean(wanted),
    )
