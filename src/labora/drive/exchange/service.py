"""What the API holds of the exchange: one object with its parts."""

from __future__ import annotations

from labora.base.settings import Settings
from labora.convert.runner import Converter
from labora.db.sealing import Seal
from labora.drive.exchange.exports import Exports
from labora.drive.exchange.fetching import Fetcher
from labora.drive.exchange.github import GitHub
from labora.drive.exchange.imports import Imports
from labora.drive.exchange.tokens import GitHubTokens
from labora.drive.service import Drive


class Exchange:
    """Notebooks in and out.

    Attributes:
        imports: from elsewhere. exports: to elsewhere.
        github: looks about on GitHub. tokens: of accounts, for it.
    """

    def __init__(self, drive: Drive, settings: Settings) -> None:
        converter = Converter(settings.exports)
        fetcher = Fetcher(settings.outside, settings.limits.notebook_bytes)
        self.settings = settings.outside
        self.github = GitHub(fetcher, settings.outside)
        self.tokens = GitHubTokens(drive.context, Seal(settings.secret_key_file), settings.outside.github_api_url)
        self.imports = Imports(
            drive,
            fetcher,
            self.github,
            self.tokens,
            converter,
            settings.limits,
            settings.outside,
            images=settings.server.external_images,
        )
        self.exports = Exports(
            drive, converter, self.github, self.tokens, settings.outside, images=settings.server.external_images
        )
