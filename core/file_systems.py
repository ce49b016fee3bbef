"""Which file systems are shared with other machines: SQLite's write-ahead log does not work there."""

_NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "smbnetfs", "afpfs", "ncpfs", "ncp"),
        *("afs", "openafs", "auristorfs", "coda", "lustre", "lustre_lite", "gpfs", "mmfs", "beegfs", "fhgfs", "ceph"),
        *("ceph-fuse", "glusterfs", "ocfs2", "gfs", "gfs2", "orangefs", "pvfs2", "panfs", "wekafs", "moosefs", "mfs"),
        *("lizardfs", "saunafs", "quobyte", "juicefs", "seaweedfs", "xtreemfs", "daos", "dfuse", "cvmfs2", "ipfs"),
        # Folders of the host of a virtual machine or a container.
        *("9p", "virtiofs", "vboxsf", "vmhgfs", "vmhgfs-fuse", "prl_fs", "prl_fsd", "drvfs", "hgfs"),
        *("fakeowner", "osxfs", "grpcfuse"),
        *("sshfs", "rclone", "davfs", "davfs2", "webdav", "webdavfs", "ftpfs", "curlftpfs", "gvfsd-fuse", "kio-fuse"),
        *("s3fs", "s3ql", "goofys", "gcsfuse", "blobfuse", "blobfuse2", "mount-s3", "mountpoint-s3", "tigrisfs"),
        *("google-drive-ocamlfuse", "onedriver", "hdfs", "hadoop-fuse-dfs"),
    }
)
# File systems in a process of the user, on top of local ones. Others may be anything, so they count as shared.
_LOCAL_FUSE = frozenset(
    {
        *("fuseblk", "bindfs", "mergerfs", "gocryptfs", "encfs", "cryfs", "securefs", "fuse-overlayfs", "overlayfs"),
        *("ntfs-3g", "exfat", "exfat-fuse", "ext2", "fuse2fs", "apfs", "zfs", "lxcfs", "portal", "squashfuse"),
        *("snapfuse", "unionfs", "unionfs-fuse", "mhddfs", "ecryptfs", "lklfuse", "veracrypt", "archivemount"),
    }
)
_FUSE = ("fuse", "macfuse", "osxfuse", "fuse-t")


def is_shared(kind: str) -> bool:
    """Return whether a file system of that type, as the system calls it, is shared with other machines, or may be."""
    family, _, name = kind.lower().rpartition(".")
    if name in _NETWORK:
        return True
    in_user_space = family in _FUSE or name in _FUSE
    return in_user_space and name not in _LOCAL_FUSE
