"""What a file declares against what is there: create, change or nothing; planned first, then applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from django.db import transaction

from apps.access.guards import may
from apps.access.models import Person
from apps.audit.errors import Invalid, Refused
from apps.engine import strict_yaml
from apps.engine.declarations import KIND, declared, kind_of
from apps.engine.errors import BadInput
from apps.engine.strict_yaml import MAX_BYTES
from governance.declared_kinds import NONE, SECTIONS, WHOLE, File, Step


def files_of(paths: Sequence[Path]) -> list[File]:
    """The files, and those of folders: declarations first, then policies after those that they extend."""
    found = [_read(path) for path in _spread(paths)]
    order = {KIND: 0, "Scorecard": 1, "Policy": 2}
    found.sort(key=lambda file: order[file.kind])
    beside = {file.name: file.data for file in found if file.kind == "Policy"}
    found = [replace(file, beside=beside) for file in found]
    return [
        *(f for f in found if f.kind != "Policy"),
        *_parents_first([f for f in found if f.kind == "Policy"]),
    ]


def _spread(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(
                {*path.glob("*.yaml"), *path.glob("*/policy.yaml"), *path.glob("*/*/policy.yaml")}
            )
            if not inside:
                raise Invalid(f"{path} holds no file that declares anything.", field="path")
            yield from inside
        else:
            yield path


def _read(path: Path) -> File:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as problem:
        raise Invalid(f"{path} cannot be read: {problem.strerror}.", field="path") from problem
    try:
        document = strict_yaml.read(data, name=str(path))
        return File(str(path), data, document, kind_of(document), path.parent)
    except BadInput as problem:
        raise Invalid(str(problem), field="path") from problem


def _parents_first(files: list[File]) -> list[File]:
    by_id = {str((file.document.value.get("metadata") or {}).get("id")): file for file in files}
    if len(by_id) < len(files):
        raise Invalid("Two files declare one policy; one of them must go.", field="path")
    ordered: dict[str, File] = {}

    def place(key: str, chain: tuple[str, ...]) -> None:
        if key in by_id and key not in ordered and key not in chain:
            pins = by_id[key].document.value.get("extends")
            for pin in pins if isinstance(pins, list) else []:
                place(str(pin).partition("@")[0], (*chain, key))
            ordered[key] = by_id[key]

    for key in sorted(by_id):
        place(key, ())
    return list(ordered.values())


def steps(file: File) -> Iterator[Step]:
    """What is to be done for a file, each thing looked up when it is its turn."""
    if file.kind != KIND:
        yield _at(file, (), partial(WHOLE[file.kind], file))
        return
    try:
        found = declared(file.document)
    except BadInput as problem:
        raise Invalid(str(problem), field="path") from problem
    for one in found:
        yield _at(file, one.path, partial(SECTIONS[one.section], one.value))


def _at(file: File, path: tuple[str | int, ...], work: Callable[[], Step]) -> Step:
    """The step; a refusal says where in the file it was asked for."""
    try:
        return work()
    except (Refused, BadInput) as refused:
        raise _placed(file, path, refused) from refused


def _placed(file: File, path: tuple[str | int, ...], refused: Exception) -> Invalid:
    sentence = str(refused)
    told = sentence if sentence.startswith(file.name) else str(file.document.refuse(path, sentence))
    return Invalid(told, field="path")


def plan(files: Sequence[File]) -> list[Step]:
    """Everything that would be done, without doing it."""
    return [step for file in files for step in steps(file)]


def apply(files: Sequence[File], people: Sequence[Person]) -> Iterator[Step]:
    """Do it, a file at a time: each is done whole or not at all."""
    for file in files:
        yield from _applied(file, people)


@transaction.atomic
def _applied(file: File, people: Sequence[Person]) -> list[Step]:
    done: list[Step] = []
    for step in steps(file):
        if step.action != NONE:
            path = () if file.kind != KIND else declared(file.document)[len(done)].path
            try:
                step.act(_who(step, people))
            except Refused as refused:
                raise _placed(file, path, refused) from refused
        done.append(step)
    return done


def _who(step: Step, people: Sequence[Person]) -> Person:
    """The first who may do it; else the first of all, who is then refused with the reason."""
    return next((person for person in people if may(person, step.permission, step.subject)), people[0])
