"""Your secrets, as far as you let this notebook see them."""

from __future__ import annotations

from google.colab import _ask, errors

__all__ = ["NotebookAccessError", "SecretNotFoundError", "TimeoutException", "get"]

_TIMEOUT_S = 10


class SecretNotFoundError(errors.Error):
    """You have no secret of this name."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Secret {key} does not exist. Add it in the panel Secrets.")
        self.key = key


class NotebookAccessError(errors.Error):
    """This notebook may not see the secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Notebook does not have access to secret {key}. Switch its access on in the panel Secrets.")
        self.key = key


class TimeoutException(errors.Error):
    """The server did not answer in time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Requesting secret {key} timed out. Secrets can only be fetched while the server is reached.")
        self.key = key


def get(key: str) -> str:
    """Returns the value of one of your secrets. May be called from any thread.

    Raises:
        ValueError: ``key`` is no name of a secret.
        SecretNotFoundError: you have none of this name.
        NotebookAccessError: this notebook may not see it.
        TimeoutException: the server did not answer within 10 seconds.
    """
    if not isinstance(key, str) or not key or any(character.isspace() for character in key):
        raise ValueError("The name of a secret is a text without spaces.")
    try:
        found = _ask.ask("secret.get", _TIMEOUT_S, name=key)
    except _ask.RefusedError as error:
        known = {"timeout": TimeoutException, "no_secret": SecretNotFoundError, "no_access": NotebookAccessError}
        if error.code in known:
            raise known[error.code](key) from None
        raise
    if not isinstance(found, dict) or not found.get("exists"):
        raise SecretNotFoundError(key)
    if not found.get("access"):
        raise NotebookAccessError(key)
    return str(found.get("value", ""))
