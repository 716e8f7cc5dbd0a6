"""The main job, `bench reproduce`: what it measures, its budget, and the evidence that is committed.

reproduce   measure everything on Kodak, take times, write the report
budget      how many pictures and qualities of each codec (budget.toml)
evidence    the files of a report that are worth committing

Imports `verification` and what is below. The next folder up is `cli`.
"""
