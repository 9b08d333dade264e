"""The runs behind versions in MLflow: what each was given, what it measured, how many came before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.deploys.integrations import heard
from apps.deploys.integrations.mlflow_calls import PAGES, pairs, post, proof, url_of
from apps.deploys.integrations.sending import expected, found_json
from apps.deploys.integrations.telling import Way


class Runs:
    """The runs of experiments, fetched once while a registry is read."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._known: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, tuple[list[int], bool]] = {}

    def of(self, run: str) -> Mapping[str, Any]:
        """What is told of the run that made a version; empty where it names none that is there."""
        if not run:
            return {}
        if run not in self._known:
            self._known[run] = self._fetched(run)
        return self._known[run]

    def _fetched(self, run: str) -> dict[str, Any]:
        url = url_of(self._way, "runs/get", {"run_id": run})
        answer = self._way.line.get(url, proof(self._way))
        if answer.status == 404:
            return {"run": {"gone": True}}
        told = found_json(expected(answer, 200, of="MLflow"), of="MLflow")
        info, data = heard.at(told, "run", "info"), heard.at(told, "run", "data")
        experiment, began = heard.text(info, "experiment_id"), heard.at(info, "start_time")
        before, all_of_them = self._before(experiment, began)
        return {
            "run": {
                "id": run,
                "name": heard.text(info, "run_name"),
                "status": heard.text(info, "status"),
                "experiment": experiment,
                "began": began if isinstance(began, int) else None,
            },
            "runs_before": before if all_of_them else f"{before} or more",
            "parameters": pairs(heard.at(data, "params")),
            "metrics": _numbers(heard.at(data, "metrics")),
            "datasets": list(_datasets(told)),
        }

    def _before(self, experiment: str, began: Any) -> tuple[int, bool]:
        """How many runs of the experiment began earlier: picking the best of many is seen by it."""
        if experiment not in self._begun:
            self._begun[experiment] = self._starts(experiment)
        starts, whole = self._begun[experiment]
        moment = began if isinstance(began, int) else 0
        return sum(start < moment for start in starts), whole

    def _starts(self, experiment: str) -> tuple[list[int], bool]:
        found: list[int] = []
        after: dict[str, str] = {}
        for _ in range(PAGES):
            asked = {"experiment_ids": [experiment], "max_results": 100, "run_view_type": "ALL", **after}
            told = post(self._way, "runs/search", asked)
            rows = told.get("runs")
            for row in rows if isinstance(rows, list) else ():
                start = heard.at(row, "info", "start_time")
                found += [start] if isinstance(start, int) else []
            token = heard.text(told, "next_page_token", longest=2000)
            if not token:
                return found, True
            after = {"page_token": token}
        return found, False


def _datasets(told: Any) -> Iterator[dict[str, str]]:
    rows = heard.at(told, "run", "inputs", "dataset_inputs")
    for row in rows[:50] if isinstance(rows, list) else ():
        name, digest = heard.text(row, "dataset", "name"), heard.text(row, "dataset", "digest")
        if name:
            yield {"name": name, "digest": digest}


def _numbers(rows: Any) -> dict[str, str]:
    """Metrics as text: a registry may tell NaN, and none of them is believed."""
    found = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    told = ((heard.text(row, "key"), row.get("value")) for row in found)
    return {key: str(value)[:40] for key, value in told if key and isinstance(value, int | float | str)}
