"""The console program `thatlook`: a group that imports a command's module only when it is called.

Exit status: 0 done, 1 failed, 2 usage. Errors are one line on stderr; a stack trace is
shown only where THATLOOK_DEBUG asks for it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from engine.errors import FilterRejected, QueryRejected, TextRejected, ThatLookError

COMMANDS: Mapping[str, str] = {
    "demo": "benchmarks.commands:demo",
    "serve": "api.commands:serve",
    "search": "api.commands:search",
    "ingest": "ingest.commands:ingest",
    "worker": "ingest.commands:worker",
    "detect": "models.commands:detect",
    "pose": "models.commands:pose",
    "models": "models.commands:models",
    "train": "models.commands:train",
    "eval": "benchmarks.eval_commands:evaluate",
    "bench": "benchmarks.bench_commands:bench",
    "studio": "models.studio.commands:studio",
    "index": "ingest.index_commands:index",
    "doctor": "benchmarks.commands:doctor",
}
_USAGE = (FilterRejected, QueryRejected, TextRejected)


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and hand the command out."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their first sentence, without those whose extra is not installed."""
        rows = []
        for name in self.list_commands(ctx):
            try:
                command = self.get_command(ctx, name)
            except ImportError:
                continue
            if command:
                rows.append((name, command.get_short_help_str(limit=90)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _version() -> str:
    try:
        return version("thatlook")
    except PackageNotFoundError:
        return "unknown (not installed)"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="thatlook")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of all embedded state; also THATLOOK_HOME.",
)
@click.pass_context
def thatlook(ctx: click.Context, home: Path | None) -> None:
    """Upload a photo of a look; get the products that make it, with a link to buy each."""
    ctx.obj = {} if home is None else {"home": home}


def main() -> None:
    """Run the program and turn every failure into one line and an exit status."""
    try:
        status = thatlook(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("THATLOOK_DEBUG"):
            raise
        click.echo(f"thatlook: {_sentence(error)}", err=True)
        sys.exit(2 if isinstance(error, _USAGE) else 1)


def _sentence(error: Exception) -> str:
    if isinstance(error, ThatLookError):
        return error.message
    if isinstance(error, ImportError):
        return f"{error}. This command needs more packages: pip install 'thatlook[train]'."
    return f"unexpected failure ({type(error).__name__}: {error}). Set THATLOOK_DEBUG=1 to see where."
