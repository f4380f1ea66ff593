"""The live notebooks."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Column, ForeignKey, LargeBinary, String, Table, false

from labora.db.schema.base import Id, Moment, metadata

rooms = Table(
    "rooms",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Id, nullable=False),
    # Everything up to and including this sequence number is in ``document`` and ``state``.
    Column("checkpoint_seq", BigInteger, nullable=False),
    # Yjs update (v1) that rebuilds the document with its history.
    Column("document", LargeBinary, nullable=False),
    # Server-written state: outputs, executions, queue … as labora.rooms.state writes it.
    Column("state", JSON, nullable=False),
    # Whether work goes on without a browser (a runtime, a queue): such rooms are loaded when the process starts.
    Column("live", Boolean, nullable=False, server_default=false()),
    # Lease of the process that owns the room, for several control planes later.
    Column("lease_owner", Id),
    Column("lease_fence", BigInteger, nullable=False, server_default="0"),
)

journal = Table(
    "journal",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("epoch", Id, nullable=False),
    Column("kind", String(8), nullable=False),
    # update: Yjs update (v1); event: JSON in UTF-8.
    Column("payload", LargeBinary, nullable=False),
    Column("account_id", Id),
    Column("at", Moment, nullable=False),
    CheckConstraint("kind in ('update', 'event')", name="kind"),
)

# Outputs of notebooks that omit them: private to the account that ran the cell, gone with its runtime.
private_outputs = Table(
    "private_outputs",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("cell_id", String(64), primary_key=True),
    Column("runtime_id", Id, nullable=False, index=True),
    Column("execution", JSON, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
