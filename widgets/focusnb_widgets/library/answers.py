"""What the page of the library table asks for, and the answers."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from focusnb import session
from focusnb.errors import BadValue
from focusnb.model.expr import places
from focusnb.model.group import TRASH
from focusnb.model.step import CATEGORIES
from focusnb.model.text import counted
from focusnb_widgets.library import kept, wire
from focusnb_widgets.part import Part

Message = Mapping[str, Any]
Buffers = Sequence[Any]
TABLE = 'workbench.parts["table"]'  # how lines name the table where the project alone cannot do it
ASKED_MOST = 200  # small pictures in one question


class Answers(Part):
    """The page's questions: {"do": NAME, …} is answered by `do_NAME`. The table itself adds the rest."""

    choosing = ""  # the page that is choosing just now: it needs no echo

    def do_ready(self, message: Message, buffers: Buffers) -> None:
        """Send everything."""
        self.send_all()
        self.tell_lists()

    # -- choosing -------------------------------------------------------------------------------

    def do_select(self, message: Message, buffers: Buffers) -> None:
        """Choose the images whose numbers came along."""
        self._by(message, lambda: self.desk.select(wire.numbers_of(buffers)))

    def do_current(self, message: Message, buffers: Buffers) -> None:
        """Look at an image; 0: at none."""
        image = int(message["image"])
        if image:
            self.project.key(image)  # raises when there is none
        self._by(message, lambda: setattr(self.desk, "current", image))

    def do_order(self, message: Message, buffers: Buffers) -> None:
        """Notice which images the page shows, in which order: other parts walk in it."""
        self.desk.order = wire.numbers_of(buffers)

    def do_where(self, message: Message, buffers: Buffers) -> str:
        """Choose by a selection (EXPR)."""
        text = str(message["text"]).strip()
        if not text:
            raise BadValue("write a selection, e.g. ctf_resolution < 5 and flag == 'green'")
        text = within(text, [str(name) for name in message.get("groups", ())])
        return f"{counted(len(self.desk.select_where(text)), 'image')} chosen by {text}"

    def do_open(self, message: Message, buffers: Buffers) -> None:
        """Ask the workbench to open an image: in the viewer, or its page."""
        image = int(message["image"])
        self.project.key(image)  # raises when there is none
        self.desk.wants = {}
        self.desk.wants = {str(message["what"]): image}

    # -- acting on the chosen -------------------------------------------------------------------

    def do_flag(self, message: Message, buffers: Buffers) -> str:
        """Flag the chosen images."""
        return self.desk.flag(self.desk.selected, str(message["flag"]))

    def do_move(self, message: Message, buffers: Buffers) -> str:
        """Move the chosen images to a group."""
        return self.desk.move(self.desk.selected, str(message["group"]))

    def do_trash(self, message: Message, buffers: Buffers) -> str:
        """Move the chosen images into the TRASH."""
        left = [i for i in self.desk.selected if self._group_of(i) != TRASH]
        if self.desk.selected and not left:
            raise BadValue(f"these images are in the {TRASH} already; Bring back takes them out")
        return self.desk.move(left, TRASH)

    def do_restore(self, message: Message, buffers: Buffers) -> str:
        """Bring those of the chosen images back that are in the TRASH."""
        chosen = [i for i in self.desk.selected if self._group_of(i) == TRASH]
        if self.desk.selected and not chosen:
            raise BadValue(f"none of the chosen images is in the {TRASH}")
        return self.desk.restore(chosen)

    def do_comment(self, message: Message, buffers: Buffers) -> str:
        """Set the comment of the chosen images."""
        return self.desk.comment(self.desk.selected, str(message["text"]).strip())

    def do_copy(self, message: Message, buffers: Buffers) -> None:
        """Copy the chosen images to another project; movies are large: beside other work."""
        place = str(message["place"]).strip()
        if not place:
            raise BadValue("write the folder of the other project")
        chosen = list(self.desk.selected)
        if not chosen:
            raise BadValue("no image is chosen; choose one or more rows first")
        line = f"project.copy_to({self.desk.images_line(chosen)}, {place!r})"
        root = self.project.root

        def work() -> Any:
            # What is written in another thread is written through a project of its own: of the
            # shared one, locks held for a while (`held`) and caches belong to the main thread.
            return session.open(root).copy_to(chosen, place)

        def told(copied: Any) -> None:
            text = f"{counted(len(copied.images), 'image')} copied to {place}"
            text += f"; {len(copied.known)} were there already" if copied.known else ""
            self.desk.line = line
            self.send({"done": text, "of": "copy"})

        self.copies.ask((place, *chosen), work, told)

    def do_steps(self, message: Message, buffers: Buffers) -> None:
        """Tell which steps there are."""
        steps = sorted(
            self.project.registry.steps.values(), key=lambda s: CATEGORIES.index(s.category)
        )
        told = [
            {"name": s.name, "title": s.title, "category": s.category, "help": s.help}
            for s in steps
            if not s.while_importing
        ]
        self.send({"steps": told, "workflow": list(self.project.workflow)})

    def do_process(self, message: Message, buffers: Buffers) -> str:
        """Queue the chosen images for steps."""
        chosen, steps = list(self.desk.selected), [str(s) for s in message["steps"]]
        if not chosen:
            raise BadValue("no image is chosen; choose one or more rows first")
        if not steps:
            raise BadValue("no step is chosen; tick one or more")
        same = steps == list(self.project.workflow)
        batches = self.desk.process(
            chosen,
            None if same else steps,
            top=bool(message.get("top")),
            force=bool(message.get("force")),
        )
        return f"{counted(len(batches), 'batch')} queued for {', '.join(steps)}"

    # -- groups ---------------------------------------------------------------------------------

    def do_make_group(self, message: Message, buffers: Buffers) -> str:
        """Make an empty group."""
        name = str(message["name"]).strip()
        self.project.make_group(name)
        self.desk.line = f"project.make_group({name!r})"
        self.desk.look()
        return f"group {name} is there"

    def do_rename_group(self, message: Message, buffers: Buffers) -> str:
        """Give a group another name."""
        old, name = str(message["old"]), str(message["name"]).strip()
        self.project.rename_group(old, name)
        self.desk.line = f"project.rename_group({old!r}, {name!r})"
        self.desk.look()
        return f"group {old} is called {name} now"

    # -- columns, lists, files ------------------------------------------------------------------

    def do_view(self, message: Message, buffers: Buffers) -> None:
        """Keep how the page is arranged; send what a new column needs."""
        for one in message["view"].get("sort", ()):
            if len(one) != 2 or one[1] not in kept.WAYS:
                raise BadValue(f"{one!r} is no order of a column; write [WORD, 'asc'] or 'desc'")
        self.set_view(message["view"], by=str(message.get("by", "")))

    def do_columns(self, message: Message, buffers: Buffers) -> None:
        """Tell which columns can be shown."""
        self.send({"choices": [column.told() for column in self.known().values()]})

    def do_save_list(self, message: Message, buffers: Buffers) -> str:
        """Keep the chosen images under a name."""
        return self.save_list(str(message["name"]))

    def do_load_list(self, message: Message, buffers: Buffers) -> str:
        """Choose the images of a kept list."""
        return self.load_list(str(message["name"]))

    def do_delete_list(self, message: Message, buffers: Buffers) -> str:
        """Forget a kept list."""
        return self.delete_list(str(message["name"]))

    def do_read_list(self, message: Message, buffers: Buffers) -> str:
        """Choose the images that a text file names."""
        return self.read_list(bytes(buffers[0]).decode("utf-8", "replace"))

    def do_write_list(self, message: Message, buffers: Buffers) -> None:
        """Give the chosen images as a text file."""
        if not self.desk.selected:
            raise BadValue("no image is chosen; choose one or more rows first")
        self._send_file(f"{self.project.name}-images.txt", self.list_text())

    def do_csv(self, message: Message, buffers: Buffers) -> None:
        """Give the rows that the page shows, in their order, as a CSV file."""
        name = f"{self.project.name}.csv"
        shown = wire.numbers_of(buffers)
        self.desk.order = shown  # so that the line below writes the same
        self._send_file(name, self.csv(images=shown))
        self.desk.line = f"{TABLE}.csv({name!r})"

    def do_thumbs(self, message: Message, buffers: Buffers) -> None:
        """Give small pictures of the images whose numbers came along."""
        wanted = wire.numbers_of(buffers)[:ASKED_MOST]
        # In another thread, and only reading: see Thumbs.
        self.latest.ask(
            "thumbs", lambda: [self.thumbs.look(i) for i in wanted],
            lambda made: self.send(
                {"thumbs": wanted, "lost": [lost for _, lost in made]}, [data for data, _ in made]
            ),
        )  # fmt: skip

    # -- ----------------------------------------------------------------------------------------

    def _send_file(self, name: str, text: str) -> None:
        self.send({"file": name}, [text.encode()])

    def _group_of(self, image: int) -> str:
        found = self.project.store.rows("select place from image where id = ?", (image,))
        return str(found[0]["place"]) if found else ""

    def _by(self, message: Message, act: Callable[[], object]) -> None:
        self.choosing = str(message.get("by", ""))
        try:
            act()
        finally:
            self.choosing = ""


def within(text: str, groups: Sequence[str]) -> str:
    """Give a selection (EXPR) that names only images of the shown groups; none given: all but the TRASH.

    A selection that asks for the group by itself, or is a list of images, stays as it is.
    """
    if places(text):
        return text
    try:
        if any(n.id == "group" for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)):
            return text
    except (SyntaxError, ValueError):
        return text  # the selection itself says what is wrong with it
    if groups:
        shown = " or ".join(f"group == {name!r}" for name in groups)
        shown = f"({shown})" if len(groups) > 1 else shown
    else:
        shown = f"group != {TRASH!r}"
    return f"({text}) and {shown}" if re.search(r"\bor\b", text) else f"{text} and {shown}"
