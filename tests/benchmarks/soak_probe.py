"""The program as the soak runs it: SIGUSR1 has it write down what is in its process, SIGUSR2 open a conversation."""

from __future__ import annotations

from typing import Final

PROBED: Final = """
import asyncio, collections, gc, json, os, signal, sys, threading
import tui.app
apps = []
begin = tui.app.OrtuiApp.__init__
def kept(self, *rest, **more):
    apps.append(self)
    begin(self, *rest, **more)
tui.app.OrtuiApp.__init__ = kept
def whose(task):
    coroutine = task.get_coro()
    frame = getattr(coroutine, "cr_frame", None)
    owner = frame.f_locals.get("self") if frame is not None else None
    return getattr(coroutine, "__qualname__", type(coroutine).__name__) + " of " + type(owner).__name__
def look(*_):
    # Whatever it raised would be raised in the midst of the program.
    try:
        tell(found())
    except Exception:
        import traceback
        tell({{"wrong": traceback.format_exc()}})
def tell(what):
    with open({probe!r} + ".new", "w") as file:
        json.dump(what, file)
    os.rename({probe!r} + ".new", {probe!r})
def leads_to(file):
    try:
        return os.readlink("/proc/self/fd/" + file)
    except OSError:
        return ""  # closed meanwhile, by another thread
def found():
    app = apps[0]
    deep = os.path.exists({probe!r} + ".deep")
    if deep:
        gc.collect()
    # A bar is made when a pane has to scroll for the first time, and kept.
    tasks = [task for task in asyncio.all_tasks(looked[0]) if not whose(task).endswith(" ScrollBar")]
    files = os.listdir("/proc/self/fd")
    sockets = [one for one in files if leads_to(one).startswith("socket:")]
    pages = int(open("/proc/self/statm").read().split()[1])
    state = app.state
    return {{
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(files) - len(sockets) - 1,
        "sockets": len(sockets),
        "threads": threading.active_count(),
        "tasks": len(tasks),
        "names": collections.Counter(map(whose, tasks)),
        "timers": sum(not handle.cancelled() for handle in looked[0]._scheduled),
        "objects": len(gc.get_objects()) if deep else 0,
        "mode": app.current_mode,
        "screens": len(app.screen_stack),
        "stacks": {{mode: [type(one).__name__ for one in stack] for mode, stack in app._screen_stacks.items()}},
        "focused": type(app.focused).__name__,
        "streaming": len(state.streaming),
        "embedding": len(state.sheets.progress),
        "open": len(state.open),
        "text": sum(len(m.text) for c in state.open.values() for m in c.messages),
        "kinds": collections.Counter(type(one).__name__ for one in gc.get_objects()) if deep else {{}},
    }}
visits = []
def open_one(*_):
    app = apps[0]
    running = set(app.state.streaming.values())
    idle = [one for one in app.state.open if one not in running]
    if idle:
        visits.append(1)
        app.call_later(app.screen.open_conversation, idle[len(visits) % len(idle)])
looked = []
mount = tui.app.OrtuiApp.on_mount
async def mounted(self):
    looked.append(asyncio.get_running_loop())
    signal.signal(signal.SIGUSR1, look)
    signal.signal(signal.SIGUSR2, open_one)
    await mount(self)
tui.app.OrtuiApp.on_mount = mounted
from tui.cli import main
sys.exit(main(["--config", {config!r}, "--data-dir", {data!r}]))
"""
