"""CompressAI without PyTorch Geometric and torchvision, whose imports take longer than all the rest of it.

CompressAI registers their transforms by name, and derives its own of point clouds from classes of the first; no model
needs them. While `compressai` is imported, modules whose classes are empty stand in for both.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEFT_OUT = frozenset({"torch_geometric", "torchvision"})


class _StandIn(ModuleType):
    """A module that has every name: of an empty class, or of a function that makes decorators."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return object if name[0].isupper() else lambda *_: lambda decorated: decorated


class _Finder(MetaPathFinder, Loader):
    """Finds `compressai` where it is, and while that is loaded, stand-ins for what is left out."""

    left_out: frozenset[str] = frozenset()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.left_out:
            return ModuleSpec(fullname, self, is_package=True)
        if fullname != "compressai":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self._load(load, module)  # type: ignore[method-assign]
        return spec

    def _load(self, load: Callable[[ModuleType], None], module: ModuleType) -> None:
        self.left_out = LEFT_OUT - sys.modules.keys()
        try:
            load(module)
        finally:
            self.left_out = frozenset()
            for name, one in list(sys.modules.items()):
                if isinstance(one, _StandIn):
                    del sys.modules[name]  # whoever wants it gets the real one

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


_FINDER = _Finder()


def install() -> None:
    """Import CompressAI quickly from now on, in this process."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
