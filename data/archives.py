"""Reading files out of tar archives in memory: nothing is unpacked, so that nothing can be written elsewhere."""

import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

MAX_MEMBER_BYTES = 2**29  # the largest real one, a CIFAR-100 training file, is 155 MB


def read_members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """The contents of the regular files `names` (paths inside the archive) of a tar file, compressed or not.

    Raises ValueError for an archive that cannot be read or lacks one of them, and for one that holds links, devices,
    or paths that lead outside: such an archive is not what it claims to be, even where the wanted files are.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
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
    except (tarfile.TarError, EOFError, OSError) as error:  # zlib's and gzip's errors among them
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
