"""Commands for those who keep a deployment running."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import Annotated

import typer

from eks_readiness.app.redrive import MAX_LETTERS, Redrive, Redriven, look
from eks_readiness.cli.app import (
    DEPLOYMENT,
    DeploymentOption,
    ExitCode,
    Output,
    OutputOption,
    ProfileOption,
    RegionOption,
    app,
    note,
    show_json,
)
from eks_readiness.cli.deployed import connected
from eks_readiness.domain.errors import bounded
from eks_readiness.ports import DeadLetter, DeadLetterKind

MAX_SHOWN = 20
"""Letters that a dry run shows."""
MAX_BODY_CHARACTERS = 400


class DeadLetterQueue(StrEnum):
    """Whose dead letters."""

    SCANS = "scans"
    TICKS = "ticks"
    EVENTS = "events"
    SWEEPS = "sweeps"


_KINDS: dict[DeadLetterQueue, DeadLetterKind] = {
    DeadLetterQueue.SCANS: "scans",
    DeadLetterQueue.TICKS: "ticks",
    DeadLetterQueue.EVENTS: "events",
    DeadLetterQueue.SWEEPS: "sweeps",
}


@app.command("redrive")
def redrive(
    which: Annotated[DeadLetterQueue, typer.Argument(help="Whose dead letters.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what lies there, and change nothing.")] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=1, max=MAX_LETTERS, help="How many to take up; where SQS moves scans by itself, it moves all."
        ),
    ] = MAX_LETTERS,
    output: OutputOption = Output.TABLE,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Take up again what ended as a dead letter: once its cause is mended.

    Scans go back to their queue. The newest tick asks for its scans, older ones are dropped with it. Letters about
    events go once these are told, which the sweeper does from the ledger. Letters of sweeps are dropped: the next sweep
    does the same.
    """
    what = _KINDS[which]
    there = connected(deployment, region, profile)
    letters = there.dead_letters(what)
    if dry_run:
        _shown(*look(letters, limit=min(limit, MAX_SHOWN)), output)
        return
    done = Redrive(letters=letters, ledger=there.ledger, queue=there.queue)(what, limit=limit)
    if output is Output.JSON:
        show_json(done)
    else:
        _said(done)
    if done.kept:
        raise typer.Exit(ExitCode.UNKNOWN)


def _shown(count: int, letters: tuple[DeadLetter, ...], output: Output) -> None:
    if output is Output.JSON:
        found = [
            {"id": each.id, "sent_at": each.sent_at, "body": bounded(each.body, MAX_BODY_CHARACTERS)}
            for each in letters
        ]
        show_json({"count": count, "letters": found})
        return
    for each in letters:
        sent = f"{each.sent_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        typer.echo(f"{sent}  {each.id}  {bounded(each.body, MAX_BODY_CHARACTERS)}")
    note(f"about {_letters(count)}, {len(letters)} shown; nothing was changed")


def _letters(count: int) -> str:
    return f"{count} letter{'s' if count != 1 else ''}"


def _said(done: Redriven) -> None:
    if done.moving:
        note(f"on their way back to their queue: about {_letters(done.moved)}; look again with --dry-run")
    elif done.moved:
        note(f"back in their queue: {_letters(done.moved)}")
    if done.requested:
        note(f"scans requested: {done.requested}")
    if done.dropped:
        note(f"done with: {_letters(done.dropped)}")
    for each in done.kept:
        note(f"letter {each}")
    for event in done.untold:
        since = f"{event.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        note(f"not told since {since}: {bounded(event.key.partition)} {bounded(event.key.name)}")
    if done == Redriven():
        note("there are no letters")
