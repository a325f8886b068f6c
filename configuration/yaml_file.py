"""A file of settings, read; whatever is wrong with it is told by its line."""

from pathlib import Path
from typing import Any

import yaml


class UnreadableFile(Exception):
    """The file is away or does not hold settings; one line that names it."""


def read(path: Path) -> dict[Any, Any]:
    """What the file holds; nothing where it is empty.

    Raises:
        UnreadableFile: it cannot be read.
    """
    text = _text(path)
    try:
        content = yaml.load(text, _Loader)  # noqa: S506  # a safe one
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableFile(f"{path}:{line}: not valid YAML: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnreadableFile(f"{path}:{line}: not valid YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise UnreadableFile(f"{path}: not valid YAML: it is nested too deep") from None
    if content is not None and not isinstance(content, dict):
        raise UnreadableFile(f"{path}: must hold `key: value` lines")
    return content or {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}; STOCKS_CONFIGURATION must name a readable file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"{path}:{line}: not text in UTF-8; save it as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """Names the line of a value that its type cannot have; PyYAML raises whatever its conversion raised."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # as it is there
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"this is no {kind}; put it in quotes if it is text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
