"""What can be said of an artifact without opening it: whether it can run code, which bytes it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.inputs import Artifact
from apps.engine.values import Measured

_BLOCK = 1 << 20
_CLOSED = frozenset({"not_affected", "resolved", "false_positive"})


def artifact_scan(*, artifact: Artifact | None = None) -> Measured:
    """Count what in the artifact could run code, or is not known to be data only.

    The value is the number of refusing findings: 0 where the content is known to be data alone.
    Range [0, inf), lower is better. The content decides, never the file's name.

    Parameters
    ----------
    artifact : Artifact or None
        The file or folder; None where the manifest has no artifact.

    Returns
    -------
    Measured
        `n` is the number of files looked at; the table ``findings`` lists code, place, severity, sentence.

    Raises
    ------
    Unmeasurable
        If there is no artifact: scores in a column leave nothing to scan.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.onnx"
    >>> _ = path.write_bytes(bytes([0x80, 4]) + b"N.")
    >>> artifact_scan(artifact=Artifact(path, "onnx", "0" * 64)).value
    1.0
    """
    from apps.engine.scan import scan

    present = _artifact(artifact)
    outcome = scan(present.path)
    rows = [
        {"code": f.code, "where": f.where, "severity": f.severity, "sentence": f.sentence}
        for f in sorted(outcome.findings, key=lambda f: (f.where, f.code, f.sentence))
    ]
    refusing = sum(f.severity == "refuse" for f in outcome.findings)
    return Measured(
        value=float(refusing),
        n=max(1, len(outcome.files)),
        method="content scan; nothing is loaded",
        parameters={"kind": outcome.kind, "verdict": outcome.verdict},
        tables={"findings": rows},
        notes=[r["sentence"] for r in rows if r["severity"] == "refuse"],
    )


def digest(*, artifact: Artifact | None = None) -> Measured:
    """Whether the artifact's bytes are those that its SHA-256 names.

    The value is 0 where the file's digest, computed again, equals the one recorded when the subject was
    opened, else 1. Range {0, 1}, lower is better.

    Parameters
    ----------
    artifact : Artifact or None
        The file with the digest that was recorded.

    Raises
    ------
    Unmeasurable
        If there is no artifact.
    BadInput
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.txt"
    >>> _ = path.write_bytes(b"tree")
    >>> digest(artifact=Artifact(path, "lightgbm", "0" * 64)).value
    1.0
    """
    present = _artifact(artifact)
    found, size = _sha256(present)
    same = found == present.sha256
    notes = [] if same else [f"The artifact changed: its SHA-256 is {found}, {present.sha256} was recorded."]
    return Measured(
        value=0.0 if same else 1.0,
        n=1,
        method="SHA-256",
        parameters={"sha256": found, "bytes": size},
        notes=notes,
    )


def sbom(
    *,
    declared: dict[str, Any],
    as_of: str | None = None,
    max_age_days: int = 90,
    severities: Sequence[str] = ("critical", "high"),
) -> Measured:
    """Count the open vulnerabilities of the given severities in the imported scan of components.

    The manifest's ``sbom`` names the scan: ``{scanned_at, components, vulnerabilities: [{id,
    severity, state?}]}``. A vulnerability whose `state` is ``not_affected``, ``resolved`` or
    ``false_positive`` is not open. Range [0, inf), lower is better.

    Parameters
    ----------
    declared : dict
        The manifest's ``spec``.
    as_of : str, optional
        The day (YYYY-MM-DD) against which the scan's age is held; without it the age is not judged.
    max_age_days : int
        An older scan is `insufficient`.
    severities : sequence of str
        The severities that count.

    Raises
    ------
    Unmeasurable
        If there is no scan, or it is too old or of a day to come.
    BadInput
        A scan without a list of vulnerabilities, or one of them without a severity.

    Examples
    --------
    >>> scan = {"scanned_at": "2026-01-02", "vulnerabilities": [{"id": "CVE-1", "severity": "high"}]}
    >>> sbom(declared={"sbom": scan}).value
    1.0
    """
    scan = declared.get("sbom")
    if not isinstance(scan, dict) or "scanned_at" not in scan:
        raise Unmeasurable(
            "The manifest names no component scan (sbom with scanned_at).", status="insufficient"
        )
    age = _age(str(scan["scanned_at"]), as_of)
    if age is not None and not 0 <= age <= max_age_days:
        raise Unmeasurable(
            f"The component scan is {age} days old; at most {max_age_days} are allowed."
            if age > 0
            else f"The component scan is of {scan['scanned_at']}, after {as_of}, the day it is held against.",
            status="insufficient",
        )
    wanted, components = {s.lower() for s in severities}, _entries(scan, "components")
    found = [_vulnerability(k, given) for k, given in enumerate(_entries(scan, "vulnerabilities"), 1)]
    rows = [
        {"id": name, "severity": severity}
        for name, severity, state in found
        if severity in wanted and state not in _CLOSED
    ]
    rows.sort(key=lambda r: (r["severity"], r["id"]))
    return Measured(
        value=float(len(rows)),
        n=len(components),
        method="imported component scan",
        parameters={"scanned_at": str(scan["scanned_at"]), "age_days": age},
        tables={"vulnerabilities": rows},
    )


def _entries(scan: Mapping[str, Any], field: str) -> Sequence[Any]:
    found = scan.get(field, [] if field == "components" else None)
    if not isinstance(found, (list, tuple)):
        raise BadInput(
            f"The component scan needs the field {field} as a list, empty where none is known, not {found!r}."
        )
    return found


def _vulnerability(place: int, given: Any) -> tuple[str, str, str | None]:
    """Its id, severity and state; one without a severity could hide the worst and is refused."""
    fields = given if isinstance(given, Mapping) else {}
    severity, state = fields.get("severity"), fields.get("state")
    if not isinstance(severity, str) or not severity or not isinstance(state, (str, type(None))):
        raise BadInput(
            f"Vulnerability {place} of the component scan must have a severity, and perhaps a state, as "
            f"text; it is {given!r:.80}."
        )
    return str(fields.get("id", "")), severity.lower(), state


def _artifact(artifact: Artifact | None) -> Artifact:
    if artifact is None:
        raise Unmeasurable("The manifest names no artifact (format none): there is no file to look at.")
    return artifact


def _sha256(artifact: Artifact) -> tuple[str, int]:
    import hashlib

    state, size = hashlib.sha256(), 0
    try:
        with artifact.path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                state.update(block)
                size += len(block)
    except OSError as error:
        raise BadInput(f'The artifact "{artifact.path.name}" cannot be read: {error.strerror}.') from error
    return state.hexdigest(), size


def _age(scanned_at: str, as_of: str | None) -> int | None:
    if as_of is None:
        return None
    then, now = _day(scanned_at, "scanned_at"), _day(as_of, "as_of")
    return (now - then).days


def _day(text: str, field: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f'{field} is "{text}", which is not a date (YYYY-MM-DD).') from error
    return day.replace(tzinfo=day.tzinfo or UTC)
