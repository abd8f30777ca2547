// Draws elements into the document, and draws anew by changing only what differs, so that the focus, open lists and
// loaded pictures stay where they are. A component is a function of its properties that may keep state:
//
//   function Counter({ from }) {
//     const [n, setN] = useState(from);
//     return html`<button onClick=${() => setN(n + 1)}>${n}</button>`;
//   }
//
// An element is {type, props, key, children}; a list of elements may hold texts, further lists, and nothing (null, false).
// For each element there is an instance that stays as long as its type and its place (or key) do. It has a `node`: the
// element's own, a text, or for a component an empty text that marks where its content ends; and `parts`, the instances
// below it by name.
import { templatesOf } from "./templates.js";
import { setProperties } from "./properties.js";

const SVG = "http://www.w3.org/2000/svg";

export const html = templatesOf((type, { key, ...props }, children) => ({ type, props, key, children }));

export function render(element, container) {
  const frame = { node: container, parts: new Map(), depth: 0, svg: false };
  reconcile(frame, element);
  arrange(container, nodesOf(frame.parts), null);
  finish();
}

// ---- State of components

let current = null; // The component that is being drawn, and which of its hooks comes next.
let next = 0;
const waiting = new Set(); // Components whose state changed, and whether their drawing is under way already.
let scheduled = false;
let laidOut = []; // Effects to run once the document is changed; `later` those to run after it was shown.
let later = [];

function hook(make) {
  const { hooks } = current;
  if (next === hooks.length) hooks.push(make());
  return hooks[next++];
}

export function useState(first) {
  const instance = current;
  const kept = hook(() => {
    const own = { value: typeof first === "function" ? first() : first };
    own.set = (value) => {
      const changed = typeof value === "function" ? value(own.value) : value;
      if (Object.is(changed, own.value)) return;
      own.value = changed;
      drawSoon(instance);
    };
    return own;
  });
  return [kept.value, kept.set];
}

export function useRef(value) {
  return hook(() => ({ current: value }));
}

export function useEffect(run, needs) {
  effect(run, needs, (one) => later.push(one));
}

export function useLayoutEffect(run, needs) {
  effect(run, needs, (one) => laidOut.push(one));
}

function effect(run, needs, queue) {
  const kept = hook(() => ({ needs: null }));
  if (kept.needs && needs?.every((need, n) => Object.is(need, kept.needs[n]))) return;
  kept.needs = needs;
  kept.run = run;
  current.effects.push(() => queue(kept));
}

function drawSoon(instance) {
  waiting.add(instance);
  if (!scheduled) queueMicrotask(drawWaiting);
  scheduled = true;
}

// Owners first: what they draw anew with them need not be drawn again.
function drawWaiting() {
  scheduled = false;
  runEffects(); // What the last drawing left to do comes before the next.
  for (const instance of [...waiting].sort((a, b) => a.depth - b.depth)) {
    if (!waiting.has(instance)) continue;
    drawComponent(instance);
    arrange(instance.node.parentNode, nodesOf(instance.parts), instance.node);
  }
  finish();
}

function finish() {
  const now = laidOut;
  laidOut = [];
  now.forEach(runEffect);
  if (later.length) afterPaint(runEffects);
}

function afterPaint(run) {
  const timer = setTimeout(once, 100); // A page in the background is not painted.
  const frame = requestAnimationFrame(() => setTimeout(once));
  function once() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    run();
  }
}

function runEffects() {
  const now = later;
  later = [];
  now.forEach(runEffect);
}

function runEffect(kept) {
  if (kept.gone) return;
  kept.undo?.();
  const undo = kept.run();
  kept.undo = typeof undo === "function" ? undo : null;
}

// ---- From elements to instances

// Make the instances below `owner` those of `elements`. Their nodes are not yet in their place: see `arrange`.
function reconcile(owner, elements) {
  const former = owner.parts;
  owner.parts = new Map();
  for (const [name, element] of named(elements)) {
    let part = former.get(name);
    if (part && part.type === typeOf(element)) former.delete(name);
    else part = create(element, owner);
    owner.parts.set(name, part);
    draw(part, element);
  }
  for (const part of former.values()) remove(part, true);
}

// Each element with a name that it keeps: its key, or its place in the lists that it lies in.
function* named(elements, name = "0", names = new Set()) {
  if (elements === null || elements === undefined || typeof elements === "boolean") return;
  if (Array.isArray(elements)) {
    for (const [n, one] of elements.entries()) {
      const keyed = one?.key === undefined ? "" : `${name}#${one.key}`;
      yield* named(one, keyed && !names.has(keyed) ? keyed : `${name}.${n}`, names);
    }
    return;
  }
  names.add(name);
  yield [name, elements];
}

const typeOf = (element) => (typeof element === "object" ? element.type : "#text");

function create(element, owner) {
  const type = typeOf(element);
  const instance = { type, parts: new Map(), props: {}, depth: owner.depth + 1, svg: owner.svg || type === "svg" };
  if (type === "#text") return { ...instance, node: document.createTextNode(element) };
  if (typeof type === "function") return { ...instance, node: document.createTextNode(""), hooks: [] };
  return { ...instance, node: instance.svg ? document.createElementNS(SVG, type) : document.createElement(type) };
}

function draw(instance, element) {
  if (instance.type === "#text") {
    if (instance.node.data !== String(element)) instance.node.data = element;
  } else if (instance.hooks) {
    instance.element = element;
    drawComponent(instance);
  } else {
    reconcile(instance, element.children);
    arrange(instance.node, nodesOf(instance.parts), null);
    setProperties(instance.node, instance.props, element.props); // After what is inside: a list's value is one of its options.
    instance.props = element.props;
  }
}

function drawComponent(instance) {
  const { type, props, children } = instance.element;
  const outer = [current, next];
  [current, next] = [instance, 0];
  instance.effects = [];
  waiting.delete(instance);
  const drawn = type({ ...props, children });
  [current, next] = outer;
  reconcile(instance, drawn);
  for (const queue of instance.effects) queue(); // After those of the components inside.
}

// The nodes of instances that lie beside each other in the document.
function nodesOf(parts) {
  return [...parts.values()].flatMap((part) => (part.hooks ? [...nodesOf(part.parts), part.node] : part.node));
}

// Bring `nodes` into their order, before `end`; what stands right is not touched.
function arrange(parent, nodes, end) {
  for (const node of nodes.reverse()) {
    if (node.parentNode !== parent || node.nextSibling !== end) parent.insertBefore(node, end);
    end = node;
  }
}

function remove(instance, alone) {
  for (const kept of instance.hooks ?? []) {
    kept.gone = true;
    kept.undo?.();
  }
  waiting.delete(instance);
  if (instance.props.ref) instance.props.ref.current = null;
  for (const part of instance.parts.values()) remove(part, alone && Boolean(instance.hooks));
  if (alone) instance.node.remove();
}
