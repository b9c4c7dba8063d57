"""Contexts: what a file may say, where it is found, and each way in which it can be wrong."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from synergyflow.config.environment import Environment, load_environment
from synergyflow.errors import ConfigurationError, NotFoundError, SynergyFlowError

Load = Callable[[str], Environment]


def test_an_empty_context_has_all_defaults(load: Load, project: Path) -> None:
    environment = load("")
    (profile, count), *others = environment.pool
    assert (environment.name, environment.root) == ("here", project)
    assert environment.log_directory == project / "logs"
    assert environment.database_url == f"sqlite:///{project}/logs/synergyflow.db"
    assert environment.bucket == str(project / "data")
    assert environment.flows == ()
    assert (profile.name, count, others, environment.number_of_clusters) == ("local", 2, [], 2)
    assert (environment.log_max_bytes, environment.log_keep) == (256 * 1024 * 1024, 20)
    assert not environment.settings
    assert not environment.secrets


def test_a_context_can_say_everything(load: Load, project: Path) -> None:
    (project / "clusters" / "big.toml").write_text('type = "emr"')
    environment = load(
        """
        flows = ["package.flows", "flows/one.py", "flows"]
        pool = { local = 2, big = 1 }
        log_directory = "/var/log/flows"
        database_url = "postgresql+psycopg://someone@localhost/state"
        bucket = "s3://bucket/prefix"
        log_max_bytes = 4096
        log_keep = 0
        [settings]
        mail.to = ["a", "b"]
        """
    )
    assert environment.flows == ("package.flows", "flows/one.py", "flows")
    assert [(profile.name, count) for profile, count in environment.pool] == [("local", 2), ("big", 1)]
    assert environment.number_of_clusters == 3
    assert environment.log_directory == Path("/var/log/flows")
    assert environment.database_url == "postgresql+psycopg://someone@localhost/state"
    assert environment.bucket == "s3://bucket/prefix"
    assert (environment.log_max_bytes, environment.log_keep) == (4096, 0)
    assert environment.settings["mail"]["to"] == ("a", "b")


def test_a_cluster_is_used_as_many_times_as_said(load: Load) -> None:
    environment = load('cluster = "local"\nnumber_of_clusters = 5')
    assert [count for _, count in environment.pool] == [5]
    assert environment.number_of_clusters == 5


def test_a_context_is_found_from_a_folder_below(load: Load, project: Path) -> None:
    load("")
    below = project / "flows" / "deep"
    below.mkdir(parents=True)
    assert load_environment("here", below).root == project


def test_the_working_folder_is_where_the_search_begins(
    load: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("")
    monkeypatch.chdir(project)
    assert load_environment("here").path == project / "contexts" / "here.toml"


def test_the_nearest_context_of_a_name_wins(load: Load, project: Path) -> None:
    load("")
    inner = project / "inner"
    for folder in ("contexts", "clusters"):
        (inner / folder).mkdir(parents=True)
    (inner / "contexts" / "here.toml").write_text("")
    (inner / "clusters" / "local.toml").write_text('type = "local"')
    assert load_environment("here", inner).root == inner


def test_a_path_may_be_relative_absolute_or_below_the_home(
    load: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("")
    monkeypatch.setenv("HOME", str(project))
    path = project / "contexts" / "here.toml"
    for given in (path, str(path), "contexts/here.toml", "./contexts/../contexts/here.toml", "~/contexts/here.toml"):
        assert load_environment(given, project).path == path
        assert load_environment(given, project).root == project


def test_a_file_outside_of_a_folder_contexts_refers_to_its_own_folder(project: Path) -> None:
    (project / "alone.toml").write_text('log_directory = "out/../my-logs"')
    environment = load_environment("alone.toml", project)
    assert environment.root == project
    assert environment.log_directory == project / "my-logs"


def test_the_home_is_expanded_in_paths(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    environment = load('log_directory = "~/logs"\nbucket = "~/data"\ndatabase_url = "sqlite:///~/state.db"')
    assert environment.log_directory == Path("/home/someone/logs")
    assert environment.bucket == "/home/someone/data"
    assert environment.database_url == "sqlite:////home/someone/state.db"


def test_an_unknown_context_names_the_nearest(load: Load, project: Path) -> None:
    load("")
    with pytest.raises(NotFoundError, match="no context 'hera'") as caught:
        load_environment("hera", project)
    assert caught.value.hint == "did you mean 'here'?"
    with pytest.raises(NotFoundError) as caught:
        load_environment("zzz", project)
    assert caught.value.hint == "contexts: here"


@pytest.mark.parametrize("name", ["", "n" * 5000, "a\0b", "nowhere.toml", "no/where.toml", "x" * 5000 + ".toml"])
def test_a_context_that_is_not_there_is_one_clear_error(project: Path, name: str) -> None:
    with pytest.raises((NotFoundError, ConfigurationError)) as caught:
        load_environment(name, project)
    assert caught.value.hint


def test_a_path_that_is_no_toml_file_is_refused(project: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not end with \.toml"):
        load_environment("/dev/zero", project)


WRONG = [
    ("number_of_cluster = 2", "unknown key 'number_of_cluster'", "did you mean 'number_of_clusters'?"),
    ("colour = 2", "unknown key 'colour'", "known keys: bucket, cluster"),
    ('number_of_clusters = "2"', "key 'number_of_clusters' must be a whole number, not text", "without quotes"),
    ("number_of_clusters = 2.5", "key 'number_of_clusters' must be a whole number, not a number", "correct"),
    ("number_of_clusters = true", "key 'number_of_clusters' must be a whole number, not true or false", "correct"),
    ("number_of_clusters = 0", "key 'number_of_clusters' must be a whole number >= 1", "correct"),
    ("number_of_clusters = 1000000000", "must be a whole number <= 1000", "correct"),
    ("log_directory = 7", "key 'log_directory' must be text, not a whole number", "in quotes"),
    ('log_directory = ""', "key 'log_directory' must be text of length >= 1", "correct"),
    ('log_directory = "a\\u0000b"', "null character", "remove"),
    ('log_directory = "~nobody-of-that-name/x"', "no home for the ~", "write the path out"),
    ('flows = "examples"', "key 'flows' must be a list, not text", '"one", "two"'),
    ("flows = [1]", r"key 'flows\[0\]' must be text, not a whole number", "in quotes"),
    ("settings = 3", "key 'settings' must be a table, not a whole number", "correct"),
    ("log_max_bytes = 1", "must be a whole number >= 4096", "correct"),
    ("pool = {}", "pool is empty", "local = 2"),
    ("pool = { local = 0 }", "1 to 1000, for 'local'", "local = 2"),
    ("pool = { local = true }", "1 to 1000, for 'local'", "local = 2"),
    ('pool = ["local"]', "key 'pool' must be a table, not a list", "correct"),
    ('cluster = "local"\npool = { local = 1 }', "both 'cluster' and 'pool'", "one of them"),
    ("number_of_clusters = 3\npool = { local = 2 }", "number_of_clusters is 3, but the pool has 2", "remove"),
    ('cluster = "locl"', "no cluster profile 'locl'", "did you mean 'local'?"),
    ("pool = { zebra = 1 }", "no cluster profile 'zebra'", "profiles: local"),
    ('cluster = "../clusters/local"', "no cluster profile", "did you mean|profiles"),
    ("flows = [\n", "no valid TOML: .*line", "bracket at its end"),
    ('flows = ["flows"\nbucket = "data"\n', "no valid TOML: .*line 2", "bracket at its end"),
    ("log_directory = logs", "no valid TOML: .*line 1", "quotes"),
    ("a = " + "[" * 5000, "no valid TOML", "quotes"),
    ("settings." + "a." * 3000 + "b = 1", "no valid TOML: it is nested too deeply", "quotes"),
    ('database_url = "state.db"', "database_url is no URL", "sqlite:///"),
    ('database_url = "sqlite://state.db"', "needs three slashes", "sqlite:///"),
    ("database_url = 5", "database_url is no reference", "env = "),
    ('database_url = { env = "A", file = "b" }', "database_url is no reference", "env = "),
    ('database_url = { env = "SF_NOT_SET" }', "database_url: the environment variable SF_NOT_SET is not set", "export"),
    ('secrets = { K = "literal-value" }', "secret 'K' is written into the file itself", "K = { env"),
    ("secrets = { K = {} }", "secret 'K' is no reference", "env = "),
    ('secrets = { K = { environment = "A" } }', "secret 'K' is no reference", "env = "),
    ("secrets = { K = { env = 3 } }", "secret 'K' is no reference", "env = "),
    (
        'secrets = { K = { env = "SF_NOT_SET" } }',
        "secret 'K': the environment variable SF_NOT_SET is not set",
        "export",
    ),
    ('secrets = { K = { env = "SF_EMPTY" } }', "the environment variable SF_EMPTY is empty", "export"),
    ('secrets = { K = { env = "SF_SHORT" } }', "secret 'K' is shorter than 6 characters", "longer"),
    ('secrets = { K = { env = "SF_BLANK" } }', "secret 'K' is shorter than 6 characters", "longer"),
    ('secrets = { K = { file = "none" } }', "secret 'K': there is no file .*none", "make it"),
    ('secrets = { K = { file = "clusters" } }', "secret 'K': there is no file .*clusters", "make it"),
    ('secrets = { K = { file = "/dev/zero" } }', "secret 'K': there is no file /dev/zero", "make it"),
    ('secrets = { K = { file = "empty" } }', "the file .*empty is empty", "write the secret"),
    ('secrets = { K = { file = "huge" } }', "is larger than 65536 bytes", "right one"),
]


@pytest.mark.parametrize(("text", "message", "hint"), WRONG)
def test_a_wrong_context_is_one_clear_error(
    load: Load, project: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str, hint: str
) -> None:
    monkeypatch.setenv("SF_EMPTY", "")
    monkeypatch.setenv("SF_SHORT", "abcde")
    monkeypatch.setenv("SF_BLANK", " " * 9)
    monkeypatch.delenv("SF_NOT_SET", raising=False)
    (project / "empty").write_text("\n")
    (project / "huge").write_text("x" * 70_000)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(text)
    assert len(str(caught.value).splitlines()) == 1
    assert "here.toml" in str(caught.value)
    assert caught.value.hint
    assert any(part in caught.value.hint for part in hint.split("|"))
    assert "literal-value" not in f"{caught.value}{caught.value.hint}"
    assert "abcde" not in f"{caught.value}{caught.value.hint}"


def test_a_context_that_is_no_text_names_the_line(project: Path) -> None:
    (project / "contexts" / "here.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigurationError, match="not UTF-8 at line 2"):
        load_environment("here", project)


def test_a_context_larger_than_a_mebibyte_is_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="larger than 1048576 bytes"):
        load("#" * (1 << 20) + "\n")


def test_secrets_come_from_variables_and_files(load: Load, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_TOKEN", "token-of-mine")
    (project / "key").write_text("line one\r\nline two\r\n")
    environment = load('[secrets]\nTOKEN = { env = "SF_TOKEN" }\nKEY = { file = "key" }')
    assert dict(environment.secrets) == {"TOKEN": "token-of-mine", "KEY": "line one\r\nline two"}
    assert environment.masker.text("token-of-mine, line two") == "******, ******"


def test_no_secret_is_in_any_text_of_an_environment(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_TOKEN", "token-of-mine")
    environment = load(
        'database_url = "postgresql://me:pass-of-mine@localhost/x"\nsecrets = { TOKEN = { env = "SF_TOKEN" } }'
    )
    for text in (repr(environment), str(environment), repr(environment.secrets), f"{environment.masker}"):
        assert "of-mine" not in text
    assert "TOKEN" in repr(environment.secrets)


def test_the_database_may_be_a_reference_and_its_password_is_masked(
    load: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_URL", "postgresql://me:p%40ss-word@db/x")
    (project / "url").write_text("sqlite:///state.db\n")
    by_variable = load('database_url = { env = "SF_URL" }')
    assert by_variable.database_url == "postgresql://me:p%40ss-word@db/x"
    assert by_variable.masker.text("as p%40ss-word or p@ss-word") == "as ****** or ******"
    assert load('database_url = { file = "url" }').database_url == f"sqlite:///{project}/state.db"


def test_an_environment_can_be_pickled_and_copied(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_TOKEN", "token-of-mine")
    environment = load('secrets = { T = { env = "SF_TOKEN" } }\n[settings]\na.b = [1]')
    again = pickle.loads(pickle.dumps(environment))
    assert again == environment
    assert again.masker.text("token-of-mine") == "******"
    assert copy.deepcopy(environment) is environment


def test_settings_cannot_be_changed_at_any_depth(load: Load) -> None:
    settings = load("[settings]\na.b = 1").settings
    with pytest.raises(TypeError, match="read-only"):
        settings["a"]["b"] = 2


def test_what_a_context_raises_is_never_a_foreign_error(project: Path) -> None:
    (project / "contexts" / "here.toml").mkdir()
    with pytest.raises(SynergyFlowError):
        load_environment("here", project)
    with pytest.raises(SynergyFlowError):
        load_environment(project / "contexts" / "here.toml")


def test_the_context_that_ships_works_as_it_is() -> None:
    environment = load_environment("local", Path(__file__).parent)
    assert environment.flows == ("examples",)
    assert environment.database_url == f"sqlite:///{environment.log_directory}/synergyflow.db"
    assert [(profile.type, profile.slots, count) for profile, count in environment.pool] == [("local", 4, 2)]
