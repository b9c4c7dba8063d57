"""How a cluster of EMR comes to be, is found again, and ends. No cluster of anybody else's is ever changed or ended.

AWS would make a second cluster of a repeated launch. So each launch is one call, and what became of an unclear one is
looked for by the name and the tag that the token gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synergyflow.clusters import emr_requests as requests
from synergyflow.clusters import emr_states as states
from synergyflow.clusters.emr_client import EmrClient, Refused, Unclear
from synergyflow.clusters.emr_options import EmrOptions
from synergyflow.config.profile import Profile
from synergyflow.errors import ClusterError, ClusterLaunchError


class ClusterLife:
    """The calls at both ends of a cluster of one profile. `name` is what messages call it."""

    def __init__(
        self, client: EmrClient, name: str, profile: Profile, options: EmrOptions, installation: str | None
    ) -> None:
        self._client = client
        self._name = name
        self._profile = profile
        self._options = options
        self._installation = installation

    def living(self, token: str) -> str | None:
        """The id of the one living cluster of this token, or under the profile's `cluster_name`; None if there is none.

        Raises:
            ClusterLaunchError: there are several.
        """
        found = self._bearing(token)
        if not found and self._options.cluster_name:
            found = [cluster["Id"] for cluster in self._active() if cluster["Name"] == self._options.cluster_name]
        if len(found) > 1:
            raise ClusterLaunchError(
                f"cluster {self._name}: AWS has several for it: {', '.join(found)}",
                hint="end all but one, or give the profile another cluster_name",
            )
        return found[0] if found else None

    def ask_for_one(self, token: str) -> str:
        """Launch one; its id.

        Raises:
            ClusterLaunchError: AWS refused, and there is none.
            ClusterError: it is not clear whether there is one, and it can't be found (yet).
        """
        request = requests.run_job_flow(
            token, self._profile.name, self._profile.slots, self._options, installation=self._installation
        )
        try:
            return self._client.run_job_flow(request)
        except Refused as refusal:
            raise ClusterLaunchError(f"cluster {self._name} was refused: {refusal}", hint=refusal.hint) from None
        except Unclear as unclear:
            found = self.living(token)
            if found is not None:
                return found
            raise ClusterError(
                f"cluster {self._name}: it is not clear whether it was launched: {unclear}", hint="ask again"
            ) from None

    def end(self, cluster_id: str) -> None:
        """Terminate the cluster, lifting its protection if need be; one that is gone or on its way is a success.

        Raises:
            ClusterError: it is not ours and is left, or AWS did not accept it.
        """
        cluster = self._client.describe_cluster(cluster_id)
        if cluster is None or states.native_state(cluster) in states.ENDING_CLUSTER_STATES:
            return
        if requests.TOKEN_TAG not in _tags(cluster):
            raise ClusterError(
                f"cluster {self._name} ({cluster_id}) was not launched by synergyflow and is left running",
                hint="end it by hand, or say keep_alive = true in the profile",
            )
        if cluster.get("TerminationProtected"):
            self._client.unprotect(cluster_id)
        self._client.terminate(cluster_id)

    def end_all_of(self, token: str) -> None:
        """Terminate whatever came of launches with this token, which may be nothing."""
        for cluster_id in self._bearing(token):
            self.end(cluster_id)

    def _bearing(self, token: str) -> list[str]:
        """Ids of living clusters of the name that this token gives, whose tag says that it was this token indeed."""
        name = requests.cluster_name(token, self._options)
        named = [cluster["Id"] for cluster in self._active() if cluster["Name"] == name]
        described = [self._client.describe_cluster(cluster_id) for cluster_id in named]
        return [cluster["Id"] for cluster in described if cluster and _tags(cluster).get(requests.TOKEN_TAG) == token]

    def _active(self) -> list[dict[str, Any]]:
        return list(self._client.clusters(states.ACTIVE_CLUSTER_STATES))


def _tags(cluster: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in cluster.get("Tags", ())}
