"""Experiments on trained models: each compares training runs and writes a CSV file.

ablation        entropy models on the same latents (Minnen et al. 2018)
alpha           search for the weight of a rectifier's feature distance (Luo and Chen 2023)
trials          trained decoders on the validation set
cca_ablation    components of cca (Duan et al. 2023)
seed_variance   training runs that differ only in the seed
trained         rate and distortion of weights, from coded bitstreams

Imports `harness` and the folders above it. The next folder below is `report`.
"""
