"""A Hydra sweeper that runs a list of jobs, each with overrides of its own: a study's grid is no product of choices.

Hydra looks for sweepers in the namespace `hydra_plugins` alone. Any launcher runs the jobs.
"""

import re
import sys
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ClassVar

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

TARGET = {"_target_": "hydra_plugins.listed_sweeper.ListedSweeper"}
ConfigStore.instance().store(group="hydra/sweeper", name="listed", node=TARGET, provider="normlab")


class ListedSweeper(Sweeper):
    """Runs `jobs`, which the program sets before it calls Hydra."""

    jobs: ClassVar[list[list[str]]] = []  # the overrides of each

    def __init__(self) -> None:
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the sweep."""
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch all jobs at once; `arguments` (of the launcher and the paths) are in each of them already.

        Where one of the launcher's processes is killed, the runs that have not ended are the caller's to try again.
        """
        assert self.launcher is not None
        try:
            return self.launcher.launch(self.jobs, initial_job_idx=0)
        except BrokenProcessPool as error:
            signal = re.search(r"SIG[A-Z0-9]+", str(error))
            how = f" by {signal[0]}" if signal else ""
            print(
                f"a process of the launcher was ended{how}, as the system does where memory is short", file=sys.stderr
            )
            return None
