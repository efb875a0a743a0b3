"""Export the network of a finished run, with its batch norms folded into the layers before them.

    python scripts/export.py RUN [format=all] [fold=true] [preprocessing=true] [images=1000] [device=cpu] [out=DIR]

RUN is a run's folder, or its name in outputs/runs. RUN/export (or DIR) then holds model.safetensors with config.json,
and model.onnx; all of it is checked against the original on the run's test images before it is put in place.

    format         all | safetensors | onnx
    fold           fold norms with running statistics (false: leave the network as it was trained)
    preprocessing  take uint8 pixels (N, H, W, C) and scale them in the network (false: take what the network saw,
                   float32 (N, C, H, W); config.json says how that is made from pixels)
    images         test images that are compared, at most
    device         where the original is evaluated: cpu | cuda | cuda:N | mps | auto
    paths.data     the datasets' folder, if it is not where the run had it
    paths.outputs  the folder in whose `runs` names are looked for (outputs)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script
from experiments.errors import UserError


def command(words: script.Words) -> None:
    from experiments.export.command import ExportSettings, export  # PyTorch takes seconds, and `--help` needs none
    from experiments.finished import find_run, open_run

    settings = script.settings(words.values, ExportSettings)
    if len(words.names) != 1:
        raise UserError(f"{len(words.names)} runs are named; name one: python scripts/export.py RUN")
    export(open_run(find_run(words.names[0], Path(settings.paths.outputs))), settings)


if __name__ == "__main__":
    sys.exit(script.run(__doc__, sys.argv[1:], command))
