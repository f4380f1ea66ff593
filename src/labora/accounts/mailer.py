"""Sends what waits in the table ``mail``, by SMTP or as files, with patience; nobody waits for it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import delete, func, or_, select, update

from labora.base.clock import Clock, SystemClock, parse_timestamp, timestamp
from labora.base.logging import get_logger
from labora.base.mail import SITE, WAITS
from labora.base.settings import MailSettings
from labora.base.text import one_line
from labora.db import Database
from labora.db.schema import mail

FIRST_GAP_S = 30.0
LONGEST_GAP_S = 6 * 3600.0
TRIES = 20
"""With these gaps a letter is given up after about three days."""
KEEP_DAYS = 30
_LONGEST_S = 60.0
_AT_ONCE = 20
_TIMEOUT_S = 20.0

_log = get_logger("mail")


class Transport(Protocol):
    """Takes one letter away. Runs in a thread and raises OSError or smtplib's errors when it cannot."""

    def __call__(self, message: EmailMessage) -> None:
        """Sends or stores the letter."""
        ...


class Mailer:
    """The task that empties the table.

    Args:
        site: address of this server, put into bodies where the mark for it stands.
        outbox: folder of letters as files, where the settings name no SMTP server.
    """

    def __init__(
        self, database: Database, settings: MailSettings, site: str, outbox: Path, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._settings = settings
        self._site = site
        self._clock = clock or SystemClock()
        self._transport: Transport = _Smtp(settings) if settings.host else _Files(outbox)
        self._changed = asyncio.Event()
        self._sending = asyncio.Lock()
        database.on_committed(WAITS, self._wake)

    def _wake(self, _counts: Sequence[Any]) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            self._changed.clear()
            try:
                wait = await self.send()
            except Exception:  # noqa: BLE001 - the table waits, and so does this
                _log.exception("mail_failed")
                wait = _LONGEST_S
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def send(self) -> float:
        """Tries every letter that is due; returns the seconds until the next one is."""
        async with self._sending:
            return await self._send()

    async def _send(self) -> float:
        waiting = mail.c.sent_at.is_(None), mail.c.tries < TRIES
        while True:
            now = timestamp(self._clock.now())
            due = select(mail).where(*waiting, mail.c.next_try_at <= now).order_by(mail.c.next_try_at).limit(_AT_ONCE)
            async with self._database.read() as connection:
                rows = (await connection.execute(due)).all()
                coming = await connection.scalar(select(func.min(mail.c.next_try_at)).where(*waiting))
            if not rows:
                break
            for row in rows:
                await self._try(row)
        if coming is None:
            return _LONGEST_S
        return min(_LONGEST_S, max(0.1, (parse_timestamp(coming) - self._clock.now()).total_seconds()))

    async def _try(self, row: Any) -> None:
        now = self._clock.now()
        try:
            await asyncio.to_thread(self._transport, self._letter(row))
            # An invitation's secret is in it: what was sent is not kept.
            values: dict[str, Any] = {"sent_at": timestamp(now), "error": None, "body": ""}
        except (OSError, smtplib.SMTPException, ValueError, UnicodeError) as error:
            gap = timedelta(seconds=min(LONGEST_GAP_S, FIRST_GAP_S * 2**row.tries))
            values = {"error": one_line(str(error))[:500] or type(error).__name__, "next_try_at": timestamp(now + gap)}
            _log.warning("letter_waits", id=row.id, tries=row.tries + 1, error=values["error"])
        async with self._database.transaction() as connection:
            changed = update(mail).where(mail.c.id == row.id)
            await connection.execute(changed.values(tries=row.tries + 1, **values))

    def _letter(self, row: Any) -> EmailMessage:
        letter = EmailMessage(policy=SMTP)
        # Names of people and files are in the subject: one line of printable characters, whatever they hold.
        letter["Subject"] = one_line(row.subject)
        letter["From"] = self._settings.sender
        letter["To"] = row.recipient
        letter["Date"] = format_datetime(parse_timestamp(row.created_at))
        # The same at every try: a letter that was taken before a crash is known as such.
        letter["Message-ID"] = f"<{row.id}@{parseaddr(self._settings.sender)[1].rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(row.body.replace(SITE, self._site))
        return letter

    async def tidy(self) -> None:
        """Deletes letters that were sent, or given up, a month ago."""
        before = timestamp(self._clock.now() - timedelta(days=KEEP_DAYS))
        over = or_(mail.c.sent_at.is_not(None), mail.c.tries >= TRIES)
        async with self._database.transaction() as connection:
            await connection.execute(delete(mail).where(over, mail.c.created_at < before))


class _Files:
    """Stores each letter as an ``.eml`` file, for an operator who passes them on or just looks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, message: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = str(message["Message-ID"]).strip("<>").split("@")[0].replace("/", "_")
        part = self._folder / f".{name}.part"
        # They hold links that make accounts.
        part.touch(0o600)
        part.write_bytes(message.as_bytes())
        part.replace(self._folder / f"{name}.eml")


class _Smtp:
    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def __call__(self, message: EmailMessage) -> None:
        with connected(self._settings) as smtp:
            smtp.send_message(message)


def connected(settings: MailSettings) -> smtplib.SMTP:
    """Returns a connection that is signed in, to use as a context. Raises OSError or smtplib's errors."""
    port = settings.port or {"tls": 465, "starttls": 587, "none": 25}[settings.tls]
    host, context = settings.host or "", ssl.create_default_context()
    if settings.tls == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=context)
    else:
        smtp = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
    try:
        if settings.tls == "starttls":
            smtp.starttls(context=context)
        if settings.user is not None:
            smtp.login(settings.user, settings.password.get_secret_value() if settings.password else "")
    except BaseException:
        smtp.close()
        raise
    return smtp
