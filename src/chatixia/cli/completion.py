"""``chatixia completion SHELL``: print the script that completes commands in that shell."""

from __future__ import annotations

import click

from .common import Console, common

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@common
def completion(console: Console, shell: str) -> None:
    """Print the completion script of SHELL. Its first line says where it goes."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    script = kind(root, {}, "chatixia", "_CHATIXIA_COMPLETE").source()
    where = {
        "bash": "~/.bashrc: eval",
        "zsh": "~/.zshrc: eval",
        "fish": "~/.config/fish/config.fish: eval",
    }[shell]
    console.data(
        "completion",
        {"shell": shell, "script": script},
        f'# {where} "$(chatixia completion {shell})"\n{script}',
    )
