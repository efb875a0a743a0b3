"""Reading files out of tar archives in memory: nothing is unpacked, so that nothing can be written elsewhere."""

import lzma
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

MAX_MEMBER_BYTES = 2**29  # the largest real one, a CIFAR-100 training file, is 155 MB
MAX_NAME_BYTES = 2**16  # of a header that only tells a long name
MAX_BYTES = 2**31  # of all members together
MEMBERS = 10_000


class _Member(tarfile.TarInfo):
    """A member that is refused by its header, before anything that the header promises is read."""

    @classmethod
    def frombuf(cls, *arguments: Any, **named: Any) -> "_Member":
        member = super().frombuf(*arguments, **named)
        told = member.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if member.size > (MAX_NAME_BYTES if told else MAX_MEMBER_BYTES) or member.size < 0:
            raise ValueError(f"it holds {member.name} of {member.size} bytes: too large, refused")
        return member


def read_members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """The contents of the regular files `names` (paths inside the archive) of a tar file, compressed or not.

    Raises ValueError for an archive that cannot be read or lacks one of them, and for one that holds links, devices,
    paths that lead outside, or more than could be read: such an archive is not what it claims to be, even where the
    wanted files are.
    """
    found: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, tarinfo=_Member) as archive:
            for number, member in enumerate(archive):
                total += member.size
                if total > MAX_BYTES or number >= MEMBERS:
                    raise ValueError(f"{path.name} holds more than {MAX_BYTES} bytes or {MEMBERS} files: refused")
                inner = PurePosixPath(member.name)
                if inner.is_absolute() or ".." in inner.parts:
                    raise ValueError(f"{path.name} holds a path that leads outside, {member.name}: it is refused")
                if not (member.isfile() or member.isdir()):
                    raise ValueError(f"{path.name} holds a link or device, {member.name}: it is refused")
                if str(inner) not in names or not member.isfile():
                    continue
                if member.size > MAX_MEMBER_BYTES:
                    raise ValueError(f"{path.name} holds {member.name} of {member.size} bytes: too large, refused")
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                found[str(inner)] = content.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path.name} is not a whole tar archive ({error})") from error
    missing = sorted(set(names) - set(found))
    if missing:
        raise ValueError(f"{path.name} lacks {', '.join(missing)}")
    return found


def read_folder(folder: Path, names: Collection[str]) -> dict[str, bytes]:
    """The contents of the files `names` of a folder; raises ValueError naming the missing ones."""
    missing = sorted(name for name in names if not (folder / name).is_file())
    if missing:
        raise ValueError(f"{folder} lacks {', '.join(missing)}")
    return {name: (folder / name).read_bytes() for name in names}
