"""Secrets of accounts: values that code may ask for in the notebooks that its account chose."""

from labora.secrets.model import SecretInfo
from labora.secrets.service import Secrets

__all__ = ["SecretInfo", "Secrets"]
