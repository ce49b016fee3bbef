"""Examples of machines. The Macs are taken from Apple's documentation, not recorded."""

from dataclasses import replace

from core.hardware.detection import HardwareInfo

M1 = HardwareInfo(
    system="Darwin",
    architecture="arm64",
    cpu="Apple M1",
    flags=frozenset({"arm.feat_dotprod", "neon"}),
    cores=8,
    affinity=8,
    quota=None,
    memory_bytes=8 * 2**30,
    memory_limit_bytes=None,
    rosetta=False,
    macos="13.6.1",
    metal=True,
    providers=("CoreMLExecutionProvider", "CPUExecutionProvider"),
    coremltools="9.0",
    onnxruntime="1.32.0",
)
M4 = replace(M1, cpu="Apple M4", flags=M1.flags | {"arm.feat_i8mm"}, cores=10, affinity=10, macos="15.1")
ROSETTA = replace(M4, architecture="x86_64", rosetta=True, flags=frozenset(), providers=("CPUExecutionProvider",))
INTEL_MAC = replace(
    M1,
    architecture="x86_64",
    cpu="Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
    flags=frozenset({"avx2_0"}),
    cores=12,
    affinity=12,
    macos="14.5",
    providers=("CPUExecutionProvider",),
)
SERVER = HardwareInfo(
    system="Linux",
    architecture="x86_64",
    cpu="AMD EPYC 9R14",
    flags=frozenset({"avx2", "avx512f", "avx512_vnni"}),
    cores=2,
    affinity=2,
    quota=None,
    memory_bytes=16 * 10**9,
    memory_limit_bytes=None,
    rosetta=False,
    macos=None,
    metal=False,
    providers=("CPUExecutionProvider",),
    coremltools="9.0",
    onnxruntime="1.32.0",
)
CONTAINER = replace(SERVER, cores=64, affinity=64, quota=0.5, memory_limit_bytes=512 * 10**6)
RASPBERRY = replace(
    SERVER,
    architecture="aarch64",
    cpu="Raspberry Pi 5 Model B Rev 1.0",
    flags=frozenset({"asimd", "asimddp"}),
    cores=4,
    affinity=4,
    memory_bytes=8 * 10**9,
    coremltools=None,
)
MACHINES = {
    "M1 on macOS 13": M1,
    "M4 on macOS 15": M4,
    "Rosetta": ROSETTA,
    "Intel Mac": INTEL_MAC,
    "server": SERVER,
    "container": CONTAINER,
    "Raspberry Pi 5": RASPBERRY,
}
