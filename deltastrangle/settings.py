"""Every setting of the platform.

Environment variables are read here and nowhere else; docs/configuration.md describes them.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltastrangle.env import (
    env_bool,
    env_float,
    env_int,
    env_list,
    env_path,
    env_rate,
    env_secret,
    env_str,
    parse_database_url,
    require_secret,
)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- What this process is -------------------------------------------------------------------------

DEBUG = env_bool("DEBUG", False)
STRANGLE_ROLE = env_str("STRANGLE_ROLE", "web", choices=("web", "worker"))
STRANGLE_LAYOUT = env_str("STRANGLE_LAYOUT", "embedded", choices=("embedded", "split"))
APP_NAME = env_str("APP_NAME", "Delta Strangle")
IS_WORKER = STRANGLE_ROLE == "worker"

DATA_DIR = env_path("DATA_DIR", BASE_DIR / "data")
SECRETS_DIR = DATA_DIR / "secrets"
TAPE_DIR = env_path("TAPE_DIR", DATA_DIR / "tapes")
TAPE_MAX_MB_PER_DAY = env_int("TAPE_MAX_MB_PER_DAY", 1000)
TAPE_KEEP_DAYS = env_int("TAPE_KEEP_DAYS", 90)

SECRET_KEY = require_secret("SECRET_KEY", directory=SECRETS_DIR, debug=DEBUG)
JWT_SECRET_KEY = require_secret("JWT_SECRET_KEY", directory=SECRETS_DIR, debug=DEBUG)

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
ALLOWED_ORIGINS = env_list("ALLOWED_ORIGINS")

# --- Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "accounts",
    # Before channels, whose `runworker` ours replaces: of two commands of one name, the first app's wins.
    "trading",
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "django_filters",
    "axes",
    "deltastrangle",
    "analytics",
    "logviewer",
]

MIDDLEWARE = [
    "deltastrangle.middleware.CorrelationIdMiddleware",
    "deltastrangle.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "deltastrangle.middleware.ApplicationErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
if ALLOWED_ORIGINS:
    MIDDLEWARE.insert(1, "deltastrangle.middleware.CorsMiddleware")

ROOT_URLCONF = "deltastrangle.urls"
ASGI_APPLICATION = "deltastrangle.asgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------------

DATABASE_URL = env_secret("DATABASE_URL")
# The engine's own connection must not lose a committed intent to a power cut; the web can afford to.
SQLITE_SYNCHRONOUS = env_str("SQLITE_SYNCHRONOUS", "FULL" if IS_WORKER else "NORMAL", choices=("NORMAL", "FULL", "OFF"))
SQLITE_BUSY_TIMEOUT_SECONDS = 5
# A server that is gone without a word must not hold a call for the hours that TCP would wait; the URL may say other.
POSTGRES_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "options": "-c lock_timeout=10s",
}


def _database() -> dict[str, Any]:
    url = DATABASE_URL or f"sqlite:///{DATA_DIR / 'delta_strangle.sqlite3'}"
    database = parse_database_url(url)
    if database["ENGINE"].endswith("sqlite3"):
        Path(database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        database["OPTIONS"] = {
            "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
            "transaction_mode": "IMMEDIATE",
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={SQLITE_SYNCHRONOUS};",
        }
    else:
        database["CONN_HEALTH_CHECKS"] = True
        database["OPTIONS"] = {**POSTGRES_PATIENCE, **database["OPTIONS"]}
    # A thread keeps its connection from one request to the next (deltastrangle.handler).
    database["CONN_MAX_AGE"] = 60
    return database


DATABASES = {"default": _database()}

# --- Channel layer --------------------------------------------------------------------------------

REDIS_URL = env_secret("REDIS_URL")
REDIS_PREFIX = env_str("REDIS_PREFIX", "strangle")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": REDIS_PREFIX},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}
    )
}

# --- Accounts -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "live"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.PermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
REGISTRATION_ENABLED = env_bool("REGISTRATION_ENABLED", False)
INITIAL_SUPERUSER_EMAIL = env_str("INITIAL_SUPERUSER_EMAIL")
INITIAL_SUPERUSER_PASSWORD = env_secret("INITIAL_SUPERUSER_PASSWORD")

AXES_FAILURE_LIMIT = env_int("LOGIN_FAILURE_LIMIT", 5)
AXES_COOLOFF_TIME = timedelta(minutes=env_int("LOGIN_COOLOFF_MINUTES", 15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# Failures and lockouts are audit events (accounts.services), so axes keeps no second diary.
AXES_DISABLE_ACCESS_LOG = True

# --- API ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Every view of ours names its own (a test looks); this one is for those of libraries.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "deltastrangle.negotiation.OwnFormat",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "deltastrangle.errors.api_exception_handler",
    "COERCE_DECIMAL_TO_STRING": False,
}
# Requests a client may make; counted in this process (accounts.api.throttling). A panic is never counted.
API_LOGIN_RATE = env_rate("API_LOGIN_RATE", "30/min")
API_CONTROL_RATE = env_rate("API_CONTROL_RATE", "120/min")
ACCESS_TOKEN_EXPIRE_MINUTES = env_int("ACCESS_TOKEN_EXPIRE_MINUTES", env_int("JWT_EXPIRES_MINUTES", 60))
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "HS256",
    "USER_ID_CLAIM": "sub",
    "SIGNING_KEY": JWT_SECRET_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": APP_NAME,
    "DESCRIPTION": "Control plane of a short-strangle engine on Delta Exchange options.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "deltastrangle.openapi.describe_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "SessionModeEnum": "trading.models.configuration.Mode",
        "TradingModeEnum": "trading.models.control.TradingModeChoice",
    },
}

# --- Time, language, static files -----------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = env_path("STATIC_ROOT", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_MANIFEST = env_bool("STATIC_MANIFEST", not DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if STATIC_MANIFEST
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST
WHITENOISE_AUTOREFRESH = DEBUG

# --- Transport security ---------------------------------------------------------------------------

SECURE = env_bool("SECURE", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = env_int("SECURE_HSTS_SECONDS", 31_536_000 if SECURE else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env_bool("TRUST_FORWARDED_PROTO", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "deltastrangle.errors.csrf_failure"

# --- Logs -----------------------------------------------------------------------------------------

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_LEVEL = env_str("LOG_LEVEL", "INFO", choices=LOG_LEVELS)
CONSOLE_LOG_LEVEL = env_str("CONSOLE_LOG_LEVEL", LOG_LEVEL, choices=LOG_LEVELS)
BACKEND_LOG_PATH = env_path("BACKEND_LOG_PATH", DATA_DIR.parent / "logs" / "backend.log")
# Whether the web process reads the log into the database; `manage.py ingest_logs` does so in any case.
BACKEND_LOG_INGEST_ENABLED = env_bool("BACKEND_LOG_INGEST_ENABLED", True)
BACKEND_LOG_POLL_INTERVAL = env_float("BACKEND_LOG_POLL_INTERVAL", 1.0)
BACKEND_LOG_RETENTION_DAYS = env_int("BACKEND_LOG_RETENTION_DAYS", 7)
BACKEND_LOG_MAX_ROWS = env_int("BACKEND_LOG_MAX_ROWS", 2_000_000)
BACKEND_LOG_FILE_RETENTION_DAYS = env_int("BACKEND_LOG_FILE_RETENTION_DAYS", 30)
LOG_INGEST_API_KEY = env_secret("LOG_INGEST_API_KEY")
LOG_INGEST_MAX_BATCH = env_int("LOG_INGEST_MAX_BATCH", 100)
LOG_INGEST_RATE = env_rate("LOG_INGEST_RATE", "120/min")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "deltastrangle.logs.JsonFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "level": CONSOLE_LOG_LEVEL},
        "file": {
            "class": "deltastrangle.logs.SharedRotatingFileHandler",
            "formatter": "json",
            "filename": str(BACKEND_LOG_PATH),
            "maxBytes": 10_000_000,
            "backupCount": 5,
        },
    },
    "root": {"handlers": ["stderr", "file"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "daphne": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # What reads the log must not write a line for every line it reads.
        "watchdog": {"level": "WARNING"},
    },
}

# --- Alerts ---------------------------------------------------------------------------------------

# Addresses with their least severity; they are secrets, and never shown or logged.
ALERT_URLS = env_secret("ALERT_URLS")
ALERT_WORKER_SILENT_SECONDS = env_float("ALERT_WORKER_SILENT_SECONDS", 15.0)
ALERT_VENUE_AWAY_SECONDS = env_float("ALERT_VENUE_AWAY_SECONDS", 30.0)

# --- Trading --------------------------------------------------------------------------------------

ENGINE_OWNER = env_str("ENGINE_OWNER", f"{socket.gethostname()}:{os.getpid()}")
ENGINE_LEASE_SECONDS = env_float("ENGINE_LEASE_SECONDS", 3.0)
ENGINE_COMMAND_POLL_SECONDS = env_float("ENGINE_COMMAND_POLL_SECONDS", 0.5)
ENGINE_PUBLISH_SECONDS = env_float("ENGINE_PUBLISH_SECONDS", 0.25)

# Health gates: where each closes and where it may open again; a closing threshold of 0 switches a gate off.
GATE_HOLD_SECONDS = env_float("GATE_HOLD_SECONDS", 30.0)
GATE_QUOTE_AGE_CLOSE = env_float("GATE_QUOTE_AGE_CLOSE", 30.0)
GATE_QUOTE_AGE_REOPEN = env_float("GATE_QUOTE_AGE_REOPEN", 10.0)
GATE_VENUE_LATENCY_CLOSE = env_float("GATE_VENUE_LATENCY_CLOSE", 2000.0)
GATE_VENUE_LATENCY_REOPEN = env_float("GATE_VENUE_LATENCY_REOPEN", 1000.0)
GATE_CLOCK_SKEW_CLOSE = env_float("GATE_CLOCK_SKEW_CLOSE", 3000.0)
GATE_CLOCK_SKEW_REOPEN = env_float("GATE_CLOCK_SKEW_REOPEN", 1500.0)
GATE_REJECTS_CLOSE = env_float("GATE_REJECTS_CLOSE", 10.0)
GATE_REJECTS_REOPEN = env_float("GATE_REJECTS_REOPEN", 3.0)
GATE_THROTTLED_CLOSE = env_float("GATE_THROTTLED_CLOSE", 3.0)
GATE_THROTTLED_REOPEN = env_float("GATE_THROTTLED_REOPEN", 0.0)
GATE_DISK_SPACE_CLOSE = env_float("GATE_DISK_SPACE_CLOSE", 500.0)
GATE_DISK_SPACE_REOPEN = env_float("GATE_DISK_SPACE_REOPEN", 1000.0)
GATE_DATABASE_LATENCY_CLOSE = env_float("GATE_DATABASE_LATENCY_CLOSE", 1000.0)
GATE_DATABASE_LATENCY_REOPEN = env_float("GATE_DATABASE_LATENCY_REOPEN", 500.0)

SIMULATED_VENUE_SEED = env_int("SIMULATED_VENUE_SEED", 7)
SIMULATED_VENUE_SPEED = env_float("SIMULATED_VENUE_SPEED", 1.0)
SIMULATED_VENUE_START = env_str("SIMULATED_VENUE_START", "09:20")
SIMULATED_VENUE_PATH = env_path("SIMULATED_VENUE_PATH", DATA_DIR / "simulated_venue.sqlite3")
SIMULATED_VENUE_BALANCE = env_str("SIMULATED_VENUE_BALANCE", "10000")
SIMULATED_VENUE_FAULTS = env_str("SIMULATED_VENUE_FAULTS")

# Whether a session of mode `live` may be started at all.
DELTA_LIVE_TRADING = env_bool("DELTA_LIVE_TRADING", False)
DELTA_ENVIRONMENTS = ("india_prod", "india_testnet", "global_prod", "global_testnet")
DELTA_ENVIRONMENT = env_str("DELTA_ENVIRONMENT", "india_prod", choices=DELTA_ENVIRONMENTS)
# Empty addresses are those of the environment.
DELTA_BASE_URL = env_str("DELTA_BASE_URL")
DELTA_PUBLIC_WS_URL = env_str("DELTA_PUBLIC_WS_URL")
DELTA_PRIVATE_WS_URL = env_str("DELTA_PRIVATE_WS_URL")
DELTA_TESTNET_URL = env_str("DELTA_TESTNET_URL")
DELTA_TESTNET_PUBLIC_WS_URL = env_str("DELTA_TESTNET_PUBLIC_WS_URL")
DELTA_TESTNET_PRIVATE_WS_URL = env_str("DELTA_TESTNET_PRIVATE_WS_URL")
# Not 1 only at a simulator in a hurry.
DELTA_TESTNET_SPEED = env_float("DELTA_TESTNET_SPEED", 1.0)
DELTA_WEIGHT_LIMIT = env_int("DELTA_WEIGHT_LIMIT", 10_000)
DELTA_DEAD_MAN = env_bool("DELTA_DEAD_MAN", False)
DELTA_MARGIN_CHECK = env_bool("DELTA_MARGIN_CHECK", True)
# Only the worker may know the exchange's keys: in any other process the names do not even exist.
if IS_WORKER:
    DELTA_API_KEY = env_secret("DELTA_API_KEY")
    DELTA_API_SECRET = env_secret("DELTA_API_SECRET")
    DELTA_TESTNET_API_KEY = env_secret("DELTA_TESTNET_API_KEY")
    DELTA_TESTNET_API_SECRET = env_secret("DELTA_TESTNET_API_SECRET")
