"""Stand-ins for clouds: real servers on loopback that speak a provider's protocol to the provider's own client.

Each is a package of its own, started in a program (`with EmrEmulator() as emulator: emulator.url`) or by hand
(`python -m synergyflow.testing.emulators.emr --port 8700`). They keep what is asked of them in a ledger and do wrong on
demand what clouds do wrong.
"""
