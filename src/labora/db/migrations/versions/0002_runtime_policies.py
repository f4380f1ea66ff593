"""Policies of runtimes, resets that count, and what a runtime used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes forward."""
    op.add_column("runtimes", sa.Column("cpu_seconds", sa.Float(), nullable=True))
    op.add_column("runtimes", sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True))
    op.create_index("ix_runtimes_account_id_ended_at", "runtimes", ["account_id", "ended_at"])
    op.create_table(
        "runtime_policies",
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("idle_timeout_s", sa.Float(), nullable=True),
        sa.Column("max_lifetime_s", sa.Float(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("cpus", sa.Float(), nullable=True),
        sa.Column("processes", sa.Integer(), nullable=True),
        sa.Column("disk_bytes", sa.BigInteger(), nullable=True),
        sa.Column("max_runtimes", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.String(length=24), nullable=False),
        sa.CheckConstraint(
            "subject_kind in ('everyone', 'group', 'account')", name=op.f("ck_runtime_policies_subject_kind")
        ),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name=op.f("pk_runtime_policies")),
    )
    op.create_table(
        "runtime_resets",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_runtime_resets_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runtime_resets")),
    )
    op.create_index("ix_runtime_resets_account_id_at", "runtime_resets", ["account_id", "at"])
