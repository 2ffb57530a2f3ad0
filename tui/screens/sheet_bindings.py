"""The keys of the Embeddings screen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType


class SheetBindings:
    """Beside the screen only because there are many; the key map finds them here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "embed", "embed", id="embeddings.embed", tooltip="Embed the texts of the sheet"),
        Binding("ctrl+l", "pick_model", "model", id="embeddings.model", tooltip="Pick an embedding model"),
        Binding("escape", "stop", "stop", id="embeddings.stop", tooltip="Stop the embedding that runs"),
        Binding("escape", "leave", "leave", show=False, id="embeddings.leave", tooltip="Leave the text, or the query"),
        Binding("ctrl+s", "sheets", "sheets", id="embeddings.sheets", tooltip="Open, rename or delete sheets"),
        Binding("ctrl+n", "new_sheet", "new", show=False, id="embeddings.new", tooltip="Begin a new sheet"),
        Binding("ctrl+f", "load_file", "file", priority=True, id="embeddings.file",
                tooltip="Texts out of a file, or the sheet's own cut anew"),
        Binding("ctrl+g", "mark_texts", "group", show=False, priority=True, id="embeddings.group",
                tooltip="Give the selected texts a group and a label"),
        Binding("ctrl+t", "other_view", "other view", id="embeddings.other", tooltip="The next view"),
        Binding("slash", "ask", "query", key_display="/", id="embeddings.ask", tooltip="What is most like a query"),
        Binding("m", "view('matrix')", "matrix", show=False, id="embeddings.matrix", tooltip="All pairs as a heat map"),
        Binding("n", "view('neighbours')", "near", show=False, id="embeddings.neighbours",
                tooltip="What is most alike"),
        Binding("p", "view('map')", "map", show=False, id="embeddings.map",
                tooltip="The texts on a plane; again: the other projection"),
        Binding("d", "view('duplicates')", "dupes", show=False, id="embeddings.duplicates",
                tooltip="Pairs that are nearly the same"),
        Binding("c", "view('clusters')", "clusters", show=False, id="embeddings.clusters",
                tooltip="Groups that belong together"),
        Binding("a", "view('compare')", "A/B", show=False, id="embeddings.compare",
                tooltip="The same texts on other models"),
        Binding("o", "next_order", "order", id="embeddings.order",
                tooltip="The matrix as given, by group, or by likeness"),
        Binding("plus,equals_sign", "more(1)", "more", key_display="+", id="embeddings.more",
                tooltip="A higher threshold, more clusters, another model to compare with"),
        Binding("minus", "more(-1)", "less", key_display="-", id="embeddings.less",
                tooltip="A lower threshold, fewer clusters"),
        Binding("x", "drop_variant", "drop", id="embeddings.drop", tooltip="Compare with the lit model no longer"),
        Binding("e", "export", "export", id="embeddings.export", tooltip="Write texts and vectors into a file"),
        Binding("y", "copy_vector", "copy", show=False, id="embeddings.copy",
                tooltip="Copy the vector of the selected text"),
        Binding("D", "dimensions", "dimensions", show=False, id="embeddings.dimensions",
                tooltip="Ask for shorter vectors"),
        Binding("i", "input_type", "input type", show=False, id="embeddings.input_type",
                tooltip="Tell the model what the texts are for"),
    ]  # fmt: skip
