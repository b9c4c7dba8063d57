"""EMR's operations by name: what each checks, does and answers. Knows JSON values, no HTTP.

Refusals are those of the real service as far as they are known; what it accepts and this does not know of is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synergyflow.testing.emulators.emr.model import EmulatedCluster, Step
from synergyflow.testing.emulators.emr.provider import USER_REQUEST, Provider

PAGE = 50
MOST_LISTED_STEPS = 1000
MOST_ACTIVE_STEPS = 256

Values = Mapping[str, Any]


class Refusal(Exception):
    """The service says no, with one of its codes."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Operations:
    """Answers requests; the caller holds no lock."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._known: dict[str, Callable[[Values, bool], Values]] = {
            "RunJobFlow": self._run_job_flow,
            "AddJobFlowSteps": self._add_job_flow_steps,
            "ListClusters": self._list_clusters,
            "DescribeCluster": self._describe_cluster,
            "ListSteps": self._list_steps,
            "DescribeStep": self._describe_step,
            "CancelSteps": self._cancel_steps,
            "TerminateJobFlows": self._terminate_job_flows,
            "SetTerminationProtection": self._set_termination_protection,
            "ModifyCluster": self._modify_cluster,
            "AddTags": self._add_tags,
            "RemoveTags": self._remove_tags,
            "PutAutoTerminationPolicy": self._put_auto_termination_policy,
            "RemoveAutoTerminationPolicy": self._remove_auto_termination_policy,
            "GetAutoTerminationPolicy": self._get_auto_termination_policy,
        }

    def answer(self, operation: str, request: Values, *, stale: bool = False) -> Values:
        """What the operation gives back; `stale`: without what the latest call has made.

        Raises:
            Refusal: with the service's own code.
        """
        known = self._known.get(operation)
        if known is None:
            raise Refusal("UnknownOperationException", f"this emulator has no {operation}")
        with self._provider.lock:
            return known(request, stale)

    # -- clusters ---------------------------------------------------------------------------------------------------

    def _run_job_flow(self, request: Values, _: bool) -> Values:
        _check_new_cluster(request)
        cluster = self._provider.launch(request)
        self._provider.add_steps(cluster, request.get("Steps", ()))
        return {"JobFlowId": cluster.id, "ClusterArn": cluster.summary()["ClusterArn"]}

    def _list_clusters(self, request: Values, stale: bool) -> Values:
        states = set(request.get("ClusterStates", ()))
        after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
        latest = max((cluster.number for cluster in self._provider.clusters.values()), default=0)
        found = [
            cluster.summary()
            for cluster in sorted(self._provider.clusters.values(), key=lambda cluster: -cluster.number)
            if (not states or cluster.state in states)
            and (after is None or cluster.created.timestamp() >= float(after))
            and (before is None or cluster.created.timestamp() <= float(before))
            and not (stale and cluster.number == latest)
        ]
        return _page(found, request, "Clusters")

    def _describe_cluster(self, request: Values, _: bool) -> Values:
        return {"Cluster": self._cluster(request.get("ClusterId")).shown()}

    def _terminate_job_flows(self, request: Values, _: bool) -> Values:
        clusters = [self._job_flow(cluster_id) for cluster_id in _few(request, "JobFlowIds", 10)]
        protected = [cluster.id for cluster in clusters if cluster.protected and cluster.is_alive]
        if protected:
            raise Refusal(
                "ValidationException",
                "Could not shut down one or more job flows since they are termination protected.",
            )
        for cluster in clusters:
            self._provider.terminate(cluster, USER_REQUEST)
        return {}

    def _set_termination_protection(self, request: Values, _: bool) -> Values:
        for cluster_id in _few(request, "JobFlowIds", 10):
            self._job_flow(cluster_id).protected = bool(request["TerminationProtected"])
        return {}

    def _modify_cluster(self, request: Values, _: bool) -> Values:
        cluster = self._cluster(request.get("ClusterId"))
        level = request.get("StepConcurrencyLevel")
        if level is not None:
            _check_concurrency(level)
            cluster.concurrency = level
        return {"StepConcurrencyLevel": cluster.concurrency}

    def _add_tags(self, request: Values, _: bool) -> Values:
        tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        self._cluster(request.get("ResourceId")).tags.update(tags)
        return {}

    def _remove_tags(self, request: Values, _: bool) -> Values:
        cluster = self._cluster(request.get("ResourceId"))
        for key in request.get("TagKeys", ()):
            cluster.tags.pop(key, None)
        return {}

    def _put_auto_termination_policy(self, request: Values, _: bool) -> Values:
        _check_idle_timeout(request.get("AutoTerminationPolicy"))
        seconds = request["AutoTerminationPolicy"]["IdleTimeout"]
        self._provider.set_idle_timeout(self._cluster(request.get("ClusterId")), seconds)
        return {}

    def _remove_auto_termination_policy(self, request: Values, _: bool) -> Values:
        self._provider.set_idle_timeout(self._cluster(request.get("ClusterId")), None)
        return {}

    def _get_auto_termination_policy(self, request: Values, _: bool) -> Values:
        seconds = self._cluster(request.get("ClusterId")).idle_timeout
        return {} if seconds is None else {"AutoTerminationPolicy": {"IdleTimeout": seconds}}

    # -- steps ------------------------------------------------------------------------------------------------------

    def _add_job_flow_steps(self, request: Values, _: bool) -> Values:
        cluster = self._job_flow(request.get("JobFlowId"))
        if not cluster.is_alive:
            raise Refusal(
                "ValidationException",
                "A job flow that is shutting down, terminated, or finished may not be modified.",
            )
        steps = _few(request, "Steps", MOST_ACTIVE_STEPS)
        for step in steps:
            _check_step(step, cluster.concurrency)
        if sum(step.is_active for step in cluster.steps) + len(steps) > MOST_ACTIVE_STEPS:
            raise Refusal(
                "ValidationException",
                "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') "
                "for cluster exceeded.",
            )
        return {"StepIds": [step.id for step in self._provider.add_steps(cluster, steps)]}

    def _list_steps(self, request: Values, stale: bool) -> Values:
        cluster = self._cluster(request.get("ClusterId"))
        steps = sorted(cluster.steps, key=lambda step: -step.number)
        wanted = list(request.get("StepIds", ()))
        if wanted:
            _few(request, "StepIds", 10)
            steps = [self._step(cluster, step_id) for step_id in wanted]
        states = set(request.get("StepStates", ()))
        latest = max((step.number for step in cluster.steps), default=0)
        found = [
            step.shown()
            for step in steps
            if (not states or step.state in states) and not (stale and step.number == latest)
        ]
        return _page(found[:MOST_LISTED_STEPS], request, "Steps")

    def _describe_step(self, request: Values, _: bool) -> Values:
        return {"Step": self._step(self._cluster(request.get("ClusterId")), request.get("StepId")).shown()}

    def _cancel_steps(self, request: Values, _: bool) -> Values:
        cluster = self._cluster(request.get("ClusterId"))
        how = request.get("StepCancellationOption", "SEND_INTERRUPT")
        if how not in ("SEND_INTERRUPT", "TERMINATE_PROCESS"):
            raise Refusal("ValidationException", f"StepCancellationOption {how} is not valid")
        steps = [self._step(cluster, step_id) for step_id in _few(request, "StepIds", 256)]
        answers = []
        for step in steps:
            if self._provider.cancel(step, force=how == "TERMINATE_PROCESS"):
                answers.append({"StepId": step.id, "Status": "SUBMITTED"})
            else:
                reason = f"Step is in {step.state} state and can't be cancelled"
                answers.append({"StepId": step.id, "Status": "FAILED", "Reason": reason})
        return {"CancelStepsInfoList": answers}

    # -- look-ups ---------------------------------------------------------------------------------------------------

    def _cluster(self, cluster_id: Any) -> EmulatedCluster:
        cluster = self._provider.clusters.get(cluster_id)
        if cluster is None:
            raise Refusal("InvalidRequestException", f"Cluster id '{cluster_id}' is not valid.")
        return cluster

    def _job_flow(self, cluster_id: Any) -> EmulatedCluster:
        """Like `_cluster`, for the older operations, which have words of their own."""
        cluster = self._provider.clusters.get(cluster_id)
        if cluster is None:
            raise Refusal("ValidationException", f"Specified job flow ID {cluster_id} does not exist.")
        return cluster

    def _step(self, cluster: EmulatedCluster, step_id: Any) -> Step:
        for step in cluster.steps:
            if step.id == step_id:
                return step
        raise Refusal("InvalidRequestException", f"Step id '{step_id}' is not valid.")


def _page(found: Sequence[Values], request: Values, name: str) -> Values:
    begin = int(request.get("Marker") or 0)
    page: dict[str, Any] = {name: list(found[begin : begin + PAGE])}
    if begin + PAGE < len(found):
        page["Marker"] = str(begin + PAGE)
    return page


def _few(request: Values, name: str, most: int) -> list[Any]:
    given = list(request.get(name, ()))
    if not given or len(given) > most:
        raise Refusal("ValidationException", f"{name}: between 1 and {most} are possible, not {len(given)}")
    return given


def _check_new_cluster(request: Values) -> None:
    instances = request.get("Instances", {})
    forms = [bool(instances.get(name)) for name in ("InstanceGroups", "InstanceFleets", "MasterInstanceType")]
    if sum(forms) != 1:
        raise Refusal("ValidationException", "Please configure either instance groups or instance fleets.")
    if instances.get("Ec2SubnetIds") and not instances.get("InstanceFleets"):
        raise Refusal("ValidationException", "Ec2SubnetIds are only possible with instance fleets.")
    if not request.get("ReleaseLabel"):
        raise Refusal("ValidationException", "A release label is needed.")
    _check_name(request)
    level = request.get("StepConcurrencyLevel", 1)
    _check_concurrency(level)
    if "AutoTerminationPolicy" in request:
        _check_idle_timeout(request["AutoTerminationPolicy"])
    for step in request.get("Steps", ()):
        _check_step(step, level)


def _check_name(request: Values) -> None:
    name = request.get("Name", "")
    if not 1 <= len(name) <= 256:
        raise Refusal("ValidationException", f"Name must have 1 to 256 characters, not {len(name)}")


def _check_concurrency(level: Any) -> None:
    if not isinstance(level, int) or not 1 <= level <= 256:
        raise Refusal("ValidationException", "StepConcurrencyLevel must be between 1 and 256.")


def _check_idle_timeout(policy: Any) -> None:
    seconds = (policy or {}).get("IdleTimeout", 0)
    if not 60 <= seconds <= 604_800:
        raise Refusal("ValidationException", "IdleTimeout must be between 60 seconds and 7 days.")


def _check_step(step: Values, concurrency: int) -> None:
    _check_name(step)
    jar = step.get("HadoopJarStep", {})
    if not jar.get("Jar"):
        raise Refusal("ValidationException", "A step needs a jar.")
    size = sum(len(text) for text in (jar["Jar"], jar.get("MainClass") or "", *jar.get("Args", ())))
    if size > 10_240:
        raise Refusal("ValidationException", f"The strings of a step may have 10240 characters, not {size}.")
    if concurrency > 1 and step.get("ActionOnFailure", "TERMINATE_CLUSTER") != "CONTINUE":
        raise Refusal("ValidationException", "With a step concurrency above 1 ActionOnFailure must be CONTINUE.")
