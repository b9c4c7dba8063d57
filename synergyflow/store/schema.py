"""The tables, as SQLAlchemy Core describes them; the migrations under `migrations/` make them.

Two kinds of rows: the current state (`flow`, `step`), which a run may reset, and history (`execution`, `attempt`,
`job`, `cluster`, `event`), which nothing ever purges. History does not refer to `step` rows. Each index serves one
question that people or the engine ask of one flow run, so that none gets slower as others pile up.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from synergyflow.store.column_types import CleanText, Document, Number, UtcDateTime

REVISION = "0001"
"""The migration that these tables are the outcome of."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

NAME = String(200)
WORD = String(32)

installation = Table(
    "installation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_event", Number, nullable=False),
)

flow = Table(
    "flow",
    metadata,
    Column("id", Number, primary_key=True),
    Column("flow_name", NAME, nullable=False),
    Column("timeperiod", String(10), nullable=False),
    Column("state", WORD, nullable=False),
    Column("revision", Number, nullable=False),
    Column("parameters", Document, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("error", CleanText),
    Column("owner_host", CleanText),
    Column("owner_pid", Number),
    Column("owner_process", CleanText),
    Column("owner_user", CleanText),
    Column("owner_since", UtcDateTime),
    Column("epoch", Number, nullable=False),
    Column("lease_expires_at", UtcDateTime),
    UniqueConstraint("flow_name", "timeperiod"),
    Index(None, "flow_name", "started_at"),
)

step = Table(
    "step",
    metadata,
    Column("id", Number, primary_key=True),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("step_name", NAME, nullable=False),
    Column("state", WORD, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("pre_state", WORD, nullable=False),
    Column("main_state", WORD, nullable=False),
    Column("post_state", WORD, nullable=False),
    Column("actions_done", Integer, nullable=False),
    Column("rolled_back", Boolean, nullable=False),
    Column("fingerprint", CleanText),
    Column("cluster", CleanText),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("error", CleanText),
    Column("failure_class", WORD),
    UniqueConstraint("flow_id", "step_name"),
)

execution = Table(
    "execution",
    metadata,
    Column("id", Number, primary_key=True),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("mode", WORD, nullable=False),
    Column("state", WORD, nullable=False),
    Column("requested_step", NAME),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("host", CleanText, nullable=False),
    Column("pid", Number, nullable=False),
    Column("process", CleanText, nullable=False),
    Column("user", CleanText, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("plan", Document, nullable=False),
    Column("parameters", Document, nullable=False),
    Column("fingerprints", Document, nullable=False),
    Column("number_of_clusters", Integer, nullable=False),
    Column("error", CleanText),
    Index(None, "flow_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Number, primary_key=True),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("execution_id", Number, ForeignKey("execution.id"), nullable=False),
    Column("step_name", NAME, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", WORD, nullable=False),
    Column("cluster", CleanText),
    Column("first_action", Integer, nullable=False),
    Column("actions_done", Integer, nullable=False),
    Column("fingerprint", CleanText),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("error", CleanText),
    Column("failure_class", WORD),
    Column("log_begin", CleanText),
    Column("log_end", CleanText),
    UniqueConstraint("flow_id", "step_name", "number"),
)

job = Table(
    "job",
    metadata,
    Column("id", Number, primary_key=True),
    Column("token", NAME, nullable=False),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("execution_id", Number, ForeignKey("execution.id"), nullable=False),
    Column("step_name", NAME, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("action", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("digest", WORD, nullable=False),
    Column("cluster", CleanText, nullable=False),
    Column("profile", CleanText, nullable=False),
    Column("cluster_id", CleanText),
    Column("job_id", CleanText),
    Column("state", WORD, nullable=False),
    Column("exit_code", Integer),
    Column("message", CleanText),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("token"),
    Index(None, "flow_id", "step_name", "attempt"),
)

cluster = Table(
    "cluster",
    metadata,
    Column("id", Number, primary_key=True),
    Column("execution_id", Number, ForeignKey("execution.id"), nullable=False),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("name", CleanText, nullable=False),
    Column("profile", CleanText, nullable=False),
    Column("type", WORD, nullable=False),
    Column("token", NAME, nullable=False),
    Column("cluster_id", CleanText),
    Column("state", WORD, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("ready_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("reason", CleanText),
    Column("kept", Boolean, nullable=False),
    Index(None, "execution_id"),
    Index(None, "flow_id"),
)

event = Table(
    "event",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("flow_id", Number, ForeignKey("flow.id"), nullable=False),
    Column("execution_id", Number, ForeignKey("execution.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("step_name", NAME),
    Column("attempt", Integer),
    Column("payload", Document, nullable=False),
    Index(None, "flow_id", "number"),
)
