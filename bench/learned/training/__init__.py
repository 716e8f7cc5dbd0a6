"""Training of the learned codecs.

phases             what is trained, and how, as data: parameters, quantisation, loss terms, crops, learning rate
objective          batches, the loss on them, and validation; others: latent_, decoded_, gained_, plane_objective
loop               trains a model through one phase, and restores its exact state from a checkpoint
training_job, run  one training with its files
zoo_recipe         the recipe (`zoo.toml`) of the weights that ship with the package, as a sequence of trainings
"""
