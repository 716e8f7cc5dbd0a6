"""The whole reproduction, `bench reproduce`: its runs, its budget, and the evidence to commit.

reproduce           measurements, times and report
budget              pictures and qualities to measure (budget.toml)
committed_evidence  the files of a report to commit

Imports `verification` and the folders above it. The next folder below is `cli`.
"""
