"""SQL of the accounts room. Every function takes the connection of the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.accounts.model import Account, ApiToken, Invitation
from labora.base.text import folded, is_address
from labora.db.schema import (
    accounts,
    api_tokens,
    audit_log,
    instance,
    login_attempts,
    login_sessions,
    one_time_links,
    permissions,
)

_ACCOUNT = [accounts.c[name] for name in ("id", "name", "login", "is_owner", "color", "created_at", "disabled_at")]


def _account(row: Any) -> Account:
    return Account(row.id, row.name, row.login, row.is_owner, row.color, row.created_at, row.disabled_at)


async def add_account(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts an account."""
    await connection.execute(insert(accounts).values(**values))


async def account_by_id(connection: AsyncConnection, account_id: str) -> Account | None:
    """Returns the account, disabled or not."""
    row = (await connection.execute(select(*_ACCOUNT).where(accounts.c.id == account_id))).one_or_none()
    return _account(row) if row else None


async def account_by_login(connection: AsyncConnection, login: str) -> tuple[Account, str | None] | None:
    """Returns the account and its password hash."""
    query = select(*_ACCOUNT, accounts.c.password_hash).where(accounts.c.login == login)
    row = (await connection.execute(query)).one_or_none()
    return (_account(row), row.password_hash) if row else None


async def password_hash(connection: AsyncConnection, account_id: str) -> str | None:
    """Returns the stored hash."""
    return await connection.scalar(select(accounts.c.password_hash).where(accounts.c.id == account_id))


async def all_accounts(connection: AsyncConnection) -> list[Account]:
    """Returns every account, oldest first."""
    return [_account(row) for row in await connection.execute(select(*_ACCOUNT).order_by(accounts.c.created_at))]


async def find_people(connection: AsyncConnection, text: str, limit: int) -> list[Account]:
    """Returns enabled accounts whose name or sign-in name contains ``text``."""
    query = (
        select(*_ACCOUNT)
        .where(
            accounts.c.disabled_at.is_(None),
            or_(
                accounts.c.folded_name.contains(folded(text), autoescape=True),
                accounts.c.login.contains(text.lower(), autoescape=True),
            ),
        )
        .order_by(accounts.c.folded_name, accounts.c.id)
        .limit(limit)
    )
    return [_account(row) for row in await connection.execute(query)]


async def count_accounts(connection: AsyncConnection) -> int:
    """Returns how many accounts there are."""
    return int(await connection.scalar(select(func.count()).select_from(accounts)) or 0)


async def update_account(connection: AsyncConnection, account_id: str, values: Mapping[str, Any]) -> None:
    """Changes columns of an account."""
    await connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


async def letters(connection: AsyncConnection, account_id: str) -> tuple[str | None, bool]:
    """Returns where an account reads e-mail, and whether it wants notices there."""
    query = select(accounts.c.login, accounts.c.email, accounts.c.email_notices).where(accounts.c.id == account_id)
    row = (await connection.execute(query)).one()
    return row.email or (row.login if is_address(row.login) else None), row.email_notices


async def waits_for(connection: AsyncConnection, address: str) -> bool:
    """Returns whether something was given to an address that no account has yet."""
    waiting = select(permissions.c.id).where(permissions.c.email == address, permissions.c.account_id.is_(None))
    return await connection.scalar(waiting.limit(1)) is not None


async def claim(connection: AsyncConnection, account_id: str, address: str) -> None:
    """Makes what was given to an address the account's."""
    waiting = update(permissions).where(permissions.c.email == address, permissions.c.account_id.is_(None))
    await connection.execute(waiting.values(account_id=account_id))


async def credential_holds(
    connection: AsyncConnection, account_id: str, login_session_id: str | None, token_id: str | None, now: str
) -> bool:
    """Returns whether an enabled account still has this login session or token."""
    if login_session_id is not None:
        found: Any = login_sessions
        query = select(found.c.id).where(found.c.id == login_session_id, found.c.expires_at > now)
    else:
        found = api_tokens
        lives = or_(found.c.expires_at.is_(None), found.c.expires_at > now)
        query = select(found.c.id).where(found.c.id == token_id, lives)
    query = query.join(accounts, accounts.c.id == found.c.account_id)
    query = query.where(accounts.c.id == account_id, accounts.c.disabled_at.is_(None))
    return (await connection.execute(query)).first() is not None


# -- login sessions ---------------------------------------------------------------------------------------------------


async def add_login_session(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts a login session."""
    await connection.execute(insert(login_sessions).values(**values))


async def login_session(connection: AsyncConnection, digest: str, now: str) -> tuple[str, str, Account] | None:
    """Returns (id, last seen, account) of a live login session of an enabled account."""
    query = (
        select(login_sessions.c.id.label("login_session_id"), login_sessions.c.last_seen_at, *_ACCOUNT)
        .join(accounts, accounts.c.id == login_sessions.c.account_id)
        .where(
            login_sessions.c.secret_sha256 == digest,
            login_sessions.c.expires_at > now,
            accounts.c.disabled_at.is_(None),
        )
    )
    row = (await connection.execute(query)).one_or_none()
    return (row.login_session_id, row.last_seen_at, _account(row)) if row else None


async def touch_login_session(connection: AsyncConnection, session_id: str, now: str) -> None:
    """Notes that a login session was used."""
    await connection.execute(update(login_sessions).where(login_sessions.c.id == session_id).values(last_seen_at=now))


async def drop_login_sessions(
    connection: AsyncConnection, account_id: str, *, only: str | None = None, keep: str | None = None
) -> None:
    """Ends login sessions of an account: all, one, or all but one."""
    query = delete(login_sessions).where(login_sessions.c.account_id == account_id)
    if only is not None:
        query = query.where(login_sessions.c.id == only)
    if keep is not None:
        query = query.where(login_sessions.c.id != keep)
    await connection.execute(query)


async def drop_expired(connection: AsyncConnection, now: str, attempts_before: str) -> None:
    """Deletes login sessions that ended and attempts that no longer count."""
    await connection.execute(delete(login_sessions).where(login_sessions.c.expires_at <= now))
    await connection.execute(delete(login_attempts).where(login_attempts.c.at < attempts_before))


# -- API tokens -------------------------------------------------------------------------------------------------------


async def add_token(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts an API token."""
    await connection.execute(insert(api_tokens).values(**values))


def _token(row: Any) -> ApiToken:
    return ApiToken(row.id, row.label, tuple(row.scopes.split()), row.created_at, row.last_used_at, row.expires_at)


async def tokens_of(connection: AsyncConnection, account_id: str) -> list[ApiToken]:
    """Returns an account's tokens, newest first."""
    query = select(api_tokens).where(api_tokens.c.account_id == account_id).order_by(api_tokens.c.created_at.desc())
    return [_token(row) for row in await connection.execute(query)]


async def token(connection: AsyncConnection, digest: str, now: str) -> tuple[ApiToken, Account] | None:
    """Returns a live token and its enabled account."""
    query = (
        select(*(column.label(f"token_{column.name}") for column in api_tokens.c), *_ACCOUNT)
        .join(accounts, accounts.c.id == api_tokens.c.account_id)
        .where(
            api_tokens.c.secret_sha256 == digest,
            or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now),
            accounts.c.disabled_at.is_(None),
        )
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    scopes = tuple(row.token_scopes.split())
    found = ApiToken(
        row.token_id, row.token_label, scopes, row.token_created_at, row.token_last_used_at, row.token_expires_at
    )
    return found, _account(row)


async def touch_token(connection: AsyncConnection, token_id: str, now: str) -> None:
    """Notes that a token was used."""
    await connection.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(last_used_at=now))


async def drop_tokens(connection: AsyncConnection, account_id: str, *, only: str | None = None) -> int:
    """Deletes one token of an account, or all; returns how many."""
    query = delete(api_tokens).where(api_tokens.c.account_id == account_id)
    if only is not None:
        query = query.where(api_tokens.c.id == only)
    return int((await connection.execute(query)).rowcount)


# -- one-time links ---------------------------------------------------------------------------------------------------


async def add_link(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts a one-time link."""
    await connection.execute(insert(one_time_links).values(**values))


async def drop_links(
    connection: AsyncConnection,
    kind: str,
    *,
    account_id: str | None = None,
    only: str | None = None,
    label: str | None = None,
) -> int:
    """Deletes unused links of a kind, of one account, by id or by label; returns how many."""
    query = delete(one_time_links).where(one_time_links.c.kind == kind, one_time_links.c.used_at.is_(None))
    if account_id is not None:
        query = query.where(one_time_links.c.account_id == account_id)
    if only is not None:
        query = query.where(one_time_links.c.id == only)
    if label is not None:
        query = query.where(one_time_links.c.label == label)
    return int((await connection.execute(query)).rowcount)


async def live_link(connection: AsyncConnection, kind: str, digest: str, now: str) -> Any | None:
    """Returns the row of a link that can still be used."""
    query = select(one_time_links).where(
        one_time_links.c.kind == kind,
        one_time_links.c.secret_sha256 == digest,
        one_time_links.c.used_at.is_(None),
        one_time_links.c.expires_at > now,
    )
    return (await connection.execute(query)).one_or_none()


async def use_link(connection: AsyncConnection, link_id: str, now: str) -> None:
    """Marks a link as used."""
    await connection.execute(update(one_time_links).where(one_time_links.c.id == link_id).values(used_at=now))


async def invitations(connection: AsyncConnection) -> list[Invitation]:
    """Returns the invitations, newest first."""
    query = (
        select(one_time_links)
        .where(one_time_links.c.kind == "invitation")
        .order_by(one_time_links.c.created_at.desc())
        .limit(500)
    )
    return [
        Invitation(row.id, row.label, row.created_at, row.expires_at, row.used_at)
        for row in await connection.execute(query)
    ]


# -- guessing, audit, instance ----------------------------------------------------------------------------------------


async def attempts_since(connection: AsyncConnection, subject: str, since: str) -> list[str]:
    """Returns the moments of failed tries of a subject, oldest first."""
    query = (
        select(login_attempts.c.at)
        .where(login_attempts.c.subject == subject, login_attempts.c.at >= since)
        .order_by(login_attempts.c.at)
    )
    return list((await connection.execute(query)).scalars())


async def add_attempts(connection: AsyncConnection, subjects: list[str], now: str) -> None:
    """Counts one failed try for each subject."""
    await connection.execute(insert(login_attempts), [{"subject": subject, "at": now} for subject in subjects])


async def forget_attempts(connection: AsyncConnection, subject: str, *, at: str | None = None) -> None:
    """Forgets the failed tries of a subject: all, or that of one moment."""
    query = delete(login_attempts).where(login_attempts.c.subject == subject)
    await connection.execute(query if at is None else query.where(login_attempts.c.at == at))


async def add_audit(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts an audit row."""
    await connection.execute(insert(audit_log).values(**values))


async def instance_value(connection: AsyncConnection, key: str) -> str | None:
    """Returns a value of this installation."""
    return await connection.scalar(select(instance.c.value).where(instance.c.key == key))


async def set_instance_value(connection: AsyncConnection, key: str, value: str) -> None:
    """Inserts a value of this installation."""
    await connection.execute(insert(instance).values(key=key, value=value))
