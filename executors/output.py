"""What is kept of a program's output: each line while it comes, the head and the tail of a long one, and the count.

Used by executors that run programs. It hides what it is told to hide before it cuts, so that no secret is cut in two.
"""

from collections.abc import Callable

LONGEST_LINE = 16 * 1024


class Captured:
    """One stream. Lines go to `tell` while half the limit lasts; after that the newest bytes are held for the end."""

    def __init__(self, *, limit: int, tell: Callable[[str], None], hide: Callable[[str], str] = str) -> None:
        self.total_bytes = 0
        self.truncated = False
        self._limit = limit
        self._used = 0
        self._tell = tell
        self._hide = hide
        self._head: list[str] = []
        self._unfinished = bytearray()
        self._tail: bytearray | None = None
        self._tail_text = ""

    def feed(self, chunk: bytes) -> None:
        self.total_bytes += len(chunk)
        if self._tail is None:
            self._unfinished += chunk
            self._take_lines()
            return
        self._tail += chunk
        held = self._limit + LONGEST_LINE
        if len(self._tail) > 2 * held:
            del self._tail[:-held]

    def close(self) -> None:
        """The stream has ended: tell the last line, or the end of what was too much."""
        if self._tail is None:
            if self._unfinished:
                self._keep(self._clean(bytes(self._unfinished)), end="")
            return
        self._tail_text = self._end_of(bytes(self._tail))
        if self.truncated:
            self._tell(self._mark())
        for line in self._tail_text.splitlines():
            self._tell(line)

    def text(self) -> str:
        return "".join(self._head) + (self._mark() + "\n" if self.truncated else "") + self._tail_text

    def last_line(self) -> str:
        """The last line that says something: with a failed program, usually why."""
        return next((line.strip() for line in reversed(self.text().splitlines()) if line.strip()), "")

    def _take_lines(self) -> None:
        while (at := self._line_end()) >= 0:
            if self._used + at > self._limit // 2:
                self._tail, self._unfinished = self._unfinished, bytearray()
                return
            line = self._clean(bytes(self._unfinished[:at]))
            del self._unfinished[: at + (self._unfinished[at : at + 1] == b"\n")]
            self._used += at + 1
            self._keep(line, end="\n")

    def _line_end(self) -> int:
        """Where the first line ends, -1 if it has not; a line without end is cut at its longest."""
        at = self._unfinished.find(b"\n", 0, LONGEST_LINE + 1)
        return LONGEST_LINE if at < 0 and len(self._unfinished) > LONGEST_LINE else at

    def _keep(self, line: str, *, end: str) -> None:
        self._head.append(line + end)
        self._tell(line)

    def _clean(self, raw: bytes) -> str:
        """Text that a database can hold, without the carriage returns that progress bars end in."""
        return self._hide(raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").rstrip("\r"))

    def _end_of(self, raw: bytes) -> str:
        """What the limit has room for, from the end; if that leaves something out, from the first whole line on."""
        text = "\n".join(self._clean(line) for line in raw.split(b"\n"))
        room = self._limit - self._used
        self.truncated = self.total_bytes > self._used + len(raw) or len(text) > room
        if len(text) <= room:
            return text
        cut = text[-room:]
        return cut.partition("\n")[2] or cut

    def _mark(self) -> str:
        return f"… the middle of {self.total_bytes} bytes is left out …"
