"""Experiments on trained models: each measures trainings against each other and writes a CSV file.

ablation, entropy_models   entropy models fitted to the same latents (Minnen et al. 2018)
alpha                      search for the weight of a rectifier's feature distance (Luo and Chen 2023)
trials                     trained decoders beside each other on the validation pictures
cca_ablation               parts of cca (Duan et al. 2023)
seed_variance              trainings that differ in their seeds
trained                    measuring weights by real files

Imports `harness` and what is below. The next folder up is `report`.
"""
