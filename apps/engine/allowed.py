"""May an artifact run here, by the answers of the deploy gate that lie at hand? No service is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from apps.engine.errors import Problem
from apps.engine.verified import Question
from apps.engine.verify import examine


def allowed_here(answers: Sequence[bytes], question: Question) -> tuple[bool, str]:
    """Whether one of several answers lets this artifact run in this environment; else why the last does not.

    Parameters
    ----------
    question : Question
        With pinned keys, the artifact's digest and the environment; without any of them nothing is allowed.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> allowed_here([], Question(at=datetime(2026, 3, 1, tzinfo=UTC)))
    (False, 'Keys, artifact and environment must all be given.')
    """
    if question.keys is None or not question.artifact or not question.environment:
        return False, "Keys, artifact and environment must all be given."
    why = f"There is no answer for {question.artifact}."
    for data in answers:
        try:
            found = examine(data, replace(question, signers=()))
        except (Problem, RecursionError) as problem:
            why = str(problem)
            continue
        if found.allowed and found.pinned:
            return True, ""
        why = "The answer is a denial." if found.allowed is False else "It is no answer of the deploy gate."
    return False, why
