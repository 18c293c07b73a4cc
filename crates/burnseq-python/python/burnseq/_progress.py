"""Progress of long work: a bar of tqdm where it is installed, else lines on standard error."""

import sys
import time


def reporter(progress, what):
    """What the argument ``progress`` asks for: nothing, a bar for True, or its own calls for a function of (done, total)."""
    if progress is False:
        return None
    if progress is not True:
        if not callable(progress):
            raise TypeError(
                f"'progress' must be True, False or a function of (done, total), got {type(progress).__name__}"
            )
        return Calls(progress)
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return Lines(what)
    return Bar(tqdm, what)


class Calls:
    """Calls a function of the program."""

    def __init__(self, function):
        self.function = function

    def __call__(self, done, total):
        self.function(done, total)

    def close(self):
        """Nothing is open."""


class Bar:
    """A bar of tqdm, which also shows in notebooks."""

    def __init__(self, tqdm, what):
        self.bar = tqdm(desc=what, unit=" texts", total=0)

    def __call__(self, done, total):
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def close(self):
        """Leaves the bar as it is."""
        self.bar.refresh()
        self.bar.close()


class Lines:
    """Text on standard error: over itself on a terminal, else a line every ten seconds."""

    def __init__(self, what):
        self.what = what
        self.start = time.monotonic()
        self.is_terminal = sys.stderr.isatty()
        self.pause = 0.2 if self.is_terminal else 10
        self.told = self.start
        self.is_open = False

    def __call__(self, done, total):
        now = time.monotonic()
        if done < total and now - self.told < self.pause:
            return
        self.told = now
        rate = done / max(now - self.start, 1e-9)
        line = f"{self.what} {done:,}/{total:,} texts, {rate:,.1f}/s, {(total - done) / max(rate, 1e-9):.0f}s left"
        if self.is_terminal:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
            self.is_open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self):
        """Ends the line that a terminal shows."""
        if self.is_open:
            print(file=sys.stderr)
