"""One look at the steps of a cluster: as few pages as tell of the steps asked for, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from synergyflow.clusters.emr_client import MOST_STEP_IDS, EmrClient
from synergyflow.clusters.emr_requests import token_of


@dataclass(slots=True)
class Listing:
    """Steps that were seen, by id. `whole`: all that EMR lists were looked through, which is the newest thousand."""

    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    whole: bool = False

    def by_token(self) -> dict[str, str]:
        """Ids by the tokens in their names; of several steps with one token the oldest."""
        return {token_of(step): step_id for step_id, step in self.steps.items()}


def look(client: EmrClient, cluster_id: str, step_ids: Collection[str], tokens: Collection[str]) -> Listing:
    """The steps with these ids, and those whose names begin with these tokens, where EMR has them.

    Up to ten ids are asked for by name. For more, and for tokens, the listing is followed, newest first, until all have
    been seen; ids that are in none of its pages are asked for by name.
    """
    if not tokens and len(step_ids) <= MOST_STEP_IDS:
        steps = client.steps_by_id(cluster_id, list(step_ids)) if step_ids else []
        return Listing({step["Id"]: step for step in steps})
    listing = _follow(client, cluster_id, set(step_ids), set(tokens))
    missing = [step_id for step_id in step_ids if step_id not in listing.steps]
    for begin in range(0, len(missing), MOST_STEP_IDS):
        for step in client.steps_by_id(cluster_id, missing[begin : begin + MOST_STEP_IDS]):
            listing.steps[step["Id"]] = step
    return listing


def _follow(client: EmrClient, cluster_id: str, step_ids: set[str], tokens: set[str]) -> Listing:
    listing = Listing()
    for step in client.steps(cluster_id):
        listing.steps[step["Id"]] = step
        step_ids.discard(step["Id"])
        tokens.discard(token_of(step))
        if not step_ids and not tokens:
            return listing
    listing.whole = True
    return listing
