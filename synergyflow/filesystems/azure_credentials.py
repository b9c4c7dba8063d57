"""Who we are for Azure: what the context refers to, else what the environment says, else the default identity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from synergyflow.filesystems.opening import missing_library


def credential_for(account: str, given: str | None, environment: Mapping[str, str] = os.environ) -> Any:
    """What azure-storage-blob takes as the credential for an account.

    The environment is read as the Azure command line reads it: `AZURE_STORAGE_CONNECTION_STRING` if it is of this
    account, `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN`.

    Raises:
        ConfigurationError: nothing is given and azure-identity, which knows the default identity, is not installed.
    """
    text = given or _from_environment(account, environment)
    if text is None:
        missing_library("azure.identity", "azure")
        from azure.identity import DefaultAzureCredential  # type: ignore[import-not-found,import-untyped,unused-ignore]

        return DefaultAzureCredential()
    if "&sig=" in f"&{text.removeprefix('?')}":
        from azure.core.credentials import AzureSasCredential

        return AzureSasCredential(text.removeprefix("?"))
    return {"account_name": account, "account_key": text}


def _from_environment(account: str, environment: Mapping[str, str]) -> str | None:
    connection = dict(
        pair.split("=", 1) for pair in environment.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";") if "=" in pair
    )
    if connection.get("AccountName") == account:
        found = connection.get("AccountKey") or connection.get("SharedAccessSignature")
        if found:
            return found
    return environment.get("AZURE_STORAGE_KEY") or environment.get("AZURE_STORAGE_SAS_TOKEN")
