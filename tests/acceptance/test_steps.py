"""What happens inside a step: groups, policy, rollback, cleanup, copies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from synergyflow import (
    Action,
    ExecutionEngine,
    FailureAction,
    FlowGraph,
    IdentityAction,
    MkdirAction,
    PythonAction,
    ShellCommandAction,
    SleepAction,
)
from synergyflow.core.states import FailureClass, FlowState, StepState


class Recorder(Action):
    """Writes what happens to it into the project's ledger."""

    def __init__(self, name, project, *, fails=False, cleanup_fails=False):
        super().__init__(name)
        self.project_ledger = project.ledger
        self.fails = fails
        self.cleanup_fails = cleanup_fails

    def _write(self, what):
        with self.project_ledger.open("a") as ledger:
            ledger.write(f"{what} {self.action_name}\n")

    def run(self, execution_cluster):
        self._write("run")
        if self.fails:
            raise ValueError(f"{self.action_name} broke")

    def rollback(self, execution_cluster):
        self._write("rollback")

    def cleanup(self):
        self._write("cleanup")
        if self.cleanup_fails:
            raise OSError("no cleaning today")


def is_running(pid):
    """Whether the process still does anything; one that only waits to be collected does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")


def run(project, flow, **kwargs):
    return ExecutionEngine(flow).run(project.context(flow, **kwargs))


def test_groups_run_in_order_and_each_action_one_after_the_other(project):
    flow = FlowGraph("order").append(
        "s",
        [],
        Recorder("main", project),
        pre_actions=[Recorder("pre1", project), Recorder("pre2", project)],
        post_actions=[Recorder("post", project)],
    )
    assert run(project, flow).state is FlowState.PROCESSED
    assert [line for line in project.lines() if line.startswith("run")] == [
        "run pre1",
        "run pre2",
        "run main",
        "run post",
    ]


def test_completed_actions_of_a_failed_attempt_are_rolled_back_in_reverse_and_all_begun_are_cleaned_up(project):
    flow = FlowGraph("undo").append(
        "s",
        [],
        Recorder("main", project),
        pre_actions=[Recorder("pre", project)],
        post_actions=[Recorder("post", project, fails=True), Recorder("never", project)],
    )
    result = run(project, flow)
    assert result.steps["s"].error == "ValueError: post broke"
    assert project.lines() == [
        "run pre",
        "run main",
        "run post",
        "rollback main",
        "rollback pre",
        "cleanup pre",
        "cleanup main",
        "cleanup post",
    ]
    assert project.record(flow).steps["s"].rolled_back


def test_a_cleanup_that_raises_makes_the_step_invalid(project):
    flow = FlowGraph("unclean").append("s", [], Recorder("main", project, cleanup_fails=True))
    result = run(project, flow)
    assert result.state is FlowState.INVALID
    assert "cleanup of main failed: OSError: no cleaning today" in (result.steps["s"].error or "")


def test_a_failed_post_fails_the_step_and_a_new_attempt_runs_all_of_it(project, switch):
    flow = FlowGraph("post").append(
        "s",
        [],
        ShellCommandAction(f"echo main >> {project.ledger}"),
        post_actions=[ShellCommandAction(f"test -e {project.folder}/mended")],
    )
    assert run(project, flow).state is FlowState.INVALID
    switch()
    assert ExecutionEngine(flow).recover(project.context(flow)).state is FlowState.PROCESSED
    assert project.lines() == ["main", "main"]


def test_a_step_that_resumes_by_group_does_not_repeat_its_complete_groups(project, switch):
    flow = FlowGraph("resume").append(
        "s",
        [],
        ShellCommandAction(f"echo main >> {project.ledger}"),
        post_actions=[ShellCommandAction(f"test -e {project.folder}/mended")],
        resume="group",
    )
    assert run(project, flow).state is FlowState.INVALID
    switch()
    assert ExecutionEngine(flow).recover(project.context(flow)).state is FlowState.PROCESSED
    assert project.lines() == ["main"]


def test_retries_are_made_with_growing_delays_and_each_is_an_attempt(project):
    count = f"echo x >> {project.ledger}; test $(wc -l < {project.ledger}) -ge 3"
    flow = FlowGraph("retry").append("s", [], ShellCommandAction(count), retries=3, retry_delay=0.02, retry_backoff=2)
    result = run(project, flow)
    assert result.state is FlowState.PROCESSED
    assert result.steps["s"].attempt == 3
    assert len(project.lines()) == 3


def test_a_timed_out_shell_command_is_ended_with_its_whole_group(project):
    pid_file = project.folder / "pid"
    command = f"trap '' TERM; sleep 300 & echo $! > {pid_file}; wait; sleep 300"
    flow = FlowGraph("slow").append("s", [], ShellCommandAction(command), timeout=0.5)
    began = time.monotonic()
    result = run(project, flow)
    assert result.steps["s"].state is StepState.INVALID
    assert result.steps["s"].failure_class is FailureClass.TIMEOUT
    assert time.monotonic() - began < 60
    assert not is_running(int(pid_file.read_text()))


def test_a_timed_out_python_callable_is_really_ended_since_it_runs_in_a_child_process(project):
    pid_file = project.folder / "pid"

    def busy() -> None:
        pid_file.write_text(str(os.getpid()))
        while True:
            pass

    flow = FlowGraph("busy").append("s", [], PythonAction(busy), timeout=2)
    result = run(project, flow)
    assert result.steps["s"].failure_class is FailureClass.TIMEOUT
    pid = int(pid_file.read_text())
    assert pid != os.getpid()
    assert not is_running(pid)


def test_code_in_run_is_asked_to_stop_when_its_time_is_over(project):
    flow = FlowGraph("asked").append("s", [], SleepAction(600), timeout=0.2)
    result = run(project, flow)
    assert result.steps["s"].failure_class is FailureClass.TIMEOUT


def test_an_isolated_callable_runs_elsewhere_and_its_output_is_in_the_log_of_the_step(project):
    ledger = project.ledger

    def elsewhere(word: str) -> None:
        ledger.write_text(f"{os.getpid()}\n")
        print(f"said {word}")

    flow = FlowGraph("isolated").append("s", [], PythonAction(elsewhere, word="hello", isolated=True))
    assert run(project, flow).state is FlowState.PROCESSED
    assert project.lines() != [str(os.getpid())]
    assert "said hello" in project.log(flow, "s")


def test_two_steps_that_share_an_action_object_never_see_each_others_state(project):
    class Counting(Action):
        def __init__(self):
            super().__init__("counting")
            self.seen = []

        def run(self, execution_cluster):
            assert threading.current_thread() is not threading.main_thread()
            self.seen.append(self.step_name)
            if len(self.seen) != 1:
                raise AssertionError(self.seen)

    shared = Counting()
    flow = FlowGraph("shared")
    for number in range(20):
        flow.append(f"s{number}", [], shared)
    assert run(project, flow).state is FlowState.PROCESSED
    assert shared.seen == [], "the definition is never changed"


def test_two_runs_of_one_flow_at_once_never_see_each_others_state(project):
    barrier = threading.Barrier(2, timeout=60)

    class Meeting(Action):
        def __init__(self):
            super().__init__("meeting")
            self.mine = None

        def __deepcopy__(self, memo):
            copied = Meeting()
            memo[id(self)] = copied
            return copied

        def run(self, execution_cluster):
            assert self.mine is None
            self.mine = self.timeperiod
            barrier.wait()
            assert self.mine == self.timeperiod == self.context.timeperiod
            self.logger.info("mine is %s", self.mine)

    flow = FlowGraph("meeting").append("s", [], Meeting())
    results = {}

    def work(timeperiod):
        results[timeperiod] = ExecutionEngine(flow).run(project.context(flow, timeperiod)).state

    threads = [threading.Thread(target=work, args=(t,)) for t in ("2013010100", "2013010200")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results.values()) == {FlowState.PROCESSED}
    log = project.log(flow, "s")
    assert "2013010100#1 s.meeting INFO mine is 2013010100" in log
    assert "2013010200#1 s.meeting INFO mine is 2013010200" in log


def test_steps_of_a_pool_of_two_clusters_really_work_at_the_same_time(project):
    barrier = threading.Barrier(8, timeout=60)

    def meet(cluster) -> None:
        barrier.wait()
        project.write(cluster.name)

    flow = FlowGraph("parallel")
    for number in range(8):
        flow.append(f"s{number}", [], PythonAction(meet))
    assert run(project, flow).state is FlowState.PROCESSED
    assert sorted(set(project.lines())) == ["local-1", "local-2"]


def test_jobs_of_a_pool_of_two_clusters_really_run_at_the_same_time(project):
    folder = project.folder
    flow = FlowGraph("processes")
    meet = f"touch {folder}/here.$SYNERGYFLOW_STEP; until [ $(ls {folder}/here.* | wc -l) -eq 8 ]; do sleep 0.05; done"
    for number in range(8):
        flow.append(f"s{number}", [], ShellCommandAction(meet), timeout=60)
    assert run(project, flow).state is FlowState.PROCESSED


def test_plain_paths_refer_to_the_bucket_of_the_context(project):
    flow = FlowGraph("paths").append("s", [], MkdirAction("days/{timeperiod}"))
    assert run(project, flow).state is FlowState.PROCESSED
    assert (project.folder / "data" / "days" / "2013010100").is_dir()


def test_after_a_failure_nothing_new_starts_but_with_continue_other_branches_go_on(project):
    def build(name, **kwargs):
        return (
            FlowGraph(name, **kwargs)
            .append("bad", [], FailureAction(), priority=10)
            .append("after_bad", ["bad"], IdentityAction())
            .append("good", [], IdentityAction())
            .append("after_good", ["good"], IdentityAction())
        )

    goes_on = build("goes_on", on_failure="continue")
    assert run(project, goes_on, clusters=1).state is FlowState.INVALID
    assert project.states(goes_on) == {
        "bad": "invalid",
        "after_bad": "embryo",
        "good": "processed",
        "after_good": "processed",
    }
    stops = build("stops")
    assert run(project, stops, clusters=1).state is FlowState.INVALID
    assert project.states(stops)["after_bad"] == "embryo"


def test_what_a_custom_action_submits_is_a_job_with_its_output_in_the_log(project):
    class Two(Action):
        def __init__(self):
            super().__init__("two")

        def run(self, execution_cluster):
            first = execution_cluster.run_shell_command("echo first")
            second = execution_cluster.run_shell_command("echo second")
            assert first.job_id != second.job_id

    flow = FlowGraph("custom").append("s", [], Two())
    assert run(project, flow).state is FlowState.PROCESSED
    log = project.log(flow, "s")
    assert log.index("first") < log.index("second")


def test_what_an_isolated_callable_raises_is_the_cause_in_one_line(project):
    def refuse(word: str) -> None:
        raise ValueError(f"no {word} here")

    flow = FlowGraph("refusing").append("s", [], PythonAction(refuse, word="feed", isolated=True))
    assert run(project, flow).steps["s"].error == "ValueError: no feed here"


def test_the_traceback_in_the_log_begins_at_the_users_code(project):
    def refuse() -> None:
        raise ValueError("no feed here")

    flow = FlowGraph("tracing").append("s", [], PythonAction(refuse))
    run(project, flow)
    log = project.log(flow, "s")
    assert "in refuse" in log
    assert "step_run.py" not in log


def test_a_time_out_says_how_long_it_was(project):
    flow = FlowGraph("late").append("s", [], ShellCommandAction("sleep 60"), timeout=0.3)
    assert run(project, flow).steps["s"].error == "the step took longer than its time-out of 0.3 s"


def test_a_callable_that_ends_its_process_has_not_returned_isolated_or_not(project):
    flow = (
        FlowGraph("leaving", on_failure="continue")
        .append("here", [], PythonAction(sys.exit, 0))
        .append("there", [], PythonAction(sys.exit, 0, isolated=True))
    )
    result = run(project, flow)
    assert {name: step.error for name, step in result.steps.items()} == {
        "here": "SystemExit: 0",
        "there": "SystemExit: 0",
    }


def test_jobs_that_code_asks_for_get_the_variables_that_every_job_has(project):
    class Asks(Action):
        def __init__(self):
            super().__init__("asks")

        def run(self, execution_cluster):
            execution_cluster.run_shell_command(
                "echo $SYNERGYFLOW_STEP $SYNERGYFLOW_TIMEPERIOD $MINE", environment={"MINE": "x"}
            )

    flow = FlowGraph("asking").append("s", [], Asks())
    assert run(project, flow).state is FlowState.PROCESSED
    assert "s 2013010100 x" in project.log(flow, "s")


def test_whatever_an_action_raises_is_its_own_failure(project):
    def leave() -> None:
        raise GeneratorExit

    flow = FlowGraph("raising").append("s", [], PythonAction(leave))
    result = run(project, flow)
    assert result.steps["s"].error == "GeneratorExit"
    assert result.steps["s"].attempt == 1
