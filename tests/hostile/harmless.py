"""What may be among the bytes that reach a terminal, and what must not."""

from __future__ import annotations

import base64
import re

from planting_server import PLANTED

from tui.openrouter.text import clean

_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_OURS = (
    re.compile(rb"\x1b\]22;[a-z]*\x07"),  # the pointer's shape
    re.compile(rb"\x1b\]8;[^;\x1b\x07]*;(https?://[\x21-\x7e]*)?\x1b\\"),  # links
    re.compile(rb"\x1b\]52;c;[A-Za-z0-9+/=]*\x07"),  # what the user copies
    re.compile(rb"\x1bP\+q[0-9a-f;]*\x1b\\"),
    re.compile(rb"\x1b[78=>]"),
)
"""What the program itself writes besides CSI sequences."""
OBEYED = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f].{0,30}"
)


def assert_harmless(written: bytes) -> None:
    """Nothing planted is in it, and nothing at all that a terminal obeys but what the program writes itself."""
    for name, planted in PLANTED.items():
        assert planted.encode() not in written, name
    for sequence in (
        b"PLANTED-TITLE\x07",
        b"\x1b]0;",
        b"\x1b]2;",
        b"\x1b]1337",
        b"\x1b_",
        b"\x1b^",
        b"\x1bX",
        b"\x1bc",
    ):
        assert sequence not in written, sequence
    for copied in re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", written):
        text = base64.b64decode(copied).decode()
        assert text != "PLANTED" and clean(text) == text
    rest = _CSI.sub(b"", written)
    for pattern in _OURS:
        rest = pattern.sub(b"", rest)
    left = OBEYED.search(rest.decode("utf-8"))  # which also says that it is UTF-8
    assert left is None, repr(left)
