"""A server's answers as Python values.

>>> from countersign.client import Countersign
>>> server = Countersign("https://countersign.bank.example", token="cs_…")  # doctest: +SKIP
>>> answer = server.admit("credit-pd", "3", environment="production", artifact="model.onnx")  # doctest: +SKIP
>>> answer.allows()  # doctest: +SKIP
False
>>> answer.reasons  # doctest: +SKIP
('The gate fairness.selection of credit-tier1 3.1.0 failed …',)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from apps.cli import registering
from apps.cli.client import Client, RefusedByServer, segment
from apps.cli.errors import NotConfigured, Unreachable
from apps.engine.errors import BadInput, Problem
from countersign import answers
from countersign.answers import Admission, Decision, Gate, Model, Run, Version

__all__ = [
    "Admission",
    "BadInput",
    "Countersign",
    "Decision",
    "Gate",
    "Model",
    "NotConfigured",
    "Problem",
    "RefusedByServer",
    "Run",
    "Unreachable",
    "Version",
]

LONGEST_QUESTION = 20  # seconds that one request waits for an answer that is pending


class Countersign:
    """One server, asked with one token.

    Whatever goes wrong is a `Problem` with one sentence: `BadInput` before anything was sent (`NotConfigured`
    among it), `RefusedByServer` with its `status` for a no, `Unreachable` where nothing is known. None of
    them means that something may run.

    Parameters
    ----------
    url : str
        Where the server is, such as ``https://countersign.bank.example``.
    token : str
        An API token. It never stands in an address or in a message.
    """

    def __init__(self, url: str, token: str) -> None:
        self._http = Client(url, token)

    @classmethod
    def from_environment(cls, url: str | None = None) -> Countersign:
        """The server and token of ``COUNTERSIGN_URL`` and ``COUNTERSIGN_TOKEN`` (or ``…_TOKEN_FILE``).

        In a job of GitHub Actions or GitLab CI the platform's own identity serves instead of a token.

        Raises
        ------
        NotConfigured
            When one of them is missing.
        """
        made = cls.__new__(cls)
        made._http = Client.from_environment(url)
        return made

    # The inventory -----------------------------------------------------------------------------------

    def models(self, **filters: str) -> Iterator[Model]:
        """Every model that the token may see, page after page; filters as in ``GET /api/v1/models``."""
        yield from map(answers.model, self.every("/models", "models", **filters))

    def model(self, key: str) -> Model:
        """One model by its key."""
        return answers.model(self.get(f"/models/{segment(key)}"))

    def version(self, model: str, label: str) -> Version:
        """One version of a model."""
        return answers.version(self.get(f"/models/{segment(model)}/versions/{segment(label)}"))

    def register(self, manifest: str | Path) -> Version:
        """Upload what a ``model.yaml`` names, as far as it is not there yet, and register the version.

        Raises
        ------
        BadInput
            When the manifest or a file that it names cannot be used, before anything is sent.
        """
        return answers.version(registering.register(self._http, Path(manifest), registering.Nobody()))

    # Gates ---------------------------------------------------------------------------------------------

    def request_run(self, model: str, version: str, *, use: str = "") -> Run:
        """Ask that all gates be run on a version, for the use that it has or for one of several."""
        return answers.run(self.post("/runs", {"model": model, "version": version, "use": use}))

    def run(self, run_id: str) -> Run:
        """A run as far as it has come."""
        return answers.run(self.get(f"/runs/{segment(run_id)}"))

    def wait(self, run: Run, *, seconds: float = 600) -> Run:
        """The run once it has ended, or as it stands when the time is up: look at `Run.ended`."""
        end, pause = time.monotonic() + seconds, 0.3
        while not run.ended and (left := end - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            run, pause = self.run(run.id), min(pause * 1.3, 3.0)
        return run

    def decision(self, digest: str) -> Decision:
        """A decision with its gates; an `insufficient` gate is no pass."""
        return answers.decision(self.get(f"/decisions/{segment(digest)}"))

    # The deploy gate ----------------------------------------------------------------------------------

    def admit(
        self,
        model: str,
        version: str,
        *,
        environment: str,
        artifact: str | Path | None = None,
        digest: str = "",
        wait: float = 0,
        **said: Any,
    ) -> Admission:
        """Ask whether a version may run.

        Parameters
        ----------
        model, version, environment : str
            What would run, and where.
        artifact : path, optional
            The file that will run: its digest is computed here, and the answer holds for it alone.
        digest : str, optional
            Of the artifact or the version, where the file is not at hand.
        wait : float, optional
            Seconds to wait while gates run or people still have to sign.
        **said : str or mapping
            What the request says of itself: ``use``, ``population``, ``jurisdiction``, ``exposure_eur``,
            ``experiment``, ``share``, ``type``, and ``properties``, a mapping such as
            ``{"canary_percent": 10, "image_signed": True}``.

        Returns
        -------
        Admission
            Ask `Admission.allows`; a deny is an answer, no error.
        """
        known = digest if artifact is None else registering.file_digest(Path(artifact))
        asked = {"model": model, "version": version, "environment": environment, "digest": known, **said}
        found, end = answers.admission(self.post("/admissions", asked)), time.monotonic() + wait
        while found.outcome == "pending" and (left := end - time.monotonic()) > 0:
            began = time.monotonic()
            found = self.admission(found.id, wait=min(LONGEST_QUESTION, max(1, int(left))))
            time.sleep(max(0.0, min(1.0, left) - (time.monotonic() - began)))
        return found

    def admission(self, admission_id: str, *, wait: int = 0) -> Admission:
        """An answer that was given; a pending one is waited for, for so many seconds."""
        asked = f"?wait={wait}" if wait else ""
        return answers.admission(self.get(f"/admissions/{segment(admission_id)}{asked}"))

    # Whatever else the API has ------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The JSON of an address below ``/api/v1``, as the reference of the API describes it."""
        return self._http.get(path).body

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON; tried again when the server is busy, and done once all the same."""
        return self._http.post(path, body, key=str(uuid.uuid4())).body

    def every(self, path: str, name: str, **filters: str) -> Iterator[Mapping[str, Any]]:
        """Every row of a list, page after page.

        Parameters
        ----------
        path : str
            Such as ``/findings``.
        name : str
            Where the rows stand in the answer, such as ``findings``.
        **filters : str
            As the address takes them.
        """
        cursor: str | None = ""
        while cursor is not None:
            asked = urlencode({**filters, **({"cursor": cursor} if cursor else {})})
            page = self.get(f"{path}?{asked}" if asked else path)
            yield from page[name]
            cursor = page["next"]
