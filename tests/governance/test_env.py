from __future__ import annotations

from pathlib import Path

import pytest

from apps.engine.cosignature import Cosigner
from governance.env import Environment, EnvironmentRefused, parse_database_url, witness_named


def test_an_empty_variable_is_an_unset_one():
    assert Environment({"NAME": "  "}).text("NAME", "default") == "default"


@pytest.mark.parametrize(
    ("raw", "expected"), [("1", True), ("Yes", True), ("off", False), ("0", False), ("", True)]
)
def test_flags(raw: str, expected: bool):
    assert Environment({"FLAG": raw}).flag("FLAG", default=True) is expected


def test_a_flag_that_is_neither_is_refused_by_name():
    with pytest.raises(EnvironmentRefused, match="COUNTERSIGN_DEBUG is 'maybe'"):
        Environment({"COUNTERSIGN_DEBUG": "maybe"}).flag("COUNTERSIGN_DEBUG")


@pytest.mark.parametrize("raw", ["two", "1.5", "-1", "٣"])
def test_a_whole_number_is_at_least_its_least(raw: str):
    with pytest.raises(EnvironmentRefused, match="expected a whole number of at least 0"):
        Environment({"N": raw}).whole("N", 1)


def test_words_are_split_and_trimmed():
    assert Environment({"HOSTS": "a.example, b.example,"}).words("HOSTS") == ["a.example", "b.example"]


def test_the_first_choice_is_the_default():
    assert Environment({}).choice("ROLE", ("app", "owner")) == "app"


def test_a_choice_outside_the_list_is_refused():
    with pytest.raises(EnvironmentRefused, match="ROLE is 'root'; expected one of app, owner"):
        Environment({"ROLE": "root"}).choice("ROLE", ("app", "owner"))


def test_a_relative_folder_is_refused():
    with pytest.raises(EnvironmentRefused, match="STATE is 'here'; expected an absolute path"):
        Environment({"STATE": "here"}).folder("STATE", Path("/"))


def test_an_address_needs_its_scheme():
    with pytest.raises(EnvironmentRefused, match="expected an address that starts with https://"):
        Environment({"URL": "countersign.example"}).url("URL", "", schemes=("https",))


def test_a_database_over_the_network():
    found = parse_database_url(
        "postgresql://cs_app:p%40ss@db.example:6432/main?sslmode=verify-full", named="X"
    )
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "cs_app",
        "p@ss",
        "db.example",
        "6432",
        "main",
    )
    assert found["OPTIONS"] == {"sslmode": "verify-full"}


def test_a_database_on_a_unix_socket():
    found = parse_database_url("postgresql://cs_app@/main?host=/run/countersign", named="X")
    assert (found["HOST"], found["OPTIONS"]) == ("/run/countersign", {})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("sqlite:///x", "Only PostgreSQL is supported"),
        ("postgresql://db.example", "DATABASE_URL names no database"),
        ("postgresql://db.example:many/x", "a port that is not a number"),
    ],
)
def test_what_is_no_postgresql_address_is_refused(raw: str, words: str):
    with pytest.raises(EnvironmentRefused, match=words):
        Environment({"DATABASE_URL": raw}).database("DATABASE_URL")


def test_a_witness_that_cannot_be_one_is_refused_by_name():
    good = f"{Cosigner('witness.example/w1', bytes(32)).text()}@https://witness.example"
    assert witness_named(good, by="W") == good
    for text in ("nonsense", good.replace("https", "ftp"), f"w+00000000+AAAA@{good.rpartition('@')[2]}"):
        with pytest.raises(EnvironmentRefused, match="W"):
            witness_named(text, by="W")


@pytest.mark.parametrize("text", ["eur", "EURO", "€", "E1R"])
def test_a_currency_is_three_capitals(text: str) -> None:
    assert Environment({"X": "CHF"}).currency("X", "EUR") == "CHF"
    with pytest.raises(EnvironmentRefused, match="three capitals"):
        Environment({"X": text}).currency("X", "EUR")
