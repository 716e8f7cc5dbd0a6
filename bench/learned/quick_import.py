"""Import of CompressAI without PyTorch Geometric and torchvision, which take longer to import than all the rest.

CompressAI registers their transforms by name and derives its point-cloud transforms from classes of PyTorch Geometric.
No model needs any of these. While `compressai` is being imported, placeholder modules replace both packages.
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
    """A module with every attribute: `object` for capitalised names, a decorator factory for others."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return object if name[0].isupper() else lambda *_: lambda decorated: decorated


class _Finder(MetaPathFinder, Loader):
    """Finds `compressai` as usual and, while that is loading, placeholders for the packages that are left out."""

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
                    del sys.modules[name]  # later imports get the real module

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is empty."""


_FINDER = _Finder()


def install() -> None:
    """Install the import hook in this process; further calls have no effect."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
