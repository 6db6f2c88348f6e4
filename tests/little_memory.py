"""The training process with an address space in which small networks train and large ones do not.

``little_memory.py MEGABYTES`` says how much there is beyond what TensorFlow has taken when it is imported.
"""

import resource
import sys
from pathlib import Path

from core.training import __main__ as trainer

if __name__ == "__main__":
    status = Path("/proc/self/status").read_text()
    (taken,) = (int(x.split()[1]) for x in status.splitlines() if x.startswith("VmSize:"))  # kB
    room = 1024 * taken + int(sys.argv[1]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    trainer.main()
