"""The live notebook: rooms, their journal, executions and presence."""

from labora.rooms.commands import COMMANDS
from labora.rooms.commands import handle as handle_command
from labora.rooms.overview import NotebookKernel
from labora.rooms.ports import Compute, Kills, RuntimeLease
from labora.rooms.room import Room
from labora.rooms.service import Rooms
from labora.rooms.subscriber import Close, Lane, Subscriber

__all__ = [
    "COMMANDS",
    "Close",
    "Compute",
    "Kills",
    "Lane",
    "NotebookKernel",
    "Room",
    "Rooms",
    "RuntimeLease",
    "Subscriber",
    "handle_command",
]
