"""kill -9 at any moment: what was acknowledged is there, nothing is half there."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.archive.samples import WHY, make_finding, make_series, make_stack, make_study
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.finding import Decision, Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import StudyState

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = 20

# Decides, edits and takes back until it is killed; says so after each commit.
_CHILD = """
import random, sys
from pathlib import Path
import numpy as np
from tests.archive.samples import READER, make_grid
from workstation.archive.store import Archive
from workstation.domain.finding import Finding, FindingState
from workstation.reading import review

sys.stdin.readline()
archive = Archive(Path(sys.argv[1]))
chosen = random.Random(int(sys.argv[2]))
findings = [f.id for f in archive.all(Finding, "1.2.3")]
while True:
    id = chosen.choice(findings)
    state = archive.get(Finding, id).state
    if state is FindingState.PROPOSED:
        finding = chosen.choice([review.accept, review.reject])(archive, READER, id)
    elif state is FindingState.EDITED or chosen.random() < 0.5:
        finding = review.reopen(archive, READER, id)
    else:
        array = np.zeros(make_grid().shape, dtype=np.bool_)
        array[chosen.randrange(6), :, chosen.randrange(9) :] = True
        finding = review.edit(archive, READER, id, array)
    print(id, finding.state.value, finding.mask_id or "-", flush=True)
"""


def _start(home: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(home), str(seed)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half(home: Path) -> None:
    archive = Archive(home)
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        writer.add_instances(make_study(), make_series(), [])
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        for n in range(3):
            # The child edits from a point: there is no mask yet, so it needs a stack's grid.
            writer.put(make_finding(id=f"f{n}", stack_id="s1"))
        writer.put(replace(make_stack(), id="s1"))
    archive.close()

    chosen = random.Random(17)
    acknowledged = 0
    child = _start(home, 0)
    for kill in range(1, KILLS + 1):
        following = _start(home, kill)  # imports while this one works
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        lines = [child.stdout.readline() for _ in range(chosen.randrange(1, 5))]
        time.sleep(chosen.uniform(0.0, 0.04))
        child.kill()
        rest, _ = child.communicate()
        lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        told_by_child = [line.split() for line in lines]
        child = following
        acknowledged += len(told_by_child)
        archive = Archive(home)
        report = verify(archive)
        assert report.ok, report.first_bad
        decisions = archive.all(Decision, "1.2.3")
        assert len(decisions) >= acknowledged
        acknowledged = len(decisions)
        for id in {line[0] for line in told_by_child}:
            _, state, mask = [line for line in told_by_child if line[0] == id][-1]
            versions = archive.history(Finding, id)
            # The last acknowledged version is there; at most one later one was not yet said.
            told = [(f.state.value, f.mask_id or "-") for f in versions[-2:]]
            assert (state, mask) in told
        for id in ("f0", "f1", "f2"):
            finding = archive.get(Finding, id)
            acts = [d for d in decisions if d.finding_id == id]
            # Whole: as many decisions as versions beyond the first, the last one in agreement.
            assert len(archive.history(Finding, id)) == len(acts) + 1
            assert (acts[-1].after if acts else FindingState.PROPOSED) is finding.state
            if finding.mask_id:
                assert acts[-1].mask_after == finding.mask_id
                voxels = archive.load_mask(finding.mask_id)
                assert voxels.sum() == archive.get(MaskInfo, finding.mask_id).voxel_count
        undecided = any(f.state is FindingState.PROPOSED for f in archive.all(Finding))
        if decisions:
            wanted = StudyState.IN_REVIEW if undecided else StudyState.READY
            assert archive.study("1.2.3").state is wanted
        archive.close()
    child.kill()
    child.communicate()
    assert acknowledged > KILLS, "the child got work done before it was killed"
