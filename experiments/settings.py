"""The types and bounds of every run-level and recipe setting. Their defaults stand in `conf/`, once."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments import probes
from experiments.errors import UserError, known, nearest
from experiments.names import check_names
from experiments.written import written

# The same names as models.initialize.Scheme, whose module would bring PyTorch into `--help`; a test compares them.
Scheme = Literal["he", "xavier", "normal", "pytorch"]
MANY = 1024  # threads or processes: beyond it the operating system refuses them, and the process ends without a word
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0, lt=2**31)]  # more does not fit into PyTorch's sizes everywhere
PositiveReal = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Refuses keys that it does not know and values of another type (an int where a float is meant passes)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Recipe(Strict):
    """How a network is trained: optimizer, schedule, regularization. See `conf/recipe/fast.yaml` for each setting."""

    name: str
    epochs: Positive | None
    steps: Positive | None
    batch_size: Positive
    augment: bool
    initialization: Scheme
    optimizer: Literal["sgd", "adam", "adamw"]
    lr: PositiveReal
    momentum: Share
    nesterov: bool
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]
    weight_decay: NonNegative
    decay_norm_and_bias: bool
    schedule: Literal["constant", "step", "cosine", "one_cycle"]
    warmup: Share
    milestones: list[Annotated[float, Field(gt=0, lt=1)]]
    factor: PositiveReal
    label_smoothing: Share
    clip_norm: PositiveReal | None


class InitializationSettings(Strict):
    """Scheme and size of the initial weights, see `models.initialize`."""

    scheme: Scheme
    gain: PositiveReal
    std: PositiveReal
    zero_gamma: bool


class Paths(Strict):
    """Folders, relative to the current one."""

    data: Annotated[str, Field(min_length=1)]
    outputs: Annotated[str, Field(min_length=1)]


class Settings(Strict):
    """All settings of one run; those of the leaf groups are checked against the signatures of what they configure."""

    norm: dict[str, Any]
    model: dict[str, Any]
    dataset: dict[str, Any]
    recipe: Recipe
    initialization: InitializationSettings
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    epochs: Positive | None
    steps: Annotated[int, Field(ge=0, lt=2**31)] | None  # 0: evaluated as it is
    batch_size: Positive
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda|cuda:\d+)$")]
    precision: Literal["float32", "bfloat16", "float16"]
    tf32: bool
    compile: Literal["auto", True, False]
    cuda_graphs: bool
    deterministic: bool
    threads: Annotated[int, Field(gt=0, le=MANY)] | None
    workers: Annotated[int, Field(ge=0, le=MANY)] | None
    train_evaluation: Positive | None
    evaluation_batch_size: Positive
    log_every: Positive
    checkpoint_every: Positive
    divergence_loss: PositiveReal
    probes: list[str]
    probe_every: Positive | None
    paths: Paths

    @classmethod
    def check(cls, config: dict[str, Any]) -> "Settings":
        """The settings of a resolved configuration.

        Raises:
            UserError: one line on the first setting of a wrong type or out of bounds.
        """
        try:
            settings = cls.model_validate(config)
        except ValidationError as error:
            raise UserError(explain(error)) from None
        check_names(config)
        budget(config)
        if settings.recipe.nesterov and settings.recipe.momentum == 0:
            raise UserError("recipe.nesterov=true needs a momentum: set recipe.momentum=0.9 or recipe.nesterov=false")
        probes.check_names(settings.probes)
        if settings.probe_every is not None and not settings.probes:
            raise UserError(
                f"probe_every={settings.probe_every} without a probe: name some, as in probes=[modes]. "
                f"{known(probes.names())}"
            )
        return settings


def budget(config: dict[str, Any]) -> tuple[int | None, int | None]:
    """How long a run trains, (epochs, None) or (None, steps): what was asked for, else what the recipe says.

    Raises:
        UserError: when neither is given, or both.
    """
    recipe = config["recipe"]
    if config["epochs"] is None and config["steps"] is None:
        raise UserError("epochs=null and steps=null: say how long to train, for instance epochs=4")
    if config["epochs"] is None or config["steps"] is None:
        return config["epochs"], config["steps"]
    if config["epochs"] != recipe["epochs"] and config["steps"] == recipe["steps"]:
        return config["epochs"], None
    if config["steps"] != recipe["steps"] and config["epochs"] == recipe["epochs"]:
        return None, config["steps"]
    raise UserError(f"epochs={config['epochs']} and steps={config['steps']}: give one of them, and null for the other")


def explain(error: ValidationError, prefix: str = "") -> str:
    """One line on the first error of a pydantic validation: the key with its value, and what is allowed."""
    first = error.errors()[0]
    # The names of a union's branches (`int`, `literal['auto']`) follow the key; a key of ours has no bracket.
    branches = ("int", "float", "bool", "str", "none")
    keys = [str(part) for part in first["loc"] if str(part).isalnum() or str(part).isidentifier()]
    keys = [part for part in keys if part not in branches]
    key = prefix + ".".join(keys)
    if first["type"] == "extra_forbidden":
        return f"{key} is not a setting of this run (`python train.py --help` lists them)"
    if first["type"] == "missing":
        return f"{key} is missing from the configuration"
    shown = written(first["input"])
    same = [entry for entry in error.errors() if entry["loc"][: len(keys)] == first["loc"][: len(keys)]]
    if first["type"] == "literal_error":
        words = first["ctx"]["expected"].replace(" or ", ", ").split(", ")
        allowed = [{"True": "true", "False": "false"}.get(word, word.strip("'")) for word in words]
        return f"{key}={shown} is not known. {nearest(shown, allowed)}{known(allowed)}"
    if key == "device":
        return (
            f"device={shown} is not known. {nearest(shown, ('cpu', 'cuda', 'mps'))}Known: auto, cpu, cuda, cuda:N, mps"
        )
    reasons = dict.fromkeys(entry["msg"].replace("Input should be", "must be") for entry in same)
    return f"{key}={shown}: " + " or ".join(reason[0].lower() + reason[1:] for reason in reasons)
