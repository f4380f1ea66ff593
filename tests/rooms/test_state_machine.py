"""For every operation: snapshot + events since = fetched state; and no state that makes no sense."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from labora.base.errors import LaboraError
from labora.rooms import operations as op
from labora.rooms.decide import decide
from labora.rooms.model import FINISHED, Snapshot, empty_ledger, empty_state
from labora.rooms.state import apply_entry, comment_event, dump_entry, dump_snapshot, load_entry, load_snapshot
from labora.rooms.turn import Decision

ACCOUNTS = [{"id": "ada", "name": "Ada"}, {"id": "bob", "name": "Bob"}]
CELLS = ["c0", "c1", "c2"]
accounts = st.sampled_from(ACCOUNTS)
cells = st.sampled_from(CELLS)


class RoomMachine(RuleBasedStateMachine):
    """One room under every operation, with a client that knows only the snapshot and the events."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshot = Snapshot(empty_state(), empty_ledger())
        self.client = self.snapshot
        self.started: list[str] = []
        self.made = self.clock = 0

    def perform(self, operation: op.Operation) -> None:
        self.clock += 1
        before = json.dumps(dump_snapshot(self.snapshot))
        turn = Decision(self.snapshot, f"{self.clock:024d}")
        try:
            decide(turn, operation)
        except LaboraError:
            return
        assert json.dumps(dump_snapshot(self.snapshot)) == before, "a snapshot was changed in place"
        self.snapshot = turn.snapshot
        self.client = apply_entry(self.client, load_entry(dump_entry(turn.events, turn.notes)))
        self.started += [effect.execution_id for effect in turn.effects if isinstance(effect, op.StartExecution)]

    def running(self, account: dict[str, str]) -> list[str]:
        executions = self.snapshot.state["executions"].values()
        return [e["id"] for e in executions if e["account"] == account and e["status"] == "running"]

    @rule(account=accounts, chosen=st.lists(cells, max_size=4, unique=True), stop=st.booleans())
    def execute(self, account: Any, chosen: list[str], stop: bool) -> None:
        codes = []
        for cell_id in chosen:
            self.made += 1
            codes.append(op.CellCode(cell_id, f"code {self.made}", "0" * 64, f"e{self.made}"))
        self.perform(op.Execute(account, tuple(codes), f"batch{self.made}", stop))

    @rule(account=accounts, chosen=st.lists(cells, max_size=2))
    def cancel(self, account: Any, chosen: list[str]) -> None:
        self.perform(op.Cancel(account["id"], (), tuple(chosen)))

    @rule(account=accounts, verb=st.sampled_from([op.Interrupt, op.Restart, op.Disconnect]))
    def steer(self, account: Any, verb: Any) -> None:
        self.perform(verb(account["id"]))

    @rule(account=accounts)
    def connect(self, account: Any) -> None:
        self.perform(op.Connect(account))

    @rule(account=accounts, label=st.sampled_from(["Starting", "Almost"]))
    def progress(self, account: Any, label: str) -> None:
        self.perform(op.RuntimeProgress(account["id"], {"label": label, "fraction": None}))

    @rule(account=accounts, runtime_id=st.sampled_from(["r1", "r2"]))
    def ready(self, account: Any, runtime_id: str) -> None:
        record = {"kernel_id": "k", "runtime_id": runtime_id, "n": 0, "life": 1}
        self.perform(op.KernelReady(account, record, None, "b"))  # type: ignore[arg-type]

    @precondition(lambda self: self.started)
    @rule(
        data=st.data(), status=st.sampled_from(["ok", "error", "aborted", "lost"]), count=st.none() | st.integers(1, 9)
    )
    def finish(self, data: Any, status: Any, count: int | None) -> None:
        self.perform(op.ExecutionFinished(data.draw(st.sampled_from(self.started)), status, count))

    @rule(account=accounts, kind=st.sampled_from(["died", "ended"]))
    def end(self, account: Any, kind: str) -> None:
        if kind == "died":
            self.perform(op.KernelDied(account["id"], "It died."))
        else:
            self.perform(op.RuntimeEnded(account["id"], "idle", "It was idle."))

    @precondition(lambda self: self.started)
    @rule(data=st.data(), asked=st.booleans())
    def ask(self, data: Any, asked: bool) -> None:
        key = data.draw(st.sampled_from(self.started))
        account_id = self.snapshot.state["executions"].get(key, {"account": {"id": "ada"}})["account"]["id"]
        request: Any = {"request_id": "q", "prompt": "?", "password": False, "account_id": account_id}
        self.perform(op.RequestInput(key, request if asked else None))
        self.perform(op.AnswerInput(account_id, key, "q", "yes"))

    @rule(account=accounts, text=st.text(max_size=5))
    def outputs(self, account: Any, text: str) -> None:
        for key in self.running(account):
            cell_id = self.snapshot.state["executions"][key]["cell_id"]
            cell = self.snapshot.state["cells"][cell_id]
            if cell["execution_id"] == key:
                stream = {"id": key, "output_type": "stream", "name": "stdout", "parts": [], "text": text}
                splice = {"op": "splice", "at": len(cell["outputs"]), "remove": 0, "insert": [stream]}
                more = {"op": "text", "at": len(cell["outputs"]), "keep": 0, "text": text}
                event = {"type": "outputs", "cell_id": cell_id, "ops": [splice, more]}
                self.perform(op.Record(events=(event,)))

    @rule(chosen=st.lists(cells, max_size=3))
    def clear(self, chosen: list[str]) -> None:
        self.perform(op.ClearOutputs(tuple(chosen)))

    @rule(data=st.data(), cell=cells)
    def remove_outputs(self, data: Any, cell: str) -> None:
        outputs = self.snapshot.state["cells"].get(cell, {"outputs": []})["outputs"]
        chosen = data.draw(st.lists(st.sampled_from([one["id"] for one in outputs] or ["gone"])))
        self.perform(op.ClearOutputs((cell,), outputs=tuple(chosen)))

    @rule(source=cells, copied_to=cells)
    def copy(self, source: str, copied_to: str) -> None:
        self.perform(op.CopyOutputs(source, copied_to))

    @rule(
        comment=st.sampled_from(["t1", "t2"]),
        replies=st.lists(st.sampled_from(["r1", "r2"]), unique=True),
        n=st.integers(0, 2),
    )
    def comment(self, comment: str, replies: list[str], n: int) -> None:
        told: Any = {"id": comment, "content": n, "replies": [{"id": reply, "content": n} for reply in replies]}
        event = comment_event(self.snapshot.state, comment, told if n else None)
        if event is not None:
            self.perform(op.Record(events=(event,)))

    @rule()
    def save(self) -> None:
        self.perform(op.MarkSaved({"seq": self.clock, "revision_id": "v", "at": "t"}))

    @rule()
    def restart_the_process(self) -> None:
        self.snapshot = load_snapshot(json.loads(json.dumps(dump_snapshot(self.snapshot))))
        self.perform(op.Wake())

    @invariant()
    def the_client_knows_what_the_server_has(self) -> None:
        assert self.client == self.snapshot

    @invariant()
    def the_state_makes_sense(self) -> None:
        state, sources = self.snapshot.state, self.snapshot.ledger["sources"]
        executions = state["executions"]
        assert [key for key in executions if executions[key]["status"] == "queued"] == sorted(
            state["queue"], key=list(executions).index
        )
        assert set(sources) == {key for key, e in executions.items() if e["status"] not in FINISHED}
        assert all(executions[key]["status"] == "running" for key in state["inputs"])
        assert len(set(self.started)) == len(self.started), "an execution was started twice"
        for account in ACCOUNTS:
            running = self.running(account)
            assert len(running) <= 1
            waits = any(executions[key]["account"] == account for key in state["queue"])
            runtime = state["runtimes"].get(account["id"])
            if waits and not running:
                # Whatever waits has something to wait for.
                assert runtime is not None
                assert runtime["status"] == "starting" or runtime["kernel"] in ("starting", "restarting")


TestRoomMachine = RoomMachine.TestCase
TestRoomMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
