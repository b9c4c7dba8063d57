"""Finding flows in modules, files and folders, some of them faulty."""

from __future__ import annotations

import sys
from typing import Any

import cloudpickle
import pytest

from synergyflow.errors import DefinitionError, NotFoundError
from synergyflow.flow.compatibility import flows
from synergyflow.flow.private import PRIVATE_PREFIX

IMPORTS = "from synergyflow.flow import FlowGraph, flows\n"


def test_every_file_below_a_folder_is_loaded_but_helpers_and_hidden_ones(project: Any) -> None:
    project.flow("flows/b.py", "second")
    project.flow("flows/deep/er/a.py", "first")
    project.flow("flows/_helper.py", "helper")
    project.flow("flows/.hidden.py", "hidden")
    project.flow("flows/.git/c.py", "git")
    project.flow("flows/__pycache__/d.py", "cache")
    project.write("flows/notes.txt", "no flow")
    catalogue = project.discover("flows")
    assert list(catalogue.flows) == ["first", "second"]
    assert catalogue.faults == ()


def test_an_entry_may_be_a_file_or_a_dotted_module(project: Any) -> None:
    project.flow("one.py", "from_file")
    project.write("team_of_test/__init__.py", "")
    project.flow("team_of_test/two.py", "from_module")
    assert list(project.discover("one.py", "team_of_test.two").flows) == ["from_file", "from_module"]


def test_a_file_named_by_two_entries_is_loaded_once(project: Any) -> None:
    project.write("kin_of_test/__init__.py", "")
    project.flow("kin_of_test/one.py", "only")
    catalogue = project.discover("kin_of_test", "kin_of_test/one.py", "kin_of_test.one", "./kin_of_test")
    assert list(catalogue.flows) == ["only"]
    assert catalogue.faults == ()


def test_two_files_of_one_name_are_two_modules(project: Any) -> None:
    project.flow("flows/a/daily.py", "a_daily")
    project.flow("flows/b/daily.py", "b_daily")
    assert list(project.discover().flows) == ["a_daily", "b_daily"]


def test_a_file_is_read_anew_each_time(project: Any) -> None:
    project.flow("flows/a.py", "before")
    assert list(project.discover().flows) == ["before"]
    project.flow("flows/a.py", "change")
    assert list(project.discover().flows) == ["change"]


def test_flows_in_lists_tuples_and_mappings_are_found(project: Any) -> None:
    project.write(
        "flows/many.py",
        """
        from synergyflow.flow import FlowGraph
        some = [FlowGraph("in_list")]
        pair = (FlowGraph("in_tuple"), 5)
        named = {"x": FlowGraph("in_mapping")}
        again = some[0]
        """,
    )
    catalogue = project.discover()
    assert list(catalogue.flows) == ["in_list", "in_mapping", "in_tuple"]
    assert catalogue.faults == ()


@pytest.mark.parametrize("statement", ["flows['X'] = graph", "flows.flows['X'] = graph", "flows.update(X=graph)"])
def test_flows_put_into_the_mapping_are_found(project: Any, statement: str) -> None:
    project.write(
        "flows/mapped.py",
        f"""
        from synergyflow.flow import FlowGraph, flows

        def register_flows():
            graph = FlowGraph("X")
            {statement}
        """,
    )
    assert list(project.discover().flows) == ["X"]
    assert "X" in flows


def test_a_flow_registered_under_another_name_is_a_fault(project: Any) -> None:
    project.write(
        "flows/mapped.py",
        "from synergyflow.flow import FlowGraph, flows\nflows['X'] = FlowGraph('Y')\nflows['Z'] = 5\n",
    )
    catalogue = project.discover()
    assert any("'X'" in str(fault) and "flow 'Y'" in str(fault) for fault in catalogue.faults)
    with pytest.raises(DefinitionError, match="registered under this name is int"):
        catalogue.get("Z")


def test_a_dotted_module_imported_before_still_gives_its_flows(project: Any) -> None:
    project.write(
        "early_of_test.py", "from synergyflow.flow import FlowGraph, flows\nflows.flows['early'] = FlowGraph('early')\n"
    )
    assert list(project.discover("early_of_test").flows) == ["early"]
    assert list(project.discover("early_of_test").flows) == ["early"]


def test_register_flows_that_asks_for_arguments_is_left_alone(project: Any) -> None:
    project.write("flows/a.py", "def register_flows(engine):\n    raise RuntimeError('called')\n")
    assert project.discover().faults == ()


def test_a_module_can_import_its_siblings(project: Any) -> None:
    project.write("flows/_shared_of_test.py", "NAME = 'shared'\n")
    project.write(
        "flows/a.py",
        "import _shared_of_test\nfrom synergyflow.flow import FlowGraph\ng = FlowGraph(_shared_of_test.NAME)\n",
    )
    assert list(project.discover().flows) == ["shared"]


def test_siblings_of_one_name_in_two_folders_are_not_confused(project: Any) -> None:
    for folder in ("one", "two"):
        project.write(f"{folder}/_common_of_test.py", f"NAME = {folder!r}\n")
        project.write(
            f"{folder}/a.py",
            "import _common_of_test\nfrom synergyflow.flow import FlowGraph\ng = FlowGraph(_common_of_test.NAME)\n",
        )
    assert list(project.discover("one", "two").flows) == ["one", "two"]


def test_a_file_of_flows_does_not_hide_the_standard_library(project: Any) -> None:
    project.flow("flows/colorsys.py", "mine")
    project.write("flows/user.py", "import colorsys\nassert colorsys.rgb_to_hsv\n")
    catalogue = project.discover()
    assert catalogue.faults == ()
    assert list(catalogue.flows) == ["mine"]


def test_one_flow_imported_by_another_file_is_no_duplicate(project: Any) -> None:
    project.flow("flows/base_of_test.py", "base")
    project.write("flows/user.py", "from base_of_test import graph\n")
    catalogue = project.discover()
    assert catalogue.faults == ()
    assert list(catalogue.flows) == ["base"]


def test_a_flow_made_by_a_factory_of_another_file_belongs_to_the_caller(project: Any) -> None:
    project.write(
        "flows/factory_of_test.py", "from synergyflow.flow import FlowGraph\ndef make(n):\n    return FlowGraph(n)\n"
    )
    project.write("flows/user.py", "from factory_of_test import make\ngraph = make('made')\n")
    assert list(project.discover().flows) == ["made"]


def test_two_flows_of_one_name_are_neither_usable_and_both_files_are_named(project: Any) -> None:
    project.flow("flows/a.py", "same")
    project.flow("flows/b.py", "same")
    project.flow("flows/c.py", "other")
    catalogue = project.discover()
    assert list(catalogue.flows) == ["other"]
    with pytest.raises(DefinitionError) as caught:
        catalogue.get("same")
    assert "flows/a.py:2" in str(caught.value)
    assert "flows/b.py:2" in str(caught.value)


def test_two_flows_whose_names_differ_by_case_are_neither_usable(project: Any) -> None:
    project.flow("flows/a.py", "same")
    project.flow("flows/b.py", "Same")
    catalogue = project.discover()
    assert list(catalogue.flows) == []
    for name in ("same", "Same"):
        with pytest.raises(DefinitionError, match="differs only by case"):
            catalogue.get(name)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\nraise ValueError('broken here')\n", 2, "ValueError: broken here"),
        ("import sys\n\nsys.exit(3)\n", 3, "SystemExit: 3"),
        ("class Worse(BaseException): ...\nraise Worse('than that')\n", 2, "Worse: than that"),
        ("def f(:\n", 1, "SyntaxError"),
        ("import no_such_module_of_test\n", 1, "ModuleNotFoundError"),
        ("from synergyflow.actions import SleepAction\nSleepAction(-1)\n", 2, "seconds is a number of at least 0"),
        ("def register_flows():\n    1 / 0\n", 2, "ZeroDivisionError"),
        ("x = '\0'\n", None, "null bytes"),
    ],
)
def test_a_file_that_does_not_load_is_a_fault_with_its_line(
    project: Any, text: str, line: int | None, message: str
) -> None:
    project.write("flows/bad.py", text)
    project.flow("flows/good.py", "good")
    before = set(sys.modules)
    catalogue = project.discover()
    assert list(catalogue.flows) == ["good"]
    (fault,) = catalogue.faults
    assert fault.file == "flows/bad.py"
    assert line is None or fault.line == line
    assert message in fault.message
    assert "\n" not in str(fault)
    assert not [name for name in set(sys.modules) - before if name.endswith("_bad") and name.startswith(PRIVATE_PREFIX)]


def test_flows_of_a_file_that_breaks_off_are_not_usable(project: Any) -> None:
    project.write(
        "flows/bad.py", "from synergyflow.flow import FlowGraph\nhalf = FlowGraph('half')\nraise ValueError('x')\n"
    )
    catalogue = project.discover()
    assert list(catalogue.flows) == []
    with pytest.raises(DefinitionError, match=r"flows/bad.py:3: ValueError: x"):
        catalogue.get("half")


@pytest.mark.parametrize(
    "entry", ["nowhere.py", "no/where", "no_such_module_of_test", "no_such.module_of_test", "", "a b", "x" * 300]
)
def test_an_entry_that_is_not_there_is_a_fault(project: Any, entry: str) -> None:
    project.flow("good.py", "good")
    catalogue = project.discover("good.py", entry)
    assert list(catalogue.flows) == ["good"]
    (fault,) = catalogue.faults
    assert repr(entry) in str(fault)


def test_a_dotted_module_that_does_not_load_is_named_by_its_file_and_its_flows_are_broken(project: Any) -> None:
    project.write("broken_of_test.py", f"{IMPORTS}half = FlowGraph('half')\n1 / 0\n")
    project.write("unread_of_test.py", "x = (\n")
    catalogue = project.discover("broken_of_test", "unread_of_test")
    assert [(fault.file, fault.line) for fault in catalogue.faults] == [
        ("broken_of_test.py", 3),
        ("unread_of_test.py", 1),
    ]
    with pytest.raises(DefinitionError, match=r"broken_of_test.py:3: ZeroDivisionError"):
        catalogue.get("half")


def test_a_mistake_in_a_helper_is_placed_where_the_file_imports_it(project: Any) -> None:
    project.write("flows/_helper_of_test.py", "x = (\n")
    project.write("flows/a.py", "\nimport _helper_of_test\n")
    (fault,) = project.discover().faults
    assert (fault.file, fault.line) == ("flows/a.py", 2)
    assert "_helper_of_test.py, line 1" in fault.message


def test_a_name_registered_twice_in_one_file_is_a_clash(project: Any) -> None:
    project.write("flows/a.py", f"{IMPORTS}for _ in '12':\n    flows['X'] = FlowGraph('X')\n")
    with pytest.raises(DefinitionError, match=r"is also defined at flows/a.py:3"):
        project.discover().get("X")


def test_an_entry_that_no_file_system_knows_is_a_fault(project: Any) -> None:
    (fault,) = project.discover("a\0b").faults
    assert "flows can't be looked for in" in fault.message


def test_loading_a_flow_does_not_forget_installed_packages_of_the_same_name(project: Any) -> None:
    installed = sys.modules["cloudpickle"]
    project.flow("flows/cloudpickle.py", "mine")
    assert list(project.discover("flows", "flows/cloudpickle.py").flows) == ["mine"]
    assert sys.modules["cloudpickle"] is installed


def test_a_faulty_step_spoils_its_flow_and_not_the_others_of_the_file(project: Any) -> None:
    project.write(
        "flows/a.py",
        """
        from synergyflow.actions import IdentityAction
        from synergyflow.flow import FlowGraph
        good = FlowGraph("good").append("x", None, IdentityAction())
        bad = FlowGraph("bad")
        bad.append("a", None, IdentityAction(), retries=-1)
        bad.append("b", ["a"], IdentityAction())
        bad.append("c", ["q"], IdentityAction())
        wrong = FlowGraph("wrong", time_qualifier="dayly")
        last = FlowGraph("last")
        """,
    )
    catalogue = project.discover()
    assert list(catalogue.flows) == ["good", "last"]
    assert [(fault.line, fault.flow, fault.step) for fault in catalogue.faults] == [
        (6, "bad", "a"),
        (8, "bad", "c"),
        (9, "wrong", None),
    ]
    with pytest.raises(DefinitionError) as caught:
        catalogue.get("bad")
    assert str(caught.value) == "flows/a.py:6: flow 'bad', step 'a': retries is 0 or more, not -1 (and 1 more)"
    with pytest.raises(DefinitionError, match="time_qualifier"):
        catalogue.get("wrong")


def test_an_unknown_flow_is_not_found_with_the_nearest_name_and_the_faulty_files(project: Any) -> None:
    project.flow("flows/good.py", "flight_delays")
    project.write("flows/bad.py", "1 / 0\n")
    with pytest.raises(NotFoundError) as caught:
        project.discover().get("flight_delay")
    assert caught.value.hint == "did you mean 'flight_delays'?"
    assert "flows/bad.py" in str(caught.value)


def test_what_modules_print_while_they_load_goes_to_stderr(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("flows/loud.py", "print('loading')\ndef register_flows():\n    print('registering')\n")
    project.discover()
    assert capsys.readouterr() == ("", "loading\nregistering\n")


def test_functions_of_files_can_be_pickled_by_value(project: Any) -> None:
    project.write(
        "flows/a.py", "from synergyflow.flow import FlowGraph\ng = FlowGraph('x')\ndef f():\n    return 41 + 1\n"
    )
    project.discover()
    module = next(m for name, m in sys.modules.items() if name.startswith(PRIVATE_PREFIX) and name.endswith("_a"))
    cloudpickle.register_pickle_by_value(module)
    data = cloudpickle.dumps(module.f)
    cloudpickle.unregister_pickle_by_value(module)
    assert cloudpickle.loads(data)() == 42


def test_flows_written_for_the_ancestor_load_with_only_their_imports_changed(project: Any) -> None:
    project.write("flows/ancestor.py", ANCESTOR)
    catalogue = project.discover()
    assert catalogue.faults == ()
    graph = catalogue.get("nightly_import")
    assert len(graph) == 8
    assert list(graph) == [
        "prepare",
        "fetch_orders",
        "fetch_clients",
        "check_orders",
        "merge",
        "alarm",
        "publish",
        "tidy",
    ]
    assert graph.all_dependant_steps("fetch_orders") == ["check_orders", "merge", "publish", "tidy"]
    assert graph["fetch_orders"].pre_actions == graph["fetch_clients"].pre_actions
    assert graph["fetch_orders"].pre_actions[0] is graph["fetch_clients"].pre_actions[0]


ANCESTOR = """
from synergyflow.flow import FlowGraph, flows
from synergyflow.actions import (
    FailureAction, IdentityAction, MkdirAction, RmdirAction, ShellCommandAction, SleepAction)

FLOW_NAME = 'nightly_import'

sa_list = ShellCommandAction('ls -al')
sa_make = MkdirAction('/tmp/nightly_import')
sa_drop = RmdirAction('/tmp/nightly_import')
sa_wait = SleepAction(30)


def register_flows():
    graph = FlowGraph(FLOW_NAME)
    graph.append(name='prepare', dependent_on_names=[],
                 main_action=sa_make, pre_actions=[sa_list], post_actions=[sa_list])
    graph.append(name='fetch_orders', dependent_on_names=['prepare'],
                 main_action=sa_wait, pre_actions=[sa_list], post_actions=[sa_list, sa_wait])
    graph.append(name='fetch_clients', dependent_on_names=['prepare'],
                 main_action=ShellCommandAction('echo "clients"'), pre_actions=[sa_list])
    graph.append(name='check_orders', dependent_on_names=['fetch_orders'],
                 main_action=IdentityAction())
    graph.append(name='merge', dependent_on_names=['check_orders', 'fetch_clients'],
                 main_action=sa_list, pre_actions=[sa_wait, sa_list], post_actions=[sa_wait])
    graph.append(name='alarm', dependent_on_names=['fetch_clients'],
                 main_action=FailureAction(), skip=True)
    graph.append(name='publish', dependent_on_names=['merge'],
                 main_action=sa_list, post_actions=[IdentityAction()])
    graph.append(name='tidy', dependent_on_names=['publish'],
                 main_action=sa_drop)
    flows.flows[FLOW_NAME] = graph
"""
