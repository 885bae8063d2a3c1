"""Damages the bytes of a text file in the ways in which files of people are damaged."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DataObject

Damage = Callable[[DataObject, bytes], bytes]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
STRANGE: list[str] = [*"\x00\xff\"'\\[]{}=,;\t\u00a0\u200bä€🙂#"]
# Contents that have nothing to do with the file, some of which are hard to read.
OTHERS = [b"", b"\n", b" \n ", b"\x00" * 16, b"\x89PNG\r\n\x1a\n\x00", b"PK\x03\x04", b"[" * 3000, b'{"a":' * 3000]
OTHERS += [b"a = " + b"[" * 3000, b"9" * 5000, b"a = " + b"9" * 5000]


def place(data: DataObject, content: bytes) -> int:
    """A place in the content, its end included."""
    return data.draw(st.integers(0, len(content)))


def cut(data: DataObject, content: bytes) -> bytes:
    """The file ends early."""
    return content[: place(data, content)]


def lost(data: DataObject, content: bytes) -> bytes:
    """Some bytes in the middle are missing."""
    begin = place(data, content)
    return content[:begin] + content[begin + data.draw(st.integers(1, 40)) :]


def flipped(data: DataObject, content: bytes) -> bytes:
    """One bit of one byte is wrong."""
    if not content:
        return content
    at = data.draw(st.integers(0, len(content) - 1))
    return content[:at] + bytes([content[at] ^ (1 << data.draw(st.integers(0, 7)))]) + content[at + 1 :]


def inserted(data: DataObject, content: bytes) -> bytes:
    """One sign is in the way: a quote, a bracket, a separator, NUL, a blank that is not one."""
    at, sign = place(data, content), data.draw(st.sampled_from(STRANGE))
    return (
        content[:at] + sign.encode(data.draw(st.sampled_from(["utf-8", "utf-8", "latin-1"])), "ignore") + content[at:]
    )


def moved_line(data: DataObject, content: bytes) -> bytes:
    """One line is missing, is there twice, or stands at another place."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    line = lines.pop(data.draw(st.integers(0, len(lines) - 1)))
    for _ in range(data.draw(st.integers(0, 2))):
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    return b"".join(lines)


def other_line_ends(data: DataObject, content: bytes) -> bytes:
    """The file comes from another system, or all its lines were joined."""
    return content.replace(b"\n", data.draw(st.sampled_from([b"\r\n", b"\r", b"\n\n", b"\x0b", b"\xe2\x80\xa8", b" "])))


def other_encoding(data: DataObject, content: bytes) -> bytes:
    """The file was saved in another encoding."""
    encoding = data.draw(st.sampled_from(["utf-16", "utf-16-le", "utf-8-sig", "latin-1", "cp037", "utf-32"]))
    return f"{content.decode('utf-8', 'replace')} ä".encode(encoding, "replace")


def marked(data: DataObject, content: bytes) -> bytes:
    """A byte order mark stands at the beginning, or somewhere else."""
    at = data.draw(st.sampled_from([0, place(data, content)]))
    return content[:at] + BYTE_ORDER_MARK + content[at:]


def replaced(data: DataObject, _: bytes) -> bytes:
    """The file has another content: none, blanks, bytes, a deep nest of brackets, a number of many digits."""
    return data.draw(st.sampled_from(OTHERS))


DAMAGES: tuple[Damage, ...] = (
    cut,
    lost,
    flipped,
    inserted,
    moved_line,
    other_line_ends,
    other_encoding,
    marked,
    replaced,
)


def damaged(data: DataObject, content: bytes, *, most: int = 2) -> bytes:
    """The content after one damage or several."""
    for damage in data.draw(st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=most)):
        content = damage(data, content)
    return content
