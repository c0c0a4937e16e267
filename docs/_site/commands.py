"""The page about the command line, written from the parser itself."""

import argparse
import os
import re
import textwrap

PROGRAM = "python -m serkeras"


def page():
    """Write the page: every command with its usage, options and examples."""
    os.environ["COLUMNS"] = "80"  # of argparse, which else measures the terminal
    from serkeras import cli

    parser = cli._parser()
    lines = ["# Command line", "", "Every command explains itself with `--help`; this page is", ""]
    lines[2] = "What `--help` of each command says."
    lines += ["", *_block(parser.epilog), *_options(parser)]
    for name, inner in _subparsers(parser).items():
        lines += _command(name, inner, 2)
    return "\n".join(lines) + "\n"


def _subparsers(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def _command(name, parser, level):
    """Write one command, and the commands within it one level deeper."""
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    lines = ["#" * level + f" {name}", "", _prose(parser.description), ""]
    lines += ["```text", textwrap.dedent(usage), "```", "", *_options(parser), ""]
    lines += _block(parser.epilog)
    for inner, subparser in _subparsers(parser).items():
        lines += _command(f"{name} {inner}", subparser, level + 1)
    return lines


def _options(parser):
    """Write a table of arguments and options with their help."""
    formatter = parser._get_formatter()
    rows = []
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        if action.help == argparse.SUPPRESS:
            continue
        words = _prose(formatter._expand_help(action)) if action.help else ""
        rows.append(f"| {_names(formatter, action)} | {words} |")
    return ["| option | what it does |", "|---|---|", *rows, ""] if rows else []


def _names(formatter, action):
    invocation = formatter._format_action_invocation(action)
    return "<br>".join(f"`{name}`".replace("|", "\\|") for name in invocation.split(", "))


def _prose(text):
    """Return help text as Markdown on one line: no character of it is markup."""
    words = " ".join((text or "").split())
    return re.sub(r"([*_<>|\[\]`])", r"\\\1", words)


def _block(text):
    """Write an epilog: examples, as they stand."""
    return ["```text", textwrap.dedent(text).strip(), "```", ""] if text else []
