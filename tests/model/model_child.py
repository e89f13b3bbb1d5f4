"""A node in a process of its own: each line of standard input is a call, each of output a result.

The first call is ["open", ["package.module.LayerClass", {its configuration}], {}].
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from typing import Any


def _answer(result: dict[str, Any]) -> None:
    # Unbuffered, so that what was said before a kill -9 was said.
    os.write(1, json.dumps(result).encode() + b"\n")


def _open(name: str, config: dict[str, Any]) -> Any:
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        import_module("django").setup()
    module, _, layer_class = name.rpartition(".")
    return getattr(import_module(module), layer_class)(**config)


async def main() -> None:
    layer: Any = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, arguments, options = json.loads(line)
        try:
            if name == "open":
                layer = _open(*arguments)
                result = layer.node
            else:
                result = await getattr(layer, name)(*arguments, **options)
        except Exception as error:
            _answer({"error": f"{type(error).__name__}: {error}"})
        else:
            _answer({"result": result})


if __name__ == "__main__":
    asyncio.run(main())
