"""Catalogue entries of the family `security`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import NOTHING

CHECKS: tuple[Check, ...] = (
    Check(
        id="security.artifact_scan",
        function="security:artifact_scan",
        title="Content of the artifact that could run code",
        unit="findings",
        range="[0, inf)",
        direction="lower",
        needs=("artifact?",),
        definition=(
            "The number of findings that refuse the file: 0 where all its content is known to be data only."
        ),
        conventions=(
            "The content decides, never the name. Formats known to be data pass (ONNX, safetensors, "
            "XGBoost JSON and UBJ, LightGBM text, CSV, JSON, Parquet, Arrow, NumPy numbers); skops passes"
            " to its typed loader; everything else is refused, also what is unknown. Bounds: 1,000 "
            "members, 4 GiB unpacked, ratio 100, three wrappings."
        ),
        edge_cases="No artifact (format none): undefined. An empty or damaged file is a finding.",
        interval="none: the count is exact",
        cost="one pass over the file; compressed content is unpacked to a bounded temporary file",
        takes=NOTHING,
        references=(
            "CWE-502, Deserialization of Untrusted Data",
            "Python documentation, module pickle: warning on untrusted data",
            "ONNX IR specification, external data",
        ),
        purpose="Keeps files that run code when they are opened out of every later step.",
        mechanism=(
            "Reads headers, archive listings, pickle opcodes and protobuf fields without loading anything."
        ),
        signs_of_high_risk="Any value above 0; a pickle under another format's name; custom operators.",
        strengths="Independent of names and extensions; refuses by default; bounded in time and memory.",
        limitations=(
            "Says nothing of what a data-only model computes, nor of flaws in the library that reads it."
        ),
        sentence="{value} findings could run code.",
    ),
    Check(
        id="security.digest",
        function="security:digest",
        title="The artifact's bytes are the recorded ones",
        unit="0 or 1",
        range="{0, 1}",
        direction="lower",
        needs=("artifact?",),
        definition="0 where the SHA-256 of the file, computed again, is the recorded one; else 1.",
        conventions="SHA-256 over the whole file, lower-case hexadecimal.",
        edge_cases="No artifact (format none): undefined. A file that cannot be read is an error.",
        interval="none: the comparison is exact",
        cost="one pass over the file",
        takes=NOTHING,
        references=("FIPS 180-4, Secure Hash Standard",),
        purpose="Shows that what was measured is what was registered.",
        mechanism=(
            "Hashes the file when the check runs and compares with the digest taken when it was opened."
        ),
        signs_of_high_risk="1: the file changed between registration and measuring.",
        strengths="Exact; repeats anywhere with a standard tool.",
        limitations="Covers the artifact file itself, not tensors kept in further files.",
        sentence="The artifact's digest differs: {value}.",
    ),
    Check(
        id="security.sbom",
        function="security:sbom",
        title="Open vulnerabilities in the artifact's components",
        unit="vulnerabilities",
        range="[0, inf)",
        direction="lower",
        needs=("declared",),
        definition=(
            "The number of open vulnerabilities of the chosen severities in the imported component scan."
        ),
        conventions="States not_affected, resolved and false_positive are not open.",
        edge_cases=(
            "No scan, or one older than max_age_days on the day as_of, or of a later day: insufficient. A "
            "scan without a list of vulnerabilities, or one of them without a severity: refused."
        ),
        interval="none: the count is exact",
        cost="negligible",
        takes=NOTHING,
        references=("CycloneDX 1.7, vulnerabilities and their analysis state",),
        purpose="Brings the supply chain's known flaws into the decision.",
        mechanism="Counts entries of the scan that the manifest carries.",
        signs_of_high_risk="Any open critical vulnerability; a scan that is months old.",
        strengths="Uses the organisation's own scanner and its triage.",
        limitations="Knows only what the scan knows; the scan's truth is its author's.",
        args=(
            Arg(name="as_of", type="string", help="Day against which the scan's age is held (YYYY-MM-DD)."),
            Arg(
                name="max_age_days",
                type="integer",
                default=90,
                minimum=0,
                help="Oldest scan accepted, in days.",
            ),
            Arg(
                name="severities",
                type="strings",
                default=["critical", "high"],
                help="Severities that count.",
            ),
        ),
        sentence="{value} open vulnerabilities.",
    ),
)
