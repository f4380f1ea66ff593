"""Which means carries packets out of runtimes here, found by trying each on a scratch namespace."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from labora.host.model import Level, NetworkKind, NetworkOptions, Note
from labora.host.network import inside, pasta, rules, services
from labora.host.network.veth import Veth

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


async def _try_veth(label: str, run: Path) -> tuple[str, str] | None:
    """Returns None where it works, else why not and the remedy."""
    nft = rules.find_nft()
    if nft is None:
        return "nft is missing", "install the package nftables"
    try:
        async with inside.scratch() as pid:
            await Veth(f"trial-{os.getpid()}-{label}", run, nft, None).trial(pid)
    except OSError as error:
        return (
            f"no interfaces and packet filter: {error.strerror or error}",
            "give Labora CAP_NET_ADMIN, a writable /proc/sys/net and a firewall that lets its packets through",
        )
    return None


async def _try_pasta() -> tuple[str, str] | None:
    missing = pasta.missing()
    if missing is not None:
        return missing
    try:
        async with inside.scratch() as pid:
            await pasta.trial(pid)
    except OSError as error:
        return f"pasta does not work here: {error.strerror or error}", "load the module tun; update the package passt"
    return None


async def _try_relay() -> str | None:
    try:
        async with inside.scratch() as pid:
            for opened in await inside.perform(pid, services.requests(("proxy",))):
                opened.close()
    except OSError as error:
        return str(error.strerror or error)
    return None


async def choose(options: NetworkOptions, level: Level, label: str, run: Path) -> Means:
    """Finds the means in effect. Never raises."""
    if level == "none":
        return Means("host")
    if options.egress == "off":
        why = "network.egress is off"
        note = Note("network_off", f"Runtimes have no network ({why}). Set network.egress to auto to give them one.")
        return Means("off", why, "set network.egress to auto", (note,))
    better: NetworkKind = "veth" if level == "a" else "pasta"
    problem: tuple[str, str] | None = None
    if options.means in ("auto", better):
        problem = await (_try_veth(label, run) if level == "a" else _try_pasta())
        if problem is None:
            return Means(better)
    elif options.means != "relay":
        problem = f"network.means {options.means} is not for level {level}", "set network.means to auto"
    if options.means in ("auto", "relay"):
        refusal = await _try_relay()
        if refusal is None:
            why, remedy = problem or ("network.means is relay", f"set network.means to auto to try {better}")
            note = Note("network_relay", f"{_LIMITED} Why: {why}. To improve it: {remedy}.")
            return Means("relay", why, remedy, (note,))
        problem = problem or (refusal, "start Labora as root")
    why, remedy = problem or ("nothing works", "")
    return Means("off", why, remedy, (Note("network_off", f"Runtimes have no network: {why}. Remedy: {remedy}."),))
