"""Which addresses may be called."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.egress import Egress
from executors.errors import PermanentFailure

FORBIDDEN = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *("192.0.0.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *(
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:192.88.99.1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
    ),
    *("ff02::1", "2001:0:1::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001:db8::1"),
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_inner_special_and_tunnelled_addresses_are_refused(address: str) -> None:
    with pytest.raises(PermanentFailure) as refused:
        Egress().check_address(address, host="example.com")
    assert refused.value.kind == "blocked_target"
    assert "example.com" in refused.value.message
    assert "http_allow_nets" in refused.value.message


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    Egress().check_address(address, host="example.com")


@given(
    st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]).flatmap(
        lambda net: st.integers(
            int(ipaddress.ip_network(net).network_address), int(ipaddress.ip_network(net).broadcast_address)
        )
    )
)
def test_no_spelling_of_an_inner_address_passes(number: int) -> None:
    inner = ipaddress.IPv4Address(number)
    spellings = [
        f"::ffff:{inner}",
        f"::{inner}",
        f"64:ff9b::{inner}",
        str(ipaddress.IPv6Address((0x2002 << 112) | number << 80)),
    ]
    assert not any(Egress().allows(ipaddress.ip_address(one)) for one in [str(inner), *spellings])


def test_an_operator_can_open_a_network_and_only_that() -> None:
    egress = Egress.from_settings({"http_allow_nets": ["10.1.0.0/16"]})
    egress.check_address("10.1.2.3", host="inner")
    egress.check_address("::ffff:10.1.2.3", host="inner")
    with pytest.raises(PermanentFailure):
        egress.check_address("10.2.0.1", host="inner")


def test_ports_are_free_unless_listed() -> None:
    Egress().check_port(12345)
    with pytest.raises(PermanentFailure, match="http_allow_ports") as refused:
        Egress.from_settings({"http_allow_ports": [443]}).check_port(22)
    assert refused.value.kind == "blocked_target"
