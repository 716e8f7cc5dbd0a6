"""Training of the learned codecs: phases as data, one loop, exact checkpoints, a recipe for all models.

A *task* gives batches and a loss, a *phase* says what learns from it and how, a *loop* trains a model through a phase,
a *job* is one training with its files, and the *recipe* (`zoo.toml`) is the sequence of jobs that makes the weights
that ship with the package.
"""
