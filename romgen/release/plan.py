"""What is to be released, and whether it may be: tag, clean tree, changelog, security epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from romgen.errors import EXIT_FINDINGS, EXIT_TOOL, RomgenError
from romgen.source import git, is_checkout
from romgen.tools import locate
from romgen.version import Version

CHANGELOG = "CHANGELOG.md"
VERSION_FILE = "romgen/__init__.py"
TAG_PREFIX = "v"
_HEADING = re.compile(r"^## \[?v?(?P<version>[0-9][^\s\]]*)\]?(?:\s.*)?$", re.MULTILINE)
_SETTING = re.compile(r"^(__version__|__security_epoch__)\s*=\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """A release that may be made.

    commit: 40 hex digits; date: of the commit, seconds since 1970
    previous: tag of the last release before this one, "" for the first
    notes: the changelog's section, without its heading
    """

    root: Path
    version: Version
    tag: str
    commit: str
    date: int
    security_epoch: int
    previous: str
    notes: str


def _refuse(code: str, where: str, message: str, hint: str = "", detail: str = "") -> RomgenError:
    return RomgenError(
        f"release-{code}", where, message, hint, status=EXIT_FINDINGS, detail=detail
    )


def section(text: str, version: str) -> str | None:
    """The changelog's section of a version, without its heading; None where there is none."""
    found = list(_HEADING.finditer(text))
    for index, match in enumerate(found):
        if match["version"] == version:
            end = found[index + 1].start() if index + 1 < len(found) else len(text)
            return text[match.end() : end].strip()
    return None


def settings(text: str) -> tuple[str, int]:
    """Version and security epoch of the text of romgen/__init__.py; "" and 0 for what it lacks."""
    found = {name: value.strip().strip("\"'") for name, value in _SETTING.findall(text)}
    epoch = found.get("__security_epoch__", "0")
    return found.get("__version__", ""), int(epoch) if epoch.isdecimal() else 0


def _clean(root: Path) -> None:
    """Raise where anything in the tree is not as it was committed."""
    changed = git(root, "status", "--porcelain", "--untracked-files=all")
    if changed is None:
        raise _refuse("checkout", str(root), "git status fails here")
    if changed:
        count = len(changed.splitlines())
        detail = "\n".join(changed.splitlines()[:20])
        message = f"the tree is dirty: {count} file{'s' * (count != 1)}"
        raise _refuse("dirty", "", message, "commit them, or take them away", detail)


def _last(root: Path, version: Version, own: str) -> tuple[str, int]:
    """The last release before this one, and the highest security epoch of all before it."""
    tags: list[tuple[tuple[object, ...], str]] = []
    epoch = 0
    for name in (git(root, "tag", "--list", f"{TAG_PREFIX}*") or "").split():
        if name == own:
            continue
        try:
            tagged = Version.parse(name)
        except RomgenError:
            continue  # a tag of another kind
        if tagged.order < version.order:
            tags.append((tagged.order, name))
            _, its_epoch = settings(git(root, "show", f"{name}:{VERSION_FILE}") or "")
            epoch = max(epoch, its_epoch)
    return (max(tags)[1] if tags else ""), epoch


def make_plan(root: Path) -> Plan:
    """The release of the tag at HEAD.

    Errors: git is missing, no checkout, a shallow one, a dirty tree, no tag for the version at
    HEAD, no section in the changelog, a security epoch lower than a former release's.
    """
    if locate("git") is None:
        hint = "install the package git"
        raise RomgenError("tool-missing", "", "git is not installed", hint, status=EXIT_TOOL)
    if not is_checkout(root):
        raise _refuse("checkout", str(root), "this is no git checkout", "a release needs one")
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        message = "this is a shallow clone: former releases are not in it"
        raise _refuse("checkout", "", message, "git fetch --unshallow --tags")
    _clean(root)
    head = (git(root, "log", "-1", "--format=%H %ct") or "").split()
    if len(head) != 2:
        raise _refuse("checkout", str(root), "there is no commit")
    text, epoch = settings((root / VERSION_FILE).read_text(encoding="utf-8"))
    version = Version.parse(text, VERSION_FILE)
    tag = f"{TAG_PREFIX}{version}"
    if git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}") != head[0]:
        there = git(root, "tag", "--points-at", "HEAD") or "none"
        message = f"the tag {tag} of __version__ is not at HEAD; tags there: {there}"
        raise _refuse("tag", VERSION_FILE, message, f"git tag -a {tag}")
    previous, least = _last(root, version, tag)
    if epoch < least:
        message = f"security epoch {epoch}, but a former release has {least}"
        raise _refuse("epoch", VERSION_FILE, message, "it must not fall")
    path = root / CHANGELOG
    notes = section(path.read_text(encoding="utf-8"), str(version)) if path.is_file() else None
    if not notes:
        wrong = "is empty" if notes == "" else "is missing"
        message = f"the section of {version} {wrong}"
        raise _refuse("changelog", CHANGELOG, message, f"write it below `## {version}`")
    return Plan(root, version, tag, head[0], int(head[1]), epoch, previous, notes)
