"""`python -m smallhours` is the command `smallhours`."""

from smallhours.cli import main

if __name__ == "__main__":
    main()
