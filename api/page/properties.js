// Brings an element's attributes, properties and listeners from one set to the next.
// What a visitor changes, too. An element that listens to input or change says in each drawing what it holds; one that
// does not only begins with what it was given, and keeps what a visitor made of it until something else is given.
const LIVE = new Set(["value", "checked", "selected", "indeterminate"]);
const LISTENERS = Symbol("listeners");

export function setProperties(node, former, props) {
  for (const name in former) if (!(name in props)) set(node, name, undefined, former[name]);
  for (const name in props) if (!LIVE.has(name) && props[name] !== former[name]) set(node, name, props[name], former[name]);
  const held = "onInput" in props || "onChange" in props;
  for (const name in props) if (LIVE.has(name) && (held || props[name] !== former[name])) setLive(node, name, props[name]);
}

function set(node, name, value, former) {
  if (name === "ref") {
    if (former) former.current = null;
    if (value) value.current = node;
  } else if (/^on[A-Z]/.test(name)) listen(node, name.slice(2).toLowerCase(), value);
  else if (name === "style" && typeof (value ?? former) === "object") setStyle(node.style, former ?? {}, value ?? {});
  else if (LIVE.has(name)) setLive(node, name, value);
  else setAttribute(node, name, value);
}

// `false` takes an attribute away, but for those that have it as a word ("aria-expanded", "data-…").
function setAttribute(node, name, value) {
  const spelled = /^(aria|data)-|^(draggable|spellcheck)$/.test(name);
  if (value === null || value === undefined || (value === false && !spelled)) node.removeAttribute(name);
  else node.setAttribute(name, value === true && !spelled ? "" : value);
}

function setLive(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (!(name in node)) setAttribute(node, name, value);
  else if (name === "value" ? node.value !== String(value) : node[name] !== value) node[name] = value;
}

function setStyle(style, former, wanted) {
  for (const name of Object.keys({ ...former, ...wanted })) {
    const value = wanted[name] ?? "";
    if (former[name] === wanted[name]) continue;
    if (name.startsWith("--")) style.setProperty(name, value);
    else style[name] = value;
  }
}

function listen(node, type, run) {
  const listeners = (node[LISTENERS] ??= {});
  if (!listeners[type]) {
    listeners[type] = { since: performance.now() };
    node.addEventListener(type, called);
  }
  listeners[type].run = run;
}

// An event on its way up is not for an element that began to listen while it was under way.
function called(event) {
  const { since, run } = this[LISTENERS][event.type];
  if (run && event.timeStamp >= since) run.call(this, event);
}
