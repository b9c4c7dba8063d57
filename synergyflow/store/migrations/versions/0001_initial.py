"""The first tables: flows, steps, executions, attempts, jobs, clusters and the journal of events."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.String(200)
WORD = sa.String(32)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create them, and give the installation its random id."""
    _create_installation()
    _create_flow()
    _create_step()
    _create_execution()
    _create_attempt()
    _create_job()
    _create_cluster()
    _create_event()
    _found_installation()


def _found_installation() -> None:
    now = datetime.now(UTC)
    created_at = now if op.get_bind().dialect.name == "postgresql" else now.replace(tzinfo=None)
    table = sa.table(
        "installation", sa.column("id", sa.String), sa.column("created_at", MOMENT), sa.column("last_event")
    )
    op.bulk_insert(table, [{"id": secrets.token_hex(5), "created_at": created_at, "last_event": 0}])


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_event", NUMBER, nullable=False),
    )


def _create_flow() -> None:
    op.create_table(
        "flow",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("flow_name", NAME, nullable=False),
        sa.Column("timeperiod", sa.String(10), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("parameters", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("error", sa.Text()),
        sa.Column("owner_host", sa.Text()),
        sa.Column("owner_pid", NUMBER),
        sa.Column("owner_process", sa.Text()),
        sa.Column("owner_user", sa.Text()),
        sa.Column("owner_since", MOMENT),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("lease_expires_at", MOMENT),
        sa.UniqueConstraint("flow_name", "timeperiod"),
    )
    op.create_index("ix_flow_flow_name_started_at", "flow", ["flow_name", "started_at"])


def _create_step() -> None:
    op.create_table(
        "step",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("step_name", NAME, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("pre_state", WORD, nullable=False),
        sa.Column("main_state", WORD, nullable=False),
        sa.Column("post_state", WORD, nullable=False),
        sa.Column("actions_done", sa.Integer(), nullable=False),
        sa.Column("rolled_back", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("cluster", sa.Text()),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("retry_at", MOMENT),
        sa.Column("error", sa.Text()),
        sa.Column("failure_class", WORD),
        sa.UniqueConstraint("flow_id", "step_name"),
    )


def _create_execution() -> None:
    op.create_table(
        "execution",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("mode", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("requested_step", NAME),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", NUMBER, nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("plan", DOCUMENT, nullable=False),
        sa.Column("parameters", DOCUMENT, nullable=False),
        sa.Column("fingerprints", DOCUMENT, nullable=False),
        sa.Column("number_of_clusters", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
    )
    op.create_index("ix_execution_flow_id", "execution", ["flow_id"])


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("execution_id", NUMBER, sa.ForeignKey("execution.id"), nullable=False),
        sa.Column("step_name", NAME, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("cluster", sa.Text()),
        sa.Column("first_action", sa.Integer(), nullable=False),
        sa.Column("actions_done", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("error", sa.Text()),
        sa.Column("failure_class", WORD),
        sa.Column("log_begin", sa.Text()),
        sa.Column("log_end", sa.Text()),
        sa.UniqueConstraint("flow_id", "step_name", "number"),
    )


def _create_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("token", NAME, nullable=False),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("execution_id", NUMBER, sa.ForeignKey("execution.id"), nullable=False),
        sa.Column("step_name", NAME, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("action", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text()),
        sa.Column("job_id", sa.Text()),
        sa.Column("state", WORD, nullable=False),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("message", sa.Text()),
        sa.Column("intended_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.UniqueConstraint("token"),
    )
    op.create_index("ix_job_flow_id_step_name_attempt", "job", ["flow_id", "step_name", "attempt"])


def _create_cluster() -> None:
    op.create_table(
        "cluster",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("execution_id", NUMBER, sa.ForeignKey("execution.id"), nullable=False),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("type", WORD, nullable=False),
        sa.Column("token", NAME, nullable=False),
        sa.Column("cluster_id", sa.Text()),
        sa.Column("state", WORD, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("ready_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("reason", sa.Text()),
        sa.Column("kept", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_cluster_execution_id", "cluster", ["execution_id"])
    op.create_index("ix_cluster_flow_id", "cluster", ["flow_id"])


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("flow_id", NUMBER, sa.ForeignKey("flow.id"), nullable=False),
        sa.Column("execution_id", NUMBER, sa.ForeignKey("execution.id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("step_name", NAME),
        sa.Column("attempt", sa.Integer()),
        sa.Column("payload", DOCUMENT, nullable=False),
    )
    op.create_index("ix_event_flow_id_number", "event", ["flow_id", "number"])
