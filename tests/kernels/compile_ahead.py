"""Compile our Triton kernels for a compute capability (80, 90, ...) without a GPU and print as JSON what came out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from glsmamba.scan import triton_scan as ours

INTEGERS = ("paths", "length", "inner", "tiles", "states", "partials")
STATES = 16


def compile_ahead(kernel: Any, capability: int, half: bool = False, **constants: Any) -> dict[str, Any]:
    """Registers and stack bytes (0: nothing spilled), sizes of PTX and machine code."""
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    signature = {}
    for name in kernel.arg_names:
        if name in constants:
            signature[name] = "constexpr"
        elif name in INTEGERS:
            signature[name] = "i32"
        else:
            signature[name] = "*i64" if name == "order" else "*bf16" if half and name in ("u", "delta", "bs", "cs") else "*fp32"
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, name in enumerate(kernel.arg_names)
        if signature[name][0] == "*" or name in ("inner", "states")
    }
    source = ASTSource(kernel, signature, constexprs=constants, attrs=aligned)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 1})
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
        usage = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"(REG|STACK|SHARED):(\d+)", usage.stdout + usage.stderr))
    target = re.search(r"\.target (\w+)", made.asm["ptx"])
    return {
        "name": kernel.__name__, "half": half, "constants": constants, "target": target[1] if target else "",
        "ptx": len(made.asm["ptx"]), "cubin": len(made.asm["cubin"]),
        "registers": int(found["REG"]), "stack": int(found["STACK"]), "shared": int(found["SHARED"]),
    }  # fmt: skip


def main(capability: int) -> None:
    shape = {"STATES": STATES, "TILE": ours.TOKENS, "WIDTH": ours.LANES, "SOFTPLUS": True}
    group, back = {"GROUP": ours.GROUP}, {"GROUP": ours.GROUP_BACKWARD}
    kernels = [
        compile_ahead(ours._tile_ends, capability, **shape, **group, REVERSE=False),
        compile_ahead(ours._tile_ends, capability, **shape, **group, REVERSE=True),
        compile_ahead(ours._chain, capability, **shape, BURST=ours.BURST, REVERSE=False),
        compile_ahead(ours._outputs, capability, **shape, **group),
        compile_ahead(ours._outputs, capability, half=True, **shape, **group),
        compile_ahead(ours._gradients, capability, **shape, **back),
    ]
    print(json.dumps(kernels))


if __name__ == "__main__":
    main(int(sys.argv[1]))
