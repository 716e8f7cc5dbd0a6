"""RD points in files of other programs: CompressAI's JSON, for import and export, and tables, for import.

CompressAI has one JSON file per codec with `name`, `description`, `meta`, and `results`. The results are lists of equal
length: `bpp`, `psnr-rgb`, `ms-ssim-rgb` (linear) or `ms-ssim-db-rgb`, and `encoding_time` and `decoding_time` in
seconds per picture. Imported files may contain only the lists.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.results.fields import FIELDS
from bench.results.imported import METRIC_NAMES, SHORT_NAMES, CurveMetadata, content_of, imported_curve, stacked_points
from bench.results.point_tables import SUFFIXES, import_table
from bench.system.errors import UsageError
from bench.system.files import write_bytes
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bench.results.imported import ImportedCurve

_TIMES = {"encoding_time": "encode_s", "decoding_time": "decode_s"}

_NO_RESULTS = "not a result file in CompressAI's format: a list 'bpp' is required, in 'results' or at the top level"


def write_compressai(contents: Iterable[Mapping[str, Any]], target: Path) -> list[Path]:
    """Write curves (`bench.analysis.compressai_form`) to the folder `target`, one JSON file each; return the paths.

    Raises:
        OSError: the folder cannot be written.
    """
    written = []
    for content in contents:
        # A slash in a name would create a folder.
        path = target / f"{content['name'].replace('/', '_')}.json"
        write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())
        written.append(path)
    return written


def import_curve(path: Path, metadata: CurveMetadata | None = None) -> ImportedCurve:
    """Read the RD points of a file: CompressAI's JSON, or a table (`bench.results.point_tables`).

    Raises:
        UsageError: the file has another suffix, cannot be read, has an invalid value, or records another image set
            than the one in `metadata`.
    """
    metadata = metadata or CurveMetadata()
    if path.suffix.lower() in SUFFIXES:
        return import_table(path, metadata)
    if path.suffix.lower() != ".json":
        raise UsageError(f"{path}: neither the folder of an export, nor a file .json, {', '.join(SUFFIXES)}")
    return _import_compressai(path, metadata)


def _import_compressai(path: Path, metadata: CurveMetadata) -> ImportedCurve:
    """Read a JSON file in CompressAI's format.

    The image set is the one recorded in the file, else the given one, else Kodak, as in CompressAI's own files.
    """
    content, digest = _parsed(path)
    results = content.get("results", content)  # several authors write the lists at the top level
    if not isinstance(results, dict) or not isinstance(results.get("bpp"), list):
        raise UsageError(f"{path}: {_NO_RESULTS}")
    known = {key: values for key, values in results.items() if key in {"bpp", *METRIC_NAMES, *_TIMES}}
    for key, values in known.items():
        _check(path, key, values, len(results["bpp"]))
    if not known.keys() & METRIC_NAMES.keys():
        raise UsageError(f"{path}: there is no metric besides 'bpp'; known: {SHORT_NAMES}")
    named = _meta(content, "dataset")
    if metadata.dataset and named not in {"", metadata.dataset}:
        raise UsageError(f"{path} states that its image set is {named}, not {metadata.dataset}; omit --dataset")
    metadata = replace(
        metadata,
        dataset=named or metadata.dataset,
        title=_title(path, content),
        note=" ".join(str(content.get("description") or "").split()),
        url=_meta(content, "url"),
    )
    values = [(metric, known[key]) for key, metric in METRIC_NAMES.items() if key in known]
    times = {ours: known[key] for key, ours in _TIMES.items() if key in known}
    return imported_curve(path, digest, stacked_points(known["bpp"], values, times), metadata)


def _parsed(path: Path) -> tuple[dict[str, Any], str]:
    """Parse a JSON file; return its content and the hash of its bytes."""
    data, digest = content_of(path)
    try:
        content = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise UsageError(f"{path}: not a result file in CompressAI's format: it is nested too deeply") from None
    except ValueError as error:  # invalid JSON or encoding
        raise UsageError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: {_NO_RESULTS}")
    return content, digest


def _title(path: Path, content: dict[str, Any]) -> str:
    """The name of the curve in a file, or ""."""
    if "name" not in content:
        return ""
    try:
        return str(FIELDS["method"].parse(content["name"]))
    except ValueError as error:
        raise UsageError(f"{path}: 'name' {error}") from None


def _check(path: Path, key: str, values: object, length: int) -> None:
    if not isinstance(values, list) or not values:
        raise UsageError(f"{path}: '{key}' must be a list of numbers")
    if len(values) != length:
        raise UsageError(f"{path}: '{key}' has {count(len(values), 'value')}, but 'bpp' has {length}")
    field = FIELDS[{"bpp": "rate_bpp", **_TIMES}.get(key, "value")]
    for value in values:
        try:
            field.parse([value] if isinstance(value, str) else value)  # a string is not accepted as a number
        except ValueError as error:
            raise UsageError(f"{path}: in '{key}' each {error}") from None


def _meta(content: dict[str, Any], key: str) -> str:
    meta = content.get("meta")
    return str(meta.get(key) or "") if isinstance(meta, dict) else ""
