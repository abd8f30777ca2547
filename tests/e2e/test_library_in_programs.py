"""`thatlook.open(home)` as programs use it: threads, asyncio, forks, closed early, never closed; with tiny models."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.fixtures.program import ROOT, environment
from tests.fixtures.tiny_models import write_tiny_profile

START = """
import asyncio, gc, json, multiprocessing, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import thatlook
home, photo = sys.argv[1], open(sys.argv[2], "rb").read()
def first(shop):
    return shop.search_image(photo, k=1, deadline_ms=120_000).garments[0].hits[0].product_id
def refused(call):
    try:
        call()
    except thatlook.ThatLookError as error:
        return f"{type(error).__name__}: {error}"
    return "taken"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, a feed and a photo."""
    folder = tmp_path_factory.mktemp("library")
    write_tiny_profile(folder / "home" / "models" / "tiny")
    rows = []
    for name, color in {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (30, 160, 30)}.items():
        picture = Image.new("RGB", (256, 256), "white")
        ImageDraw.Draw(picture).rectangle((80, 40, 176, 120), fill=color)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        (folder / f"{name}.png").write_bytes(buffer.getvalue())
        rows.append({"id": name, "title": f"{name} shirt", "link": "https://shop.example", "image_link": f"{name}.png"})
    (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = run(folder, f"with thatlook.open(home) as shop: print(shop.ingest({str(folder / 'feed.jsonl')!r}).indexed)")
    assert done.stdout == "3\n", done.stderr
    return folder


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", START + code, str(folder / "home"), str(folder / "red.png")]
    given = environment(folder / "home") | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=given)


def said(folder: Path, code: str) -> list[str]:
    """The lines of a program that ends well, and says nothing beside them."""
    done = run(folder, code)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_many_threads_and_an_event_loop(place: Path) -> None:
    """Twelve threads at once, and tasks of a loop that runs already, as in a notebook."""
    code = """
with thatlook.open(home) as shop:
    with ThreadPoolExecutor(12) as pool:
        print(set(pool.map(lambda _: first(shop), range(48))))
    async def notebook():
        print(first(shop), set(await asyncio.gather(*(asyncio.to_thread(first, shop) for _ in range(12)))))
    asyncio.run(notebook())
    print(refused(lambda: thatlook.open(home)))
"""
    threads, loop, twice = said(place, code)
    assert (threads, loop) == ("{'red'}", "red {'red'}")
    assert twice.startswith("HomeInUse: ")


def test_closed_while_a_search_runs(place: Path) -> None:
    """What is under way is answered, then it is closed; whoever comes later is told so, and may open it again."""
    code = """
shop = thatlook.open(home)
told = []
def ask():
    while True:
        told.append(refused(lambda: first(shop)))
        if told[-1] != "taken":
            return
threads = [threading.Thread(target=ask) for _ in range(4)]
for each in threads: each.start()
while len(told) < 8: time.sleep(0.01)
shop.close()
shop.close()
for each in threads: each.join()
print(set(told) - {"taken"})
with thatlook.open(home) as shop: print(first(shop))
"""
    assert said(place, code) == ["{'QueryRejected: This catalogue is closed; open it again.'}", "red"]


@pytest.mark.parametrize("end", ["", "del shop; gc.collect()\nwith thatlook.open(home) as shop: print(first(shop))"])
def test_never_closed(place: Path, end: str) -> None:
    """A program that forgets to close ends well; what it collects is free again."""
    assert set(said(place, f"shop = thatlook.open(home)\nprint(first(shop))\n{end}")) == {"red"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_is_told_and_harms_nobody(place: Path) -> None:
    """As under a server that loads an application before it forks: the child is refused, the parent goes on."""
    code = """
shop = thatlook.open(home)
print(first(shop), flush=True)
for way in range(3):
    child = os.fork()
    if child == 0:
        print(refused(lambda: first(shop)), flush=True)
        if way == 0: shop.close(); os._exit(0)
        if way == 1: del shop; gc.collect()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
print(first(shop), os.path.exists(os.path.join(home, "pid")))
print(refused(lambda: thatlook.open(home)).partition(":")[0])
print(shop.ingest(os.path.join(os.path.dirname(home), "feed.jsonl")).unchanged)
shop.close()
with thatlook.open(home) as shop: print(first(shop))
"""
    before, *children, after, held, unchanged, again = said(place, code)
    assert [before, after, held, unchanged, again] == ["red", "red True", "HomeInUse", "3", "red"]
    assert len(children) == 3
    assert all("before the process was forked" in each for each in children)


def test_processes_that_start_afresh(tmp_path: Path, place: Path) -> None:
    """`spawn`, as on a Mac or Windows: each opens the catalogue in turn."""
    (tmp_path / "worker.py").write_text(
        "import thatlook\ndef ask(home, photo):\n    with thatlook.open(home) as shop:\n"
        "        return shop.search_image(photo, k=1, deadline_ms=120_000).garments[0].hits[0].product_id\n"
    )
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
import worker
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool: print(pool.apply(worker.ask, (home, photo)))
"""
    assert said(place, code) == ["red"]
