"""Measuring: the only clock, and the only place where the size of a file is taken.

measure        one codec on one image: bytes, distortions, seconds
recipe         how to open a codec, here and in other processes
fresh_process  decoding in another process, from the bytes alone
runner         all tasks of a run: what is stored already, what is measured, what failed
workers        the same in several processes
request        a run as the user asked for it
run_info       where the rows of a run come from
inventory      which codecs and image sets are here, and what is missing

Imports `analysis` and what is below. The next folder up is `experiments`.
"""
