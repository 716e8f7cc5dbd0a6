-- The results database. Rates and decibels are derived, never stored. See bench/results/schema.py for units.

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    started TEXT NOT NULL,
    command TEXT NOT NULL,
    machine TEXT NOT NULL,
    provenance TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE datasets (
    dataset TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE images (
    dataset TEXT NOT NULL,
    image TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    PRIMARY KEY (dataset, image)
) STRICT;

CREATE TABLE codecs (
    codec TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    quality_meaning TEXT NOT NULL,
    default_backend TEXT NOT NULL
) STRICT;

CREATE TABLE metrics (
    metric TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    higher_is_better INTEGER NOT NULL,
    version TEXT NOT NULL -- values of another version are stale
) STRICT;

CREATE TABLE configurations (
    configuration_id INTEGER PRIMARY KEY,
    codec TEXT NOT NULL,
    quality REAL NOT NULL,
    settings TEXT NOT NULL, -- canonical JSON
    backend TEXT NOT NULL,
    backend_version TEXT NOT NULL,
    revision TEXT NOT NULL,
    weights TEXT,
    weights_sha256 TEXT,
    digest TEXT NOT NULL UNIQUE, -- of all the columns above
    curve TEXT NOT NULL
) STRICT;

CREATE TABLE measurements (
    key TEXT PRIMARY KEY,
    configuration_id INTEGER NOT NULL REFERENCES configurations,
    image_sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    num_bytes INTEGER NOT NULL,
    bitstream_sha256 TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs
) STRICT;

CREATE TABLE diagnostics (
    key TEXT NOT NULL REFERENCES measurements ON DELETE CASCADE,
    name TEXT NOT NULL, -- see DIAGNOSTICS in bench/results/schema.py
    value REAL, -- NULL where the codec reported NaN
    PRIMARY KEY (key, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE distortions (
    key TEXT NOT NULL REFERENCES measurements ON DELETE CASCADE,
    metric TEXT NOT NULL,
    version TEXT NOT NULL,
    value REAL, -- NULL where the metric is not defined
    PRIMARY KEY (key, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE timings (
    key TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    machine TEXT NOT NULL,
    threads INTEGER NOT NULL,
    device TEXT NOT NULL,
    stage TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (key, run_id, machine, threads, device, stage, repeat)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
    configuration_id INTEGER NOT NULL REFERENCES configurations,
    image_sha256 TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    message TEXT NOT NULL,
    PRIMARY KEY (configuration_id, image_sha256)
) STRICT;

CREATE TABLE imported (
    dataset TEXT NOT NULL,
    source TEXT NOT NULL,
    method TEXT NOT NULL,
    title TEXT NOT NULL,
    metric TEXT NOT NULL,
    rate_bpp REAL NOT NULL,
    value REAL NOT NULL,
    encode_s REAL,
    decode_s REAL,
    drawn INTEGER NOT NULL,
    encoder TEXT NOT NULL,
    note TEXT NOT NULL,
    url TEXT NOT NULL,
    PRIMARY KEY (dataset, source, method, metric, rate_bpp)
) STRICT;
