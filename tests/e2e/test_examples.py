"""Each manifest under examples/, as a user meets it."""

import glob
import os

from harness import cases
import kube

EXAMPLES = {os.path.basename(p)[:-5].replace("-", "_"): p
            for p in sorted(glob.glob(os.path.join(kube.ROOT, "examples", "*.yaml")))}


@cases(**EXAMPLES)
def becomes_ready(case, path):
    case.kubectl("apply", "-f", path)
    for group in case.list("RoleBasedGroup"):
        case.wait_ready(group["metadata"]["name"])
