"""Measuring: the only clock, and the only place where the size of a file is taken.

measure        one codec on one image: bytes, distortions, seconds
recipe         how to open a codec, here and in other processes
fresh_process  decoding in another process, from the bytes alone
plan           the tasks of a run: points and images
jobs           what is done with a task, in whichever process
supervisor     tasks in a process of their own, which may crash or be ended
dispatch       tasks handed out to several workers, and what they give back
workers        this process, or several on this machine
cluster        the workers of a cluster of dask.distributed
runner         from a plan to rows: what is stored already, what is measured, what failed
request        a run as the user asked for it
added_metrics  further metrics of what is stored
target         the quality that meets a target rate or PSNR
run_info       where the rows of a run come from
inventory      which codecs and image sets are here, and what is missing

Imports `analysis` and what is below. The next folder up is `experiments`.
"""
