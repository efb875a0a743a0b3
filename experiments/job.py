"""One job of a command line: from a composed configuration to a finished run folder, or to one clear line."""

import logging
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from data.broken import BrokenImage
from data.verification import DamagedData
from experiments import atomic, build, identity, last_files, probes, result, sweep
from experiments.command_line import resolved
from experiments.device import configure, resolve
from experiments.environment import environment
from experiments.errors import RunFailed, UserError, say
from experiments.host import set_threads
from experiments.lock import HeldElsewhere, locked, refuse_held
from experiments.loop import Length
from experiments.machine_limits import explained
from experiments.paths import check_outputs
from experiments.progress import console_log, duration, file_log
from experiments.ranks import ALONE, Ranks
from experiments.run import Parts, Run
from experiments.settings import Settings
from experiments.storage import faults_told, is_fault

log = logging.getLogger("normlab")


def run_job(config: DictConfig) -> dict[str, Any]:
    """Called by Hydra for each job. Alone, a mistake ends the program; in a sweep it is noted and the others go on."""
    settings = resolved(config)
    alone = HydraConfig.get().mode != RunMode.MULTIRUN
    sweep.forget_failure(settings)
    try:
        if not alone:
            refuse_held(identity.folder(settings))  # before its images are read
        return perform(settings, name_lines=not alone)
    except HeldElsewhere as error:
        if alone:
            say(error)
            raise SystemExit(error.code) from None
        print(f"{identity.name(settings)} is being made by another process: left to it", flush=True)
        return {"status": "elsewhere"}
    except UserError as error:
        say(error)
        if alone:
            raise SystemExit(error.code) from None
        return sweep.note_failure(settings, "failed" if isinstance(error, RunFailed) else "refused", str(error))
    except Exception as error:
        if alone:
            raise
        traceback.print_exc()
        return sweep.note_failure(settings, "failed", f"{type(error).__name__}: {error}")


def perform(config: dict[str, Any], name_lines: bool = False) -> dict[str, Any]:
    """Make the run of a resolved configuration, or find it made; returns the content of `result.json`.

    Args:
        name_lines: whether each line on the console names its run.

    Raises:
        UserError: one line on what is wrong with the settings, the data or the folder; nothing was written then.
        RunFailed: one line on what ended it, a full disk or memory that was not there; its folder stays as it was
            saved.
    """
    with faults_told():
        return _perform(config, name_lines)


def _perform(config: dict[str, Any], name_lines: bool) -> dict[str, Any]:
    settings, ranks = Settings.check(config), Ranks.of_environment()
    ranks.require_batch(settings.batch_size)
    folder = identity.folder(config)
    with console_log(folder.name if name_lines else None, quiet=not ranks.first):
        if result.read(folder) is None:
            check_outputs(settings.paths.outputs)
            with explained(UserError):
                parts = build_parts(config, settings, ranks)
            with ranks.together(parts.device), _held_by_first(folder, ranks):
                # another process may have made it while this one prepared
                finished = ranks.said_by_first(result.read(folder))
                with explained(RunFailed, f"; {folder} stays as it was saved last"):
                    return finished or _train(parts, folder)
        finished = result.read(folder)
        assert finished is not None
        identity.refuse_other(folder, config)
        log.info("%s is finished already; remove its folder to repeat it", folder.name)
        log.info("%s", summary(folder, finished))
        return finished


def _train(parts: Parts, folder: Path) -> dict[str, Any]:
    """Train in a folder that is ours alone; of several processes the first writes."""
    identity.refuse_other(folder, parts.config)
    ranks = parts.ranks
    with file_log(folder / "train.log") if ranks.first else nullcontext():
        if ranks.first:
            atomic.clear(folder)
            write_settings(folder, parts.config)
        _announce(parts, folder)
        try:
            run = Run(parts, folder, identity.group(parts.config))
            about = environment(parts.device)
            about |= {"processes": ranks.size} if ranks.size > 1 else {}
            if ranks.first and parts.dataset.verification is not None:
                parts.dataset.verification.begin()
            outcome = run.execute()
            if ranks.first:
                parts.dataset.require_whole()
            about |= {"code": run.code}
            finished = ranks.said_by_first(last_files.write(folder, parts, outcome, about) if ranks.first else {})
        except (BrokenImage, DamagedData) as error:
            raise UserError(str(error)) from error
        except UserError:
            raise
        except Exception as error:
            if is_fault(error):
                raise  # the log lies on the same disk
            # The console gets the traceback from whoever called; the run's own log keeps it too.
            with open(folder / "train.log", "a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        log.info("%s", summary(folder, finished))
    return finished


def write_settings(folder: Path, config: dict[str, Any]) -> None:
    """The run's resolved settings, as `config.yaml`."""
    atomic.write_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


@contextmanager
def _held_by_first(folder: Path, ranks: Ranks) -> Iterator[None]:
    """The folder locked by the first of several processes; where it cannot have it, all of them are refused."""
    with ExitStack() as stack:
        refusal = None
        if ranks.first:
            try:
                stack.enter_context(locked(folder))
            except UserError as error:
                refusal = error
        refusal = ranks.said_by_first(refusal)
        if refusal is not None:
            raise refusal
        yield


def build_parts(config: dict[str, Any], settings: Settings, ranks: Ranks = ALONE) -> Parts:
    """Everything that a run needs, checked to fit together before a folder is made."""
    build.check_leaves(config)
    device = ranks.device(resolve(settings.device, settings.precision))
    set_threads(settings.threads)
    configure(device, settings.tf32, settings.deterministic)
    dataset = build.dataset(config)
    build.check_codes(config, dataset)
    count = len(dataset.train.labels)
    if settings.batch_size > count:
        raise UserError(
            f"batch_size={settings.batch_size} is more than the {count} training images; use at most {count}"
        )
    model = build.model(config, dataset)
    build.start_from_published_weights(model)
    if settings.batch_size == 1:
        build.check_batch_of_one(model, dataset)
    splits = build.splits(config, dataset, device)
    probes.check_splits(settings.probes, splits)
    length = Length.of(settings, count)
    return Parts(config, settings, dataset, splits, build.augmentation(config), model, device, length, ranks)


def _announce(parts: Parts, folder: Path) -> None:
    config, settings, length = parts.config, parts.settings, parts.length
    parameters = sum(parameter.numel() for parameter in parts.model.parameters())
    images = len(parts.dataset.train.labels)
    log.info(
        "%s + %s on %s, recipe %s, seed %d: %s parameters, %s training images, %d epochs (%s steps of %d), %s, %s",
        config["model"]["name"], config["norm"]["name"], config["dataset"]["name"], config["recipe"]["name"],
        settings.seed, f"{parameters:,}", f"{images:,}", length.epochs, f"{length.total_steps:,}",
        settings.batch_size, settings.precision, parts.device,
    )  # fmt: skip
    log.info("folder: %s", folder)
    log.info("watch it with: %s", tensorboard_command(config["paths"]["outputs"]))


def summary(folder: Path, finished: dict[str, Any]) -> str:
    """The last lines of a run: how well it did, where its records are, and how to look at them."""
    final = finished["final"]
    if finished["status"] == "diverged":
        head = f"diverged at step {finished['diverged_at']} after {duration(finished['train_seconds'])} of training"
    elif finished["steps"] == 0:
        scores = f"test accuracy {final['test_accuracy']:.2%}, test loss {final['test_loss']:.4f} nats"
        head = f"evaluated without training: {scores}"
    else:
        head = (
            f"finished: test accuracy {final['test_accuracy']:.2%}, train accuracy {final['train_accuracy']:.2%},"
            f" test loss {final['test_loss']:.4f} nats (last epoch);"
            f" trained {duration(finished['train_seconds'])} at {finished['images_per_second']:,.0f} images/s"
        )
    outputs = folder.parent.parent
    return "\n".join(
        (
            head,
            f"  result:  {folder / 'result.json'}",
            f"  numbers: {folder / 'metrics.csv'}",
            f"  curves:  {tensorboard_command(str(outputs))}   then open http://localhost:6006",
        )
    )


def tensorboard_command(outputs: str) -> str:
    """The command that opens the curves from here: with its path where TensorBoard's own folder is not on PATH."""
    beside = Path(sys.executable).with_name("tensorboard")
    on_path = shutil.which("tensorboard")
    program = str(beside) if beside.exists() and (on_path is None or Path(on_path) != beside) else "tensorboard"
    return f"{program} --logdir {outputs}"
