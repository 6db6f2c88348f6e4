"""Visitors without a browser: they speak Streamlit's own protocol, so that many fit beside the server they visit.

A visitor opens pages, moves what stands on them as a person would, refreshes what asks to be refreshed and fetches the
pictures. What it leaves out is the browser's own work: the frontend's files, layout and painting.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.request
from types import TracebackType
from typing import Any

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

PAGES = {"Explore": "", "Train": "train", "Results": "results", "Draw": "draw", "Inspect": "inspect"}
PATIENCE = 60.0  # seconds until a run of the script counts as lost
MOVED = ("slider", "number_input", "button_group", "selectbox", "checkbox", "bidi_component", "button")
PRESSED = ("Show ", "Give me ", "#")  # how the buttons begin that anyone may press
RUNS_ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
SPAN = 20  # steps above its least that a number is set to: a person wants 3 seeds, not 50


class Visitor:
    """A session of one person, used with ``async with``.

    Attributes:
        page: the page that is open, a key of ``PAGES``.
        waits: milliseconds from asking to the end of the script, for each page opened or thing moved.
        refreshes: the same for the parts of a page that ask to be drawn anew on their own.
        problems: every error shown and every run of the script lost.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.url, self.chance, self.page = url, random.Random(seed), "Explore"
        self.waits: list[float] = []
        self.refreshes: list[float] = []
        self.problems: list[str] = []
        self._elements: dict[tuple[int, ...], Element] = {}
        self._values: dict[str, WidgetState] = {}
        self._due: dict[str, tuple[float, float]] = {}  # fragment: (seconds between, next time)
        self._hashes: dict[str, str] = {}
        self._seen: dict[str, int] = {}

    async def __aenter__(self) -> Visitor:
        address = self.url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket = await websockets.connect(address, subprotocols=["streamlit"], max_size=None, open_timeout=60)
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._socket.close()

    async def open(self, page: str, query: str = "") -> None:
        """Open a page as a link does."""
        self.page, asked = page, BackMsg()
        asked.rerun_script.query_string = query
        known = self._hashes.get(PAGES[page])
        if known:
            asked.rerun_script.page_script_hash = known
        else:
            asked.rerun_script.page_name = PAGES[page]
        self.waits.append(await self._run(asked))

    async def move(self) -> None:
        """Move one thing on the page, whichever; a page on which nothing can be moved is left."""
        offered = [(x.WhichOneof("type"), getattr(x, x.WhichOneof("type"))) for x in self._elements.values()]
        offered = [(kind, x) for kind, x in offered if kind in MOVED and self._sensible(kind, x)]
        if not offered:
            return await self.open(self.chance.choice(list(PAGES)))
        moved = self.chance.choice(sorted({kind for kind, _ in offered}))  # a gallery's many buttons are one kind
        x = self.chance.choice([x for kind, x in offered if kind == moved])
        await self._send(self._moved(moved, x))

    async def press(self, label: str) -> None:
        """Press the button whose label begins so."""
        buttons = [x.button for x in self._elements.values() if x.WhichOneof("type") == "button"]
        (found,) = (x for x in buttons if x.label.startswith(label) and not x.disabled)
        await self._send(WidgetState(id=found.id, trigger_value=True))

    async def training(self) -> bool:
        """Open the Train page and return whether a run is going on, which can be stopped."""
        await self.open("Train")
        return any(x.button.label.startswith("Stop now") for x in self._elements.values())

    async def think(self, seconds: float) -> None:
        """Do nothing for a while but refresh what the page wants refreshed."""
        end = time.monotonic() + seconds
        while True:
            following = min(((at, x) for x, (_, at) in self._due.items()), default=(end, ""))
            if following[0] >= end:
                return await asyncio.sleep(max(0.0, end - time.monotonic()))
            await asyncio.sleep(max(0.0, following[0] - time.monotonic()))
            asked = BackMsg()
            asked.rerun_script.fragment_id, asked.rerun_script.is_auto_rerun = following[1], True
            asked.rerun_script.page_script_hash = self._hashes[PAGES[self.page]]
            self.refreshes.append(await self._run(asked))
            if following[1] in self._due:
                between = self._due[following[1]][0]
                self._due[following[1]] = between, time.monotonic() + between

    def _sensible(self, kind: str, x: Any) -> bool:
        if kind == "button":
            return not x.disabled and x.label.startswith(PRESSED)
        if kind == "bidi_component":
            return x.component_name.endswith("width_control")
        # another set may be one that is not on this machine, with nothing to do on these pages
        return not x.disabled and (x.label != "Data set" or self.page not in ("Explore", "Train"))

    def _moved(self, kind: str, x: Any) -> WidgetState:
        match kind:
            case "slider":
                steps = round((x.max - x.min) / x.step)
                return WidgetState(
                    id=x.id, double_array_value={"data": [x.min + x.step * self.chance.randint(0, steps)]}
                )
            case "number_input":
                steps = min(SPAN, int((x.max - x.min) / x.step))
                value = min(x.max, x.min + x.step * self.chance.randint(0, steps))
                whole = x.data_type == x.INT
                return WidgetState(id=x.id, int_value=int(value)) if whole else WidgetState(id=x.id, double_value=value)
            case "button_group":
                chosen = self.chance.choice(list(x.options)).content
                return WidgetState(id=x.id, string_array_value={"data": [chosen]})
            case "selectbox":
                return WidgetState(id=x.id, string_value=self.chance.choice(list(x.options)))
            case "checkbox":
                return WidgetState(id=x.id, bool_value=self.chance.random() < 0.5)
            case "bidi_component":
                self._seen[x.id] = self._seen.get(x.id, 0) + 1
                width = round(json.loads(x.json)["max"] ** self.chance.random())
                sent = {"event": "width", "value": {"width": width, "count": self._seen[x.id]}}
                name = f"$$STREAMLIT_INTERNAL_KEY_{x.id}__events"
                return WidgetState(id=name, json_trigger_value=json.dumps([sent]))
            case _:
                return WidgetState(id=x.id, trigger_value=True)

    async def _send(self, state: WidgetState) -> None:
        asked = BackMsg()
        asked.rerun_script.page_script_hash = self._hashes[PAGES[self.page]]
        if state.WhichOneof("value") not in ("trigger_value", "json_trigger_value"):
            self._values[state.id] = state
        else:
            asked.rerun_script.widget_states.widgets.append(state)
        self.waits.append(await self._run(asked))

    async def _run(self, asked: BackMsg) -> float:
        """Ask for a run of the script and return the milliseconds until it has ended."""
        asked.rerun_script.widget_states.widgets.extend(self._values.values())
        pictures: set[str] = set()
        began = time.monotonic()
        try:
            await self._socket.send(asked.SerializeToString())
            async with asyncio.timeout(PATIENCE):
                while not self._take(ForwardMsg.FromString(await self._socket.recv()), pictures):
                    pass
        except (TimeoutError, websockets.ConnectionClosed) as e:
            self.problems.append(f"{self.page}: {type(e).__name__}")
        took = 1000 * (time.monotonic() - began)
        shown = {getattr(x, x.WhichOneof("type")).id for x in self._elements.values() if x.WhichOneof("type") in MOVED}
        self._values = {name: x for name, x in self._values.items() if name in shown}
        for picture in pictures:
            try:
                await asyncio.to_thread(lambda url=self.url + picture: urllib.request.urlopen(url, timeout=60).read())
            except OSError as e:
                self.problems.append(f"{self.page}: {picture}: {e}")
        return took

    def _take(self, told: ForwardMsg, pictures: set[str]) -> bool:
        """Take in one message; return whether it ends the run."""
        match told.WhichOneof("type"):
            case "new_session" if not told.metadata.run.fragment_ids:
                self._elements, self._due = {}, {}
                pictures.clear()
            case "navigation":
                for x in told.navigation.app_pages:
                    self._hashes[PAGES["Explore"] if x.is_default else x.page_name] = x.page_script_hash
            case "auto_rerun":
                between = told.auto_rerun.interval
                self._due[told.auto_rerun.fragment_id] = between, time.monotonic() + between
            case "stop_auto_rerun":
                for gone in told.stop_auto_rerun.fragment_ids:
                    self._due.pop(gone, None)
            case "session_event" if told.session_event.HasField("script_compilation_exception"):
                self.problems.append(f"{self.page}: {told.session_event.script_compilation_exception.message}")
            case "delta" if told.delta.WhichOneof("type") == "new_element":
                element = told.delta.new_element
                self._elements[tuple(told.metadata.delta_path)] = element
                widget = getattr(element, element.WhichOneof("type"))
                if getattr(widget, "set_value", False):  # Python has moved it
                    self._values.pop(widget.id, None)
                if element.WhichOneof("type") == "exception":
                    self.problems.append(f"{self.page}: {element.exception.type}: {element.exception.message}")
                elif element.WhichOneof("type") == "alert" and element.alert.format == Alert.ERROR:
                    self.problems.append(f"{self.page}: {element.alert.body}")
                elif element.WhichOneof("type") == "imgs":
                    pictures |= {x.url for x in element.imgs.imgs if x.url.startswith("/")}
            case "script_finished":
                return told.script_finished in RUNS_ENDED
        return False
