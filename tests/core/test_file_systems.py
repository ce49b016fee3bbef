"""Which file systems count as shared with other machines, and on which one a folder is."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from core.file_systems import is_shared
from core.workspace import network_file_system

SHARED = (
    "nfs nfs4 cifs smb3 smbfs afs lustre gpfs beegfs ceph fuse.ceph-fuse fuse.glusterfs glusterfs ocfs2 gfs2 orangefs 9p "
    "virtiofs vboxsf fuse.vmhgfs-fuse prl_fs fuse.rclone rclone fuse.sshfs macfuse.sshfs davfs fuse.davfs2 webdav afpfs "
    "fuse.s3fs fuse.gcsfuse fuse.grpcfuse fuse.mfs fuse.juicefs fuse.whatever fuse macfuse NFS CIFS"
)
LOCAL = (
    "ext4 ext3 xfs btrfs zfs f2fs overlay tmpfs ramfs apfs hfs vfat exfat ntfs ntfs3 fuseblk fuse.bindfs fuse.mergerfs "
    "fuse.gocryptfs fuse.fuse-overlayfs ecryptfs squashfs bcachefs autofs devtmpfs"
)


@pytest.mark.parametrize("kind", SHARED.split())
def test_a_file_system_that_machines_share_or_may_share_counts_as_shared(kind: str) -> None:
    assert is_shared(kind)


@pytest.mark.parametrize("kind", LOCAL.split())
def test_a_file_system_of_this_machine_alone_does_not_count_as_shared(kind: str) -> None:
    assert not is_shared(kind)


ROOT = ("/", "ext4")


@pytest.mark.parametrize(
    ("mounts", "path", "kind"),
    [
        ([ROOT, ("/home", "nfs4")], "/home/ada/ttsdash", "nfs4"),
        ([ROOT, ("/home/ada", "autofs"), ("/home/ada", "nfs4")], "/home/ada/ttsdash", "nfs4"),
        ([("/home/ada", "autofs"), ("/home/ada", "nfs4"), ROOT], "/home/ada/ttsdash", "nfs4"),
        ([ROOT, ("/home", "autofs"), ("/home/ada", "nfs4")], "/home/ada", "nfs4"),
        ([ROOT, ("/home", "nfs4"), ("/home", "ext4")], "/home/ada", None),
        ([ROOT, ("/home", "nfs4"), ("/home/ada/scratch", "xfs")], "/home/ada/scratch/w", None),
        ([ROOT, ("/home", "nfs4")], "/homes/ada", None),
        ([("/", "virtiofs")], "/home/ada", "virtiofs"),
        ([], "/home/ada", None),
    ],
    ids=[
        *("below", "automounted", "in another order", "automounted below", "hidden by a local one"),
        *("local below", "only alike", "root", "unknown"),
    ],
)
def test_the_file_system_of_a_folder_is_the_topmost_of_the_nearest_mount_point(
    mounts: list[tuple[str, str]], path: str, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [SimpleNamespace(mountpoint=mountpoint, fstype=fstype) for mountpoint, fstype in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: found)
    assert network_file_system(Path(path)) == kind


def test_a_link_is_followed_to_the_file_system_that_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "near").symlink_to(far)
    found = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(far), fstype="cifs")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: found)
    assert network_file_system(tmp_path / "near" / "workspace") == "cifs"
