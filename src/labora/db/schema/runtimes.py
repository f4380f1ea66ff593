"""The machines of accounts."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table

from labora.db.schema.base import Id, Moment, metadata

runtimes = Table(
    "runtimes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("image", String(120), nullable=False),
    Column("shape", JSON, nullable=False),
    # running or ended: what should be; a reconcile loop makes it true.
    Column("desired", String(16), nullable=False),
    # starting, ready, ended.
    Column("status", String(16), nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    # Provider's own record: slot, pid, start time, socket, isolation level.
    Column("handle", JSON, nullable=False),
    Column("exit_reason", String(32)),
    Column("exit_details", JSON),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("last_execution_at", Moment),
    Column("last_input_at", Moment),
    Column("deadline_at", Moment),
    Column("ended_at", Moment),
    # What it used in all its life, as far as it was measured; kept for the account's history.
    Column("cpu_seconds", Float),
    Column("peak_memory_bytes", BigInteger),
    CheckConstraint("desired in ('running', 'ended')", name="desired"),
    Index("ix_runtimes_account_id_ended_at", "account_id", "ended_at"),
)

# What runtimes of whom may use. NULL is inherited: from the groups, then from everyone, then from the settings.
runtime_policies = Table(
    "runtime_policies",
    metadata,
    Column("subject_kind", String(16), primary_key=True),
    # Id of the account or group; "" for everyone.
    Column("subject_id", Id, primary_key=True),
    Column("idle_timeout_s", Float),
    Column("max_lifetime_s", Float),
    Column("memory_bytes", BigInteger),
    Column("cpus", Float),
    Column("processes", Integer),
    Column("disk_bytes", BigInteger),
    Column("max_runtimes", Integer),
    Column("changed_at", Moment, nullable=False),
    CheckConstraint("subject_kind in ('everyone', 'group', 'account')", name="subject_kind"),
)

# When an account reset its runtimes; only what the limit on resets still counts is kept.
runtime_resets = Table(
    "runtime_resets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_runtime_resets_account_id_at", "account_id", "at"),
)

# Machines that stand ready with a started kernel and belong to nobody yet. A claim moves one into ``runtimes``.
warm_runtimes = Table(
    "warm_runtimes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("image", String(120), nullable=False),
    Column("shape", JSON, nullable=False),
    # starting or ready; one that has ended has no row.
    Column("status", String(16), nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    # As in ``runtimes``.
    Column("handle", JSON, nullable=False),
    Column("kernel_id", String(64), nullable=False),
    # Version of Labora that started it: after an upgrade it is replaced.
    Column("version", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ready_at", Moment),
    Column("deadline_at", Moment, nullable=False),
)
