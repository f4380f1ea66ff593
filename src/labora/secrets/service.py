"""Secrets of accounts: kept sealed, told to nobody but their account and the code that it runs where it said so."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal, access_file, access_rows
from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import ConflictError, NotFoundError, TooLargeError, UnauthenticatedError, UnsupportedError
from labora.base.ids import new_id
from labora.base.settings import SecretSettings
from labora.db import Database
from labora.db.sealing import Seal
from labora.secrets import store
from labora.secrets.model import GrantedNotebook, SecretInfo, clean_name

# Sealed with each value, so that nothing else that was sealed passes for one.
_PURPOSE = "secret"


class Secrets:
    """Every secret of this server.

    Args:
        database: holds sealed values and grants.
        seal: seals them.
        rules: limits.
        clock: for tests.
    """

    def __init__(self, database: Database, seal: Seal, rules: SecretSettings, clock: Clock | None = None) -> None:
        self._database, self._seal, self._rules = database, seal, rules
        self._clock = clock or SystemClock()

    # -- an account's own ---------------------------------------------------------------------------------------------

    async def all_of(self, principal: Principal) -> list[SecretInfo]:
        """Returns the account's secrets by name, each with the notebooks that may read it."""
        account_id = _account(principal)

        async def look(connection: AsyncConnection) -> list[SecretInfo]:
            rows = await store.all_of(connection, account_id)
            grants = await store.grants(connection, account_id)
            files = await store.file_rows(connection, {file_id for _, file_id, _ in grants})
            accesses = await access_rows(connection, principal, files, now=self._clock.now())
            names = {access.file_id: str(access.file["name"]) for access in accesses}
            found = []
            for row in rows:
                notebooks = [
                    GrantedNotebook(file_id, names.get(file_id, ""), since)
                    for secret_id, file_id, since in grants
                    if secret_id == row["id"]
                ]
                found.append(self._info(row, tuple(notebooks)))
            return found

        return await self._database.look(look)

    async def put(self, principal: Principal, name: str, value: str) -> SecretInfo:
        """Adds a secret, or gives one that is there another value; its grants stay.

        Raises:
            InvalidError: ``bad_secret_name``.
            TooLargeError: the value is longer than a secret may be.
            ConflictError: ``too_many_secrets``.
        """
        account_id, name, now = _account(principal), clean_name(name), self._now()
        size = len(value.encode())
        if size > self._rules.value_bytes:
            raise TooLargeError(
                f"A secret holds at most {self._rules.value_bytes:,} bytes.",
                code="secret_too_large",
                details={"limit": self._rules.value_bytes, "actual": size},
            )
        async with self._database.transaction() as connection:
            row = await store.find(connection, account_id, name)
            if row is None:
                if await store.count(connection, account_id) >= self._rules.per_account:
                    raise ConflictError(
                        f"An account keeps at most {self._rules.per_account} secrets. Delete one first.",
                        code="too_many_secrets",
                    )
                secret_id = new_id()
                row = {"id": secret_id, "account_id": account_id, "name": name, "created_at": now, "updated_at": now}
                row["sealed"] = self._sealed(account_id, secret_id, value)
                await store.add(connection, row)
            else:
                sealed = self._sealed(account_id, row["id"], value)
                await store.change(connection, row["id"], sealed=sealed, updated_at=now)
                row = {**row, "sealed": sealed, "updated_at": now}
            await store.audit(connection, account_id, "secret.set", None, name, now)
        return self._info(row)

    async def rename(self, principal: Principal, name: str, to: str) -> SecretInfo:
        """Gives a secret another name; its value and grants stay.

        Raises NotFoundError ``no_such_secret``, InvalidError ``bad_secret_name``, ConflictError ``secret_exists``.
        """
        account_id, to, now = _account(principal), clean_name(to), self._now()
        async with self._database.transaction() as connection:
            row = await self._own(connection, account_id, name)
            if to != name and await store.find(connection, account_id, to) is not None:
                raise ConflictError(f"You have a secret {to} already.", code="secret_exists")
            await store.change(connection, row["id"], name=to, updated_at=now)
            await store.audit(connection, account_id, "secret.renamed", None, to, now)
        return self._info({**row, "name": to, "updated_at": now})

    async def remove(self, principal: Principal, name: str) -> None:
        """Deletes a secret with its grants. Raises NotFoundError ``no_such_secret``."""
        account_id = _account(principal)
        async with self._database.transaction() as connection:
            row = await self._own(connection, account_id, name)
            await store.remove(connection, row["id"])
            await store.audit(connection, account_id, "secret.removed", None, name, self._now())

    async def reveal(self, principal: Principal, name: str) -> str:
        """Returns the value, for its account to look at; that it was looked at is written down.

        Raises NotFoundError ``no_such_secret``, ConflictError ``secret_unreadable``.
        """
        account_id = _account(principal)
        async with self._database.transaction() as connection:
            row = await self._own(connection, account_id, name)
            value = self._opened(row)
            if value is None:
                raise ConflictError(
                    "This server no longer has the key of this secret. Give it its value anew.",
                    code="secret_unreadable",
                )
            await store.audit(connection, account_id, "secret.revealed", None, name, self._now())
        return value

    # -- notebooks ----------------------------------------------------------------------------------------------------

    async def of_notebook(self, principal: Principal, file_id: str) -> dict[str, bool]:
        """Returns the account's secrets by name, and whether this notebook may read each. Needs ``read``."""
        account_id = _account(principal)

        async def look(connection: AsyncConnection) -> dict[str, bool]:
            await self._notebook(connection, principal, file_id, Ability.READ)
            rows = await store.all_of(connection, account_id)
            grants = {secret_id for secret_id, at, _ in await store.grants(connection, account_id) if at == file_id}
            return {row["name"]: row["id"] in grants for row in rows}

        return await self._database.look(look)

    async def grant(self, principal: Principal, file_id: str, name: str) -> None:
        """Lets code that this account runs in the notebook read a secret. Needs ``edit``, as running does.

        Raises NotFoundError, ``no_such_secret`` too.
        """
        account_id, now = _account(principal), self._now()
        async with self._database.transaction() as connection:
            await self._notebook(connection, principal, file_id, Ability.EDIT)
            row = await self._own(connection, account_id, name)
            await store.grant(connection, row["id"], file_id, now)
            await store.audit(connection, account_id, "secret.granted", file_id, name, now)

    async def revoke(self, principal: Principal, file_id: str, name: str) -> None:
        """Takes it back, also for a notebook that the account may not read any more.

        What code has read already it has. Raises NotFoundError ``no_such_secret``.
        """
        account_id = _account(principal)
        async with self._database.transaction() as connection:
            row = await self._own(connection, account_id, name)
            if await store.revoke(connection, row["id"], file_id):
                await store.audit(connection, account_id, "secret.revoked", file_id, name, self._now())

    async def revoke_here(self, principal: Principal, file_id: str, name: str) -> None:
        """Takes it back in a notebook that the account may read. Raises NotFoundError, ``no_such_secret`` too."""
        await self._database.look(lambda connection: self._notebook(connection, principal, file_id, Ability.READ))
        await self.revoke(principal, file_id, name)

    async def get(self, account_id: str, file_id: str, name: str) -> dict[str, Any]:
        """Returns what code of an account gets that asks for a secret in a notebook; the value only where it may."""

        async def look(connection: AsyncConnection) -> dict[str, Any]:
            row = await store.find(connection, account_id, name)
            value = None if row is None else self._opened(row)
            if row is None or value is None:
                return {"exists": False, "access": False, "value": None}
            access = await store.granted(connection, row["id"], file_id)
            return {"exists": True, "access": access, "value": value if access else None}

        return await self._database.look(look)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> str:
        return timestamp(self._clock.now())

    def _sealed(self, account_id: str, secret_id: str, value: str) -> str:
        return self._seal.close_up(_PURPOSE, account_id, secret_id, value)

    def _opened(self, row: store.Row) -> str | None:
        parts = self._seal.open(row["sealed"])
        if parts is None or len(parts) != 4 or parts[:3] != (_PURPOSE, row["account_id"], row["id"]):
            return None
        return parts[3]

    def _info(self, row: store.Row, notebooks: tuple[GrantedNotebook, ...] = ()) -> SecretInfo:
        readable = self._opened(row) is not None
        return SecretInfo(row["name"], row["created_at"], row["updated_at"], readable, notebooks)

    async def _own(self, connection: AsyncConnection, account_id: str, name: str) -> store.Row:
        row = await store.find(connection, account_id, name)
        if row is None:
            raise NotFoundError("You have no secret of this name.", code="no_such_secret")
        return row

    async def _notebook(
        self, connection: AsyncConnection, principal: Principal, file_id: str, ability: Ability
    ) -> None:
        access = await access_file(connection, principal, file_id, ability, now=self._clock.now())
        if access.file["kind"] != "notebook":
            raise UnsupportedError("Only notebooks can be given secrets.", code="not_a_notebook")


def _account(principal: Principal) -> str:
    if principal.account_id is None:
        raise UnauthenticatedError("Sign in first.")
    return principal.account_id
