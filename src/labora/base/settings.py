"""One typed tree of settings, from flags, environment and file, in this order of precedence.

The file is TOML (``labora.toml`` in the working folder, or ``--config``); the environment spells a key as
``LABORA_SERVER__PORT``; flags are given by the command line as overrides.
"""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from labora.base.errors import InvalidError
from labora.base.text import is_address

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Where the server listens and under which names it is reached."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the app and of every content label.")
    public_url: str | None = Field(
        None, description="URL that people type, when a proxy stands in front (https://labora.example.org)."
    )
    content_domain: str | None = Field(
        None, description="Second registrable domain for outputs with wildcard DNS and TLS (mode A)."
    )
    tls_cert: Path | None = Field(None, description="PEM file with the certificate chain.")
    tls_key: Path | None = Field(None, description="PEM file with the private key.")
    trust_proxy: bool = Field(False, description="A TLS proxy in front is trusted; lets a non-loopback bind start.")
    insecure_bind: bool = Field(False, description="Listen beyond loopback without TLS. Passwords cross in the clear.")
    external_images: bool = Field(True, description="Markdown may load images from other sites (they see the reader).")
    external_outputs: bool = Field(True, description="Scripts in outputs may load from other sites.")


class StorageSettings(_Section):
    """Where state lives."""

    data_dir: Path = Field(Path("data"), description="Folder of database, blobs, images and sockets.")
    images_dir: Path | None = Field(None, description="Folder of images, when several data folders share them.")
    manifests_dir: Path | None = Field(
        None, description="Folder with manifests of your own data sets; datasets.d in the data folder by default."
    )
    database_url: str | None = Field(None, description="SQLAlchemy URL; SQLite in the data folder by default.")
    min_free_bytes: int = Field(64 * MIB, ge=0, description="Edits stop being acknowledged below this free space.")


class AccountSettings(_Section):
    """Sign-in."""

    password_min_length: int = Field(10, ge=8, le=64)
    login_session_days: int = Field(30, ge=1)
    invitation_days: int = Field(7, ge=1)
    members_invite: bool = Field(
        False, description="Whoever shares something with an address thereby invites its reader to make an account."
    )
    attempts_per_account: int = Field(10, ge=1, description="Failed sign-ins per account and window.")
    attempts_per_address: int = Field(100, ge=1, description="Failed sign-ins per address and window.")
    attempts_window_s: float = Field(900.0, gt=0)


class SecretSettings(_Section):
    """Secrets of accounts, and with what they are sealed."""

    key_file: Path | None = Field(
        None,
        description="File with the key that seals secrets and tokens; state/secret.key in the data folder by default.",
    )
    per_account: int = Field(200, ge=1, description="Secrets of one account.")
    value_bytes: int = Field(32 * KIB, ge=1, le=512 * KIB, description="Longest value of a secret.")


class LimitSettings(_Section):
    """Edges of what one document, frame or cell may hold."""

    notebook_bytes: int = Field(100 * MIB, gt=0, description="Largest .ipynb that is opened.")
    upload_bytes: int = Field(2 * GIB, gt=0, description="Largest file that is uploaded.")
    runtime_file_bytes: int = Field(
        4 * GIB, gt=0, description="Largest file that a page or the API puts into a runtime."
    )
    json_depth: int = Field(200, gt=0)
    cells: int = Field(10_000, gt=0)
    cell_source_bytes: int = Field(2 * MIB, gt=0)
    frame_bytes: int = Field(1 * MIB, gt=0, description="Largest frame on a room socket.")
    sync_frame_bytes: int = Field(16 * MIB, gt=0, description="Largest document frame while a client first syncs.")
    output_stored_bytes: int = Field(256 * MIB, gt=0, description="Output kept of one cell.")
    output_export_bytes: int = Field(16 * MIB, gt=0, description="Output written into an .ipynb for one cell.")
    outputs: int = Field(100_000, gt=0, description="Outputs kept of one cell.")
    inline_bytes: int = Field(8 * KIB, gt=0, description="Larger output values are stored as blobs.")
    socket_queue_bytes: int = Field(8 * MIB, gt=0, description="A reader further behind than this is resynced.")
    presence_bytes: int = Field(8 * KIB, gt=0)
    presence_per_s: float = Field(20.0, gt=0)
    comm_bytes: int = Field(8 * MIB, gt=0, le=12 * MIB, description="Largest message of a page to a widget or comm.")
    comm_sent_bytes: int = Field(64 * MIB, gt=0, description="Largest message of a widget or comm to pages.")
    widget_bytes: int = Field(32 * MIB, gt=0, description="State of one kernel's widgets, for pages that come later.")
    widgets_saved_bytes: int = Field(8 * MIB, gt=0, description="State of widgets that is saved in a notebook.")
    call_bytes: int = Field(4 * MIB, gt=0, description="Result of a function that an output calls.")
    answer_bytes: int = Field(12 * MIB, gt=0, le=12 * MIB, description="A page's answer to what a program asks of it.")
    sockets_per_account: int = Field(100, gt=0)


class RoomSettings(_Section):
    """The live notebook."""

    commit_interval_s: float = Field(0.004, ge=0, le=0.02, description="Longest wait of a group commit.")
    output_interval_s: float = Field(0.06, gt=0, le=1, description="Outputs are committed at least this often.")
    checkpoint_interval_s: float = Field(30.0, gt=0, description="A dirty room is saved at least this often.")
    checkpoint_quiet_s: float = Field(3.0, gt=0, description="A dirty room is saved after this silence.")
    evict_after_s: float = Field(60.0, gt=0, description="An idle room without sockets leaves memory.")
    strip_personal: bool = Field(
        False, description="Take names, pictures and ids of people out of every notebook's metadata when it is saved."
    )
    playground_days: float = Field(14.0, gt=0, description="A playground that nobody opens is deleted after this time.")
    deleted_cells_days: float = Field(30.0, ge=0, description="Deleted cells can be taken back for this long.")


class HistorySettings(_Section):
    """Which automatic revisions stay. Named and pinned ones, and those that somebody made, always do."""

    all_hours: float = Field(24.0, ge=0, description="Automatic revisions younger than this all stay.")
    hourly_days: float = Field(7.0, ge=0, description="Until this age the last one of each hour stays.")
    daily_days: float = Field(365.0, ge=0, description="Until this age the last one of each day; then of each week.")


class CommentSettings(_Section):
    """Edges of what people say about a file."""

    content_characters: int = Field(10_000, gt=0, description="Longest comment or reply.")
    comments: int = Field(1_000, gt=0, description="Comments on one file.")
    replies: int = Field(500, gt=0, description="Replies to one comment.")
    file_characters: int = Field(
        1_000_000, gt=0, description="Text of all comments of one file: pages load it with the notebook."
    )
    per_minute: int = Field(60, gt=0, description="Comments and replies of one account on one file.")


class DriveSettings(_Section):
    """What accounts may keep, and for how long."""

    quota_bytes: int | None = Field(
        None, ge=0, description="What one account may store; no limit when not set. `labora user quota` for exceptions."
    )
    trash_days: float = Field(
        30.0, ge=0, description="What lies in the trash for longer is deleted for ever; 0: never."
    )
    upload_days: float = Field(7.0, gt=0, description="An unfinished upload is dropped this long after its last piece.")
    uploads_open: int = Field(200, gt=0, description="Unfinished uploads of one account at a time.")


class RuntimeSettings(_Section):
    """The machines that run code."""

    provider: str = Field("sandbox", description="Entry point in the group labora.runtime_providers.")
    isolation: Literal["auto", "a", "b", "none"] = Field(
        "auto", description="a: own uid, root host; b: user namespace; none: one owner, no isolation, loud."
    )
    memory_bytes: int = Field(4 * GIB, gt=0)
    cpus: float = Field(2.0, gt=0)
    processes: int = Field(512, gt=0)
    disk_bytes: int = Field(20 * GIB, ge=64 * MIB, description="Disk of one runtime: its files and installed packages.")
    inodes: int = Field(1_000_000, ge=10_000, description="Files and folders of one runtime.")
    idle_timeout_s: float = Field(90 * 60.0, gt=0)
    max_lifetime_s: float = Field(12 * 3600.0, gt=0)
    warn_before_s: float = Field(300.0, gt=0, description="A page says this long before that its runtime will end.")
    max_runtimes: int = Field(4, gt=0, description="Runtimes of one account at a time.")
    warm: int = Field(
        1,
        ge=0,
        le=100,
        description="Machines that stand ready for whoever runs something next; each takes about 65 MB. 0: none.",
    )
    resets: int = Field(1, gt=0, description="How often an account may reset all its runtimes per reset_window_s.")
    reset_window_s: float = Field(300.0, gt=0)
    meter_interval_s: float = Field(5.0, gt=0, description="Meters are read this often while somebody looks at them.")
    history_days: float = Field(90.0, gt=0, description="Ended runtimes stay in their account's history for this long.")
    spool_bytes: int = Field(64 * MIB, gt=0, description="Output the guest holds while nobody takes it.")
    environment: dict[str, str] = Field({}, description="Variables that every runtime starts with.")
    base_uid: int = Field(200_000, ge=1000, description="First host uid of runtime slots (level a).")
    control_uid: int = Field(199_999, ge=0, description="Uid that the control plane drops to when started as root.")
    mount_uid: int = Field(199_997, ge=1, description="Uid of what serves drive mounts when started as root.")
    image_packages: list[str] = Field(
        default=[
            "altair", "anywidget", "bokeh", "folium", "ipykernel", "ipympl", "ipywidgets", "jinja2", "matplotlib",
            "nbformat", "numpy", "pandas", "pillow", "plotly", "pydeck", "requests", "scikit-learn", "scipy", "seaborn",
            "tqdm",
        ],
        description="Packages of the default Python image.",
    )  # fmt: skip
    image_base: Literal["auto", "debian", "host"] = Field(
        "auto",
        description="debian: a root file system of its own; host: the machine's /usr; auto: host where debian fails.",
    )
    image_system_packages: list[str] = Field(
        default=[
            "bzip2", "curl", "file", "git", "iproute2", "iputils-ping", "less", "libgomp1", "nano", "netbase",
            "openssh-client", "procps", "psmisc", "sudo", "tzdata", "unzip", "wget", "xz-utils", "zip",
        ],
        description="Debian packages of the default image; add build-essential and python3-dev for compilers.",
    )  # fmt: skip


class PortSettings(_Section):
    """Web apps that run in runtimes, as people reach them through the server."""

    enabled: bool = Field(True, description="False: ports of runtimes are not reached from outside.")
    body_bytes: int = Field(2 * GIB, gt=0, description="Largest body of one request to a web app.")
    message_bytes: int = Field(16 * MIB, gt=0, description="Largest WebSocket message of a web app.")
    answer_s: float = Field(
        600.0, gt=0, description="Longest wait until a web app begins to answer, after the last of what it was sent."
    )


class NetworkSettings(_Section):
    """How code in runtimes reaches the internet."""

    egress: Literal["auto", "off"] = Field("auto", description="off: runtimes have no network but their own loopback.")
    means: Literal["auto", "veth", "pasta", "relay"] = Field(
        "auto",
        description="veth (as root) or pasta: all protocols; relay: HTTP and HTTPS only; auto: the best there is.",
    )
    allow: list[str] = Field(
        [], description="Private places that runtimes may reach: 10.0.0.0/8, 10.1.2.3:5432, db.example.org:5432."
    )
    subnet: str | None = Field(
        None, description="Private IPv4 network of runtimes (veth), such as 10.99.0.0/16; chosen when not set."
    )
    relay_uid: int = Field(199_998, ge=1, description="Uid of the network relay when started as root.")


class MailSettings(_Section):
    """How e-mail leaves. Without an SMTP server every letter becomes a file in the data folder (``outbox``)."""

    host: str | None = Field(None, description="SMTP server; without one, letters are files in the data folder.")
    port: int | None = Field(None, ge=1, le=65535, description="587 for starttls, 465 for tls, 25 for none if not set.")
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="none: in the clear, for a local relay.")
    user: str | None = Field(None, description="Sign-in name at the SMTP server.")
    password: SecretStr | None = Field(None, description="Better given as LABORA_MAIL__PASSWORD.")
    sender: str = Field("Labora <labora@localhost>", description="From whom letters come.")

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if not value.isprintable() or not is_address(parseaddr(value)[1].lower()):
            raise ValueError("write it as Name <name@example.org>")
        return value


class OutsideSettings(_Section):
    """What the server itself fetches for people: notebooks by their address, GitHub, gists."""

    enabled: bool = Field(True, description="False: the server fetches nothing and saves nothing to GitHub.")
    allow: list[str] = Field(
        [],
        description="Private places that may be fetched from: 10.0.0.0/8 (ports 80, 443), 10.1.2.3:8443, git.lan:443.",
    )
    proxy: str = Field(
        "auto",
        description="auto: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; off; or a proxy's URL. It resolves names.",
    )
    timeout_s: float = Field(15.0, gt=0, description="Longest wait for one answer, redirects included.")
    github_url: str = Field("https://github.com", description="Where people see GitHub (or GitHub Enterprise).")
    github_api_url: str = Field("https://api.github.com", description="Its API (Enterprise: https://HOST/api/v3).")
    github_raw_url: str = Field("https://raw.githubusercontent.com", description="Where its raw files are.")
    gist_url: str = Field("https://gist.github.com", description="Where people see gists.")


class ExportSettings(_Section):
    """Bounds of writing notebooks in other formats."""

    at_once: int = Field(2, gt=0, description="Conversions at a time; the others wait.")
    timeout_s: float = Field(90.0, gt=0, description="Longest conversion.")
    memory_bytes: int = Field(2 * GIB, ge=256 * MIB, description="Address space of one conversion.")
    result_bytes: int = Field(256 * MIB, gt=0, description="Largest result.")
    chromium: str | None = Field(None, description="Browser that prints PDF; the machine's Chromium by default.")


class LogSettings(_Section):
    """What the server says on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False


class Settings(BaseSettings):
    """The whole tree. Build it with :func:`load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="LABORA_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    accounts: AccountSettings = AccountSettings()
    secrets: SecretSettings = SecretSettings()
    limits: LimitSettings = LimitSettings()
    rooms: RoomSettings = RoomSettings()
    history: HistorySettings = HistorySettings()
    comments: CommentSettings = CommentSettings()
    drive: DriveSettings = DriveSettings()
    runtimes: RuntimeSettings = RuntimeSettings()
    network: NetworkSettings = NetworkSettings()
    ports: PortSettings = PortSettings()
    mail: MailSettings = MailSettings()
    outside: OutsideSettings = OutsideSettings()
    exports: ExportSettings = ExportSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, which wins over the file."""
        path = _config_path
        if path is None:
            return (init_settings, env_settings)
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path))

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL in effect."""
        return self.storage.database_url or f"sqlite+aiosqlite:///{self.state_dir}/labora.db"

    @property
    def secret_key_file(self) -> Path:
        """Where the key lies that seals secrets."""
        return self.secrets.key_file or self.state_dir / "secret.key"

    @property
    def app_url(self) -> str:
        """The URL that people open."""
        if self.server.public_url:
            return self.server.public_url.rstrip("/")
        scheme = "https" if self.server.tls_cert else "http"
        host = self.server.host
        if host in {"127.0.0.1", "::1", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "localhost"
        return f"{scheme}://{host}:{self.server.port}"

    @property
    def state_dir(self) -> Path:
        """Database and blobs: all that a backup must hold. Written by the control plane alone."""
        return self.storage.data_dir.absolute() / "state"

    @property
    def outbox_dir(self) -> Path:
        """Letters as files, where no SMTP server is set. Written by the control plane alone."""
        return self.state_dir / "outbox"

    @property
    def run_dir(self) -> Path:
        """Sockets and handles of what runs. Written by the host."""
        return self.storage.data_dir.absolute() / "run"

    @property
    def images_dir(self) -> Path:
        """Images that runtimes start from. Written by the host's image command."""
        return (self.storage.images_dir or self.storage.data_dir / "images").absolute()

    @property
    def manifests_dir(self) -> Path:
        """Manifests of the operator's own data sets; it need not be there."""
        return (self.storage.manifests_dir or self.storage.data_dir / "datasets.d").absolute()

    @property
    def runtimes_dir(self) -> Path:
        """Private folders of runtimes. Written by the host."""
        return self.storage.data_dir.absolute() / "runtimes"


_config_path: Path | None = None


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Builds the settings in effect.

    Args:
        config: TOML file; ``labora.toml`` in the working folder is used when it exists and none is named.
        overrides: sections as dictionaries, from flags; ``None`` values are left out.

    Raises:
        InvalidError: the file cannot be read, a key is unknown or a value out of range; the message names it.
    """
    global _config_path
    _config_path = config or (Path("labora.toml") if Path("labora.toml").is_file() else None)
    given: dict[str, Any] = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in overrides.items()
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidError(f"Setting {key}: {first['msg']}.", code="bad_setting", details={"key": key}) from error
    except (OSError, ValueError) as error:
        raise InvalidError(f"{_config_path} cannot be read: {error}.", code="bad_setting") from error
    finally:
        _config_path = None
