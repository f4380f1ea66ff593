"""The packet filter as text for nft: pure but for :func:`load` and its kin.

Three tables of one policy: in the router's namespace, which all runtimes of an installation are joined to; in the
machine's own, for what only it can know; and inside one runtime's, where pasta carries the packets out. Nothing in
the first two belongs to a single runtime, so a runtime's end leaves nothing to be removed from them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import shutil
from collections.abc import Iterable, Sequence

from labora.host.network.policy import BLOCKED, MAIL_PORTS, Policy, Rule

MOST_FLOWS = 4096
_SETTLE_S = 20.0


def find_nft() -> str | None:
    """Returns the path of nft; it lies in a folder that an ordinary PATH leaves out."""
    return shutil.which("nft", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def _networks(rules: Iterable[Rule]) -> str:
    own = [rule.network for rule in rules if isinstance(rule.network, ipaddress.IPv4Network)]
    return ", ".join(str(network) for network in ipaddress.collapse_addresses(own))


def _permitted(policy: Policy) -> list[str]:
    """Returns the rules of the allow-list."""
    lines = []
    whole = _networks(rule for rule in policy.allowed if rule.port is None)
    if whole:
        lines.append(f"ip daddr {{ {whole} }} accept")
    for port in sorted({rule.port for rule in policy.allowed if rule.port is not None}):
        some = _networks(rule for rule in policy.allowed if rule.port == port)
        if some:
            lines.append(f"meta l4proto {{ tcp, udp }} th dport {port} ip daddr {{ {some} }} accept")
    return lines


def _refused() -> list[str]:
    near = ", ".join(str(network) for network in ipaddress.collapse_addresses(network for network, _ in BLOCKED))
    mail = ", ".join(str(port) for port in MAIL_PORTS)
    return [
        f"ip daddr {{ {near} }} reject with icmpx admin-prohibited",
        f"meta l4proto {{ tcp, udp }} th dport {{ {mail} }} reject with icmpx admin-prohibited",
    ]


def _chain(name: str, lines: Sequence[str], hook: str = "") -> str:
    body = "".join(f"    {line}\n" for line in ([hook] if hook else []) + [*lines])
    return f"  chain {name} {{\n{body}  }}\n"


def _replace(table: str, body: str) -> str:
    """Returns a transaction that puts the table in the place of one that may be there; nothing passes in between."""
    return f"table {table}\ndelete table {table}\ntable {table} {{\n{body}}}\n"


def machine_table(name: str, interface: str, router: str, policy: Policy, guarded: Sequence[str]) -> str:
    """Returns the table for the machine's own namespace: what only it can know, its addresses, and the way out.

    Args:
        name: of the table, in the family inet.
        interface: that leads to the router.
        router: address of the router.
        guarded: interfaces that forward packets only because of us: nothing else may pass through them.
    """
    guard = [f'iifname "{other}" oifname != "{interface}" ct state new ct status & dnat == 0 drop' for other in guarded]
    return _replace(
        f"inet {name}",
        _chain("permitted", _permitted(policy))
        + _chain(
            "prerouting",
            [
                # Before the machine's own address translation: a published port is an address of the machine too.
                f'iifname "{interface}" fib daddr type local jump permitted',
                f'iifname "{interface}" fib daddr type local reject with icmpx admin-prohibited',
            ],
            "type filter hook prerouting priority -300; policy accept;",
        )
        + _chain(
            "input",
            [
                f'iifname "{interface}" ct state established,related accept',
                f'iifname "{interface}" jump permitted',
                f'iifname "{interface}" reject with icmpx admin-prohibited',
            ],
            "type filter hook input priority -10; policy accept;",
        )
        + _chain(
            "forward",
            [
                f'iifname "{interface}" meta nfproto != ipv4 drop',
                f'oifname "{interface}" ct state established,related accept',
                f'oifname "{interface}" drop',
                *guard,
            ],
            "type filter hook forward priority -10; policy accept;",
        )
        + _chain(
            "postrouting",
            [f'ip saddr {router} oifname != "{interface}" masquerade'],
            "type nat hook postrouting priority 100; policy accept;",
        ),
    )


def router_table(uplink: str, policy: Policy) -> str:
    """Returns the table for the router's namespace, where every other interface than ``uplink`` is a runtime's."""
    return _replace(
        "inet labora",
        "  set flows {\n    type ipv4_addr\n    flags dynamic\n    size 65535\n  }\n"
        + _chain("permitted", _permitted(policy))
        + _chain(
            "prerouting",
            [
                "meta nfproto != ipv4 drop",
                # A sender's address that does not lead back to its interface is a borrowed one.
                f'iifname != "{uplink}" fib saddr . iif oif eq 0 drop',
            ],
            "type filter hook prerouting priority -300; policy accept;",
        )
        + _chain(
            "input",
            ["ct state established,related accept", "reject with icmpx admin-prohibited"],
            "type filter hook input priority -10; policy accept;",
        )
        + _chain(
            "forward",
            [
                "ct state established,related accept",
                f'iifname "{uplink}" drop',
                f'oifname != "{uplink}" reject with icmpx admin-prohibited',
                # One runtime must not fill the machine's connection table.
                f"ct state new add @flows {{ ip saddr ct count over {MOST_FLOWS} }} reject with icmpx admin-prohibited",
                "jump permitted",
                *_refused(),
                "accept",
            ],
            "type filter hook forward priority 0; policy accept;",
        )
        + _chain(
            "postrouting",
            [f'oifname "{uplink}" masquerade'],
            "type nat hook postrouting priority 100; policy accept;",
        ),
    )


def inside_table(policy: Policy, own_addresses: Sequence[str]) -> str:
    """Returns the table for a runtime's own namespace; ``own_addresses`` are those of the machine."""
    machine = ", ".join(sorted(set(own_addresses)))
    return _replace(
        "inet labora",
        _chain("permitted", _permitted(policy))
        + _chain(
            "output",
            [
                'oifname "lo" accept',
                "meta nfproto != ipv4 reject with icmpx admin-prohibited",
                "ct state established,related accept",
                "jump permitted",
                *([f"ip daddr {{ {machine} }} reject with icmpx admin-prohibited"] if machine else []),
                *_refused(),
                "accept",
            ],
            "type filter hook output priority 0; policy accept;",
        )
        + _chain(
            "input",
            ['iifname "lo" accept', "meta nfproto != ipv4 drop", "ct state established,related accept", "drop"],
            "type filter hook input priority 0; policy accept;",
        ),
    )


async def _nft(nft: str, *arguments: str, text: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        nft,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_SETTLE_S):
        out, problem = await process.communicate(text.encode())
    return process.returncode or 0, out.decode(), problem.decode()


async def load(nft: str, text: str) -> None:
    """Loads a text as one transaction. Raises OSError with nft's own words."""
    code, _, problem = await _nft(nft, "-f", "-", text=text)
    if code:
        raise OSError(code, f"nft: {problem.strip()[-300:]}")


async def tables(nft: str) -> list[str]:
    """Returns the names of the tables of the family inet. Raises OSError."""
    code, out, problem = await _nft(nft, "-j", "list", "tables", "inet")
    if code:
        raise OSError(code, f"nft: {problem.strip()[-300:]}")
    return [item["table"]["name"] for item in json.loads(out)["nftables"] if "table" in item]


async def remove(nft: str, name: str) -> None:
    """Removes a table of the family inet, if it is there. Raises OSError."""
    await load(nft, f"table inet {name}\ndelete table inet {name}\n")


async def blocked_by(nft: str) -> str | None:
    """Returns the name of a chain of somebody else that drops every forwarded packet by default, or None."""
    code, out, _ = await _nft(nft, "-j", "list", "chains")
    if code:
        return None
    for item in json.loads(out)["nftables"]:
        chain = item.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain["family"] in ("ip", "inet"):
            return f"{chain['family']} {chain['table']} {chain['name']}"
    return None
