"""System calls that a job has no use for and the kernel has had holes in: a filter for seccomp, as bytes of BPF.

What is named here fails with EPERM, all else is allowed: a net below the namespaces, not instead of them. Numbers are
those of the kernel (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h), the program and
the offsets in `struct seccomp_data` as in https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

from __future__ import annotations

import errno
import platform
import struct
from typing import Final

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCH, _SECOND_ARGUMENT = 0, 4, 24
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_X32: Final = 0x40000000
_TYPING: Final = (0x5412, 0x541C)
"""ioctl TIOCSTI and TIOCLINUX: words put into a terminal as if somebody had typed them."""


REFUSED: Final[dict[str, tuple[int, int | None]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "lookup_dcookie": (212, 18),
    "iopl": (172, None),
    "ioperm": (173, None),
}
"""Name -> its number on x86-64 and on arm64."""
_MACHINES: Final = {"x86_64": (0xC000003E, 16), "aarch64": (0xC00000B7, 29)}
"""AUDIT_ARCH_* of linux/audit.h, and ioctl's number."""


def program(machine: str = platform.machine()) -> bytes | None:
    """An array of `struct sock_filter`; None for a machine whose numbers are not known here."""
    if machine not in _MACHINES:
        return None
    architecture, ioctl = _MACHINES[machine]
    refused = [pair[machine == "aarch64"] for pair in REFUSED.values()]
    limit = [(_AT_LEAST, _X32, "refuse", None)] if machine == "x86_64" else []
    lines: list[tuple[int, int, str | None, str | None]] = [
        (_LOAD, _ARCH, None, None),
        (_EQUAL, architecture, None, "kill"),  # 32-bit programs have other numbers
        (_LOAD, _NUMBER, None, None),
        *limit,
        *((_EQUAL, number, "refuse", None) for number in refused if number is not None),
        (_EQUAL, ioctl, None, "allow"),
        (_LOAD, _SECOND_ARGUMENT, None, None),
        *((_EQUAL, request, "refuse", None) for request in _TYPING),
    ]
    ends = {"allow": _ALLOW, "refuse": _REFUSE | errno.EPERM, "kill": _KILL}
    place = {name: len(lines) + at for at, name in enumerate(ends)}

    def jump(at: int, to: str | None) -> int:
        return place[to] - at - 1 if to else 0

    code = [struct.pack("HBBI", op, jump(at, yes), jump(at, no), k) for at, (op, k, yes, no) in enumerate(lines)]
    return b"".join(code + [struct.pack("HBBI", _RETURN, 0, 0, value) for value in ends.values()])
