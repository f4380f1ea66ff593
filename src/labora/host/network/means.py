"""Which means carries packets out of runtimes here, found by trying each on a scratch namespace."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from labora.host.model import Level, NetworkKind, NetworkOptions, Note
from labora.host.network import inside, pasta, rules
from labora.host.network.router import Router

_LIMITED = (
    "Runtimes reach the internet through an HTTP relay: pip, apt, curl, git over https and requests work, "
    "other protocols do not."
)


@dataclass(frozen=True, slots=True)
class Means:
    """What was found. ``why`` says what stands in the way of something better, ``remedy`` what to do about it."""

    kind: NetworkKind
    why: str = ""
    remedy: str = ""
    notes: tuple[Note, ...] = field(default=())


Problem = tuple[str, str]
"""Why something does not work, and the remedy."""


async def _try_veth(router: Callable[[str], Awaitable[None]]) -> Problem | None:
    nft = rules.find_nft()
    if nft is None:
        return "nft is missing", "install the package nftables"
    try:
        await router(nft)
    except OSError as error:
        return (
            f"no router for runtimes: {error.strerror or error}",
            "give Labora CAP_NET_ADMIN, a writable /proc/sys/net and a firewall that lets its packets through",
        )
    return None


async def _try_pasta() -> Problem | None:
    missing = pasta.missing()
    if missing is not None:
        return missing
    try:
        async with inside.scratch() as pid:
            with tempfile.TemporaryDirectory(prefix="labora-probe-") as folder:
                await pasta.trial(pid, Path(folder, "pasta.pid"))
    except OSError as error:
        return f"pasta does not work here: {error.strerror or error}", "load the module tun; update the package passt"
    return None


async def choose(options: NetworkOptions, level: Level, router: Callable[[str], Awaitable[None]]) -> Means:
    """Finds the means in effect. Never raises.

    Args:
        options: the operator's wishes.
        level: of isolation.
        router: makes the router with nft at that path, or tries to; raises OSError where it cannot.
    """
    if level == "none":
        return Means("host")
    if options.egress == "off":
        why, remedy = "network.egress is off", "set network.egress to auto"
        note = Note("network_off", f"Runtimes have no network: {why}. To give them one, {remedy}.")
        return Means("off", why, remedy, (note,))
    better: NetworkKind = "veth" if level == "a" else "pasta"
    if options.means == "relay":
        return _relay("network.means is relay", f"set network.means to auto, which tries {better}")
    if options.means not in ("auto", better):
        why, remedy = f"network.means {options.means} is not for isolation level {level}", "set network.means to auto"
        return _relay(why, remedy)
    problem = await (_try_veth(router) if level == "a" else _try_pasta())
    return _relay(*problem) if problem is not None else Means(better)


def _relay(why: str, remedy: str) -> Means:
    note = Note("network_relay", f"{_LIMITED} Why: {why}. To improve it: {remedy}.")
    return Means("relay", why, remedy, (note,))


async def find(options: NetworkOptions, level: Level) -> Means:
    """Finds the means that a host would have, without touching the machine's network: the router is made in a
    scratch namespace. Never raises."""

    async def try_router(nft: str) -> None:
        async with inside.scratch() as pid:
            await Router("trial", Path("/nonexistent"), nft, None).trial(pid)

    return await choose(options, level, try_router)
