"""Text that came from a file or a folder's name, as a terminal or a figure may show it.

A name can hold anything: what moves the cursor, colours the rest or turns its direction is shown and not obeyed.
"""

import logging

LONG = 400  # characters of a word that nobody reads


def printable(text: str) -> str:
    """The same text with every character that prints nothing as its escape (`\\x1b`), line ends and tabs aside."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """The same in one line: every line end is an escape too, and of words that nobody reads the middle is left out."""
    escaped = text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    words = (word if len(word) <= LONG else f"{word[: LONG // 2]}…{word[-LONG // 2 :]}" for word in escaped.split(" "))
    return " ".join(words)


class PrintableFormatter(logging.Formatter):
    """Formats a record, and lets nothing in it act on the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
