"""Django settings, read from the environment only."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apps.engine.policy.library import shipped_folder
from governance.anchoring import bucket_named
from governance.env import Environment, endpoints_named, providers_named, witness_named
from governance.local.places import Places, default_state
from governance.mail import mail_named
from governance.secret import kept_secret
from governance.storage import store_named

BASE_DIR = Path(__file__).resolve().parent.parent

_env = Environment()

STATE = _env.folder("COUNTERSIGN_STATE", default_state())
PLACES = Places(STATE)
BASE_URL = _env.url("COUNTERSIGN_BASE_URL", "http://127.0.0.1:8000", schemes=("https", "http"))
DEBUG = _env.flag("COUNTERSIGN_DEBUG")
SECRET_KEY = _env.text("COUNTERSIGN_SECRET_KEY") or kept_secret(PLACES.secret_key)
ALLOWED_HOSTS = _env.words(
    "COUNTERSIGN_ALLOWED_HOSTS", (urlsplit(BASE_URL).hostname or "", "127.0.0.1", "localhost", "[::1]")
)

# --- Applications --------------------------------------------------------------------------------

INSTALLED_APPS = [
    "governance.administration.GovernedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "apps.audit",
    "apps.access",
    "apps.inventory",
    "apps.costs",
    "apps.gates",
    "apps.approvals",
    "apps.reports",
    "apps.deploys",
    "apps.notices",
    "apps.api",
    "apps.web",
    "governance",
]

MIDDLEWARE = [
    "governance.middleware.request_log",
    "governance.tracing.traced",
    "governance.middleware.security_headers",
    "apps.audit.context.middleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.api.short.short_way",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "governance.middleware.idle_limit",
    "apps.access.federation.notice_provider",
    "governance.middleware.framed",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
ASGI_APPLICATION = "governance.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.pages.frame",
            ],
        },
    }
]

# --- Database: PostgreSQL, one connection under one of three roles ------------------------------------
# app: what serves people and workers. owner: migrations. sequencer: the audit log's own writer.

_LOGIN = {"app": "cs_app", "owner": "cs_owner", "sequencer": "cs_seq"}
_ADDRESS = {
    "app": "DATABASE_URL",
    "owner": "COUNTERSIGN_OWNER_DATABASE_URL",
    "sequencer": "COUNTERSIGN_SEQUENCER_DATABASE_URL",
}
DATABASE_ROLE = _env.choice("COUNTERSIGN_DATABASE_ROLE", ("app", "owner", "sequencer"))


def _database(role: str) -> dict[str, Any]:
    """The role's own address, else the app's, else the embedded server of the state folder."""
    found = _env.database(_ADDRESS[role]) or _env.database("DATABASE_URL")
    return found or {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "countersign",
        "USER": _LOGIN[role],
        "HOST": str(PLACES.sockets),
        "OPTIONS": {},
    }


DATABASES = {
    "default": _database(DATABASE_ROLE)
    | {"ATOMIC_REQUESTS": False, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True},
}

# --- The service's own keys: files of the state folder, or a token that they never leave -----------------

KEYS = _env.choice("COUNTERSIGN_KEYS", ("file", "pkcs11"))
PKCS11_MODULE = _env.text("COUNTERSIGN_PKCS11_MODULE")
PKCS11_TOKEN = _env.text("COUNTERSIGN_PKCS11_TOKEN")
PKCS11_PIN_FILE = _env.text("COUNTERSIGN_PKCS11_PIN_FILE")

# --- People and sessions ---------------------------------------------------------------------------

AUTH_USER_MODEL = "access.Person"
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Who needs a second factor before they sign, grant or release: nobody, whoever may do so, everybody.
SECOND_FACTOR = _env.choice(
    "COUNTERSIGN_SECOND_FACTOR",
    ("signers", "optional", "everybody")
    if BASE_URL.startswith("https://")
    else ("optional", "signers", "everybody"),
)
# Who else may say who somebody is: a file of providers of OpenID Connect; nobody without it.
OIDC_PROVIDERS = providers_named(_env.text("COUNTERSIGN_OIDC_PROVIDERS"))
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = _env.whole("COUNTERSIGN_SESSION_IDLE_SECONDS", 900, least=60)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = False
CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Transport -----------------------------------------------------------------------------------

SECURE = BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = SECURE
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# Preloading binds the whole domain, which belongs to the bank and not to one service.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _env.flag("COUNTERSIGN_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

# --- Language, time, files -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without a folder for collectstatic the files are served from where they lie.
STATIC_ROOT = _env.folder("COUNTERSIGN_STATIC_ROOT", STATE) if _env.text("COUNTERSIGN_STATIC_ROOT") else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = STATE / "files"

# --- Work in the background ----------------------------------------------------------------------
# The run's row and its lease are the guarantee; a message carries an id and may be lost or doubled.

# The scorecard that tells a model's tier by answers about it.
SCORECARD = Path(_env.text("COUNTERSIGN_SCORECARD", str(shipped_folder() / "tiering" / "scorecard.yaml")))

# Where uploaded bytes are kept, and how many of them one upload, one business unit and everybody may have.
STORE = store_named(_env)
LARGEST_UPLOAD = _env.whole("COUNTERSIGN_LARGEST_UPLOAD", 2 << 30, least=1)
STORE_QUOTA = _env.whole("COUNTERSIGN_STORE_QUOTA", 0)
UNIT_QUOTA = _env.whole("COUNTERSIGN_UNIT_QUOTA", 0)
# Days after which uploaded bytes that no version names are removed, and an unfinished upload is forgotten.
UNREFERENCED_DAYS = _env.whole("COUNTERSIGN_UNREFERENCED_DAYS", 7, least=1)
UPLOAD_HOURS = _env.whole("COUNTERSIGN_UPLOAD_HOURS", 24, least=1)

# Services that models may be, as hosts; nothing else is asked. Secrets lie in a folder for each host.
ENDPOINTS = endpoints_named(_env.words("COUNTERSIGN_ENDPOINTS"))
ENDPOINT_SECRETS = _env.folder("COUNTERSIGN_ENDPOINT_SECRETS", STATE / "secrets" / "endpoints")
ENDPOINT_ANSWERS_KEPT = _env.flag("COUNTERSIGN_ENDPOINT_ANSWERS_KEPT", default=True)

# Where webhooks and chats may be told, as hosts; nothing else is. And the mail server for letters to people,
# as smtp://user@host:port (with STARTTLS) or smtps://, with the password in a file of its own.
WEBHOOK_HOSTS = endpoints_named(_env.words("COUNTERSIGN_WEBHOOK_HOSTS"), by="COUNTERSIGN_WEBHOOK_HOSTS")
MAIL = mail_named(_env)
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER = MAIL.host, MAIL.port, MAIL.user
EMAIL_HOST_PASSWORD = MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.ssl, MAIL.starttls
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = SERVER_EMAIL = _env.text("COUNTERSIGN_MAIL_FROM", "countersign@localhost")

# Days before an end at which it is told; days without an answer until reviewers and then the head of model
# risk are told; days past its due date until a finding goes to the officers.
REMIND_BEFORE = _env.days("COUNTERSIGN_REMIND_BEFORE", (30, 7, 1))
REMIND_UNANSWERED = _env.whole("COUNTERSIGN_REMIND_UNANSWERED", 5, least=1)
REMIND_ESCALATED = _env.whole("COUNTERSIGN_REMIND_ESCALATED", 10, least=1)
REMIND_OVERDUE_ESCALATED = _env.whole("COUNTERSIGN_REMIND_OVERDUE_ESCALATED", 7, least=1)

# The one currency in which runs are priced and budgets set; bills of others keep their own.
COST_CURRENCY = _env.currency("COUNTERSIGN_CURRENCY", "EUR")

# How long uploaded bytes of retired models are kept; without a file for ever.
RETENTION = _env.text("COUNTERSIGN_RETENTION")

# How long a request may wait for a thread of the web before it is told to come again.
LONGEST_WAIT_SECONDS = _env.whole("COUNTERSIGN_LONGEST_WAIT_SECONDS", 10, least=1)

RUN_LEASE_SECONDS = _env.whole("COUNTERSIGN_RUN_LEASE_SECONDS", 30, least=1)
# How long a worker that is asked to stop leaves its runs to end before it hands them over.
RUN_DRAIN_SECONDS = _env.whole("COUNTERSIGN_DRAIN_SECONDS", 60)
# The digest of the container image that the workers run in; it stands in every piece of evidence.
IMAGE_DIGEST = _env.text("COUNTERSIGN_IMAGE_DIGEST")
# The classes of hardware (memory, gpu) that a person approves before any run may use them.
HARDWARE_APPROVAL = _env.among("COUNTERSIGN_HARDWARE_APPROVAL", ("memory", "gpu"))
RUN_WALL_SECONDS = _env.whole("COUNTERSIGN_RUN_WALL_SECONDS", 900, least=1)
# Data of more rows are shared out over workers; of more than some two million they always are.
RUN_SHARE_ROWS = _env.whole("COUNTERSIGN_SHARE_ROWS", 1 << 21, least=1)
# Whether nothing is measured where this kernel lacks a wall around it, or what stands will do.
WALLS = _env.choice("COUNTERSIGN_WALLS", ("required", "best"))

# The authority for time stamps (RFC 3161) and the certificates, as PEM, that its stamps must be under.
# Without an address the test authority stands in that `demo` and `serve` start beside the service.
TSA_URL = (
    _env.url("COUNTERSIGN_TSA_URL", "", schemes=("https", "http")) if _env.text("COUNTERSIGN_TSA_URL") else ""
)
TSA_CERTIFICATES = (
    _env.folder("COUNTERSIGN_TSA_CERTIFICATES", STATE) if _env.text("COUNTERSIGN_TSA_CERTIFICATES") else None
)
TEST_AUTHORITY = PLACES.test_authority

# Who outside vouches for the log: witnesses as verifier-key@url, and from which age of their newest
# signature on that is told (amber) and nothing is admitted any more (red).
WITNESSES = [witness_named(text, by="COUNTERSIGN_WITNESSES") for text in _env.words("COUNTERSIGN_WITNESSES")]
WITNESS_QUORUM = _env.whole("COUNTERSIGN_WITNESS_QUORUM", 1, least=1)
WITNESS_EVERY_SECONDS = _env.whole("COUNTERSIGN_WITNESS_EVERY_SECONDS", 3, least=1)
ANCHOR_AMBER_SECONDS = _env.whole("COUNTERSIGN_ANCHOR_AMBER_SECONDS", 300, least=1)
ANCHOR_RED_SECONDS = _env.whole("COUNTERSIGN_ANCHOR_RED_SECONDS", 900, least=1)
STAMP_EVERY_SECONDS = _env.whole("COUNTERSIGN_STAMP_EVERY_SECONDS", 3600, least=1)
STAMP_ADMISSIONS = _env.flag("COUNTERSIGN_STAMP_ADMISSIONS")
# Copies of checkpoints: a git repository (a path or an ssh address), a folder of files made once.
ANCHOR_GIT = _env.text("COUNTERSIGN_ANCHOR_GIT")
ANCHOR_FOLDER = (
    _env.folder("COUNTERSIGN_ANCHOR_FOLDER", STATE) if _env.text("COUNTERSIGN_ANCHOR_FOLDER") else None
)
# The same in a bucket of an object storage, each held back from removal until a day.
ANCHOR_BUCKET = bucket_named(_env)
# The second record of events: ids and leaf hashes, appended after each commit; and where it is sent on to.
EVENT_DIGESTS = (
    _env.folder("COUNTERSIGN_EVENT_DIGESTS", STATE) if _env.text("COUNTERSIGN_EVENT_DIGESTS") else None
)
SYSLOG = _env.text("COUNTERSIGN_SYSLOG") and _env.url("COUNTERSIGN_SYSLOG", "", schemes=("tls", "tcp", "udp"))
# Over TLS: who vouches for the host, and our own certificate with its key where the host asks for one.
SYSLOG_CA = _env.text("COUNTERSIGN_SYSLOG_CA")
SYSLOG_CERTIFICATE = _env.text("COUNTERSIGN_SYSLOG_CERTIFICATE")
ANCHOR_COPY_SECONDS = _env.whole("COUNTERSIGN_ANCHOR_COPY_SECONDS", 86_400, least=1)

# A folder with templates of one's own for reports; without it the shipped ones serve.
REPORT_TEMPLATES = (
    _env.folder("COUNTERSIGN_REPORT_TEMPLATES", STATE) if _env.text("COUNTERSIGN_REPORT_TEMPLATES") else None
)

CELERY_BROKER_URL = _env.text("CELERY_BROKER_URL", f"redis+socket://{PLACES.valkey_socket}")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_EVENT_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "quick"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_SOFT_TIME_LIMIT = 3300
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_PUBLISH_RETRY = False
# While the broker is away nobody waits for it: the relay sends the message later.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
if CELERY_BROKER_URL.startswith("amqp"):
    CELERY_BROKER_TRANSPORT_OPTIONS["confirm_publish"] = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# A worker waits for its broker as long as it takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_HEARTBEAT = 30
CELERY_WORKER_MAX_TASKS_PER_CHILD = 50
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 2_000_000  # KiB
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"

# --- Logs ----------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "governance.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": _env.text("COUNTERSIGN_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "fontTools": {"level": "ERROR"},
        "weasyprint": {"level": "WARNING"},
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
