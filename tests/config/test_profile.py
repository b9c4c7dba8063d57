"""Cluster profiles."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
import pytest

from synergyflow.config.loading import checked
from synergyflow.config.profile import Profile, load_profile, local_profile
from synergyflow.errors import ConfigurationError


def load(project: Path, text: str, name: str = "mine") -> Profile:
    (project / "clusters" / f"{name}.toml").write_text(text)
    return load_profile(name, project, where="contexts/here.toml")


@pytest.mark.parametrize(("type_", "slots"), [("local", 4), ("emr", 1), ("plugged-in", 1)])
def test_the_type_decides_how_many_steps_at_a_time_unless_said(project: Path, type_: str, slots: int) -> None:
    assert load(project, f'type = "{type_}"').slots == slots
    assert load(project, f'type = "{type_}"\nslots = 7').slots == 7


def test_what_only_its_type_knows_is_kept_for_the_adapter(project: Path) -> None:
    profile = load(
        project,
        """
        type = "emr"
        labels = ["big", "spot"]
        keep_alive = true
        keep_failed = true
        price_per_hour = 3
        region = "eu-west-1"
        core.count = 4
        """,
    )
    assert profile.name == "mine"
    assert profile.labels == {"big", "spot"}
    assert profile.keep_alive
    assert profile.keep_failed
    assert profile.price_per_hour == 3.0
    assert profile.options == {"region": "eu-west-1", "core": {"count": 4}}
    assert profile.path == project / "clusters" / "mine.toml"
    assert pickle.loads(pickle.dumps(profile)) == profile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key 'type' is missing"),
        ('type = ""', "key 'type' must be text of length >= 1"),
        ('type = "local"\nslots = 0', "key 'slots' must be a whole number >= 1"),
        ('type = "local"\nslots = "four"', "key 'slots' must be a whole number, not text"),
        ('type = "local"\nlabels = "big"', "key 'labels' must be a list, not text"),
        ('type = "local"\nkeep_alive = "yes"', "key 'keep_alive' must be true or false, not text"),
        ('type = "local"\nprice_per_hour = -1', "key 'price_per_hour' must be a number >= 0"),
        ('type = "local', "no valid TOML"),
    ],
)
def test_a_wrong_profile_is_one_clear_error(project: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(project, text)
    assert "mine.toml" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", "..", "../contexts/x", "a/b", "n" * 5000, "a\0b", ".hidden"])
def test_a_name_that_is_no_name_of_a_profile_is_refused(project: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no cluster profile"):
        load_profile(name, project, where="contexts/here.toml")


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    class Core(msgspec.Struct, forbid_unknown_fields=True):
        count: int = 1

    region: str
    core: Core = msgspec.field(default_factory=Core)
    zones: list[str] = []


def test_options_become_the_values_that_an_adapter_declares(project: Path) -> None:
    profile = load(project, 'type = "emr"\nregion = "eu-west-1"\ncore.count = 4\nzones = ["a"]')
    options = checked(profile.options, Options, where="clusters/mine.toml")
    assert (options.region, options.core.count, options.zones) == ("eu-west-1", 4, ["a"])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('regoin = "x"', "^clusters/mine.toml: unknown key 'regoin'$", "did you mean 'region'?"),
        ("", "missing required field 'region'", "documentation"),
        ('region = "x"\ncore.cuont = 2', "key 'core': object contains unknown field 'cuont'", "documentation"),
        ('region = "x"\ncore.count = "2"', "key 'core.count' must be a whole number, not text", "quotes"),
    ],
)
def test_a_wrong_option_names_file_and_key(project: Path, text: str, message: str, hint: str) -> None:
    profile = load(project, f'type = "emr"\n{text}')
    with pytest.raises(ConfigurationError, match=message) as caught:
        checked(profile.options, Options, where="clusters/mine.toml")
    assert caught.value.hint
    assert hint in caught.value.hint


def test_there_is_a_profile_of_this_machine_without_a_file() -> None:
    assert (local_profile().type, local_profile().slots, local_profile().path) == ("local", 4, None)
