"""Two benchmarks side by side: how the rates of each case changed, and what else differs between them."""

from typing import Any

from experiments.benchmark.table import columns

SHOWN = (
    "normlab", "normlab_epoch", "usual", "bare_eager", "bare_compiled", "evaluation_eager",
    "evaluation_folded", "limit",
)  # fmt: skip


def changes(new: dict[str, Any], old: dict[str, Any]) -> dict[str, dict[str, float]]:
    """New over old median rate of each contender, by case; cases and contenders of one side alone are left out."""
    ours, theirs = _cases(new), _cases(old)
    return {
        name: {
            contender: rate["median"] / theirs[name]["rates"][contender]["median"]
            for contender, rate in case["rates"].items()
            if contender in theirs[name]["rates"]
        }
        for name, case in ours.items()
        if name in theirs
    }


def differences(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """What differs in hardware, versions and settings, a line each: `torch: 2.11.0 then, 2.15.0 now`."""
    lines = []
    for part in ("hardware", "settings"):
        one, other = _flat(new[part]), _flat(old[part])
        lines += [
            f"{key}: {other.get(key)} then, {one.get(key)} now"
            for key in sorted(one.keys() | other.keys())
            if one.get(key) != other.get(key) and key not in ("commit", "clean", "out", "compare")
        ]
    sizes = [
        name for name, case in _cases(new).items() if name in _cases(old) and _cases(old)[name]["case"] != case["case"]
    ]
    return lines + [f"{name}: another size of the slices" for name in sizes]


def text(new: dict[str, Any], old: dict[str, Any], name: str) -> str:
    """The comparison for the console; `name` is the old file's."""
    rows = [
        [case, *(f"{found[contender]:.2f}" if contender in found else "–" for contender in SHOWN)]
        for case, found in changes(new, old).items()
    ]
    head = f"rates now over those of {name} (commit {str(old['commit'])[:10]})"
    body = columns(["", *(contender.replace("_", " ") for contender in SHOWN)], rows) if rows else "  no case in common"
    unlike = differences(new, old)
    note = "\nnot measured alike:\n" + "\n".join(f"  {line}" for line in unlike) if unlike else ""
    return f"{head}\n{body}{note}"


def _cases(content: dict[str, Any]) -> dict[str, Any]:
    return (content.get("training") or {}).get("cases", {})


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found
