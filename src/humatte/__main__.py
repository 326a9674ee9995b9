"""Runs the command line as `python -m humatte`."""

from humatte.cli import main

if __name__ == "__main__":
    main()
