"""The policy alone: what is open, what is closed, and that nobody says it in another way."""

from __future__ import annotations

import contextlib
import ipaddress
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.base.errors import InvalidError
from labora.host.network.gate import Gate, RefusedError, Upstream, is_excepted, is_local, operators_proxies
from labora.host.network.names import look_up
from labora.host.network.policy import BLOCKED, MAIL_PORTS, Policy, check_subnet, parse
from labora.host.network.proxy import BadRequestError, Request
from labora.host.network.rules import inside_table, machine_table, router_table

from .conftest import Namespace

PORTS = st.integers(1, 65535)
ADDRESSES = st.ip_addresses(v=4).map(str)
NETWORKS = st.tuples(ADDRESSES, st.integers(0, 32)).map("{0[0]}/{0[1]}".format)
ENTRIES = st.one_of(NETWORKS, ADDRESSES, st.tuples(NETWORKS, PORTS).map("{0[0]}:{0[1]}".format))


@given(st.sampled_from(BLOCKED), st.integers(0, 2**32 - 1), PORTS)
def test_every_address_of_a_blocked_range_is_closed(blocked, offset, port):
    network, why = blocked
    address = network[offset % network.num_addresses]
    assert Policy().refusal(str(address), port) == why
    assert Policy().refusal(f"::ffff:{address}", port) == why


@given(ADDRESSES, PORTS)
def test_the_rest_is_open_but_mail_and_this_machine(address, port):
    near = any(ipaddress.ip_address(address) in network for network, _ in BLOCKED)
    assert (Policy().refusal(address, port) is None) == (not near and port not in MAIL_PORTS)
    assert Policy().refusal(address, port, local=True) is not None


@given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None).map(str), PORTS)
def test_ipv6_is_closed_unless_allowed(address, port):
    assert Policy().refusal(address, port) is not None
    assert parse([f"[{address}]:{port}"]).refusal(address, port) is None
    assert parse([f"{address}/64"]).refusal(address, port) is None


@given(st.lists(ENTRIES, max_size=8), ADDRESSES, PORTS)
def test_an_allow_list_opens_what_it_names_and_nothing_else(entries, address, port):
    policy = parse(entries)
    named = any(
        ipaddress.ip_address(address) in ipaddress.ip_network(entry.split(":")[0], strict=False)
        and entry.split(":")[1:] in ([], [str(port)])
        for entry in entries
    )
    for local in (False, True):
        before = Policy().refusal(address, port, local=local)
        assert policy.refusal(address, port, local=local) == (None if named else before)


def test_names_are_allowed_by_name_and_by_the_addresses_that_they_have():
    policy = parse(["Db.Example.org:5432"])
    assert policy.names_it("db.example.org.", 5432)
    assert not policy.names_it("db.example.org", 22)
    now = policy.with_addresses({("db.example.org", 5432): ["10.0.0.7"], ("other.example.org", 1): ["10.0.0.8"]})
    assert now.refusal("10.0.0.7", 5432) is None
    assert now.refusal("10.0.0.7", 22) is not None
    assert now.refusal("10.0.0.8", 1) is not None
    assert now.with_addresses({}).refusal("10.0.0.7", 5432) is not None


@pytest.mark.parametrize(
    "entry", ["example.org", "10.0.0.0/33", "10.0.0.1:0", "10.0.0.1:x", "a b:1", "", ":80", "-a:1"]
)
def test_an_entry_that_makes_no_sense_is_named(entry):
    with pytest.raises(InvalidError) as refused:
        parse(["10.0.0.0/8", entry])
    assert repr(entry) in refused.value.message
    assert refused.value.error_code == "bad_setting"


@pytest.mark.parametrize("text", ["10.0.0.0", "8.8.0.0/16", "10.0.0.0/27", "fd00::/16", "x", "0.0.0.0/0"])
def test_a_subnet_that_makes_no_sense_is_refused(text):
    check_subnet("10.99.0.0/16")
    check_subnet(None)
    with pytest.raises(InvalidError, match=r"network\.subnet"):
        check_subnet(text)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_whatever_a_guest_sends_is_a_request_or_a_bad_one(head):
    with contextlib.suppress(BadRequestError):
        request = Request(head)
        assert request.host
        assert b"\r\n\r\n" in request.head(request.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="loads packet filters in a namespace")
def test_filters_load_whatever_overlaps_in_the_allow_list():
    entries = ["10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16:80", "10.1.2.3:80", "10.1.2.3", "0.0.0.0/0:443", "fd00::/8"]
    namespace = Namespace()
    try:
        for policy in (parse(entries), Policy()):
            for text in (
                machine_table("labora_x", "lb0", "10.1.255.254", policy, ["eth0"]),
                router_table("up0", policy),
                inside_table(policy, ["192.0.2.2", "192.0.2.2"]),
            ):
                done = namespace.run("nft", "-f", "-", text=text)
                assert done.returncode == 0, done.stderr
    finally:
        namespace.close()


async def test_names_are_looked_up_side_by_side_and_those_that_lead_nowhere_are_left_out():
    assert await look_up([("localhost", 1), ("nowhere.invalid", 2)], 20) == {("localhost", 1): ["127.0.0.1"]}
    assert await look_up([], 1) == {}


# -- the gate ----------------------------------------------------------------------------------------------------------


async def test_the_gate_resolves_once_and_judges_what_it_connects_to():
    gate = Gate()
    with pytest.raises(RefusedError, match="no network"):
        await gate.resolve("127.0.0.1", 80)
    gate.closed = None
    with pytest.raises(RefusedError, match="an address of this machine"):
        await gate.resolve("localhost", 80)
    with pytest.raises(RefusedError, match="private"):
        await gate.resolve("10.1", 80)  # the old spelling of 10.0.0.1
    with pytest.raises(RefusedError, match="metadata"):
        await gate.resolve("2852039166", 80)  # 169.254.169.254 as one number
    gate.policy = parse(["127.0.0.0/8:80"])
    assert await gate.resolve("127.0.0.1", 80) == ["127.0.0.1"]


def test_the_machines_own_addresses_are_known():
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not is_local("198.51.100.1")


def test_the_operators_proxy_is_read_from_the_environment():
    assert operators_proxies({"HTTPS_PROXY": "http://u:p@10.0.0.1:3128", "all_proxy": "socks5://10.0.0.2"}) == {
        "https": "http://u:p@10.0.0.1:3128"
    }
    assert Upstream.parse("http://u:p%40@10.0.0.1:3128") == Upstream("10.0.0.1", 3128, "Basic dTpwQA==")
    assert Upstream.parse("proxy.test") == Upstream("proxy.test", 80, None)
    assert is_excepted("a.example.org", "localhost, .example.org")
    assert is_excepted("example.org", "example.org")
    assert not is_excepted("notexample.org", "example.org,")
    assert is_excepted("anything", "*")
