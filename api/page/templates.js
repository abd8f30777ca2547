// Tagged templates of markup: html`<p class=${name}>${text}</p>` gives the elements that draw.js draws.
//
// Each template is read once, into a tree whose holes are numbered; a call fills the holes. Markup is what it is in
// HTML, and besides: `<${Part} …/>` stands for a component, `...${object}` spreads attributes, `<p/>` closes itself.
// Line breaks with the blanks around them are not text.
const read = new WeakMap();

export function templatesOf(element) {
  return (strings, ...values) => {
    if (!read.has(strings)) read.set(strings, parse(strings));
    const drawn = read.get(strings).map((node) => fill(node, values, element));
    return drawn.length > 1 ? drawn : drawn[0];
  };
}

const HOLE = "\u0000"; // Between two strings of a template, with the hole's number and another one after it.
const TOKEN = /<!--[^]*?-->|<\/(?:\u0000\d+\u0000|[^>]*)>|<(\u0000\d+\u0000|[\w-]+)((?:"[^"]*"|'[^']*'|[^"'>])*?)(\/?)>|\u0000(\d+)\u0000|[^<\u0000]+/g;
const ATTRIBUTE = /\.\.\.\u0000(\d+)\u0000|([^\s=]+)(?:=(?:\u0000(\d+)\u0000|"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

function parse(strings) {
  const text = strings.reduce((before, next, n) => before + HOLE + (n - 1) + HOLE + next);
  const stack = [{ children: [] }];
  for (const token of text.matchAll(TOKEN)) {
    const [all, type, attributes, closed, hole] = token;
    const { children } = stack.at(-1);
    if (type) {
      const node = { type: holeOf(type) ?? type, attributes: attributesOf(attributes), children: [] };
      children.push(node);
      if (!closed) stack.push(node);
    } else if (hole) children.push({ hole: Number(hole) });
    else if (all.startsWith("</")) stack.pop();
    else if (!all.startsWith("<")) children.push(...wordsOf(all));
  }
  if (stack.length !== 1) throw new SyntaxError(`an element is not closed: ${strings.join("…").slice(0, 200)}`);
  return stack[0].children;
}

function holeOf(text) {
  return text.startsWith(HOLE) ? { hole: Number(text.slice(1, -1)) } : null;
}

function wordsOf(text) {
  const words = text.replace(/^\s*\n\s*|\s*\n\s*$/g, "").replace(/\s*\n\s*/g, " ");
  return words ? [{ text: words }] : [];
}

function attributesOf(text) {
  return [...text.matchAll(ATTRIBUTE)].map(([, spread, name, hole, ...quoted]) => {
    if (spread) return { spread: Number(spread) };
    if (hole) return { name, hole: Number(hole) };
    return { name, value: quoted.find((value) => value !== undefined) ?? true };
  });
}

function fill(node, values, element) {
  if ("text" in node) return node.text;
  if ("hole" in node) return values[node.hole];
  const props = {};
  for (const { name, hole, spread, value } of node.attributes) {
    if (spread !== undefined) Object.assign(props, values[spread]);
    else props[name] = hole === undefined ? value : values[hole];
  }
  const type = typeof node.type === "string" ? node.type : values[node.type.hole];
  return element(type, props, node.children.map((child) => fill(child, values, element)));
}
