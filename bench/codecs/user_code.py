"""Codecs and metrics in a user's files: loading them, and finding the local modules and files that they use.

The version of such code is the hash of its content, so that stored results are not reused after an edit or with other
weights. Modules of the standard library and of site-packages are not hashed.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.machinery
import importlib.util
import itertools
import os
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.system.errors import FROM_USERS, USER_MODULE, UsageError
from bench.system.files import fingerprint, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType

_SYSTEM = [Path(name) for name in ("/dev", "/etc", "/proc", "/run", "/sys", "/usr/lib", "/usr/share")]

_kept: dict[Path, set[Path]] = {}
"""Module file to the data files that it, or code called by it, has opened and may hold in memory."""


@dataclass(slots=True, eq=False)
class Opened:
    """Files that were opened in a block of `watching`."""

    read: dict[str, set[str]] = field(default_factory=dict)
    """File name as opened to the source files on the call stack."""
    written: set[str] = field(default_factory=set)

    def data_files(self) -> dict[Path, set[str]]:
        """Return the user's files that were only read, with their callers. Written files are temporary files."""
        read = {_source(Path(name).absolute()): self.read[name] for name in self.read.keys() - self.written}
        return {path: callers for path, callers in read.items() if is_file(path) and _is_local(path)}


def is_file(path: Path) -> bool:
    """Whether a file exists; False for names that are too long."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises on these


_watchers: list[Opened] = []


@contextlib.contextmanager
def watching() -> Iterator[Opened]:
    """Record the files that Python opens in the block; files that a C library opens are not detected."""
    _install_hook()
    opened = Opened()
    _watchers.append(opened)
    try:
        yield opened
    finally:
        _watchers.remove(opened)


@functools.cache
def _install_hook() -> None:
    # An audit hook cannot be removed, so it is installed only for users' code.
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watchers:
        return
    name, mode, flags = arguments
    if isinstance(name, int):  # a file descriptor
        return
    is_written = any(sign in mode for sign in "wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
    for opened in _watchers:
        if is_written:
            opened.written.add(os.fsdecode(name))
        else:
            opened.read.setdefault(os.fsdecode(name), set()).update(_callers())


def _callers() -> Iterator[str]:
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  # inspect.stack() would read the sources
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


_MOVED = {"bench.codec": "bench.codecs", "bench.picture": "bench.images", "bench.probe": "bench.codecs.probe"}
"""Former module that users' code may import to the module with its names now."""


def keep(files: Mapping[Path, Iterable[str]]) -> None:
    """Record data files that code holds in memory, because later users of the code do not open them again."""
    for file, callers in files.items():
        for caller in callers:
            _kept.setdefault(Path(caller), set()).add(file)


def load(path: Path, name: str) -> ModuleType:
    """Run a Python file, once per process. It may import modules in the same folder.

    Raises:
        UsageError: it is not a Python file, or it fails; the message names `name`.
    """
    module_name = f"{USER_MODULE}{sha256_of(path)[:16]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path.absolute())
    if spec is None or spec.loader is None:
        raise UsageError(f"'{name}': {path} is not a Python file")
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        # At the end, so that files there do not shadow modules that libraries need.
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look up their module while the file runs
    try:
        with watching() as opened:
            spec.loader.exec_module(module)
    except FROM_USERS as error:
        del sys.modules[module_name]
        moved = _MOVED.get(error.name or "") if isinstance(error, ModuleNotFoundError) else None
        hint = f"; import it from {moved} now" if moved else ""
        raise UsageError(f"'{name}' cannot be loaded: {type(error).__name__}: {error}{hint}") from error
    keep(opened.data_files())
    return module


@dataclass(frozen=True, slots=True)
class Code:
    """The file of a codec or metric, and the local modules that it imports, as they were when it was loaded."""

    path: Path
    modules: frozenset[Path]
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of their content; "" for installed packages."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the code of a file and its modules. The digest depends on their content, not on the file's name.

        Raises:
            UsageError: see `local_modules`.
        """
        path = path.absolute()
        modules = local_modules(path)
        others = [f"{name} {sha256_of(file)}" for name, file in sorted(modules.items()) if name]
        digest = _combined([sha256_of(path), *others])[:16] if modules else ""
        return cls(path, frozenset(modules.values()), digest)

    def versioned(self, version: str) -> str:
        """Append the digest of the code to a version."""
        return f"{version}-{self.digest}" if self.digest else version

    def files(self, declared: Iterable[str | Path]) -> set[Path]:
        """Return the data files of the code: declared ones, all in declared folders, and those held in memory."""
        paths = [self.path.parent / name for name in declared]
        below = (file for path in paths if path.is_dir() for file in path.rglob("*") if file.is_file())
        held = set().union(*(_kept.get(module, set()) for module in self.modules)) - self.modules
        return {*below, *(path for path in paths if not path.is_dir())} | held


def content_sha256(files: Iterable[Path], declared: str | None = None) -> str | None:
    """Combine the SHA-256 of files, in the order of their paths, and a declared one; None without files.

    For a single file, this is the SHA-256 of the file.

    Raises:
        UsageError: a file cannot be read.
    """
    try:
        hashes = [fingerprint(path) for path in sorted(files)]
    except OSError as error:
        raise UsageError(
            f"cannot read {error.filename}, which the codec or metric declares: {error.strerror}"
        ) from error
    if declared is not None and declared not in hashes:
        hashes.append(declared)
    return _combined(hashes) if hashes else None


def _combined(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def local_modules(path: Path) -> dict[str, Path]:
    """Find the local modules that a file imports, directly or indirectly: module name to file. "" is the file itself.

    Empty if the file itself belongs to an installed package.

    Raises:
        UsageError: an import would not give the module in the file's folder, but another one of that name.
    """
    if not _is_local(path.absolute()):
        return {}
    found: dict[str, Path] = {"": path.absolute()}
    waiting = [""]
    while waiting:
        importer = waiting.pop()
        for name in _imports(found[importer], importer):
            for part in itertools.accumulate(name.split("."), "{}.{}".format):
                file = _file_of(part)
                if part == name.partition(".")[0]:
                    _refuse_another(found[""], part, file)
                    if file is not None and not _is_local(file):
                        break
                if file is not None and part not in found and _is_local(file):
                    found[part] = file
                    waiting.append(part)
    return found


def imported(path: Path) -> set[str]:
    """Top-level names that are imported by a file or by imported files in its folder; no file is run."""
    names: set[str] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        new = {name.partition(".")[0] for name in _imports(file, "")} - names if is_file(file) else set()
        names |= new
        waiting += [path.with_name(f"{name}.py") for name in new]
    return names


def _imports(file: Path, module: str) -> set[str]:
    """Return the names of modules that a file imports anywhere, including imported names that may be modules."""
    if file.suffix != ".py":  # extension module
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a module that is never run; the file itself has run
        return set()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)} if origin else set()
    return names


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute module name of a `from ... import`, or ""."""
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:  # above the topmost package
        return ""


def _file_of(name: str) -> Path | None:
    """Return the file of an imported or importable module; None if it has none or does not exist."""
    spec = _spec_of(name)
    return Path(spec.origin).absolute() if spec and spec.has_location and spec.origin else None


def _spec_of(name: str) -> ModuleSpec | None:
    """Return the spec of a module, without importing the module or its parents."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    parent = name.rpartition(".")[0]
    with contextlib.suppress(ImportError, AttributeError, ValueError):
        if not parent:
            return importlib.util.find_spec(name)
        above = _spec_of(parent)
        if above and above.submodule_search_locations is not None:
            return importlib.machinery.PathFinder.find_spec(name, above.submodule_search_locations)
    return None


def _refuse_another(main: Path, name: str, file: Path | None) -> None:
    """Refuse an import that does not give the module in the user's folder, unlike with `python FILE`."""
    beside = [main.with_name(f"{name}.py"), main.parent / name / "__init__.py"]
    mine = next((path for path in beside if path.is_file() and path != main), None)
    if mine is None or file is None or file.samefile(mine) or name in {*sys.stdlib_module_names, "bench", "baselines"}:
        return
    raise UsageError(f"{main} imports '{name}', but gets {file} instead of {mine}; rename the local module")


def _is_local(path: Path) -> bool:
    """Whether a file belongs to the user, not to the system, Python, an installed package or this package."""
    if {"site-packages", "dist-packages"} & {*path.parts}:
        return False
    return not any(path.is_relative_to(root) for root in (*_SYSTEM, *_ours()))


@functools.cache
def _ours() -> tuple[Path, ...]:
    package = Path(__file__).parents[1]
    standard = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    return (package, package.with_name("baselines"), *map(Path, standard))


def _source(path: Path) -> Path:
    """Return the source file of a .pyc file; other paths unchanged."""
    if path.suffix != ".pyc":
        return path
    try:
        return Path(importlib.util.source_from_cache(path))
    except ValueError:
        return path
