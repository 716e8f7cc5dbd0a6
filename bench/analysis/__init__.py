"""Data frames in, data frames out: RD curves, BD-rates, claims, quantisation error, timings. No torch.

dataset_results   all results on one image set: current curves, complete points; `sets`: which image set is meant
rd_curve          one RD curve, measured or published, by name; `choice`: some for a figure
axis, family      metrics as axes; codecs that belong together
bd, batch         Bjøntegaard deltas of curves; of bootstrap samples; `interpolation` through their points
comparison        comparison of two codecs; `single_point`, if one has only one point; `difference` at equal quality
front             Pareto front of rate and time; `costs`: of rate and costs, with those that others state
against_vtm       published curves against VTM, beside what their authors state
headline, trust   first screen of a report; which BD-rates are doubtful, and why
claims, evidence, rectifier_evidence, verdict, sources   the papers' claims, and verdicts from the results
component_gain, rectifier_gain, cca, ceiling, anchors, timing   results of one kind each
compressai_form   curves as CompressAI writes them
ablation, cca_ablation, seed_variance, experiments, trainings   results of experiments
model_scale       widths, steps and hours of the learned models, against the papers'

Imports `results` and what is below. The next folder up is `harness`.
"""
