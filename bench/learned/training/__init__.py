"""Training of the learned codecs.

phases             training phases as data: parameters, quantisation, loss terms, crops, learning rate
objective          batches, the loss on them, and validation; plane_objective, latent_objectives: of other inputs
loop               trains a model through one phase, and restores its exact state from a checkpoint
training_job       the settings of one training; training_run carries it out, with its files
training_recipe    recipes: the trainings of the package's weights (`compact.toml`), of models as wide as the papers'
                   (`paper.toml`), or of a user's, step by step
"""
