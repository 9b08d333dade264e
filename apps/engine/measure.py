"""Run one check on a subject: arguments checked, inputs filled, the result wrapped."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from apps.engine import arguments as args
from apps.engine.catalogue import find
from apps.engine.catalogue.spec import Check
from apps.engine.errors import NoSuchColumn, NotDeclared, Unmeasurable
from apps.engine.provenance import provenance_of
from apps.engine.subject import Subject
from apps.engine.values import Measured, Measurement, Status, unmeasured

HOLDOUT = "holdout"
DEVELOPMENT = "development"
_ALONE = frozenset({"artifact", "model", "declared", "seed"})


def measure(
    check_id: str,
    subject: Subject,
    *,
    dataset: str = HOLDOUT,
    reference: str = DEVELOPMENT,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
    of_gate: bool = False,
) -> Measurement:
    """Measure one check.

    Parameters
    ----------
    check_id : str
        An id of the catalogue.
    subject : Subject
        The model version with its data.
    dataset, reference : str
        The data set measured, and the one it is compared with.
    arguments : mapping, optional
        The check's arguments; what is left out takes its default.
    seed : int
        For checks that draw.
    of_gate : bool
        A gate speaks to the data of many models: a column that an argument names and these data lack makes
        it ``"insufficient"``, where a person who names it here and now is told that it is wrong.

    Returns
    -------
    Measurement
        With status ``"insufficient"`` or ``"undefined"`` and a note where there is no number: also where
        the manifest lacks a data set, a field or an artifact that the check needs.

    Raises
    ------
    BadInput
        An unknown check or argument, a wrong value, or a file that cannot be used as given.
    """
    check = find(check_id)
    known = subject.manifest.datasets.get(dataset)
    protected = known.protected if known is not None and _reads_data(check) else ()
    resolved = args.resolve(check, arguments, protected=protected)
    try:
        measured = _measured(check, subject, resolved, dataset=dataset, reference=reference, seed=seed)
    except (NotDeclared, NoSuchColumn) as lacking:
        if isinstance(lacking, NoSuchColumn) and not of_gate:
            raise
        measured = unmeasured("insufficient", str(lacking), seed=seed)
    return Measurement(
        check=check.id,
        check_version=check.version,
        measured=measured,
        parameters={**resolved, **_compared(check, subject, dataset, reference)},
        provenance=provenance_of(subject.manifest.format, check.needs, resolved),
    )


def function_of(check: Check) -> Callable[..., Measured]:
    """The check's function; its module is imported now."""
    module, _, name = check.function.partition(":")
    place = module if module.startswith("apps.") else f"apps.engine.measures.{module}"
    return cast(Callable[..., Measured], getattr(import_module(place), name))


def _large(subject: Subject, check: Check, dataset: str, reference: str) -> bool:
    """Whether a data set that the check reads is too large to hold."""
    compares = any(need.startswith("reference_") for need in check.needs)
    names = (dataset, reference) if compares else (dataset,)
    read = [subject.datasets[name] for name in names if name in subject.datasets]
    return _reads_data(check) and any(data.large for data in read)


def _streamed(
    check: Check, subject: Subject, resolved: Mapping[str, Any], names: tuple[str, str], *, seed: int
) -> Measured:
    """The same where a data set is too large to hold; see `apps.engine.summaries`."""
    from apps.engine.summaries import gates

    dataset, reference = names
    question = gates.Question(check, resolved, dataset, reference)
    attributes = args.attribute_names(resolved.get("attributes"))
    try:
        stands = gates.standing(subject, question)
        inputs = subject.fill(check.needs, dataset, reference, seed, attributes=attributes, standing=stands)
    except Unmeasurable as reason:
        return unmeasured(
            cast(Status, reason.status), str(reason), n=_rows(subject, dataset, check), seed=seed
        )
    measured = _call(check, {**inputs, **resolved}, rows=_rows(subject, dataset, check), seed=seed)
    return gates.explained(measured, question, inputs, stands)


def _measured(
    check: Check, subject: Subject, resolved: Mapping[str, Any], *, dataset: str, reference: str, seed: int
) -> Measured:
    """What the check's function finds; NotDeclared where the manifest lacks what it needs."""
    if _reads_data(check):
        subject.manifest.dataset(dataset)
    if _large(subject, check, dataset, reference):
        return _streamed(check, subject, resolved, (dataset, reference), seed=seed)
    attributes = args.attribute_names(resolved.get("attributes"))
    inputs = subject.fill(check.needs, dataset, reference, seed, attributes=attributes)
    return _call(check, {**inputs, **resolved}, rows=_rows(subject, dataset, check), seed=seed)


def _call(check: Check, keywords: Mapping[str, Any], *, rows: int, seed: int) -> Measured:
    try:
        measured = function_of(check)(**keywords)
    except Unmeasurable as reason:
        return unmeasured(cast(Status, reason.status), str(reason), n=rows, seed=seed)
    if measured.status == "measured" and (measured.value is None or not math.isfinite(measured.value)):
        return unmeasured("undefined", "The result is no finite number.", n=measured.n, seed=seed)
    return measured if measured.seed is not None else dataclasses.replace(measured, seed=seed)


def _reads_data(check: Check) -> bool:
    return bool({need.removesuffix("?") for need in check.needs} - _ALONE)


def _rows(subject: Subject, dataset: str, check: Check) -> int:
    return subject.dataset(dataset).rows if _reads_data(check) else 0


def _compared(check: Check, subject: Subject, dataset: str, reference: str) -> dict[str, str]:
    """The data sets a number rests on: part of what changes it."""
    if not _reads_data(check):
        return {}
    compared = {"dataset": dataset}
    if reference in subject.datasets and any(need.startswith("reference_") for need in check.needs):
        compared["reference_dataset"] = reference
    return compared
