"""The tables of a team's database. Migrations make them; a test holds both together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

ID, NAME = 22, 64
"""Letters of an identifier of 128 random bits, and of a name."""
metadata = MetaData()
users = Table(
    "users",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("name", String(NAME), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("removed", Float(53)),
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("user_id", String(ID), ForeignKey("users.id"), nullable=False, index=True),
    Column("salt", String(64), nullable=False),
    Column("hash", String(128), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("expires", Float(53)),
    Column("revoked", Float(53)),
)
plans = Table(
    "plans",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("owner_id", String(ID), ForeignKey("users.id"), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("shared", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed", Float(53), nullable=False),
)
plan_versions = Table(
    "plan_versions",
    metadata,
    Column("plan_id", String(ID), ForeignKey("plans.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("author_id", String(ID), ForeignKey("users.id"), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("note", String(500), nullable=False),
)
plan_shares = Table(
    "plan_shares",
    metadata,
    Column("plan_id", String(ID), ForeignKey("plans.id"), primary_key=True),
    Column("user_id", String(ID), ForeignKey("users.id"), primary_key=True, index=True),
    Column("may_write", Integer, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Float(53), nullable=False),
    Column("user_id", String(ID)),
    Column("user_name", String(NAME), nullable=False),
    Column("action", String(32), nullable=False),
    Column("object", String(200), nullable=False),
    Column("address", String(64), nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("verb", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("step", String(200), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Float(53), nullable=False),
    Column("ended", Float(53)),
    Column("problems", Text, nullable=False),
    Column("files", Text, nullable=False),
)
Index("ix_audit_at", audit.c.at)
Index("ix_jobs_owner", jobs.c.owner)
