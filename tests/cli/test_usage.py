# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Help, complaints and exit statuses of dsql; its manual and its completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import libdsql
import pytest
from command import PROGRAM

ROOT = Path(__file__).parents[2]
COMMANDS = ["token", "check", "ping", "psql", "local", "jobs"]


def options_of(help_text: str) -> set[str]:
    """Those of the lines that explain options; an example may show another program's."""
    lines = "\n".join(re.findall(r"^  --.*$", help_text, re.MULTILINE))
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", lines))


def test_help_lists_every_command(dsql):
    done = dsql("--help")
    assert done.returncode == 0
    assert re.findall(r"^  ([a-z]+) ", done.stdout, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_screen(dsql, command):
    done = dsql(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert 5 < len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "dsql: COMMAND is missing; see dsql --help\n"),
        (["tokens"], 'dsql: there is no command "tokens"; see dsql --help\n'),
        (["token"], "dsql token: HOST is missing; see dsql token --help\n"),
        (["token", "a", "b"], 'dsql token: there is no argument "b"; see dsql token --help\n'),
        (["token", "a", "--usr"], "dsql token: there is no option --usr; see dsql token --help\n"),
        (["token", "a", "-uv"], "dsql token: there is no option -u; see dsql token --help\n"),
        (
            ["token", "--json=x", "a"],
            "dsql token: --json=x has a value that it does not take; see dsql token --help\n",
        ),
        (["token", "a", "--user"], "dsql token: --user lacks its value; see dsql token --help\n"),
    ],
)
def test_wrong_usage_is_told_on_standard_error(dsql, arguments, said):
    done = dsql(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_version_is_that_of_the_library(dsql):
    assert dsql("--version").stdout == f"dsql {libdsql.__version__}\n"


def test_console_script_becomes_the_program(dsql):
    script = Path(sys.executable).parent / "dsql"
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.stdout == dsql("--version").stdout


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("dsql token", ["token", "localhost"]), ("dsql", ["--version"]), ("dsql", ["--help"])],
)
def test_output_that_cannot_be_written_is_a_failure(keys, name, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PROGRAM, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**keys, "PATH": os.environ["PATH"]},
        )
    assert done.returncode == 1
    assert done.stderr == f"{name}: cannot write: No space left on device\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_explains_every_option(dsql, command):
    manual = (ROOT / "cli" / "dsql.1").read_text()
    shown = {f"--{name}" for name in re.findall(r"Fl -([a-z][a-z-]+)", manual)}
    assert f".Ss dsql {command}\n" in manual
    assert options_of(dsql(command, "--help").stdout) <= shown


def complete(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dsql; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", script, ROOT / "cli" / "dsql.bash", *words], capture_output=True, text=True
    )
    return done.stdout.split()


def test_completion_offers_commands_and_options(dsql):
    assert set(COMMANDS) <= set(complete("dsql", ""))
    for command in COMMANDS:
        offered = set(complete("dsql", command, "--"))
        assert options_of(dsql(command, "--help").stdout) <= offered
