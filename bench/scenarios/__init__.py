"""Everything that can be measured, by name, in the order of the report."""

from __future__ import annotations

from bench.model import Scenario
from bench.scenarios.drive import Folder, Search
from bench.scenarios.long_output import LongOutput
from bench.scenarios.machines import Claim, ColdStart, Reset, TenAtOnce
from bench.scenarios.memory import IdleMemory, SecondKernel
from bench.scenarios.mount import Mount
from bench.scenarios.neighbours import Neighbours
from bench.scenarios.open_notebook import OpenNotebook, PageWeight
from bench.scenarios.run_cell import RunCell
from bench.scenarios.sign_in import SignIn
from bench.scenarios.typing_together import TypingTogether

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        SignIn(), OpenNotebook(), RunCell(), PageWeight(), LongOutput(), TypingTogether(),
        ColdStart(), Claim(), TenAtOnce(), Reset(), IdleMemory(), SecondKernel(), Neighbours(),
        Search(), Folder(), Mount(),
    )
}  # fmt: skip
