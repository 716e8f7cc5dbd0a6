"""The main job, `bench reproduce`: what it measures, its budget, and the evidence that is committed.

reproduce           measures everything on Kodak, takes times, and writes the report
budget              number of pictures and qualities of each codec (budget.toml)
committed_evidence  the files of a report that are committed

Imports `verification` and the folders above it. The next folder below is `cli`.
"""
