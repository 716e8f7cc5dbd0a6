"""What libraries warn of at import about their own future."""

from __future__ import annotations

import importlib
import threading
import warnings

import bench.learned


def test_warnings_about_the_future_of_torch_reach_nobody_from_any_thread() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        importlib.reload(bench.learned)

        def warn(module: str) -> None:
            warnings.warn_explicit("`torch.jit.script` is deprecated", FutureWarning, "file.py", 1, module=module)

        for module in ("torch.jit._script", "compressai.layers.gdn", "own"):
            thread = threading.Thread(target=warn, args=(module,))
            thread.start()
            thread.join()
    assert len(told) == 1
