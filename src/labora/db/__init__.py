"""Engine, unit of work, schema and migrations."""

from labora.db.engine import Database, note
from labora.db.migrate import migrate

__all__ = ["Database", "migrate", "note"]
