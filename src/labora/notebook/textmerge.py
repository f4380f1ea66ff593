"""Three-way merge of texts that loses nothing: where both sides changed the same place, both versions stay."""

from __future__ import annotations

from dataclasses import dataclass

from labora.notebook.textdiff import Hunk, apply_hunks, diff_text


@dataclass(slots=True)
class _Cluster:
    start: int
    end: int
    mine: list[Hunk]
    theirs: list[Hunk]


def merge_text(base: str, mine: str, theirs: str) -> tuple[str, bool]:
    """Returns the merged text, and whether both sides changed the same place differently."""
    if theirs == base or mine == theirs:
        return mine, False
    if mine == base:
        return theirs, False
    replacements: list[Hunk] = []
    conflict = False
    for cluster in _clusters(base, diff_text(base, mine), diff_text(base, theirs)):
        region = base[cluster.start : cluster.end]
        versions = [_within(region, cluster, hunks) for hunks in (cluster.mine, cluster.theirs)]
        kept, other = versions
        if not cluster.theirs or kept == other:
            text = kept
        elif not cluster.mine:
            text = other
        else:
            conflict = True
            text = _both(kept, other)
        replacements.append(Hunk(cluster.start, cluster.end, text))
    return apply_hunks(base, replacements), conflict


def _within(region: str, cluster: _Cluster, hunks: list[Hunk]) -> str:
    shift = cluster.start
    return apply_hunks(region, [Hunk(hunk.start - shift, hunk.end - shift, hunk.text) for hunk in hunks])


def _both(mine: str, theirs: str) -> str:
    if not mine or not theirs or mine.endswith("\n") or theirs.startswith("\n"):
        return mine + theirs
    return f"{mine}\n{theirs}"


def _clusters(base: str, mine: list[Hunk], theirs: list[Hunk]) -> list[_Cluster]:
    """Puts replacements that touch each other together; where both sides take part, whole lines."""
    tagged = sorted(
        [(hunk.start, hunk.end, 0, hunk) for hunk in mine] + [(hunk.start, hunk.end, 1, hunk) for hunk in theirs],
        key=lambda item: item[:3],
    )
    clusters: list[_Cluster] = []
    for start, end, side, hunk in tagged:
        own = ([hunk], []) if side == 0 else ([], [hunk])
        last = clusters[-1] if clusters else None
        if last is not None and start <= last.end and (start < last.end or not _one_sided(last, side)):
            last.end = max(last.end, end)
            last.mine += own[0]
            last.theirs += own[1]
        else:
            clusters.append(_Cluster(start, end, *own))
    for cluster in clusters:
        if cluster.mine and cluster.theirs:
            cluster.start = base.rfind("\n", 0, cluster.start) + 1
            line_end = base.find("\n", cluster.end - 1 if cluster.end > cluster.start else cluster.end)
            cluster.end = len(base) if line_end < 0 else line_end + 1
    return _joined(clusters)


def _one_sided(cluster: _Cluster, side: int) -> bool:
    return not (cluster.theirs if side == 0 else cluster.mine)


def _joined(clusters: list[_Cluster]) -> list[_Cluster]:
    """Joins clusters that came to overlap when they grew to whole lines."""
    joined: list[_Cluster] = []
    for cluster in clusters:
        last = joined[-1] if joined else None
        if last is not None and cluster.start < last.end:
            last.end = max(last.end, cluster.end)
            last.mine += cluster.mine
            last.theirs += cluster.theirs
        elif last is not None and last.start > cluster.start:
            last.start = cluster.start
        else:
            joined.append(cluster)
    return joined
