"""The flow of `engine demo`: delays of the flights that left New York in 2013.

It is written in `synergyflow/demo/flow/flight_delays.py`, so that an installed package has it as well. Its weather
comes from a feed; `engine demo` makes a project folder whose feed has delivered:

    engine demo
    engine run --flow flight_delays --timeperiod 2013070400 --context demo/contexts/demo.toml
"""

from synergyflow.demo.flow.flight_delays import flight_delays

__all__ = ["flight_delays"]
