"""`sightline openapi`: the contract, printed."""

import json
from typing import Annotated

import typer

from app.api.app import build
from app.api.openapi import document
from app.cli.support.terminal import guarded


@guarded
def openapi(
    client: Annotated[
        bool, typer.Option("--client", help="Without webhooks, for generators that stumble.")
    ] = False,
) -> None:
    """Prints the OpenAPI document."""
    typer.echo(json.dumps(document.document(build(), client=client), indent=2, ensure_ascii=False))
