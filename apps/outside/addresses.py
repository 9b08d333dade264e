"""Which addresses may be connected to: public ones, and networks that the installation names for a host.

An address that carries another one inside (IPv4 in IPv6 in any of its dresses) is judged by what is inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_SIX_TO_FOUR, _TEREDO = ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32")
_GLOBAL = ipaddress.IPv6Network("2000::/3")
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_ALL_ONES = (1 << 32) - 1


def why_not(text: str, networks: Sequence[Network] = ()) -> str:
    """Why an address that a name resolved to may not be connected to; empty where it may.

    Parameters
    ----------
    networks : sequence of network
        Where the host may lie, as the installation says; without any it must be a public address.

    Examples
    --------
    >>> why_not("93.184.216.34"), why_not("127.0.0.1")
    ('', '127.0.0.1 is not a public address')
    >>> why_not("64:ff9b::7f00:1"), why_not("10.1.2.3", [ipaddress.ip_network("10.0.0.0/8")])
    ('64:ff9b::7f00:1 stands for 127.0.0.1, which is not a public address', '')
    """
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return f"{text} is no address"
    inner = _inside(found)
    what = f"{text} stands for {inner}, which" if inner is not None else text
    judged = inner if inner is not None else found
    if judged.is_link_local or judged.is_multicast or judged.is_unspecified:
        return f"{what} is an address of this link alone, or of no single machine"
    if networks:
        return "" if any(_in(judged, n) for n in networks) else f"{what} is in none of the networks allowed"
    return "" if _public(judged) else f"{what} is not a public address"


def _in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_reserved and address not in _RELAYS
    return address.is_global and address in _GLOBAL and not address.is_reserved


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address(number >> 80 & _ALL_ONES)
    if address in _TEREDO:
        return ipaddress.IPv4Address(~number & _ALL_ONES)
    if any(address in network for network in _NAT64) or (number >> 32 == 0 and number > 1):
        return ipaddress.IPv4Address(number & _ALL_ONES)
    if number >> 32 & 0xFFFF_FFFF in (0x5EFE, 0x0200_5EFE):
        return ipaddress.IPv4Address(number & _ALL_ONES)
    return None
