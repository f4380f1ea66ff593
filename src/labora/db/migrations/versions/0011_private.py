"""Blobs of private outputs, and playgrounds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes forward."""
    op.create_table(
        "private_blobs",
        sa.Column("file_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("cell_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id", "account_id", "cell_id"],
            ["private_outputs.file_id", "private_outputs.account_id", "private_outputs.cell_id"],
            name=op.f("fk_private_blobs_outputs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name=op.f("fk_private_blobs_sha256")),
        sa.PrimaryKeyConstraint("file_id", "account_id", "cell_id", "sha256", name=op.f("pk_private_blobs")),
    )
    op.create_index(op.f("ix_private_blobs_sha256"), "private_blobs", ["sha256"], unique=False)
    op.create_table(
        "playgrounds",
        sa.Column("file_id", sa.String(length=32), nullable=False),
        sa.Column("base_id", sa.String(length=32), nullable=True),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("merged_id", sa.String(length=32), nullable=True),
        sa.Column("base_revision_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_playgrounds_file_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["base_id"], ["files.id"], name=op.f("fk_playgrounds_base_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_playgrounds_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_playgrounds")),
        sa.UniqueConstraint("base_id", "account_id"),
    )
