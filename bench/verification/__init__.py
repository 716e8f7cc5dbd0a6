"""Reproducible checks: files decode elsewhere to the same picture, and published weights give their published points.

check        options and results of a check
round_trip   decoding in another process with another number of threads gives the same picture
zoo          points of CompressAI's weights measured here, compared with those published by CompressAI

Imports `report` and the folders above it. The next folder below is `reproduction`.
"""
