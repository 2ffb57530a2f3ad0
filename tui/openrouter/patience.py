"""How long each step of an exchange may take before it is given up, in seconds."""

from __future__ import annotations

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """No exchange lasts longer than these allow, but for a reply that goes on arriving."""

    connect_s: float = 10.0
    """Of finding the address, connecting, and the TLS handshake."""
    write_s: float = 30.0
    pool_s: float = 10.0
    """Until one of the open connections is free."""
    first_event_s: float = 120.0
    """From sending to the first event of a streamed reply that is no comment."""
    whole_reply_s: float = 600.0
    """The same for a reply that comes whole."""
    between_bytes_s: float = 60.0
    """Between two signs of life inside a reply."""
    after_error_s: float = 2.0
    """How long usage may still come after an error inside a reply."""
    embeddings_s: float = 180.0
    get_s: float = 60.0


PATIENCE = Patience()
"""What holds outside tests."""
