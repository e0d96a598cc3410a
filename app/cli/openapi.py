"""`sightline openapi`: print the OpenAPI document."""

import json
from typing import Annotated

import typer

from app.api.app import create_application
from app.api.openapi import document
from app.cli.support.terminal import report_errors


@report_errors
def openapi(
    client: Annotated[
        bool,
        typer.Option(
            "--client", help="Leave out webhooks, which some client generators cannot read."
        ),
    ] = False,
) -> None:
    """Print the OpenAPI document."""
    typer.echo(
        json.dumps(
            document.build_document(create_application(), for_clients=client),
            indent=2,
            ensure_ascii=False,
        )
    )
