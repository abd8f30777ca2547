// What is searched: a plain value, its form in the address, and the requests that it means.

export const SIGNALS = ["visual", "semantic", "text", "color"];
export const PER_PAGE = 24;
export const MOST_PHOTOS = 5; // as the server has it

// What counts how much where nobody says otherwise, as the server has it (engine/fusion.py).
const PHOTO = { visual: 1, semantic: 0.5, text: 2, color: 2 };
const BOTH = { visual: 1, semantic: 1, text: 2, color: 1.5 };

export const BLANK = Object.freeze({
  photo: "", // the id of a photo of this visit
  more: [], // ids of further photos of the same look
  stored: "", // the path of a stored picture
  address: "", // where on the web the photo lies
  product: "", // more like this product
  look: "", // what this product is worn with
  words: "",
  unwanted: "",
  filters: {},
  buyable: false,
  sort: "relevance",
  diversity: 0,
  brands: false, // variety of brands, not of looks
  reads: 0, // -4 looks like it … 4 reads like it
  colour: 0, // -4 any colour … 4 the colour above all
  garments: null, // as they were seen; else [{key, index | box | point, kind, name, words, unwanted, filters}]
  tab: "all",
});

const SHORT = { photo: "photo", stored: "picture", address: "url", product: "like", look: "look", words: "words", unwanted: "not", sort: "sort", tab: "tab" };

// The query as the address has it, behind the #.
export function toAddress(query) {
  const said = new URLSearchParams();
  for (const [name, short] of Object.entries(SHORT)) if (query[name] !== BLANK[name]) said.set(short, query[name]);
  for (const name of ["reads", "colour", "diversity"]) if (query[name]) said.set(name, query[name]);
  if (query.more.length) said.set("more", query.more.join(" "));
  for (const name of ["buyable", "brands"]) if (query[name]) said.set(name, "1");
  if (Object.keys(query.filters).length) said.set("filters", JSON.stringify(query.filters));
  if (query.garments) said.set("garments", JSON.stringify(query.garments));
  return said.toString();
}

// The query that an address brings back; what does not fit is left out, for strangers write addresses.
export function fromAddress(text) {
  const said = new URLSearchParams(text);
  const query = { ...BLANK, filters: filtersOf(said.get("filters")), garments: garmentsOf(said.get("garments")) };
  for (const [name, short] of Object.entries(SHORT)) query[name] = said.get(short) ?? BLANK[name];
  for (const name of ["reads", "colour"]) query[name] = within(Number(said.get(name)), -4, 4);
  query.more = (said.get("more") ?? "").split(" ").filter(Boolean).slice(0, MOST_PHOTOS - 1);
  query.diversity = within(Number(said.get("diversity")), 0, 1);
  for (const name of ["buyable", "brands"]) query[name] = said.get(name) === "1";
  if (!["relevance", "price_asc", "price_desc", "newest"].includes(query.sort)) query.sort = BLANK.sort;
  return query;
}

const within = (value, least, most) => (Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : 0);

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function filtersOf(text) {
  const found = parsed(text);
  if (!found || typeof found !== "object" || Array.isArray(found)) return {};
  const fits = ([name, value]) => (name === "price" ? typeof value === "object" : Array.isArray(value));
  return Object.fromEntries(Object.entries(found).filter(fits));
}

function garmentsOf(text) {
  const found = parsed(text);
  if (!Array.isArray(found)) return null;
  const numbers = (value, n) => Array.isArray(value) && value.length === n && value.every(Number.isFinite);
  const fits = (one) => one && (Number.isInteger(one.index) || numbers(one.box, 4) || numbers(one.point, 2));
  return found.filter(fits).map((one, n) => ({
    key: String(one.key ?? n), name: String(one.name ?? ""), kind: String(one.kind ?? ""), words: String(one.words ?? ""),
    unwanted: String(one.unwanted ?? ""), filters: filtersOf(JSON.stringify(one.filters ?? {})),
    ...(Number.isInteger(one.index) ? { index: one.index } : one.box ? { box: one.box } : { point: one.point }),
  }));
}

export const isPhoto = (query) => Boolean(query.photo || query.stored || query.address);
export const isEmpty = (query) => !isPhoto(query) && !query.product && !query.look && !query.words.trim();

const list = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

// The filters as the API takes them: a shop's own attributes have a room of their own.
export function filterDocument(filters) {
  const document = {};
  for (const [name, value] of Object.entries(filters)) {
    if (name.startsWith("attributes.")) (document.attributes ??= {})[name.slice(11)] = value;
    else document[name] = value;
  }
  return document;
}

export function weightsOf(query) {
  if (!query.reads && !query.colour) return undefined;
  const base = query.words || query.unwanted ? BOTH : PHOTO;
  const reads = 2 ** (query.reads / 2);
  const rounded = (value) => Math.round(value * 1000) / 1000;
  return {
    visual: rounded(base.visual / reads), semantic: rounded(base.semantic * reads), text: rounded(base.text * reads),
    color: query.colour === -4 ? 0 : rounded(base.color * 2 ** (query.colour / 2)),
  };
}

// The request that a query means: `{method, path, fields}`; the photo, where there is one, is sent beside as `image`.
export function requestOf(query, { cursor, k = PER_PAGE } = {}) {
  const fields = {
    text: query.words.trim() ? [query.words.trim()] : undefined,
    not_text: list(query.unwanted).length ? list(query.unwanted) : undefined,
    k,
    filters: Object.keys(query.filters).length ? filterDocument(query.filters) : undefined,
    sort: query.sort === BLANK.sort ? undefined : query.sort,
    unavailable: query.buyable ? "hidden" : undefined,
    diversity: query.diversity || undefined,
    diversity_by: query.diversity && query.brands ? "brand" : undefined,
    facets: cursor ? undefined : ["*"],
    cursor,
  };
  if (query.product) {
    const path = `/v1/products/${encodeURIComponent(query.product)}/similar`;
    return { method: "GET", path, fields: said({ ...fields, weights: weightsOf(query) }) };
  }
  if (query.look) {
    const { text, not_text, ...rest } = fields;
    return { method: "GET", path: `/v1/products/${encodeURIComponent(query.look)}/look`, fields: said(rest) };
  }
  if (!isPhoto(query)) return { method: "POST", path: "/v1/search/text", fields: said(fields) };
  const hybrid = fields.text || fields.not_text;
  const photo = {
    image_id: query.stored || undefined, image_url: query.address || undefined,
    weights: weightsOf(query), garments: query.garments?.map(entryOf),
  };
  return { method: "POST", path: hybrid ? "/v1/search/hybrid" : "/v1/search/image", fields: said({ ...fields, ...photo }) };
}

function entryOf(garment) {
  return said({
    index: garment.index, box: garment.box?.map((value) => Math.round(value)),
    point: garment.box ? undefined : garment.point?.map((value) => Math.round(value)),
    supercategory: garment.box && garment.kind ? garment.kind : undefined,
    text: garment.words.trim() ? [garment.words.trim()] : undefined,
    not_text: list(garment.unwanted).length ? list(garment.unwanted) : undefined,
    filters: Object.keys(garment.filters).length ? filterDocument(garment.filters) : undefined,
  });
}

const said = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

// Fields as a form or an address has them: texts repeated, structures as JSON.
const REPEATED = ["text", "not_text", "facets"];

export function pairsOf(fields) {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (REPEATED.includes(name)) return value.map((one) => [name, one]);
    return [[name, typeof value === "object" ? JSON.stringify(value) : String(value)]];
  });
}
