"""The page of the command line says what the parser says."""

import argparse
import re
import shlex
import tomllib
from pathlib import Path

import skdc
from skdc.cli.arguments import commands_of, parser
from skdc.cli.methods import method

ROOT = Path(skdc.__file__).parents[1]
PAGE = (ROOT / "docs" / "command_line.rst").read_text()


def of_parser():
    """Return each argument of each command, as it is written, with its help."""
    found = set()
    for command in commands_of(parser()).values():
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                name = action.option_strings[0] if action.option_strings else ""
                value = action.metavar or action.dest.upper() if action.nargs != 0 else ""
                several = f" [{value} ...]" if action.nargs == "+" else ""
                found.add((" ".join(filter(None, [name, value + several])), action.help))
    return found


def of_page():
    entries = re.findall(r"^``([^`]+)``\n((?:   .*\n)+)", PAGE, re.M)
    return {(name, " ".join(said.split())) for name, said in entries}


def test_the_page_has_every_argument_with_its_help_and_no_other():
    assert of_page() == of_parser()


def test_commands_of_the_page_can_be_parsed():
    commands = re.findall(r"^ +\$ skdc (.*)$", PAGE, re.M)
    assert len(commands) >= 8 and {command.split()[0] for command in commands} == set(commands_of(parser()))
    for command in commands:
        options, unknown = parser().parse_known_args(shlex.split(command))
        assert not unknown
        for name in [*getattr(options, "methods", []), *([options.method] if "method" in options else [])]:
            method(name)


def test_the_script_that_is_installed_is_the_command_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"skdc": "skdc.cli:main"}
    assert "images" in project["optional-dependencies"] and re.search(
        r"^pillow==", (ROOT / "constraints.txt").read_text(), re.M | re.I
    )
