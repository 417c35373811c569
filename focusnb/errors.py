"""The errors of focusnb: one base, and each also a builtin, so that both kinds of `except` work.

::

    FocusError
    ├── BadValue            (ValueError)          a value that its parameter does not allow
    ├── UnknownName         (LookupError)         a word, step, image or group that nobody knows
    ├── UnknownFormat       (ValueError)          a file begins with bytes that no reader knows
    ├── BrokenFile          (ValueError)          a file is truncated, absurd or contradicts itself
    ├── BadSelection        (ValueError)          a selection (EXPR) that cannot be read
    ├── BadProject          (ValueError)          a project's own files cannot be read or written
    ├── BadStep             (ValueError)          a step's declaration contradicts itself or another
    ├── BadData             (ValueError)          pixels that cannot be processed: NaN, constant, too small
    ├── MissingProduct      (FileNotFoundError)   a step needs a file that no step has made
    ├── MissingProgram      (FileNotFoundError)   an external program is not installed
    ├── ProgramFailed       (RuntimeError)        an external program or a script ended badly
    ├── QueueError          (RuntimeError)        something that the queue does not allow now
    └── Cancelled           (RuntimeError)        the batch was cancelled while it ran

A message says what is wrong, which value it was, and how to mend it.
"""


class FocusError(Exception):
    """Whatever goes wrong here and can be told in one sentence."""


class BadValue(FocusError, ValueError):
    """A value that its parameter does not allow."""


class UnknownName(FocusError, LookupError):
    """A word, step, image or group that nobody knows."""


class UnknownFormat(FocusError, ValueError):
    """A file begins with bytes that no reader knows."""


class BrokenFile(FocusError, ValueError):
    """A file is truncated, absurd or contradicts itself."""


class BadSelection(FocusError, ValueError):
    """A selection (EXPR) that cannot be read."""


class BadProject(FocusError, ValueError):
    """A project's own files cannot be read or written."""


class BadStep(FocusError, ValueError):
    """A step's declaration contradicts itself or another one's."""


class BadData(FocusError, ValueError):
    """Pixels that cannot be processed: not finite, constant, too few."""


class MissingProduct(FocusError, FileNotFoundError):
    """A step needs a file that no step has made."""


class MissingProgram(FocusError, FileNotFoundError):
    """An external program is not installed where it is looked for."""


class ProgramFailed(FocusError, RuntimeError):
    """An external program or a script ended badly."""


class QueueError(FocusError, RuntimeError):
    """Something that the queue does not allow now."""


class Cancelled(FocusError, RuntimeError):
    """The batch was cancelled while it ran."""
