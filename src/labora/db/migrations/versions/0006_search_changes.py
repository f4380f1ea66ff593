"""What changed lately is found by index; what search knows of a file lies beside its index."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes forward."""
    op.drop_table("search_documents")
    op.create_index("ix_files_owner_id_kind", "files", ["owner_id", "kind"])
    op.create_index("ix_files_modified_at", "files", ["modified_at"])
    op.create_index("ix_revisions_created_at", "revisions", ["created_at"])
