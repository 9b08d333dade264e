"""A model in a pickle, as many a developer has one."""

from __future__ import annotations

import io

import joblib
from sklearn.linear_model import LogisticRegression


def pickled_model() -> io.BytesIO:
    """A fitted model; loading it runs code."""
    file = io.BytesIO()
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), file)
    return io.BytesIO(file.getvalue())
