"""Checks that a user can repeat: files decode elsewhere to the same picture, and published weights give their figures.

check        what is asked for, and what was found
round_trip   encoded here, decoded there on another number of threads: the same picture
zoo          CompressAI's weights, coded by us, against the points that CompressAI published for them
"""
