"""`ortui completion SHELL`: a script that completes commands and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tui.commands import clicking
from tui.commands.output import say
from tui.core.exit_status import GOOD
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.commands.common_options import CommonOptions

_COMMON: Final = ("--config", "--data-dir", "--base-url", "--provider", "--demo", "--help")
_HINT: Final = {
    "bash": '# In ~/.bashrc: eval "$(ortui completion bash)"',
    "zsh": '# In ~/.zshrc, after compinit: eval "$(ortui completion zsh)"',
    "fish": "# ortui completion fish > ~/.config/fish/completions/ortui.fish",
}


@clicking.command(name="completion")
@click.argument("shell", type=click.Choice(tuple(_HINT)))
@clicking.given
def command(_: CommonOptions, shell: str) -> int:
    """Print a script that completes the commands and options of ortui in SHELL."""
    words = _words()
    script = _fish(words) if shell == "fish" else _bash(words) if shell == "bash" else _zsh(words)
    say(Clean(f"{_HINT[shell]}\n{script}"))
    return GOOD


def _words() -> dict[str, list[str]]:
    """What may follow each command: its own commands and its options."""
    from tui.cli import COMMANDS, command_of

    found: dict[str, list[str]] = {}
    for name in COMMANDS:
        one = command_of(name)
        words = list(one.commands) if isinstance(one, click.Group) else []
        for part in [one, *(one.commands.values() if isinstance(one, click.Group) else ())]:
            for parameter in part.params:
                if isinstance(parameter, click.Option) and not parameter.hidden:
                    words += [option for option in parameter.opts if option.startswith("--")]
                elif isinstance(parameter.type, click.Choice):
                    words += map(str, parameter.type.choices)
        found[name] = [*dict.fromkeys(words), *_COMMON]
    return found


def _bash(words: dict[str, list[str]], *, function: str = "_ortui") -> str:
    cases = "\n".join(f"        {name}) words='{' '.join(own)}' ;;" for name, own in words.items())
    return f"""\
{function}() {{
    local word name='' words
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case " {" ".join(words)} " in *" $word "*) name=$word; break ;; esac
    done
    case "$name" in
{cases}
        *) words='{" ".join(words)} {" ".join(_COMMON)} --version' ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F {function} ortui"""


def _zsh(words: dict[str, list[str]]) -> str:
    return "autoload -Uz bashcompinit && bashcompinit\n" + _bash(words)


def _fish(words: dict[str, list[str]]) -> str:
    from tui.cli import COMMANDS

    names = " ".join(words)
    lines = [f"complete -c ortui -n 'not __fish_seen_subcommand_from {names}' -f"]
    for name, (_, help_text) in COMMANDS.items():
        lines.append(f"complete -c ortui -n 'not __fish_seen_subcommand_from {names}' -a {name} -d '{help_text}'")
        for word in words[name]:
            what = f"-l {word[2:]}" if word.startswith("--") else f"-a {word}"
            lines.append(f"complete -c ortui -n '__fish_seen_subcommand_from {name}' {what}")
    return "\n".join(lines)
