"""Signing in to Google, which this server does not do: what it does instead, it says."""

from __future__ import annotations

import json
import os
import sys
import tempfile

from google.colab import errors

__all__ = ["authenticate_service_account", "authenticate_user"]

_NOTICE = (
    "This server does not sign in to Google, so authenticate_user() did nothing. For your own files: "
    "drive.mount('/content/drive'). For a service of Google: put the key of a service account into Secrets and point "
    "GOOGLE_APPLICATION_CREDENTIALS at a file with it, or call auth.authenticate_service_account()."
)


def authenticate_user(clear_output: bool = True, project_id: str | None = None) -> None:
    """Says that nobody is signed in to Google here, and what to do instead.

    Args:
        clear_output: taken and not needed.
        project_id: set as the project of Google Cloud's libraries all the same.
    """
    if project_id:
        os.environ["GOOGLE_CLOUD_PROJECT"] = os.environ["GOOGLE_CLOUD_QUOTA_PROJECT"] = project_id
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        # Whoever set it has what it takes.
        return
    print(_NOTICE, file=sys.stderr)


def authenticate_service_account(clear_output: bool = True) -> None:
    """Asks for the key file of a service account and makes it the default of Google Cloud's libraries.

    Args:
        clear_output: taken and not needed.

    Raises:
        AuthorizationError: nothing was chosen, or it is no such key.
    """
    from google.colab import files

    folder = tempfile.mkdtemp(prefix="service-account-", dir=os.path.expanduser("~"))
    path = os.path.join(folder, "key.json")
    print("Choose the key of the service account, a JSON file.")
    try:
        files.upload_file(path)
        with open(path, encoding="utf-8") as file:
            about = json.load(file)
    except (FileNotFoundError, ValueError):
        about = None
    if not isinstance(about, dict) or about.get("type") != "service_account":
        if os.path.exists(path):
            os.remove(path)
        os.rmdir(folder)
        raise errors.AuthorizationError("No key of a service account was chosen. It is a JSON file with a private_key.")
    os.chmod(path, 0o600)
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = path
    if about.get("project_id"):
        os.environ.setdefault("GOOGLE_CLOUD_PROJECT", str(about["project_id"]))
    print(f"Signed in as {about.get('client_email', 'a service account')}.")
