"""A node of a flow: actions in three groups and a policy. Immutable once made; nothing here runs."""

from __future__ import annotations

from collections.abc import Iterable

from synergyflow.core.graph import StepSpec
from synergyflow.core.states import Group
from synergyflow.errors import DefinitionError
from synergyflow.flow.action import Action
from synergyflow.flow.names import check_name
from synergyflow.flow.policy import policy_of


class Step:
    """Pre actions, one main action and post actions, run in that order.

    `policy` takes the fields of `synergyflow.flow.policy.Policy`. Action objects may be shared between steps: each
    attempt works on copies.

    Raises:
        DefinitionError: a name, action or policy that can't be.
    """

    def __init__(
        self,
        step_name: str,
        main_action: Action,
        pre_actions: Iterable[Action] | Action | None = None,
        post_actions: Iterable[Action] | Action | None = None,
        skip: bool = False,
        **policy: object,
    ) -> None:
        self.step_name = check_name(step_name, "step")
        try:
            if not isinstance(skip, bool):
                raise DefinitionError(f"skip is True or False, not {skip!r}")
            self.skip = skip
            self.main_action = _action(main_action, Group.MAIN)
            self.pre_actions = _actions(pre_actions, Group.PRE)
            self.post_actions = _actions(post_actions, Group.POST)
            self.policy = policy_of(policy)
            self._check_timeout()
        except DefinitionError as error:
            raise DefinitionError(f"step {step_name!r}: {error.message}", hint=error.hint) from None

    def __repr__(self) -> str:
        return f"<Step {self.step_name}>"

    @property
    def timeout(self) -> float | None:
        """Seconds that an attempt may take, None for no limit."""
        return self.policy.timeout

    @property
    def actions(self) -> tuple[tuple[Group, Action], ...]:
        """Every action with its group, in the order in which they run."""
        return (
            *((Group.PRE, action) for action in self.pre_actions),
            (Group.MAIN, self.main_action),
            *((Group.POST, action) for action in self.post_actions),
        )

    def spec(self, parents: Iterable[str]) -> StepSpec:
        """What planning needs of the step, waiting for `parents`."""
        return StepSpec(
            name=self.step_name,
            parents=tuple(parents),
            skip=self.skip,
            priority=self.policy.priority,
            cluster=self.policy.cluster,
            retries=self.policy.retries,
            retry_delay=self.policy.retry_delay,
            retry_backoff=self.policy.retry_backoff,
            resume_by_group=self.policy.resume == "group",
            group_sizes=(len(self.pre_actions), 1, len(self.post_actions)),
            job_kinds=frozenset(kind for _, action in self.actions if not action.skip for kind in action.job_kinds),
        )

    def _check_timeout(self) -> None:
        """With a time-out, Python callables run in a child process, which not all of them can."""
        if self.policy.timeout is None:
            return
        for _, action in self.actions:
            reason = action.why_not_isolated()
            if reason:
                raise DefinitionError(
                    f"a step with a timeout runs action {action.action_name!r} in a child process, and {reason}",
                    hint="drop the timeout, or the argument",
                )


def _actions(given: object, group: Group) -> tuple[Action, ...]:
    if given is None:
        return ()
    if isinstance(given, Action):
        return (_action(given, group),)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise DefinitionError(f"{group}_actions is a list of actions, not {type(given).__name__}")
    return tuple(_action(action, group) for action in given)


def _action(given: object, group: Group) -> Action:
    if isinstance(given, Action):
        given.check()
        return given
    if isinstance(given, type) and issubclass(given, Action):
        raise DefinitionError(f"the {group} action is the class {given.__name__}", hint=f"write {given.__name__}(…)")
    raise DefinitionError(
        f"the {group} action is {type(given).__name__}, not an action", hint="PythonAction(function) wraps a function"
    )
