"""Training of the learned codecs.

phases      what is trained, and how, as data: parameters, quantisation, loss terms, crops, learning rate
objective   batches, the loss on them, and validation; one class for each kind of batch
loop        trains a model through one phase, and restores its exact state from a checkpoint
jobs, run   one training with its files
zoo         the recipe (`zoo.toml`) of the weights that ship with the package, as a sequence of jobs
"""
