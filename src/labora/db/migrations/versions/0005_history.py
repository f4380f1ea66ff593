"""Who contributed to a revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes forward."""
    op.add_column("revisions", sa.Column("contributors", sa.JSON(), server_default="[]", nullable=False))
