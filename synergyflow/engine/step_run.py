"""One attempt at a step: its actions, deep-copied in the thread that runs them, one after the other.

The attempt is a generator. It runs in a worker thread until it must wait for a job that an action named (`job()`),
yields what it waits for, and is taken up again, by any worker, with the outcome: such a wait holds no thread. Code in
`run` may block.
"""

from __future__ import annotations

import copy
import logging
import threading
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from synergyflow.actions.surroundings import job_environment
from synergyflow.config.context import ExecutionContext
from synergyflow.core.commands import StartStep
from synergyflow.core.events import ActionCompleted, GroupMoved, StepEnded
from synergyflow.core.jobs import Job
from synergyflow.core.states import FailureClass, Group, GroupState, StepState
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.job_watch import Outcome
from synergyflow.engine.ports import StepLog
from synergyflow.engine.step_cluster import StepCluster
from synergyflow.errors import (
    ClusterError,
    ClusterLost,
    JobCanceled,
    JobFailed,
    JobLost,
    LeaseLost,
    NothingToDo,
    StepTimeout,
    SynergyFlowError,
)
from synergyflow.flow.action import Action, ActionRuntime
from synergyflow.flow.step import Step

LEFT = "left"
"""Why an attempt ends here whose engine leaves."""

_PACKAGE = str(Path(__file__).parents[1])
ROLLBACK_OFFSET = 1_000_000
"""Added to the position of an action to number the jobs of its rollback."""

JobWait = Callable[[Callable[[Outcome], None]], None]
"""Given a callback, arrange that it is told the outcome of the job that the attempt waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an attempt works with."""

    context: ExecutionContext
    cluster: StepCluster
    log: StepLog
    inbox: Inbox
    now: Callable[[], datetime]
    mask: Callable[[str], str]


class StepRun:
    """One attempt. `work` is advanced by one worker at a time; `end` may be called from any thread."""

    def __init__(self, step: Step, start: StartStep, surroundings: Surroundings) -> None:
        self.step = step
        self.start = start
        self._with = surroundings
        self._stopping = threading.Event()
        self._ended_by: str | None = None
        self._groups = dict.fromkeys(Group, GroupState.PENDING)
        self._done = start.first_action
        self._rolled_back = False
        self._waits = False
        self.work = self._work()

    def end(self, reason: str) -> None:
        """Ask the attempt to end: `timeout` or `canceled`. Its job is ended, its code is asked to stop."""
        self._ended_by = self._ended_by or reason
        self._stopping.set()
        self._with.cluster.end_by(reason)

    def abandon(self) -> None:
        """The engine leaves: what runs goes on, but no further action begins here, and nothing is undone."""
        self._ended_by = self._ended_by or LEFT
        self._stopping.set()

    def tidy_up(self) -> None:
        """The outcome is durable: clusters need keep nothing of its jobs any more, and the log is complete."""
        for cluster, job_id in self._with.cluster.settled:
            try:
                cluster.forget(job_id)
            except Exception as error:  # noqa: BLE001 - what is kept too long harms nobody
                self._with.log.logger(None).warning("job %s could not be forgotten: %s", job_id, error)
        self.close_log()

    def close_log(self) -> None:
        """Nothing more is expected of the attempt."""
        self._with.log.close()

    def broken(self, error: BaseException) -> StepEnded:
        """The end of an attempt that the engine itself could not carry to its end."""
        return StepEnded(
            at=self._with.now(),
            step=self.step.step_name,
            attempt=self.start.attempt,
            state=StepState.INVALID,
            error=self._with.mask(describe(error)),
            failure_class=FailureClass.ENGINE_LOST,
            actions_done=self._done,
            rolled_back=self._rolled_back,
        )

    # -- the attempt ----------------------------------------------------------------------------------------------

    def _work(self) -> Generator[JobWait, Outcome, StepEnded | None]:
        """The attempt's end; None if the engine leaves it as it is, for another engine to go on with."""
        log = self._with.log.logger(None)
        log_begin = self._with.log.position()
        began: list[Action] = []
        how = "goes on" if self.start.continued else "starts"
        log.info("attempt %d %s on %s", self.start.attempt, how, self._with.cluster.name)
        actions: list[tuple[Group, Action]] = []
        try:
            actions = list(copy.deepcopy(self.step.actions))
            yield from self._run_groups(actions, began)
            state, error = StepState.PROCESSED, None
        except NothingToDo as nothing:
            log.info("nothing to do: %s", nothing)
            state, error = StepState.NOOP, None
        except BaseException as raised:
            if self._waits and isinstance(raised, GeneratorExit):
                raise  # nobody takes the attempt up any more: what runs goes on, and nothing may be undone here
            state, error = StepState.INVALID, self._in_our_words(raised)
            self._log_failure(log, raised)
            completed = [action for _, action in actions[: self._done]]
            left = self._ended_by == LEFT or isinstance(raised, LeaseLost)
            if left or (_is_own_failure(raised) and not self._roll_back(completed)):
                log.warning("attempt %d is left as it is: the engine leaves", self.start.attempt)
                self._clean_up(began)
                return None
        error = self._clean_up(began) or error
        if error is not None:
            state = StepState.CANCELED if self._ended_by == "canceled" else StepState.INVALID
        return self._ended(state, error, log, log_begin)

    def _run_groups(
        self, actions: list[tuple[Group, Action]], began: list[Action]
    ) -> Generator[JobWait, Outcome, None]:
        for group in Group:
            members = [(number, action) for number, (of, action) in enumerate(actions) if of is group]
            if all(number < self.start.first_action for number, _ in members):
                self._groups[group] = GroupState.COMPLETE
                continue
            self._move(group, GroupState.RUNNING)
            for number, action in members:
                if number >= self.start.first_action:
                    yield from self._run_action(number, action, began)
            self._move(group, GroupState.COMPLETE)

    def _run_action(self, number: int, action: Action, began: list[Action]) -> Generator[JobWait, Outcome, None]:
        self._refuse_if_ended()
        runtime = self._runtime(action, self._stopping)
        action.bind(runtime)
        if action.skip:
            runtime.logger.info("skipped by definition")
        else:
            self._with.cluster.at(number, action.log_name, job_environment(action))
            began.append(action)
            job = action.job()
            if job is None and self._is_isolated(action):
                job = action.isolated_job(self._with.cluster)
            if job is None:
                action.run(self._with.cluster)
            else:
                yield from self._run_job(job)
            if self._ended_by != LEFT:  # what is done is done
                self._refuse_if_ended()
        self._done = number + 1
        self._with.inbox.post_lazily(
            ActionCompleted(
                at=self._with.now(),
                step=self.step.step_name,
                attempt=self.start.attempt,
                action=number,
                name=action.log_name,
            )
        )

    def _in_our_words(self, raised: BaseException) -> BaseException:
        """What an ended attempt raises on its way out says little; why it was ended says all."""
        if self._ended_by == "timeout" and isinstance(raised, StepTimeout):
            return StepTimeout(f"the step took longer than its time-out of {self.step.timeout:g} s")
        return raised

    def _is_isolated(self, action: Action) -> bool:
        """Whether the action is to run in a child process, where its time-out can end it."""
        if action.isolated or self.step.timeout is None:
            return action.isolated
        reason = action.why_not_isolated()
        if reason is not None:
            self._with.log.logger(action.log_name).warning("runs in the engine, where it can't be ended: %s", reason)
        return reason is None

    def _run_job(self, job: Job) -> Generator[JobWait, Outcome, None]:
        self._waits = True
        outcome = yield lambda on_end: self._with.cluster.start(job, on_end)
        self._waits = False
        self._with.cluster.conclude(job, outcome)

    def _refuse_if_ended(self) -> None:
        if self._ended_by == "timeout":
            raise StepTimeout(f"the step took longer than its time-out of {self.step.timeout:g} s")
        if self._ended_by == LEFT:
            raise LeaseLost("the engine has left the step")
        if self._ended_by is not None:
            raise JobCanceled("the step was canceled")

    def _move(self, group: Group, state: GroupState) -> None:
        self._groups[group] = state
        self._with.inbox.post_lazily(self._moved(group, state))

    def _moved(self, group: Group, state: GroupState) -> GroupMoved:
        step, attempt = self.step.step_name, self.start.attempt
        return GroupMoved(at=self._with.now(), step=step, attempt=attempt, group=group, state=state)

    def _runtime(self, action: Action, stopping: threading.Event) -> ActionRuntime:
        return ActionRuntime(
            context=self._with.context,
            step_name=self.step.step_name,
            logger=self._with.log.logger(action.log_name),
            stopping=stopping,
        )

    # -- the end --------------------------------------------------------------------------------------------------

    def _roll_back(self, completed: list[Action]) -> bool:
        """Undo what was completed, last first. One that fails to is logged; the others are undone all the same.

        That the attempt has failed is durable before: an engine that dies meanwhile must not go on with the attempt.
        False if that can't be recorded any more; then nothing is undone.
        """
        to_undo = [(n, action) for n, action in enumerate(completed) if action.can_roll_back and not action.skip]
        if not to_undo:
            return True
        self._rolled_back = True
        failed = next((group for group, state in self._groups.items() if state is GroupState.RUNNING), Group.MAIN)
        self._groups[failed] = GroupState.FAILED
        try:
            self._with.inbox.post_and_wait(self._moved(failed, GroupState.FAILED))
        except LeaseLost:
            return False
        self._with.cluster.reopen()
        for number, action in reversed(to_undo):
            logger = self._with.log.logger(action.log_name)
            action.bind(self._runtime(action, threading.Event()))
            self._with.cluster.at(ROLLBACK_OFFSET + number, action.log_name)
            try:
                action.rollback(self._with.cluster)
                logger.info("rolled back")
            except BaseException:
                logger.exception("could not be rolled back")
        return True

    def _clean_up(self, began: list[Action]) -> BaseException | None:
        """`cleanup` of every action that began; the first exception, if there is one."""
        first: BaseException | None = None
        for action in began:
            try:
                action.cleanup()
            except BaseException as raised:  # noqa: BLE001 - every action is cleaned up, whatever the others do
                self._with.log.logger(action.log_name).exception("cleanup failed")
                first = first or SynergyFlowError(f"cleanup of {action.log_name} failed: {describe(raised)}")
        return first

    def _ended(self, state: StepState, error: BaseException | None, log: logging.Logger, log_begin: str) -> StepEnded:
        text = None if error is None else self._with.mask(describe(error))
        for group, group_state in self._groups.items():
            if group_state is GroupState.RUNNING:
                self._groups[group] = GroupState.FAILED if error is not None else GroupState.COMPLETE
        if state.is_success:
            log.info("attempt %d is %s", self.start.attempt, state)
        else:
            log.error("attempt %d is %s: %s", self.start.attempt, state, text)
        return StepEnded(
            at=self._with.now(),
            step=self.step.step_name,
            attempt=self.start.attempt,
            state=state,
            error=text,
            failure_class=None if error is None else self._class_of(error),
            groups=(self._groups[Group.PRE], self._groups[Group.MAIN], self._groups[Group.POST]),
            actions_done=self._done,
            rolled_back=self._rolled_back,
            log_begin=log_begin,
            log_end=self._with.log.position(),
        )

    def _class_of(self, error: BaseException) -> FailureClass:
        match self._ended_by:
            case "timeout":
                return FailureClass.TIMEOUT
            case "canceled":
                return FailureClass.CANCELED
            case _:
                return classify(error)

    def _log_failure(self, log: logging.Logger, error: BaseException) -> None:
        if not isinstance(error, SynergyFlowError):
            log.error("".join(traceback.format_exception(type(error), error, _of_the_user(error))).rstrip())


def _of_the_user(error: BaseException) -> TracebackType | None:
    """The traceback from the user's code on; all of it where none of it is the user's."""
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        place = place.tb_next
    return place or error.__traceback__


def classify(error: BaseException) -> FailureClass:
    """Whose fault an exception of an attempt is."""
    match error:
        case ClusterLost():
            return FailureClass.CLUSTER_LOST
        case JobLost():
            return FailureClass.JOB_LOST
        case StepTimeout():
            return FailureClass.TIMEOUT
        case LeaseLost():
            return FailureClass.ENGINE_LOST
        case JobCanceled():
            return FailureClass.CANCELED
        case ClusterError() if not isinstance(error, JobFailed):
            return FailureClass.JOB_LOST
        case _:
            return FailureClass.USER_CODE


def describe(error: BaseException) -> str:
    """One text for status and history: ours speak for themselves, others with the name of their class."""
    if isinstance(error, SynergyFlowError):
        return f"{error}" + (f" ({error.hint})" if error.hint else "")
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - an exception of a user that can't be printed is no reason to lose the step
        text = "its text can't be had"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_own_failure(error: BaseException) -> bool:
    return not classify(error).is_infrastructure and not isinstance(error, JobCanceled)
