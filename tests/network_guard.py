"""A filter of the kernel that kills a process when it opens a socket of another kind than AF_UNIX.

A look-up of a name opens one, too. Children inherit the filter, and no library can avoid it.
"""

import ctypes
import platform
import signal
import socket
import struct
import sys

# Per architecture: the number of socket(2), and AUDIT_ARCH of linux/audit.h.
_CALLS = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
# Offsets in `struct seccomp_data`, and instructions of linux/bpf_common.h.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06

KILLED = -signal.SIGSYS
"""The return code of a process that opened a socket."""


def is_available() -> bool:
    """Return whether this system has the filter."""
    return sys.platform == "linux" and platform.machine() in _CALLS


def forbid_network() -> None:
    """Install the filter in this process: the `preexec_fn` of a process that must not use the network."""
    number, architecture = _CALLS[platform.machine()]
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_JUMP_IF_EQUAL, 0, 4, architecture),
            (_LOAD, 0, 0, _NUMBER),
            (_JUMP_IF_EQUAL, 0, 2, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_JUMP_IF_EQUAL, 0, 1, socket.AF_UNIX),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _KILL_PROCESS),
        )
    )
    instructions = ctypes.create_string_buffer(program)
    length_and_address = struct.pack("HL", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, length_and_address):
        raise OSError(ctypes.get_errno(), "cannot install the filter")
