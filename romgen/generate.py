"""Generated includes and sources: templates of `layouts/templates/` filled from layout and tables.

Every `<file>.j2` there that ends in `.inc.j2` or `.asm.j2` becomes `build/<layout>/gen/<file>`.
A template sees `layout`, `formats`, `constants`, `errors`, `nics`, `version`, and `ev` (the table
of the boot variables, None in a project without `ev.toml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from construct import Construct, ConstructError, Renamed, Struct
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2 import TemplateSyntaxError as SyntaxProblem

from romgen.catalog import DETAIL_KINDS, WINDOWS, ErrorEntry, Nic, load_errors, load_nics
from romgen.error_rows import ErrorRows
from romgen.errors import RomgenError, shown
from romgen.ev.table import Table, load_table
from romgen.init_pack import WORK
from romgen.layout import FRAME_BUFFER, KEYS, Layout, read_layout
from romgen.layout_file import LayoutFolder
from romgen.project import Project, write_atomic
from romgen.version import current

if TYPE_CHECKING:
    from romgen.undi_blob import Blob

_CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
"""What jinja2 runs of a template."""


@dataclass(frozen=True, slots=True)
class FormatField:
    """A field of a structure: dotted name, offset and size in bytes; nested ones lie inside."""

    name: str
    offset: int
    size: int
    nested: tuple[FormatField, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A structure as the assembly sees it."""

    name: str
    size: int
    fields: tuple[FormatField, ...] = field(default=())


def _fields(name: str, struct: Struct, prefix: str, start: int) -> tuple[FormatField, ...]:
    """The named fields of a construct Struct that begins at `start`."""
    fields: list[FormatField] = []
    offset = start
    for sub in struct.subcons:
        try:
            size = int(sub.sizeof())
        except ConstructError as error:
            raise RomgenError(
                "format-size",
                f"romgen.formats:{name}.{prefix}{sub.name or '?'}",
                "this field has no fixed size, so assembly cannot use the structure",
            ) from error
        if sub.name and not sub.name.startswith("_"):
            inner: Construct = sub
            while isinstance(inner, Renamed):
                inner = inner.subcon
            dotted = f"{prefix}{sub.name}"
            nested = (
                _fields(name, inner, f"{dotted}.", offset) if isinstance(inner, Struct) else ()
            )
            fields.append(FormatField(dotted, offset, size, nested))
        offset += size
    return tuple(fields)


def describe(name: str, struct: Struct) -> Format:
    """Offsets and sizes of a construct Struct. Error: a field without a fixed size."""
    fields = _fields(name, struct, "", 0)
    return Format(name, int(struct.sizeof()), fields)


def nasm_string(text: str | bytes) -> str:
    """`text` as a nasm string in back quotes; every byte that is not plain ASCII escaped."""
    out = []
    for byte in text.encode() if isinstance(text, str) else text:
        char = chr(byte)
        if char in "`\\":
            out.append("\\" + char)
        elif 0x20 <= byte < 0x7F:
            out.append(char)
        else:
            out.append(f"\\x{byte:02x}")
    return "`" + "".join(out) + "`"


def nasm_hex(value: int, digits: int = 4) -> str:
    """`value` as a nasm number, `0x100E`."""
    return f"0x{value:0{digits}X}"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that templates are filled from."""

    layout: Layout
    nics: Mapping[str, Nic]
    errors: Sequence[ErrorEntry]
    formats: Sequence[Format]
    constants: Mapping[str, int]
    ev: Table | None
    blob: Blob | None = None

    def context(self) -> dict[str, Any]:
        """The names that a template sees."""
        version, _ = current()
        printed = [entry for entry in self.errors if entry.number // 1000 in self.layout.errors]
        return {
            "layout": self.layout,
            "nics": self.nics,
            "errors": self.errors,
            "printed": printed,
            "rows": ErrorRows(printed),
            "detail_kinds": DETAIL_KINDS,
            "windows": WINDOWS,
            "frame_buffer": FRAME_BUFFER,
            "unpack_work": WORK,
            "formats": self.formats,
            "constants": self.constants,
            "ev": self.ev,
            "blob": self.blob,
            "version": str(version),
            "version_word": version.word,
        }


def load_inputs(project: Project, layout: str) -> Inputs:
    """Layout and tables of `project`, read and checked."""
    return load_all_inputs(project, [layout])[0]


def load_all_inputs(project: Project, layouts: Sequence[str]) -> list[Inputs]:
    """The layouts, each with the tables of `project`, read and checked."""
    from romgen.formats import NASM_CONSTANTS, NASM_STRUCTS

    nics = load_nics(project.tables / "nics.toml", project.root)
    ev_path = project.tables / "ev.toml"
    folder = LayoutFolder(project.layouts, KEYS, nics, project.root)
    read = [read_layout(folder.find(name), nics) for name in layouts]
    inputs = Inputs(
        layout=read[0],
        nics=nics,
        errors=load_errors(project.tables / "errors", project.root),
        formats=[describe(name, struct) for name, struct in NASM_STRUCTS.items()],
        constants=NASM_CONSTANTS,
        ev=load_table(ev_path, project.root) if ev_path.is_file() else None,
    )
    return [replace(inputs, layout=layout, blob=_blob(project, layout)) for layout in read]


def _blob(project: Project, layout: Layout) -> Blob | None:
    """The other vendor's UNDI of a layout that has one."""
    if not layout.undi_blob:
        return None
    from romgen.undi_blob import read_blob

    return read_blob(project.root / layout.undi_blob, project.root)


def environment(folder: Path) -> Environment:
    """The jinja2 environment of the templates in `folder`."""
    env = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    env.filters["nasm"] = nasm_string
    env.filters["hex"] = nasm_hex
    return env


def render(env: Environment, name: str, context: Mapping[str, Any], base: Path) -> str:
    """The template `name` filled in. Errors: a mistake in the template, with its line."""
    path = Path(str(env.loader.searchpath[0]) if isinstance(env.loader, FileSystemLoader) else "")
    where = shown(path / name, base)
    try:
        return env.get_template(name).render(context)
    except SyntaxProblem as error:
        raise RomgenError("template", f"{where}:{error.lineno}", str(error.message)) from error
    except TemplateError as error:
        raise RomgenError("template", f"{where}:{_line(error, name)}", str(error)) from error


def _line(error: BaseException, name: str) -> int:
    """The template's line in which rendering stopped (the innermost frame of the template)."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class Generator:
    """Writes the generated files of layouts; for one run of romgen.

    A template that asks for nothing of the layout's is filled in once for all of them, one that
    asks for the texts alone once for each choice of texts.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.environment = environment(project.templates)
        self._texts: dict[tuple[object, ...], str] = {}
        self._of_layout: dict[str, bool] = {}
        self._rows: dict[tuple[int, ...], ErrorRows] = {}

    def write(self, inputs: Inputs, kind: str) -> list[Path]:
        """Write the generated files of the layout that end in `kind`: `.inc` or `.asm`."""
        folder = self.project.generated(inputs.layout.name)
        context = inputs.context()
        context["rows"] = self._rows.setdefault(inputs.layout.errors, context["rows"])
        written: list[Path] = []
        ours = self.environment.list_templates(filter_func=lambda one: one.endswith(f"{kind}.j2"))
        for name in ours:
            path = folder / name.removesuffix(".j2")
            if name not in self._of_layout:
                self._of_layout[name] = _of_layout(self.project.templates / name)
            key = (name, inputs.layout if self._of_layout[name] else inputs.layout.errors)
            if key not in self._texts:
                self._texts[key] = render(self.environment, name, context, self.project.root)
            write_atomic(path, self._texts[key])
            written.append(path)
        return written


def _of_layout(template: Path) -> bool:
    """Whether a template may give another text for each layout."""
    words = re.compile(r"\b(?:layout|blob|import|include|extends)\b")
    source = template.read_text(encoding="utf-8")
    return any(words.search(code) for code in _CODE.findall(source))


def generate(project: Project, inputs: Inputs, kind: str) -> list[Path]:
    """Write the generated files of the layout that end in `kind`: `.inc` or `.asm`."""
    return Generator(project).write(inputs, kind)
