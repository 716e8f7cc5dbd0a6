"""Development tasks; `nox -l` lists them.

All sessions share one environment, .venv, because torch and its libraries take 6 GB. It is created on first use and
updated when pyproject.toml changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "none"

PROJECT = Path(__file__).parent
ENVIRONMENT = PROJECT / ".venv"
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHONS = ("3.12", "3.11")  # see requires-python


@nox.session
def reproduce(session: nox.Session) -> None:
    """Measure every codec on Kodak and write reports/index.html (`-- --quick`: a few pictures only)."""
    run(session, "bench", "reproduce", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write reports/index.html again from the stored results."""
    run(session, "bench", "report", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but the slow ones (`-- -m slow` runs the slow ones, `-- -k NAME` a selection)."""
    session.env["OMP_NUM_THREADS"] = "1"  # pytest starts one worker per core
    session.env["OMP_WAIT_POLICY"] = "passive"  # two threads of a test share one core, so waiting ones must not spin
    # Where this is set, as in many containers, workers and child processes all compile the same files.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    # The tests of a file share fixtures that take seconds: reports, weights, a process that decodes.
    distribution = ["--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder"]
    run(session, "pytest", *distribution, *(session.posargs or ["-m", "not slow"]))


@nox.session
def browser(session: nox.Session) -> None:
    """Test a report in headless Chromium (screenshots go to reports/screenshots)."""
    run(session, "pytest", "-m", "browser", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (`-- --fix` applies automatic fixes)."""
    run(session, "ruff", "check", *session.posargs)
    run(session, "ruff", "format", *([] if "--fix" in session.posargs else ["--check"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy in strict mode."""
    run(session, "mypy")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz every parser of untrusted bytes with damaged files (`-- --minutes 30`; docs/reliability.md)."""
    run(session, "python", "tests/fuzz.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Kill runs and workers and fill the disk, and check that no results are lost (`-- --minutes 60`)."""
    run(session, "python", "tests/soak.py", *session.posargs)


@nox.session
def speed(session: nox.Session) -> None:
    """Compare the speed of harness and training with CompressAI's; needs an idle machine."""
    for benchmark in sorted((PROJECT / "benchmarks").glob("*_speed.py")):
        run(session, "python", str(benchmark), *session.posargs)


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Create or update the shared environment, and run one of its programs."""
    wanted = hashlib.sha256((PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "installed-pyproject.sha256"
    if not stamp.is_file() or stamp.read_text() != wanted:
        stamp.unlink(missing_ok=True)
        _install(session)
        stamp.write_text(wanted)
    session.run(str(PROGRAMS / program), *arguments, external=True)


def _install(session: nox.Session) -> None:
    python = str(PROGRAMS / "python")
    if not (ENVIRONMENT / "pyvenv.cfg").is_file():
        session.run_install(_interpreter(session), "-m", "venv", str(ENVIRONMENT), external=True)
    session.run_install(
        python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1", external=True
    )  # for --group
    session.log("installing bench and its dependencies: about 6 GB, two minutes on a fast connection")
    session.run_install(python, "-m", "pip", "install", "--quiet", "--editable", ".", "--group", "dev", external=True)


def _interpreter(session: nox.Session) -> str:
    if ".".join(map(str, sys.version_info[:2])) in PYTHONS:
        return sys.executable
    for version in PYTHONS:
        if found := shutil.which(f"python{version}"):
            return found
    session.error(f"bench needs Python {' or '.join(PYTHONS)}, because CompressAI does; install one of them")
    return None
