"""Measurement of codecs: tasks, workers and runs. All reported sizes and times are measured here.

measure        one codec on one image: bytes, distortions, seconds
recipe         how to open a codec, here and in other processes
fresh_process  decoding in another process, from the bytes alone
opening        opening codecs to describe them, which may end the process
task           the unit of a run: a codec at one quality on one image
plan           the tasks of a run: points and images
jobs           executing a task, in any process
supervisor     tasks in a separate process, which may crash or exceed limits
dispatch       distribution of tasks among several workers
workers        this process, or several on this machine
cluster        the workers of a dask.distributed cluster
runner         from a plan to rows: skip what is stored, measure the rest, record failures
request        a run as the user requested it
added_metrics  further metrics of stored measurements
target         search for the quality that meets a target rate or PSNR
run_info       provenance of a run
inventory      available codecs and image sets, and what is missing

Imports `analysis` and the folders above it. The next folder below is `experiments`.
"""
