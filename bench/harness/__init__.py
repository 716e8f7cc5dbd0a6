"""Measurement of codecs: tasks, workers and runs. All reported file sizes and times are measured here.

measure        one codec on one image: bytes, distortions, seconds
recipe         how to open a codec, here and in other processes
fresh_process  decoding in another process, from the bytes alone
opening        opening codecs to describe them, also if this ends the process
task           the unit of a run: a codec at one quality on one image
plan           the tasks of a run: points and images
jobs           execution of a task, in any process
supervisor     execution of tasks in a separate process, which may crash or exceed limits
dispatch       distribution of tasks among several workers
workers        worker processes on this machine
cluster        the workers of a dask.distributed cluster
runner         execution of a plan: skip stored tasks, measure the others, record failures
request        a whole run, from the user's options to a summary
added_metrics  further metrics for stored measurements
target         search for the quality that meets a target rate or PSNR
run_info       provenance of a run
inventory      available codecs, metrics and image sets, and what is missing

Imports `analysis` and the folders above it. The next folder below is `experiments`.
"""
