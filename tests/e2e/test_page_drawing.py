"""The page's own drawing (templates, elements, properties), module by module in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.fixtures.browser import tab


@pytest.fixture(scope="module")
def drawing(browser: Browser, address: str) -> Iterator[Page]:
    """A page with the drawing modules at hand as `lib`, and an empty box to draw into."""
    with tab(browser, address) as page:
        page.goto("/")
        folder = re.search(r"/page/\w+/", page.content())
        assert folder
        page.evaluate(
            """async (folder) => {
              const [draw, templates, properties] = await Promise.all(
                ["draw", "templates", "properties"].map((name) => import(folder + name + ".js")));
              window.lib = { ...draw, ...templates, ...properties };
            }""",
            folder[0],
        )
        yield page


@pytest.fixture
def run(drawing: Page) -> Any:
    """Runs the body of a function with `box`, the hooks and `tick` (until all is drawn) at hand; what it returns."""

    def run(body: str) -> Any:
        return drawing.evaluate(_CALL.replace("__BODY__", body))

    return run


_CALL = """async () => {
  const box = document.body.appendChild(document.createElement("div"));
  const tick = () => new Promise((done) => setTimeout(done, 160));
  const { html, render, useState, useRef, useEffect, useLayoutEffect } = window.lib;
  try { __BODY__ } finally { box.remove(); }
}"""


# ---- templates.js


@pytest.mark.parametrize(
    ("template", "drawn"),
    [
        ("html`<p class=a>one ${2} three</p>`", '<p class="a">one 2 three</p>'),
        ("html`<ul>${[1, 2].map((n) => html`<li key=${n}>${n}</li>`)}</ul>`", "<ul><li>1</li><li>2</li></ul>"),
        ("html`<b>a</b><i>b</i>`", "<b>a</b><i>b</i>"),
        ("html`<p>${null}${false}${undefined}${0}${''}</p>`", "<p>0</p>"),
        ("html`<input disabled value=\"a > b\" /><br/>`", '<input disabled=""><br>'),
        ("html`<p ...${{ id: 'x', title: 'y' }} title=z>t</p>`", '<p id="x" title="z">t</p>'),
        ("html`<p>\n  one\n  two\n</p>`", "<p>one two</p>"),
        ("html`<p><!-- a note <b> --> a</p>`", "<p> a</p>"),
        ("html`<p title=${'<script>\"'}>${'<script>alert(1)</script>'}</p>`",
         '<p title="&lt;script&gt;&quot;">&lt;script&gt;alert(1)&lt;/script&gt;</p>'),
        ("html`<${({ name, children }) => html`<b>${name}</b>${children}`} name=n>in <i>it</i></${'end'}>`",
         "<b>n</b>in <i>it</i>"),
    ],
)  # fmt: skip
def test_what_a_template_draws(run: Any, template: str, drawn: str) -> None:
    """Texts, lists, holes, attributes, components; what strangers write is never markup."""
    seen = run(f"render({template}, box); return box.innerHTML;")
    assert seen.replace('title="<script>', 'title="&lt;script&gt;') == drawn


def test_a_template_that_is_not_closed_is_told(run: Any) -> None:
    """When it is read, with its text; the page of a developer says which."""
    assert run(
        "try { render(html`<p><b>x</p>`, box); } catch (error) { return error.name + error.message; }"
    ).startswith("SyntaxErroran element is not closed: <p><b>x")


# ---- draw.js


def test_drawing_anew_changes_only_what_differs(run: Any) -> None:
    """The same nodes stay, with the focus; only the text and the attribute that differ are touched."""
    assert run("""
      const view = (n) => html`<div class=${"c" + n}><input id="kept" /><b>${n}</b></div>`;
      const Root = () => { const [n, set] = useState(1); box.set = set; return view(n); };
      render(html`<${Root} />`, box);
      const [input, bold] = [box.querySelector("input"), box.querySelector("b")];
      input.focus();
      const seen = [];
      const all = { subtree: true, childList: true, attributes: true, characterData: true };
      new MutationObserver((rows) => seen.push(...rows.map((one) => one.type))).observe(box, all);
      box.set(2);
      await tick();
      return [box.querySelector("input") === input, document.activeElement === input, bold.textContent,
              box.firstElementChild.className, seen.sort()];
    """) == [True, True, "2", "c2", ["attributes", "characterData"]]


def test_keyed_elements_move_with_what_they_hold(run: Any) -> None:
    """What is typed goes along with its key; what is new comes in between; what is gone is gone."""
    assert run("""
      const Root = () => {
        const [names, set] = useState(["a", "b", "c"]);
        box.set = set;
        return html`<ul>${names.map((name) => html`<li key=${name}><input id=${name} /></li>`)}</ul>`;
      };
      render(html`<${Root} />`, box);
      for (const one of box.querySelectorAll("input")) one.value = "typed " + one.id;
      const b = box.querySelector("#b");
      box.set(["c", "x", "b"]);
      await tick();
      return [[...box.querySelectorAll("input")].map((one) => one.id + ":" + one.value), box.querySelector("#b") === b];
    """) == [["c:typed c", "x:", "b:typed b"], True]


def test_another_type_in_its_place_is_another_element(run: Any) -> None:
    """And its state begins anew; the same key twice is two elements."""
    assert run("""
      const Count = () => {
        const [n, set] = useState(0);
        return html`<button onClick=${() => set(n + 1)}>${n}</button>`;
      };
      const Other = () => { const [n] = useState("new"); return html`<i>${n}</i>`; };
      const Root = () => { const [one, set] = useState(true); box.set = set;
        return html`${one ? html`<${Count} />` : html`<${Other} />`}<p key="k">1</p><p key="k">2</p>`; };
      render(html`<${Root} />`, box);
      box.querySelector("button").click();
      await tick();
      const before = box.innerHTML;
      box.set(false);
      await tick();
      const between = box.innerHTML;
      box.set(true);
      await tick();
      return [before, between, box.innerHTML];
    """) == ["<button>1</button><p>1</p><p>2</p>", "<i>new</i><p>1</p><p>2</p>", "<button>0</button><p>1</p><p>2</p>"]


def test_effects_run_in_order_and_are_undone(run: Any) -> None:
    """Those for the layout at once, others after it was shown; before each new run, and in the end, they are undone."""
    assert run("""
      const told = [];
      const Part = ({ n }) => {
        useEffect(() => { told.push("shown " + n); return () => told.push("undo " + n); }, [n]);
        useLayoutEffect(() => { told.push("laid out"); }, []);
        return html`<b>${n}</b>`;
      };
      const Root = () => { const [n, set] = useState(1); box.set = set; return n ? html`<${Part} n=${n} />` : null; };
      render(html`<${Root} />`, box);
      const first = [...told];
      await tick();
      box.set(2); await tick();
      box.set((n) => n); await tick();
      box.set(0); await tick();
      return [first, told, box.innerHTML];
    """) == [["laid out"], ["laid out", "shown 1", "undo 1", "shown 2", "undo 2"], ""]


def test_refs_name_the_element_while_it_is_there(run: Any) -> None:
    """And nothing afterwards."""
    assert run("""
      let ref;
      const Root = () => {
        const [on, set] = useState(true); box.set = set; ref = useRef();
        return on ? html`<p ref=${ref}>x</p>` : null;
      };
      render(html`<${Root} />`, box);
      const before = ref.current === box.querySelector("p");
      box.set(false);
      await tick();
      return [before, ref.current];
    """) == [True, None]


def test_several_changes_of_state_are_drawn_once(run: Any) -> None:
    """Ten clicks' worth in one go, an owner and what it owns together."""
    assert run("""
      let drawn = 0;
      const Inner = ({ n }) => {
        const [m, set] = useState(0); box.inner = set; drawn += 1;
        return html`<b>${n}-${m}</b>`;
      };
      const Root = () => { const [n, set] = useState(0); box.outer = set; return html`<${Inner} n=${n} />`; };
      render(html`<${Root} />`, box);
      for (let i = 0; i < 10; i += 1) { box.outer((n) => n + 1); box.inner((m) => m + 1); }
      await tick();
      return [drawn, box.textContent];
    """) == [2, "10-10"]


def test_svg_is_drawn_as_svg(run: Any) -> None:
    """With what lies in it, and its attributes in their own spelling."""
    assert run("""
      render(html`<svg viewBox="0 0 2 2"><g>${[html`<rect width="1" />`]}</g></svg>`, box);
      const rect = box.querySelector("rect");
      return [rect.namespaceURI, rect instanceof SVGRectElement, box.firstChild.getAttribute("viewBox")];
    """) == ["http://www.w3.org/2000/svg", True, "0 0 2 2"]


# ---- properties.js


def test_attributes_come_change_and_go(run: Any) -> None:
    """`true` is there without a word, `false` and nothing are gone; aria and data say the word."""
    assert run("""
      const node = document.createElement("button");
      lib.setProperties(node, {}, { disabled: true, "aria-pressed": false, title: "t", "data-n": 1, hidden: false });
      const first = node.outerHTML;
      const former = { disabled: true, "aria-pressed": false, title: "t", "data-n": 1 };
      lib.setProperties(node, former, { "aria-pressed": true, title: null });
      return [first, node.outerHTML];
    """) == [
        '<button disabled="" aria-pressed="false" title="t" data-n="1"></button>',
        '<button aria-pressed="true"></button>',
    ]


def test_a_field_that_listens_holds_what_it_is_given(run: Any) -> None:
    """Typing that the page does not take is set back at the next drawing."""
    assert (
        run("""
      const Root = () => {
        const [, set] = useState(0); box.set = set;
        return html`<input value="given" onInput=${() => {}} />`;
      };
      render(html`<${Root} />`, box);
      box.querySelector("input").value = "typed";
      box.set(1);
      await tick();
      return box.querySelector("input").value;
    """)
        == "given"
    )


@pytest.mark.parametrize(
    ("field", "type_it", "read", "kept", "anew"),
    [
        ("<input value=${given} />", 'field.value = "typed"', "field.value", "typed", "other"),
        ("<input type=checkbox checked=${given === 'other'} />", "field.checked = true",
         "String(field.checked)", "true", "true"),
        ("<select><option selected=${given === 'given'}>a</option><option selected=${given === 'other'}>b</option>"
         "</select>",
         'field.value = "b"', "field.value", "b", "b"),
    ],
    ids=["text", "checkbox", "list"],
)  # fmt: skip
def test_a_field_that_does_not_listen_keeps_what_a_visitor_made_of_it(
    run: Any, field: str, type_it: str, read: str, kept: str, anew: str
) -> None:
    """Through any number of drawings; until something else is given."""
    typed, after = run(f"""
      const Root = () => {{
        const [n, set] = useState(0); const [given, give] = useState("given");
        Object.assign(box, {{ set, give }});
        return html`<i>${{n}}</i>{field}`;
      }};
      render(html`<${{Root}} />`, box);
      const field = box.querySelector("input, select");
      {type_it};
      for (const n of [1, 2]) {{ box.set(n); await tick(); }}
      const typed = {read};
      box.give("other");
      await tick();
      return [typed, {read}];
    """)
    assert (typed, after) == (kept, anew)


def test_a_click_is_not_for_what_began_to_listen_while_it_was_under_way(run: Any) -> None:
    """A button that is drawn in the place of another by a click does not take that same click."""
    assert run("""
      const told = [];
      const Root = () => {
        const [open, set] = useState(false);
        const outer = open ? () => told.push("outer") : undefined;
        return html`<div onClick=${outer}><button onClick=${() => set(true)}>x</button></div>`;
      };
      render(html`<${Root} />`, box);
      const click = () => box.querySelector("button").click();
      click();
      await tick();
      const first = [...told];
      click();
      return [first, told];
    """) == [[], ["outer"]]


def test_styles_come_change_and_go(run: Any) -> None:
    """Custom properties too."""
    assert run("""
      const node = document.createElement("p");
      lib.setProperties(node, {}, { style: { color: "red", "--ratio": 2 } });
      const first = node.getAttribute("style");
      lib.setProperties(node, { style: { color: "red", "--ratio": 2 } }, { style: { width: "2px" } });
      return [first, node.getAttribute("style")];
    """) == ["color: red; --ratio: 2;", "width: 2px;"]
