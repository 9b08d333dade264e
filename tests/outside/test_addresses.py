"""Which addresses are connected to, whatever dress they come in."""

from __future__ import annotations

import ipaddress

import pytest

from apps.outside.addresses import why_not

INNER = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "192.88.99.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:0:0:0:0:80ff:fffe", "2a00:1450:4001::5efe:127.0.0.1", "no address",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_an_address_inside_is_never_connected_to(address: str) -> None:
    assert why_not(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is(address: str) -> None:
    assert why_not(address) == ""


def test_a_network_that_is_named_is_the_only_one() -> None:
    bank = [ipaddress.ip_network("10.20.0.0/16")]
    assert why_not("10.20.3.4", bank) == ""
    assert why_not("::ffff:10.20.3.4", bank) == ""
    assert "none of the networks" in why_not("10.21.0.1", bank)
    assert "none of the networks" in why_not("8.8.8.8", bank)


def test_the_link_is_out_even_where_its_network_is_named() -> None:
    assert why_not("169.254.169.254", [ipaddress.ip_network("169.254.0.0/16")])
