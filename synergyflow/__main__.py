"""`python -m synergyflow` is the command `engine`."""

from synergyflow.cli.main import main

if __name__ == "__main__":
    main()
