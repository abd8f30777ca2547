"""The console program `thatlook`: a group that imports a command's module only when it is called.

`thatlook --help` imports none: `SUMMARIES` holds what each command does, and a test holds it to the commands.

Exit status: 0 done, 1 failed, 2 usage, 130 stopped by Ctrl-C, 143 ended by SIGTERM, 129 by SIGHUP. Errors are one line
on stderr; a stack trace is shown only where THATLOOK_DEBUG asks for it. With `--json` stdout holds exactly one JSON
document: the result, or `{"error": {"code", "message"}}`.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

import click

from engine.errors import FilterRejected, QueryRejected, TextRejected, ThatLookError
from engine.system.open_files import allow_more_open_files
from engine.system.printing import json_was_printed, print_json, printable, say
from engine.system.refusals import system_words
from engine.system.stopping import terminable
from thatlook.missing import import_advice

COMMANDS: Mapping[str, str] = {
    "demo": "thatlook.commands:demo",
    "serve": "api.commands:serve",
    "search": "api.commands:search",
    "ingest": "ingest.commands:ingest",
    "worker": "ingest.scale.worker_commands:worker",
    "queue": "ingest.scale.queue_commands:queue",
    "embed": "ingest.bulk.commands:embed",
    "load": "ingest.bulk.commands:load",
    "detect": "models.commands:detect",
    "pose": "models.commands:pose",
    "models": "models.commands:models",
    "train": "models.commands:train",
    "eval": "benchmarks.quality.commands:evaluate",
    "bench": "benchmarks.speed.commands:bench",
    "studio": "models.studio.commands:studio",
    "keys": "api.keys.commands:keys",
    "judge": "api.feedback.commands:judge",
    "report": "api.feedback.commands:report",
    "export": "thatlook.export_command:export",
    "mcp": "api.agents.commands:mcp",
    "index": "thatlook.index_commands:index",
    "backup": "ingest.backup_commands:backup_command",
    "restore": "ingest.backup_commands:restore_command",
    "settings": "thatlook.settings_commands:settings",
    "plan": "benchmarks.capacity.commands:plan",
    "doctor": "thatlook.commands:doctor",
}
SUMMARIES: Mapping[str, str] = {
    "demo": "Draw a catalogue, ingest it, show one query's answer, and serve.",
    "serve": "Serve the HTTP API and the web page.",
    "search": "Find products for each garment of IMAGE, or by words alone.",
    "ingest": "Bring a shop's FEED into the catalogue.",
    "worker": "Index what `thatlook ingest` and the API have queued.",
    "queue": "Show what waits for the workers, and what failed.",
    "embed": "Bring a very large FEED through the models on a Ray cluster.",
    "load": "Bring what `thatlook embed` left in PLACE into the catalogue.",
    "detect": "Find the garments of the main person in each IMAGE.",
    "pose": "Show each IMAGE's view and coverage, and if the gate keeps it.",
    "models": "List, verify, fetch, export and quantise model files.",
    "train": "Train the starter models: segmenter, pose, embedder, clip, kinds.",
    "eval": "Measure how good the answers are.",
    "bench": "Measure how fast the answers are, and what they cost.",
    "studio": "Draw a catalogue: products, people who wear them, and exact truth.",
    "keys": "Create, list and revoke the keys of the HTTP API.",
    "judge": "Turn clicks on answers into judgements: TREC qrels, Quepid's CSV.",
    "report": "Queries without a good match, and clicks by rank.",
    "export": "Write the catalogue as a feed or as Parquet.",
    "mcp": "Let an agent search the catalogue: MCP over stdin and stdout.",
    "index": "Show or rebuild indexes; change models while the catalogue serves.",
    "backup": "Copy the home, also while it is served.",
    "restore": "Make a home of a backup.",
    "settings": "Show every setting with its default and meaning.",
    "plan": "Say how many machines a catalogue needs, from what was measured.",
    "doctor": "Look at this installation and say what is wrong and what to do.",
}
"""What `--help` says of each command."""
_ENDED = {143: "ended by SIGTERM", 129: "ended, for its terminal was closed (SIGHUP)"}
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
        """List the commands with what they do; only one that has no summary is imported for it."""
        rows = [(name, SUMMARIES.get(name) or self._short_help(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=90) if command else ""


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
    from models.setting_names import unknown_settings

    ctx.obj = {} if home is None else {"home": home}
    for sentence in unknown_settings(os.environ):
        say(f"thatlook: {sentence}")


def main() -> None:
    """Run the program and turn every failure into one line, an exit status and, where asked for, a JSON document."""
    allow_more_open_files()
    os.umask(os.umask(0o022) | 0o002)  # Whatever it was: not every user of the machine may write to a home.
    try:
        with terminable():
            status = thatlook(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        usage = io.StringIO()
        error.show(usage)
        say(usage.getvalue().rstrip(), keep="\n")
        _end(error.exit_code, "usage", error.format_message())
    except (click.Abort, KeyboardInterrupt):
        say("thatlook: stopped. What was written is kept; the same command goes on from there.")
        _end(130, "stopped", "The command was stopped.")
    except SystemExit as ended:
        if isinstance(ended.code, int) and (how := _ENDED.get(ended.code)):
            say(f"thatlook: {how}. What was written is kept; the same command goes on from there.")
            _end(ended.code, "stopped", f"The command was {how}.")
        raise
    except BrokenPipeError:
        _let_go()
        sys.exit(1)
    except Exception as error:
        if os.environ.get("THATLOOK_DEBUG"):
            raise
        say(f"thatlook: {_sentence(error)}")
        code = error.code if isinstance(error, ThatLookError) else "unexpected"
        _end(2 if isinstance(error, _USAGE) else 1, code, _sentence(error))


def _end(status: int, code: str, message: str) -> NoReturn:
    """Leave; a script that asked for JSON and got none yet gets the error as its document."""
    if "--json" in sys.argv[1:] and not json_was_printed():
        with suppress(OSError):
            print_json({"error": {"code": code, "message": printable(message)}})
    sys.exit(status)


def _let_go() -> None:
    """Nobody reads any more (`| head`): what is still to be written goes nowhere, without a word."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _sentence(error: Exception) -> str:
    if isinstance(error, ThatLookError):
        return error.message
    if isinstance(error, ImportError):
        return import_advice(error)
    if (said := system_words(error)) is not None:
        return said
    return f"unexpected failure ({type(error).__name__}: {error}). Set THATLOOK_DEBUG=1 to see where."
