"""`ortui demo-server`: the embedded server alone, in this process."""

from __future__ import annotations

from typing import Any

import click

from tui.commands import clicking
from tui.commands.common_options import CommandError, CommonOptions
from tui.core.exit_status import GOOD


@clicking.command(name="demo-server")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Loopback port; 0 (default) picks a free one.")
@click.option("--seed", type=int, default=0, help="The same seed says the same things.")
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, help="Multiplies the pace; 0: as fast as it can.")
@clicking.given
def command(_: CommonOptions, /, port: int, **given: Any) -> int:
    """Serve OpenRouter's protocol on this machine until ctrl+c; no key, no network, no costs.

    The first line of output is the base URL. Any `sk-or-v1-…` is a key with an account of its own.
    """
    from tui.demo.__main__ import serve
    from tui.demo.settings import Settings

    try:
        stopped_by = serve(Settings(**given), port)
    except OSError as error:
        raise CommandError(f"Port {port} cannot be used: {error.strerror or error}.") from None
    return 128 + stopped_by if stopped_by else GOOD
