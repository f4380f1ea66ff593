"""Where an account is written to by e-mail, and whether it wants to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_sharing"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes forward."""
    op.add_column("accounts", sa.Column("email", sa.String(length=254), nullable=True))
    op.add_column("accounts", sa.Column("email_notices", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_index("ix_accounts_email", "accounts", ["email"], unique=False)
    op.create_index("ix_permissions_expires_at", "permissions", ["expires_at"], unique=False)
