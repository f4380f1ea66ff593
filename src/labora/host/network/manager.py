"""The network of all runtimes of one host: attached when a sandbox is made, taken away when it ends, adopted."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labora.base.errors import InvalidError, UnavailableError
from labora.base.logging import get_logger
from labora.host.model import Handle, HostOptions, Level, NetworkKind, Note
from labora.host.network import gate, inside, means, names, passing, pasta, policy, rules, services
from labora.host.network.link import RelayLink
from labora.host.network.router import Router

_log = get_logger("network")
REFRESH_S = 60.0
LOOK_UP_S = 3.0
_RESTART_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Attached:
    """A living runtime."""

    runtime_id: str
    generation: int
    pid: int


class Network:
    """Everything of the network that the supervisor needs.

    Args:
        options: of the host.
        label: of the installation.
    """

    def __init__(self, options: HostOptions, label: str) -> None:
        self._options = options.network
        self._label = label
        self._run = Path(options.run_dir)
        self._environment = passing.host_environment()
        self._link = RelayLink(self._run, options.network.uid if os.geteuid() == 0 else None)
        self._means = means.Means("off", "the host has just started")
        self._router: Router | None = None
        self._policy = policy.Policy()
        self._pip: dict[str, str] = {}
        self._certificates: str | None = None
        self._works = True
        self._found: dict[names.Place, list[str]] = {}
        self._attached: dict[int, _Attached] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._tasks: list[asyncio.Task[None]] = []

    # -- what is in effect -------------------------------------------------------------------------------------------

    @property
    def kind(self) -> NetworkKind:
        """The means in effect."""
        return self._means.kind

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the operator should know."""
        return self._means.notes

    @property
    def _parts(self) -> tuple[services.Part, ...]:
        if not self._works:
            return ()
        if self.kind in ("relay", "off"):
            return ("proxy",)
        return ("dns", "proxy") if gate.operators_proxies(self._environment) else ("dns",)

    def environment(self) -> dict[str, str]:
        """Returns the variables that a runtime starts with because of its network."""
        if self.kind == "host":
            passed = {name: self._environment.get(name, "") for name in passing.PROXY_VARIABLES}
            return {name: value for name, value in passed.items() if value and not passing.holds_password(value)}
        certificates = {}
        if self._certificates is not None and not self._environment.get("PIP_CERT"):
            certificates["PIP_CERT"] = self._certificates
        if "proxy" not in self._parts:
            return certificates
        return certificates | passing.proxy_environment(self._environment, everything=self.kind in ("relay", "off"))

    def write_etc(self, folder: Path) -> None:
        """Writes ``resolv.conf`` and ``pip.conf`` into the folder of generated files."""
        texts = {
            "resolv.conf": passing.resolver_file(self.kind, self._means.why),
            "pip.conf": passing.pip_file(self._pip),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)

    # -- opening and closing -----------------------------------------------------------------------------------------

    async def open(self, level: Level) -> None:
        """Finds the means and starts the relay. Never fails: what does not work is in kind and notes.

        Raises:
            InvalidError: the allow-list makes no sense.
        """
        files = passing.pip_files(self._environment)
        self._pip, self._certificates = passing.pip_settings(files), passing.pip_certificates(files)
        mirrors = passing.operators_mirrors(self._environment, self._pip, passing.apt_files())
        policy.parse(self._options.allow)
        usable = []
        for entry in mirrors:
            with contextlib.suppress(InvalidError):
                policy.parse([entry])
                usable.append(entry)
        self._policy = policy.parse([*self._options.allow, *usable])
        if level == "none":
            self._means = means.Means("host")
            return
        try:
            await self._link.open()
            await self._find_means(level)
            await self._refresh()
        except OSError as error:
            why = f"the network relay does not work: {error.strerror or error}"
            self._means = means.Means("off", why, notes=(Note("network_off", f"Runtimes have no network: {why}."),))
            self._works = False
            return
        self._tasks = [asyncio.create_task(self._every(REFRESH_S, self._refresh)), asyncio.create_task(self._keep())]

    async def _find_means(self, level: Level) -> None:
        """Makes or adopts the router, or finds what else there is and removes the router of an earlier host."""
        held = await self._link.take()

        async def open_router(nft: str) -> None:
            nonlocal held
            router = Router(self._label, self._run, nft, self._options.subnet)
            taken, held = held, None
            await router.open(self._policy, taken)
            self._router = router

        self._means = await means.choose(self._options, level, open_router)
        await self._hold()
        nft = rules.find_nft()
        if held is not None:
            os.close(held)
        if self._router is None and level == "a" and nft is not None:
            with contextlib.suppress(OSError):
                await Router(self._label, self._run, nft, None).remove()

    async def _hold(self) -> None:
        if self._router is not None and self._router.namespace is not None:
            await self._link.hold(self._router.namespace)

    async def adopt(self, alive: Iterable[Handle]) -> None:
        """Takes over living runtimes and removes what is left of dead ones."""
        for handle in alive:
            self._attached[handle.slot] = _Attached(handle.runtime_id, handle.generation, handle.pid)
        if self.kind == "host" or not self._works:
            return
        try:
            if self._router is not None:
                await self._router.sweep(self._attached)
            pasta.sweep(self._run, {one.runtime_id for one in self._attached.values()})
            await self._serve_again(await self._link.open())
        except OSError as error:
            _log.warning("network_not_adopted", error=str(error))

    async def close(self) -> None:
        """Lets go of everything; runtimes keep their network."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._attached:
            with contextlib.suppress(OSError):
                if self._router is not None:
                    await self._router.remove()
                await self._link.call({"verb": "retire"})
        self._link.close()

    # -- one runtime -------------------------------------------------------------------------------------------------

    async def attach(self, handle: Handle) -> None:
        """Gives a sandbox that waits to run its network.

        Raises:
            UnavailableError: ``network_failed``.
        """
        if self.kind == "host" or not self._works:
            return
        async with self._lock(handle.slot):
            self._attached[handle.slot] = _Attached(handle.runtime_id, handle.generation, handle.pid)
            try:
                await self._attach(handle)
            except OSError as error:
                self._attached.pop(handle.slot, None)
                raise UnavailableError(
                    f"The runtime's network was not made: {error.strerror or error}. `labora doctor` names what would "
                    "help; with network.egress set to off runtimes start without one.",
                    code="network_failed",
                ) from error

    async def _attach(self, handle: Handle) -> None:
        wanted = services.requests(self._parts)
        if self._router is not None:
            sockets = await self._router.attach(handle.slot, handle.pid, wanted)
        else:
            sockets = await inside.perform(inside.namespace_of(handle.pid), wanted)
        await self._serve(handle.runtime_id, handle.pid, sockets)

    async def _serve(self, runtime_id: str, pid: int, sockets: Sequence[int]) -> None:
        if self.kind != "pasta":
            await self._link.serve(runtime_id, pid, self._parts, sockets)
            return
        try:
            await pasta.protect(pid, self._policy)
        except BaseException:
            for descriptor in sockets:
                os.close(descriptor)
            raise
        carry = {"pid": pid, "record": str(pasta.record_of(self._run, runtime_id))}
        await self._link.serve(runtime_id, pid, self._parts, sockets, carry=carry)
        await pasta.ready(pid)

    async def detach(self, handle: Handle) -> None:
        """Removes what an ended runtime had; does nothing where a later generation has the slot."""
        mine = self._attached.get(handle.slot)
        if mine is None or (mine.runtime_id, mine.generation) != (handle.runtime_id, handle.generation):
            return
        del self._attached[handle.slot]
        if self._router is not None:
            async with self._lock(handle.slot):
                if handle.slot not in self._attached:
                    await self._router.detach(handle.slot)

    def _lock(self, slot: int) -> asyncio.Lock:
        return self._locks.setdefault(slot, asyncio.Lock())

    # -- keeping -----------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        """Looks the allow-list's names up again and tells filter and relay when something has changed."""
        # A name that is not found now keeps the addresses that it had.
        self._found |= await names.look_up(self._policy.names, LOOK_UP_S)
        found = self._found
        before, self._policy = self._policy, self._policy.with_addresses(found)
        request = {
            "verb": "policy",
            "allow": [*_entries(self._policy)],
            "names": [[host, port, addresses] for (host, port), addresses in found.items()],
            "closed": f"this runtime has no network: {self._means.why}" if self.kind == "off" else None,
        }
        await self._link.call(request)
        if self._router is not None:
            await self._router.load(self._policy)
        if self.kind == "pasta" and before != self._policy:
            for one in list(self._attached.values()):
                with contextlib.suppress(OSError):  # one that is just ending
                    await pasta.protect(one.pid, self._policy)

    async def _every(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await action()
            except OSError as error:
                _log.warning("network_not_refreshed", error=str(error))

    async def _keep(self) -> None:
        """Starts the relay again when it dies, with all that it served."""
        while True:
            await self._link.gone()
            _log.warning("relay_died")
            try:
                served = await self._link.open()
                await self._hold()
                await self._refresh()
                await self._serve_again(served)
            except OSError as error:
                _log.warning("relay_not_restarted", error=str(error))
                await asyncio.sleep(_RESTART_PAUSE_S)

    async def _serve_again(self, served: set[str]) -> None:
        """Gives living runtimes what they lack: services where the relay was new, an interface where the router was."""
        joined = self._router.slots() if self._router is not None else set(self._attached)
        for slot, one in list(self._attached.items()):
            async with self._lock(slot):
                if self._attached.get(slot) != one or (one.runtime_id in served and slot in joined):
                    continue
                wanted = services.requests(self._parts) if one.runtime_id not in served else []
                try:
                    if self._router is not None and slot not in joined:
                        sockets = await self._router.attach(slot, one.pid, wanted)
                    else:
                        sockets = await inside.perform(inside.namespace_of(one.pid), wanted)
                    if one.runtime_id not in served:
                        await self._serve(one.runtime_id, one.pid, sockets)
                except OSError as error:
                    _log.warning("runtime_not_served", runtime_id=one.runtime_id, error=str(error))


def _entries(rules_of: policy.Policy) -> Iterable[str]:
    for rule in rules_of.rules:
        host = f"[{rule.network}]" if ":" in str(rule.network) else str(rule.network)
        yield host if rule.port is None else f"{host}:{rule.port}"
    for host, port in rules_of.names:
        yield f"{host}:{port}"
