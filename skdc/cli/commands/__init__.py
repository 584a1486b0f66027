"""The commands: each module has a `run`, which takes the options."""
