"""The ledger: every claim of the documents with the tests that decide it, as data (ledger.yaml)."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from experiments.errors import UserError, known, nearest
from experiments.plain_files import read_yaml
from experiments.studies.claim import Claim
from experiments.studies.known_studies import known_studies
from experiments.studies.ledger_fits import check_fits

LEDGER = Path(__file__).with_name("ledger.yaml")
SCHEMA = 1


def load(checks: Collection[str] | None = None) -> dict[str, Claim]:
    """The claims by id, in the file's order, which fit the studies.

    Args:
        checks: the names of the checks that there are (experiments.checks.registry, which brings PyTorch in);
            None leaves them unchecked.

    Raises:
        UserError: for the first row that is malformed, or that names what does not exist.
    """
    ledger = read(LEDGER)
    check_fits(ledger, known_studies(), checks)
    return ledger


def read(path: Path = LEDGER) -> dict[str, Claim]:
    """The claims of a file, each checked by itself alone.

    Raises:
        UserError: when the file cannot be read or is of another version, an id stands there twice, or a row is
            malformed.
    """
    try:
        rows = read_yaml(path, "mend it", _Unique)
    except FileNotFoundError:
        raise UserError(f"{path} cannot be read: there is no such file") from None
    if not isinstance(rows, dict):
        raise UserError(f"{path} must hold claims by id")
    schema = rows.pop("schema", None)
    if schema != SCHEMA:
        raise UserError(
            f"{path} has schema {schema}, this version of normlab reads {SCHEMA}; take the ledger that comes with it"
        )
    return {key: _claim(path, key, row) for key, row in rows.items()}


def select(ledger: Mapping[str, Claim], ids: Sequence[str] = (), documents: Sequence[str] = ()) -> dict[str, Claim]:
    """The claims with these ids, of these documents, or both together; without either, all of them.

    Raises:
        UserError: for an id or a document that does not exist.
    """
    for one in ids:
        if one not in ledger:
            raise UserError(f"claim {one} does not exist. {nearest(one, ledger)}It has {len(ledger)}: {_span(ledger)}")
    there = sorted({claim.document for claim in ledger.values()})
    for one in documents:
        if one not in there:
            raise UserError(f"document {one} does not exist. {nearest(one, there)}{known(there)}")
    if not ids and not documents:
        return dict(ledger)
    return {key: claim for key, claim in ledger.items() if key in ids or claim.document in documents}


def _span(ledger: Mapping[str, Claim]) -> str:
    ids = list(ledger)
    return f"{ids[0]} to {ids[-1]}" if ids else "none"


def _claim(path: Path, key: Any, row: Any) -> Claim:
    if not isinstance(key, str) or not isinstance(row, dict):
        raise UserError(f'{path}: {key!r} must be an id in quotation marks, as "0.10", with a mapping')
    try:
        claim = Claim.model_validate({"id": key, **row})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: claim {key}{f', {where}' if where else ''}: {first['msg']}") from None
    if key.partition(".")[0] != claim.document.lstrip("0").zfill(1):
        raise UserError(f"{path}: claim {key} is said to be of document {claim.document}; ids begin with its number")
    return claim


class _Unique(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)
