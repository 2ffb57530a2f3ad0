"""`python -m tui.demo`: run the embedded server; the first line of output is its base URL."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from tui.demo.settings import Settings

if TYPE_CHECKING:
    import uvicorn

HOST: Final = "127.0.0.1"
BACKLOG: Final = 256


def bind(port: int) -> socket.socket:
    """A listening socket on the loopback address; raises OSError where the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def base_url(listening: socket.socket) -> str:
    """Where the server can be reached."""
    return f"http://{HOST}:{listening.getsockname()[1]}/api/v1"


def serve(settings: Settings, port: int = 0, *, watch_stdin: bool = False) -> int:
    """Serve until a signal or, when watched, the end of stdin; the number of the signal, 0 for none.

    Raises OSError when the port cannot be had.
    """
    listening = bind(port)
    # clients may connect from now on: the socket holds them until the application stands
    sys.stdout.write(base_url(listening) + "\n")
    sys.stdout.flush()
    server = _server(settings)
    stopped_by = 0

    def stop(number: int) -> None:
        nonlocal stopped_by
        stopped_by = stopped_by or number
        server.should_exit = True

    if watch_stdin:
        threading.Thread(target=_wait_for_end_of_stdin, args=(lambda: stop(0),), daemon=True).start()
    with _signals(stop):
        asyncio.run(server.serve(sockets=[listening]))
    return stopped_by


def _server(settings: Settings) -> uvicorn.Server:
    import uvicorn

    from tui.demo.server import create_app

    class Quiet(uvicorn.Server):
        """Leaves the signals to us: uvicorn raises them again when it has ended."""

        @override
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        ws="none",
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=0,
    )
    return Quiet(config)


@contextlib.contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Let SIGINT, SIGTERM and where there is one SIGHUP end the server cleanly."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {
        getattr(signal, name): signal.signal(getattr(signal, name), lambda number, _: stop(number)) for name in names
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_end_of_stdin(stop: Callable[[], None]) -> None:
    # read, not readline: nothing is expected, only the end
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4096):
            pass
    stop()


def parser() -> argparse.ArgumentParser:
    """The options, most of them for tests."""
    default = Settings()
    options = argparse.ArgumentParser(prog="python -m tui.demo", description="The embedded server of ortui.")
    options.add_argument("--port", type=int, default=0, help="loopback port; 0 picks a free one")
    options.add_argument("--seed", type=int, default=default.seed, help="the same seed says the same things")
    options.add_argument("--watch-stdin", action="store_true", help="end when stdin closes")
    options.add_argument(
        "--speed", type=float, default=default.speed, help="multiplies the pace; 0 is as fast as it can"
    )
    options.add_argument("--free-per-minute", type=int, default=default.free_per_minute)
    options.add_argument("--free-per-day", type=int, default=default.free_per_day)
    options.add_argument("--generation-delay", type=float, default=default.generation_delay, help="seconds")
    options.add_argument("--pause", type=float, default=default.pause, help="seconds that demo/pause is silent")
    options.add_argument("--slow-rate", type=float, default=default.slow_rate, help="tokens a second of demo/slow")
    options.add_argument("--credits", type=float, default=default.credits, help="USD that a new account has")
    options.add_argument("--moves-every", type=float, default=default.moves_every, help="seconds between changes")
    options.add_argument("--open-credits", action="store_true", help="/credits answers ordinary keys")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Parse, serve, and say in one line what went wrong; 2 when the port is taken."""
    chosen = vars(parser().parse_args(arguments))
    port, watch = chosen.pop("port"), chosen.pop("watch_stdin")
    try:
        serve(Settings(**chosen), port, watch_stdin=watch)
    except OSError as error:
        sys.stderr.write(f"port {port} cannot be used: {error.strerror or error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
