"""ELF files as bytes: quick looks at objects, and taking out what nasm puts there and nobody wants.

An object is read some 60 times in each build; pyelftools would take longer than nasm.

Sources: ELF-32 (section headers, symbol table), DWARF 2, 7.5.1 (unit header).
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

_SECTION_HEADER = struct.Struct("<10I")
_SIZE_FIELD, _INFO_FIELD = 20, 28
"""Offsets of sh_size and sh_info in a section header."""
_RELOCATION = struct.Struct("<2I")
_UNIT_LENGTH = struct.Struct("<I")
_SYMBOL = struct.Struct("<3I2BH")
_SHN_ABS = 0xFFF1
_TABLE_SECTION = re.compile(r"\.tbl\.([A-Za-z0-9_]+)\..+")


def raw_sections(data: bytes | bytearray) -> Iterator[tuple[str, int, int, int]]:
    """Name, offset of the header, offset and size of each section of an ELF-32 file."""
    (table,) = struct.unpack_from("<I", data, 0x20)
    entry, count, names_index = struct.unpack_from("<3H", data, 0x2E)
    names_at = _SECTION_HEADER.unpack_from(data, table + names_index * entry)[4]
    for index in range(count):
        header = table + index * entry
        name, _, _, _, offset, size, *_ = _SECTION_HEADER.unpack_from(data, header)
        end = data.index(0, names_at + name)
        yield data[names_at + name : end].decode(), header, offset, size


def table_names(path: Path) -> set[str]:
    """The tables that an object adds to (`.tbl.<name>.<order>`) or asks for (`tbl_<name>`).

    A table that is asked for and has no entry anywhere is an empty one.
    """
    data = path.read_bytes()
    sections = {name: (header, at, size) for name, header, at, size in raw_sections(data)}
    found = {match[1] for name in sections if (match := _TABLE_SECTION.fullmatch(name))}
    header, at, size = sections.get(".symtab", (0, 0, 0))
    if size:
        # Globals follow the locals: sh_info is the first one's index.
        (first,) = struct.unpack_from("<I", data, header + _INFO_FIELD)
        _, strings, _ = sections[".strtab"]
        for name_at, _, _, _, _, index in _SYMBOL.iter_unpack(
            data[at + first * _SYMBOL.size : at + size]
        ):
            start = strings + name_at
            if index == 0 and data.startswith(b"tbl_", start):
                name = data[start + 4 : data.index(0, start)].decode()
                found.add(name.removesuffix("_end"))
    return found


def forget_directory(path: Path, source: Path, cwd: Path) -> bool:
    """Empty DW_AT_comp_dir in the object `path`; True where it was found.

    nasm writes the absolute folder of the source there, so the same sources would give another
    ELF file in every checkout. (It is wrong, too: DW_AT_name is already relative to the folder in
    which nasm ran.)  Without it debuggers look from the folder in which they run.

    source: what was assembled, cwd: where nasm ran; either's folder may stand there (nasm 2 and 3)
    """
    data = bytearray(path.read_bytes())
    sections = {name: (header, at, size) for name, header, at, size in raw_sections(data)}
    if ".debug_info" not in sections:
        return False
    header, at, size = sections[".debug_info"]
    info = bytes(data[at : at + size])
    for folder in (os.path.realpath(source.parent) + "/", os.path.realpath(cwd)):
        text = b"\0" + os.fsencode(folder) + b"\0"
        if info.count(text) == 1:
            break
    else:
        return False
    cut = len(text) - 2
    behind = info.index(text) + 1
    (length,) = _UNIT_LENGTH.unpack_from(info)
    shorter = _UNIT_LENGTH.pack(length - cut) + info[4:behind] + info[behind + cut :]
    data[at : at + size] = shorter + bytes(cut)
    struct.pack_into("<I", data, header + _SIZE_FIELD, len(shorter))
    _, relocations, total = sections.get(".rel.debug_info", (0, 0, 0))
    for entry in range(relocations, relocations + total, _RELOCATION.size):
        place, what = _RELOCATION.unpack_from(data, entry)
        if place > behind:
            _RELOCATION.pack_into(data, entry, place - cut, what)
    path.write_bytes(data)
    return True


def drop_constants(path: Path) -> int:
    """Take the equates (local, absolute, no type) out of a linked program; returns how many.

    nasm emits every equate of an include into every object: thousands of times the same numbers.
    """
    data = bytearray(path.read_bytes())
    sections = {name: (header, at, size) for name, header, at, size in raw_sections(data)}
    if ".symtab" not in sections:
        return 0
    header, at, size = sections[".symtab"]
    symbols = list(_SYMBOL.iter_unpack(data[at : at + size]))
    kept = [entry for entry in symbols if entry[3] != 0 or entry[5] != _SHN_ABS]
    table = b"".join(_SYMBOL.pack(*entry) for entry in kept)
    data[at : at + size] = table.ljust(size, b"\0")
    # Locals come first, sh_info counts them; only locals were dropped.
    dropped = len(symbols) - len(kept)
    (local,) = struct.unpack_from("<I", data, header + _INFO_FIELD)
    struct.pack_into("<I", data, header + _SIZE_FIELD, len(table))
    struct.pack_into("<I", data, header + _INFO_FIELD, local - dropped)
    path.write_bytes(data)
    return dropped
