"""The command line, as `python -m skdc`."""

from skdc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
