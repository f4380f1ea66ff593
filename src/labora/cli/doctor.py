"""``labora doctor``: what this machine offers, what would raise it, and the settings in effect."""

from __future__ import annotations

import typer

from labora.base.settings import Settings
from labora.cli.options import Config, DataDir, settings_for


def doctor(config: Config = None, data_dir: DataDir = None) -> None:
    """Checks this machine and prints every setting in effect. Exit code 1 when a check that matters fails."""
    from labora.host.doctor import checks
    from labora.host.spawn import network_options

    settings = settings_for(config, data_dir)
    failed = False
    for check in checks(network=network_options(settings)):
        failed |= check.required and not check.ok
        print(f"{'✓' if check.ok else '✗'} {check.name}: {check.message}")
        if not check.ok and check.remedy:
            print(f"    → {check.remedy}")
    print(_mail(settings))
    print("\nSettings in effect:")
    for section, values in settings.model_dump(mode="json").items():
        for key, value in values.items():
            print(f"  {section}.{key} = {value!r}")
    raise typer.Exit(1 if failed else 0)


def _mail(settings: Settings) -> str:
    """Says how e-mail leaves; a server that cannot be reached fails no check, for letters wait."""
    if settings.mail.host is None:
        return f"✓ e-mail: letters become files in {settings.outbox_dir}. Set mail.host to send them."
    import smtplib

    from labora.accounts.mailer import connected

    try:
        with connected(settings.mail):
            return f"✓ e-mail: sent through {settings.mail.host}"
    except (OSError, smtplib.SMTPException) as error:
        return f"✗ e-mail: {settings.mail.host} does not take letters: {error}\n    → Check the settings under mail."
