"""Feed damaged files to every reader of outside bytes: `nox -s fuzz -- --minutes 30`.

Each reader runs in a process of its own, with the memory that `readers.MEMORY_BYTES` allows. An input has to be
read, or refused in one line (BenchError). Another exception, an end of the process, or an input that takes longer than
`--timeout` is a fault; the input is kept under `--out`. Inputs of faults that were fixed go into `corpus`.

Engines:
    hypothesis   edits of the corpus: flipped bits, numbers at the limits, cuts, copies and words of the format
    atheris      libFuzzer, guided by the coverage of our Python code; half of the time where it is installed
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import importlib.util
import json
import mmap
import multiprocessing
import os
import shutil
import struct
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_INPUT = 1 << 17
EXAMPLES = 2_000
"""Inputs of one round of hypothesis."""
MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
"""Where files take no disk, on Linux: on a busy one, making and removing them takes most of an input's time."""

SLOW = frozenset({"avif", "bpg", "csv", "database", "foreign", "learned", "table", "vvc"})
"""Readers that run tools, networks or pandas: they get a quarter of the time that others get."""

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, (1 << 63) - 1, (1 << 64) - 1)
WORDS = (
    *b'nan inf -inf -1 1e999 0x10 null [] {} "" , ; " \' = [[ ]] ../ C444 W0 H0 XCOLORRANGE=FULL FRAME'.split(),
    *(b"\x00", b"\r", b"\n", b"\t", b" ", b"\xef\xbb\xbf", b"\xff\xfe"),
)

_STATE = struct.Struct("<QQQQQ")  # inputs, read, refused; of the input in work: number of its name, length


class Board:
    """Memory that a process shares with the one that watches it: counts, and the input that is in work."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), _STATE.size + LARGEST_INPUT)

    @staticmethod
    def make(path: Path) -> None:
        path.write_bytes(bytes(_STATE.size + LARGEST_INPUT))

    def counts(self) -> tuple[int, int, int]:
        return _STATE.unpack_from(self.memory)[:3]

    def begin(self, data: bytes, number: int) -> None:
        inputs, read, refused, *_ = _STATE.unpack_from(self.memory)
        self.memory[_STATE.size : _STATE.size + len(data)] = data
        _STATE.pack_into(self.memory, 0, inputs + 1, read, refused, number, len(data))

    def end(self, *, read: bool) -> None:
        inputs, were_read, refused, *_ = _STATE.unpack_from(self.memory)
        _STATE.pack_into(self.memory, 0, inputs, were_read + read, refused + (not read), 0, 0)

    def in_work(self) -> tuple[bytes, int]:
        """The input that is in work, and the number of its name; b"" if none is."""
        *_, number, length = _STATE.unpack_from(self.memory)
        return bytes(self.memory[_STATE.size : _STATE.size + length]), number


@dataclass
class Report:
    """What came of one reader."""

    reader: str
    inputs: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, board: Board) -> None:
        inputs, read, refused = board.counts()
        self.inputs, self.read, self.refused = self.inputs + inputs, self.read + read, self.refused + refused


class Trial:
    """Gives inputs to a reader, in the child process."""

    def __init__(self, reader: str, board: Board, out: Path) -> None:
        from readers import READERS, SEALS, limited_memory  # noqa: PLC0415  # torch

        self.reader, self.board, self.out = reader, board, out
        self.read, self.seal, self.limited = READERS[reader], SEALS.get(reader, bytes), limited_memory
        self.seeds = seeds(reader)
        self.names = names(self.seeds)
        self.folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{reader}-"))
        self.known: set[str] = set()

    def __call__(self, data: bytes, name: str) -> None:
        """Read an input as a file of this name; keep it if anything but a refusal comes out."""
        from bench.system.errors import BenchError  # noqa: PLC0415

        data = self.seal(data[:LARGEST_INPUT])[:LARGEST_INPUT]
        self.board.begin(data, self.names.index(name))
        work = self._empty_folder()
        path = self.folder / name
        path.write_bytes(data)
        try:
            with self.limited():
                self.read(path, work)
        except BenchError as error:
            if not str(error).isprintable():
                self._fault(data, name, "its message has more than one line")
            self.board.end(read=False)
        except Exception as error:  # noqa: BLE001  # faults are what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            self.board.end(read=False)
            if kind not in self.known:
                self._fault(data, name, f"{kind}: {' '.join(str(error).split())[:160]}", kind)
        else:
            self.board.end(read=True)

    def _empty_folder(self) -> Path:
        work = self.folder / "work"
        if not work.is_dir() or any(work.iterdir()):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
        return work

    def _fault(self, data: bytes, name: str, message: str, kind: str = "") -> None:
        self.known.add(kind or message)
        keep(self.out, self.reader, data, name, message)


def keep(out: Path, reader: str, data: bytes, name: str, message: str) -> None:
    """Keep an input that is a fault, and the message beside it."""
    folder = out / reader
    folder.mkdir(parents=True, exist_ok=True)
    stem, dot, suffix = name.partition(".")
    path = folder / f"{stem}-{hashlib.sha256(data).hexdigest()[:8]}{dot}{suffix}"
    path.write_bytes(data)
    with (folder / "faults.jsonl").open("a") as file:
        file.write(json.dumps({"file": path.name, "fault": message}) + "\n")


def seeds(reader: str) -> list[tuple[bytes, str]]:
    """The corpus of a reader: contents, with the names that edits of them are given to it under."""
    from readers import CORPUS  # noqa: PLC0415

    return [as_input(path) for path in sorted((CORPUS / reader).rglob("*")) if path.is_file()]


def as_input(path: Path) -> tuple[bytes, str]:
    """The content of a file of the corpus, and the name that edits of it have."""
    data, name = path.read_bytes(), path.name
    if path.suffix == ".gz":  # of the corpus, and not of the files
        data, name = gzip.decompress(data), path.with_suffix(".sqlite").name
    # What precedes the first hyphen says what the file is, as readers of tables and of raw samples need it.
    stem, dot, suffix = name.partition(".")
    return data[:LARGEST_INPUT], stem.partition("-")[0].replace("valid", "fuzz") + dot + suffix


def names(of: list[tuple[bytes, str]]) -> list[str]:
    """The names of seeds, each once."""
    return sorted({name for _, name in of})


def edited(data: bytes, edits: list[tuple[int, float, int, int]]) -> bytes:
    """An input with edits: each a kind, a place (a share of the length) and two numbers."""
    for kind, share, one, two in edits:
        at = int(share * len(data))
        size = 1 + two % 16
        edge = EDGES[one % len(EDGES)]
        width = 1 << two % 4
        replaced = {
            0: data[at : at + 1] and bytes([data[at] ^ 1 << one % 8]),
            1: (edge & (1 << 8 * width) - 1).to_bytes(width, "little" if one % 2 else "big"),
            2: WORDS[one % len(WORDS)],
            3: data[one % (len(data) + 1) :][:size],
            4: bytes([one % 256]) * size,
            5: b"",
        }[kind % 6]
        skipped = (1, width, 0 if two % 2 else len(replaced), 0, size, size if two % 3 else len(data))[kind % 6]
        data = data[:at] + replaced + data[at + skipped :]
    return data


EDITS = st.lists(
    st.tuples(st.integers(0, 5), st.floats(0, 1), st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6
)


def by_hypothesis(trial: Trial, ends_at: float, seed: int) -> None:
    """Give edited files of the corpus to a reader until the time is over."""
    while time.monotonic() < ends_at:
        seed += 1

        @seeded(seed)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(trial.seeds), EDITS)
        def once(chosen: tuple[bytes, str], edits: list[tuple[int, float, int, int]]) -> None:
            if time.monotonic() < ends_at:
                trial(edited(chosen[0], edits), chosen[1])

        once()


def by_atheris(trial: Trial, ends_at: float, seed: int) -> None:
    """Let libFuzzer look for inputs that reach further; it ends the process."""
    import atheris  # noqa: PLC0415

    corpus = trial.folder / "corpus"
    corpus.mkdir()
    for number, (data, name) in enumerate(trial.seeds):
        (corpus / str(number)).write_bytes(bytes([trial.names.index(name)]) + data)

    def once(data: bytes) -> None:
        trial(data[1:], trial.names[(data or b"\0")[0] % len(trial.names)])

    flags = {
        "max_total_time": max(1, round(ends_at - time.monotonic())),
        "seed": seed,
        "max_len": LARGEST_INPUT,
        "timeout": 1_000_000,  # the parent watches; atheris takes 0 for a limit
        "rss_limit_mb": 0,
        "verbosity": 0,
        "artifact_prefix": f"{trial.folder}/",
    }
    atheris.Setup(["fuzz", *(f"-{k}={v}" for k, v in flags.items()), str(corpus)], once)
    atheris.Fuzz()


ENGINES: dict[str, Callable[[Trial, float, int], None]] = {"hypothesis": by_hypothesis, "atheris": by_atheris}


def child(reader: str, engine: str, folders: tuple[Path, Path], seconds: float, seed: int) -> None:
    """Run one engine on one reader, in a process of its own; `folders` are the board and where faults go."""
    board, out = folders
    tempfile.tempdir = str(board.parent)  # of the readers, too; the parent removes what a killed process leaves
    ENGINES[engine](Trial(reader, Board(board), out), time.monotonic() + seconds, seed)


def by_engine(engine: str, options: argparse.Namespace, chosen: dict[str, float]) -> None:
    """Run an engine on readers one after the other, each for its seconds, and print counts.

    It has a process of its own, which imports the readers, for atheris with instrumentation, and forks one for each.

    Raises:
        SystemExit: there were faults.
    """
    imports: Any = contextlib.nullcontext()
    if engine == "atheris":
        import atheris  # noqa: PLC0415

        imports = atheris.instrument_imports(include=["bench", "baselines"])
    with imports:
        import readers  # noqa: F401, PLC0415

        from bench.results import published  # noqa: PLC0415
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    # The package's own curves come with each database: they take most of the time, and are not from outside.
    curve, ceilings = published.load().head(1), published.conversion_ceilings()
    setattr(published, "load", lambda: curve)  # noqa: B010  # functions cannot be assigned to
    setattr(published, "conversion_ceilings", lambda: ceilings)  # noqa: B010
    faults = 0
    for reader, seconds in chosen.items():
        report = watch(reader, engine, options, seconds)
        counts = f"{report.inputs:>9,} inputs, {report.read:>8,} read, {report.refused:>9,} refused"
        print(f"{reader:<11}{engine:<11}{counts}, {len(report.faults)} faults in {report.seconds:.0f} s", flush=True)
        for line in report.faults:
            print(f"    {line}", flush=True)
        faults += len(report.faults)
    raise SystemExit(faults > 0)


def watch(reader: str, engine: str, options: argparse.Namespace, seconds: float) -> Report:
    """Run an engine on a reader; start it again after a crash or an input that takes too long."""
    report, began, seed = Report(reader), time.monotonic(), options.seed
    context = multiprocessing.get_context("fork")
    known = names(seeds(reader))
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=MEMORY_FOLDER) as folder:
        board_path = Path(folder) / "board"
        while (left := seconds - (time.monotonic() - began)) > 1:
            Board.make(board_path)
            board, seed = Board(board_path), seed + 1_000_003
            process = context.Process(target=child, args=(reader, engine, (board_path, options.out), left, seed))
            process.start()
            reason = _ended(process, board, left, options.timeout)
            report.add(board)
            data, number = board.in_work()
            if reason and data:
                keep(options.out, reader, data, known[number], reason)
            elif reason:
                raise SystemExit(f"{reader}, {engine}: the process {reason} with no input in work")
    report.seconds = time.monotonic() - began
    with contextlib.suppress(FileNotFoundError):
        lines = (options.out / reader / "faults.jsonl").read_text().splitlines()
        report.faults = [f"{fault['file']}: {fault['fault']}" for fault in map(json.loads, lines)]
    return report


def _ended(process: Any, board: Board, seconds: float, timeout: float) -> str:  # noqa: ANN401  # the context's own class
    """Wait for a child to end; why it ended if not because its time was over."""
    last, since, ends_at = (-1, (b"", 0)), time.monotonic(), time.monotonic() + seconds + 60
    while process.is_alive():
        process.join(0.5)
        now = (board.counts()[0], board.in_work())
        if now != last or not now[1][0]:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > timeout:
            process.kill()
            process.join()
            return f"took more than {timeout:g} s"
        if time.monotonic() > ends_at:
            process.kill()
            process.join()
            return ""
    return "" if process.exitcode == 0 else f"ended with exit code {process.exitcode}"


def main() -> None:
    """Fuzz the readers one after the other, and print counts."""
    known = sorted(path.name for path in (Path(__file__).parent / "corpus").iterdir() if path.is_dir())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="for all readers together (default: 10)")
    parser.add_argument("--reader", action="append", choices=known, help="only this one; repeatable")
    parser.add_argument("--engine", action="append", choices=sorted(ENGINES), help="only this one")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that one input may take (default: 60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31, help="default: the clock")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="faults are kept here (default: runs/fuzz)")
    options = parser.parse_args()
    engines = options.engine or [name for name in ENGINES if name == "hypothesis" or importlib.util.find_spec(name)]
    shares = {reader: 0.25 if reader in SLOW else 1.0 for reader in sorted(options.reader or known)}
    seconds = 60 * options.minutes / (sum(shares.values()) * len(engines))
    chosen = {reader: seconds * share for reader, share in shares.items()}
    print(f"seed {options.seed}; {', '.join(engines)}; {min(chosen.values()):.0f} s each, or more", flush=True)
    context, codes = multiprocessing.get_context("spawn"), []
    for engine in engines:
        process = context.Process(target=by_engine, args=(engine, options, chosen))
        process.start()
        process.join()
        codes.append(process.exitcode)
    raise SystemExit(any(codes))


if __name__ == "__main__":
    main()
