"""`bench train`: training of one model or of all by a recipe, and experiments."""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.parameters import COUNT, FILE, FOLDER, POSITIVE, PROCESSES, SEED, Command, Integer, Number
from bench.system.errors import printable
from bench.system.interruption import signal_of

if TYPE_CHECKING:
    from bench.learned.training.training_job import TrainingJob

_data = click.option("--data", type=FOLDER, help="Folder of pictures.  [default: $BENCH_DATA/train, else data/train]")
_exclude = click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Exclude pictures with these names; repeatable."
)
_metric = click.option("--metric", default="mse", metavar="NAME", help="Distortion to train for: mse or ms-ssim.")
_budget = click.option("--budget", metavar="TIME", help="Stop after this time (90s, 30m, 2h), resumably.")
_synthesis = click.option(
    "--synthesis",
    metavar="NAME",
    help="Whether the distortion loss trains the rectifier: rectified (yes) or detached (no).  [default: rectified]",
)
_device = click.option(
    "--device",
    default="auto",
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Device to train on.",
)
_compile = click.option("--compile/--no-compile", default=True, help="Fuse operations with torch.compile.")
_threads = click.option("--threads", type=PROCESSES, help="Number of threads of PyTorch.  [default: all cores]")
_cache = click.option("--cache", type=FOLDER, help="Folder for decoded pictures.  [default: ~/.cache/bench]")

_TARGET = "FAMILY@QUALITY"
"""Name of the default command in usage lines, where it stands for the first argument."""


class _One(Command):
    """The default command, whose usage line has the target in place of the command's name."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the usage line after the target."""
        del ctx
        return [str(self.options_metavar)]


class _OneOrZoo(click.Group):
    """A group whose default command takes FAMILY@QUALITY, as in `bench train joint@3`."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accept options of the default command before its target; the group itself has only --help."""
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["one", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first word; any other word is a target of the default command."""
        if args[0] not in self.commands:
            args = ["one", *args]
        name, command, rest = super().resolve_command(ctx, args)
        return _TARGET if name == "one" else name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List targets and commands."""
        with formatter.section("What to train"):
            rows = [(_TARGET, self.commands["one"].get_short_help_str())]
            rows += [(name, cmd.get_short_help_str()) for name, cmd in self.commands.items() if name != "one"]
            formatter.write_dl(rows)
        formatter.write_paragraph()
        formatter.write_text(f"'{ctx.command_path} joint@3 --help' lists the options for training one model.")


@click.group(
    cls=_OneOrZoo,
    short_help="Train a learned codec on photographs.",
    subcommand_metavar=f"{_TARGET}|COMMAND [OPTIONS]",
    options_metavar="",
)
def train() -> None:
    """Train a learned codec on a folder of photographs."""
    # Libraries warn about deprecations at import, which users cannot change.
    warnings.filterwarnings("ignore", category=FutureWarning)


@train.command(cls=_One, short_help="Train one model.")
@click.argument("target", metavar=_TARGET)
@_metric
@_data
@_exclude
@click.option("--steps", type=COUNT, help="Total number of training steps, for a reproducible training.")
@click.option("--budget", metavar="TIME", help="Train for this time: 90s, 30m, 2h.")
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in --out.")
@click.option("--restart", is_flag=True, help="Start again, even if --out has a checkpoint.")
@click.option("--init", type=FILE, help="Initial weights: also of another quality or family, or with a smaller N.")
@click.option(
    "--phase",
    metavar="NAME",
    help="Training phase. For +qr and +ft: soft, soft-rectifier, soft-literal, predictive (default) or direct. For "
    "cca: acem.",
)
@click.option("--alpha", type=Number(min=0), help="Weight of the feature distance of +qr.")
@click.option("--distance", metavar="NAME", help="Feature distance of +qr: l1, l2, smooth-l1 or cosine.  [default: l2]")
@_synthesis
@click.option("--width", type=Integer(8, 1024), help="Channels of a new rectifier, a multiple of 8.  [default: 96]")
@click.option("--out", type=FOLDER, help="Folder for checkpoint, learning curve and weights.  [default: runs/TARGET]")
@click.option("--optimizer", default="soap", metavar="NAME", help="Optimizer: soap or adam.")
@click.option("--lr", type=POSITIVE, help="Peak learning rate.")
@click.option(
    "--crop",
    nargs=2,
    type=COUNT,
    metavar="SIDE BATCH",
    help="Size and number of crops per step. SIDE is a multiple of 64 pixels, or of 16 for factorized and context; for "
    "a decoder trained on decoded latents, it is a number of latents.",
)
@click.option("--N", "N", type=Integer(1, 1024), help="Channels in the transforms and of z.  [default: as compact]")
@click.option("--M", "M", type=Integer(1, 1024), help="Channels of y.  [default: as compact]")
@click.option("--lmbda", type=POSITIVE, help="Weight of the distortion, lambda.  [default: CompressAI's for QUALITY]")
@click.option(
    "--qualities",
    metavar="1,2,...",
    help="Train one model with gains for each of these qualities, which include QUALITY, and write a model for each.",
)
@click.option("--seed", type=SEED, default=0, help="Seed of weights, crops and noise.")
@_device
@click.option("--devices", type=PROCESSES, default=1, help="GPUs per machine, or processes on a CPU.")
@click.option("--nodes", type=PROCESSES, default=1, help="Number of machines.")
@click.option("--precision", default="auto", type=click.Choice(["auto", "bf16", "float32"]), help="Precision.")
@_compile
@_threads
@_cache
def one(target: str, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Train one model. An interrupted training is continued with --resume."""
    began_s = time.perf_counter()  # before the imports, whose seconds count for the budget
    from bench.learned.training.terminal import Terminal  # noqa: PLC0415
    from bench.learned.training.training_job import job_from_options  # noqa: PLC0415
    from bench.learned.training.training_run import CHECKPOINT  # noqa: PLC0415
    from bench.learned.training.training_run import train as run  # noqa: PLC0415

    job = dataclasses.replace(job_from_options(target, options), began_s=began_s)
    try:
        run(job, Terminal(job.target.name))
    except KeyboardInterrupt as error:  # unlike with other commands, the same command would not resume
        path = job.out / CHECKPOINT
        way = f"--resume continues from {path}" if path.is_file() else f"there is no checkpoint in {job.out} yet"
        click.echo(printable(f"interrupted; {way}"), err=True)
        raise click.exceptions.Exit(128 + signal_of(error)) from None


@train.command(short_help="Convert weights to CompressAI's format.")
@click.argument("weights", type=FILE)
@click.argument("checkpoint", type=FILE)
def export(weights: Path, checkpoint: Path) -> None:
    """Convert a weights file to a checkpoint that CompressAI can load, such as my.pth.tar."""
    from bench.learned.weights.foreign import export_checkpoint  # noqa: PLC0415

    architecture = export_checkpoint(weights, checkpoint)
    click.echo(f"{checkpoint}: a checkpoint of {architecture}")


@train.command(short_help="Train the weights of the package.")
@click.option("--status", is_flag=True, help="Show the progress and the next step without training.")
@click.option("--budget", metavar="TIME", help="Stop after this time (90s, 30m, 2h).  [default: never]")
@_data
@click.option(
    "--recipe",
    type=FILE,
    help="Recipe file, or `paper` for the widths and training lengths of the papers, for GPUs, in runs/paper.  "
    "[default: that of the shipped weights]",
)
@click.option("--weights", type=FOLDER, help="Folder for the weights files.  [default: that of the package]")
@click.option("--runs", type=FOLDER, help="Folder for checkpoints and learning curves.  [default: runs/zoo]")
@_device
@_compile
@_threads
@_cache
def zoo(*, status: bool, budget: str | None, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Train all weights of the package by a recipe. The same command resumes an interrupted training."""
    from bench.learned.training import training_recipe as recipes  # noqa: PLC0415
    from bench.learned.training.phases import seconds  # noqa: PLC0415
    from bench.learned.training.terminal import Terminal, show_progress  # noqa: PLC0415
    from bench.learned.training.training_run import train as run  # noqa: PLC0415

    given = {key: value for key, value in options.items() if value is not None}
    name = given.pop("recipe", None)
    recipe, own = recipes.read(name), Path("runs") / str(name)
    folders = {"weights": own / "weights", "runs": own} if str(name) in recipes.PACKAGED else {}
    folders |= {kind: given.pop(kind) for kind in ("weights", "runs") if kind in given}
    chosen = recipes.RecipeProgress(recipe, **folders)
    if status:
        show_progress(chosen)
        return
    budget_s = None if budget is None else seconds(budget)

    def shown(job: TrainingJob) -> Path:
        return run(job, Terminal(f"{job.target.name} {job.stage}"))

    recipes.follow(chosen, shown, budget_s=budget_s, **given)


@train.command(short_help="Compare entropy models on equal latents.")
@click.option("--transforms", type=FILE, help="Weights file with the transforms.  [default: compact hyper@5]")
@click.option("--steps", type=COUNT, default=1250, help="Training steps per variant and seed.")
@click.option("--seeds", type=COUNT, default=2, help="Number of seeds per variant.")
@click.option("--variant", "variants", multiple=True, metavar="GLOB", help="Train only these variants; repeatable.")
@_budget
@_data
@click.option("--dataset", metavar="NAME", help="Image set for the rates.  [default: kodak, or builtin without it]")
@click.option("--out", type=FILE, help="Output file.  [default: reports/data/experiments/ablation.csv]")
@click.option("--runs", type=FOLDER, default=Path("runs/ablation"), help="Folder for the trainings.")
@_device
@_compile
@_threads
@_cache
def ablation(*, budget: str | None, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Train entropy models on the same latents, and compare their ideal rates (Minnen et al. 2018)."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.experiments.ablation import OUT, ablation_from_options, run_ablation  # noqa: PLC0415
    from bench.learned.training.phases import seconds  # noqa: PLC0415
    from bench.learned.training.terminal import Terminal  # noqa: PLC0415
    from bench.learned.training.training_run import train as run  # noqa: PLC0415

    given = {key: value for key, value in options.items() if value is not None}
    chosen = ablation_from_options(given)
    given |= {"budget_s": None if budget is None else seconds(budget), "out": given.get("out", OUT)}
    table = run_ablation(chosen, lambda job: run(job, Terminal(job.out.name)), **given)
    if table.empty:
        click.echo("no training is complete yet; the same command resumes from there")
        return
    tables.show(*tables.ablation(table), title=f"Ideal rate of the latents of {chosen.transforms}")


@train.command(short_help="Search for the weight alpha of a rectifier.")
@click.argument("target", metavar="FAMILY+qr@QUALITY")
@click.option("--init", type=FILE, help="Initial weights for each alpha.  [default: compact FAMILY@QUALITY]")
@click.option("--start", type=POSITIVE, help="First alpha.  [default: 1]")
@click.option(
    "--factor",
    type=Number(0, 1, min_open=True, max_open=True),
    help="Factor between alphas.  [default: 0.1]",
)
@click.option("--floor", type=POSITIVE, help="Smallest alpha.  [default: 1e-5]")
@click.option("--patience", type=COUNT, help="Number of epochs without a lower loss that end an alpha.  [default: 3]")
@click.option("--epoch-steps", type=COUNT, help="Steps per epoch.  [default: 100]")
@click.option("--max-epochs", type=COUNT, help="Maximum number of epochs per alpha.  [default: 300]")
@click.option("--distance", metavar="NAME", help="Feature distance: l1, l2, smooth-l1 or cosine.  [default: l2]")
@_synthesis
@_metric
@click.option("--lr", type=POSITIVE, help="Learning rate.")
@_budget
@_data
@_exclude
@click.option("--out", type=FOLDER, help="Folder for the two CSV files.  [default: reports/data/experiments]")
@click.option("--runs", type=FOLDER, help="Folder for the trainings.  [default: runs/alpha]")
@click.option("--seed", type=SEED, default=0, help="Seed of crops and of a new rectifier.")
@_device
@_compile
@_threads
@_cache
def alpha(target: str, *, out: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Search for the weight of a rectifier's feature distance (Luo and Chen 2023)."""
    from bench.analysis.experiments import is_capped  # noqa: PLC0415
    from bench.cli import tables  # noqa: PLC0415
    from bench.experiments import alpha as searches  # noqa: PLC0415
    from bench.learned.training.terminal import Terminal  # noqa: PLC0415
    from bench.learned.training.training_run import train as run  # noqa: PLC0415

    job, search, recipe = searches.search_from_options(target, options)

    def shown(job: TrainingJob) -> Path:
        return run(job, Terminal(f"{job.target.name} {job.out.name}"))

    choices = searches.search_alpha(job, search, recipe, shown, out=out or searches.OUT)
    if choices.empty:
        click.echo("no epoch is complete yet; the same command resumes from there")
        return
    tables.show(*tables.plain(choices))
    if is_capped(choices, search.patience):
        click.echo("a training ended before its loss stopped decreasing; increase --max-epochs or --budget")


@train.command(short_help="Compare weights on validation pictures.")
@click.argument("variants", nargs=-1, required=True, metavar="NAME=WEIGHTS...")
@click.option("--out", type=FILE, required=True, help="CSV file of rows per picture; keeps those of other variants.")
@_data
@_exclude
@_cache
def trials(variants: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - click's options
    """Compare trained weights on the validation pictures of the training set."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.experiments import trials as comparing  # noqa: PLC0415
    from bench.learned.training import training_pictures  # noqa: PLC0415

    folder = options["data"] or training_pictures.default_folder()
    cache = options["cache"] or training_pictures.default_cache()
    found = comparing.variants_from_words(variants)
    comparing.observations(options["out"]).read()  # fail for other files before pictures are decoded
    training_pictures.require_matched(folder, options["exclude"])
    means = comparing.compare(found, training_pictures.load(folder, cache, exclude=options["exclude"]), options["out"])
    tables.show(*tables.plain(means))


@train.command("cca-ablation", short_help="Compare variants of cca by coded files.")
@click.argument("weights", nargs=-1, required=True, type=FILE, metavar="WEIGHTS...")
@click.option("--dataset", metavar="NAME", help="Image set.  [default: kodak-yuv420, or builtin-yuv420 without it]")
@click.option("--out", type=FILE, help="Output file.  [default: reports/data/experiments/cca_ablation.csv]")
def cca_ablation(weights: tuple[Path, ...], *, dataset: str | None, out: Path | None) -> None:
    """Compare trained variants of cca by coded files instead of estimated rates (Duan et al. 2023)."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.experiments.cca_ablation import OUT, run_cca_ablation  # noqa: PLC0415

    tables.show(*tables.plain(run_cca_ablation(weights, out=out or OUT, dataset=dataset)))


@train.command("spread", short_help="Compare trainings with different seeds.")
@click.argument("weights", nargs=-1, required=True, type=FILE, metavar="WEIGHTS...")
@click.option("--dataset", metavar="NAME", help="Image set.  [default: kodak, or builtin without it]")
@click.option("--out", type=FILE, help="Output file.  [default: reports/data/experiments/training_spread.csv]")
def training_spread(weights: tuple[Path, ...], *, dataset: str | None, out: Path | None) -> None:
    """Compare trainings that differ only in their seeds, by coded files instead of estimated rates."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.experiments.seed_variance import OUT, run_training_spread  # noqa: PLC0415

    tables.show(*tables.plain(run_training_spread(weights, out=out or OUT, dataset=dataset)))
