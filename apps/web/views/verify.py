"""Anybody may ask whether a report is genuine: a file in, the answer in plain words, nothing kept."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.engine.verify_apart import Busy
from apps.reports.verification import LARGEST, examine_file

LIMIT = f"{LARGEST >> 20} MiB"


@never_cache
@csrf_exempt  # it changes nothing and knows nobody; so the length is seen before the body is read
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """The page on which a report is verified."""
    if request.method == "GET":
        return _shown(request)
    if not 0 < _length(request) <= LARGEST + 4096:
        return _shown(request, wrong=f"A report has at most {LIMIT}.", status=413)
    given = request.FILES.get("file")
    if not isinstance(given, UploadedFile):
        return _shown(request, wrong="Choose the PDF of a report.", status=422)
    try:
        examined = examine_file(given.read())
    except Busy as error:
        return _shown(request, wrong=str(error), status=429)
    return render(request, "reports/verify.html", {"limit": LIMIT, "examined": examined})


def _length(request: HttpRequest) -> int:
    text = str(request.META.get("CONTENT_LENGTH") or "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _shown(request: HttpRequest, *, wrong: str = "", status: int = 200) -> HttpResponse:
    return render(request, "reports/verify.html", {"limit": LIMIT, "wrong": wrong}, status=status)
