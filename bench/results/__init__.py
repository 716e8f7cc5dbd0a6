"""Measurements: their schema, the database, and what is exchanged with other programs.

schema        fields of a measurement, a timing, a failure and a run, with units
fields        every stored field: name, type, bounds, missing or not
store         the SQLite database (schema.sql)
database      opening the SQLite file
export        the database as CSV files, and back
frames        an export as data frames: the input of the analysis
interchange   RD points in files of others: CompressAI's JSON; `point_tables` in CSV and TSV
imported      curves that the user brought: their names, storing and removing
published     RD points that others published (baselines/published)
observations  CSV files of experiments
extras        what an export may hold besides measurements: weights, costs, pictures, experiments

Imports `codecs` and what is below. The next folder up is `analysis`.
"""
