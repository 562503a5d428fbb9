"""All settings, from the environment only; docs/settings.md explains each. Nothing else reads os.environ."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from project import env
from project.theme import UNFOLD  # noqa: F401 - Django reads it as a setting

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", "var")).resolve()

# --- Django -------------------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret-key")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY is shorter than 32 characters; keys and links are signed with it.")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
PUBLIC_URL = env.url("PUBLIC_URL", "http://127.0.0.1:8000", schemes=["http", "https"])
APPEND_SLASH = False  # no path of ours ends in a slash, and none redirects for one
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["project.formats"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "project",
    "recordings",
    "calls",
    "workspaces",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "project.csp.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "recordings.api.kit.cors.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
STATIC_URL = "/static/"
STATIC_ROOT = None  # nothing is collected: whitenoise serves what the finders find
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True  # a clone serves its static files without a collecting step
WHITENOISE_AUTOREFRESH = False

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # each dialect names its own; a view without one must not fall back
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {"OAS_VERSION": "3.1.1", "VERSION": "0.1.0", "ENABLE_DJANGO_DEPLOY_CHECK": False}

# --- Data ---------------------------------------------------------------------------------------------------
SQLITE_URL = f"sqlite:///{DATA_DIR / 'tapedeck.sqlite3'}"


def _database() -> dict[str, Any]:
    url = env.text("DATABASE_URL", SQLITE_URL)
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            "DATABASE_URL is no database address; write postgres://user:password@host:5432/name or sqlite:///path."
        ) from error
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # FULL, not NORMAL: a spooled piece is removed once its row is committed, so the row must survive a power cut.
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        database["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas}
        database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    elif database["ENGINE"] == "django.db.backends.postgresql":
        database.setdefault("OPTIONS", {})["connect_timeout"] = 3
    else:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite:///.")
    return database


DATABASES = {"default": _database()}

DEMO_AUDIO_DIR = BASE_DIR / "recordings" / "demo"  # two legs of real speech
STORAGE = env.choice("STORAGE", ["files", "s3"], "files")
STORAGE_ROOT = Path(env.text("STORAGE_ROOT", str(DATA_DIR / "files")))
AWS_STORAGE_BUCKET_NAME = env.matching(
    "AWS_STORAGE_BUCKET_NAME", pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}", of="a bucket"
)
AWS_S3_ENDPOINT_URL = env.url("AWS_S3_ENDPOINT_URL", schemes=["http", "https"])
AWS_S3_REGION_NAME = env.matching("AWS_S3_REGION_NAME", "us-east-1", pattern=r"[A-Za-z0-9-]+", of="a region")
AWS_ACCESS_KEY_ID = env.text("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = env.text("AWS_SECRET_ACCESS_KEY")
if STORAGE == "s3" and not AWS_STORAGE_BUCKET_NAME:
    raise ImproperlyConfigured("AWS_STORAGE_BUCKET_NAME is not set; with STORAGE=s3 it names the bucket.")
if STORAGE == "s3" and bool(AWS_ACCESS_KEY_ID) != bool(AWS_SECRET_ACCESS_KEY):
    raise ImproperlyConfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together; set both or neither.")

# --- Celery: a pool that hints reach; the database is the truth -----------------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "filesystem://localhost")
BROKER_DIR = DATA_DIR / "broker"
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.05,
    }
    for folder in ("queue", "control"):
        env.folder(BROKER_DIR / folder)  # the transport expects them
elif CELERY_BROKER_URL.split(":", 1)[0] in {"amqp", "amqps", "pyamqp"}:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"connect_timeout": 0.5, "read_timeout": 0.5, "write_timeout": 0.5}
elif CELERY_BROKER_URL.split(":", 1)[0] in {"redis", "rediss"}:
    # A task that was taken is given out again after an hour: longer than any may run (task_time_limit).
    # The last four are a publisher's: one more attempt at once, in place of six seconds.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
else:
    schemes = "filesystem://, amqp://, amqps://, redis:// or rediss://"
    raise ImproperlyConfigured(f"CELERY_BROKER_URL must begin with {schemes}.")

# --- What is recorded, and how long its links live -------------------------------------------------------------
MEDIA_ENGINE = env.choice("MEDIA_ENGINE", ["external", "simulator"], "external")
WAVSTREAM_URL = env.url("WAVSTREAM_URL", schemes=["ws", "wss"])
RECORDING_BASE_URL = env.url("RECORDING_BASE_URL", schemes=["http", "https"])
MP3_SAMPLE_RATE = int(env.choice("MP3_SAMPLE_RATE", ["8000", "16000"], "8000"))
RECORDING_RETENTION_HOURS = env.hours("RECORDING_RETENTION_HOURS", 24)

# --- Capture ------------------------------------------------------------------------------------------------------
CAPTURE_HOST = env.text("CAPTURE_HOST", "127.0.0.1")
CAPTURE_PORT = env.integer("CAPTURE_PORT", 8765, maximum=65_535)
CAPTURE_DIR = Path(env.text("CAPTURE_DIR", str(DATA_DIR / "capture")))
CAPTURE_CHUNK_SECONDS = env.seconds("CAPTURE_CHUNK_SECONDS", 10, minimum=0.5)
CAPTURE_START_TIMEOUT = env.seconds("CAPTURE_START_TIMEOUT", 30, minimum=1)
CAPTURE_RECONNECT_SECONDS = env.seconds("CAPTURE_RECONNECT_SECONDS", 10)
CAPTURE_IDLE_SECONDS = env.seconds("CAPTURE_IDLE_SECONDS", 60, minimum=1)
CAPTURE_NODE_SILENT_AFTER = env.seconds("CAPTURE_NODE_SILENT_AFTER", 15, minimum=5)
CAPTURE_LOST_AFTER = env.seconds("CAPTURE_LOST_AFTER", 600, minimum=15)
CAPTURE_DRAIN_SECONDS = env.seconds("CAPTURE_DRAIN_SECONDS", 3600)
CAPTURE_TOKEN_SECONDS = env.seconds("CAPTURE_TOKEN_SECONDS", 86_400, minimum=60)
CAPTURE_MAX_MESSAGE_BYTES = env.integer("CAPTURE_MAX_MESSAGE_BYTES", 1_048_576, minimum=65_536)
CAPTURE_MIN_FREE_BYTES = env.integer("CAPTURE_MIN_FREE_BYTES", 256 * 1024 * 1024)

# --- Surfaces and limits (0 = off) -----------------------------------------------------------------------------
FLAT_REQUESTS_PER_MINUTE = env.integer("FLAT_REQUESTS_PER_MINUTE", 0)
SESSIONS_REQUESTS_PER_MINUTE = env.integer("SESSIONS_REQUESTS_PER_MINUTE", 0)
RESOURCES_REQUESTS_PER_MINUTE = env.integer("RESOURCES_REQUESTS_PER_MINUTE", 0)
LOGIN_ATTEMPTS_PER_MINUTE = env.integer("LOGIN_ATTEMPTS_PER_MINUTE", 0)
LIVE_FOLLOWERS_MAX = env.integer("LIVE_FOLLOWERS_MAX", 8)
CHAT_MIN_SECONDS = env.seconds("CHAT_MIN_SECONDS", 1)
DOWNLOAD_URL_MAX_SECONDS = env.integer("DOWNLOAD_URL_MAX_SECONDS", 86_400, minimum=1)
OUTBOUND_ALLOW = env.networks("OUTBOUND_ALLOW")  # networks (CIDR) that webhooks may reach although they are private
WEBHOOK_TIMEOUT_SECONDS = env.seconds("WEBHOOK_TIMEOUT_SECONDS", 10, minimum=0.1)
WEB_THREADS = env.integer("WEB_THREADS", 16, minimum=1)
WORKER_PROCESSES = env.integer("WORKER_PROCESSES", 2, minimum=1)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"], "INFO")},
    "loggers": {
        "django": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "picows": {"level": "WARNING"},
        "amqp": {"level": "WARNING"},
    },
}
