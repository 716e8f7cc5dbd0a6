"""Data frames in, data frames out: RD curves, BD-rates, claims, quantisation error, timings. No torch.

dataset_results   all results on one image set: current curves, complete points; `sets`: selection of an image set
rd_curve          one RD curve, measured or published, by name; `choice`: selection for a figure
axis, family      quality metrics as axes; families of codecs
bd, batch         Bjøntegaard deltas of curves; of bootstrap samples; `interpolation` through points
comparison        comparison of two codecs; `single_point`: with a single point; `difference`: at each quality
front             Pareto front of rate and time; `costs`: of rate and other costs, including published ones
against_vtm       published curves against VTM, with the values that their authors state
headline, trust   summary at the top of a report; unreliable BD-rates
claims, evidence, rectifier_evidence, verdict, sources   the papers' claims and their verdicts
component_gain, rectifier_gain, quantization_errors, cca, ceiling, anchors, timing   further results
compressai_form   curves in CompressAI's format
ablation, cca_ablation, seed_variance, experiments, trainings   results of experiments
model_scale       widths and training lengths of the learned models and of the papers' models

Imports `results` and the folders above it. The next folder below is `harness`.
"""
