"""Made-up command lines of `train.py`: groups, settings and values of every kind, and lines with slips of the hand.

Every line ends with fixed words that keep it small, and its runs inside the test's folder: the last of two words for
one setting wins.
"""

import dataclasses
import inspect
import typing
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_object
from hypothesis import strategies as st

from data.augmentation import Augmentation
from data.subsets import select
from data.views import ViewAugmentation
from experiments import probes
from experiments.command_line import options, settings_keys
from experiments.paths import CONF
from experiments.settings import Settings

NORMS, RECIPES = (tuple(options(group)) for group in ("norm", "recipe"))
MODELS = tuple(name for name in options("model") if name not in ("resnet18", "resnet34", "resnet50"))
# a dataset that needs no download, and what keeps it small
DATASETS = {
    "synthetic": ("num_train=24", "num_test=10", "num_classes=3", "image_size=8"),
    "heterogeneous": ("num_train=24", "num_test=10", "num_classes=3", "features=6"),
    "text": ("num_train=24", "num_test=10", "window=5"),
    "folder": ("size=8", "resize=9", "train_size=16"),
}
NETWORKS = tuple(name for name in MODELS if name not in ("lstm", "transformer"))  # which take text too, or refuse it
SEQUENCES = ("lstm", "transformer")
# of networks of the usual size for a test
SMALL = {"lstm": ("model.units=8",), "transformer": ("model.features=8", "model.blocks=1", "model.heads=2")}
SMALL |= {name: ("model.depth=8", "model.width=0.5") for name in MODELS if name.startswith(("resnet", "plain"))}
SMALL |= {"vgg11": ("model.width=0.125", "dataset.image_size=32"), "small_cnn_input_norm": ("model.padding=1",)}
# so that few are of a kind that is refused whatever else a line says
SUITED = dict.fromkeys(("gn", "ws_gn", "evonorm_s0"), ("norm.num_groups=2",)) | {"ghost_bn": ("norm.size=4",)}
SHORT = ("epochs=null", "steps=2", "batch_size=4", "compile=false", "workers=0", "device=cpu")

WRONG = (
    *("", "null", "nan", "inf", "-inf", "true", "no", "abc", "-1", "0", "-0.0", ".5", "1e-320", "1e400", "0x10", "1_0"),
    *("2147483648", "9223372036854775807", "9223372036854775808", "1" + 30 * "0", "1.5", "1e3", "17", "1e308"),
    *("ünïcödé", "名前", "\u202e", "🜁", "\x00", "a\nb", "\t", "\udcff", 300 * "x", 70_000 * "x"),
    *("..", "../up", "/", "a/b", "#"),
    *('"quoted"', "'single'", '"a b"', "a b", '"', "'", "\\", "a\\,b", "(", ")", "[", "]", "{", "}", ":", "=", "a=b"),
    *("[]", "[1,2]", "[[1],[2]]", "[null]", "[nan]", "[a,b", "{}", "{a:1}", "{a:{b:[1]}}", "!!python/name:os.system"),
    *("${seed}", "${nosuch}", "${oc.env:HOME}", "${oc.env:NO_SUCH}", "${", "${}", "${seed:1}", "${paths}", "???"),
    *("1,2", "a,b", "range(0,2)", "range(0,3,0)", "range(1)", "glob(*)", "glob(x)", "choice(1,2)", "choice()"),
    *("interval(0,1)", "shuffle(1,2)", "sort(2,1)", "tag(a,1)", "int(x)", "str(1)", "float(nan)", "bool(2)"),
    *("nosuch(1)",),
)  # fmt: skip
SWEPT = ("seed=0,1", "norm=bn,ln", "recipe.lr=0.1,1", "batch_size=2,x", "seed=range(0,2)")
MARKS = (*(20 * ("",)), "+", "++", "~", "-", "--", "@", "$", " ")
UNENDING = ("epochs", "steps")  # a valid run of 2**31 steps lasts
# what a slip of the hand puts into a word
CHARACTERS = tuple("abeknors019.,=:+-~_/*@$%&!?'\"\\()[]{}<>|#^ \t\n\r\x00\x1bａｅ＝é\u200b\udc80")
SHOWN = ("--help", "-h", "--cfg", "--hydra-help", "--version", "--info", "-c", "-i", "--shell-completion", "--resolve")


@dataclasses.dataclass(frozen=True)
class Line:
    """The words of a command, Hydra's own option first."""

    words: tuple[str, ...]
    sweep: bool

    @property
    def shows(self) -> bool:
        """Whether Hydra only shows something."""
        return any(word.split("=")[0] in SHOWN for word in self.words)


def places(folder: Path) -> tuple[str, ...]:
    """Where a line's runs read and write."""
    return (f"paths.data={folder / 'data'}", f"paths.outputs={folder / 'outputs'}")


@cache
def option(group: str, name: str) -> dict[str, Any]:
    """The settings of a group's option as its file has them: Hydra would take a tenth of a second for them."""
    content = yaml.safe_load((CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))
    bases = [base for base in content.pop("defaults", []) if base != "_self_"]
    return {key: value for base in bases for key, value in option(group, base).items()} | content


def settings_of(chosen: dict[str, str]) -> dict[str, Any]:
    """All settings of a choice of options; of the run-level ones, where they stand is enough."""
    top = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    top = {key: value for key, value in top.items() if key not in ("defaults", "hydra", "paths")}
    return top | {group: option(group, name) for group, name in chosen.items()}


def annotation(config: dict[str, Any], key: str) -> Any:
    """The type of a setting, as the code has it."""
    group, _, name = key.partition(".")
    if group in ("norm", "model", "dataset"):
        functions = [get_object(config[group]["_target_"]), *([select] if group == "dataset" else [])]
        if name.startswith("augmentation."):
            name = name.removeprefix("augmentation.")
            functions = [Augmentation, ViewAugmentation]
        for function in functions:
            hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
            if name in hints:
                return hints[name]
        return str
    kind: Any = Settings
    for part in key.split("."):
        kind = kind.model_fields[part].annotation
    return kind


def fitting(kind: Any) -> st.SearchStrategy[str]:
    """Values of a type, as they are written: usual ones, and those at the bounds that settings have."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Annotated:
        return fitting(arguments[0])
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from([str(value).lower() if isinstance(value, bool) else str(value) for value in arguments])
    if typing.get_origin(kind) in (list, tuple):
        return st.lists(fitting(arguments[0]), min_size=0, max_size=3).map(lambda values: f"[{','.join(values)}]")
    if arguments:  # a union
        return st.one_of([fitting(one) for one in arguments])
    if kind is bool:
        return st.sampled_from(["true", "false"])
    if kind is int:
        return st.sampled_from([str(number) for number in (0, 1, 2, 3, 4, 5, 6, 8, 16)])
    if kind is float:
        return st.sampled_from(["0", "0.1", "0.25", "0.5", "0.9", "1", "1.0", "1.5", "2", "15.0", "1e-8", "1e-3"])
    if kind is type(None):
        return st.just("null")
    return st.sampled_from(["cpu", "all", "first:1", "last:2", "none", "first:0", "before", "raw", "x"])


@st.composite
def settings_words(draw: st.DrawFn, config: dict[str, Any]) -> str:
    """One setting of a configuration with a value that fits, or with one that may not."""
    key = draw(st.sampled_from(settings_keys(config)))
    if key == "probes":
        return f"probes=[{','.join(draw(st.lists(st.sampled_from(probes.names()), max_size=2)))}]"
    if draw(st.integers(0, 19)) == 7:
        return f"~{key}"
    if draw(st.integers(0, 2)) and key != "compile":
        return f"{key}={draw(fitting(annotation(config, key)))}"
    value = draw(st.sampled_from(WRONG))
    if key == "compile":  # takes a minute
        return "compile=auto"
    if key in UNENDING and value.isdigit() and int(value) > 20:
        value = "abc"
    return f"{draw(st.sampled_from(MARKS))}{key}={value}"


@st.composite
def lines(draw: st.DrawFn, folder: Path) -> Line:
    """A line of valid groups with some settings; one in twelve is a sweep of two runs."""
    norm, recipe = draw(st.sampled_from(NORMS)), draw(st.sampled_from(RECIPES))
    dataset = draw(st.sampled_from(list(DATASETS)))
    suited = [model for model in MODELS if (model in SEQUENCES) == (dataset == "text")]
    model = draw(st.sampled_from(suited if draw(st.integers(0, 9)) else NETWORKS))
    groups = {"norm": norm, "recipe": recipe, "dataset": dataset, "model": model}
    sizes = [f"dataset.{word}" for word in DATASETS[dataset]]
    small = [w for w in SMALL.get(model, ()) if not w.startswith("dataset.") or dataset == "synthetic"]
    words = [*(f"{group}={name}" for group, name in groups.items()), *SHORT, *sizes, *small, *SUITED.get(norm, ())]
    words += draw(st.lists(settings_words(settings_of(groups)), max_size=3))
    sweep = draw(st.integers(0, 11)) == 5
    if sweep:
        words.append(draw(st.sampled_from(SWEPT)))
    if draw(st.booleans()):
        words = draw(slips(words))
        words += [*SHORT, *sizes]
    return Line((*(["-m"] if sweep else []), *words, *places(folder)), sweep)


@st.composite
def slips(draw: st.DrawFn, words: list[str]) -> list[str]:
    """The words with one or two slips of the hand."""
    words = list(words)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(words) - 1))
        word = words[place]
        at = draw(st.integers(0, max(0, len(word) - 1)))
        character = draw(st.sampled_from(CHARACTERS))
        words[place : place + 1] = draw(
            st.sampled_from(
                [
                    [word[:at] + word[at + 1 :]],
                    [word[:at] + character + word[at:]],
                    [word[:at] + character + word[at + 1 :]],
                    [word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]],
                    [word, word],
                    [word, words[draw(st.integers(0, len(words) - 1))]],
                    [],
                    [word.upper()],
                    ["".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in word)],
                    [word[:at], word[at:]],
                    [word[: at + 1] * 5000],
                    [draw(st.sampled_from((*SHOWN, *WRONG[:40], "--multirun", "--package=x", "--run", "--", "-")))],
                ]
            )
        )
        if not words:
            return words
    return words
