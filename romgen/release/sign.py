"""Signatures of SHA256SUMS: SSHSIG, as `ssh-keygen -Y sign` and every OpenSSH since 8.0 make them.

Source of the format: OpenSSH, PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from romgen.errors import EXIT_TOOL, RomgenError, shown

NAMESPACE = "romgen-release"
"""What the signature is for: one made for another purpose does not verify."""
SIGNER = "release"
TIMEOUT = 120.0
"""Seconds; a person may have to touch a token or type a passphrase."""
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_WIDTH = 70
_MAGIC, _VERSION = b"SSHSIG", (1).to_bytes(4, "big")
_KEY = re.compile(r"(?P<type>[a-z0-9@.-]+) (?P<key>[A-Za-z0-9+/]+={0,2})(?: .*)?")


def command(key: str, file: str) -> str:
    """The command that signs a file, for a person to run where the key is."""
    return f"ssh-keygen -Y sign -n {NAMESPACE} -f {key} {file}"


def _ssh_keygen(arguments: Sequence[str], text: bytes | None = None) -> tuple[int, str]:
    """Run ssh-keygen. Errors: not installed, no end."""
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments],
            input=text if text is not None else b"",
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise RomgenError(
            "tool-missing",
            "",
            "ssh-keygen is not installed",
            "install the package openssh-client",
            status=EXIT_TOOL,
        ) from error
    except subprocess.TimeoutExpired as error:
        message = f"ssh-keygen did not end within {TIMEOUT:.0f} s"
        raise RomgenError("tool-timeout", "", message, status=EXIT_TOOL) from error
    return done.returncode, (done.stderr + done.stdout).decode(errors="replace")


def sign(data: bytes, key: Path) -> str:
    """The armored signature of `data`. Error: ssh-keygen refuses the key."""
    if not key.is_file():
        raise RomgenError("sign", shown(key), "there is no such key")
    status, said = 1, ""
    with tempfile.TemporaryDirectory(prefix="romgen-sign-") as folder:
        file = Path(folder) / "data"
        file.write_bytes(data)
        arguments = ["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key), str(file)]
        status, said = _ssh_keygen(arguments)
        result = file.with_suffix(".sig")
        if status == 0 and result.is_file():
            return result.read_text(encoding="ascii")
    raise RomgenError("sign", shown(key), "ssh-keygen does not sign with this key", detail=said)


def _is_key(kind: str, text: str) -> bool:
    """Whether the text is a key's bytes, which begin with the name of their kind."""
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return blob.startswith(len(kind).to_bytes(4, "big") + kind.encode())


def read_public_key(path: Path) -> str:
    """Type and key of a public key's file. Errors: unreadable, something else."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise RomgenError("file-read", shown(path), f"cannot read: {error.strerror}") from error
    match = _KEY.fullmatch(text)
    if match is None or not _is_key(match["type"], match["key"]):
        hint = "one line: ssh-ed25519 AAAA..."
        raise RomgenError("public-key", shown(path), "this is no public key of OpenSSH", hint)
    return f"{match['type']} {match['key']}"


def armor(blob: bytes) -> str:
    """The one form of a signature as text."""
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def dearmor(text: str) -> bytes | None:
    """A signature's bytes; None where the text is none."""
    lines = text.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        return None
    try:
        blob = base64.b64decode("".join(line.strip() for line in lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        return None
    return blob if blob.startswith(_MAGIC) else None


def _head(public_key: str) -> bytes:
    """How a signature by this key begins: version, key, our purpose, nothing reserved."""
    key = base64.b64decode(public_key.split()[1])
    parts = (key, NAMESPACE.encode(), b"")
    return _MAGIC + _VERSION + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def wrong_signature(data: bytes, signature: bytes, public_key: str) -> str:
    """What is wrong with the signature of `data`; "" where it is that of the key's owner.

    A signature that is written in another way than ssh-keygen does is wrong, too: so a changed bit
    of the file is found even where base64 or ssh-keygen would not mind (it takes version 0 for 1).
    """
    text = signature.decode("latin-1")
    blob = dearmor(text)
    if blob is None:
        return "this is no SSH signature"
    if armor(blob) != text:
        return "this signature is not written as ssh-keygen writes it"
    if not blob.startswith(_head(public_key)):
        return "the signature is not this key's, or made for another purpose"
    with tempfile.TemporaryDirectory(prefix="romgen-verify-") as folder:
        signers, file = Path(folder) / "signers", Path(folder) / "sig"
        signers.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {public_key}\n', encoding="ascii")
        file.write_bytes(signature)
        arguments = ["-Y", "verify", "-q", "-f", str(signers), "-I", SIGNER, "-n", NAMESPACE]
        status, said = _ssh_keygen([*arguments, "-s", str(file)], data)
    if status == 0:
        return ""
    reason = said.strip().splitlines()
    return f"the signature is not this key's: {reason[-1] if reason else 'ssh-keygen refuses it'}"
