"""Folders and files of the host: wiping, sizes, atomic writes, cgroup tables."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from labora.host import cgroups
from labora.host.folders import disk_bytes, wipe
from labora.host.model import Exit, Handle, Limits
from labora.host.registry import Registry
from labora.host.sandbox import passed_environment


def test_wipe_takes_trees_deeper_than_a_path_may_be_long(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    at = os.open(root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=at)
        below = os.open("deep", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    wipe(root)
    assert not root.exists()


def test_wipe_of_nothing_is_fine_and_a_link_is_not_followed(tmp_path):
    wipe(tmp_path / "absent")
    (tmp_path / "kept").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "kept")
    wipe(tmp_path / "root")
    assert (tmp_path / "kept").exists()


def test_disk_bytes_counts_hard_links_once_and_sparse_files_truly(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert 100_000 <= disk_bytes(tmp_path) < 300_000


@given(
    st.builds(
        Handle,
        runtime_id=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
        generation=st.integers(0, 1 << 40),
        pid=st.integers(0, 1 << 22),
        start_time=st.integers(0),
        socket=st.text(),
        level=st.sampled_from(["a", "b", "none"]),
        cgroup=st.none() | st.text(),
        slot=st.integers(0),
        started_at=st.floats(0, 1e12),
        alive=st.booleans(),
        exit=st.none()
        | st.builds(Exit, st.none() | st.integers(0, 255), st.none() | st.integers(1, 64), st.booleans()),
        monitor_pid=st.integers(0),
        monitor_start_time=st.integers(0),
        boot_id=st.text(),
        deadline=st.none() | st.floats(0, 1e12),
        limits=st.builds(Limits, st.integers(1), st.floats(0.1, 64), st.integers(1)),
    )
)
def test_a_handle_comes_back_as_it_was_stored(tmp_path_factory, handle):
    folder = tmp_path_factory.mktemp("registry")
    Registry(folder).save(handle)
    assert Registry(folder).load() == {handle.runtime_id: handle}


def test_a_torn_handle_is_set_aside(tmp_path):
    (tmp_path / "rt.json").write_text('{"runtime_id": "rt", "gen')
    assert Registry(tmp_path).load() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["rt.bad"]


def test_credentials_in_urls_are_not_passed_on():
    given_ = {
        "HTTPS_PROXY": "http://user:password@proxy.test:3128",
        "http_proxy": "http://proxy.test:3128",
        "PIP_EXTRA_INDEX_URL": "https://a.test/simple https://token@b.test/simple",
        "SECRET": "x",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca.pem",
    }
    # Nor is a proxy: where the machine needs one, a runtime has its own that leads to it.
    assert passed_environment(given_) == {"SSL_CERT_FILE": "/etc/ssl/certs/ca.pem"}


V1 = "30 24 0:26 / {point}/memory rw - cgroup cgroup rw,memory\n"
V1 += "31 24 0:27 / {point}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "30 24 0:26 / {point} rw - cgroup2 cgroup2 rw\n"
NESTED = "30 24 0:26 /docker/abc {point}/memory rw - cgroup cgroup rw,memory\n"


def test_the_own_group_is_found_in_every_layout(tmp_path):
    (tmp_path / "memory" / "job").mkdir(parents=True)
    (tmp_path / "user.slice").mkdir()
    point = str(tmp_path)
    assert cgroups.own_group("memory", V1.format(point=point), "4:memory:/job\n") == tmp_path / "memory" / "job"
    assert cgroups.own_group("pids", V1.format(point=point), "4:memory:/job\n") is None
    assert cgroups.own_group("unified", V2.format(point=point), "0::/user.slice\n") == tmp_path / "user.slice"
    nested = cgroups.own_group("memory", NESTED.format(point=point), "4:memory:/docker/abc/job\n")
    assert nested == tmp_path / "memory" / "job"
    assert cgroups.own_group("memory", NESTED.format(point=point), "4:memory:/elsewhere\n") is None
