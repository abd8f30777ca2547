// What every part of the page draws with: templates, hooks, the one state, and the line that tells what happens.
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./draw.js";
import { t } from "./texts.js";

export { html, render, useEffect, useLayoutEffect, useRef, useState };

const listeners = new Set();

// The whole of what the page shows. Parts read it while they draw; `update` draws anew.
export const state = {
  view: "search", // "search" or "catalogue"
  say: { words: "", problem: false }, // `quiet` ones are for screen readers: eyes see the same elsewhere.
  online: navigator.onLine,
  needsKey: false,
};

export function update(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

// Draw the calling component anew whenever the state changes.
export function useUpdates() {
  const [, count] = useState(0);
  useEffect(() => {
    const listener = () => count((n) => n + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
}

// Tell what happened, for eyes and for screen readers.
export function say(words, problem = false) {
  update({ say: { words, problem } });
}

// Put a text on the clipboard, also where the page did not come over TLS.
export async function copied(text, words = t("code.copied")) {
  try {
    await navigator.clipboard.writeText(text);
    say(words);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    say(done ? words : t("code.notCopied"), !done);
    return done;
  }
}

// Show the dialog that a module of its own has under this name; the module comes when it is first asked for.
export async function openDialog(name, load) {
  try {
    update({ dialog: name, part: (await load())[name] });
  } catch {
    say(t("error.unreachable"), true);
  }
}

// A value that outlives a reload of this tab, and nothing else. A browser may forbid it; then it does not.
export const kept = {
  get(name, otherwise) {
    try {
      return JSON.parse(sessionStorage.getItem("thatlook." + name)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      sessionStorage.setItem("thatlook." + name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};

const PATHS = {
  pin: "M9 3h6l-1 6 4 4H6l4-4zM12 13v8",
  similar: "M4 4h9v9H4zM11 11h9v9h-9z",
  look: "M12 3a2 2 0 1 1 0 4v2l8 7H4l8-7M6 16v5h12v-5",
  link: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  close: "M6 6l12 12M18 6L6 18",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7",
  box: "M5 5h3M10 5h4M16 5h3v3M19 10v4M19 16v3h-3M14 19h-4M8 19H5v-3M5 14v-4M5 8V5",
  down: "M6 9l6 6 6-6",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

// A list that folds open below its button; Escape and a click elsewhere fold it, and the focus goes back.
export function Fold({ label, name, count, children }) {
  const ref = useRef();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    const away = (event) => ref.current.contains(event.target) || setOpen(false);
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const onKey = (event) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    setOpen(false);
    ref.current.querySelector("button").focus();
  };
  return html`<div class="fold" ref=${ref} onKeyDown=${onKey} data-name=${name}>
    <button type="button" class=${count ? "quiet on" : "quiet"} aria-expanded=${open} onClick=${() => setOpen(!open)}>
      ${label}${count ? html` <b>${count}</b>` : ""}<${Icon} name="down" />
    </button>
    ${open && html`<div class="folded">${children}</div>`}
  </div>`;
}

// A dialog over the page; the browser keeps the focus inside and gives it back.
export function Dialog({ title, close, children, wide }) {
  const ref = useRef();
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  const onClick = (event) => event.target === ref.current && close();
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onClose=${close} onClick=${onClick}>
    <div class="dialog">
      <header><h2 id="dialog-title">${title}</h2>
        <button type="button" class="bare" aria-label=${t("dialog.close")} onClick=${close}><${Icon} name="close" /></button></header>
      ${children}
    </div>
  </dialog>`;
}
