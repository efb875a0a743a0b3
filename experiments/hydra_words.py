"""Which of Hydra's own settings a command line may have.

Hydra builds its launcher, its sweeper, its callbacks and its loggers from names in its configuration, whatever these
name. Here they are what the presets in conf/ say: a command line sets the numbers of a launcher, and names no code.
"""

from hydra.core.override_parser.types import Override

from experiments.errors import UserError

# What a sweep or a cluster needs to be told; each is a number, a word or a folder.
MAY_BE_SET = ("hydra.launcher.", "hydra.sweep.", "hydra.run.")
MAY_BE_CHOSEN = ("hydra.mode", "hydra.verbose", "hydra/launcher")
NAMES_CODE = ("_target_", "${")  # an interpolation may bring in what has a `_target_` elsewhere


def check(override: Override, line: str) -> None:
    """Refuse a word that would have Hydra build something of another kind.

    Raises:
        UserError: when it does.
    """
    key = override.key_or_group
    if override.package is not None and override.package.startswith("hydra"):
        raise UserError(f"{line} is refused: nothing but its own presets configures Hydra")
    if not belongs_to_hydra(key):
        return
    if any(sign in line for sign in NAMES_CODE):
        raise UserError(f"{line} is refused: no code is named here; a launcher is chosen, as in hydra/launcher=joblib")
    if not key.startswith(MAY_BE_SET) and key not in MAY_BE_CHOSEN:
        raise UserError(
            f"{line} is refused: of Hydra's own, hydra/launcher, hydra.launcher.…, hydra.sweep.… and hydra.mode are set"
        )


def refuse_all(override: Override, line: str) -> None:
    """Refuse every word of Hydra's own: one run of a study says what it computes, not how it is started.

    Raises:
        UserError: when it is one.
    """
    if belongs_to_hydra(override.key_or_group) or override.package is not None:
        raise UserError(f"{line} is refused here: a study says nothing of Hydra; give it behind the command")


def belongs_to_hydra(key: str) -> bool:
    """Whether a key, or a group, is Hydra's own."""
    return key == "hydra" or key.startswith(("hydra.", "hydra/"))
