"""Puts the parts of one execution together. Nothing is launched, begun or written by it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from synergyflow.config.context import ExecutionContext
from synergyflow.core.commands import StartStep
from synergyflow.core.plan import Decision, Plan
from synergyflow.core.progress import INFRASTRUCTURE_RETRIES, Progress
from synergyflow.core.records import JobRecord, Owner
from synergyflow.engine.driver import Driver, Parts
from synergyflow.engine.fleet import Agents, FleetParts
from synergyflow.engine.gate import Gate
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.observing import Observers
from synergyflow.engine.performing import Performer, PerformerParts
from synergyflow.engine.ports import ClusterMaker, LogBook, Observer
from synergyflow.engine.recording import Recorder
from synergyflow.engine.step_cluster import AttemptKey, StepCluster
from synergyflow.engine.step_run import StepRun, Surroundings
from synergyflow.engine.workers import Workers
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.store.base import Lease, Store

SPARE_WORKERS = 4


def utc_now() -> datetime:
    """The engine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What is to be carried out, by whom and with what. `context` has the parameters of this execution."""

    flow: FlowGraph
    context: ExecutionContext
    plan: Plan
    lease: Lease
    open_jobs: Sequence[JobRecord]
    fingerprints: Mapping[str, str]
    store: Store
    maker: ClusterMaker
    log_book: LogBook
    observers: Sequence[Observer]
    disown: Callable[[Owner], None]


def driver_for(
    given: Assignment, recorder: Recorder, observers: Observers, lost: threading.Event, logger: logging.Logger
) -> Driver:
    """The driver of an assignment. `lost` is set by whoever learns that the lease is lost."""
    inbox, gate = Inbox(), Gate()
    agents = Agents(_fleet_parts(given, inbox, logger))
    workers = Workers(_most_workers(given.plan), logger)
    mask = given.context.masker.text
    performer = Performer(
        PerformerParts(
            agents=agents,
            inbox=inbox,
            workers=workers,
            make_run=_run_maker(given, agents, inbox, gate),
            fingerprints=given.fingerprints,
            timeouts={step.step_name: step.timeout for step in given.flow.steps if step.timeout is not None},
            logger=logger,
            mask=mask,
            now=utc_now,
            clock=time.monotonic,
        )
    )
    return Driver(
        Parts(
            progress=Progress(given.flow.graph, given.plan),
            recorder=recorder,
            performer=performer,
            agents=agents,
            inbox=inbox,
            gate=gate,
            lost=lost,
            observers=observers,
            workers=workers,
            logger=logger,
            mask=mask,
            now=utc_now,
            clock=time.monotonic,
        )
    )


def _fleet_parts(given: Assignment, inbox: Inbox, logger: logging.Logger) -> FleetParts:
    installation, execution = given.store.installation(), given.lease.execution_id

    def token(cluster: str) -> str:
        return "sf-" + sha256(f"{installation}\x1f{execution}\x1f{cluster}".encode()).hexdigest()[:32]

    return FleetParts(
        maker=given.maker,
        inbox=inbox,
        logger=logger,
        token=token,
        now=utc_now,
        clock=time.monotonic,
        mask=given.context.masker.text,
    )


def _run_maker(given: Assignment, agents: Agents, inbox: Inbox, gate: Gate) -> Callable[[StartStep], StepRun]:
    """Makes the attempt that a command asks for."""
    made, context, mask = given.plan, given.context, given.context.masker.text
    installation = given.store.installation()
    going_on = {(step.name, step.attempt) for step in made.steps if step.decision is Decision.CONTINUE}
    known = {job.token: job for job in given.open_jobs if (job.step_name, job.attempt) in going_on}

    def make(start: StartStep) -> StepRun:
        log = given.log_book.open_step(made.flow_name, start.step, made.timeperiod, start.attempt)
        key = AttemptKey(
            installation=installation,
            flow_name=made.flow_name,
            timeperiod=made.timeperiod,
            step=start.step,
            attempt=start.attempt,
        )
        cluster = StepCluster(key, agents[start.cluster], agents.host, inbox, gate, log, known, utc_now, mask)
        surroundings = Surroundings(context=context, cluster=cluster, log=log, inbox=inbox, now=utc_now, mask=mask)
        return StepRun(given.flow[start.step], start, surroundings)

    return make


def _most_workers(plan: Plan) -> int:
    """One for each slot, also of clusters that replace lost ones on which code still runs, and some to spare."""
    slots = [cluster.slots for cluster in plan.clusters]
    return sum(slots) + INFRASTRUCTURE_RETRIES * max(slots, default=0) + SPARE_WORKERS
