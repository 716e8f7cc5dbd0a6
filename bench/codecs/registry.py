"""The registry of codecs and metrics: names to classes, which are imported on demand.

A name is registered in a provider's table, or by an entry point of another distribution (groups `bench.codecs` and
`bench.metrics`). `path/to/file.py:Name` needs no registration.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.codecs import user_code
from bench.codecs.codec import Codec, CodecSpec, QualityScale
from bench.codecs.synonyms import provided, unknown_codec
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bench.metrics.distortion import Metric

_ARCHITECTURES = importlib.import_module("bench.learned.architectures")

ALIASES: dict[str, str] = dict(_ARCHITECTURES.ALIASES)
"""Alias of a codec to the codec's name."""

ON_REQUEST: dict[str, str] = dict(_ARCHITECTURES.CODECS)
"""Codecs that need weights of the user and are not matched by globs; same format as `CODECS`."""

CODECS: dict[str, str] = provided("CODECS")
"""Codec name to "module:attribute"."""

METRICS = {
    "mse": "bench.metrics.distortion:MSE",
    "mse_y": "bench.metrics.distortion:MSE_Y",
    "mse_u": "bench.metrics.distortion:MSE_U",
    "mse_v": "bench.metrics.distortion:MSE_V",
    "ms_ssim": "bench.metrics.distortion:MS_SSIM",
    "ms_ssim_y": "bench.metrics.distortion:MS_SSIM_Y",
}
"""Metric name to "module:NAME", for the metrics of every run, as far as they apply to its kind of picture."""

FURTHER_METRICS = {
    "vmaf": "bench.metrics.video:VMAF",
    "xpsnr": "bench.metrics.video:XPSNR",
    "psnr_hvs": "bench.metrics.vision:PSNR_HVS",
    "psnr_hvs_m": "bench.metrics.vision:PSNR_HVS_M",
    "ssimulacra2": "bench.metrics.ssimulacra2:SSIMULACRA2",
    "nlpd": "bench.metrics.vision:NLPD",
    "flip": "bench.metrics.vision:FLIP",
    "fsim": "bench.metrics.structure:FSIM",
    "gmsd": "bench.metrics.structure:GMSD",
    "iw_ssim": "bench.metrics.structure:IW_SSIM",
    "vif": "bench.metrics.structure:VIF",
    "lpips": "bench.metrics.deep:LPIPS",
    "dists": "bench.metrics.deep:DISTS",
    "cvvdp": "bench.metrics.vision:CVVDP",
}
"""Metric name to "module:NAME", for the metrics that are measured only on request."""

METRIC_SETS = {"jpeg-ai": ("ms_ssim_y", "vmaf", "vif", "fsim", "nlpd", "iw_ssim", "psnr_hvs")}
"""Name of a set of metrics to its members.

JPEG AI averages the BD-rates of seven metrics: see its common training and test conditions (ISO/IEC JTC 1/SC 29/WG 1),
and `src/codec/metrics` of its reference software, whose colour conversion is used here.
"""

_SETTING = re.compile(r"(\+\w+|-(int|opt|444|420|53|jctvc))+$")
"""Suffix of a codec's name after the name of its family: modifiers, fixed point, chroma, wavelet, encoder."""

_STANDARDS = {"vtm": "vvc", "hm": "bpg"}
"""Reference encoder to the codec family of the same standard; BPG is HEVC."""

_NEEDED = {"title": (str, '"..."'), "scale": (QualityScale, "QualityScale(...)")}
"""Class attributes without a default in `bench.codecs.Codec`: type, and example for messages."""


def codec_names() -> tuple[str, ...]:
    """Names of the registered codecs: those of this project, then those of installed entry points."""
    return tuple(_targets(CODECS, "bench.codecs"))


@functools.cache
def codec_class(name: str) -> type[Codec]:
    """Load the class of a codec by name or `path/to/file.py:Class`.

    Raises:
        UsageError: there is no such name, file or class, or the class is not a complete codec.
    """
    name = ALIASES.get(name, name)
    found = _adapted(_find("codec", name, _targets({**CODECS, **ON_REQUEST}, "bench.codecs")), name)
    if not (isinstance(found, type) and issubclass(found, Codec)):
        both = "a subclass of bench.codecs.Codec, nor a model with compress, decompress and update"
        raise UsageError(f"codec '{name}' is not {both}")
    for attribute, (kind, example) in _NEEDED.items():
        if not isinstance(getattr(found, attribute, None), kind):
            raise UsageError(f"{name} needs {attribute} = {example}")
    if not is_ours(name) and not found.scale.points:
        raise UsageError(f"{name} needs qualities to measure: points of its QualityScale")
    if not is_ours(name):
        code_of(name)  # caches the code as it is now, since the file may be edited during a run
    return found


@functools.cache
def load_metric(name: str) -> Metric:
    """Load a metric by name or `path/to/file.py:NAME`.

    Raises:
        UsageError: there is no such name, file or object, or it is not a `bench.metrics.Metric`.
    """
    from bench.metrics.distortion import Metric  # noqa: PLC0415

    ours = {**METRICS, **FURTHER_METRICS}
    found = _find("metric", name, _targets(ours, "bench.metrics"))
    if not isinstance(found, Metric):
        raise UsageError(f"metric '{name}' is not a bench.metrics.Metric")
    if name in ours:
        return found
    # As for a codec: stored values must not be used after an edit.
    code = code_of(name)
    version, content = code.versioned(found.version), user_code.content_sha256(code.files(found.files))
    return replace(found, version=f"{version}-{content[:16]}" if content else version)


def names_of(texts: Iterable[str]) -> list[str]:
    """Return the existing codecs that names and globs (as in `resolve_codecs`) stand for, without duplicates."""
    known = codec_names()
    found: dict[str, None] = {}
    for spec in map(CodecSpec.parse, texts):
        names = _expanded(spec)
        found |= dict.fromkeys(n for n in names if n in {*known, *ON_REQUEST} or Path(n.rpartition(":")[0]).is_file())
    return list(found)


def resolve_codecs(
    texts: Iterable[str],
    options: Mapping[str, str] | None = None,
    *,
    backend: str | None = None,
    without: Collection[str] = (),
) -> list[CodecSpec]:
    """Expand names and globs to codecs with their qualities, each codec once, in the given order.

    Each codec gets the options that it knows; every option must belong to at least one codec. Codecs that match a glob
    are left out if they do not have the backend; a codec given by name must have it. Codecs in `without` are left out
    and not loaded; if there are any, options may belong to them.

    Raises:
        UsageError: a name is unknown, a glob matches nothing, a quality is out of range, no codec has an option or the
            backend, or two codecs would be stored under the same label.
    """
    wanted: dict[str, tuple[float, ...]] = {}
    given = options or {}
    unused = set(given)
    for spec in [CodecSpec.parse(text) for text in texts]:
        for name in _names(spec, backend, without):
            cls = codec_class(name)
            unused -= cls.options.keys()
            chosen = _options_of(cls, given)
            points = spec.qualities or cls.points(**chosen)
            qualities = [cls.check(name, quality, **chosen) for quality in points]
            wanted[name] = tuple(dict.fromkeys((*wanted.get(name, ()), *qualities)))
    if unused and wanted and not without:
        who = "none of the codecs has an" if len(wanted) > 1 else f"{label_of(*wanted)} has no"
        raise UsageError(f"{who} option --{min(unused)}; omit it")
    _check_labels(wanted)
    return [CodecSpec(name, qualities, _options_of(codec_class(name), given)) for name, qualities in wanted.items()]


def _expanded(spec: CodecSpec) -> list[str]:
    """Codecs that match a glob, or the codec of a name or alias, which need not exist."""
    if spec.is_glob:
        return [name for name in codec_names() if spec.matches(name)]
    return [ALIASES.get(spec.name, spec.name)]


def _names(spec: CodecSpec, backend: str | None, without: Collection[str]) -> list[str]:
    """Codecs of a name or glob that have the backend."""
    names = _expanded(spec)
    if not names:
        raise unknown_codec("codec", spec.name, codec_names())
    names = [name for name in names if name not in without]
    able = [name for name in names if backend is None or backend in codec_class(name).backends]
    if names and not able:
        backends = dict.fromkeys(known for name in names for known in codec_class(name).backends)
        label = spec.name if spec.is_glob else label_of(spec.name)
        raise UsageError(f"{label} has no backend '{backend}'; it has: {', '.join(backends)}")
    return able


def _adapted(found: object, name: str) -> object:
    """Turn a model class into a codec; anything else is returned unchanged."""
    if not isinstance(found, type) or issubclass(found, Codec):
        return found
    return importlib.import_module("bench.learned.codecs.model_codec").adapted(found, name) or found


def _check_labels(names: Iterable[str]) -> None:
    """Refuse two codecs with the same label: their rows could not be distinguished."""
    labels: dict[str, str] = {}
    for name in names:
        other = labels.setdefault(label := label_of(name), name)
        if other != name:
            raise UsageError(f"{other} and {name} are both stored as '{label}'; rename one class")


def _options_of(cls: type[Codec], given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name in cls.options}


def family_of(codec: str) -> str:
    """Return the family in a codec's label: jpeg for jpeg-444, joint for joint+qr, vvc for vtm."""
    return _STANDARDS.get(name := _SETTING.sub("", codec), name)


def label_of(name: str) -> str:
    """Return the name under which a codec is stored: its registered name, or the lower-case class name of a file.

    Raises:
        UsageError: a class in a file has the name of a registered codec.
    """
    if not _is_path(name):
        return name
    label = name.rpartition(":")[2].lower()
    if label in codec_names():
        raise UsageError(f"'{name}' would be taken for the registered codec '{label}'; rename the class")
    return label


def _is_path(name: str) -> bool:
    return ".py:" in name or name.endswith(".py")


@functools.cache
def _entry_points(group: str) -> dict[str, str]:
    return {point.name: point.value for point in importlib.metadata.entry_points(group=group)}


def _targets(ours: dict[str, str], group: str) -> dict[str, str]:
    # Our names take precedence: an installed package must not replace jpeg silently.
    return {**ours, **{name: target for name, target in _entry_points(group).items() if name not in ours}}


def _find(kind: str, name: str, targets: dict[str, str]) -> object:
    if _is_path(name):
        return _load_from_file(kind, name)
    if kind == "codec" and "," in name:
        each = " ".join(f"--codec {one}" for one in name.split(",") if one)
        raise UsageError(f"unknown codec '{name}'; repeat the option for several: {each}")
    if name not in targets:
        raise (unknown_codec if kind == "codec" else unknown)(kind, name, targets)
    module, _, attribute = targets[name].partition(":")
    watching = contextlib.nullcontext() if module.partition(".")[0] in {"bench", "baselines"} else user_code.watching()
    try:
        with watching as opened:
            loaded = importlib.import_module(module)
        user_code.keep(opened.data_files() if opened else {})
        return getattr(loaded, attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{kind} '{name}' cannot be loaded from {targets[name]}: {error}") from error


@functools.cache
def code_of(name: str) -> user_code.Code:
    """Return the code of a loaded codec or metric that is not part of this package.

    Raises:
        UsageError: it imports another module than that in its folder; see `user_code.local_modules`.
    """
    if _is_path(name):
        return user_code.Code.of(Path(name.rpartition(":")[0]))
    targets = {**_entry_points("bench.codecs"), **_entry_points("bench.metrics")}
    return user_code.Code.of(Path(str(sys.modules[targets[name].partition(":")[0]].__file__)))


def is_ours(codec: str) -> bool:
    """Whether a codec is part of this package."""
    return codec in {*CODECS, *ON_REQUEST, *ALIASES}


def _load_from_file(kind: str, name: str) -> object:
    path_text, colon, attribute = name.rpartition(":")
    if not colon:
        raise UsageError(f"'{name}' does not name a {kind}; use {name}:{'ClassName' if kind == 'codec' else 'NAME'}")
    path = Path(path_text)
    if not path.is_file():
        raise UsageError(f"'{name}': there is no file {path}")
    try:
        return getattr(user_code.load(path, name), attribute)
    except AttributeError:
        raise UsageError(f"'{name}': {path} has no {attribute}") from None
