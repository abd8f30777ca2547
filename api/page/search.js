// Searching: one request at a time, the answer in the state, more of a garment, the rest of a look.
import { kept, say, state, update } from "./ui.js";
import { call, Problem } from "./http.js";
import { linkCopy, photoFromLink, photoOf, refusalOf, takeOn } from "./photos.js";
import { BLANK, filterDocument, fromAddress, isEmpty, MOST_PHOTOS, pairsOf, requestOf, toAddress } from "./query.js";
import { count, t } from "./texts.js";

export const GOOD_FROM = 0.5; // A score of 0.5 means "as likely as not".
const TRIES = 4;
let running = new AbortController();

Object.assign(state, {
  query: BLANK, offered: null, answer: null, seen: null, like: null, busy: false, failed: null, timing: null, pins: kept.get("pins", []),
});

export const settings = { maxImageBytes: 20 * 1024 * 1024, imageUrls: false };

// ---- the query and the address

// Change the query and search. A new photo or product is a new entry of the browser's history; refining is not.
export function ask(changes, { entry = false } = {}) {
  const query = { ...state.query, ...changes };
  const target = location.pathname + "#search?" + toAddress(query);
  if (entry) history.pushState(null, "", target);
  else history.replaceState(null, "", target);
  update({ query, view: "search" });
  return isEmpty(query) && !("words" in changes) ? offerFilters({ aloud: true }) : search();
}

// What can be filtered by while nothing is searched yet, and how many products the filters leave.
export async function offerFilters({ aloud = false } = {}) {
  const { filters } = state.query;
  const asked = Object.keys(filters).length ? "?" + new URLSearchParams({ filters: JSON.stringify(filterDocument(filters)) }) : "";
  try {
    const { data } = await call("GET", "/v1/facets" + asked);
    if (state.query.filters !== filters || !isEmpty(state.query)) return;
    update({ offered: data });
    if (aloud) say(t("status.offered", { n: count(data.products) }, data.products));
  } catch (error) {
    if (aloud) fail(error); // Else the first search says what is wrong.
  }
}

// Change what is shown of the answer without asking again.
export function showTab(tab) {
  const query = { ...state.query, tab };
  history.replaceState(null, "", location.pathname + "#search?" + toAddress(query));
  update({ query });
}

// A photo, or several of one look.
export async function askPhoto(...files) {
  if (files.length > MOST_PHOTOS) return say(t("photos.most", { n: count(MOST_PHOTOS) }), true);
  for (const file of files) {
    const reason = await refusalOf(file, settings.maxImageBytes);
    if (reason) return say(reason, true);
  }
  const [photo, ...more] = await Promise.all(files.map((file) => takeOn(file)));
  return ask({ ...fresh(), photo: photo.id, more: more.map((one) => one.id) }, { entry: true });
}

// One more photo of the same look. Boxes are of one photo, and the garments of several are counted anew.
export async function addPhoto(file) {
  const { more } = state.query;
  if (more.length >= MOST_PHOTOS - 1) return say(t("photos.most", { n: count(MOST_PHOTOS) }), true);
  const reason = await refusalOf(file, settings.maxImageBytes);
  if (reason) return say(reason, true);
  const photo = await takeOn(file);
  return ask({ more: [...more, photo.id], garments: null, tab: "all" }, { entry: true });
}

export function dropPhoto(id) {
  const more = state.query.more.filter((one) => one !== id);
  return ask({ more, garments: null, tab: "all" }, { entry: true });
}

// What stays when another photo comes: what holds for every search, not what was said of one garment.
export function fresh() {
  const { words, unwanted, filters, buyable, sort, reads, colour, diversity, brands } = state.query;
  return { ...BLANK, words, unwanted, filters, buyable, sort, reads, colour, diversity, brands };
}

export function putAway() {
  running.abort();
  update({ answer: null, seen: null, failed: null, timing: null, busy: false });
  history.pushState(null, "", location.pathname + "#search");
  update({ query: BLANK, say: { words: t("status.putAway"), problem: false } });
  return offerFilters();
}

export function askSimilar(hit) {
  update({ like: hit });
  return ask({ ...fresh(), words: "", unwanted: "", product: hit.product_id }, { entry: true });
}

export function askLook(hit) {
  update({ like: hit });
  return ask({ ...fresh(), words: "", unwanted: "", look: hit.product_id }, { entry: true });
}

// Bring back what the address says.
export async function restore(text) {
  const said = new URLSearchParams(text);
  let query = fromAddress(text);
  if (said.has("img")) query = await withLinkedPhotos(query, said.getAll("img"));
  query.more = query.more.filter(photoOf);
  update({ query });
  if (query.photo && !photoOf(query.photo)) {
    running.abort();
    return update({ answer: null, seen: null, busy: false, failed: { words: t("error.photoElsewhere"), kind: "photo" } });
  }
  introduce(query.product || query.look);
  if (!isEmpty(query)) return search();
  update({ answer: null, seen: null, failed: null, busy: false });
  return offerFilters();
}

// A product that an address names: how it is called and what it looks like.
async function introduce(id) {
  if (!id || state.like?.product_id === id) return;
  const path = "/v1/products/" + encodeURIComponent(id);
  try {
    const [told, shown] = await Promise.all([call("GET", path), call("GET", path + "/pictures")]);
    const image = shown.data.pictures.find((one) => one.stored)?.stored;
    update({ like: { product_id: id, title: told.data.product.title, image } });
  } catch {
    // The search says what is wrong with it.
  }
}

async function withLinkedPhotos(query, texts) {
  try {
    const [photo, ...more] = await Promise.all(texts.slice(0, MOST_PHOTOS).map((text) => takeOn(photoFromLink(text))));
    const found = { ...query, photo: photo.id, more: more.map((one) => one.id) };
    history.replaceState(null, "", location.pathname + "#search?" + toAddress(found));
    return found;
  } catch {
    return query;
  }
}

// A link that brings the state back on another machine too; an uploaded photo travels as a small copy.
export async function sharedLink() {
  const link = location.origin + location.pathname + "#search?";
  const photos = [state.query.photo, ...state.query.more].map(photoOf).filter(Boolean);
  const copies = await Promise.all(photos.map((photo) => linkCopy(photo.file, photos.length)));
  if (!copies.length || copies.includes(null)) return link + toAddress(state.query);
  const query = await scaled(state.query, photos[0].file, copies[0]);
  return link + toAddress({ ...query, photo: "", more: [] }) + copies.map((copy) => "&img=" + copy).join("");
}

// Boxes and points are in pixels of the photo, and the copy has fewer of these.
async function scaled(query, file, copy) {
  if (!query.garments?.some((one) => one.box || one.point)) return query;
  const [whole, small] = await Promise.all([createImageBitmap(file), createImageBitmap(photoFromLink(copy))]);
  const scale = small.width / whole.width;
  const fit = (numbers) => numbers?.map((value) => Math.round(value * scale));
  const garments = query.garments.map((one) => ({ ...one, box: fit(one.box), point: fit(one.point) }));
  return { ...query, garments };
}

// ---- asking

export async function search() {
  const { query } = state;
  if (isEmpty(query)) return say(t("status.nothingAsked"), true);
  running.abort();
  const { signal } = (running = new AbortController());
  const subject = JSON.stringify([query.photo, query.more, query.stored, query.address, query.product, query.look]);
  const same = state.answer && state.subject === subject;
  update({ busy: true, failed: null, ...(same ? {} : { answer: null, seen: null }) });
  say(t(state.answer ? "status.refining" : "status.looking"));
  try {
    const { data, ms } = await sent(requestOf(query), query, signal);
    if (signal.aborted) return undefined;
    const arrived = performance.now();
    take(data, query, subject, ms);
    requestAnimationFrame(() => setTimeout(() => performance.measure("painted", { start: arrived })));
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
  return undefined;
}

function take(answer, query, subject, ms) {
  const garments = answer.garments.map((garment, n) => ({ ...garment, key: query.garments?.[n]?.key ?? "g" + n }));
  const shown = { ...answer, garments };
  const seen = query.garments ? (state.subject === subject && state.seen) || null : garments;
  const tab = query.tab === "all" || garments.some((one) => one.key === query.tab) ? query.tab : "all";
  const timing = { ...answer.timing_ms, network: Math.max(0, ms - (answer.timing_ms.total ?? 0)) };
  update({ answer: shown, seen, subject, timing, busy: false, failed: null, query: { ...query, tab } });
  say(foundText(garments.filter((one) => one.hits.length), count(Math.round(answer.timing_ms.total ?? 0))));
}

// Of several garments each says itself how many products there are for it: one product may be among those of two.
function foundText(garments, ms) {
  if (!garments.length) return t("status.nothing");
  if (garments.length > 1) return t("status.foundFor", { n: count(garments.length), ms });
  return t("status.found", { n: totalText(garments[0]), ms }, garments[0].total?.value ?? garments[0].hits.length);
}

// How many products there are for a garment, of which the first ones are here; "200+" where the rest was not counted.
export function totalText({ total, hits }) {
  if (!total) return count(hits.length);
  return count(total.value) + (total.relation === "gte" ? "+" : "");
}

function fail(error) {
  if (error instanceof Problem && error.status === 401) update({ needsKey: true });
  const final = error.status >= 400 && error.status < 500 && ![401, 408, 429].includes(error.status); // Asked again it would be refused again.
  const kind = error.code === "no-garment-found" ? "garment" : error.code === "unreachable" ? "unreachable" : final ? "refused" : "problem";
  const words = error instanceof Problem ? error.message : t("error.page", { words: String(error.message ?? error) });
  update({ busy: false, failed: { words, kind } });
  say(words, true);
}

// Send, and again where the server is busy or still loads its models and says when.
async function sent(request, query, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(request, query, signal);
    } catch (error) {
      if (signal.aborted || error.status !== 503 || tries === TRIES) throw error;
      const waitS = Math.min(Math.max(error.waitS, 1), 10);
      say(t("status.waiting", { words: error.message, s: count(waitS) }));
      await new Promise((done) => setTimeout(done, 1000 * waitS));
      if (signal.aborted) throw error;
    }
  }
}

function once({ method, path, fields }, query, signal) {
  if (method === "GET") return call(method, `${path}?${new URLSearchParams(pairsOf(fields))}`, { signal });
  const photo = photoOf(query.photo);
  if (!photo) return call(method, path, { json: fields, signal });
  const body = new FormData();
  for (const { file, name } of [photo, ...query.more.map(photoOf).filter(Boolean)]) body.append("image", file, name);
  for (const [name, value] of pairsOf(fields)) body.append(name, value);
  return call(method, path, { body, signal });
}

// The next page of one garment; an answer that comes after another search is dropped.
export async function more(garment) {
  const { query, answer } = state;
  const { signal } = running;
  update({ loadingMore: garment.key });
  try {
    const { data } = await once(requestOf(query, { cursor: garment.next_cursor }), query, signal);
    if (signal.aborted || state.answer !== answer) return;
    const next = data.garments[0] ?? { hits: [], next_cursor: null };
    const known = new Set(garment.hits.map((hit) => hit.product_id));
    const hits = [...garment.hits, ...next.hits.filter((hit) => !known.has(hit.product_id))];
    const garments = answer.garments.map((one) => (one.key === garment.key ? { ...one, hits, next_cursor: next.next_cursor } : one));
    update({ answer: { ...answer, garments }, loadingMore: "" });
    say(t("status.more", { n: count(next.hits.length) }, next.hits.length));
  } catch (error) {
    update({ loadingMore: "" });
    if (!signal.aborted) say(error.message, true);
  }
}

// ---- garments

// The garments as entries that can be changed: those of the query, or those that were seen.
export function entries() {
  if (state.query.garments) return state.query.garments;
  const seen = state.answer?.garments ?? [];
  return seen.map((one, index) => ({ key: one.key, index, kind: "", name: "", words: "", unwanted: "", filters: {} }));
}

export function changeGarment(key, changes, { quietly = false } = {}) {
  const garments = entries().map((one) => (one.key === key ? { ...one, ...changes } : one));
  return quietly ? rename(garments) : ask({ garments });
}

function rename(garments) {
  const query = { ...state.query, garments };
  history.replaceState(null, "", location.pathname + "#search?" + toAddress(query));
  update({ query });
}

export function dropGarment(key) {
  const garments = entries().filter((one) => one.key !== key);
  if (!garments.length) return say(t("garment.lastOne"), true);
  return ask({ garments, tab: "all" });
}

export function addBox(box, kind = "") {
  const key = "b" + Date.now().toString(36);
  return ask({ garments: [...entries(), { key, box, kind, name: "", words: "", unwanted: "", filters: {} }], tab: key });
}

// A garment that was left out comes back by the point that was clicked.
export function addPoint(point) {
  const key = "p" + Date.now().toString(36);
  return ask({ garments: [...entries(), { key, point, kind: "", name: "", words: "", unwanted: "", filters: {} }], tab: key });
}

export const everyGarment = () => ask({ garments: null, tab: "all" });

// ---- pins

export function togglePin(hit, garment) {
  const without = state.pins.filter((pin) => pin.product_id !== hit.product_id);
  const pins = without.length < state.pins.length ? without : [...state.pins, { ...hit, garment }];
  kept.set("pins", pins);
  update({ pins });
}

export function clearPins() {
  kept.set("pins", []);
  update({ pins: [] });
}
