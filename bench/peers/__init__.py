"""The servers that are measured, by name."""

from __future__ import annotations

from bench.peers.base import Cell, Peer, Person
from bench.peers.jupyterhub import JupyterHub
from bench.peers.jupyterlab import JupyterLab
from bench.peers.jupyverse import Jupyverse
from bench.peers.labora import Labora

PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (JupyterHub, JupyterLab, Jupyverse, Labora)}

__all__ = ["PEERS", "Cell", "Peer", "Person"]
