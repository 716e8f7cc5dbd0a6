"""What a wrong value of each option and argument is, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bench

if TYPE_CHECKING:
    from collections.abc import Mapping

ODD = "no\udcf1 such\n\r\x1b name"
"""What a file may be called: a byte that is not UTF-8, a line break, a control character."""

CLIP = ("--dataset", "clip.y4m")
RAW = ("--dataset", "raw.yuv")
LEARNED = ("--codec", "joint@3")
PHOTOS = ("--dataset", "photos")
CACHE = ("--cache", "new-cache")
RESULT = (*PHOTOS, "--db", "new.sqlite")
HYPER = Path(bench.__file__).parent / "learned" / "weights" / "compact" / "hyper-3.safetensors"


@dataclass(frozen=True)
class Wrong:
    """A value, a part of what is said of it, and further words that it takes to be looked at."""

    value: str
    message: str
    words: tuple[str, ...] = ()
    base: tuple[str, ...] | None = None
    """Stands in for that of the command."""


def names(message: str, *words: str) -> tuple[Wrong, ...]:
    """Names of nothing: a plain one, and one that no terminal takes."""
    return Wrong("nosuch", message, words), Wrong(ODD, message, words)


BY_TYPE: tuple[Wrong, ...] = ()
"""Of a parameter all of whose wrong values follow from its type."""

BASES: Mapping[str, tuple[str, ...]] = {
    "list": (),
    "fetch": ("weights",),
    "run": ("--codec", "jpeg@50", "--dataset", "photos", "--db", "new.sqlite"),
    "reproduce": ("--quick", "--out", "new", "--db", "new.sqlite"),
    "report": ("--db", "r.sqlite", "--out", "new"),
    "verify": ("--codec", "jpeg@50", "--dataset", "photos"),
    "compare": ("jpeg", "webp", "--db", "r.sqlite"),
    "plot": ("--codec", "jpeg", "--db", "r.sqlite", "--out", "new"),
    "export": ("new", "--db", "r.sqlite"),
    "import": ("curve.json", "--db", "new.sqlite"),
    "merge": ("r.sqlite", "--db", "new.sqlite"),
    "doctor": (),
    "train one": (
        "joint+qr@3",
        "--steps",
        "1",
        "--data",
        "photos",
        "--crop",
        "8",
        "1",
        "--out",
        "new",
        "--cache",
        "new-cache",
    ),
    "train zoo": ("--budget", "1s", "--data", "photos", "--runs", "new", *CACHE),
    "train export": (str(HYPER), "new.pth.tar"),
    "train ablation": ("--budget", "1s", "--data", "photos", "--out", "new.csv", "--runs", "new"),
    "train alpha": ("joint+qr@3", "--budget", "1s", "--data", "photos", "--out", "new.csv", "--runs", "new"),
    "train trials": (f"a={HYPER}", "--out", "new.csv", "--data", "photos", *CACHE),
    "train cca-ablation": ("text", "--out", "new.csv"),
    "train spread": ("text", "--out", "new.csv"),
    "diagnose": ("hyper@3", "photo.png"),
    "quantize": ("joint@3", "--data", "photos", "--out", "new"),
}
"""What each command is called with besides the wrong value: all of it right, or looked at after that."""

TALKING = {"list", "doctor", "reproduce"}
"""Commands that show what they can, or say what they do, before they come upon what is wrong."""

COMMON: Mapping[str, tuple[Wrong, ...]] = {
    **dict.fromkeys(("--threads", "--force", "--workers", "--seed", "--device", "--compile", "--cache"), BY_TYPE),
    "--data": BY_TYPE,
    "--out": BY_TYPE,
    "--runs": BY_TYPE,
    "--db": (Wrong("text", "text: it is not a results database of bench; choose another with --db"),),
    "--budget": (*names("is not a time such as 90s"), Wrong("-5m", "'-5m' is not a time"), Wrong("0s", "not a time")),
    "--exclude": names("no picture in 'photos' matches"),
    "--images": names("unknown image of photos-"),
    "--backend": names("jpeg has no backend '"),
    "--lr": BY_TYPE,
    "--frames": (
        *names("--frames", *CLIP),
        Wrong("5:9", "--frames 5:9", CLIP),
        Wrong("0:1", "--frames is for clips", ()),
    ),
    "--size": (
        *names("--size", *RAW),
        Wrong("16x0", "16x0 is not a valid picture size", RAW),
        Wrong("16x16", "--size is for clips"),
    ),
    "--pixel-format": (
        *names("unknown pixel format '", *RAW, "--size", "16x16"),
        Wrong("nv12", "--pixel-format is for clips"),
    ),
    "--range": (Wrong("full", "--range is for clips"),),
}
"""Of parameters that several commands have alike."""

OWN: Mapping[str, Mapping[str, tuple[Wrong, ...]]] = {
    "list": {"kind": BY_TYPE},
    "fetch": {
        "names": names("unknown dataset '"),
        "--family": names("unknown family of the zoo '"),
        "--quality": (Wrong("0", "the zoo has its families at qualities 1 to 8, not 0"), Wrong("9", "not 9")),
        "--metric": BY_TYPE,
    },
    "run": {
        "--codec": (
            *names("unknown codec '"),
            Wrong("jpeg@500", "jpeg"),
            Wrong("jpeg@high", "jpeg@high"),
            Wrong("nosuch*", "nosuch*"),
            Wrong("nosuch.py:Codec", "nosuch.py"),
            Wrong("text:Codec", "text"),
            Wrong("own.py:Nosuch", "Nosuch"),
        ),
        "--dataset": (*names("unknown dataset '"), Wrong("empty", "dataset 'empty' holds no images")),
        "--exclude": (*names("unknown image of photos-"), Wrong("*", "--exclude leaves no image of photos-")),
        "--sample": (Wrong("99", "has only 2 pictures"),),
        "--seed": (Wrong("3", "--seed applies to --sample"),),
        "--shard": (*names("is not a shard"), Wrong("0/4", "is not a shard"), Wrong("5/4", "is not a shard")),
        "--skip-failed": BY_TYPE,
        "--weights": (
            *names("unknown weights '", *LEARNED),
            Wrong("text", "text: not a PyTorch checkpoint", LEARNED),
            Wrong("empty", "no weights of joint in empty", base=(*LEARNED, *RESULT)),
            Wrong("compact", "jpeg has no option --weights"),
        ),
        "--device": names("unknown device '", *LEARNED),
        "--synthesis": names("unknown precision of the synthesis '", *LEARNED),
        "--metric": (
            *names("unknown metric '"),
            Wrong("nosuch.py:METRIC", "nosuch.py"),
            Wrong("own.py:NOSUCH", "NOSUCH"),
        ),
        "--add-metric": (
            *names("unknown metric '"),
            Wrong("mse", "mse is measured in every run; omit --add-metric"),
            Wrong("vmaf", "--add-metric uses codecs as stored; omit --timing", ("--timing",)),
            Wrong("xpsnr", "there are no results at new.sqlite"),
        ),
        "--bpp": (
            Wrong("0.5", "--bpp finds the quality; use jpeg instead of jpeg@50"),
            Wrong("0.5", "--bpp and --psnr are alternative targets; use only one of them", ("--psnr", "30")),
        ),
        "--psnr": (Wrong("30", "--psnr finds the quality; use jpeg instead of jpeg@50"),),
        "--scheduler": (
            *names("is neither an address"),
            *(Wrong(file, f"{file}: it is not a file of `dask scheduler") for file in ("text", "curve.json")),
            *(Wrong(one, f"{one}: not an address such as") for one in ("tcp://", "tcp://node1:port", "foo://node1:1")),
            Wrong("tcp://127.0.0.1:1", "no scheduler answers there"),
        ),
        "--task-timeout": BY_TYPE,
        "--task-memory": BY_TYPE,
        "--timing": BY_TYPE,
        "--repeats": (Wrong("3", "--repeats applies to times; add --timing"),),
        "--force": (Wrong("", "--force applies to times; add --timing"),),
        "--threads": (Wrong("2", "--threads does not apply to workers", ("--workers", "2")),),
    },
    "reproduce": {
        "--quick": BY_TYPE,
        "--weights": (*names("unknown weights '"), Wrong("text", "text")),
        "--evidence": (Wrong("photos", "photos"),),
    },
    "report": {
        "--dataset": (*names("unknown dataset '"), Wrong("empty", "dataset 'empty' holds no images")),
        "--anchor": names(" is not measured on photos-"),
        "--figures": BY_TYPE,
    },
    "verify": {
        "--codec": (*names("unknown codec '"), Wrong("jpeg@500", "jpeg")),
        "--weights": (*names("unknown weights '", *LEARNED), Wrong("compact", "jpeg has no option --weights")),
        "--family": (Wrong("joint", "--family, --quality and --db are for --weights zoo"),),
        "--quality": (Wrong("3", "--family, --quality and --db are for --weights zoo"),),
        "--dataset": (*names("unknown dataset '"), Wrong("empty", "dataset 'empty' holds no images")),
        "--db": (Wrong("new.sqlite", "--family, --quality and --db are for --weights zoo"),),
    },
    "compare": {
        "--format": BY_TYPE,
        "test": names(" is not measured on photos-"),
        "anchor": names(" is not measured on photos-"),
        "--dataset": (*names("unknown dataset '"), Wrong("empty", "dataset 'empty' holds no images")),
        "--metric": names("unknown metric '"),
        **dict.fromkeys(
            ("--frames", "--size", "--pixel-format"),
            (
                Wrong("0:1", " is for clips; give the clip with --dataset"),
                Wrong("0:1", " is for clips", PHOTOS),
            ),
        ),
        "--range": (Wrong("full", "--range is for clips; give the clip with --dataset"),),
    },
    "plot": {
        "--codec": names(" is not measured on photos-"),
        "--metric": names("unknown metric '"),
        "--dataset": (*names("unknown dataset '"), Wrong("empty", "dataset 'empty' holds no images")),
        "--rates": (
            *names("--rates "),
            Wrong("2:1", "--rates 2:1: "),
            Wrong("90:99", "no curve has points in this range"),
        ),
        "--width": (*names("--width "), Wrong("1", "--width 1: the width must be 40 to 400 mm")),
        "--format": names("unknown format '"),
    },
    "export": {
        "target": BY_TYPE,
        "--format": BY_TYPE,
        "--dataset": (
            Wrong("photos", "--dataset and --data select --pictures"),
            *names("unknown dataset '", "--pictures", "p0"),
            *names("unknown dataset '", "--format", "compressai"),
        ),
        "--pictures": (
            *names("unknown image of photos-", "--dataset", "photos"),
            Wrong("p0", "the location of the pictures of photos-"),
            Wrong("p0", "are for CSV files", ("--format", "compressai")),
        ),
        "--costs": (Wrong("", "are for CSV files", ("--format", "compressai")),),
        "--data": (Wrong("photos", "--dataset and --data select --pictures"),),
    },
    "merge": {
        "databases": (
            Wrong("nosuch", "there are no results at nosuch"),
            Wrong("text", "text: it is not a results database of bench"),
            Wrong("empty", "empty is a folder"),
        ),
    },
    "import": {
        "source": (
            *names("neither the folder of an export, nor a file"),
            Wrong("text", "text: neither the folder of an export, nor a file"),
            Wrong("photo.png", "photo.png: neither the folder of an export, nor a file"),
            Wrong("empty", "empty: there is no measurements.csv"),
            Wrong("text/in", "text/in: neither the folder of an export, nor a file"),
        ),
        "--dataset": (Wrong(ODD, "the name of the image set must be a text in UTF-8"),),
        "--as": (Wrong(ODD, "must be"), Wrong("tfc/mine", "tfc is a source that comes with bench")),
        "--source": (Wrong(ODD, "must be"),),
        "--remove": (
            Wrong("mine", "give a folder or a file to import, or a curve to --remove"),
            Wrong("tfc/bpg444", "comes with bench", base=("--db", "r.sqlite")),
            *(Wrong(name, "unknown imported curve '", base=("--db", "r.sqlite")) for name in ("nosuch", ODD)),
        ),
    },
    "train one": {
        "target": (
            *names("is not FAMILY@QUALITY"),
            Wrong("jiont@3", "did you mean 'joint'?"),
            Wrong("joint@9", "quality 9: must be 1 to 8"),
        ),
        "--metric": names("unknown metric '"),
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--steps": (Wrong("1", "--steps and --budget exclude each other", ("--budget", "1m")),),
        "--resume": BY_TYPE,
        "--restart": (Wrong("", "--resume and --restart exclude each other", ("--resume",)),),
        "--init": (
            *names("there is no weights file"),
            Wrong("text", "text: not a PyTorch checkpoint"),
            Wrong("text", "--init is for a new training", ("--resume",)),
        ),
        "--phase": names("unknown phase '"),
        "--alpha": (Wrong("1", "--alpha needs a rectifier, and joint@3 has none", base=("joint@3", "--steps", "1")),),
        "--distance": names("distance"),
        "--synthesis": (
            *names("synthesis"),
            Wrong("detached", "has no effect in the phase", ("--phase", "soft")),
        ),
        "--width": (Wrong("9", "--width 9: must be a multiple of 8"),),
        "--optimizer": names("unknown optimizer '"),
        "--crop": (Wrong("1", "--crop 1: "),),
        **dict.fromkeys(("--N", "--M"), (Wrong("8", "joint+qr@3 has that of its initial weights"),)),
        "--lmbda": (Wrong("0.1", "joint+qr@3 has that of its initial weights"),),
        "--qualities": (*names("must be different numbers"), Wrong("3,3", "must be different numbers")),
        "--devices": BY_TYPE,
        "--nodes": BY_TYPE,
        "--precision": BY_TYPE,
    },
    "train export": {
        "weights": (*names("there is no weights file"), Wrong("text", "text: not a weights file")),
        "checkpoint": BY_TYPE,
    },
    "train zoo": {
        "--status": BY_TYPE,
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--recipe": (*names("No such file"), Wrong("text", "text"), Wrong("photo.png", "photo.png")),
        "--weights": BY_TYPE,
    },
    "train ablation": {
        "--transforms": (*names("there is no weights file"), Wrong("text", "text: not a weights file")),
        "--steps": BY_TYPE,
        "--seeds": BY_TYPE,
        "--variant": names("unknown variant '"),
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--dataset": names("unknown dataset '"),
        "--out": (Wrong("text", "text: not a file of `bench train ablation`"),),
    },
    "train alpha": {
        "target": (
            *names("is not FAMILY@QUALITY"),
            Wrong("joint@3", "joint@3 has no rectifier"),
        ),
        "--init": (*names("there is no weights file"), Wrong("text", "text: not a PyTorch checkpoint")),
        "--start": (Wrong("1e-9", "--floor 1e-05: must be above 0 and not above --start 1e-09"),),
        "--factor": BY_TYPE,
        "--floor": (Wrong("2", "--floor 2: "),),
        **dict.fromkeys(("--patience", "--epoch-steps", "--max-epochs"), BY_TYPE),
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--distance": names("distance"),
        "--synthesis": names("synthesis"),
        "--metric": names("unknown metric '"),
    },
    "train trials": {
        "variants": (
            *names("is not NAME=FILE"),
            Wrong("b=nosuch", "there is no weights file nosuch"),
            Wrong("b=text", "text: not a weights file"),
        ),
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--out": (Wrong("text", "text: not a file of `bench train trials`"),),
    },
    **{
        f"train {name}": {
            "weights": (*names("there is no weights file"), Wrong("text", "text: not a weights file")),
            "--dataset": names("unknown dataset '"),
            "--out": (Wrong("text", f"text: not a file of `bench train {name}`"),),
        }
        for name in ("cca-ablation", "spread")
    },
    "diagnose": {
        "codec": (
            *names("unknown codec '"),
            Wrong("jpeg@50", "jpeg is not a learned codec"),
            Wrong("hyper", "'hyper' is not one learned codec at one quality"),
            Wrong("hyper@7", "no weights of hyper@7 in compact"),
        ),
        "picture": (*names("cannot read image"), Wrong("text", "cannot read image text: it is not an image")),
        "--weights": (*names("unknown weights '"), Wrong("text", "text: not a PyTorch checkpoint")),
    },
    "quantize": {
        "codecs": (
            *names("unknown codec '"),
            Wrong("jpeg", "jpeg"),
            *(Wrong(name, "cannot be converted to fixed point") for name in ("factorized@3", "hyper@3")),
        ),
        "--weights": (*names("unknown weights '"), Wrong("text", "text: not a PyTorch checkpoint")),
        "--data": (*names("no training folder '"), Wrong("empty", "'empty' has no pictures")),
        "--crops": BY_TYPE,
    },
}
"""Of a command's other parameters, by the first name of an option and the name of an argument."""
