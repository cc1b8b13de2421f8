"""Plants the fault that CHATIXIA_FAULT names: patches its places right after their import.

Python loads this file at its start when its folder is on PYTHONPATH (tests/faults/run.py sees to
that). What was done is told, a line per place, in the file that CHATIXIA_FAULT_LOG names.
"""

import importlib
import inspect
import os
import sys
import types
from pathlib import Path


def load_table():
    """The table of faults, by its folder: `tests` need not be importable here."""
    package = types.ModuleType("chatixia_planted")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules[package.__name__] = package
    return importlib.import_module("chatixia_planted.faults").BY_NAME


def tell(word, place):
    """Append one line for the runner."""
    log = os.environ.get("CHATIXIA_FAULT_LOG")
    if log:
        with open(log, "a") as file:
            file.write(f"{word} {place} pid {os.getpid()}\n")


def apply(module, place, patch):
    """Replace what `place` names in a freshly imported module."""
    *owners, name = place.partition(":")[2].split(".")
    holder = module
    try:
        for owner in owners:
            holder = getattr(holder, owner)
        original = inspect.getattr_static(holder, name)
    except AttributeError:
        tell("missing", place)
        return
    if isinstance(original, (staticmethod, classmethod)):
        patched = type(original)(patch(original.__func__))
    elif isinstance(original, property):
        patched = property(patch(original.fget))
    else:
        patched = patch(original)
    setattr(holder, name, patched)
    tell("applied", place)


class Planter:
    """Finds the modules to patch as the other finders do, and patches them once they ran."""

    def __init__(self, places):
        self.places = places
        self.modules = {place.partition(":")[0] for place in places}

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                self.wrap(spec.loader)
                return spec
        return None

    def wrap(self, loader):
        run = loader.exec_module

        def exec_module(module):
            run(module)
            self.patch(module)

        loader.exec_module = exec_module

    def patch(self, module):
        for place, patch in self.places.items():
            if place.partition(":")[0] == module.__name__:
                apply(module, place, patch)


def plant():
    name = os.environ.get("CHATIXIA_FAULT")
    if not name:
        return
    fault = load_table().get(name)
    if fault is None:
        tell("missing", f"fault:{name}")
        return
    planter = Planter(fault.places)
    for name in planter.modules & sys.modules.keys():
        planter.patch(sys.modules[name])  # of the standard library: it was there before us
    sys.meta_path.insert(0, planter)


plant()
