"""Keys, and addresses that may hold a password: white space around them is dropped, what nothing carries is refused.

No message here shows any part of a secret.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

import redis_client

SHORTEST_API_KEY = 8
CARRIED = re.compile(r"[\x20-\x7e]*")  # by an HTTP header
CARRIED_BY_ADDRESS = re.compile(r"[\x21-\x7e]*")
# What MLflow keeps runs in; a bare word would be a folder wherever a command happens to be started.
MLFLOW_FORM = re.compile(r"(https?|(postgresql|mysql|mssql|sqlite)(\+\w+)?|file)://|/", re.IGNORECASE)
MLFLOW_FORMS = (
    "http://HOST:5000 or https://…, postgresql://, mysql://, mssql:// or sqlite:// with a database,"
    " file:///FOLDER, or a path that begins with /"
)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def credential(secret: SecretStr | None) -> SecretStr | None:
    """A key that a header can carry, without white space around it; null for an empty one.

    Raises:
        ValueError: a character of it fits in no header.
    """
    text = secret.get_secret_value().strip() if secret else ""
    if place := misfit(text):
        raise ValueError(f"its character {place} fits in no HTTP header or address; copy the key again")
    return SecretStr(text) if text else None


def misfit(key: str) -> int | None:
    """Place of the first character that no header carries, from 1; None where there is none."""
    carried = CARRIED.match(key)
    end = carried.end() if carried else 0
    return None if end == len(key) else end + 1


def long_credential(secret: SecretStr) -> SecretStr:
    """A key that opens routes of this service.

    Raises:
        ValueError: it is too short, or no header can carry it.
    """
    key = credential(secret)
    if key is None or len(key) < SHORTEST_API_KEY:
        raise ValueError(f"an API key has at least {SHORTEST_API_KEY} characters; leave the list empty to have none")
    return key


def redis_address(url: SecretStr | None) -> SecretStr | None:
    """A URL of Redis, without white space around it; null for an empty one.

    Raises:
        ValueError: it has no known form, or a character that no URL has.
    """
    text = _address(url.get_secret_value().strip()) if url else ""
    if not text:
        return None
    redis_client.check(text)
    return SecretStr(text)


def tracking_address(uri: str | None) -> str | None:
    """Where MLflow keeps runs, without white space around it; a URL, or that of a database or folder.

    Raises:
        ValueError: no URL has one of its characters, in a path it is a control character, or MLflow takes no such form.
    """
    text = (uri or "").strip()
    if CONTROL.search(text):
        raise ValueError("holds a line break or another control character; copy it again")
    if text and not MLFLOW_FORM.match(text):
        raise ValueError(f"MLflow takes no such address; it reads {MLFLOW_FORMS}")
    return (_address(text) if text.lower().startswith(("http:", "https:")) else text) or None


def _address(text: str) -> str:
    if not CARRIED_BY_ADDRESS.fullmatch(text):
        raise ValueError("a character of it stands in no URL; write it in percent-encoding, such as %20 for a space")
    return text


def check_keys(path: Path) -> Path:
    """`path`, when it is a file and every key in it can be sent; whether it may be read now is told while serving.

    Raises:
        ValueError: there is no such file, it is not UTF-8, or no header can carry one of its keys.
    """
    if not path.is_file():
        raise ValueError("there is no such file")
    try:
        keys = list(keys_of(path))
    except OSError:
        return path
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; write one key a line") from None
    for line, key in keys:
        if place := misfit(key):
            raise ValueError(f"character {place} of line {line} fits in no HTTP header; write that key anew")
    return path


def keys_of(path: Path) -> Iterator[tuple[int, str]]:
    """Number and key of each line that holds one; lines that begin with `#` hold none.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        key = line.strip()
        if key and not key.startswith("#"):
            yield number, key
