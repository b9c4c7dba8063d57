"""How many clusters a mode may launch, and of which profiles."""

from __future__ import annotations

import pytest

from synergyflow.core.allotment import allot
from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.jobs import JobKind
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, ProfileCapacity
from synergyflow.errors import PlanRefused
from tests.core.stories import pool, profile, spec

FAN = [spec("root"), *(spec(f"leaf{number}", "root") for number in range(9))]
SHELL_ONLY = frozenset({JobKind.SHELL})


def names(mode: Mode, capacity: Capacity, steps: list[StepSpec], only: str | None = None) -> list[str]:
    """Names of the clusters for these steps, or for `only` some of them."""
    chosen = [step for step in steps if only is None or step.name in only.split()]
    return [cluster.name for cluster in allot(mode, capacity, chosen, Graph(steps))]


def test_a_run_has_all_the_clusters_of_the_context() -> None:
    assert names(Mode.RUN, pool(count=3), FAN) == ["local-1", "local-2", "local-3"]
    assert names(Mode.RUN, pool(count=3), FAN, "root") == ["local-1", "local-2", "local-3"]


def test_profiles_take_turns() -> None:
    capacity = pool(profile("a", 3), profile("b", 1))

    assert names(Mode.RUN, capacity, FAN) == ["a-1", "b-1", "a-2", "a-3"]


@pytest.mark.parametrize("mode", list(Mode))
def test_where_nothing_runs_nothing_is_launched(mode: Mode) -> None:
    assert allot(mode, pool(count=3), [], Graph(FAN)) == ()


def test_run_one_has_one_cluster() -> None:
    assert names(Mode.RUN_ONE, pool(count=5), FAN, "leaf3") == ["local-1"]


def test_run_one_has_a_cluster_that_the_step_asks_for() -> None:
    capacity = pool(profile("small", 2), profile("large", 2, labels=frozenset({"memory"})))

    assert names(Mode.RUN_ONE, capacity, [spec("a", cluster="large")]) == ["large-1"]
    assert names(Mode.RUN_ONE, capacity, [spec("a", cluster="memory")]) == ["large-1"]
    assert names(Mode.RUN_ONE, capacity, [spec("a")]) == ["small-1"]


@pytest.mark.parametrize(
    ("count", "to_run", "clusters"),
    [(4, 10, 4), (4, 9, 3), (4, 7, 2), (4, 5, 2), (4, 4, 1), (4, 3, 1), (4, 1, 1), (1, 10, 1), (1, 9, 1), (10, 9, 9)],
)
def test_run_from_has_its_share_of_the_clusters_rounded_down_but_one_at_least(
    count: int, to_run: int, clusters: int
) -> None:
    chosen = FAN[len(FAN) - to_run :]

    assert len(allot(Mode.RUN_FROM, pool(count=count), chosen, Graph(FAN))) == clusters


def test_run_from_has_one_cluster_for_each_profile_that_its_steps_ask_for() -> None:
    steps = [spec("a"), spec("b", "a", cluster="x"), spec("c", "a", cluster="y"), *(spec(f"d{n}") for n in range(17))]
    capacity = pool(profile("w"), profile("x"), profile("y"), profile("z"))

    assert names(Mode.RUN_FROM, capacity, steps, "b c") == ["x-1", "y-1"]
    assert names(Mode.RUN_FROM, capacity, steps, "a b c") == ["x-1", "y-1"]
    assert names(Mode.RUN_FROM, capacity, steps, "a") == ["w-1"]


@pytest.mark.parametrize(
    ("only", "clusters"),
    [("root", 1), ("leaf1", 1), ("root leaf1", 1), ("leaf1 leaf2", 2), ("root leaf1 leaf2 leaf3", 3)],
)
def test_recover_has_no_more_clusters_than_its_steps_can_use_at_once(only: str, clusters: int) -> None:
    assert len(names(Mode.RECOVER, pool(count=8), FAN, only)) == clusters


def test_recover_has_no_more_clusters_than_the_context_offers() -> None:
    assert len(names(Mode.RECOVER, pool(count=4), FAN)) == 4


def test_a_chain_needs_one_cluster_also_where_a_step_between_is_kept() -> None:
    steps = [spec("a"), spec("b", "a"), spec("c", "b"), spec("d", "a c")]

    assert names(Mode.RECOVER, pool(count=4), steps) == ["local-1"]
    assert names(Mode.RECOVER, pool(count=4), steps, "a c d") == ["local-1"]


def test_two_chains_side_by_side_need_two_clusters() -> None:
    steps = [spec("a"), spec("b", "a"), spec("c", "b"), spec("x"), spec("y", "x")]

    assert len(names(Mode.RECOVER, pool(count=4), steps)) == 2


def test_a_very_large_recover_is_allotted_by_a_bound() -> None:
    steps = [spec("root"), *(spec(f"leaf{number}", "root") for number in range(5000))]

    assert len(names(Mode.RECOVER, pool(count=4), steps)) == 4


def test_recover_leaves_out_clusters_that_none_of_its_steps_can_go_to() -> None:
    steps = [spec("a", cluster="x"), spec("b", cluster="x"), spec("c")]
    capacity = pool(profile("w", 2), profile("x", 2))

    assert names(Mode.RECOVER, capacity, steps, "a b") == ["x-1", "x-2"]


def test_a_step_without_a_wish_needs_no_cluster_beside_those_that_are_asked_for() -> None:
    steps = [spec("a"), spec("b", "a", cluster="x")]
    capacity = pool(profile("w"), profile("x"))

    assert names(Mode.RECOVER, capacity, steps) == ["x-1"]


def test_a_cluster_that_no_profile_offers_is_refused_with_those_that_are() -> None:
    with pytest.raises(PlanRefused, match=r"step 'a' asks for cluster 'gpu'") as refused:
        allot(Mode.RUN, pool(profile("w"), profile("x")), [spec("a", cluster="gpu")], Graph([spec("a", cluster="gpu")]))

    assert refused.value.hint == "it offers: w, x"


def test_jobs_that_no_cluster_can_run_are_refused_by_their_kind() -> None:
    step = spec("a", job_kinds=frozenset({JobKind.SPARK, JobKind.SHELL}))

    with pytest.raises(PlanRefused, match=r"step 'a' runs spark jobs, which cluster 'w' can't"):
        allot(Mode.RUN, pool(profile("w", job_kinds=SHELL_ONLY)), [step], Graph([step]))


def test_a_context_without_clusters_is_refused_as_soon_as_a_step_runs() -> None:
    with pytest.raises(PlanRefused) as refused:
        allot(Mode.RUN, Capacity(()), [spec("a")], Graph([spec("a")]))

    assert refused.value.hint == "it offers: none"


def test_a_planned_cluster_has_what_its_profile_says() -> None:
    large = ProfileCapacity(
        profile="large", count=1, slots=3, labels=frozenset({"memory"}), job_kinds=frozenset({JobKind.SPARK})
    )

    (cluster,) = allot(Mode.RUN, Capacity((large,)), [spec("a")], Graph([spec("a")]))

    assert (cluster.name, cluster.profile, cluster.slots) == ("large-1", "large", 3)
    assert (cluster.labels, cluster.job_kinds) == (large.labels, large.job_kinds)
