"""Checks that a user can repeat: files decode elsewhere to the same picture, and published weights give their points.

check        what is asked for, and what was found
round_trip   encoded here, decoded there on another number of threads: the same picture
zoo          CompressAI's weights, coded by bench, against the points that CompressAI published for them

Imports `report` and what is below. The next folder up is `reproduction`.
"""
