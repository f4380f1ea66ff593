"""The live notebooks."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    false,
)

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

# Blobs that private outputs refer to: readable to their account alone, and kept by the sweep as long as the outputs.
private_blobs = Table(
    "private_blobs",
    metadata,
    Column("file_id", Id, primary_key=True),
    Column("account_id", Id, primary_key=True),
    Column("cell_id", String(64), primary_key=True),
    Column("sha256", String(64), ForeignKey("blobs.sha256"), primary_key=True, index=True),
    ForeignKeyConstraint(
        ["file_id", "account_id", "cell_id"],
        ["private_outputs.file_id", "private_outputs.account_id", "private_outputs.cell_id"],
        name="fk_private_blobs_outputs",
        ondelete="CASCADE",
    ),
)

# Private copies on which somebody tries a notebook: files without a folder that only their account reaches.
playgrounds = Table(
    "playgrounds",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    # The notebook that it was made from; NULL once that is gone.
    Column("base_id", Id, ForeignKey("files.id", ondelete="SET NULL")),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    # Revision of the playground that holds what was last taken over from the notebook.
    Column("merged_id", Id),
    # Revision of the notebook that this was.
    Column("base_revision_id", Id),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("base_id", "account_id"),
)
