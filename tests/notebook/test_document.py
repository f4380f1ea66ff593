"""The live document: edits, staging, convergence."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text

from labora.base.errors import ForbiddenError, InvalidError, LaboraError, NotFoundError, TooLargeError
from labora.base.settings import LimitSettings
from labora.notebook.document import NotebookDocument
from labora.notebook.model import Cell, Notebook, new_notebook
from labora.notebook.positions import POSITION, position_between, spread
from labora.notebook.updates import read_state_vector, read_update

LIMITS = LimitSettings()


def document(*sources: str) -> NotebookDocument:
    cells = [Cell(id=f"c{number}", kind="code", source=source) for number, source in enumerate(sources)]
    return NotebookDocument.from_notebook(new_notebook(cells))


class Client:
    """Somebody else's copy, written to without rules."""

    def __init__(self, server: NotebookDocument) -> None:
        self.doc: Doc[Any] = Doc()
        for root in ("cells", "metadata", "extra"):
            self.doc[root] = Map()
        self.doc.apply_update(server.encode_state())
        self.cells: Any = self.doc["cells"]

    def update(self, change: Any) -> bytes:
        before = self.doc.get_state()
        with self.doc.transaction():
            change(self)
        return self.doc.get_update(before)


def accept(server: NotebookDocument, update: bytes) -> None:
    server.apply(server.stage(update, LIMITS, can_edit=True).update, "client")


def new_cell(**changes: Any) -> Map[Any]:
    cell = {"source": Text("new"), "kind": "code", "position": "V1", "metadata": Map(), "extra": Map(), **changes}
    return Map({key: value for key, value in cell.items() if value is not None})


# -- server edits --------------------------------------------------------------------------------------------------


def test_edits_come_out_in_order_and_as_updates() -> None:
    server = document("a", "b")
    mirror = NotebookDocument.from_update(server.encode_state())
    updates = [
        server.insert_cell(Cell(id="x", kind="markdown", source="# hi", metadata={"n": 1}), after="c0"),
        server.set_source("c1", "b = 1\n"),
        server.move_cell("c1", after=None),
        server.set_metadata({"k": [1, 1.0, None], "big": 2**70}, cell_id="x"),
        server.set_metadata({"title": "T"}),
        server.delete_cell("c0"),
    ]
    for update in updates:
        mirror.apply(update, "test")
    for one in (server, mirror):
        views = [(view.id, view.source, view.deleted) for view in one.cells()]
        assert views == [("c1", "b = 1\n", False), ("c0", "a", True), ("x", "# hi", False)]
        assert json.dumps(one.cell("x").metadata, sort_keys=True) == json.dumps(
            {"big": 2**70, "k": [1, 1.0, None], "n": 1}, sort_keys=True
        )
        assert [cell.id for cell in one.to_notebook().cells] == ["c1", "x"]
    assert server.metadata()["title"] == "T"
    server.delete_cell("c0", deleted=False)
    assert [cell.id for cell in server.to_notebook().cells] == ["c1", "c0", "x"]


def test_purging_takes_only_deleted_cells() -> None:
    server = document("a", "b")
    server.delete_cell("c0")
    server.purge_cells(["c0", "c1", "none"])
    assert [view.id for view in server.cells()] == ["c1"]


def test_unknown_cells_are_named() -> None:
    server = document("a")
    for edit in (server.source, server.cell, server.delete_cell, lambda cell: server.set_source(cell, "")):
        with pytest.raises(NotFoundError):
            edit("none")
    with pytest.raises(NotFoundError):
        server.move_cell("c0", after="none")
    with pytest.raises(InvalidError):
        server.insert_cell(Cell(id="c0", kind="code", source=""))


emoji_text = st.text(st.sampled_from("aé漢😀👩🏽\n "), max_size=12)


@given(emoji_text, emoji_text, emoji_text)
@settings(max_examples=300, deadline=None)
def test_sources_with_emoji_are_edited_at_the_right_place(first: str, second: str, third: str) -> None:
    server = document(first)
    mirror = NotebookDocument.from_update(server.encode_state())
    for source in (second, third):
        mirror.apply(server.set_source("c0", source), "test")
        assert server.source("c0") == mirror.source("c0") == source


def test_the_smallest_edit_leaves_concurrent_typing_alone() -> None:
    server = document("one\ntwo 😀\nthree\n")
    client = Client(server)
    typed = client.update(lambda c: c.cells["c0"]["source"].insert(3, " and"))
    server.set_source("c0", "one\ntwo 😀!\nthree\nfour\n")
    accept(server, typed)
    assert server.source("c0") == "one and\ntwo 😀!\nthree\nfour\n"


def test_updates_count_text_in_utf_16_as_yjs_does() -> None:
    server = document("")
    before = server.state_vector()
    server.set_source("c0", "a😀b")
    [(start, end)] = read_update(server.diff(before), max_structs=10).sections.values()
    assert end - start == 4


# -- staging -------------------------------------------------------------------------------------------------------


def test_a_refused_update_leaves_no_trace() -> None:
    server = document("a")
    state = server.encode_state()
    client = Client(server)
    for change in BAD.values():
        with pytest.raises(LaboraError):
            server.stage(client.update(change), LIMITS, can_edit=True)
        assert server.encode_state() == state
        client = Client(server)
    accept(server, client.update(lambda c: c.cells["c0"]["source"].insert(0, "still ")))
    assert server.source("c0") == "still a"


def bad_text(client: Client) -> None:
    client.cells["c0"]["source"].insert_embed(0, {"a": 1})


BAD = {
    "unknown root": lambda c: c.doc.__setitem__("other", Map({"a": "1"})),
    "root of another type": lambda c: c.doc.get("metadata", type=Array).append("x"),
    "bad id": lambda c: c.cells.__setitem__("not valid!", new_cell()),
    "long id": lambda c: c.cells.__setitem__("a" * 65, new_cell()),
    "cell is text": lambda c: c.cells.__setitem__("x", Text("a")),
    "cell is a string": lambda c: c.cells.__setitem__("x", "a"),
    "no source": lambda c: c.cells.__setitem__("x", new_cell(source=None)),
    "source is a string": lambda c: c.cells.__setitem__("x", new_cell(source="a")),
    "source is a map": lambda c: c.cells.__setitem__("x", new_cell(source=Map())),
    "bad kind": lambda c: c.cells["c0"].__setitem__("kind", "heading"),
    "number": lambda c: c.cells["c0"].__setitem__("kind", 3),
    "empty position": lambda c: c.cells["c0"].__setitem__("position", ""),
    "position ends in 0": lambda c: c.cells["c0"].__setitem__("position", "V0"),
    "long position": lambda c: c.cells["c0"].__setitem__("position", "V" * 2000),
    "deleted is text": lambda c: c.cells["c0"].__setitem__("deleted", "yes"),
    "unknown key": lambda c: c.cells["c0"].__setitem__("outputs", "x"),
    "metadata replaced": lambda c: c.cells["c0"].__setitem__("metadata", "x"),
    "metadata no JSON": lambda c: c.cells["c0"]["metadata"].__setitem__("k", "{"),
    "metadata NaN": lambda c: c.cells["c0"]["metadata"].__setitem__("k", "NaN"),
    "metadata infinite": lambda c: c.cells["c0"]["metadata"].__setitem__("k", "1e999"),
    "metadata deep": lambda c: c.cells["c0"]["metadata"].__setitem__("k", "[" * 300 + "]" * 300),
    "metadata very deep": lambda c: c.cells["c0"]["metadata"].__setitem__("k", "[" * 100_000),
    "metadata is a value": lambda c: c.doc["metadata"].__setitem__("k", True),
    "metadata is a map": lambda c: c.doc["metadata"].__setitem__("k", Map()),
    "long key": lambda c: c.doc["metadata"].__setitem__("k" * 2000, "1"),
    "field removed": lambda c: c.cells["c0"].__delitem__("source"),
    "cell removed": lambda c: c.cells.__delitem__("c0"),
    "cell replaced": lambda c: c.cells.__setitem__("c0", new_cell()),
    "embedded value": bad_text,
    "formatted text": lambda c: c.cells["c0"]["source"].format(0, 1, {"bold": True}),
    "large source": lambda c: c.cells["c0"]["source"].insert(0, "x" * 3_000_000),
    "binary": lambda c: c.cells["c0"].__setitem__("kind", b"x"),
    "subdocument": lambda c: c.cells["c0"].__setitem__("extra", Doc()),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_notebook_holds_is_refused(name: str) -> None:
    server = document("a")
    client = Client(server)
    with pytest.raises((InvalidError, TooLargeError)):
        server.stage(client.update(BAD[name]), LIMITS, can_edit=True)


GOOD = {
    "typing": lambda c: c.cells["c0"]["source"].insert(1, "bc😀"),
    "deleting": lambda c: c.cells["c0"]["source"].__delitem__(slice(0, 1)),
    "new cell": lambda c: c.cells.__setitem__("new-cell_1", new_cell()),
    "deleted new cell": lambda c: c.cells.__setitem__("x", new_cell(deleted=True)),
    "without extra": lambda c: c.cells.__setitem__("x", new_cell(extra=None)),
    "flag": lambda c: c.cells["c0"].__setitem__("deleted", True),
    "kind": lambda c: c.cells["c0"].__setitem__("kind", "markdown"),
    "move": lambda c: c.cells["c0"].__setitem__("position", "abc"),
    "metadata": lambda c: c.cells["c0"]["metadata"].__setitem__("tags", '["a",1.0,true,null]'),
    "half pair in metadata": lambda c: c.doc["metadata"].__setitem__("x", '"\\ud83d"'),
    "notebook metadata": lambda c: c.doc["metadata"].__setitem__("title", '"T"'),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_people_do_is_accepted_and_saved(name: str) -> None:
    server = document("a")
    client = Client(server)
    staged = server.stage(client.update(GOOD[name]), LIMITS, can_edit=True)
    assert not staged.empty
    server.apply(staged.update, "client")
    assert read_state_vector(client.doc.get_state()) == read_state_vector(server.state_vector())
    json.dumps(server.metadata()).encode()
    server.to_notebook()


def test_the_same_update_again_tells_nothing_new() -> None:
    server = document("a")
    update = Client(server).update(GOOD["typing"])
    accept(server, update)
    assert server.stage(update, LIMITS, can_edit=True).empty
    assert server.stage(b"\x00\x00", LIMITS, can_edit=True).empty


def test_a_viewer_may_sync_but_not_edit() -> None:
    server = document("ab")
    for name in ("typing", "deleting", "metadata", "new cell"):
        with pytest.raises(ForbiddenError):
            server.stage(Client(server).update(GOOD[name]), LIMITS, can_edit=False)
    assert server.stage(Client(server).doc.get_update(), LIMITS, can_edit=False).empty
    assert server.source("c0") == "ab"


def test_nobody_speaks_for_another_client() -> None:
    server = document("a")
    forged: Doc[Any] = Doc(client_id=4242)
    for root in ("cells", "metadata", "extra"):
        forged[root] = Map()
    forged.apply_update(server.encode_state())
    before = forged.get_state()
    forged["metadata"]["k"] = "1"
    update = forged.get_update(before)
    with pytest.raises(ForbiddenError) as caught:
        server.stage(update, LIMITS, can_edit=True, foreign_clients={4242})
    assert caught.value.error_code == "foreign_client"
    assert not server.stage(update, LIMITS, can_edit=True, foreign_clients={4343}).empty


def test_updates_that_lack_their_ground_are_refused() -> None:
    server = document("a")
    client = Client(server)
    client.update(GOOD["typing"])
    later = client.update(lambda c: c.cells["c0"]["source"].insert(2, "later"))
    with pytest.raises(InvalidError) as caught:
        server.stage(later, LIMITS, can_edit=True)
    assert caught.value.error_code == "missing_updates"


def test_several_staged_updates_wait_for_each_other() -> None:
    server = document("a")
    client = Client(server)
    first = server.stage(client.update(lambda c: c.cells["c0"]["source"].insert(1, "b")), LIMITS, can_edit=True)
    second = server.stage(client.update(lambda c: c.cells["c0"]["source"].insert(2, "c")), LIMITS, can_edit=True)
    with pytest.raises(LaboraError):
        server.stage(b"nonsense", LIMITS, can_edit=True)
    with pytest.raises(LaboraError):
        server.stage(Client(server).update(BAD["bad kind"]), LIMITS, can_edit=True)
    server.set_metadata({"by": "server"})
    third = server.stage(client.update(lambda c: c.cells["c0"]["source"].insert(3, "d")), LIMITS, can_edit=True)
    for staged in (first, second, third):
        server.apply(staged.update, "client")
    assert server.source("c0") == "abcd"


def test_discarded_updates_can_be_staged_again() -> None:
    server = document("a")
    update = Client(server).update(GOOD["typing"])
    server.stage(update, LIMITS, can_edit=True)
    server.discard_staged()
    assert server.source("c0") == "a"
    assert not server.stage(update, LIMITS, can_edit=True).empty


def test_too_many_cells_are_refused() -> None:
    limits = LimitSettings(cells=2)
    server = document("a")
    client = Client(server)

    def crowd(c: Client) -> None:
        for number in range(5):
            c.cells[f"n{number}"] = new_cell()

    with pytest.raises(TooLargeError) as caught:
        server.stage(client.update(crowd), limits, can_edit=True)
    assert caught.value.error_code == "too_many_cells"


# -- convergence ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_clients_converge_over_cut_and_delayed_connections(seed: int, count: int) -> None:
    chance = random.Random(seed)
    server = document("print('hello')\n", "# 😀 text", "x = 1")
    clients = [Client(server) for _ in range(count)]
    for _ in range(25):
        client = chance.choice(clients)
        act = chance.randrange(8)
        cell_id = chance.choice(sorted(client.cells.keys()))
        cell = client.cells[cell_id]
        if act <= 2:
            cell["source"].insert(0, chance.choice(["a", "b\n", "😀", "def f():\n"]))
        elif act == 3 and len(cell["source"]):
            cell["source"].clear()
        elif act == 4:
            client.cells[f"n{chance.randrange(10**9)}"] = new_cell(position=chance.choice(["V1", "a2", "0001"]))
        elif act == 5:
            cell["deleted"] = True
        elif act == 6:
            cell["metadata"]["k"] = json.dumps(chance.choice([1, 1.0, True, "x", [2**60]]))
        else:
            sync(server, client)
    for client in clients * 2:
        sync(server, client)
    for client in clients:
        assert read_state_vector(client.doc.get_state()) == read_state_vector(server.state_vector())
        assert {key: str(cell["source"]) for key, cell in client.cells.items()} == {
            view.id: view.source for view in server.cells()
        }
    ids = [view.id for view in server.cells()]
    assert len(ids) == len(set(ids))
    again = NotebookDocument.from_update(server.encode_state())
    assert again.cells() == server.cells()


def sync(server: NotebookDocument, client: Client) -> None:
    client.doc.apply_update(server.diff(client.doc.get_state()))
    accept(server, client.doc.get_update(server.state_vector()))


def test_two_documents_of_one_file_never_double_cells() -> None:
    notebook = new_notebook([Cell(id="a", kind="code", source="x"), Cell(id="b", kind="code", source="y")])
    one, other = NotebookDocument.from_notebook(notebook), NotebookDocument.from_notebook(notebook)
    one.apply(other.encode_state(), "mistake")
    assert sorted(view.id for view in one.cells()) == ["a", "b"]
    assert sorted(view.source for view in one.cells()) == ["x", "y"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), values, max_size=5))
@settings(max_examples=200, deadline=None)
def test_metadata_keeps_its_types(metadata: dict[str, Any]) -> None:
    cell = Cell(id="a", kind="code", source="", metadata=metadata, extra={"attachments": metadata})
    made = NotebookDocument.from_notebook(Notebook((cell,), metadata))
    back = NotebookDocument.from_update(made.encode_state()).to_notebook()
    for found in (back.metadata, back.cells[0].metadata, back.cells[0].extra["attachments"]):
        assert json.dumps(found, sort_keys=True) == json.dumps(metadata, sort_keys=True)


# -- positions -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**6), max_size=120), st.integers(0, 50))
@settings(max_examples=200, deadline=None)
def test_there_is_always_room_between(places: list[int], start: int) -> None:
    order = spread(start)
    for place in places:
        at = place % (len(order) + 1)
        low = order[at - 1] if at else None
        high = order[at] if at < len(order) else None
        order.insert(at, position_between(low, high))
    assert order == sorted(set(order))
    assert all(POSITION.fullmatch(position) for position in order)


def test_positions_stay_short() -> None:
    last = None
    first = None
    for _ in range(10_000):
        last = position_between(last, None)
        first = position_between(None, first) if first else last
    assert len(last or "") < 20
    assert len(first or "") < 20
    with pytest.raises(ValueError):
        position_between("b", "a")
