// What was found: a tab for each garment, cards with reasons, a line where good matches end, more on demand.
import { html, Icon, say, state, useLayoutEffect, useRef, useState } from "./ui.js";
import { isOpen, pictureOf } from "./http.js";
import { ask, askLook, askSimilar, dropGarment, everyGarment, changeGarment, entries, GOOD_FROM, more, search, showTab, togglePin, totalText } from "./search.js";
import { photoOf } from "./photos.js";
import { isPhoto } from "./query.js";
import { editBox, nameOf } from "./stage.js";
import { availability, count, kindName, KINDS, money, ofTen, percent, signalName, t } from "./texts.js";

const FIRST = 10;

export function Tabs() {
  const { answer, query } = state;
  if (!answer || answer.garments.length < 2) return null;
  const tabs = [{ key: "all" }, ...answer.garments];
  const onKey = (event) => {
    const now = tabs.findIndex((one) => one.key === query.tab);
    const towards = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (towards === undefined) return;
    event.preventDefault();
    const { key } = tabs[(towards + tabs.length) % tabs.length];
    showTab(key);
    document.getElementById("tab-" + key)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${t("tabs.label")} onKeyDown=${onKey}>
    ${tabs.map((one) => html`<${Tab} key=${one.key} garment=${one} chosen=${one.key === query.tab} />`)}
  </div>`;
}

function Tab({ garment, chosen }) {
  const all = garment.key === "all";
  const total = all ? "" : totalText(garment);
  return html`<button type="button" role="tab" id=${"tab-" + garment.key} aria-selected=${chosen} aria-controls="results" tabindex=${chosen ? 0 : -1} onClick=${() => showTab(garment.key)}>
    ${!all && garment.box && html`<${Crop} garment=${garment} />`}
    <span>${all ? t("tabs.all") : nameOf(garment)}</span>${total && html`<small>${total}</small>`}</button>`;
}

// The garment cut out of the photo, as a sign beside its name.
function Crop({ garment }) {
  const picture = photoOf(state.query.photo)?.url ?? (state.answer.image ? pictureOf(state.answer.image) : state.query.stored && pictureOf(state.query.stored));
  const { width, height } = state.answer;
  if (garment.photo) return null; // Of another photo than the one that is shown.
  if (typeof picture !== "string" || !picture || !width) return null;
  const [x0, y0, x1, y1] = garment.box;
  const side = Math.max(x1 - x0, y1 - y0, 1);
  const style = {
    backgroundImage: `url("${picture}")`, backgroundSize: `${(100 * width) / side}% ${(100 * height) / side}%`,
    backgroundPosition: `${part(x0 - (side - (x1 - x0)) / 2, width - side)} ${part(y0 - (side - (y1 - y0)) / 2, height - side)}`,
  };
  return html`<i class="crop" style=${style} aria-hidden="true"></i>`;
}

const part = (start, room) => (room > 0 ? `${Math.min(100, Math.max(0, (100 * start) / room))}%` : "50%");

export function Results() {
  const { answer, query, busy, failed } = state;
  const several = answer?.garments.length > 1;
  const shown = !answer ? [] : query.tab === "all" ? answer.garments : answer.garments.filter((one) => one.key === query.tab);
  const role = several ? { role: "tabpanel", "aria-labelledby": "tab-" + query.tab } : {};
  return html`<div id="results" aria-busy=${busy} class=${busy ? "busy" : ""} ...${role}>
    ${failed && html`<${Failure} failed=${failed} />`}
    ${busy && !answer && html`<${Skeleton} />`}
    ${shown.map((one) => html`<${Section} key=${one.key} garment=${one} whole=${!several || query.tab !== "all"} />`)}
    ${answer && !answer.garments.some((one) => one.hits.length) && !failed && html`<${Nothing} />`}
  </div>`;
}

function Section({ garment, whole }) {
  const ref = useRef();
  const fit = useRowLength(ref);
  const limit = goodOnes(garment.hits);
  const hits = whole ? garment.hits : garment.hits.slice(0, limit > 0 && limit < fit && fit > 4 ? fit - 1 : fit);
  const cards = hits.map((hit, n) => html`<${Card} key=${hit.product_id} hit=${hit} rank=${n + 1} garment=${garment} />`);
  if (limit > 0 && limit < hits.length) cards.splice(limit, 0, html`<li key="end" class="end">${endText(hits.slice(limit))}</li>`);
  const left = whole ? Boolean(garment.next_cursor) : garment.hits.length > hits.length;
  return html`<section>
    <header><h2 id=${"garment-" + garment.key} dir="auto">${nameOf(garment)}</h2>
      <small>${t("results.count", { n: totalText(garment) }, garment.total?.value ?? garment.hits.length)}${(garment.also ?? []).map((other) => " · " + t("results.perhaps", { name: kindName(other) }))}${garment.no_match ? "" : sureText(garment.hits)}</small>
      ${whole && garment.box && isPhoto(state.query) && html`<${GarmentMenu} garment=${garment} />`}</header>
    ${garment.no_match && (state.answer.garments.length > 1 || !state.answer.notes?.length) && html`<p class="far">${t("results.noMatch")}</p>`}
    <ol ref=${ref} class="cards">${cards}</ol>
    ${!hits.length && state.answer.garments.some((one) => one.hits.length) && html`<p class="none">${t("results.noneHere")}</p>`}
    ${left && html`<p class="more"><button type="button" class="quiet" disabled=${state.loadingMore === garment.key}
      onClick=${() => (whole ? more(garment) : showTab(garment.key))}>${whole ? t("results.more") : t("results.all", { n: totalText(garment), name: nameOf(garment) })}</button></p>`}
  </section>`;
}

// How many of some hits are of the same kind of garment, as was measured for their scores; null where that is not known.
function alike(hits) {
  const sure = hits.map((hit) => hit.confidence);
  return hits.length && !sure.includes(null) && !sure.includes(undefined) ? sure.reduce((sum, one) => sum + one, 0) : null;
}

function sureText(hits) {
  const first = hits.slice(0, FIRST);
  const right = alike(first);
  return right === null || first.length < 3 ? "" : " · " + t("results.sure", { right: count(Math.round(right)), n: count(first.length) });
}

function endText(rest) {
  const right = alike(rest);
  return t("results.end") + (right === null ? "" : " " + t("results.endSure", { n: ofTen(right / rest.length) }));
}

// How many of the first hits are good matches; -1 where the order is another, or all of them are.
function goodOnes(hits) {
  const sold = hits.findIndex((hit) => hit.availability === "out_of_stock"); // These come last, however well they fit.
  const limit = hits.slice(0, sold < 0 ? hits.length : sold).findIndex((hit) => hit.score < GOOD_FROM);
  return state.query.sort === "relevance" ? limit : -1;
}

// How many cards stand in one row: as many columns as the grid has; two rows where only two fit.
function useRowLength(ref) {
  const [fit, setFit] = useState(5);
  useLayoutEffect(() => {
    const measure = () => {
      const columns = getComputedStyle(ref.current).gridTemplateColumns.split(" ").length;
      setFit(columns > 2 ? columns : 4);
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return fit;
}

function Card({ hit, rank, garment }) {
  const pinned = state.pins.some((pin) => pin.product_id === hit.product_id);
  const gone = hit.availability === "out_of_stock";
  const sizes = (hit.variants ?? []).filter((one) => one.size && one.availability !== "out_of_stock").map((one) => one.size);
  const safe = /^https?:\/\//i.test(hit.link);
  return html`<li class=${gone ? "card gone" : "card"} data-id=${hit.product_id}>
    <${Picture} path=${hit.image} />
    <div>
      <h3 dir="auto">${hit.title}</h3>
      <p>${hit.brand && html`<span dir="auto">${hit.brand}</span> · `}${t("card.match", { share: percent(hit.score) })}</p>
      ${hit.price != null && html`<p class="price">${money(hit.price, hit.currency)}${hit.list_price > hit.price && html` <s class="was"><span class="hidden">${t("card.before")} </span>${money(hit.list_price, hit.currency)}</s>`}</p>`}
      ${hit.availability !== "in_stock" && html`<p class="stock">${availability(hit.availability)}</p>`}
      ${sizes.length > 0 && html`<p class="sizes" title=${sizes.join(", ")}>${t("card.sizes", { sizes: sizes.join(", ") })}</p>`}
      <${Why} hit=${hit} />
      <div class="actions">
        ${safe && html`<a href=${hit.link} target="_blank" rel="noopener noreferrer" aria-label=${t("card.shopLabel", { title: hit.title })}>${t("card.shop")}</a>`}
        <span>
          <${Act} name="similar" label=${t("card.similar", { title: hit.title })} act=${() => askSimilar(hit)} />
          <${Act} name="look" label=${t("card.look", { title: hit.title })} act=${() => askLook(hit)} />
          <${Act} name="pin" label=${t("card.pin", { title: hit.title })} pressed=${pinned} act=${() => pin(hit, garment)} />
        </span>
      </div>
    </div>
  </li>`;
}

function pin(hit, garment) {
  togglePin(hit, nameOf(garment));
  say(t("pins.count", { n: count(state.pins.length) }, state.pins.length));
}

function Act({ name, label, act, pressed }) {
  return html`<button type="button" class="bare act" aria-label=${label} title=${label} aria-pressed=${pressed} onClick=${act}><${Icon} name=${name} /></button>`;
}

// A stored picture, which comes when it is nearly in sight.
export function Picture({ path, alt = "" }) {
  const [copy, setCopy] = useState({});
  const [lost, setLost] = useState("");
  const ref = useRef();
  const open = !path || isOpen(path);
  useLayoutEffect(() => {
    if (open) return undefined;
    let here = true;
    const watch = new IntersectionObserver(async (seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watch.disconnect();
      const url = await pictureOf(path);
      if (here) setCopy({ path, url });
    }, { rootMargin: "300px" });
    watch.observe(ref.current);
    return () => { here = false; watch.disconnect(); };
  }, [path]);
  const src = open ? path : copy.path === path && copy.url;
  return html`<span class="picture" ref=${ref}>${src && src !== lost ? html`<img src=${src} alt=${alt} loading="lazy" decoding="async" onError=${() => setLost(src)} />` : html`<${Icon} name="photo" />`}</span>`;
}

// Why it came: one line, the parts on demand.
function Why({ hit }) {
  const [open, setOpen] = useState(false);
  const parts = Object.entries(hit.signals ?? {}).filter(([, value]) => value != null);
  const short = shortReason(hit.why);
  if (!short && !parts.length) return null;
  return html`<p class="why"><span>${short}</span>
    <button type="button" class="bare text" aria-expanded=${open} aria-label=${t("card.whyLabel", { title: hit.title })} onClick=${() => setOpen(!open)}>${t("card.why")}</button></p>
    ${open && html`<div class="parts">
      <dl>${parts.map(([name, value]) => html`<dt>${signalName(name)}</dt><dd><meter min="0" max="1" value=${value} aria-label=${signalName(name)}></meter> ${percent(value)}</dd>`)}</dl>
      <ul>${hit.why.map((line) => html`<li>${line}</li>`)}${hit.confidence != null && html`<li>${t("card.sure", { n: ofTen(hit.confidence) })}</li>`}</ul></div>`}`;
}

// What moved the score most, and what it has to do with the words, without figures: "Alike in colour · fits the words".
function shortReason(why = []) {
  const chosen = [...new Set([why[0], why.find((line) => /\bwords\b/.test(line)) ?? why[1]])].filter(Boolean);
  const plain = chosen.map((line) => line.replace(/\s*\(\d[\d.]*\)/, "").replace(/\.$/, ""));
  return plain.map((line, n) => (n ? line[0].toLowerCase() + line.slice(1) : line)).join(" · ");
}

// ---- what can be done with one garment

function GarmentMenu({ garment }) {
  const own = entries().find((one) => one.key === garment.key);
  const [renaming, setRenaming] = useState(false);
  const kinds = [...new Set([...KINDS, ...(state.seen ?? state.answer.garments).map((one) => one.supercategory)])].filter(Boolean);
  const rename = (event) => {
    event.preventDefault();
    changeGarment(garment.key, { name: event.target.elements.name.value.trim() }, { quietly: true });
    setRenaming(false);
  };
  return html`<div class="garment-menu" role="group" aria-label=${t("garment.menu", { name: nameOf(garment) })}>
    ${renaming
      ? html`<form onSubmit=${rename}><${NameField} name=${own?.name || nameOf(garment)} /><button class="quiet">${t("garment.keepName")}</button></form>`
      : html`<button type="button" class="quiet" onClick=${() => setRenaming(true)}>${t("garment.rename")}</button>`}
    ${!state.query.more.length && html`<label class="sort">${t("garment.kind")}
      <select value=${garment.supercategory} onChange=${(e) => changeGarment(garment.key, { kind: e.target.value, box: own?.box ?? garment.box, index: undefined })}>
        ${kinds.map((kind) => html`<option value=${kind} selected=${kind === garment.supercategory}>${kindName(kind)}</option>`)}</select></label>
    <button type="button" class="quiet" onClick=${() => editBox(garment)}>${t("garment.box")}</button>`}
    <button type="button" class="quiet" onClick=${() => dropGarment(garment.key)}>${t("garment.drop")}</button>
  </div>`;
}

function NameField({ name }) {
  const ref = useRef();
  useLayoutEffect(() => ref.current.focus(), []);
  return html`<input name="name" class="small" maxlength="60" dir="auto" aria-label=${t("garment.name")} value=${name} ref=${ref} />`;
}

// ---- states that are not the full one

function Skeleton() {
  return html`<ol class="cards" aria-hidden="true">${Array.from({ length: 10 }, (_, n) => html`<li key=${n} class="card skeleton"><span class="picture"></span><div><h3></h3><p></p></div></li>`)}</ol>`;
}

function Failure({ failed }) {
  const again = failed.kind === "unreachable" || failed.kind === "problem";
  return html`<div class="failure">
    <p dir="auto">${failed.words}</p>
    ${failed.kind === "garment" && html`<p>${t("failure.garment")}</p>`}
    <p class="row">${failed.kind === "garment" && state.photoSize && html`<button type="button" onClick=${() => editBox(null)}>${t("failure.mark")}</button>`}${again && html`<button type="button" onClick=${search}>${t("failure.again")}</button>`}
      ${state.query.garments && html` <button type="button" class="quiet" onClick=${everyGarment}>${t("garment.everyOne")}</button>`}</p>
  </div>`;
}

function Nothing() {
  const { query } = state;
  const narrowed = query.buyable || Object.keys(query.filters).length || query.unwanted;
  const wide = () => ask({ filters: {}, buyable: false, unwanted: "" });
  return html`<div class="failure"><p>${t(narrowed ? "nothing.narrowed" : "nothing.here")}</p>
    ${narrowed && html`<button type="button" onClick=${wide}>${t("nothing.widen")}</button>`}</div>`;
}
