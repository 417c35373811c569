"""A part that has sheets: it tells them to its page, and does what is asked of their fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Unicode

from focusnb.errors import BadValue
from focusnb_widgets.desk import WRONG
from focusnb_widgets.forms.fields import completed, is_folder
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.part import Part


class SheetPart(Part):
    """A part with sheets by name. What has changed since a page was told last is told again.

    line: the last action as Python.
    """

    line = Unicode("").tag(sync=True)

    def __init__(self, desk: Any, sheets: Mapping[str, Sheet] | None = None) -> None:
        self.sheets: dict[str, Sheet] = dict(sheets or {})
        self._told: dict[str, str] = {}
        self._open = False  # whether a page is there
        self._pages: dict[str, bool] = {}  # and which pages can be seen: others lie behind a tab
        super().__init__(desk)
        self.desk.observe(self._project_changed, "revision")

    # -- for scripts --------------------------------------------------------------------------

    def apply(self, sheet: str = "") -> str:
        """Write what was changed in a sheet; give a sentence. Nothing is written if any is wrong."""
        chosen = self._sheet(sheet)
        count = len(chosen.texts)
        self._did(chosen.apply())
        return f"{count} {'value' if count == 1 else 'values'} set: {chosen.target.title}"

    def reset(self, word: str, sheet: str = "") -> str:
        """Remove a value at this level, so that what is inherited holds again."""
        chosen = self._sheet(sheet)
        self._did(chosen.reset(word))
        return f"{chosen.params[word].label}: what is inherited holds again"

    def lock(self, word: str, on: bool = True, sheet: str = "") -> str:
        """Lock a value at this level: steps and people leave it alone."""
        chosen = self._sheet(sheet)
        self._did(chosen.lock(word, on))
        return f"{chosen.params[word].label} {'locked' if on else 'unlocked'}"

    def unlock(self, word: str, sheet: str = "") -> str:
        """Unlock a value at this level."""
        return self.lock(word, False, sheet)

    def discard(self, sheet: str = "") -> None:
        """Forget what was changed and not written."""
        self._sheet(sheet).discard()
        self.tell()

    def tell(self) -> None:
        """Tell the page what has changed of the sheets, if there is a page and somebody sees it."""
        if not self._seen:
            return
        for name, sheet in list(self.sheets.items()):
            self._tell_sheet(name, sheet)

    # -- messages -----------------------------------------------------------------------------

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> Any:
        """Answer a page that has just been opened."""
        self._open, self._told = True, {}
        self.tell()

    def do_alive(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer a sign of life; files that people edit by hand are looked at too."""
        super().do_alive(message, buffers)
        self.tell()

    def do_visible(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Notice whether a page can be seen; what nobody sees is worked out when it is seen again."""
        if message.get("ended"):
            self._pages.pop(str(message["page"]), None)
        else:
            self._pages[str(message["page"])] = bool(message["on"])
        self.tell()

    def do_edit(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Take a change of a field, and say what is to be said of it."""
        name, word = message["sheet"], message["word"]
        sheet = self._sheet(name)
        try:
            said = sheet.edit(word, message["value"])
        except WRONG as error:  # the page waits for an answer about just this field
            said = {"wrong": str(error), "note": {}}
        self._edited(name)
        self.send(
            {"edited": word, "sheet": name, "is_changed": word in sheet.texts, **said, **sheet.summary()}
        )  # fmt: skip

    def do_paths(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell how a path that is being typed may go on."""
        sheet = self._sheet(message["sheet"])
        param = sheet.params.get(message["word"])
        if param is not None:
            found = completed(str(message["text"]), sheet.target.base, folders=is_folder(param))
            self.send({"paths": found, "sheet": message["sheet"], "word": param.name})

    def do_apply(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Write what was changed."""
        return self._done(self.apply(message["sheet"]), message)

    def do_discard(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Forget what was changed."""
        self._told.pop(message["sheet"], None)
        self._sheet(message["sheet"]).discard()
        self._edited(message["sheet"])
        self.tell()

    def do_reset(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Remove a value."""
        return self._done(self.reset(message["word"], message["sheet"]), message)

    def do_lock(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Lock a value, or unlock it."""
        said = self.lock(message["word"], bool(message["on"]), message["sheet"])
        return self._done(said, message)

    # -- inside -------------------------------------------------------------------------------

    @property
    def _seen(self) -> bool:
        """Whether there is a page that somebody can see."""
        return self._open and (not self._pages or any(self._pages.values()))

    def _sheet(self, name: str) -> Sheet:
        name = name or next(iter(self.sheets), "")
        if name not in self.sheets:
            raise BadValue("this form is not there any more; choose it again")
        return self.sheets[name]

    def _edited(self, sheet: str) -> None:
        """What else follows from a change."""

    def _did(self, line: str) -> None:
        self.desk.line = self.line = line
        self.desk.look()
        self.tell()

    def _done(self, said: str, message: Mapping[str, Any]) -> str:
        self._edited(message["sheet"])
        return said

    def _project_changed(self, _: Any) -> None:
        self.tell()

    def _tell_sheet(self, name: str, sheet: Sheet) -> None:
        try:
            told = {"sheet": name, "broken": "", **sheet.told()}
        except WRONG as error:
            told = {"sheet": name, "broken": str(error)}
        text = json.dumps(told, sort_keys=True, default=str)
        if self._told.get(name) != text:
            self._told[name] = text
            self.send(told)
