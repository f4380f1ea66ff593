"""What accounts keep, their quotas, and what resumable uploads need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IN_TRASH = "trashed_at IS NOT NULL OR ancestor_trashed_at IS NOT NULL"


def upgrade() -> None:
    """Goes forward. What accounts keep is counted afterwards, by :mod:`labora.db.kept`."""
    op.add_column("uploads", sa.Column("sha256", sa.String(length=64), nullable=True))
    op.add_column("uploads", sa.Column("base_id", sa.String(length=32), nullable=True))
    op.add_column("uploads", sa.Column("result_id", sa.String(length=32), server_default="", nullable=False))
    op.add_column("uploads", sa.Column("completed_at", sa.String(length=24), nullable=True))
    op.create_index("ix_uploads_account_id", "uploads", ["account_id"])
    op.create_index("ix_files_in_trash", "files", ["owner_id"], sqlite_where=sa.text(_IN_TRASH))
    op.create_index("ix_files_trashed_at", "files", ["trashed_at"], sqlite_where=sa.text("trashed_at IS NOT NULL"))
    op.create_table(
        "kept_blobs",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sha256", name=op.f("pk_kept_blobs")),
    )
    op.create_table(
        "kept_bytes",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_kept_bytes")),
    )
    op.create_table(
        "quotas",
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.String(length=24), nullable=False),
        sa.CheckConstraint("subject_kind in ('group', 'account')", name=op.f("ck_quotas_subject_kind")),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name=op.f("pk_quotas")),
    )
