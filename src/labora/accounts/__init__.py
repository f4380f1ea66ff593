"""Accounts, login sessions, links and API tokens."""

from labora.accounts.model import Account, ApiToken, Invitation, Revocation, SignedIn
from labora.accounts.service import Accounts

__all__ = ["Account", "Accounts", "ApiToken", "Invitation", "Revocation", "SignedIn"]
