"""Backups of a data folder, made while people work, and their restoration."""

from labora.backup.create import back_up
from labora.backup.model import BackupError, Manifest, Progress
from labora.backup.restore import restore

__all__ = ["BackupError", "Manifest", "Progress", "back_up", "restore"]
