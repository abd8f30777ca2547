// The photo with what was seen in it: outlines to click, through overlaps too, and boxes to draw, move and resize.
import { html, Icon, say, state, update, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { addBox, addPoint, changeGarment, showTab } from "./search.js";
import { isPhoto } from "./query.js";
import { count, kindName, percent, t } from "./texts.js";

const DRAG_PX = 6;
const LEAST_SIDE = 8; // pixels of the photo, as the server wants them

export function Stage({ picture, name }) {
  const { answer, query } = state;
  const { width, height } = useSize(picture);
  const [draft, setDraft] = useState(null);
  const [broken, setBroken] = useState(false);
  const ref = useRef();
  const drew = useRef(false);
  useEffect(() => setBroken(false), [picture]);
  const several = query.more.length > 0; // Then boxes and points have no meaning: they are of one photo.
  const garments = (answer?.garments ?? []).filter((one) => one.box && !one.photo);
  const edited = state.editing && { ...state.editing };
  const at = (event) => {
    const area = ref.current.getBoundingClientRect();
    const part = (value, start, size) => Math.min(1, Math.max(0, (value - start) / size));
    return [part(event.clientX, area.left, area.width) * width, part(event.clientY, area.top, area.height) * height];
  };
  const down = (event) => {
    if (event.button || edited || several || !sizeNow() || !isPhoto(query)) return;
    if (event.pointerType === "touch" && !state.drawing) return;
    ref.current.setPointerCapture(event.pointerId);
    setDraft({ from: at(event), to: at(event), x: event.clientX, y: event.clientY, drawn: false });
  };
  const move = (event) => {
    if (!draft) return;
    const drawn = draft.drawn || Math.hypot(event.clientX - draft.x, event.clientY - draft.y) > DRAG_PX;
    setDraft({ ...draft, to: at(event), drawn });
  };
  const up = () => {
    drew.current = Boolean(draft?.drawn); // A click follows, which then means nothing.
    if (drew.current) finishBox(boxOf(draft.from, draft.to));
    setDraft(null);
  };
  const click = (event) => {
    if (edited || drew.current) return;
    const under = garmentsAt(garments, at(event));
    const now = under.findIndex((one) => one.key === query.tab);
    if (under.length) showTab(under[(now + 1) % under.length].key);
    else if (!several && sizeNow() && isPhoto(query)) pointAt(at(event));
  };
  return html`<div id="look" class=${state.drawing ? "stage drawing" : "stage"}>
    <div class="photo" style=${{ aspectRatio: `${width} / ${height}`, "--ratio": width / height }}>
      ${broken ? html`<p class="unseen">${t("photo.unseen", { name })}</p>` : picture && html`<img src=${picture} alt=${t("photo.alt", { name })} onError=${() => setBroken(true)} />`}
      <svg ref=${ref} viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true"
        onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${() => setDraft(null)} onClick=${click}>
        ${garments.map((one) => html`<${Outline} key=${one.key} garment=${one} chosen=${one.key === query.tab} width=${width} />`)}
        ${draft?.drawn && html`<rect class="draft" ...${rectOf(boxOf(draft.from, draft.to))} />`}
      </svg>
      ${edited && html`<${BoxEditor} box=${edited.box} width=${width} height=${height} at=${at} />`}
    </div>
  </div>`;
}

// The size of the upright photo: the server's word, or the picture's own; null until one is there.
const sizeNow = () => (state.answer?.width ? { width: state.answer.width, height: state.answer.height } : state.photoSize);

function useSize(picture) {
  useEffect(() => {
    const probe = new Image();
    probe.onload = () => update({ photoSize: { width: probe.naturalWidth, height: probe.naturalHeight } });
    probe.src = picture;
    return () => { probe.onload = null; state.photoSize = null; };
  }, [picture]);
  return sizeNow() ?? { width: 3, height: 4 };
}

function Outline({ garment, chosen, width }) {
  const [x0, y0] = garment.box;
  const polygons = garment.polygons?.length ? garment.polygons : null;
  const lines = polygons
    ? polygons.map((points) => html`<polygon points=${points.map((point) => point.join(",")).join(" ")} />`)
    : html`<rect ...${rectOf(garment.box)} />`;
  return html`<a class=${chosen ? "outline chosen" : "outline"} data-key=${garment.key}>
    <title>${nameOf(garment)}</title>${lines}
    <text x=${x0 + width * 0.012} y=${y0 + width * 0.045} font-size=${width * 0.042}>${nameOf(garment)}</text>
  </a>`;
}

// What a garment is called: by the visitor, or after its kind; several of one kind are numbered.
export function nameOf(garment) {
  const given = state.query.garments?.find((one) => one.key === garment.key)?.name;
  const alike = (state.answer?.garments ?? []).filter((one) => kindOf(one) === kindOf(garment));
  return given || kindName(kindOf(garment)) + (alike.length > 1 ? " " + count(alike.findIndex((one) => one.key === garment.key) + 1) : "");
}

const kindOf = (garment) => garment.class || garment.supercategory || "products";

const boxOf = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
const rectOf = ([x0, y0, x1, y1]) => ({ x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) });

// The garments under a point, the smallest first: what lies on top of another is mostly smaller.
export function garmentsAt(garments, point) {
  const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  const outlined = garments.filter((one) => one.polygons?.some((outline) => inside(outline, point)));
  const boxed = garments.filter((one) => !outlined.includes(one) && inBox(one.box, point));
  const bySize = (a, b) => area(a.box) - area(b.box);
  return [...outlined.sort(bySize), ...boxed.sort(bySize)];
}

const inBox = ([x0, y0, x1, y1], [x, y]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;

function inside(outline, [x, y]) {
  let within = false;
  outline.forEach(([ax, ay], n) => {
    const [bx, by] = outline[(n + outline.length - 1) % outline.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  });
  return within;
}

// ---- boxes

// Begin to edit: a garment's own box, or a new one in the middle of the photo.
export function editBox(garment) {
  const { width, height } = sizeNow();
  const box = garment?.box ?? [width * 0.3, height * 0.3, width * 0.7, height * 0.7];
  update({ editing: { key: garment?.key ?? "", box }, drawing: false });
}

// A click where no outline is: what was left out there comes back; else a box is put there, to be fitted.
function pointAt(point) {
  if (garmentsAt((state.seen ?? []).filter((one) => one.box), point).length) return addPoint(point);
  const { width, height } = sizeNow();
  const [x, y] = point;
  const within = (from, to, most) => [Math.max(0, from), Math.min(most, to)];
  const [x0, x1] = within(x - width * 0.15, x + width * 0.15, width);
  const [y0, y1] = within(y - height * 0.15, y + height * 0.15, height);
  say(t("box.put"));
  return update({ editing: { key: "", box: [x0, y0, x1, y1] }, drawing: false });
}

function finishBox(box) {
  const [x0, y0, x1, y1] = box;
  update({ drawing: false, editing: null });
  if (x1 - x0 < LEAST_SIDE || y1 - y0 < LEAST_SIDE) return say(t("box.tooSmall"), true);
  return addBox(box);
}

function keepEdited() {
  const { key, box } = state.editing;
  update({ editing: null });
  if (!key) return addBox(box);
  return changeGarment(key, { box, index: undefined });
}

// A box that is moved with the pointer or the arrow keys, and resized at its corner or with Shift and the arrow keys.
function BoxEditor({ box, width, height, at }) {
  const ref = useRef();
  const grip = useRef(null);
  useLayoutEffect(() => ref.current.focus(), []); // At once: the next key may be Enter.
  const set = ([x0, y0, x1, y1]) => {
    const left = Math.min(Math.max(0, x0), width - LEAST_SIDE);
    const top = Math.min(Math.max(0, y0), height - LEAST_SIDE);
    const fitted = [left, top, Math.min(width, Math.max(left + LEAST_SIDE, x1)), Math.min(height, Math.max(top + LEAST_SIDE, y1))];
    update({ editing: { ...state.editing, box: fitted } });
  };
  const shifted = (dx, dy, which) => {
    const [x0, y0, x1, y1] = box;
    if (which === "move") {
      const mx = Math.min(Math.max(dx, -x0), width - x1);
      const my = Math.min(Math.max(dy, -y0), height - y1);
      return set([x0 + mx, y0 + my, x1 + mx, y1 + my]);
    }
    const [vertical, horizontal] = which;
    return set([horizontal === "w" ? x0 + dx : x0, vertical === "n" ? y0 + dy : y0, horizontal === "e" ? x1 + dx : x1, vertical === "s" ? y1 + dy : y1]);
  };
  const onKey = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter") { event.preventDefault(); keepEdited(); }
    if (event.key === "Escape") update({ editing: null });
    if (!step) return;
    event.preventDefault();
    shifted((step[0] * width) / 50, (step[1] * height) / 50, event.shiftKey ? "se" : "move");
  };
  const down = (which) => (event) => {
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    grip.current = { which, last: at(event) };
  };
  const move = (event) => {
    if (!grip.current) return;
    const now = at(event);
    const [dx, dy] = [now[0] - grip.current.last[0], now[1] - grip.current.last[1]];
    grip.current.last = now;
    shifted(dx, dy, grip.current.which);
  };
  const up = () => (grip.current = null);
  const [x0, y0, x1, y1] = box;
  const place = { left: percent100(x0 / width), top: percent100(y0 / height), width: percent100((x1 - x0) / width), height: percent100((y1 - y0) / height) };
  const told = t("box.told", { left: percent(x0 / width), top: percent(y0 / height), width: percent((x1 - x0) / width), height: percent((y1 - y0) / height) });
  return html`<div class="editor" style=${place} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}>
      <button type="button" ref=${ref} class="bare" aria-label=${t("box.label")} aria-description=${told} onKeyDown=${onKey} onPointerDown=${down("move")}></button>
      ${["nw", "ne", "sw", "se"].map((which) => html`<span class=${"grip " + which} onPointerDown=${down(which)}></span>`)}
    </div>
    <div class="editing" role="group" aria-label=${t("box.group")}>
      <button type="button" onClick=${keepEdited}>${t("box.search")}</button>
      <button type="button" class="quiet" onClick=${() => update({ editing: null })}>${t("box.cancel")}</button>
    </div>`;
}

const percent100 = (part) => 100 * part + "%";

// The row of tools below the photo.
export function StageTools() {
  if (!sizeNow()) return null;
  return html`<div class="tools">
    <button type="button" class="quiet" onClick=${() => editBox(null)}><${Icon} name="box" />${t("box.add")}</button>
    <button type="button" class="quiet touch" aria-pressed=${Boolean(state.drawing)} onClick=${() => update({ drawing: !state.drawing })}>${t("box.draw")}</button>
  </div>`;
}
