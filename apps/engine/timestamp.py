"""Time stamps of RFC 3161: what is asked of an authority, and whether its token holds.

A token counts only under a pinned certificate, for exactly the digest at hand, at a moment at which
the authority's certificate was valid and permitted to give time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1 << 16  # a token with its certificates takes some 6 KiB

# What the libraries below hand out has no types.
Token = Any
Certificate = Any


class BadTimestamp(Problem):
    """A token that proves nothing; `str()` of it says the first thing that is wrong."""


def request_of(digest: bytes, *, nonce: int) -> bytes:
    """The DER of a request to stamp a SHA-256 digest.

    Examples
    --------
    >>> request_of(bytes(32), nonce=1)[:2].hex()
    '303c'
    """
    from asn1crypto import algos, tsp

    imprint = tsp.MessageImprint(
        {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": digest}
    )
    asked = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    return bytes(asked.dump())


def token_of(response: bytes, *, digest: bytes, nonce: int) -> bytes:
    """The token of an authority's response; BadTimestamp where it refused or answered another question."""
    from asn1crypto import cms, core, tsp

    class Response(core.Sequence):  # type: ignore[misc]
        """The library's own has no room for a refusal, which comes without a token."""

        _fields = [
            ("status", tsp.PKIStatusInfo),
            ("time_stamp_token", cms.ContentInfo, {"optional": True}),
        ]

    try:
        answer = Response.load(response, strict=True)
        status = str(answer["status"]["status"].native)
        if status not in ("granted", "granted_with_mods"):
            said = "; ".join(answer["status"]["status_string"].native or []) or status
            raise BadTimestamp(f"The time-stamping authority refused: {_line(said)}.")
        token = bytes(answer["time_stamp_token"].dump())
        info = _info(answer["time_stamp_token"])
        echoed = info["nonce"].native
    except (ValueError, TypeError, KeyError) as error:
        raise BadTimestamp(f"The authority's answer cannot be read: {_line(error)}.") from error
    if echoed != nonce:
        raise BadTimestamp("The authority answered another request: the nonce is not ours.")
    if imprint_of(info) != ("sha256", digest):
        raise BadTimestamp("The authority stamped another digest than the one asked for.")
    return token


def verify_token(
    token: bytes, digest: bytes, *, authorities: Sequence[Certificate], still: datetime | None = None
) -> datetime:
    """The time that a token proves for a SHA-256 digest; BadTimestamp where it proves none.

    Parameters
    ----------
    token : bytes
        The DER of the token.
    digest : bytes
        The SHA-256 digest that must have been stamped.
    authorities : sequence
        The pinned certificates, at least one of which the token's must descend from.
    still : datetime, optional
        A later moment at which the token is known to have been there and its certificate must count too:
        who gets hold of a key after its end could stamp any time with it.
    """
    from asn1crypto import cms

    if not authorities:
        raise BadTimestamp("No certificate of a time-stamping authority is pinned, so no time is proved.")
    if len(token) > LARGEST:
        raise BadTimestamp(f"The time stamp is longer than {LARGEST >> 10} KiB.")
    try:
        content = cms.ContentInfo.load(token, strict=True)
        info = _info(content)
        stamped, moment = imprint_of(info), info["gen_time"].native
    except (ValueError, TypeError, KeyError) as error:
        raise BadTimestamp(f"The time stamp cannot be read: {_line(error)}.") from error
    if stamped != ("sha256", digest):
        raise BadTimestamp("The time stamp is for other bytes.")
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise BadTimestamp("The time stamp names no moment.")
    _holds(content, moment, authorities, digest)
    if still is not None and still > moment:
        _holds(content, still, authorities, digest)
    return moment


def _holds(content: Token, moment: datetime, authorities: Sequence[Certificate], digest: bytes) -> None:
    """The signature and the certificate, as they were at a moment."""
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(trust_roots=list(authorities), moment=moment, allow_fetching=False)
    with silent():
        try:
            found = asyncio.run(validate_tst_signed_data(content["content"], context, lambda _: digest))
        except (SignatureValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadTimestamp(f"The time stamp cannot be checked: {_line(error)}.") from error
    if not (found["intact"] and found["valid"]):
        raise BadTimestamp("The signature of the time stamp does not hold.")
    if found["trust_problem_indic"] is not None or found["validation_path"] is None:
        raise BadTimestamp(f"The time stamp is not under a pinned certificate that was valid at {moment:%F}.")


def without_padding(token: bytes) -> bytes:
    """The token of a PDF, whose place in the file is filled up with zeros."""
    from asn1crypto import cms

    try:
        return bytes(cms.ContentInfo.load(token).dump())
    except (ValueError, TypeError) as error:
        raise BadTimestamp(f"The time stamp cannot be read: {_line(error)}.") from error


def digest_in(token: bytes) -> bytes:
    """The SHA-256 digest that a token stamps, unchecked; BadTimestamp where there is none."""
    from asn1crypto import cms

    try:
        kind, found = imprint_of(_info(cms.ContentInfo.load(token, strict=True)))
    except (ValueError, TypeError, KeyError) as error:
        raise BadTimestamp(f"The time stamp cannot be read: {_line(error)}.") from error
    if kind != "sha256":
        raise BadTimestamp("The time stamp is not over a SHA-256 digest.")
    return found


def stamped_at(token: bytes) -> datetime:
    """The moment that a token names, unchecked."""
    from asn1crypto import cms

    moment: datetime = _info(cms.ContentInfo.load(token, strict=True))["gen_time"].native
    return moment


def authority_of(token: bytes) -> str:
    """The name of whoever says that it stamped, unchecked."""
    from asn1crypto import cms

    for found in cms.ContentInfo.load(token, strict=True)["content"]["certificates"]:
        usage = found.chosen.extended_key_usage_value
        if usage is not None and "time_stamping" in usage.native:
            return str(found.chosen.subject.native.get("common_name", found.chosen.subject.human_friendly))
    return "an authority without a name"


def certificates_of(texts: Sequence[str]) -> list[Certificate]:
    """PEM texts as certificates; ValueError where one holds none."""
    from pyhanko.keys import load_certs_from_pemder_data

    return [found for text in texts for found in load_certs_from_pemder_data(text.encode())]


def imprint_of(info: Token) -> tuple[str, bytes]:
    """The digest algorithm and the digest that a token stamps."""
    imprint = info["message_imprint"]
    return str(imprint["hash_algorithm"]["algorithm"].native), bytes(imprint["hashed_message"].native)


def _info(content: Token) -> Token:
    from asn1crypto import tsp

    info = content["content"]["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise ValueError("it holds no time")
    return info


@contextmanager
def silent() -> Iterator[None]:
    """The library's own chatter about a bad signature is ours to tell."""
    chatter = logging.getLogger("pyhanko")
    level, chatter.level = chatter.level, logging.CRITICAL
    try:
        yield
    finally:
        chatter.level = level


def _line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
