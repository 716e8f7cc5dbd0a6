"""A model class of one's own, named on the command line."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from command_line import bench
from compressai import ans
from compressai.models import ScaleHyperprior
from PIL import Image

from bench.cli.main import main
from bench.codecs.probe import Listener, listening
from bench.codecs.registry import codec_class, resolve_codecs
from bench.images.picture import Picture
from bench.learned.coding.symbol_limit import limit_symbols
from bench.learned.models.quantization import MAX_SYMBOL
from bench.learned.weights.own_models import load_own
from bench.learned.weights.state_dicts import require_sound
from bench.results.export import read_results
from bench.results.store import Store
from bench.system.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from torch import nn

MODEL = '''
import torch
from compressai.models import ScaleHyperprior

class Mine(ScaleHyperprior):
    """A model that remembers what it has coded, and gives one thing more than others."""

    downsampling_factor = 128

    def __init__(self, N=8, M=12):
        super().__init__(N, M)
        self.seen = None

    def compress(self, x):
        assert x.shape[2] % 128 == x.shape[3] % 128 == 0
        self.seen = x
        return {**super().compress(x), "level": 3, "y_hat": x}

    def decompress(self, strings, shape, level):
        assert self.seen is None and level == 3
        return super().decompress(strings, shape)

class Scaled(Mine):
    """One checkpoint has all rates."""

    def compress(self, x, s):
        return super().compress(x / s)

    def decompress(self, strings, shape, level, s):
        return {"x_hat": super().decompress(strings, shape, level)["x_hat"] * s}

from bench.codecs import QualityScale
from bench.learned.codecs import VariableModelCodec

class Rates(VariableModelCodec):
    title = "Rates"
    model_class = Scaled
    scale = QualityScale("divisor", points=(4, 2, 1), lowest=1, highest=4, falling=True)

    @classmethod
    def arguments(cls, quality):
        return {"s": quality}

class Half:
    def compress(self, x):
        return x

class Strange(ScaleHyperprior):
    def compress(self, x):
        return {"strings": [], "shape": x}
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liven: Callable[[nn.Module], None]) -> Path:
    """A folder with a model's file, checkpoints of it as its training wrote them, and pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mymodel.py").write_text(MODEL)
    (tmp_path / "runs").mkdir()
    for number in (1, 2):
        torch.manual_seed(number)
        model = ScaleHyperprior(8, 12)
        liven(model)
        torch.save({"state_dict": {f"module.{n}": v for n, v in model.state_dict().items()}}, f"runs/q{number}.pth.tar")
    (tmp_path / "photos").mkdir()
    for index, size in enumerate([(70, 50), (64, 64)]):
        pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"p{index}.png")
    return tmp_path


def stored() -> pd.DataFrame:
    with Store.open(Path("r.sqlite")) as store:
        return read_results(store).measurements


RUN = ("run", "--codec", "mymodel.py:Mine", "--dataset", "photos", "--db", "r.sqlite")


def test_checkpoints_of_a_class_of_ones_own_are_a_curve(own: Path) -> None:
    output = bench(*RUN, "--weights", "runs/*.pth.tar")
    assert "4 tasks measured" in output
    assert "mine@1 is runs/q1.pth.tar, SHA-256" in output
    points = stored().groupby(["codec", "weights", "quality"])["weights_sha256"].nunique()
    assert points.to_dict() == {("mine", "runs/*.pth.tar", 1): 1, ("mine", "runs/*.pth.tar", 2): 1}
    (own / "runs/q2.pth.tar").rename(own / "runs/q3.pth.tar")
    output = bench(*RUN, "--weights", "runs/*.pth.tar")
    assert "2 tasks measured, 2 already stored" in output
    assert "mine@2 was measured with files that runs/*.pth.tar no longer matches, and stays on the curve" in output
    assert len(set(stored()["curve"])) == 1


def test_a_picture_is_padded_as_the_model_wants_and_cut_back(own: Path) -> None:
    codec = codec_class("mymodel.py:Mine")
    picture = Picture(np.full((50, 70, 3), 130, np.uint8))
    one, other = (codec(1, weights=str(own / "runs/q1.pth.tar")) for _ in range(2))
    data = one.encode(picture)
    assert (other.decode(data).width, other.decode(data).height) == (70, 50)
    assert one.encode(picture) == data


def test_stages_are_told(own: Path) -> None:
    heard: list[str] = []

    @contextlib.contextmanager
    def stage(name: str) -> Iterator[None]:
        heard.append(name)
        yield
        heard.append(f"end of {name}")

    codec = codec_class("mymodel.py:Mine")(1, weights=str(own / "runs/q1.pth.tar"))
    with listening(Listener(stage=stage)):
        codec.decode(codec.encode(Picture(np.zeros((128, 128, 3), np.uint8))))
    names = ["analysis", "entropy encoding", "entropy decoding", "synthesis"]
    assert heard == [word for name in names for word in (name, f"end of {name}")]


def test_tables_that_the_training_left_out_are_built(own: Path) -> None:
    cls = codec_class("mymodel.py:Mine").model_class  # type: ignore[attr-defined]
    model = load_own(cls, own / "runs/q1.pth.tar")
    plain = ScaleHyperprior(8, 12)
    torch.manual_seed(1)
    assert not model.training
    assert type(model) is cls
    assert model.gaussian_conditional._quantized_cdf.numel() > 0  # type: ignore[union-attr,operator]
    assert plain.gaussian_conditional._quantized_cdf.numel() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codec", "mymodel.py:Mine"], "weights of your own; add --weights my.pth.tar"),
        (["--codec", "mymodel.py:Half", "--weights", "runs/q1.pth.tar"], "mymodel.py:Half has no decompress"),
        (["--codec", "mymodel.py:Mine", "--weights", "none.pth"], "--weights none.pth: no such file"),
        (["--codec", "mymodel.py:Mine@7", "--weights", "runs/*.tar"], "no weights 7 in runs/*.tar (available: 1, 2)"),
        (["--codec", "cheng2020-anchor", "--weights", "runs/q1.pth.tar"], "use --codec scale"),
    ],
)
@pytest.mark.usefixtures("own")
def test_what_cannot_be_run_is_said_in_one_line(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["run", *arguments, "--dataset", "photos", "--db", "r.sqlite"])
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1


def test_a_picture_that_is_not_finite_is_an_error(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = codec_class("mymodel.py:Mine")
    codec = cls(1, weights=str(own / "runs/q1.pth.tar"))
    data = codec.encode(Picture(np.zeros((64, 64, 3), np.uint8)))
    original = cls.model_class.decompress  # type: ignore[attr-defined]

    @functools.wraps(original)
    def spoilt(*given: object, **named: object) -> dict[str, torch.Tensor]:
        return {name: value * torch.nan for name, value in original(*given, **named).items()}

    monkeypatch.setattr(cls.model_class, "decompress", spoilt)  # type: ignore[attr-defined]
    with pytest.raises(CodecError, match="values that are not finite"):
        codec.decode(data)


def test_a_checkpoint_of_another_class_says_why(own: Path) -> None:
    torch.save({"state_dict": {"g_a.0.weight": torch.zeros(8, 3, 5, 5)}}, own / "other.pth")
    codec = codec_class("mymodel.py:Mine")(1, weights="other.pth")
    message = r"other\.pth is not of Mine: from_state_dict: .*; Mine\(\): Missing key"
    with pytest.raises(UsageError, match=message) as caught:
        codec.encode(Picture(np.zeros((8, 8, 3), np.uint8)))
    assert "\n" not in str(caught.value)


def test_tables_that_no_coder_can_use_are_refused_and_masks_are_not(own: Path) -> None:
    cls = codec_class("mymodel.py:Mine").model_class  # type: ignore[attr-defined]
    model = cls()
    model.update(force=True)
    state = model.state_dict()
    torch.save(state | {"entropy_bottleneck._cdf_length": torch.full((8,), 9999)}, own / "hostile.pth")
    with pytest.raises(UsageError, match=r"hostile\.pth: CDFs of entropy_bottleneck: a length is out of range"):
        load_own(cls, own / "hostile.pth")
    require_sound(own / "masked.pth", {"attention.mask": torch.tensor([0.0, -torch.inf])})


def test_what_no_file_holds_is_an_error_of_the_codec(own: Path) -> None:
    codec = codec_class("mymodel.py:Strange")(1, weights=str(own / "runs/q1.pth.tar"))
    with pytest.raises(CodecError, match="compress gave a Tensor"):
        codec.encode(Picture(np.zeros((64, 64, 3), np.uint8)))


@pytest.mark.parametrize("factor", [1e12, 1e30])
def test_latents_of_a_diverged_model_are_refused(factor: float, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.load("runs/q1.pth.tar")["state_dict"]
    state["module.g_a.6.weight"] *= factor
    torch.save({"state_dict": state}, own / "diverged.pth.tar")

    def endless(self: object, symbols: list[int], *_: object) -> None:
        del self
        pytest.fail(f"CompressAI may never finish coding {min(symbols)} to {max(symbols)}")

    monkeypatch.setattr(ans.RansEncoder, "encode_with_indexes", endless)
    codec = codec_class("mymodel.py:Mine")(1, weights="diverged.pth.tar")
    with pytest.raises(CodecError, match=r"^latents beyond 16777216, or not finite: the model has diverged"):
        codec.encode(Picture(np.full((64, 64, 3), 130, np.uint8)))


@pytest.mark.parametrize("encoder", [ans.RansEncoder, ans.BufferedRansEncoder])
def test_symbols_are_limited_in_each_encoder_of_compressai(encoder: type[Any]) -> None:
    limit_symbols()
    tables = [0, 0], [[0, 65534, 65535, 65536]], [4], [0]
    encoder().encode_with_indexes([MAX_SYMBOL - 1, 1 - MAX_SYMBOL], *tables)
    for symbol in (MAX_SYMBOL, -MAX_SYMBOL):
        with pytest.raises(CodecError, match="the model has diverged"):
            encoder().encode_with_indexes([0, symbol], *tables)


def test_compressais_names_are_names_of_codecs() -> None:
    assert [spec.name for spec in resolve_codecs(["mbt2018@3", "joint@4"])] == ["joint"]
    assert codec_class("cheng2020-attn") is codec_class("attn")
    listed = bench("list")
    assert "cheng2020-anchor (torch)" in listed
    assert "mbt2018-mean" in listed


@pytest.mark.usefixtures("own")
def test_one_checkpoint_can_have_all_rates() -> None:
    codec, pixels = codec_class("mymodel.py:Rates"), np.full((128, 128, 3), 200, np.uint8)
    assert codec.points(weights="runs/q1.pth.tar") == (4, 2, 1)
    files = {q: codec(q, weights="runs/q1.pth.tar").encode(Picture(pixels)) for q in (1, 4)}
    decoded = {q: codec(q, weights="runs/q1.pth.tar").decode(data).pixels for q, data in files.items()}
    assert files[1] != files[4]
    assert not np.array_equal(decoded[1], decoded[4])
    with pytest.raises(UsageError, match="Rates takes a single file with all rates"):
        codec(1, weights="runs/*.pth.tar")
    with pytest.raises(UsageError, match=r"rates@9: quality is .* from 1 to 4|quality is a whole number from 1 to 4"):
        resolve_codecs(["mymodel.py:Rates@9"], {"weights": "runs/q1.pth.tar"})
