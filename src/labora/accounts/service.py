"""Verbs of accounts: setup, invitations, sign-in, passwords. One transaction each."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, Scope, groups_of
from labora.accounts import store
from labora.accounts.base import account_of, clean_login, clean_text, printable
from labora.accounts.groups import Groups
from labora.accounts.model import PALETTE, Account, Invitation, Revocation, SignedIn
from labora.accounts.tokens import TOUCH_EVERY, ApiTokens
from labora.base.clock import parse_timestamp, timestamp
from labora.base.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError
from labora.base.ids import new_id, new_secret, secret_digest
from labora.base.text import folded, is_address

_SETUP_DAYS = 365
_RESET_HOURS = 24


class Accounts(ApiTokens, Groups):
    """Everything about who somebody is."""

    # -- setup and links ----------------------------------------------------------------------------------------------

    async def setup_needed(self) -> bool:
        """Returns whether no account exists yet."""
        async with self._database.read() as connection:
            return await store.count_accounts(connection) == 0

    async def ensure_setup_link(self) -> str | None:
        """Returns the secret of a fresh one-time link that makes the owner, or None when there are accounts.

        Earlier setup links stop working: only the one printed last counts.
        """
        async with self._database.transaction() as connection:
            if await store.count_accounts(connection):
                return None
            await store.drop_links(connection, "setup")
            return await self._new_link(connection, "setup", timedelta(days=_SETUP_DAYS))

    async def set_up(
        self, secret: str, *, name: str, login: str, password: str, address: str = "", user_agent: str = ""
    ) -> SignedIn:
        """Makes the owner with the secret of the setup link and signs them in.

        Raises NotFoundError for a dead link, InvalidError for an unusable name or password.
        """
        return await self._make_with_link(
            "setup", secret, name, login, password, address=address, user_agent=user_agent, is_owner=True
        )

    async def invite(self, principal: Principal, label: str = "") -> tuple[Invitation, str]:
        """Returns an invitation and its secret, shown once. Only the owner may invite."""
        self._require_owner(principal)
        label = clean_text(label, "label", 254, empty=True)
        async with self._database.transaction() as connection:
            life = timedelta(days=self._settings.invitation_days)
            secret = await self._new_link(connection, "invitation", life, label=label, created_by=principal.account_id)
            link = await self._live_link(connection, "invitation", secret)
            await self._audit(connection, principal.account_id, "invitation.made", link.id)
        return Invitation(link.id, link.label, link.created_at, link.expires_at, None), secret

    async def invite_address(self, connection: AsyncConnection, principal: Principal, address: str) -> str | None:
        """Returns the path of a page that makes an account for the reader of an address, in the caller's transaction.

        None where this server leaves inviting to its owner. An earlier unused invitation of the address ends.
        """
        if not (principal.is_owner or self._settings.members_invite):
            return None
        await store.drop_links(connection, "invitation", label=address)
        life = timedelta(days=self._settings.invitation_days)
        secret = await self._new_link(connection, "invitation", life, label=address, created_by=principal.account_id)
        await self._audit(connection, principal.account_id, "invitation.made", None, {"address": address})
        return f"/invite#{secret}"

    async def invitations(self, principal: Principal) -> list[Invitation]:
        """Returns the newest invitations, without secrets. Only for the owner."""
        self._require_owner(principal)
        async with self._database.read() as connection:
            return await store.invitations(connection)

    async def withdraw_invitation(self, principal: Principal, invitation_id: str) -> None:
        """Ends an unused invitation."""
        self._require_owner(principal)
        async with self._database.transaction() as connection:
            if not await store.drop_links(connection, "invitation", only=invitation_id):
                raise NotFoundError("There is no such unused invitation.")
            await self._audit(connection, principal.account_id, "invitation.withdrawn", invitation_id)

    async def invitation(self, secret: str) -> Invitation:
        """Returns the invitation behind a secret, for the page that accepts it."""
        async with self._database.read() as connection:
            link = await self._live_link(connection, "invitation", secret)
        return Invitation(link.id, link.label, link.created_at, link.expires_at, None)

    async def accept_invitation(
        self, secret: str, *, name: str, login: str, password: str, address: str = "", user_agent: str = ""
    ) -> SignedIn:
        """Makes an account with an invitation's secret and signs it in."""
        return await self._make_with_link(
            "invitation", secret, name, login, password, address=address, user_agent=user_agent, is_owner=False
        )

    async def _make_with_link(
        self,
        kind: str,
        secret: str,
        name: str,
        login: str,
        password: str,
        *,
        address: str,
        user_agent: str,
        is_owner: bool,
    ) -> SignedIn:
        name, login = clean_text(name, "name", 120), clean_login(login)
        async with self._database.read() as connection:
            await self._live_link(connection, kind, secret)
        self._passwords.check_policy(password, login=login)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as connection:
            link = await self._live_link(connection, kind, secret)
            if is_owner and await store.count_accounts(connection):
                # The operator made the first account meanwhile: a link that was printed before makes no second owner.
                raise NotFoundError("This server has its owner already. Ask for an invitation.", code="dead_link")
            await store.use_link(connection, link.id, self._now())
            mailbox = link.label.lower() if kind == "invitation" and is_address(link.label.lower()) else None
            await self._require_unclaimed(connection, login, mailbox)
            account = await self._add_account(connection, name, login, hashed, is_owner=is_owner, mailbox=mailbox)
            signed_in = await self._sign_in(connection, account, address, user_agent)
        await self._tell_made(account.id)
        return signed_in

    async def make_account(self, *, name: str, login: str, password: str, is_owner: bool = False) -> Account:
        """Makes an account without a link, for the operator's command line."""
        name, login = clean_text(name, "name", 120), clean_login(login)
        self._passwords.check_policy(password, login=login)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as connection:
            mailbox = login if is_address(login) else None
            account = await self._add_account(connection, name, login, hashed, is_owner=is_owner, mailbox=mailbox)
        await self._tell_made(account.id)
        return account

    async def _require_unclaimed(self, connection: AsyncConnection, login: str, mailbox: str | None) -> None:
        """Keeps others than the reader of an address from taking it for a name while something waits for it."""
        if login != mailbox and is_address(login) and await store.waits_for(connection, login):
            raise ConflictError(
                "Something was shared with this address. Use an invitation that was made for it, "
                "or choose another sign-in name.",
                code="address_claimed",
            )

    async def _add_account(
        self,
        connection: AsyncConnection,
        name: str,
        login: str,
        hashed: str,
        *,
        is_owner: bool,
        mailbox: str | None = None,
    ) -> Account:
        """Adds an account; what was given to ``mailbox``, an address that its person reads, becomes theirs."""
        if await store.account_by_login(connection, login):
            raise ConflictError("This sign-in name is taken. Choose another one.", code="login_taken")
        number = await store.count_accounts(connection)
        account = Account(new_id(), name, login, is_owner, number % PALETTE, self._now(), None)
        values = {
            "id": account.id,
            "name": name,
            "login": login,
            "password_hash": hashed,
            "is_owner": is_owner,
            "color": account.color,
            "created_at": account.created_at,
            "email": mailbox,
        }
        await store.add_account(connection, values)
        if mailbox is not None:
            await store.claim(connection, account.id, mailbox)
        await self._audit(connection, account.id, "account.made", account.id, {"owner": is_owner})
        return account

    # -- sign-in ------------------------------------------------------------------------------------------------------

    async def log_in(self, login: str, password: str, *, address: str = "", user_agent: str = "") -> SignedIn:
        """Signs in with a password; a new login session every time.

        Raises:
            UnauthenticatedError: name or password is wrong, or the account is disabled; never says which.
            RateLimitedError: too many failures of this name from this address, or of the address.
        """
        login = clean_login(login)
        async with self._database.transaction() as connection:
            at = await self._limit.take(connection, login, address)
            found = await store.account_by_login(connection, login)
        correct = await self._passwords.verify(found[1] if found else None, password)
        account = found[0] if found else None
        async with self._database.transaction() as connection:
            # A password that was changed while the old one was being checked does not sign in any more.
            correct = correct and found == await store.account_by_login(connection, login)
            if account is None or not correct or account.disabled_at:
                await self._audit(connection, account.id if account else None, "login.failed", None)
            else:
                await self._limit.forgive(connection, login, address, at)
                await self._audit(connection, account.id, "login", account.id)
                return await self._sign_in(connection, account, address, user_agent)
        raise UnauthenticatedError(
            "Sign-in name or password is wrong. The owner of this server can send you a link for a new password.",
            code="bad_credentials",
        )

    async def _sign_in(self, connection: AsyncConnection, account: Account, address: str, user_agent: str) -> SignedIn:
        secret, now = new_secret(), self._clock.now()
        signed_in = SignedIn(
            account, new_id(), secret, timestamp(now + timedelta(days=self._settings.login_session_days))
        )
        await store.add_login_session(
            connection,
            {
                "id": signed_in.login_session_id,
                "account_id": account.id,
                "secret_sha256": secret_digest(secret),
                "created_at": timestamp(now),
                "last_seen_at": timestamp(now),
                "expires_at": signed_in.expires_at,
                "user_agent": printable(user_agent)[:256],
                "address": printable(address)[:64],
            },
        )
        return signed_in

    async def principal_of_cookie(self, secret: str) -> Principal | None:
        """Returns who holds this login session's secret, or None when it is dead."""
        now = self._clock.now()

        async def look(connection: AsyncConnection) -> tuple[str, str, Account, frozenset[str]] | None:
            found = await store.login_session(connection, secret_digest(secret), timestamp(now))
            return None if found is None else (*found, await groups_of(connection, found[2].id))

        found = await self._database.look(look)
        if found is None:
            return None
        session_id, last_seen, account, groups = found
        if now - parse_timestamp(last_seen) > TOUCH_EVERY:
            async with self._database.transaction() as connection:
                await store.touch_login_session(connection, session_id, timestamp(now))
        return Principal(
            account.id,
            account.name,
            account.is_owner,
            frozenset(Scope),
            session_id,
            group_ids=groups,
            color=account.color,
        )

    async def log_out(self, principal: Principal) -> None:
        """Ends the login session that made the request."""
        if principal.account_id is None or principal.login_session_id is None:
            return
        async with self._database.transaction() as connection:
            await store.drop_login_sessions(connection, principal.account_id, only=principal.login_session_id)
            await self._audit(connection, principal.account_id, "logout", principal.account_id)
        await self._tell(Revocation(principal.account_id, login_session_id=principal.login_session_id))

    async def log_out_everywhere(self, principal: Principal) -> None:
        """Ends every login session and API token of the account, this one too."""
        account_id = account_of(principal)
        async with self._database.transaction() as connection:
            await store.drop_login_sessions(connection, account_id)
            await store.drop_tokens(connection, account_id)
            await self._audit(connection, account_id, "logout.everywhere", account_id)
        await self._tell(Revocation(account_id))

    # -- the account itself -------------------------------------------------------------------------------------------

    async def account(self, account_id: str) -> Account:
        """Returns an account. Raises NotFoundError."""
        async with self._database.read() as connection:
            found = await store.account_by_id(connection, account_id)
        if found is None:
            raise NotFoundError("There is no such account.")
        return found

    async def principal_of_account(self, account_id: str, scopes: frozenset[Scope]) -> Principal | None:
        """Returns an account as who acts for it without a credential of its own (a mount); None once it may not."""

        async def look(connection: AsyncConnection) -> tuple[Account | None, frozenset[str]]:
            return await store.account_by_id(connection, account_id), await groups_of(connection, account_id)

        account, groups = await self._database.look(look)
        if account is None or account.disabled_at:
            return None
        return Principal(account.id, account.name, account.is_owner, scopes, group_ids=groups, color=account.color)

    async def holds(self, principal: Principal) -> bool:
        """Returns whether the login session or token that ``principal`` came with still holds, without its secret."""
        now = timestamp(self._clock.now())

        async def look(connection: AsyncConnection) -> bool:
            return await store.credential_holds(
                connection, str(principal.account_id), principal.login_session_id, principal.token_id, now
            )

        return await self._database.look(look)

    async def rename(self, principal: Principal, name: str) -> Account:
        """Changes how the account is shown."""
        account_id = account_of(principal)
        async with self._database.transaction() as connection:
            name = clean_text(name, "name", 120)
            await store.update_account(connection, account_id, {"name": name, "folded_name": folded(name)})
        return await self.account(account_id)

    async def change_password(self, principal: Principal, old: str, new: str, *, address: str = "") -> None:
        """Sets a new password and ends every other login session of the account.

        Raises UnauthenticatedError when ``old`` is wrong; guesses are limited like sign-ins.
        """
        account_id = account_of(principal)
        account = await self.account(account_id)
        async with self._database.transaction() as connection:
            at = await self._limit.take(connection, account.login, address)
            stored = await store.password_hash(connection, account_id)
        if not await self._passwords.verify(stored, old):
            raise ForbiddenError("The old password is wrong.", code="bad_credentials")
        self._passwords.check_policy(new, login=account.login)
        hashed = await self._passwords.hash(new)
        async with self._database.transaction() as connection:
            await self._limit.forgive(connection, account.login, address, at)
            await store.update_account(connection, account_id, {"password_hash": hashed})
            await store.drop_login_sessions(connection, account_id, keep=principal.login_session_id)
            await store.drop_links(connection, "reset", account_id=account_id)
            await self._audit(connection, account_id, "password.changed", account_id)
        await self._tell(Revocation(account_id, kept_login_session_id=principal.login_session_id))

    async def reset_link(self, principal: Principal, account_id: str) -> str:
        """Returns the secret of a one-time link with which somebody sets a new password. Only for the owner."""
        self._require_owner(principal)
        await self.account(account_id)
        async with self._database.transaction() as connection:
            await store.drop_links(connection, "reset", account_id=account_id)
            secret = await self._new_link(
                connection,
                "reset",
                timedelta(hours=_RESET_HOURS),
                account_id=account_id,
                created_by=principal.account_id,
            )
            await self._audit(connection, principal.account_id, "password.reset_link", account_id)
        return secret

    async def reset_password(self, secret: str, password: str) -> None:
        """Sets a password with a reset link and ends every login session and token of the account."""
        async with self._database.read() as connection:
            link = await self._live_link(connection, "reset", secret)
        account = await self.account(link.account_id)
        self._passwords.check_policy(password, login=account.login)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as connection:
            link = await self._live_link(connection, "reset", secret)
            await store.use_link(connection, link.id, self._now())
            await store.update_account(connection, account.id, {"password_hash": hashed})
            await store.drop_login_sessions(connection, account.id)
            await store.drop_tokens(connection, account.id)
            await self._audit(connection, account.id, "password.reset", account.id)
        await self._tell(Revocation(account.id))

    async def letters(self, principal: Principal) -> tuple[str | None, bool]:
        """Returns where the account reads e-mail, None for nowhere, and whether it wants notices there."""
        async with self._database.read() as connection:
            return await store.letters(connection, account_of(principal))

    async def want_letters(self, principal: Principal, *, wanted: bool) -> tuple[str | None, bool]:
        """Says whether the account wants notices by e-mail; returns what :meth:`letters` does."""
        async with self._database.transaction() as connection:
            await store.update_account(connection, account_of(principal), {"email_notices": wanted})
            return await store.letters(connection, account_of(principal))

    # -- other accounts -----------------------------------------------------------------------------------------------

    async def all_accounts(self, principal: Principal) -> list[Account]:
        """Returns every account. Only for the owner."""
        self._require_owner(principal)
        async with self._database.read() as connection:
            return await store.all_accounts(connection)

    async def people(self, text: str, limit: int = 20) -> list[Account]:
        """Returns enabled accounts to share with, by part of their name or sign-in name."""
        async with self._database.read() as connection:
            return await store.find_people(connection, text, limit)

    async def disable(self, principal: Principal, account_id: str, *, disabled: bool) -> Account:
        """Disables or enables an account; disabling ends its login sessions and sockets at once."""
        self._require_owner(principal)
        if account_id == principal.account_id:
            raise ConflictError("You cannot disable your own account.", code="own_account")
        account = await self.account(account_id)
        async with self._database.transaction() as connection:
            moment = (account.disabled_at or self._now()) if disabled else None
            await store.update_account(connection, account_id, {"disabled_at": moment})
            if disabled:
                await store.drop_login_sessions(connection, account_id)
            action = "account.disabled" if disabled else "account.enabled"
            await self._audit(connection, principal.account_id, action, account_id)
        if disabled:
            await self._tell(Revocation(account_id))
        return await self.account(account_id)

    # -- instance, upkeep ---------------------------------------------------------------------------------------------

    async def instance_id(self) -> str:
        """Returns the id of this installation, made at the first call; it is part of cookie names."""
        async with self._database.transaction() as connection:
            value = await store.instance_value(connection, "id")
            if value is None:
                value = secrets.token_hex(4)
                await store.set_instance_value(connection, "id", value)
        return value

    async def tidy(self) -> None:
        """Deletes what expired. Call it now and then."""
        now = self._clock.now()
        window = timedelta(seconds=self._settings.attempts_window_s)
        async with self._database.transaction() as connection:
            await store.drop_expired(connection, timestamp(now), timestamp(now - window))
