"""Run a user's Python file as a module; its errors become one sentence."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final

from chatixia.errors import ConfigError, MeshError

LEFT: Final = (Exception, SystemExit)
"""How a user's file can end before it has made its agent: `sys.exit` must not be our own exit."""


def run_file(path: Path) -> ModuleType:
    """Run a file as a module, its own folder first on the path, as a script would have it.

    Raises ConfigError naming the line for whatever it raises.
    """
    name = f"chatixia_run_{path.stem}_{abs(hash(path.absolute())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except ConfigError as error:
        line = _line(error, path)
        raise ConfigError(f"{path}{f', line {line}' if line else ''}: {error.message}") from error
    except MeshError:
        raise
    except LEFT as error:
        raise ConfigError(f"{path} cannot be loaded: {failed(error, path)}") from error
    return module


def where(fn: Callable[..., object]) -> str:
    """``FILE, line N: `` of a function; empty for one without source."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}: " if code else ""


def failed(error: BaseException, path: Path | None = None) -> str:
    """What a program's own error says, in one sentence with the line (of ``path``, if given)."""
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
    return f"{text}{f' (line {line})' if line else ''}.{_install(error)}"


def _install(error: BaseException) -> str:
    """The cure for a module that is missing because this program has an environment of its own."""
    if not isinstance(error, ModuleNotFoundError) or not in_tool(sys.prefix):
        return ""
    name = (error.name or "").partition(".")[0] or "PACKAGE"
    return (
        " This `chatixia` is installed as a tool, in an environment of its own: install"
        f" chatixia-mesh in the environment of your project, or run `uv tool install chatixia-mesh"
        f" --with {name}`."
    )


def in_tool(prefix: str) -> bool:
    """Whether a Python's ``prefix`` is the environment of one tool, made by uv or pipx."""
    place = Path(prefix)
    return (place / "uv-receipt.toml").is_file() or (place / "pipx_metadata.json").is_file()


def _line(error: BaseException, path: Path | None) -> int | None:
    """The last line that was run, in that file."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if path is None or trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
