"""What is passed into runtimes of the operator's configuration, and the small formats of the relay."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from labora.host.network import dns, passing


def test_pips_settings_go_in_without_credentials_paths_and_choices_about_the_environment(tmp_path):
    weak, strong = tmp_path / "weak", tmp_path / "strong"
    weak.write_text("[global]\nindex-url = https://mirror.test/simple\ntimeout = 7\ntarget = /x\ncert = /y\n")
    strong.write_text(
        "[global]\nextra_index_url =\n  https://u:canary@a.test/simple\n  https://b.test/simple\n  file:///opt/simple\n"
        "find-links = /opt/wheels\nproxy = http://u:canary@p.test\n[install]\ntimeout = 9\nuser = yes\n"
    )
    (tmp_path / "broken").write_text("no section\n")
    found = passing.pip_settings([weak, tmp_path / "missing", tmp_path / "broken", strong])
    assert found == {
        "index-url": "https://mirror.test/simple",
        "extra-index-url": "https://b.test/simple",
        "timeout": "9",
    }
    assert passing.pip_certificates([weak, strong]) is None  # it names a file that is not there
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    strong.write_text(f"[global]\ncert = {bundle}\n")
    assert passing.pip_certificates([weak, tmp_path / "missing", strong]) == str(bundle)
    assert passing.pip_file(found).splitlines()[0] == "[global]"


def test_apts_sources_are_read_in_both_forms_without_credentials(tmp_path):
    folder = tmp_path / "etc" / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list").write_text("deb http://mirror.test/debian bookworm main\n")
    (folder / "sources.list.d" / "a.list").write_text(
        "deb https://u:canary@a.test/ x main\ndeb http://b.test:81/ y z\n"
    )
    (folder / "sources.list.d" / "c.sources").write_text(
        "Types: deb\nURIs: https://c.test/debian\n\nTypes: deb\nURIs: https://u:canary@d.test/\n"
    )
    (folder / "sources.list.d" / "note.save").write_text("deb http://old.test/ x\n")
    found = passing.apt_files(tmp_path)
    assert sorted(found.sources) == ["sources.list", "sources.list.d/a.list", "sources.list.d/c.sources"]
    assert "canary" not in str(found)
    places = passing.operators_mirrors({"PIP_INDEX_URL": "http://index.test/simple"}, {}, found)
    assert places == ["b.test:81", "c.test:443", "index.test:80", "mirror.test:80"]


def test_a_runtime_is_told_what_its_network_is(tmp_path):
    machine = tmp_path / "resolv.conf"
    machine.write_text("nameserver 10.0.0.1\nsearch lab.test\noptions rotate\n")
    assert passing.resolver_file("veth", "", machine) == "nameserver 127.0.0.53\nsearch lab.test\n"
    assert "HTTP proxy http://127.0.0.1:3128 only" in passing.resolver_file("relay", "", machine)
    assert passing.resolver_file("off", "so it is", machine) == "# This runtime has no network: so it is.\n"
    told = passing.proxy_environment({"no_proxy": "lab.test"}, everything=False)
    assert told["https_proxy"] == told["HTTP_PROXY"] == "http://127.0.0.1:3128"
    assert told["no_proxy"] == "localhost,127.0.0.1,::1,lab.test"
    assert passing.proxy_environment({"no_proxy": "lab.test"}, everything=True)["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_the_machines_resolvers_are_those_that_the_library_would_ask():
    text = "# nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver  fe80::1%eth0\nsearch x\nnameserver a\nnameserver b\n"
    assert dns.name_servers(text) == ["10.0.0.1", "fe80::1%eth0", "a"]
    assert dns.name_servers("") == ["127.0.0.1"]


@given(st.binary(min_size=12, max_size=600))
def test_a_failure_answers_the_question_whatever_it_is(question):
    answer = dns.failure(question)
    number, flags, questions, *others = struct.unpack("!HHHHHH", answer[:12])
    assert (number, flags & 0x8000, flags & 0xF) == (struct.unpack("!H", question[:2])[0], 0x8000, 2)
    assert others == [0, 0, 0]
    assert question[12:].startswith(answer[12:])
    assert (questions == 1) == (len(answer) > 12)
