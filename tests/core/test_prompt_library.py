"""Prompts as files: what is read, what is refused, what they ask for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tui.core.prompt_library import LARGEST, Variable, filled, keep_prompt, read_prompts, variables
from tui.openrouter.text import Clean


def test_files_of_the_folder_are_prompts(tmp_path: Path) -> None:
    assert read_prompts(tmp_path / "none") == ()
    (tmp_path / "system").mkdir()
    (tmp_path / "code_review.md").write_text("\ufeffLook at\r\nthis\x1b[2J:\n\n{{draft}}\n")
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "notes.pdf").write_text("no")
    (tmp_path / ".hidden.md").write_text("no")
    (tmp_path / "system" / "brief.md").write_text("Be brief.")
    found = read_prompts(tmp_path)
    assert [(one.name, one.kind, one.problem) for one in found] == [
        ("a", "template", ""),
        ("code review", "template", ""),
        ("brief", "system", ""),
    ]
    assert found[1].text == "Look at\nthis␛[2J:\n\n{{draft}}"


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "big.md").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "fits.md").write_bytes(b"x" * LARGEST)
    (tmp_path / "binary.md").write_bytes(b"a\0b")
    (tmp_path / "latin.md").write_bytes(b"gr\xfc\xdfe")
    (tmp_path / "empty.md").write_bytes(b" \n")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "gone.md").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "esc\x1b]0;x.md").write_text("name")
    said = {one.name: one.problem for one in read_prompts(tmp_path)}
    assert said == {
        "big": "big.md is larger than 100 kB.",
        "fits": "",
        "binary": "binary.md is no text file.",
        "latin": "latin.md is no text file.",
        "empty": "empty.md is empty.",
        "folder": "folder.md is not a regular file.",
        "gone": "gone.md cannot be read: No such file or directory.",
        "pipe": "pipe.md is not a regular file.",
        "esc␛]0;x": "",
    }


def test_variables_are_found_and_filled() -> None:
    text = Clean("{{ language }} and {{tone|friendly}}, {{language|German}}; {{}} {x} {{a\nb}} {{draft}}")
    assert variables(text) == (
        Variable(Clean("language"), Clean("German")),
        Variable(Clean("tone"), Clean("friendly")),
        Variable(Clean("draft")),
    )
    whole = filled(text, {"language": "{{tone}} \\1", "tone": "\x1b[2J"})
    assert whole == "{{tone}} \\1 and ␛[2J, {{tone}} \\1; {{}} {x} {{a\nb}} {{draft}}"


def test_a_kept_prompt_is_read_again_and_never_overwritten(tmp_path: Path) -> None:
    path = keep_prompt(tmp_path / "prompts", "../../My [/b] prompt", "text\n", "system")
    assert path.parent == tmp_path / "prompts" / "system"
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    [found] = read_prompts(tmp_path / "prompts")
    assert (found.kind, found.text) == ("system", "text")
    with pytest.raises(FileExistsError):
        keep_prompt(tmp_path / "prompts", "../../My [/b] prompt", "other", "system")
