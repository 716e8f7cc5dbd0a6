"""Training of the learned codecs.

phases             training phases as data: parameters, quantisation, loss terms, crops, learning rate
objective          batches, loss and validation on pictures; plane_objective, latent_objectives: on other inputs
loop               train a model through one phase, or continue exactly from a checkpoint
training_job       the settings of one training run; training_run executes it and writes its files
training_recipe    recipes, step by step: for the package's weights (`compact.toml`), for models as wide as the papers'
                   (`paper.toml`), or for a user's
"""
