"""Kill runs, their workers, and fill the disk, for a long time: `nox -s soak -- --minutes 60`.

Each round measures trivial codecs on small pictures into a new database, and is disturbed in one of these ways:

    client     the client is killed (SIGKILL), again and again
    worker     processes below the client are killed
    both       processes below the client, then the client
    two        two clients measure at once, and one of them is killed, or both, or none
    full disk  the disk has room for part of the database: a small tmpfs where one may be mounted, else a limit on the
               size of files

After each the same command has to end with exit code 0, within twenty times the seconds of a run without disturbance.
The measurements of the database have to be those of a serial run that nothing disturbed; what was stored before a kill
has to be there still, of the run that had measured it; and no process may be left. Everything else is a fault, and its
database is kept under `--out`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODECS = ("own.py:Quick@1,2,3,4,5,6,7,8", "own.py:Slow@1,4,8", "jpeg@10,50,90")
SIDES = ((24, 16), (16, 24), (17, 9), (9, 17), (33, 8), (8, 33))

LONGEST = 20
"""Times the serial run's seconds, after which a run is taken to hang."""

LEFT_S = 20.0
"""How long processes of a killed client may take to end, at least; as long as the serial run on a busy machine."""

ROOM = (64, 640)
"""KiB that a full disk has for the database and its log; the whole takes about a megabyte."""

ROWS = """SELECT m.key, codec, quality, m.image_sha256, num_bytes, bitstream_sha256, metric, value
    FROM measurements AS m JOIN configurations USING (configuration_id) JOIN distortions USING (key)
    ORDER BY m.key, metric"""

TASKS = "SELECT key, run_id FROM measurements"


@dataclass
class Figures:
    """What a soak has done and found."""

    rounds: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    client_kills: int = 0
    worker_kills: int = 0
    full_disks: int = 0
    failed_tasks: int = 0
    """Whose process was killed twice; the same command measures them."""
    rows: int = 0
    """Measurements that were stored."""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rounds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.rounds.items()))
        return (
            f"{sum(self.rounds.values())} rounds ({rounds}): {self.runs} runs, {self.client_kills} clients and "
            f"{self.worker_kills} processes below them killed, {self.full_disks} disks full, {self.failed_tasks} tasks "
            f"failed because of kills and measured again, {self.rows} measurements, {len(self.faults)} faults"
        )


class FaultError(Exception):
    """Something that may not be."""


class Soak:
    """A folder in which runs are disturbed."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng, self.figures = folder, rng, Figures()
        shutil.copy(Path(__file__).parent / "desk" / "own.py", folder)
        (folder / "photos").mkdir()
        for number, (width, height) in enumerate(SIDES):
            crop = skimage.data.astronaut()[100 : 100 + height, 200 + number : 200 + number + width]
            Image.fromarray(crop).save(folder / "photos" / f"p{number}.png")
        self.seconds = LEFT_S
        start = time.monotonic()
        self.finish(self.start(Path("serial.sqlite")), Path("serial.sqlite"))
        self.seconds = time.monotonic() - start
        self.reference = self.rows(Path("serial.sqlite"), ROWS)

    @property
    def longest_s(self) -> float:
        """How long a run may take."""
        return LONGEST * max(LEFT_S, self.seconds)

    def start(self, db: Path, *, workers: int = 1, room_bytes: int | None = None) -> subprocess.Popen[str]:
        """Start a run; `room_bytes` limits the size of its files."""
        self.figures.runs += 1
        codecs = [word for codec in CODECS for word in ("--codec", codec)]
        command = ["run", *codecs, "--dataset", "photos", "--db", str(db), "--workers", str(workers)]

        def limit() -> None:
            if room_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

        return subprocess.Popen(
            [sys.executable, "-m", "bench", *command],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,  # noqa: PLW1509  # there is one thread
        )

    def finish(self, run: subprocess.Popen[str], db: Path, *, code: int = 0) -> str:
        """Wait for a run to end with an exit code; what it said."""
        try:
            _, errors = run.communicate(timeout=self.longest_s)
        except subprocess.TimeoutExpired:
            end(run)
            raise FaultError(f"{db}: a run did not end within {self.longest_s:.0f} s") from None
        if "Traceback" in errors or run.returncode != code:
            raise FaultError(f"{db}: exit code {run.returncode} instead of {code}: {errors.strip()[-400:]}")
        return errors

    def rows(self, db: Path, query: str) -> list[tuple[object, ...]]:
        """The rows of a query; none, if the database has no tables yet."""
        with contextlib.closing(sqlite3.connect(self.folder / db, timeout=60)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def nap(self, share: float = 1.2) -> None:
        """Wait for a random part of the time of a run."""
        time.sleep(self.rng.uniform(0, share * self.seconds))

    def kill_client(self, run: subprocess.Popen[str]) -> bool:
        """Kill the client, if it still runs; what it started has to end by itself."""
        below = children(run.pid)
        if run.poll() is not None:
            return False
        run.kill()
        run.communicate()
        self.figures.client_kills += 1
        left_s = max(LEFT_S, self.seconds)
        deadline = time.monotonic() + left_s
        while left := [process for process in below if is_alive(process)]:
            if time.monotonic() > deadline:
                for process in left:
                    process.kill()
                raise FaultError(f"{len(left)} processes were left {left_s:.0f} s after their client was killed")
            time.sleep(0.1)
        return True

    def kill_below(self, run: subprocess.Popen[str]) -> None:
        """Kill a process that the client has started, if there is one."""
        if below := [process for process in children(run.pid) if is_alive(process)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.rng.choice(below).kill()
                self.figures.worker_kills += 1

    def require(self, db: Path, before: dict[object, object], *, workers: int) -> None:
        """Finish a database by the same command, and compare it with the serial run's.

        Raises:
            FaultError: a measurement is missing, another one, or was measured twice.
        """
        self.finish(self.start(db, workers=workers), db)
        after: dict[object, object] = dict(self.rows(db, TASKS))  # type: ignore[arg-type]
        if lost := before.keys() - after.keys():
            raise FaultError(f"{db}: {len(lost)} measurements that were stored are lost")
        if again := [key for key in before if before[key] != after[key]]:
            raise FaultError(f"{db}: {len(again)} measurements that were stored were measured again")
        if self.rows(db, ROWS) != self.reference:
            raise FaultError(f"{db}: its measurements are not those of a serial run")
        if failures := self.rows(db, "SELECT message FROM failures"):
            raise FaultError(f"{db}: failures were left: {failures[0]}")
        if (state := self.rows(db, "PRAGMA integrity_check")) != [("ok",)]:
            raise FaultError(f"{db}: {state[0]}")
        self.figures.rows += len(after)

    def stored(self, db: Path) -> dict[object, object]:
        """Keys of the measurements of a database, and the runs that have measured them."""
        return dict(self.rows(db, TASKS)) if (self.folder / db).exists() else {}  # type: ignore[arg-type]

    def let_end(self, run: subprocess.Popen[str], db: Path) -> None:
        """Wait for a run whose processes were killed: a task that lost its process twice has failed."""
        try:
            _, errors = run.communicate(timeout=self.longest_s)
        except subprocess.TimeoutExpired:
            end(run)
            raise FaultError(
                f"{db}: a run whose process was killed did not end within {self.longest_s:.0f} s"
            ) from None
        if "Traceback" in errors or run.returncode not in {0, 1}:
            raise FaultError(f"{db}: exit code {run.returncode} after a process was killed: {errors.strip()[-400:]}")
        self.figures.failed_tasks += len(self.rows(db, "SELECT 1 FROM failures"))

    def client(self, db: Path, workers: int) -> None:
        """Kill the client up to four times."""
        before: dict[object, object] = {}
        for _ in range(self.rng.randint(1, 4)):
            run = self.start(db, workers=workers)
            self.nap()
            if not self.kill_client(run):
                self.finish(run, db)
            now = self.stored(db)
            if before.items() - now.items():
                raise FaultError(f"{db}: a kill lost what an earlier run had stored")
            before = now
        self.require(db, before, workers=workers)

    def worker(self, db: Path, workers: int) -> None:
        """Kill up to five processes below a client."""
        run = self.start(db, workers=workers)
        for _ in range(self.rng.randint(1, 5)):
            self.nap(0.4)
            self.kill_below(run)
        self.let_end(run, db)
        self.require(db, self.stored(db), workers=workers)

    def both(self, db: Path, workers: int) -> None:
        """Kill a process below the client, then the client."""
        run = self.start(db, workers=workers)
        self.nap(0.7)
        self.kill_below(run)
        self.nap(0.3)
        if not self.kill_client(run):
            self.let_end(run, db)
        self.require(db, self.stored(db), workers=workers)

    def two(self, db: Path, workers: int) -> None:
        """Let two clients measure at once."""
        runs = [self.start(db, workers=workers) for _ in range(2)]
        for run in self.rng.sample(runs, self.rng.randint(0, 2)):
            self.nap(1.5)
            self.kill_client(run)
        for run in runs:
            if run.returncode is None:
                self.finish(run, db)
        self.require(db, self.stored(db), workers=workers)

    def full_disk(self, db: Path, workers: int) -> None:
        """Let the disk become full, then give it room."""
        room_bytes = self.rng.randint(*ROOM) << 10
        with small_disk(room_bytes, self.folder / "disk") as disk:
            where = db if disk is None else Path("disk") / db.name
            run = self.start(where, workers=workers, room_bytes=room_bytes if disk is None else None)
            _, errors = run.communicate(timeout=self.longest_s)
            if "Traceback" in errors or run.returncode not in {0, 1}:
                raise FaultError(f"{db}: exit code {run.returncode} on a full disk: {errors.strip()[-400:]}")
            self.figures.full_disks += run.returncode
            if run.returncode and not errors.strip().splitlines()[-1].startswith("Error: "):
                raise FaultError(f"{db}: a full disk was not told in one line: {errors.strip()[-400:]}")
            before = self.stored(where)
            for path in disk.iterdir() if disk else ():
                shutil.copy(path, self.folder)
        self.require(db, before, workers=workers)

    def round(self, number: int) -> None:
        """One round; a fault is kept in the figures."""
        kinds: dict[str, Callable[[Path, int], None]] = {
            "client": self.client,
            "worker": self.worker,
            "both": self.both,
            "two": self.two,
            "full disk": self.full_disk,
        }
        kind = list(kinds)[number % len(kinds)]
        self.figures.rounds[kind] += 1
        try:
            kinds[kind](Path(f"{number}.sqlite"), self.rng.choice((1, 2)))
        except FaultError as fault:
            self.figures.faults.append(f"{kind}: {fault}")


def children(pid: int) -> list[psutil.Process]:
    """Processes that a process has started, and theirs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs: remains of one may stay until somebody asks for them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end(run: subprocess.Popen[str]) -> None:
    """End a run with all that it has started."""
    for process in children(run.pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    run.kill()
    run.communicate()


@contextlib.contextmanager
def small_disk(room_bytes: int, place: Path) -> Iterator[Path | None]:
    """A disk of a size; None where this user may not mount one."""
    place.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={room_bytes}", "tmpfs", str(place)]
    if not mount or os.getuid() or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)


def main() -> None:
    """Soak, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="(default: 60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31, help="default: the clock")
    parser.add_argument("--out", type=Path, default=Path("runs/soak"), help="faults are kept here (default: runs/soak)")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    ends_at = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak = Soak(Path(folder), random.Random(options.seed))  # noqa: S311
        print(f"a serial run: {soak.seconds:.1f} s", flush=True)
        number = 0
        while time.monotonic() < ends_at:
            faults = len(soak.figures.faults)
            soak.round(number)
            for path in Path(folder).glob(f"{number}.sqlite*"):
                if len(soak.figures.faults) > faults:
                    options.out.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, options.out)
                path.unlink()
            for line in soak.figures.faults[faults:]:
                print(f"    {line}", flush=True)
            number += 1
            if number % 5 == 0:
                print(soak.figures, flush=True)
        print(soak.figures, flush=True)
    raise SystemExit(bool(soak.figures.faults))


if __name__ == "__main__":
    main()
