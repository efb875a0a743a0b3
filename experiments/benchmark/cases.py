"""The cases: a network with a norm on images of one size, in an epoch that is a CIFAR epoch in small.

A CIFAR epoch has 50,000 training images, and evaluates 10,000 of them and 10,000 test images, the latter in two modes:
here too the evaluated sample and the test images are a fifth of the training images each.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from experiments.benchmark.settings import BenchmarkSettings
from experiments.command_line import options, plan

TRAIN_PER_TEST = 5  # CIFAR has five training images for each test image
RUN_STEPS = 6240  # of the run that a slice is the beginning of: the default recipe's 16 epochs of CIFAR


@dataclass(frozen=True)
class Case:
    """One network, norm and kind of images, and the size of its epoch."""

    model: str
    norm: str
    image_size: int  # pixels a side
    channels: int
    crop_padding: int  # pixels
    flip: bool
    batch_size: int
    steps: int  # an epoch
    rounds: int  # at most
    weight: float  # of its share of the time there is
    compile: bool  # whether the bare network is measured compiled too
    device: str
    precision: str
    overrides: tuple[str, ...] = ()  # further words for train.py

    @property
    def name(self) -> str:
        return f"{self.model}-{self.image_size}+{self.norm}"

    @property
    def num_train(self) -> int:
        return self.batch_size * self.steps

    @property
    def num_test(self) -> int:
        """Test images, and training images of the evaluated sample."""
        return max(2, self.num_train // TRAIN_PER_TEST)

    @property
    def words(self) -> list[str]:
        """What is written behind train.py for this run, without its folders."""
        return [
            f"model={self.model}",
            f"norm={self.norm}",
            "dataset=synthetic",
            f"dataset.num_train={self.num_train}",
            f"dataset.num_test={self.num_test}",
            f"dataset.channels={self.channels}",
            f"dataset.image_size={self.image_size}",
            f"dataset.augmentation.crop_padding={self.crop_padding}",
            f"dataset.augmentation.horizontal_flip={str(self.flip).lower()}",
            f"batch_size={self.batch_size}",
            "epochs=null",
            f"steps={max(RUN_STEPS, self.steps)}",
            f"train_evaluation={self.num_test}",
            f"device={self.device}",
            f"precision={self.precision}",
            *self.overrides,
        ]

    def config(self, *more: str) -> dict[str, Any]:
        """The resolved configuration of this run.

        Raises:
            UserError: when the project refuses the combination.
        """
        return plan([*self.words, *more]).jobs[0].config

    def as_json(self) -> dict[str, Any]:
        """Fields and what follows from them."""
        return asdict(self) | {"name": self.name, "num_train": self.num_train, "num_test": self.num_test}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Case":
        """The case of `as_json`."""
        fields = {key: value for key, value in content.items() if key in cls.__dataclass_fields__}
        return cls(**fields | {"overrides": tuple(fields["overrides"])})


@dataclass(frozen=True)
class _Shape:
    """A network on its images: batch size and steps of an epoch by kind of machine."""

    model: str
    image_size: int
    channels: int
    crop_padding: int
    flip: bool
    cpu: tuple[int, int]  # batch size, steps
    cuda: tuple[int, int]
    weight: float  # about the seconds that a case takes on two quiet cores
    compiles: bool  # whether compiling it on CPUs is cheap enough to be done each time
    cpu_rounds: int = 100


# Steps on CPUs are such that an epoch takes some seconds on two cores; on GPUs an epoch on small images is one
# of CIFAR's size.
SHAPES = (
    _Shape("resnet20", 32, 3, 4, True, (128, 12), (128, 390), 80, compiles=True),
    _Shape("small_cnn", 32, 3, 4, True, (128, 20), (128, 390), 35, compiles=True),
    _Shape("mlp", 28, 1, 2, False, (128, 60), (128, 390), 15, compiles=True),
    _Shape("resnet18", 64, 3, 4, True, (64, 4), (256, 100), 20, compiles=False, cpu_rounds=2),
    _Shape("resnet18", 224, 3, 4, True, (8, 2), (128, 20), 20, compiles=False, cpu_rounds=2),
)


def cases(settings: BenchmarkSettings, device_type: str) -> list[Case]:
    """What the settings ask for, network by network. Models that this version does not have are left out."""
    there = options("model")
    return [
        _case(shape, norm, settings, device_type)
        for shape in SHAPES
        if shape.model in settings.models and shape.model in there
        for norm in settings.norms
    ]


def _case(shape: _Shape, norm: str, settings: BenchmarkSettings, device_type: str) -> Case:
    on_cuda = device_type == "cuda"
    batch_size, steps = shape.cuda if on_cuda else shape.cpu
    rounds = settings.rounds if on_cuda or settings.full else min(settings.rounds, shape.cpu_rounds)
    case = Case(
        shape.model,
        norm,
        shape.image_size,
        shape.channels,
        shape.crop_padding,
        shape.flip,
        batch_size,
        steps,
        rounds,
        shape.weight,
        compile=shape.compiles or on_cuda or settings.full,
        device=settings.device,
        precision=settings.precision,
    )
    if settings.quick:
        return replace(case, batch_size=8, steps=2, rounds=1, compile=False)
    return case
