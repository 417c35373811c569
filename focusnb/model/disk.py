"""What kind of disk a folder lies on, whether a project can be made there, links and copies."""

import hashlib
import os
import shutil
from pathlib import Path

from focusnb.errors import BadProject, BrokenFile

NETWORK = frozenset(
    "nfs nfs4 cifs smbfs smb2 smb3 lustre beegfs gpfs afs ceph glusterfs fuse.sshfs webdav afpfs".split()
)
CHUNK = 1 << 22


def check_place(root: str | Path) -> Path:
    """Give the whole path of a folder that can become a project; raises BadProject."""
    place = Path(os.path.abspath(Path(root).expanduser()))  # noqa: PTH100 - links stay links
    try:
        if (place / "project.toml").exists():
            raise BadProject(f"{place} is a project already; open it, or choose another folder")
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise BadProject(f"{place} is not empty; a new project needs a folder of its own")
        above = next(folder for folder in place.parents if folder.exists())
    except OSError as error:
        raise BadProject(f"{place} cannot be used: {error.strerror or error}") from None
    if not above.is_dir():
        raise BadProject(f"{above} is a file, no folder; choose another place")
    if not os.access(above, os.W_OK):
        raise BadProject(f"nothing can be written in {above}; choose another place")
    return place


def is_network(folder: Path) -> bool:
    """Tell whether a folder lies on a network file system, where SQLite's WAL does not work."""
    mounts = Path("/proc/self/mounts")
    if mounts.is_file():
        table = [line.split(" ")[1:3] for line in mounts.read_text(errors="replace").splitlines()]
    else:
        import psutil

        table = [[p.mountpoint, p.fstype] for p in psutil.disk_partitions(all=True)]
    place = str(folder.resolve())
    inside = [
        (len(m), kind) for m, kind in table if place == m or place.startswith(m.rstrip("/") + "/")
    ]
    return bool(inside) and max(inside)[1] in NETWORK


def digest(path: Path) -> str:
    """Give the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_verified(source: Path, target: Path) -> str:
    """Copy a file and give its digest; raises BrokenFile when the copy is not what the source is.

    The copy has its final name only when it is complete. Both are read back: a source that changes
    while it is copied is noticed too.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        wanted, found = digest(source), digest(part)
        if wanted != found:
            raise BrokenFile(
                f"{source.name} changed while it was copied; it is tried again when it has settled"
            )
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return found
