"""An index of packages on the loopback, and packages made to lie there."""

import contextlib
import hashlib
import io
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import trustme

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class Index:
    """Files of packages, in the folders that a simple index has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def wheel(self, name: str, version: str, *, metadata: str = "", source: str = "") -> Path:
        """A package of one module; the metadata say what it needs beside."""
        info = f"{name}-{version}.dist-info"
        return self._zip(
            name,
            version,
            {
                f"{name}/__init__.py": source.encode(),
                f"{info}/METADATA": (METADATA.format(name=name, version=version) + metadata).encode(),
                f"{info}/WHEEL": WHEEL.encode(),
            },
        )

    def source(self, name: str, version: str) -> Path:
        """A package that comes as source only, for setuptools to build."""
        setup = f"from setuptools import setup\nsetup(name={name!r}, version={version!r}, py_modules=[{name!r}])\n"
        members = {
            "setup.py": setup,
            f"{name}.py": "",
            "PKG-INFO": METADATA.format(name=name, version=version),
        }
        path = self._place(name, f"{name}-{version}.tar.gz")
        with tarfile.open(path, "w:gz") as archive:
            for member, text in members.items():
                described = tarfile.TarInfo(f"{name}-{version}/{member}")
                described.size = len(text.encode())
                archive.addfile(described, io.BytesIO(text.encode()))
        return path

    def installed(self, name: str) -> Path:
        """The wheel of a package as it is installed here."""
        found = distribution(name)
        members = {}
        for file in found.files or ():
            if "__pycache__" in file.parts or file.name in {"RECORD", "INSTALLER", "REQUESTED"}:
                continue
            outside = ".." in file.parts  # a program in bin/
            member = PurePosixPath(f"{name}-{found.version}.data/scripts", file.name) if outside else file
            members[str(member)] = Path(str(found.locate_file(file))).read_bytes()
        return self._zip(name, found.version, members)

    @contextlib.contextmanager
    def served(self, authority: trustme.CA) -> Iterator[str]:
        """Its address, while it answers there with a certificate of that authority."""
        index = self

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                index.asked.append(self.path)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(self.folder))) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            try:
                yield f"https://localhost:{server.server_port}/"
            finally:
                server.shutdown()
                serving.join()

    def _zip(self, name: str, version: str, members: Mapping[str, bytes]) -> Path:
        path = self._place(name, f"{name}-{version}-py3-none-any.whl")
        record = "".join(f"{member},,\n" for member in members) + f"{name}-{version}.dist-info/RECORD,,\n"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                described = zipfile.ZipInfo(member)
                described.external_attr = 0o755 << 16  # programs can be run
                archive.writestr(described, content)
            archive.writestr(f"{name}-{version}.dist-info/RECORD", record)
        return path

    def _place(self, name: str, file: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder / file


def lock(*files: Path) -> str:
    """The lines of a lock that pin these files."""
    return "".join(f"{_pin(path)} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files)


def _pin(path: Path) -> str:
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    return f"{name}=={version}"
