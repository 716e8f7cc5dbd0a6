"""Measurements: schema, database, and exchange with other programs.

resume_key    keys of measurements, by which runs resume
schema        fields of a measurement, a timing, a failure and a run, with units
fields        every stored field: name, type, bounds, whether it may be missing
store         the SQLite database (schema.sql)
database      opening and migrating the SQLite file
merge         merging databases
export        export of the database as CSV files, and import
frames        an export as data frames: the input of the analysis
interchange   RD points in other formats: CompressAI's JSON; `point_tables`: CSV and TSV
imported      curves imported by the user: names, storage, removal
published     published RD points (baselines/published)
extras        optional parts of an export: weights, costs, pictures, experiments

Imports `codecs` and the folders above it. The next folder below is `analysis`.
"""
