"""Plans that are shared with single users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of who may see or change a plan of another."""
    op.create_table(
        "plan_shares",
        sa.Column("plan_id", sa.String(22), sa.ForeignKey("plans.id"), primary_key=True),
        sa.Column("user_id", sa.String(22), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("may_write", sa.Integer, nullable=False),
    )
    op.create_index("ix_plan_shares_user_id", "plan_shares", ["user_id"])
