"""Frames in, frames out: RD points, BD-rates and timings from one export directory. Nothing here imports torch."""
