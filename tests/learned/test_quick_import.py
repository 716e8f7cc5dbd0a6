"""What importing a model leaves out, and that whoever wants it gets it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib.util, sys
import bench.learned.models
import compressai
print(*sorted({"compressai", "torch_geometric", "torchvision", "torch._dynamo"} & sys.modules.keys()))
print(importlib.util.find_spec("torchvision").has_location, compressai.zoo.models.keys() >= {"mbt2018"})
"""


def test_models_are_imported_without_what_only_point_clouds_need() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["compressai", "True", "True"]
