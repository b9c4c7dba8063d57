"""Where calls pass that begin something elsewhere."""

from __future__ import annotations

import threading

import pytest

from synergyflow.engine.gate import Gate
from synergyflow.errors import LeaseLost

PATIENCE = 60.0


def test_nobody_passes_once_it_is_closed() -> None:
    gate = Gate()
    with gate:
        pass
    gate.close()
    gate.close()
    with pytest.raises(LeaseLost), gate:
        pytest.fail("nobody may be here")


def test_who_passed_before_is_waited_for() -> None:
    gate, inside, go = Gate(), threading.Event(), threading.Event()

    def call() -> None:
        with gate:
            inside.set()
            go.wait(PATIENCE)

    threading.Thread(target=call, daemon=True).start()
    assert inside.wait(PATIENCE)
    gate.close()
    assert not gate.wait_until_empty(0.01)
    go.set()
    assert gate.wait_until_empty(PATIENCE)


def test_a_call_that_raises_is_out_again() -> None:
    gate = Gate()
    with pytest.raises(ValueError, match="refused"), gate:
        raise ValueError("refused")
    assert gate.wait_until_empty(0.0)
