"""Independent implementations of the families robustness, data, security, operations and documents."""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from typing import Any

import numpy as np
from scipy import stats

from apps.engine.columns import Columns
from apps.engine.inputs import Artifact
from tests.engine.laws.specimens import DECLARED, FEATURES, MODELLED
from tests.engine.oracles.register import Case, Pairs, both, oracle


@oracle(
    "robustness.weak_segments", by="scipy `fisher_exact`, pandas segments, statsmodels' Holm", within=1e-9
)
def _(case: Case) -> Pairs:
    import pandas as pd
    from statsmodels.stats.multitest import multipletests

    wrong = case.label != case.predicted
    segments: list[np.ndarray] = []
    for name in FEATURES:
        values = pd.Series(case.world.table[name])
        if values.nunique() <= 4 or values.dtype == object or name == "region":
            segments += [(values == v).to_numpy() for v in values.unique()]
            continue
        edges = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
        codes = np.minimum(np.searchsorted(edges, values, side="right") - 1, len(edges) - 2)
        segments += [codes == k for k in range(len(edges) - 1)]
    p_values = []
    for inside in segments:
        if 50 <= inside.sum() < len(wrong):
            table = [[int((wrong == w)[inside == i].sum()) for w in (True, False)] for i in (True, False)]
            p_values.append(stats.fisher_exact(table, alternative="greater").pvalue)
    found = case.check("robustness.weak_segments")
    yield from both(sorted(row["p_value"] for row in found.tables["segments"]), sorted(p_values))
    yield found.value, float((multipletests(p_values, method="holm")[1] < 0.05).sum())


@oracle("robustness.implementation_equivalence", by="numpy's largest difference and percentile")
def _(case: Case) -> Pairs:
    other = case.numbers("rival")
    found = case.check("robustness.implementation_equivalence", score_column=other)
    gap = np.abs(case.score - other)
    yield found.value, gap.max()
    yield found.tables["differences"][0]["p99_9"], np.percentile(gap, 99.9)


@oracle("robustness.monotonicity", by="XGBoost run on each quantile, rows walked one by one")
def _(case: Case) -> Pairs:
    j, rows = MODELLED.index("debt"), case.matrix()
    points = np.unique(np.quantile(rows[:, j], np.linspace(0, 1, 5), method="nearest"))
    curves = []
    for point in points:
        moved = rows.copy()
        moved[:, j] = point
        curves.append(case.output(moved))
    broken = [
        any(b < a for k, a in enumerate(line) for b in line[k:]) for line in np.array(curves).T.tolist()
    ]
    yield case.check("robustness.monotonicity", increasing=["debt"], grid=5).value, float(np.mean(broken))


@oracle(
    "robustness.perturbation_flip_rate", within=0.02, every=False,
    by="XGBoost run on 200 disturbed copies drawn by another generator",
)  # fmt: skip
def _(case: Case) -> Pairs:
    rows, source = case.matrix(), np.random.default_rng(0)
    cut = float(np.median(case.output(rows)))
    before = case.output(rows) >= cut
    spread = rows.std(axis=0)
    flips = [
        ((case.output(rows + source.normal(size=rows.shape) * 0.1 * spread) >= cut) != before).mean()
        for _ in range(200)
    ]
    found = case.check("robustness.perturbation_flip_rate", threshold=cut, noise=0.1, draws=200)
    yield found.value, float(np.mean(flips))


@oracle("robustness.missing_input", by="XGBoost run with each feature missing", within=1e-6)
def _(case: Case) -> Pairs:
    rows = case.matrix()
    found = case.check("robustness.missing_input")
    lost = 0
    for j, name in enumerate(MODELLED):
        blank = rows.copy()
        blank[:, j] = np.nan
        after = case.output(blank)
        lost += not np.isfinite(after).all()
        row = next(r for r in found.tables["features"] if r["feature"] == name)
        yield row["largest_change"], np.abs(after - case.output(rows)).max()
    yield found.value, lost / len(MODELLED)


@oracle("robustness.extreme_input", by="XGBoost run on each extreme", within=1e-6)
def _(case: Case) -> Pairs:
    rows = case.matrix()
    found = case.check("robustness.extreme_input")
    failed = 0
    for row in found.tables["probes"]:
        probe = rows.copy()
        probe[:, MODELLED.index(row["feature"])] = row["value"]
        after = case.output(probe)
        failed += not (np.isfinite(after).all() and ((after >= 0) & (after <= 1)).all())
        yield row["mean_change"], np.abs(after - case.output(rows)).mean()
    yield len(found.tables["probes"]), 4 * len(MODELLED)
    yield found.value, failed / (4 * len(MODELLED))


@oracle("data.contract", by="each term of a contract held by hand, value by value")
def _(case: Case) -> Pairs:
    terms: dict[str, Any] = {
        "sex": {"values": ["F"]},
        "debt": {"min": 1, "max": 4, "type": "number"},
        "income": {"max_missing_share": 0.0, "unique": True},
        "absent": {"required": True},
    }
    table = case.world.table
    broken = [
        any(v != "F" for v in table["sex"]),
        any(v < 1 for v in table["debt"]),
        any(v > 4 for v in table["debt"]),
        any(v is None for v in table["income"]),
        len(set(table["income"])) < len(table["income"]),
        "absent" not in table,
    ]
    yield case.check("data.contract", contract=terms).value, float(sum(broken))


@oracle("data.duplicates", by="pandas `duplicated`")
def _(case: Case) -> Pairs:
    import pandas as pd

    for key in (["debt"], ["sex", "debt", "region"], ["score", "income"]):
        wanted = pd.DataFrame(case.world.table).duplicated(subset=key).mean()
        yield case.check("data.duplicates", key=key).value, float(wanted)


@oracle("data.train_test_overlap", by="pandas `merge` on the features")
def _(case: Case) -> Pairs:
    import pandas as pd

    for key in (["debt"], ["income", "debt"], list(FEATURES)):
        now, then = (pd.DataFrame(t)[key] for t in (case.world.table, case.world.reference))
        joined = now.merge(then.drop_duplicates(), how="left", indicator=True)
        wanted = (joined["_merge"] == "both").mean()
        yield case.check("data.train_test_overlap", key=key).value, float(wanted)


@oracle("data.outliers", by="scipy `iqr` fences and `median_abs_deviation`")
def _(case: Case) -> Pairs:
    for rule in ("iqr", "mad"):
        shares = []
        for name in ("income", "debt", "age"):
            held, now = np.array(case.world.reference[name]), np.array(case.world.table[name])
            if rule == "iqr":
                reach = 1.0 * stats.iqr(held)
                low, high = np.percentile(held, 25) - reach, np.percentile(held, 75) + reach
            else:
                reach = 1.0 * 1.4826 * stats.median_abs_deviation(held)
                low, high = np.median(held) - reach, np.median(held) + reach
            shares.append(((now < low) | (now > high)).mean())
        yield case.check("data.outliers", rule=rule, width=1.0).value, float(max(shares))


@oracle(
    "data.representativeness", by="pandas `value_counts` and half the sum of distances; scipy `chisquare`"
)
def _(case: Case) -> Pairs:
    import pandas as pd

    now, then = (
        pd.Series(t["race"]).value_counts().reindex(["a", "b", "c"], fill_value=0)
        for t in (case.world.table, case.world.reference)
    )
    wanted = (now / now.sum() - then / then.sum()).abs().sum() / 2
    yield case.check("data.representativeness", over=["race"]).value, float(wanted)
    expected = {"race": {"a": 0.5, "b": 0.3, "c": 0.2}}
    found = case.check("data.representativeness", over=["race"], expected=expected)
    shares = pd.Series(expected["race"])
    yield found.value, float((now / now.sum() - shares).abs().sum() / 2)
    test = stats.chisquare(now, shares * now.sum())
    yield found.tables["columns"][0]["statistic"], float(test.statistic)
    yield found.tables["columns"][0]["p_value"], float(test.pvalue)


@oracle("data.time_order", by="months compared as text, row by row")
def _(case: Case) -> Pairs:
    last = max(case.world.reference["period"])
    wanted = np.mean([month <= last for month in case.world.table["period"]])
    yield case.check("data.time_order").value, float(wanted)
    turned = Case(case.name, case.world.but(table=case.world.reference, reference=case.world.table))
    yield turned.check("data.time_order").value, 1.0


@oracle("security.artifact_scan", by="pickles of things that run code, beside files of plain data")
def _(case: Case) -> Pairs:
    folder = case.world.model_path.parent
    for name, content, bad in (
        ("plain.json", json.dumps({"learner": {}}).encode(), False),
        ("list.json", pickle.dumps(time.sleep, protocol=4), True),
        ("model.onnx", pickle.dumps(hashlib.sha256, protocol=2), True),
    ):
        path = folder / name
        path.write_bytes(content)
        found = case.check("security.artifact_scan", artifact=Artifact(path, "xgboost", ""))
        if bad:
            yield float(found.value > 0), 1.0
    yield case.check("security.artifact_scan").value, 0.0


@oracle("security.digest", by="hashlib `sha256`")
def _(case: Case) -> Pairs:
    path = case.world.model_path
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    yield case.check("security.digest", artifact=Artifact(path, "xgboost", digest)).value, 0.0
    yield case.check("security.digest", artifact=Artifact(path, "xgboost", digest[::-1])).value, 1.0


@oracle("security.sbom", by="open findings counted by hand")
def _(case: Case) -> Pairs:
    found = [
        ("high", None),
        ("high", "resolved"),
        ("critical", "open"),
        ("low", None),
        ("high", "not_affected"),
    ]
    scan = {
        "scanned_at": "2026-01-02",
        "vulnerabilities": [
            {"id": f"CVE-{i}", "severity": s, **({"state": t} if t else {})} for i, (s, t) in enumerate(found)
        ],
    }
    yield case.check("security.sbom", declared={"sbom": scan}).value, 2.0


@oracle("documents.present", by="types asked for, counted by hand")
def _(case: Case) -> Pairs:
    for types, wanted in (
        (["model-card"], 0.0),
        (["model-card", "monitoring-plan", "validation-report"], 2.0),
    ):
        yield case.check("documents.present", declared=DECLARED, types=types).value, wanted


class Slow:
    """A model that takes a known time a call and holds a known block of memory."""

    format, features = "none", ("income",)

    def __init__(self, seconds: float = 0.0, mebibytes: int = 0) -> None:
        self.seconds, self.mebibytes = seconds, mebibytes

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Wait, fill memory, answer."""
        if self.seconds:
            time.sleep(self.seconds)
        block = np.ones(self.mebibytes << 17)
        return np.zeros(len(matrix)) + block[:1].sum() * 0

    def score(self, features: Columns) -> np.ndarray:
        """The same of columns."""
        return self.score_matrix(np.zeros((features.rows, 1)))


ROWS = Columns.of(income=[1.0, 2.0, 3.0])


@oracle("operations.latency", by="a model that sleeps 20 ms a call", within=0.6, every=False)
def _(case: Case) -> Pairs:
    found = case.check("operations.latency", model=Slow(0.02), features=ROWS, calls=20)
    yield found.tables["times"][0]["p50"] / 20, 1.0


@oracle("operations.throughput", by="a model that sleeps 30 ms a call", within=0.6, every=False)
def _(case: Case) -> Pairs:
    found = case.check("operations.throughput", model=Slow(0.03), features=ROWS, rows=1000, repeats=3)
    yield found.value * 0.03 / 1000, 1.0


@oracle(
    "operations.memory",
    by="a model that fills 64 MiB, against the process's own count",
    within=0.1,
    every=False,
)
def _(case: Case) -> Pairs:
    import resource

    found = case.check("operations.memory", model=Slow(mebibytes=64), features=ROWS, rows=10)
    yield found.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@oracle(
    "generative.pass_rate", by="statsmodels' cluster-robust variance and Wilson interval, pandas", within=1e-9
)
def _(case: Case) -> Pairs:
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.stats.proportion import proportion_confint

    table = pd.DataFrame(case.world.table)
    good = (table["approved"] == "yes").astype(float)
    fitted = sm.OLS(good, np.ones(len(good))).fit(
        cov_type="cluster", cov_kwds={"groups": table["sex"].astype("category").cat.codes}
    )
    share = good.mean()
    size = min(share * (1 - share) / fitted.cov_params().iloc[0, 0], len(good))
    by_repeat = good.groupby(table["race"]).mean()
    answers = table.assign(good=good).groupby(["sex", "race"])
    several = answers["region"].nunique() > 1
    found = case.check("generative.pass_rate")
    yield found.value, share
    yield found.parameters["effective_size"], size
    yield found.parameters["spread"], by_repeat.max() - by_repeat.min()
    yield found.parameters["agreement"], (answers["good"].nunique()[several] == 1).mean()
    yield from both(found.interval, proportion_confint(share * size, size, method="wilson"))
