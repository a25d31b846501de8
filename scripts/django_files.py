"""What `scripts/try_django.py` writes: settings, a unit, and the file of the service."""

from __future__ import annotations

SETTINGS = '''\
"""The project's settings, with the database that DATABASE_URL names."""
import os
from urllib.parse import unquote, urlsplit

from {settings} import *  # noqa: F403

_url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/"),
        "USER": unquote(_url.username or ""),
        "PASSWORD": unquote(_url.password or ""),
        "HOST": _url.hostname,
        "PORT": _url.port or 5432,
    }}
}}
ALLOWED_HOSTS = ["*"]
'''

UNIT = """\
[Unit]
Description={name}
After=network.target

[Service]
User=www-data
WorkingDirectory=/srv/{name}/code
EnvironmentFile=/etc/{name}/env
ExecStart=/usr/local/bin/python3 manage.py runserver --noreload --insecure 0.0.0.0:{port}
Restart=always

[Install]
WantedBy=multi-user.target
"""

CONFIG = """\
record  = "{name}.{zone}"
account = "{account}"
region  = "{region}"
files   = "none"

[code]
source  = "{project}"
path    = "/srv/{name}/code"

[app]
units    = ["{name}"]
env_file = "/etc/{name}/env"

[database]
engine   = "postgres"
admin    = "ssm:{admin}"
app_role = "{name}"
migrate  = ["/usr/local/bin/python3 manage.py migrate --noinput"]
copy     = "always"
writes   = "freeze"

[[smoke]]
http   = "{smoke}"
expect = 200
port   = {port}
tries  = 30
every  = "1s"

[ssh]
user = "{user}"
port = {ssh_port}
key  = "file:{key}"
"""
