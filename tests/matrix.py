"""Combinations of a network, a norm and a precision as tiny runs of two steps, with augmentation and dropout."""

from dataclasses import dataclass

from experiments.command_line import options

NORMS = tuple(options("norm"))
PRECISIONS = ("float32", "bfloat16", "float16")
# The others differ from one of these in their depth alone (ResNet-50 in its blocks too).
ALIKE = ("resnet32", "resnet44", "resnet56", "resnet110", "plain20", "plain32", "plain44", "plain56", "plain110")
NETWORKS = tuple(name for name in options("model") if name not in (*ALIKE, "resnet34"))
LARGE = ("resnet18", "resnet50")  # which have one width
SHORT = ("dataset.num_train=24", "dataset.num_test=9", "batch_size=8", "epochs=null", "steps=2", "log_every=1")
IMAGES = ("dataset=synthetic", "dataset.num_classes=3", "dataset.image_size=8", "dataset.augmentation.crop_padding=1")
IMAGES += ("dataset.augmentation.horizontal_flip=true", "dataset.augmentation.vertical_flip=true")
IMAGES += ("dataset.augmentation.rotation=10.0", "dataset.augmentation.scaling=0.1")
TEXT = ("dataset=text", "dataset.window=5")
# what a network needs to be small, where half of its width will not do
SMALL = {
    "lstm": ("model.units=8",),
    "transformer": ("model.features=8", "model.blocks=1", "model.heads=2"),
    "vgg11": ("model.width=0.125", "dataset.image_size=32"),
    "mlp": ("model.hidden=[16,8]",),
    "small_cnn_input_norm": ("model.width=0.5", "model.padding=1"),
}
SMALL |= dict.fromkeys(LARGE, ())
SUITED = dict.fromkeys(("gn", "ws_gn", "evonorm_s0"), ("norm.num_groups=4",)) | {"ghost_bn": ("norm.size=4",)}
# norms that are activations too stand before the activation alone
SUITED |= {name: (*SUITED.get(name, ()), "model.norm_position=before") for name in ("frn", "evonorm_s0")}


@dataclass(frozen=True)
class Case:
    """One combination, with further words."""

    model: str
    norm: str
    precision: str
    more: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.model, self.norm, self.precision))

    def words(self, folder: object) -> list[str]:
        """What stands behind train.py, its files in `folder`."""
        data = TEXT if self.model in ("lstm", "transformer") else IMAGES
        small = SMALL.get(self.model, ("model.width=0.5",))
        chosen = (f"norm={self.norm}", f"model={self.model}", f"precision={self.precision}", "device=cpu")
        paths = (f"paths.outputs={folder}/outputs", f"paths.data={folder}/data")
        return [*chosen, *data, *SHORT, *small, *SUITED.get(self.norm, ()), "model.dropout=0.2", *paths, *self.more]


def every() -> list[Case]:
    """All combinations of the networks, the norms and the precisions; of the large networks, each norm in float32."""
    return [
        Case(model, norm, precision)
        for model in NETWORKS
        for norm in NORMS
        for precision in (PRECISIONS[:1] if model in LARGE and norm != "bn" else PRECISIONS)
    ]
