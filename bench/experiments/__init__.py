"""Experiments on trained models: each compares trainings and writes a CSV file.

ablation, entropy_models   entropy models on the same latents (Minnen et al. 2018)
alpha                      search for the weight of a rectifier's feature distance (Luo and Chen 2023)
trials                     trained decoders on the validation pictures
cca_ablation               parts of cca (Duan et al. 2023)
seed_variance              trainings that differ only in the seed
trained                    rate and distortion of weights, from real files

Imports `harness` and what is below. The next folder up is `report`.
"""
