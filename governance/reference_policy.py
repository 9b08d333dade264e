"""The fields of a policy for docs/reference/policy.md: types from the form itself, meanings beside it."""

from __future__ import annotations

from collections.abc import Iterator

from apps.engine.policy import form as forms
from apps.engine.policy.document import POLICY
from apps.engine.policy.vocabulary import FIELDS

FILE = """\
`policies/<id>/policy.yaml`; fields with * are required. The file is read as YAML 1.2 scalars only (`NO`
stays text); duplicate keys, anchors, aliases and tags are refused, and so is every field not named here.
[How to write one](../guides/write-a-policy.md)."""

CONDITIONS = """\
## Conditions on the model

`match` and `unless` name fields of the model. A value or a list of values means *is one of*; `{gte: 5}`,
`gt`, `lte`, `lt`, `eq`, `ne` compare numbers; `{any_of: [...]}`, `all_of`, `none_of` ask of lists."""

DECISION = """\
## How a decision comes about

Every released policy in force that applies is united; the strictest line wins; none at all is `no_policy`,
which is not allowed. A gate is pass, warn, fail, insufficient, missing or not applicable. Bounds are
inclusive, and ratios of counts are compared as integers: 4/25 against 5/25 is exactly 0.80. Any mandatory
or waivable gate that fails: *fail*. Else one that is missing or insufficient: *insufficient*. Else *pass*.
No gate at all: *error*. A waived gate is measured all the same; the deploy gate combines waivers with the
decision, which never looks at them."""

MEANINGS = {
    "apiVersion": "the form of this file",
    "kind": "",
    "metadata": "",
    "metadata.id": "the policy's name through all its versions",
    "metadata.version": "MAJOR voids approvals after the grace, MINOR counts from the next submission, "
    "PATCH changes words only",
    "metadata.title": "for people",
    "metadata.owner": "the role whose members may release it",
    "metadata.description": "for people",
    "metadata.controls": "what it serves, as framework/control",
    "metadata.change_note": "why this version",
    "metadata.supersedes": "policies that it takes the place of",
    "metadata.status": "of a regulation's pack",
    "effective": "when it counts",
    "effective.from": "first day",
    "effective.until": "last day; null: open",
    "effective.grace": "how long approvals under the former major version still count",
    "extends": "policies that it may only tighten, by major version; at most three deep",
    "applies_to": "whom it concerns; without it: everything",
    "applies_to.environments": "where; without it: everywhere",
    "applies_to.match": "every line must hold",
    "applies_to.unless": "any line that holds takes the policy away",
    "parameters": "values that gates name as `$name`",
    "gates": "what must hold",
    "gates[].id": "the gate's name; a child tightens a gate by the same name",
    "gates[].title": "what must hold, for people",
    "gates[].note": "for people",
    "gates[].check": "a check of the catalogue",
    "gates[].with": "the check's arguments, and `dataset`, `reference`",
    "gates[].pass": "the bound, inclusive",
    "gates[].pass.min": "at least",
    "gates[].pass.max": "at most",
    "gates[].warn": "a stricter bound; missing it is told and does not block",
    "gates[].warn.min": "at least",
    "gates[].warn.max": "at most",
    "gates[].basis": "what must pass: the estimate, or the whole 95 % interval",
    "gates[].enforcement": "advisory never blocks; waivable may be waived for a time; mandatory may not",
    "gates[].severity": "of a failure",
    "gates[].source": "whose number it is; printed beside the bound in every report",
    "gates[].max_age": "an older measurement counts as missing",
    "gates[].accept": "whose scores are enough: handed in, asked of a service, of a model known by its bytes",
    "gates[].hardware": "the least that it is computed on; its check may need more",
    "gates[].on_review": "for checks with a middle answer",
    "gates[].match": "ask only of models for which every line holds",
    "gates[].unless": "do not ask of models for which any line holds",
    "gates[].controls": "what the gate serves",
    "on_missing": "what a missing measurement makes of the decision; there is no “pass”",
    "deployment": "as what, and in which patterns, a version may be deployed; without it: anything",
    "deployment.types": "the types that may be deployed; without it: those of the patterns",
    "deployment.patterns": "a deployment fits one of them, or it is denied",
    "deployment.patterns[].id": "the pattern's name; a child may leave it out or ask more of it",
    "deployment.patterns[].title": "for people",
    "deployment.patterns[].note": "for people",
    "deployment.patterns[].types": "as what it deploys",
    "deployment.patterns[].requires": "what the request must state, by the property's name: `{max: 10}`, "
    "`{min: 1}`, `{one_of: [...]}`, `{equals: true}` or `{stated: true}`",
    "hardware": "what a run is computed on",
    "hardware.approval": "the classes that a person approves before a run may use them",
    "disclosure": "what is told of few people",
    "disclosure.min_rows": "from how many rows on a group is shown; fewer are withheld before sealing",
    "evidence": "documents that must be there",
    "evidence[].id": "the document's name",
    "evidence[].title": "for people",
    "evidence[].note": "for people",
    "evidence[].type": "what it is",
    "evidence[].required": "whether its lack denies",
    "evidence[].signed_by": "a role that must have signed it",
    "evidence[].max_age": "an older one counts as missing",
    "evidence[].match": "as for gates",
    "evidence[].unless": "as for gates",
    "evidence[].controls": "what it serves",
    "submission": "what must be there before anybody is asked to review",
    "submission.completeness": "the percentage of its parts that the entry has at the least",
    "submission.parts": "parts that it must have, however complete the rest is",
    "approvals": "who must sign",
    "approvals.separation_of_duties": "who may not",
    "approvals.separation_of_duties[].rule": "",
    "approvals.separation_of_duties[].of": "for `approver_not`: whom the approver must not be",
    "approvals.steps": "",
    "approvals.steps[].id": "the step's name",
    "approvals.steps[].title": "for people",
    "approvals.steps[].role": "the role that signs; `own/…` names one of the installation's own",
    "approvals.steps[].quorum": "how many different people",
    "approvals.steps[].after": "steps that come first",
    "approvals.steps[].match": "the step is owed only where every line holds",
    "approvals.steps[].unless": "and no line here",
    "approvals.void_on": "what ends an approval by itself",
    "validity": "how long an approval counts",
    "validity.approval": "a grant without limits",
    "validity.conditional": "a grant with limits",
    "validity.remind_before": "when owners are reminded",
    "validity.on_expiry": "what an end blocks",
    "waivers": "how a failed waivable gate may be waived",
    "waivers.approval": "",
    "waivers.approval.role": "who grants",
    "waivers.approval.quorum": "how many of them",
    "waivers.max_duration": "the longest",
    "waivers.max_renewals": "how often again",
    "waivers.requires": "what a request must say",
}


def rows() -> list[list[str]]:
    """Field, value, meaning: every field that the form knows, in its order."""
    return [[f"`{path}`{star}", value, MEANINGS[path]] for path, value, star in _walk(POLICY, "")]


def fields() -> list[list[str]]:
    """What `match` and `unless` may ask of a model."""
    return [[f"`{name}`", kind] for name, kind in FIELDS.items()]


def _walk(form: forms.Fields, above: str) -> Iterator[tuple[str, str, str]]:
    for name, inner in form.known.items():
        path = f"{above}.{name}".lstrip(".")
        yield path, _value(inner), " *" if name in form.required else ""
        item = inner.of if isinstance(inner, forms.Items) else inner
        if isinstance(item, forms.Fields):
            yield from _walk(item, f"{path}[]" if isinstance(inner, forms.Items) else path)


def _value(form: forms.Form) -> str:
    if isinstance(form, forms.Text):
        return " · ".join(f"`{word}`" for word in form.words) or form.like
    if isinstance(form, forms.Items):
        return "a list" if isinstance(form.of, forms.Fields) else f"a list: {_value(form.of)}"
    if isinstance(form, forms.Number):
        return "a whole number" if form.whole else "a number"
    return _NAMES.get(type(form).__name__, "")


_NAMES = {
    "Flag": "true or false",
    "Day": "a day such as 2027-01-31",
    "Match": "conditions on the model",
    "Fields": "",
    "AnyFields": "names and values",
}
