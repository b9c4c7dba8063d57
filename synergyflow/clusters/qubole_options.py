"""What a profile of type `qubole` may say beyond what all profiles do, and where its credential comes from.

The API token itself is never an option: an option names the environment variable or the file that holds it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from synergyflow.config.loading import checked
from synergyflow.config.paths import shown
from synergyflow.config.profile import Profile
from synergyflow.errors import ConfigurationError

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class QuboleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of a Qubole cluster.

    Attributes:
        label: by which the account knows the cluster. It must exist; synergyflow starts and stops it, never makes it.
        api_token_env: name of the environment variable that holds the API token.
        api_token_file: path of a file that holds it, in place of the variable.
        endpoint_url: of the account's API, for example `https://us.qubole.com/api`; of an emulator on loopback.
        pool: of the cluster's scheduler that commands go to.
        tags: further tags of every command.
        spark_submit: path of the program on the cluster's machines.
        command_timeout: seconds after which Qubole itself ends a command.
        poll_minimum, poll_maximum: bounds of the seconds between two looks.
        log_interval: seconds between two looks at the log of one running command.
        request_timeout: seconds that one call may take.
    """

    label: _Text
    api_token_env: _Text = "QUBOLE_API_TOKEN"
    api_token_file: _Text | None = None
    endpoint_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/]+")] = "https://api.qubole.com/api"
    pool: _Text | None = None
    tags: tuple[_Text, ...] = ()
    spark_submit: _Text = "/usr/lib/spark/bin/spark-submit"
    command_timeout: Annotated[int, msgspec.Meta(ge=1, le=129_600)] | None = None
    poll_minimum: _Seconds = 5.0
    poll_maximum: _Seconds = 60.0
    log_interval: _Seconds = 30.0
    request_timeout: Annotated[float, msgspec.Meta(gt=0)] = 60.0

    @property
    def is_on_loopback(self) -> bool:
        """Whether the API is a server on this machine."""
        return urlsplit(self.endpoint_url).hostname in _LOOPBACK


def options_of(profile: Profile) -> QuboleOptions:
    """The profile's options, checked; the token that they refer to is not asked for.

    Raises:
        ConfigurationError: an option is unknown, missing, of the wrong type, or does not go with another.
    """
    where = place_of(profile)
    options = checked(profile.options, QuboleOptions, where=where)
    if options.poll_maximum < options.poll_minimum:
        raise ConfigurationError(f"{where}: poll_maximum is less than poll_minimum", hint="exchange them")
    if options.endpoint_url.startswith("http://") and not options.is_on_loopback:
        raise ConfigurationError(
            f"{where}: endpoint_url is plain http, which would show the API token to the network",
            hint="write https://…; plain http is for emulators on this machine",
        )
    return options


def place_of(profile: Profile) -> str:
    """Where the profile stands, as messages say it."""
    return shown(profile.path) if profile.path else f"profile {profile.name!r}"


def api_token(options: QuboleOptions, where: str) -> str:
    """The token, read anew each time: it may be renewed while a flow runs.

    Raises:
        ConfigurationError: the variable or the file is missing, empty, or not the text of a token.
    """
    if options.api_token_file is not None:
        place = f"file {options.api_token_file}"
        token = _read(Path(options.api_token_file).expanduser(), where)
    else:
        place = f"environment variable {options.api_token_env}"
        token = os.environ.get(options.api_token_env, "").strip()
    if not token:
        raise ConfigurationError(
            f"{where}: the {place} holds no Qubole API token",
            hint="put it there; it is shown under My Accounts in the control panel of Qubole",
        )
    if not (token.isascii() and token.isprintable()):
        raise ConfigurationError(f"{where}: what the {place} holds is no API token", hint="a token is one plain word")
    return token


def _read(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"{where}: the API token can't be read from {path}: {reason}", hint="check api_token_file"
        ) from None
