"""Checks that files decode to the same picture elsewhere, and that published weights reproduce their published points.

check        options and result of a check
round_trip   decoding in another process with another number of threads gives the same picture
zoo          points of CompressAI's weights measured here, compared with those that CompressAI published

Imports `report` and the folders above it. The next folder below is `reproduction`.
"""
