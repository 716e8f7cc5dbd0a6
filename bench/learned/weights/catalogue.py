"""Find weights files by the name of the weights. This module does not import torch.

    compact, compact-ms-ssim  the weights that ship with the package, trained for MSE and for MS-SSIM
    zoo, zoo-ms-ssim          CompressAI's weights, trained for MSE and for MS-SSIM (`bench fetch weights`)
    a folder                  files named FAMILY-QUALITY.safetensors, as in compact; or the folder of a training run
    a file                    one model: written by `bench train`, or a checkpoint of one of CompressAI's architectures
    files                     a glob or a list of such files, each a point of an RD curve (`file_selection`)

A file with delta weights names its base: a file in the same folder with the other tensors, which may itself be delta
weights. +qr and +ft files contain a decoder. -int files contain an entropy model in integers, whose base may also be
a checkpoint of CompressAI.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from bench.learned.weights import checkpoints, file_selection
from bench.learned.weights.tensor_file import read_header
from bench.system.errors import BenchError, MissingError, UsageError
from bench.system.files import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPACT = Path(__file__).parent / "compact"

COMPACTS = {"compact": "", "compact-ms-ssim": "-ms-ssim"}
"""Names of the package's weights, and the suffixes of their file names."""

ZOOS = {"zoo": "mse", "zoo-ms-ssim": "ms-ssim"}
"""Names of CompressAI's weights, and the metrics that they were trained for."""

TRAINED = "weights.safetensors"
"""Name of the weights file in the folder of a training run."""

DEEPEST = 4
"""Maximum length of a chain of bases."""

FOR_MS_SSIM = {"compact": "compact-ms-ssim", "zoo": "zoo-ms-ssim"}
"""Names of weights trained for MSE, and of the corresponding ones trained for MS-SSIM."""


def is_for_ms_ssim(weights: str) -> bool:
    """Whether weights were trained for MS-SSIM, according to their name."""
    return weights.endswith("ms-ssim")


def qualities(weights: str, family: str) -> tuple[float, ...]:
    """The qualities at which a family has weights on this machine.

    Raises:
        UsageError: there is no such name, folder or file, or the file is invalid.
    """
    return tuple(sorted(_files(weights, family)))


def find(weights: str, family: str, quality: float) -> Path:
    """The weights file of one model.

    Raises:
        MissingError: it is missing; the message says how to get it.
        UsageError: there is no such name, folder or file, or the file is invalid.
    """
    files = _files(weights, family)
    if quality not in files:
        available = f" (available: {', '.join(f'{number:g}' for number in sorted(files))})" if files else ""
        raise MissingError(f"no weights of {family}@{quality:g} in {weights}{available}; {_advice(weights, family)}")
    return files[quality]


def missing(weights: str, family: str) -> str | None:
    """Message about missing weights or bases of a family and how to get them; None if nothing is missing."""
    if not (files := _files(weights, family)):
        return f"no weights of {family} in {weights}; {_advice(weights, family)}"
    if weights in ZOOS:
        return None
    try:
        for path in files.values():
            if not is_foreign(path):
                bases(path)
    except BenchError as error:
        return str(error)
    return None


def is_of_files(weights: str) -> bool:
    """Whether weights are files given by the user, whose numbers are the qualities."""
    return weights not in {*COMPACTS, *ZOOS} and not Path(weights).is_dir()


def is_foreign(path: Path) -> bool:
    """Whether a file is a checkpoint of other code rather than a weights file of bench."""
    if path.suffix != ".safetensors":
        return True
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return "bench" not in (file.metadata() or {})
    except (safetensors.SafetensorError, OSError):
        return False  # a damaged file is reported when it is read


def base(path: Path) -> Path:
    """The verified base of delta weights: a file in the same folder, or a checkpoint of CompressAI.

    Raises:
        MissingError, UsageError: see `bases`; or the file has full weights.
    """
    if not (chain := bases(path)):
        raise UsageError(f"{path}: full weights, not delta weights")
    return chain[0]


def bases(path: Path) -> tuple[Path, ...]:
    """The verified base of a file, the base of that, and so on down to full weights; empty for full weights.

    Raises:
        MissingError: one is missing.
        UsageError: one has changed, or the chain is too long.
    """
    chain = [path]
    while isinstance((header := read_header(chain[-1])).get("base"), dict):
        chain.append(_base(header, chain))
        if header["base"].get("weights") in ZOOS:
            break
    return tuple(chain[1:])


def _base(header: dict[str, Any], chain: Sequence[Path]) -> Path:
    """The verified base named in the header of the last file of a chain."""
    path, entry = chain[-1], header["base"]
    file, sha256 = str(entry.get("file")), str(entry.get("sha256"))
    if entry.get("weights") in ZOOS:
        located, _ = checkpoints.require(checkpoints.find(*_fixed_point_base(header), ZOOS[entry["weights"]]))
    elif not (located := path.parent / file).is_file():
        raise MissingError(f"{path} needs {file} (SHA-256 {sha256[:12]}…) in the same folder")
    if located in chain:
        raise UsageError(f"{path} names {file} as its base, which depends on it: one of the two was changed")
    if len(chain) > DEEPEST:
        raise UsageError(f"{chain[0]}: a chain of more than {DEEPEST} bases; train full weights instead")
    if fingerprint(located) != sha256:
        raise UsageError(
            f"{path} needs a {file} with SHA-256 {sha256[:12]}…, but {located} has {fingerprint(located)[:12]}…; "
            f"replace it, or {_retraining(header)}"
        )
    return located


def _fixed_point_base(header: dict[str, Any]) -> tuple[str, int]:
    """Family and quality of the base of an entropy model in integers."""
    return str(header["base"]["family"]), int(header["card"]["quality"])


def _retraining(header: dict[str, Any]) -> str:
    """Advice on how to create the delta weights again for the present base."""
    if "modifier" in header:
        return f"train +{header['modifier']} on this one"
    if "fixed_point" not in header:
        return "train it on this one"
    family, quality = _fixed_point_base(header)
    return f"`bench quantize {family}@{quality} --force` makes a new one"


def _files(weights: str, family: str) -> Mapping[float, Path]:
    """The files of a family, by quality."""
    if weights in ZOOS:
        key = (family, ZOOS[weights])
        published = (entry for entry in checkpoints.all_checkpoints() if (entry.family, entry.metric) == key)
        return {entry.quality: path for entry in published if (path := checkpoints.locate(entry)) is not None}
    if weights not in COMPACTS and (chosen := file_selection.selected(weights)) is not None:
        for path in chosen.values():
            _require_family(path, family)
        return chosen
    path = COMPACT if weights in COMPACTS else Path(weights)
    if path.is_file():
        _require_family(path, family)
        return {file_selection.number_of(path) if is_foreign(path) else _identity(path)[1]: path}
    if not path.is_dir() and weights not in COMPACTS:
        if file_selection.is_path(weights):
            raise UsageError(f"--weights {weights}: no such file")
        names = ", ".join((*COMPACTS, *ZOOS))
        raise UsageError(
            f"unknown weights '{weights}'; use {names}, a file, a folder of files, a glob as in "
            "'runs/*.pth.tar', or q1=a.pth,q2=b.pth"
        )
    # Names with a third part are variants, such as those of other seeds, which are only used by their path.
    ending = f"{COMPACTS.get(weights, '')}.safetensors"
    stems = {file.name.removesuffix(ending).rpartition("-"): file for file in path.glob(f"{family}-*{ending}")}
    named: dict[float, Path] = {
        int(quality): file for (name, _, quality), file in stems.items() if name == family and quality.isdecimal()
    }
    # The folder of a training run.
    if (trained := path / TRAINED).is_file() and (identity := _identity(trained))[0] == family:
        named[identity[1]] = trained
    return named


def _require_family(path: Path, family: str) -> None:
    """Check that a file contains a model of the family.

    Raises:
        UsageError: it does not.
    """
    if is_foreign(path):
        from bench.learned.weights import recognition  # noqa: PLC0415 - imports torch

        recognition.require(path, family)
    elif (found := _identity(path)[0]) != family:
        raise UsageError(f"{path}: weights of family '{found}', not '{family}'")


def _identity(path: Path) -> tuple[str, int]:
    """Family (with modifier) and quality of the model in a file."""
    header = read_header(path)
    modifier = f"+{header['modifier']}" if "modifier" in header else ""
    try:
        return str(header["config"]["family"]) + modifier, int(header["card"]["quality"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a weights file of bench ({error})") from error


def _advice(weights: str, family: str) -> str:
    """How to get missing weights."""
    base, fixed_point, _ = family.rpartition("-int")
    if fixed_point:
        return f"`bench quantize {base}` makes them from {base}"
    if weights in ZOOS and "+" not in family:
        metric = "" if weights == "zoo" else f" --metric {ZOOS[weights]}"
        return f"`bench fetch weights --family {family}{metric}` downloads the available ones"
    return f"`bench train {family}@QUALITY` makes them; use --weights for others"
