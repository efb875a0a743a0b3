"""Ask the advisories whether a library that normlab was tested with has a known vulnerability.

    python scripts/audit.py [constraints.txt]

Runs pip-audit (extra: audit) on the versions in the file. Exit code 0: every one was looked up, and none is vulnerable;
1: some are, and are listed; 2: some or all could not be looked up, which says nothing of them.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 900.0
INSTALL = "pip install -e '.[audit]' -c constraints.txt"


class NotAudited(Exception):
    """Nothing can be said of any library; the message says why."""


@dataclass(frozen=True)
class Audit:
    """What came of it."""

    sound: tuple[str, ...]
    vulnerable: tuple[str, ...]  # a line for each advisory
    unknown: tuple[str, ...]  # could not be looked up

    @property
    def code(self) -> int:
        """Of the process."""
        if self.vulnerable:
            return 1
        return 2 if self.unknown or not self.sound else 0


def main(arguments: list[str]) -> int:
    """Print what was found; returns the exit code."""
    if set(arguments) & {"-h", "--help"}:
        print(__doc__)
        return 0
    if len(arguments) > 1:
        print(f"error: {len(arguments)} files are named; name one, such as constraints.txt", file=sys.stderr)
        return 2
    path = Path(arguments[0]) if arguments else ROOT / "constraints.txt"
    try:
        found = read(_run(path))
    except NotAudited as error:
        print(f"error: NOTHING was audited: {error}", file=sys.stderr)
        return 2
    print("\n".join(report(found)), file=sys.stderr if found.code else sys.stdout)
    return found.code


def report(found: Audit) -> list[str]:
    """The lines that say it."""
    looked_up = len(found.sound) + len(dict.fromkeys(line.split()[0] for line in found.vulnerable))
    total = looked_up + len(found.unknown)
    if not looked_up:
        why = f"the advisory service knows none of the {total} libraries, or cannot be reached"
        return [f"error: NOTHING was audited: {why}"]
    lines = list(found.vulnerable)
    if found.unknown:
        lines.append(f"error: {len(found.unknown)} of {total} libraries were NOT audited: {', '.join(found.unknown)}")
    lines.append(f"{looked_up} libraries audited, {len(found.vulnerable)} known vulnerabilities")
    return lines


def read(text: str) -> Audit:
    """What pip-audit says, in JSON.

    Raises:
        NotAudited: when it says nothing.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(text)["dependencies"]
        unknown = tuple(one["name"] for one in entries if "skip_reason" in one)
        known = [one for one in entries if "skip_reason" not in one]
        vulnerable = tuple(
            f"{one['name']} {one['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'no version'}"
            for one in known
            for each in one["vulns"]
        )
        return Audit(tuple(one["name"] for one in known if not one["vulns"]), vulnerable, unknown)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAudited(f"pip-audit's answer is not understood ({type(error).__name__})") from None


def _run(path: Path) -> str:
    """The answer of pip-audit. Its exit code says little: it is 0 too where no library was looked up."""
    if not path.is_file():
        raise NotAudited(f"{path} is no file: name one with lines such as numpy==2.4.0")
    program = which("pip-audit") or which(Path(sys.executable).with_name("pip-audit"))
    if program is None:
        raise NotAudited(f"pip-audit is not installed: {INSTALL}")
    words = [program, "--requirement", str(path), "--no-deps", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            [*words, "--progress-spinner", "off"], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAudited(f"pip-audit did not end well ({error})") from None
    if not done.stdout.strip():
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise NotAudited(f"the advisory service does not answer ({lines[-1].strip()[:300]})")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
