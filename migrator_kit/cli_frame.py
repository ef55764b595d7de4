"""What every command of the command line shares: the program, common parameters, output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="migrator",
    help="Move a dental practice out of Dent-O-Soft into Zoho CRM, and prove that it arrived.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="The engagement's folder.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def say(message: str) -> None:
    """Tell the person at work; the command's own answer stays alone on standard output."""
    print(message, file=sys.stderr, flush=True)


def print_json(report: dict[str, Any]) -> None:
    """Print a report as one JSON object."""
    print(json.dumps(report, ensure_ascii=False, indent=2, default=str))
