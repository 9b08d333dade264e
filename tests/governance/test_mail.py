"""The mail server, as the environment names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.env import Environment, EnvironmentRefused
from governance.mail import Mail, mail_named


def named(url: str, **more: str) -> Mail:
    return mail_named(Environment({"COUNTERSIGN_SMTP": url, **more}))


def test_without_a_server_there_are_no_letters() -> None:
    assert not named("")


def test_encryption_is_left_out_only_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("word\n")
    found = named("smtp://gov%40bank@mail.example", COUNTERSIGN_SMTP_PASSWORD_FILE=str(tmp_path / "password"))
    assert (found.host, found.port, found.user) == ("mail.example", 587, "gov@bank")
    assert (found.password, found.starttls, found.ssl) == ("word", True, False)
    assert named("smtps://mail.example").ssl
    plain = named("smtp+plain://mail.example:2525")
    assert (plain.port, plain.starttls, plain.ssl) == (2525, False, False)


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "smtp://user:word@mail.example"])
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(EnvironmentRefused) as refused:
        named(url)
    assert "word@" not in str(refused.value)


def test_a_password_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match="cannot be read"):
        named("smtp://mail.example", COUNTERSIGN_SMTP_PASSWORD_FILE=str(tmp_path / "none"))
